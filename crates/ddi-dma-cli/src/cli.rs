//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// DMA as the Solaris DDI means it: what an engine can do, and what becomes of memory that it is given.
#[derive(Debug, Parser)]
#[command(name = "ddi-dma", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Plan(PlanArgs),
}

/// Show the windows, lists and cookies that memory becomes, and why
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Read one case a line from FILE (- is the standard input) and print one JSON line each
    #[arg(long, value_name = "FILE")]
    pub(crate) jsonl: Option<PathBuf>,
}
