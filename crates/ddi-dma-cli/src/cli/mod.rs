//! The command line.

mod check;
mod machine;
mod object;
mod plan;
mod real;
mod source;
mod transfer;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use check::CheckArgs;
pub(crate) use machine::{DevicesArgs, DoctorArgs};
pub(crate) use object::{Flag, bind_flags};
pub(crate) use plan::{LayoutChoice, PlanArgs, PlanMachine};
pub(crate) use real::NexusChoice;
pub(crate) use transfer::{BufferLayout, TransferArgs, WaitWay};

/// DMA as the Solaris DDI means it: what becomes of memory that an engine is given, and why.
///
/// A device's limits are twelve numbers (ddi_dma_attr(9S)). From these, and from where memory lies, follow windows,
/// scatter/gather lists and cookies, and what must be copied because the engine does not reach it.
#[derive(Debug, Parser)]
#[command(name = "ddi-dma", version, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 where all is well, 1 where it is not (the output says what), 2 for a command line \
that makes no sense."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Transfer(TransferArgs),
    Plan(PlanArgs),
    Check(CheckArgs),
    Devices(DevicesArgs),
    Doctor(DoctorArgs),
}

/// Reads the command line; ends the program where it makes no sense, or asks for help.
pub(crate) fn parse() -> Command {
    let matches = Cli::command().get_matches();
    let parsed = Cli::from_arg_matches(&matches).and_then(|cli| {
        let of_transfer = matches.subcommand_matches("transfer");
        if let (Command::Transfer(args), Some(matches)) = (&cli.command, of_transfer) {
            real::check(args, matches)?;
        }
        Ok(cli.command)
    });
    parsed.unwrap_or_else(|error| error.exit())
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        super::Cli::command().debug_assert();
    }
}
