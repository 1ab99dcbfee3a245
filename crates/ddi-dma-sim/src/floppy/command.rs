//! Commands: what the first byte says, and how many bytes follow.

use super::disk::{Encoding, Mark};

const MULTI_TRACK: u8 = 0x80;
const MFM: u8 = 0x40;
const SKIP: u8 = 0x20;

/// A command, as its first byte says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Specify,
    SenseDrive,
    Recalibrate,
    SenseInterrupt,
    DumpRegisters,
    Seek,
    Version,
    Perpendicular,
    Configure,
    Lock(Lock),
    ReadId(Encoding),
    Format(Encoding),
    Transfer(TransferKind),
}

/// What tells the transfers of sectors apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TransferKind {
    pub(super) way: Way,
    pub(super) mark: Mark,
    pub(super) encoding: Encoding,
    pub(super) sides: Sides,
    pub(super) other_mark: OtherMark,
}

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    FromDisk,
    ToDisk,
}

/// Whether a transfer goes on to the other side of the cylinder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    One,
    Both,
}

/// What becomes of a sector with the other data mark than the command's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherMark {
    /// It is the last one to be transferred.
    Last,
    /// It is passed over.
    Skipped,
}

/// Whether a reset leaves what CONFIGURE has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Off,
    On,
}

impl Command {
    /// The command of a first byte. A flag that the command does not have makes it invalid.
    pub(super) fn decode(byte: u8) -> Option<Command> {
        let flags = byte & (MULTI_TRACK | MFM | SKIP);
        let encoding = if byte & MFM != 0 { Encoding::Mfm } else { Encoding::Fm };
        let transfer = |way, mark| {
            let sides = if byte & MULTI_TRACK != 0 { Sides::Both } else { Sides::One };
            let other_mark = if byte & SKIP != 0 { OtherMark::Skipped } else { OtherMark::Last };
            Command::Transfer(TransferKind { way, mark, encoding, sides, other_mark })
        };
        let (allowed, command) = match byte & 0x1F {
            0x03 => (0, Command::Specify),
            0x04 => (0, Command::SenseDrive),
            0x05 => (MULTI_TRACK | MFM, transfer(Way::ToDisk, Mark::Data)),
            0x06 => (MULTI_TRACK | MFM | SKIP, transfer(Way::FromDisk, Mark::Data)),
            0x07 => (0, Command::Recalibrate),
            0x08 => (0, Command::SenseInterrupt),
            0x09 => (MULTI_TRACK | MFM, transfer(Way::ToDisk, Mark::Deleted)),
            0x0A => (MFM, Command::ReadId(encoding)),
            0x0C => (MULTI_TRACK | MFM | SKIP, transfer(Way::FromDisk, Mark::Deleted)),
            0x0D => (MFM, Command::Format(encoding)),
            0x0E => (0, Command::DumpRegisters),
            0x0F => (0, Command::Seek),
            0x10 => (0, Command::Version),
            0x12 => (0, Command::Perpendicular),
            0x13 => (0, Command::Configure),
            0x14 if byte & 0x80 != 0 => (0x80, Command::Lock(Lock::On)),
            0x14 => (0, Command::Lock(Lock::Off)),
            _ => return None,
        };
        (flags & !allowed == 0).then_some(command)
    }

    /// Bytes that follow the first.
    pub(super) fn parameters(self) -> usize {
        match self {
            Command::SenseInterrupt | Command::DumpRegisters | Command::Version | Command::Lock(_) => 0,
            Command::SenseDrive | Command::Recalibrate | Command::Perpendicular | Command::ReadId(_) => 1,
            Command::Specify | Command::Seek => 2,
            Command::Configure => 3,
            Command::Format(_) => 5,
            Command::Transfer(_) => 8,
        }
    }
}
