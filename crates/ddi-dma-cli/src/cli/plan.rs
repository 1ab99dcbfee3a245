//! The arguments of `plan`.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use ddi_dma::plan::Lists;
use ddi_dma::{BindFlags, BusConfig};
use ddi_dma_sim::{DeviceOptions, OptionKey};

use super::Format;
use super::object::{Flag, PageSize, bind_flags};
use super::source::OptionalSource;
use crate::{naming, number};

/// Show the windows, lists and cookies that memory becomes, and why
///
/// The object's addresses are bus addresses: the nexus of this command adds no limits of its own. Copied bytes are
/// given a place in memory that the engine reaches and the object does not have.
///
/// Of a device's name that says more than the device (sim:isa-disk?seed=7), seed, memory, page_size, copy_buffer and
/// one_list are what the options of these names are; the other keys say nothing that a plan knows, and iommu=on and dvma
/// are refused.
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

    /// Memory that pages are scattered over, from address 0 [default: 64M]
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    memory: Option<u64>,

    /// Another seed scatters the pages otherwise; the same one gives the same plan [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = number::parse)]
    seed: Option<u64>,

    /// Most bytes that one window copies [default: 1052672]
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    copy_buffer: Option<u64>,

    /// How the object is bound
    #[arg(long, value_name = "FLAG,...", value_delimiter = ',')]
    flags: Vec<Flag>,

    /// Size of the machine's pages [default: 4k]
    #[arg(long, value_name = "SIZE")]
    page_size: Option<PageSize>,

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
  ddi-dma plan --device 'sim:isa-disk?seed=7&copy_buffer=16K' --length 64K --flags partial
      the same as --device isa-disk --seed 7 --copy-buffer 16K
  ddi-dma plan --jsonl cases.jsonl > plans.jsonl
      many cases: a line has \"attr\", \"object\" {\"offset\", \"len\", \"pfns\" of 4 KiB pages}, \"flags\"
      and perhaps \"max_copybuf\"; numbers reach 2^64 - 1, and sgllen -1 is no limit";

/// The machine that a plan is for, as far as a plan knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanMachine {
    pub(crate) memory: u64,
    pub(crate) seed: u64,
    pub(crate) page_size: u64,
    /// Most bytes that one window copies.
    pub(crate) copy_buffer: u64,
}

impl PlanArgs {
    /// What options and the device's name say of the machine, and how the object is bound.
    pub(crate) fn machine(&self) -> anyhow::Result<(PlanMachine, BindFlags)> {
        let given = DeviceOptions {
            seed: self.seed,
            page_size: self.page_size.map(PageSize::into),
            memory: self.memory,
            copy_buffer: self.copy_buffer,
            one_list: naming::one_list(&self.flags),
            ..DeviceOptions::default()
        };
        let said = match &self.source.device {
            None => given,
            Some(name) => {
                for key in [OptionKey::Iommu, OptionKey::Dvma] {
                    ensure!(
                        name.options().value(key).is_none_or(|value| value == "off"),
                        "--device {name}: {key} is not for plan, whose addresses are bus addresses: leave it out"
                    );
                }
                naming::join(name, &given)?
            }
        };
        let flags = bind_flags(&self.flags);
        let one_list = said.one_list.unwrap_or_default() == Lists::One;
        let machine = PlanMachine {
            memory: said.memory.unwrap_or(64 << 20),
            seed: said.seed.unwrap_or(1),
            page_size: said.page_size.unwrap_or(ddi_dma_sim::PageSize::Kib4).bytes(),
            copy_buffer: said.copy_buffer.unwrap_or(BusConfig::default().copy_buffer_limit),
        };
        Ok((machine, if one_list { flags | BindFlags::ONE_LIST } else { flags }))
    }

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
