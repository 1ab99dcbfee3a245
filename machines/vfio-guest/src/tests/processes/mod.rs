//! Drivers in several processes, and what is left of one that is killed.

mod busy;
mod killed;
mod together;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::failure::Failure;
use crate::runner::{Role, Test};

pub const TESTS: &[Test] = &[
    Test::new("processes-killed-with-a-dma-in-flight", killed::dma_in_flight),
    Test::new("processes-killed-device-told-again", killed::told_again),
    Test::new("processes-killed-amid-commands", busy::amid_commands),
    Test::new("processes-device-in-use", together::in_use),
    Test::new("processes-side-by-side", together::side_by_side),
];

pub const ROLES: &[Role] = &[killed::DRIVER, busy::READER, together::HOLDER];

/// Longer than a DMA of the educational device takes.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// A second process that has said something.
struct Other {
    process: Child,
    /// Its first line.
    said: String,
}

impl Other {
    /// Starts it, and waits for its first line.
    fn start(role: Role, words: &[&str]) -> Result<Self, Failure> {
        let mut process = role.command().args(words).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or_else(|| Failure::new("a process without output"))?;
        let mut said = String::new();
        BufReader::new(output).read_line(&mut said)?;
        ensure!(said.ends_with('\n'), "{} broke off: {:?}", role.name, process.wait()?);
        Ok(Other { process, said: said.trim().to_owned() })
    }

    /// Kills it. What it had open is closed when this returns.
    fn kill(mut self) -> Result<(), Failure> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}
