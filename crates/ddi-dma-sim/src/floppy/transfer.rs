//! READ DATA and WRITE DATA, and the same for deleted data: sector by sector until terminal count or the end of the
//! track.

use std::ops::ControlFlow;

use super::command::{OtherMark, Sides, TransferKind, Way};
use super::disk::{Check, NotFound, Place, Recording, SECTOR_BYTES, SectorId};
use super::drive::Drive;
use super::execution::{BytePort, Ending, Exchange, Progress, Unit};
use super::seeks::Stepping;
use super::status::{st0, st1, st2};

/// A transfer of sectors.
#[derive(Debug)]
pub(super) struct Transfer {
    order: Order,
    /// With the head that moves bytes now: with both sides, it becomes the other one.
    unit: Unit,
    /// The sector that is moved or looked for.
    id: SectorId,
    field: Option<Field>,
    moved: u64,
    st2: u8,
    stop: Option<Stop>,
}

/// What a command wants transferred.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) kind: TransferKind,
    pub(super) recording: Recording,
    pub(super) unit: Unit,
    /// The first sector.
    pub(super) id: SectorId,
    /// The last sector of a track.
    pub(super) end_of_track: u8,
    /// Whether the head was moved there first.
    pub(super) seek: Stepping,
    /// Terminal count comes with this byte, whoever else counts.
    pub(super) cut: Option<u64>,
}

/// The data of the sector under the head.
#[derive(Debug)]
struct Field {
    place: Place,
    bytes: Box<[u8; SECTOR_BYTES]>,
    at: usize,
    check: Check,
}

/// What makes the sector under the head the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    TerminalCount,
    OtherMark,
}

/// How much of a sector's data moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    All,
    Some,
    Lost,
}

/// What the head found.
enum Found {
    Field(Field),
    Skipped,
}

impl Transfer {
    pub(super) fn new(order: Order) -> Self {
        let (unit, id) = (order.unit, order.id);
        Transfer { order, unit, id, field: None, moved: 0, st2: 0, stop: None }
    }

    /// Moves sectors until it has to wait, or ends.
    pub(super) fn advance(&mut self, drive: &mut Drive, port: &mut dyn BytePort) -> Progress {
        loop {
            if let ControlFlow::Break(progress) = self.pass_sector(drive, port) {
                return progress;
            }
        }
    }

    /// Leaves the sector that it was writing without check bytes.
    pub(super) fn abandon(&mut self, drive: &mut Drive) {
        let field = self.field.take().filter(|field| self.order.kind.way == Way::ToDisk && field.at > 0);
        if let (Some(field), Some(disk)) = (field, drive.writable_disk()) {
            disk.break_sector(field.place, self.id, self.order.kind.mark, &field.bytes[..field.at]);
        }
    }

    /// The sector under the head is taken away: no check bytes follow.
    pub(super) fn lose_disk(&mut self, drive: &mut Drive) {
        match (self.order.kind.way, &mut self.field) {
            (Way::ToDisk, _) => self.abandon(drive),
            (Way::FromDisk, Some(field)) => field.check = Check::Bad,
            (Way::FromDisk, None) => {}
        }
    }

    /// Which way its next byte goes, where a sector is under the head.
    pub(super) fn wants(&self) -> Option<Way> {
        self.field.as_ref().map(|_| self.order.kind.way)
    }

    fn pass_sector(&mut self, drive: &mut Drive, port: &mut dyn BytePort) -> ControlFlow<Progress> {
        let mut field = match self.field.take() {
            Some(field) => field,
            None => match self.locate(drive)? {
                Found::Field(field) => field,
                Found::Skipped => return self.next(),
            },
        };
        match self.move_bytes(&mut field, port) {
            Moved::Some => {
                self.field = Some(field);
                ControlFlow::Break(Progress::Waits)
            }
            Moved::Lost => {
                self.field = Some(field);
                self.abandon(drive);
                self.abnormal(st1::OVERRUN)
            }
            Moved::All => {
                self.settle(field, drive)?;
                self.next()
            }
        }
    }

    /// Waits for the sector to come by.
    fn locate(&mut self, drive: &mut Drive) -> ControlFlow<Progress, Found> {
        let Order { kind, recording, .. } = self.order;
        if kind.way == Way::ToDisk && drive.protected() {
            return self.abnormal(st1::NOT_WRITABLE);
        }
        let place = drive.place(self.unit.head);
        let Some(disk) = drive.disk_mut() else { return ControlFlow::Break(Progress::Waits) };
        let sector = match disk.find(place, recording, self.id) {
            Ok(sector) => sector,
            Err(NotFound { st1, st2 }) => {
                self.st2 |= st2;
                return self.abnormal(st1);
            }
        };
        let mut field = Field { place, bytes: Box::new([0; SECTOR_BYTES]), at: 0, check: Check::Good };
        if kind.way == Way::FromDisk {
            if sector.mark != kind.mark {
                self.st2 |= st2::CONTROL_MARK;
                match kind.other_mark {
                    OtherMark::Skipped => return ControlFlow::Continue(Found::Skipped),
                    OtherMark::Last => self.stop = Some(Stop::OtherMark),
                }
            }
            field.check = disk.read_sector(place, self.id, &mut field.bytes);
        }
        ControlFlow::Continue(Found::Field(field))
    }

    /// Moves what is left of the sector's data, or up to terminal count.
    fn move_bytes(&mut self, field: &mut Field, port: &mut dyn BytePort) -> Moved {
        while let Some(byte) = field.bytes.get_mut(field.at) {
            let exchange = port.exchange(self.order.kind.way, byte);
            match exchange {
                Exchange::Nothing => return Moved::Some,
                Exchange::Lost => return Moved::Lost,
                Exchange::Byte | Exchange::LastByte => {}
            }
            field.at += 1;
            self.moved += 1;
            if exchange == Exchange::LastByte || self.order.cut == Some(self.moved) {
                // A sector with the other mark stays the last one, and its number is told as for any such.
                self.stop = self.stop.or(Some(Stop::TerminalCount));
                break;
            }
        }
        Moved::All
    }

    /// Has the rest of the sector pass: its check bytes are read, or what is missing is written as zeros.
    fn settle(&mut self, mut field: Field, drive: &mut Drive) -> ControlFlow<Progress> {
        let Order { kind, .. } = self.order;
        match (kind.way, field.check) {
            (Way::FromDisk, Check::Good) => {}
            (Way::FromDisk, Check::Bad) => {
                self.st2 |= st2::IN_DATA;
                return self.abnormal(st1::DATA_ERROR);
            }
            (Way::ToDisk, _) => {
                field.bytes[field.at..].fill(0);
                if let Some(disk) = drive.writable_disk() {
                    disk.write_sector(field.place, self.id, kind.mark, &field.bytes);
                }
            }
        }
        match self.stop {
            None => ControlFlow::Continue(()),
            Some(Stop::TerminalCount) => self.end(0, 0, self.following()),
            Some(Stop::OtherMark) => self.end(0, 0, self.id),
        }
    }

    /// Goes on to the next sector.
    fn next(&mut self) -> ControlFlow<Progress> {
        if self.id.sector != self.order.end_of_track {
            self.id.sector = self.id.sector.wrapping_add(1);
            return ControlFlow::Continue(());
        }
        if self.order.kind.sides == Sides::Both && self.unit.head == 0 {
            self.id = SectorId { head: self.id.head ^ 1, sector: 1, ..self.id };
            self.unit.head = 1;
            return ControlFlow::Continue(());
        }
        // Nobody said that this was enough. The number stays that of the last sector, so that drivers can count.
        self.abnormal(st1::END_OF_TRACK)
    }

    /// The sector behind the one that terminal count came in, as the data sheet's table has it.
    fn following(&self) -> SectorId {
        let SectorId { cylinder, head, sector, .. } = self.id;
        if sector != self.order.end_of_track {
            return SectorId { sector: sector.wrapping_add(1), ..self.id };
        }
        let (cylinder, head) = match (self.order.kind.sides, self.unit.head) {
            (Sides::One, _) => (cylinder.wrapping_add(1), head),
            (Sides::Both, 0) => (cylinder, head ^ 1),
            (Sides::Both, _) => (cylinder.wrapping_add(1), head ^ 1),
        };
        SectorId { cylinder, head, sector: 1, ..self.id }
    }

    fn abnormal<T>(&self, st1: u8) -> ControlFlow<Progress, T> {
        self.end(st0::ABNORMAL, st1, self.id)
    }

    fn end<T>(&self, code: u8, st1: u8, id: SectorId) -> ControlFlow<Progress, T> {
        let seek = match self.order.seek {
            Stepping::None => 0,
            Stepping::Done => st0::SEEK_END,
        };
        ControlFlow::Break(Progress::Ended(Ending {
            unit: self.unit,
            st0: code | seek,
            st1,
            st2: self.st2,
            id,
        }))
    }
}
