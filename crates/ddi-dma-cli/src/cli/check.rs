//! The arguments of `check`.

use clap::Args;

use super::Format;
use super::source::Source;

/// Tell what is wrong or dubious in an attribute structure, member by member
///
/// Wrong is what no engine can have, and what a bind would answer with BADATTR. Dubious is what an engine may have
/// and what is more often a slip: an exclusive addr_hi, a count that is not minus one, a granule that no list holds.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Print a JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  ddi-dma check --attr mydisk.toml
  ddi-dma check --attr mydisk.toml --json | jq '.members[] | select(.verdict != \"ok\")'

An attribute file is TOML; a member that is not given sets no limit. The names of C work too (dma_attr_addr_hi).
  addr_hi = 0x00FF_FFFF            # inclusive
  count_max = 0xFFFF               # the largest count, minus one
  maxxfer = \"0xffffffffffffffff\"   # numbers above 2^63 - 1 are strings
  seg = 0xFFFF                     # the boundary, minus one
  sgllen = 17                      # -1: no limit
  granular = 512
  flags = [\"FORCE_PHYSICAL\"]       # or a number

Exit status: 1 where a member is wrong, 0 where some are dubious at most.";

impl CheckArgs {
    /// How the findings are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}
