//! The program `ddi-dma`: plans, checks and transfers of the DDI DMA model on simulated machines, and what it takes to have
//! the PCI devices of this one.

mod attr_file;
mod check;
mod cli;
mod devices;
mod jsonl;
mod layout;
mod machine;
mod naming;
mod number;
mod placing;
mod reasons;
mod shape;
mod table;
mod transfer;
mod vacancy;

use std::io::{self, Write};
use std::process::ExitCode;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well: exit status 0.
    Good,
    /// What was looked at is not well, and the output says what: exit status 1.
    Bad,
}

fn main() -> ExitCode {
    let outcome = match cli::parse() {
        cli::Command::Plan(args) => match &args.jsonl {
            Some(source) => jsonl::run(source),
            None => table::run(&args),
        },
        cli::Command::Transfer(args) => transfer::run(&args),
        cli::Command::Check(args) => check::run(&args),
        cli::Command::Devices(args) => devices::run(&args),
        cli::Command::Doctor(args) => machine::doctor::run(&args),
    };
    match outcome {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::from(1),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do where even this cannot be written.
            let _ = writeln!(io::stderr(), "ddi-dma: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Whether the reader of our output went away, as `head` does: it has what it wanted.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
