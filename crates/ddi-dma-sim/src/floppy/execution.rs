//! The execution phase of the commands that need a turning disk, and what it ends with.

use super::command::Way;
use super::disk::{NotFound, Recording, SectorId};
use super::drive::Drive;
use super::format::Format;
use super::status::st0;
use super::transfer::Transfer;

/// A command in its execution phase.
#[derive(Debug)]
pub(super) enum Execution {
    Transfer(Transfer),
    Format(Format),
    ReadId(ReadId),
}

/// The drive and the head of a command, as its second byte says them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub(super) drive: u8,
    pub(super) head: u8,
}

/// How far an execution has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// It needs a byte, or a disk that turns.
    Waits,
    Ended(Ending),
}

/// What a result phase of seven bytes tells.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) unit: Unit,
    pub(super) st0: u8,
    pub(super) st1: u8,
    pub(super) st2: u8,
    pub(super) id: SectorId,
}

/// Where bytes come from and go to: DMA, or the processor.
pub(super) trait BytePort {
    /// Moves a byte.
    fn exchange(&mut self, way: Way, byte: &mut u8) -> Exchange;
}

/// What came of moving a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    /// It did not move, and can wait.
    Nothing,
    /// It moved.
    Byte,
    /// It moved, and terminal count came with it.
    LastByte,
    /// It did not move in time.
    Lost,
}

/// Searches for any address.
#[derive(Debug)]
pub(super) struct ReadId {
    pub(super) unit: Unit,
    pub(super) recording: Recording,
}

impl Unit {
    pub(super) fn of_byte(byte: u8) -> Self {
        Unit { drive: byte & 3, head: byte >> 2 & 1 }
    }

    /// As status registers 0 and 3 have it.
    pub(super) fn bits(self) -> u8 {
        self.head << 2 | self.drive
    }
}

impl Ending {
    pub(super) fn normal(unit: Unit, id: SectorId) -> Self {
        Ending { unit, st0: 0, st1: 0, st2: 0, id }
    }

    pub(super) fn abnormal(unit: Unit, id: SectorId, st1: u8) -> Self {
        Ending { unit, st0: st0::ABNORMAL, st1, st2: 0, id }
    }

    pub(super) fn not_found(unit: Unit, id: SectorId, NotFound { st1, st2 }: NotFound) -> Self {
        Ending { st2, ..Ending::abnormal(unit, id, st1) }
    }

    /// The seven bytes.
    pub(super) fn bytes(&self) -> [u8; 7] {
        let SectorId { cylinder, head, sector, size } = self.id;
        [self.st0 | self.unit.bits(), self.st1, self.st2, cylinder, head, sector, size]
    }
}

impl Execution {
    /// Goes on as far as it can. Without a disk that turns below the head no command comes to an end: the controller
    /// counts its time in turns.
    pub(super) fn advance(&mut self, drive: Option<&mut Drive>, port: &mut dyn BytePort) -> Progress {
        let Some(drive) = drive.filter(|drive| drive.disk().is_some()) else { return Progress::Waits };
        match self {
            Execution::Transfer(transfer) => transfer.advance(drive, port),
            Execution::Format(format) => format.advance(drive, port),
            Execution::ReadId(read) => read.advance(drive),
        }
    }

    /// Ends in the middle, as a reset has it.
    pub(super) fn abandon(&mut self, drive: &mut Drive) {
        match self {
            Execution::Transfer(transfer) => transfer.abandon(drive),
            Execution::Format(format) => format.abandon(drive),
            Execution::ReadId(_) => {}
        }
    }

    /// The disk is about to leave the drive, wherever the command is.
    pub(super) fn lose_disk(&mut self, drive: &mut Drive) {
        match self {
            Execution::Transfer(transfer) => transfer.lose_disk(drive),
            Execution::Format(format) => format.abandon(drive),
            Execution::ReadId(_) => {}
        }
    }

    /// Which way its next byte goes, where it is ready for one.
    pub(super) fn wants(&self) -> Option<Way> {
        match self {
            Execution::Transfer(transfer) => transfer.wants(),
            Execution::Format(format) => format.wants(),
            Execution::ReadId(_) => None,
        }
    }
}

impl ReadId {
    fn advance(&self, drive: &mut Drive) -> Progress {
        let (place, turned) = (drive.place(self.unit.head), drive.turn());
        let Some(disk) = drive.disk() else { return Progress::Waits };
        Progress::Ended(match disk.passing(place, self.recording, turned) {
            Ok(id) => Ending::normal(self.unit, id),
            // The data sheet leaves open what the four bytes hold then.
            Err(not_found) => Ending::not_found(self.unit, SectorId::default(), not_found),
        })
    }
}
