//! How the guest ends.

/// How the guest ends. Its code goes to the machine's debug port, and into the guest's last line, `exit: CODE (name)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All tests passed, and there was one.
    Success,
    /// The machine was not as the tests need it.
    BadMachine,
    /// The command line asked for something that is not there.
    BadCommand,
    /// A test failed.
    Failure,
}

impl Outcome {
    /// The code: none that a machine that starts anew or breaks off ends with.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Success => 16,
            Outcome::BadMachine => 20,
            Outcome::BadCommand => 21,
            Outcome::Failure => 22,
        }
    }

    /// The exit status that QEMU makes of the code.
    pub fn status(self) -> i32 {
        i32::from(self.code()) << 1 | 1
    }

    /// How it reads in the last line.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::BadMachine => "bad machine",
            Outcome::BadCommand => "bad command",
            Outcome::Failure => "failure",
        }
    }
}
