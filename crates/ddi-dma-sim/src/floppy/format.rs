//! FORMAT TRACK: four bytes for each sector become its address.

use super::command::Way;
use super::disk::{Recording, SIZE_CODE, SectorId};
use super::drive::Drive;
use super::execution::{BytePort, Ending, Exchange, Progress, Unit};
use super::status::st1;

/// A track that is being formatted, from one index hole to the next.
#[derive(Debug)]
pub(super) struct Format {
    unit: Unit,
    recording: Recording,
    /// The size code that the gaps are laid out for.
    size: u8,
    sectors: u8,
    fill: u8,
    ids: Vec<SectorId>,
    address: Vec<u8>,
}

impl Format {
    /// Takes the command's bytes behind the first: unit, size, sectors, gap, filler.
    pub(super) fn new(recording: Recording, parameters: &[u8]) -> Self {
        let byte = |index: usize| parameters.get(index).copied().unwrap_or_default();
        Format {
            unit: Unit::of_byte(byte(0)),
            recording,
            size: byte(1),
            sectors: byte(2),
            fill: byte(4),
            ids: Vec::new(),
            address: Vec::new(),
        }
    }

    /// Takes addresses until there are enough, the track is full, or terminal count comes.
    pub(super) fn advance(&mut self, drive: &mut Drive, port: &mut dyn BytePort) -> Progress {
        if drive.protected() {
            return Progress::Ended(Ending::abnormal(self.unit, self.last(), st1::NOT_WRITABLE));
        }
        let room = drive.disk().map_or(0, |disk| disk.geometry().sectors);
        while self.ids.len() < usize::from(self.sectors.min(room)) {
            let mut byte = 0;
            let exchange = port.exchange(Way::ToDisk, &mut byte);
            match exchange {
                Exchange::Nothing => return Progress::Waits,
                Exchange::Lost => {
                    self.abandon(drive);
                    return Progress::Ended(Ending::abnormal(self.unit, self.last(), st1::OVERRUN));
                }
                Exchange::Byte | Exchange::LastByte => self.take(byte),
            }
            if exchange == Exchange::LastByte {
                break;
            }
        }
        self.lay(drive);
        Progress::Ended(Ending::normal(self.unit, self.last()))
    }

    /// Ends in the middle, if it has begun: it begins once it has been given a byte.
    pub(super) fn abandon(&self, drive: &mut Drive) {
        if !self.ids.is_empty() || !self.address.is_empty() {
            self.lay(drive);
        }
    }

    /// Writes the track as far as its addresses are known; what was on it before is gone.
    fn lay(&self, drive: &mut Drive) {
        let place = drive.place(self.unit.head);
        // With gaps for another size the sectors run into each other.
        let ids = if self.size == SIZE_CODE { &self.ids[..] } else { &[] };
        if let Some(disk) = drive.writable_disk() {
            disk.format(place, self.recording, ids, self.fill);
        }
    }

    /// Which way the next byte goes.
    pub(super) fn wants(&self) -> Option<Way> {
        Some(Way::ToDisk)
    }

    fn take(&mut self, byte: u8) {
        self.address.push(byte);
        if let [cylinder, head, sector, size] = self.address[..] {
            self.ids.push(SectorId { cylinder, head, sector, size });
            self.address.clear();
        }
    }

    /// The result's four bytes, which the data sheet gives no meaning.
    fn last(&self) -> SectorId {
        self.ids.last().copied().unwrap_or_default()
    }
}
