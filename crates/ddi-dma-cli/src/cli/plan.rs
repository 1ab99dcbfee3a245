//! The arguments of `plan`.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use super::object::{Flag, PageSize};
use super::source::OptionalSource;
use crate::number;

/// Show the windows, lists and cookies that memory becomes, and why
///
/// The object's addresses are bus addresses: the nexus of this command adds no limits of its own. Copied bytes are
/// given a place in memory that the engine reaches and the object does not have.
#[derive(Debug, Args)]
#[command(after_help = PLAN_EXAMPLES, allow_negative_numbers = true)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) source: OptionalSource,

    /// Read one case a line from FILE (- is the standard input) and print one JSON line each
    #[arg(long, value_name = "FILE", conflicts_with_all = ["device", "attr", "length", "address", "json"])]
    pub(crate) jsonl: Option<PathBuf>,

    /// Bytes of the object; all that a layout FILE has where it is not given
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    pub(crate) length: Option<u64>,

    /// Bytes to skip before the object starts: where in its first page it lies
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "0")]
    pub(crate) offset: u64,

    /// Where the pages lie: contiguous, scattered, or a FILE with a line for each extent, "ADDRESS LENGTH", or for
    /// each page, its frame number alone; # starts a comment
    #[arg(long, value_name = "LAYOUT", default_value = "scattered")]
    pub(crate) layout: LayoutChoice,

    /// Address of the first page of a contiguous layout, instead of one that the seed chooses
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse)]
    pub(crate) address: Option<u64>,

    /// Memory that pages are scattered over, from address 0
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "64M")]
    pub(crate) memory: u64,

    /// Another seed scatters the pages otherwise; the same one gives the same plan
    #[arg(long, value_name = "NUMBER", value_parser = number::parse, default_value = "1")]
    pub(crate) seed: u64,

    /// Most bytes that one window copies
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "1052672")]
    pub(crate) copy_buffer: u64,

    /// How the object is bound
    #[arg(long, value_name = "FLAG,...", value_delimiter = ',')]
    pub(crate) flags: Vec<Flag>,

    /// Size of the machine's pages
    #[arg(long, value_name = "SIZE", default_value = "4k")]
    pub(crate) page_size: PageSize,

    /// Print a JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Most lines of the table; 0 shows all
    #[arg(long, value_name = "LINES", value_parser = rows, default_value = "200")]
    pub(crate) rows: usize,
}

const PLAN_EXAMPLES: &str = "\
Examples:
  ddi-dma plan --device isa-sg-disk --length 64K --offset 0x200
      17 scattered pages for an engine that reaches 16 MiB
  ddi-dma plan --device isa-disk --length 256K --layout contiguous --address 0xFE0000 --json
      an object across the end of the engine's reach
  ddi-dma plan --attr mydisk.toml --layout extents.txt --flags partial --copy-buffer 16K
      your own engine and your own pages, sliding through a small copy buffer
  ddi-dma plan --jsonl cases.jsonl > plans.jsonl
      many cases: a line has \"attr\", \"object\" {\"offset\", \"len\", \"pfns\" of 4 KiB pages}, \"flags\"
      and perhaps \"max_copybuf\"; numbers reach 2^64 - 1, and sgllen -1 is no limit";

impl PlanArgs {
    /// How the plan is printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// How pages lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LayoutChoice {
    Contiguous,
    Scattered,
    File(PathBuf),
}

impl std::str::FromStr for LayoutChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "contiguous" => LayoutChoice::Contiguous,
            "scattered" => LayoutChoice::Scattered,
            file => LayoutChoice::File(file.into()),
        })
    }
}

fn rows(text: &str) -> Result<usize, String> {
    number::count(text, 0, u64::from(u32::MAX)).map(|rows| rows as usize)
}
