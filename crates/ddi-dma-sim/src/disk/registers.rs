//! The registers of a disk, as the drivers of the DDI's manual know them: csr, address and size, or a list of both.

use ddi_dma::BurstSizes;

use super::catalog::{EngineSpec, EntryKind};

/// The bits of the control and status register.
pub mod csr {
    /// Written: starts a transfer.
    pub const START_TRANSFER: u64 = 0x01;
    /// Written with a start: the transfer's end raises the interrupt.
    pub const ENABLE_INTERRUPTS: u64 = 0x02;
    /// Read: the interrupt is raised.
    pub const INTERRUPTING: u64 = 0x04;
    /// Written: lowers the interrupt.
    pub const CLEAR_INTERRUPT: u64 = 0x08;
    /// Written with a start: bytes go from the disk to memory. Without it they go to the disk.
    pub const TO_MEMORY: u64 = 0x10;
    /// Read: the last transfer failed; the error register says why.
    pub const ERROR: u64 = 0x20;
    /// Read: a transfer runs.
    pub const BUSY: u64 = 0x40;
    /// Written: ends a running transfer where it is and lowers the interrupt.
    pub const RESET: u64 = 0x80;
}

/// A register of a disk.
///
/// A register that a device does not have reads as all ones, and what is written to it is lost, as on a bus where
/// nobody answers. Bits beyond a register's width are lost too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Register {
    /// Control and status, 8 bits: see [`csr`].
    Csr,
    /// Why the last transfer failed, 8 bits, read only: an [`ErrorCode`].
    Error,
    /// Number of the first sector, 64 bits.
    Block,
    /// Bytes that the last transfer was asked for and did not move, 64 bits, read only.
    Residue,
    /// Bytes of a burst, 16 bits, 1 after power-up; only where the engine has a choice of bursts.
    Burst,
    /// Entries of the list that are filled, 16 bits; only with a list.
    Entries,
    /// Bus address of an entry; entry 0 of an engine without a list.
    Address(u32),
    /// Bytes of an entry, minus one.
    Size(u32),
}

/// Why a transfer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// It did not fail.
    None = 0,
    /// The count of entries is 0, or more than the list holds. Nothing was moved.
    BadList = 1,
    /// Nothing answered an address. What came before it was moved.
    BusFault = 2,
    /// The sectors are not all on the disk. Nothing was moved.
    OutOfRange = 3,
    /// The medium failed. What came before was moved.
    Medium = 4,
    /// The burst register holds a burst that the engine or the bus does not have. Nothing was moved.
    BadBurst = 5,
}

impl ErrorCode {
    /// The code that the error register shows so, if it is one.
    pub fn from_register(value: u64) -> Option<Self> {
        [Self::None, Self::BadList, Self::BusFault, Self::OutOfRange, Self::Medium, Self::BadBurst]
            .into_iter()
            .find(|code| *code as u64 == value)
    }
}

/// One pair of address and size registers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) address: u64,
    /// Bytes minus one.
    pub(super) size: u64,
}

/// What the registers hold.
#[derive(Debug, Clone)]
pub(super) struct Registers {
    /// [`csr`] bits that stay: ENABLE_INTERRUPTS, INTERRUPTING, TO_MEMORY, ERROR, BUSY.
    pub(super) csr: u64,
    pub(super) error: ErrorCode,
    pub(super) block: u64,
    pub(super) residue: u64,
    pub(super) filled: u64,
    pub(super) burst: u64,
    pub(super) entries: Vec<Entry>,
}

impl Registers {
    pub(super) fn new(engine: &EngineSpec) -> Self {
        Registers {
            csr: 0,
            error: ErrorCode::None,
            block: 0,
            residue: 0,
            filled: 0,
            burst: 1,
            entries: vec![Entry::default(); engine.entries.count() as usize],
        }
    }

    pub(super) fn get(&self, register: Register, engine: &EngineSpec) -> u64 {
        let entry = |index: u32| self.entries.get(index as usize);
        match (register, engine.entries) {
            (Register::Csr, _) => self.csr,
            (Register::Error, _) => self.error as u64,
            (Register::Block, _) => self.block,
            (Register::Residue, _) => self.residue,
            (Register::Burst, _) if engine.bursts.is_empty() => u64::MAX,
            (Register::Burst, _) => self.burst,
            (Register::Entries, EntryKind::List(_)) => self.filled,
            (Register::Entries, EntryKind::Single) => u64::MAX,
            (Register::Address(index), _) => entry(index).map_or(u64::MAX, |entry| entry.address),
            (Register::Size(index), _) => entry(index).map_or(u64::MAX, |entry| entry.size),
        }
    }

    pub(super) fn put(&mut self, register: Register, value: u64, engine: &EngineSpec) {
        match register {
            Register::Csr => self.command(value),
            Register::Error | Register::Residue => {}
            Register::Block => self.block = value,
            Register::Burst => self.burst = value & low_bits(16),
            Register::Entries => self.filled = value & low_bits(16),
            Register::Address(index) => {
                if let Some(entry) = self.entries.get_mut(index as usize) {
                    entry.address = value & low_bits(engine.address_bits);
                }
            }
            Register::Size(index) => {
                if let Some(entry) = self.entries.get_mut(index as usize) {
                    entry.size = value & low_bits(engine.size_bits);
                }
            }
        }
    }

    /// The csr is written. A start during a transfer is lost.
    fn command(&mut self, value: u64) {
        if value & (csr::CLEAR_INTERRUPT | csr::RESET) != 0 {
            self.csr &= !csr::INTERRUPTING;
        }
        if value & csr::RESET != 0 {
            self.csr &= !(csr::BUSY | csr::ERROR);
            self.error = ErrorCode::None;
        }
        if value & csr::START_TRANSFER != 0 && self.csr & csr::BUSY == 0 {
            let kept = value & (csr::ENABLE_INTERRUPTS | csr::TO_MEMORY);
            self.csr = (self.csr & csr::INTERRUPTING) | kept | csr::BUSY;
            self.error = ErrorCode::None;
            self.residue = 0;
        }
    }

    /// The transfer has ended.
    pub(super) fn end(&mut self, error: ErrorCode, residue: u64) {
        self.csr &= !csr::BUSY;
        if error != ErrorCode::None {
            self.csr |= csr::ERROR;
        }
        if self.csr & csr::ENABLE_INTERRUPTS != 0 {
            self.csr |= csr::INTERRUPTING;
        }
        (self.error, self.residue) = (error, residue);
    }
}

/// Whether a burst register that holds `bytes` names a burst of these.
pub(crate) fn holds_burst(bytes: u64, of: BurstSizes) -> bool {
    bytes.is_power_of_two() && u64::from(of.bits()) & bytes != 0
}

/// A mask of so many low bits.
pub(super) const fn low_bits(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}
