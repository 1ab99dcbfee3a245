//! Disks: devices that move sectors by bus address, with the registers of the DDI's manual.

mod catalog;
mod medium;
mod registers;
mod transfer;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use catalog::SBUS_BURSTS;
pub use catalog::{
    DEVICES, DeviceSpec, EngineSpec, EntryKind, ISA_DISK_ATTR, ISA_MASTER, ISA_SG_DISK_ATTR, LATCH_DISK_ATTR,
    NexusKind, PCI_DISK_ATTR, PCI64_DISK_ATTR, SBUS_DISK_ATTR, SECTOR,
};
pub(crate) use registers::holds_burst;
pub use registers::{ErrorCode, Register, csr};

use crate::config::{ConfigError, MediumConfig};
use crate::isa_dma::DmaLine;
use crate::nexus::{BusFault, DeviceBus};
use medium::Medium;
use registers::Registers;
use transfer::{Progress, Transfer};

/// A disk on a bus.
///
/// A write of the csr with [`csr::START_TRANSFER`] starts a transfer, which runs when the machine lets it run
/// ([`step`](Self::step), or [`Machine::run`](crate::Machine::run)): until then the csr shows [`csr::BUSY`]. Its end
/// raises the interrupt where [`csr::ENABLE_INTERRUPTS`] was written.
///
/// A request moves the sum of its entries' sizes. The disk knows whole sectors only: on the way to the disk, the rest
/// of the last sector becomes zeros; on the way to memory, only the bytes asked for are moved.
#[derive(Debug)]
pub struct Disk {
    spec: &'static DeviceSpec,
    bus: Arc<dyn DeviceBus>,
    /// Where it asks for the bus.
    line: Option<DmaLine>,
    medium: Medium,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    registers: Registers,
    injection: Option<Injection>,
    fault: Option<BusFault>,
    stalled: Option<Stalled>,
}

/// A transfer that waits for the bus.
#[derive(Debug)]
struct Stalled {
    /// What the registers held when it first ran.
    registers: Registers,
    /// Bytes that have moved.
    moved: u64,
}

/// A mishap that a test wants of the next transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Injection {
    /// The device stops after so many bytes, without an error; the residue tells.
    ShortTransfer {
        /// Bytes that it moves.
        after: u64,
    },
    /// The medium fails after so many bytes.
    MediumError {
        /// Bytes that it moves.
        after: u64,
    },
    /// The transfer ends well, and its interrupt is lost.
    LostInterrupt,
}

/// What a device did when it was let run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stepped {
    /// Nothing: no transfer was started.
    Idle,
    /// A transfer, to its end.
    Done,
    /// What it could of a transfer, until it asked for the bus and did not get it. The transfer goes on with the next
    /// step that finds the channel set up for it.
    NoBus,
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    error: ErrorCode,
    residue: u64,
    fault: Option<BusFault>,
}

impl Disk {
    pub(crate) fn new(
        spec: &'static DeviceSpec,
        bus: Arc<dyn DeviceBus>,
        line: Option<DmaLine>,
        config: &MediumConfig,
    ) -> Result<Self, ConfigError> {
        let registers = Registers::new(&spec.engine);
        let state = Mutex::new(State { registers, injection: None, fault: None, stalled: None });
        Ok(Disk { spec, bus, line, medium: Medium::new(config)?, state })
    }

    /// What the disk is.
    pub fn spec(&self) -> &'static DeviceSpec {
        self.spec
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.medium.size()
    }

    /// Reads a register.
    pub fn get(&self, register: Register) -> u64 {
        self.state().registers.get(register, &self.spec.engine)
    }

    /// Writes a register.
    pub fn put(&self, register: Register, value: u64) {
        let mut state = self.state();
        state.registers.put(register, value, &self.spec.engine);
        if register == Register::Csr && value & csr::RESET != 0 {
            state.stalled = None;
            self.line.iter().for_each(DmaLine::withdraw);
        }
    }

    /// Whether the interrupt line is raised.
    pub fn interrupting(&self) -> bool {
        self.get(Register::Csr) & csr::INTERRUPTING != 0
    }

    /// Lets the device run: a started transfer goes to its end, or to where the device does not get the bus.
    pub fn step(&self) -> Stepped {
        let mut state = self.state();
        if state.registers.csr & csr::BUSY == 0 {
            return Stepped::Idle;
        }
        let (engine, line, injection) = (&self.spec.engine, self.line.as_ref(), state.injection);
        let transfer = Transfer { engine, bus: &*self.bus, line, medium: &self.medium, injection };
        let stalled = state.stalled.take();
        let (registers, moved) = match &stalled {
            None => (&state.registers, 0),
            Some(stalled) => (&stalled.registers, stalled.moved),
        };
        let outcome = match transfer.run(registers, moved) {
            Progress::Ended(outcome) => outcome,
            Progress::NoBus { moved } => {
                let registers = registers.clone();
                state.stalled = Some(Stalled { registers, moved });
                return Stepped::NoBus;
            }
        };
        state.injection = None;
        state.fault = outcome.fault;
        state.registers.end(outcome.error, outcome.residue);
        if injection == Some(Injection::LostInterrupt) {
            state.registers.csr &= !csr::INTERRUPTING;
        }
        Stepped::Done
    }

    /// Has the next transfer meet a mishap.
    pub fn inject(&self, injection: Injection) {
        self.state().injection = Some(injection);
    }

    /// The bus fault that ended the last transfer, if one did.
    pub fn last_fault(&self) -> Option<BusFault> {
        self.state().fault
    }

    /// Reads the medium past the engine: what somebody who opens the disk sees.
    ///
    /// # Errors
    ///
    /// Those of the host, and one where not all bytes are on the disk.
    pub fn read_medium(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.check(offset, to.len())?;
        self.medium.read(offset, to)
    }

    /// Writes the medium past the engine.
    ///
    /// # Errors
    ///
    /// Those of the host, and one where not all bytes are on the disk.
    pub fn write_medium(&self, offset: u64, from: &[u8]) -> io::Result<()> {
        self.check(offset, from.len())?;
        self.medium.write(offset, from)
    }

    fn check(&self, offset: u64, length: usize) -> io::Result<()> {
        let inside = offset.checked_add(length as u64).is_some_and(|end| end <= self.medium.size());
        if inside {
            return Ok(());
        }
        let size = self.medium.size();
        let message = format!("{length} bytes at {offset:#x} are not all on the disk of {size:#x} bytes");
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
