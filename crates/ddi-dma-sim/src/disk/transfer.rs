//! One transfer: the engine walks its entries, counting addresses as its registers do.

use super::catalog::{EngineSpec, EntryKind, SECTOR};
use super::medium::Medium;
use super::registers::{Entry, ErrorCode, Registers, csr, holds_burst, low_bits};
use super::{Injection, Outcome};
use crate::isa_dma::{Cycle, DmaLine};
use crate::nexus::{BusFault, DeviceAccess, DeviceBus};

/// Bytes that the engine holds between bus and medium.
const FIFO: u64 = 64 << 10;

/// Bytes of a burst for which the engine has the bus, where it asks by a channel.
const BURST: u64 = 64;

/// What a transfer works on.
pub(super) struct Transfer<'a> {
    pub(super) engine: &'a EngineSpec,
    pub(super) bus: &'a dyn DeviceBus,
    pub(super) line: Option<&'a DmaLine>,
    pub(super) medium: &'a Medium,
    pub(super) injection: Option<Injection>,
}

/// How far a transfer came.
pub(super) enum Progress {
    /// To its end.
    Ended(Outcome),
    /// So far, where the bus was not to be had.
    NoBus {
        /// Bytes that have moved.
        moved: u64,
    },
}

/// Why a transfer ended ahead of its last byte.
enum Stop {
    Bus(BusFault),
    Medium,
    Short,
}

/// How far the walk over the entries came.
enum Walked {
    ToTheEnd,
    UntilNoBus,
}

impl Transfer<'_> {
    /// Moves what the registers say, but for the first bytes, which have moved.
    pub(super) fn run(&self, registers: &Registers, mut moved: u64) -> Progress {
        match self.go_on(registers, &mut moved) {
            Some(outcome) => Progress::Ended(outcome),
            None => Progress::NoBus { moved },
        }
    }

    /// How the transfer ended, if it did.
    fn go_on(&self, registers: &Registers, moved: &mut u64) -> Option<Outcome> {
        let filled = match self.engine.entries {
            EntryKind::Single => 1,
            EntryKind::List(_) => registers.filled as usize,
        };
        let Some(entries) = registers.entries.get(..filled).filter(|entries| !entries.is_empty()) else {
            return Some(Outcome { error: ErrorCode::BadList, residue: 0, fault: None });
        };
        let bursts = self.engine.bursts;
        if !bursts.is_empty() && !holds_burst(registers.burst, bursts & self.bus.burst_sizes()) {
            return Some(Outcome { error: ErrorCode::BadBurst, residue: 0, fault: None });
        }
        let total: u128 = entries.iter().map(|entry| u128::from(entry.size) + 1).sum();
        let start = u128::from(registers.block) * u128::from(SECTOR);
        if start + total > u128::from(self.medium.size()) {
            let residue = u64::try_from(total).unwrap_or(u64::MAX);
            return Some(Outcome { error: ErrorCode::OutOfRange, residue, fault: None });
        }
        // Both fit now, since the medium's size does.
        let (start, total) = (start as u64, total as u64);
        let access =
            if registers.csr & csr::TO_MEMORY != 0 { DeviceAccess::Write } else { DeviceAccess::Read };
        let walked = self.walk(entries, access, start, moved);
        if let Ok(Walked::UntilNoBus) = walked {
            return None;
        }
        let padded = match access {
            DeviceAccess::Read => self.pad(start + *moved),
            DeviceAccess::Write => Ok(()),
        };
        let (error, fault) = match walked.and(padded) {
            Ok(()) | Err(Stop::Short) => (ErrorCode::None, None),
            Err(Stop::Bus(fault)) => (ErrorCode::BusFault, Some(fault)),
            Err(Stop::Medium) => (ErrorCode::Medium, None),
        };
        Some(Outcome { error, residue: total - *moved, fault })
    }

    /// Moves entry by entry, and within an entry up to where the address counter starts again.
    fn walk(
        &self,
        entries: &[Entry],
        access: DeviceAccess,
        start: u64,
        moved: &mut u64,
    ) -> Result<Walked, Stop> {
        let counting = low_bits(self.engine.counting_bits);
        let count_up = |address: u64, by| (address & !counting) | (address.wrapping_add(by) & counting);
        let most = if self.line.is_some() { BURST } else { FIFO };
        let mut before = *moved;
        let mut fifo = vec![0; FIFO as usize];
        for entry in entries {
            // A size of all ones would be 2^64 bytes, which no medium holds: the caller has refused it.
            let size = entry.size.saturating_add(1);
            let done = before.min(size);
            before -= done;
            let mut address = count_up(entry.address, done);
            let mut left = size - done;
            while left > 0 {
                let before_wrap = (counting - (address & counting)).saturating_add(1);
                let (injected, allowed) = self.allowed(*moved);
                if allowed == 0 {
                    return Err(injected);
                }
                if !self.has_bus() {
                    return Ok(Walked::UntilNoBus);
                }
                let piece = left.min(before_wrap).min(most).min(allowed);
                self.piece(address, access, start + *moved, &mut fifo[..piece as usize])?;
                address = count_up(address, piece);
                left -= piece;
                *moved += piece;
            }
        }
        Ok(Walked::ToTheEnd)
    }

    /// Whether the engine gets the bus for a burst. It drives no data in a cycle that is not its own.
    fn has_bus(&self) -> bool {
        self.line.is_none_or(|line| line.request(&mut [0xFF; 2]) == Cycle::Granted)
    }

    /// How many bytes more the injected mishap lets pass, and how it then ends the transfer.
    fn allowed(&self, moved: u64) -> (Stop, u64) {
        match self.injection {
            None | Some(Injection::LostInterrupt) => (Stop::Short, u64::MAX),
            Some(Injection::ShortTransfer { after }) => (Stop::Short, after.saturating_sub(moved)),
            Some(Injection::MediumError { after }) => (Stop::Medium, after.saturating_sub(moved)),
        }
    }

    fn piece(&self, address: u64, access: DeviceAccess, at: u64, bytes: &mut [u8]) -> Result<(), Stop> {
        match access {
            DeviceAccess::Read => {
                self.bus.read(address, bytes).map_err(Stop::Bus)?;
                self.medium.write(at, bytes).map_err(|_| Stop::Medium)
            }
            DeviceAccess::Write => {
                self.medium.read(at, bytes).map_err(|_| Stop::Medium)?;
                self.bus.write(address, bytes).map_err(Stop::Bus)
            }
        }
    }

    /// Fills the last sector up with zeros.
    fn pad(&self, end: u64) -> Result<(), Stop> {
        let zeros = [0; SECTOR as usize];
        let missing = end.next_multiple_of(SECTOR) - end;
        self.medium.write(end, &zeros[..missing as usize]).map_err(|_| Stop::Medium)
    }
}
