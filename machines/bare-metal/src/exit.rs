//! The end of a run.

use core::fmt;

use crate::model::Model;
use crate::ports::Port;
use crate::{cpu, println, serial};

/// How a run ended. Each way has a code of its own.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// All tests passed.
    Success,
    /// The kernel panicked.
    Panic,
    /// The processor raised an exception.
    Exception,
    /// The heap was exhausted.
    OutOfMemory,
    /// A test did not end.
    TimeOut,
    /// The command line asks for what does not exist.
    BadCommand,
    /// What is broken on purpose was noticed, as a test that failed.
    Variant(&'static str),
    /// The test of this number failed first.
    Test(usize, &'static str),
}

impl Outcome {
    /// The first code that stands for a test.
    const FIRST_TEST: u8 = 32;
    /// The last: QEMU shifts a code left by one in the eight bits of its exit status.
    const LAST_TEST: u8 = 127;
    /// Tests that have a code of their own.
    pub const MOST_TESTS: usize = (Self::LAST_TEST - Self::FIRST_TEST) as usize + 1;

    /// The code: 16 is success, 17 to 31 are what a kernel can suffer, 32 and up are tests by their number.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Success => 16,
            Outcome::Panic => 17,
            Outcome::Exception => 18,
            Outcome::OutOfMemory => 19,
            Outcome::TimeOut => 20,
            Outcome::BadCommand => 21,
            Outcome::Variant(_) => 22,
            Outcome::Test(number, _) => Self::FIRST_TEST + number as u8,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Success => f.write_str("success"),
            Outcome::Panic => f.write_str("panic"),
            Outcome::Exception => f.write_str("exception"),
            Outcome::OutOfMemory => f.write_str("out of memory"),
            Outcome::TimeOut => f.write_str("time-out"),
            Outcome::BadCommand => f.write_str("bad command"),
            Outcome::Variant(name) => write!(f, "variant {name}"),
            Outcome::Test(_, name) => write!(f, "test {name}"),
        }
    }
}

/// Ends the run: says how on the serial port, and in the exit status of a model that has one.
pub fn exit(outcome: Outcome) -> ! {
    println!("exit: {} ({outcome})", outcome.code());
    serial::drain();
    match Model::detect() {
        Model::Qemu => {
            // SAFETY: the exit device ends the run, and where it is missing the port leads nowhere.
            unsafe { Port::new(0xf4) }.write(outcome.code());
        }
        Model::Bochs => {
            // SAFETY: the word ends the run.
            let shutdown = unsafe { Port::new(0x8900) };
            b"Shutdown".iter().for_each(|byte| shutdown.write(*byte));
        }
    }
    cpu::halt()
}
