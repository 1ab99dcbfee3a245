//! The tests, and what runs them.

mod binding;
mod broken;
mod failure;
mod floppy;
mod interrupts;
mod memory;
mod ports;
mod sound;
mod system;
mod transfer;
mod variants;

pub use failure::Failure;

use core::time::Duration;

use crate::command::{BadCommand, Command};
use crate::exit::Outcome;
use crate::{println, watchdog};

/// A test: its name and what it does.
pub type Test = (&'static str, fn() -> Result<(), Failure>);

/// How long a test may take: a drive turns five times a second, and a model may be slower.
const TEST_LIMIT: Duration = Duration::from_secs(20);

/// How long what is broken on purpose may take.
const VARIANT_LIMIT: Duration = Duration::from_secs(2);

/// All tests. A test's place here is its exit code, from 32 on.
const TESTS: &[&[Test]] = &[
    memory::TESTS,
    interrupts::TESTS,
    ports::TESTS,
    binding::TESTS,
    floppy::controller::TESTS,
    floppy::read::TESTS,
    floppy::buffers::TESTS,
    floppy::write::TESTS,
    floppy::engine::TESTS,
    sound::TESTS,
];

/// All tests, counted.
const COUNT: usize = {
    let (mut count, mut file) = (0, 0);
    while file < TESTS.len() {
        count += TESTS[file].len();
        file += 1;
    }
    count
};

const _: () = assert!(COUNT <= Outcome::MOST_TESTS, "each test needs an exit code of its own");

/// Runs what the command line asks for.
pub fn run(command_line: &str) -> Outcome {
    match Command::parse(command_line) {
        Ok(Command::All) => run_where(|_| true),
        Ok(Command::Test(name)) => run_where(|test| match name.strip_suffix('*') {
            Some(start) => test.starts_with(start),
            None => test == name,
        }),
        Ok(Command::Variant(name)) => run_variant(name),
        Err(BadCommand) => {
            println!("neither nothing nor test=NAME nor variant=NAME: {command_line:?}");
            Outcome::BadCommand
        }
    }
}

/// Runs the tests whose name is wanted. The first that fails decides the outcome.
fn run_where(wanted: impl Fn(&str) -> bool) -> Outcome {
    let mut outcome = None;
    for (number, test) in TESTS.iter().copied().flatten().enumerate() {
        if wanted(test.0) {
            let this =
                if passes(test, TEST_LIMIT) { Outcome::Success } else { Outcome::Test(number, test.0) };
            outcome = match outcome {
                None | Some(Outcome::Success) => Some(this),
                failed => failed,
            };
        }
    }
    outcome.unwrap_or_else(|| {
        println!("there is no such test");
        Outcome::BadCommand
    })
}

/// Runs what is broken on purpose: how it is noticed is how the run ends.
fn run_variant(name: &str) -> Outcome {
    match variants::VARIANTS.iter().find(|variant| variant.0 == name) {
        Some(variant) if passes(variant, VARIANT_LIMIT) => Outcome::Success,
        Some(variant) => Outcome::Variant(variant.0),
        None => {
            println!("there is no such variant");
            Outcome::BadCommand
        }
    }
}

/// Runs a test and says how it went.
fn passes(&(name, test): &Test, limit: Duration) -> bool {
    watchdog::start(limit);
    let done = test();
    watchdog::stop();
    match &done {
        Ok(()) => println!("ok {name}"),
        Err(failure) => println!("FAILED {name}: {failure}"),
    }
    done.is_ok()
}
