//! What can go wrong with controller and drive, and what to do about it.

use crate::geometry::Chs;
use crate::status::{Cause, St0, Status};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The controller says that a command failed.
    #[error("{cause} ({status})")]
    Reported {
        /// Why.
        cause: Cause,
        /// The registers.
        status: Status,
    },
    /// A command ended well, and terminal count had not come.
    #[error("the command ended {remaining} bytes short of terminal count")]
    Short {
        /// Bytes that the engine has not moved.
        remaining: u64,
    },
    /// A command ended well, elsewhere than behind its last sector.
    #[error("the command ended at {found}, which should have been {expected}")]
    Position {
        /// The sector behind its last one.
        expected: Chs,
        /// What the controller says.
        found: Chs,
    },
    /// The head did not arrive.
    #[error("no cylinder {cylinder}: ST0 {:#04x}, the head is at {at}", st0.bits())]
    Seek {
        /// Where it was to go.
        cylinder: u8,
        /// Where the controller believes it to be.
        at: u8,
        /// The register.
        st0: St0,
    },
    /// The controller does not say that it was reset.
    #[error("the controller says something else than that it was reset: ST0 {:#04x}", st0.bits())]
    Reset {
        /// The register.
        st0: St0,
    },
    /// The controller does not answer.
    #[error("time-out: {phase}")]
    TimedOut {
        /// What was waited for.
        phase: Phase,
    },
    /// The disk was taken out since the last transfer. Whatever is in the drive now is used from now on.
    #[error("the disk was changed")]
    DiskChanged,
    /// There is no disk in the drive.
    #[error("there is no disk in the drive")]
    NoDisk,
}

/// What the driver waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Phase {
    /// The interrupt behind a reset.
    #[error("no interrupt behind the reset")]
    Reset,
    /// The interrupt behind a seek.
    #[error("no interrupt behind the seek")]
    Seek,
    /// The controller to take a byte of a command.
    #[error("the controller takes no command")]
    Command,
    /// The interrupt behind a transfer.
    #[error("no interrupt behind the transfer")]
    Execution,
    /// The controller to give a byte of a result.
    #[error("the controller gives no result")]
    Result,
}

/// What may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Nothing that the driver could do.
    None,
    /// Finding track 0 again, and then the same once more.
    Recalibrate,
    /// Resetting the controller, and then the same once more.
    Reset,
}

impl Fault {
    /// What may help.
    pub fn remedy(&self) -> Remedy {
        match self {
            Fault::DiskChanged | Fault::NoDisk => Remedy::None,
            Fault::Reported {
                cause: Cause::WriteProtected | Cause::InvalidCommand | Cause::Deleted, ..
            } => Remedy::None,
            Fault::TimedOut { .. } | Fault::Reset { .. } => Remedy::Reset,
            Fault::Reported { .. } | Fault::Short { .. } | Fault::Position { .. } | Fault::Seek { .. } => {
                Remedy::Recalibrate
            }
        }
    }
}
