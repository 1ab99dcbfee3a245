//! Disks: devices that move sectors by bus address, with the registers of the DDI's manual.

mod block;
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
use crate::register_block::AccessWidth;
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
        self.put_locked(&mut self.state(), register, value);
    }

    fn put_locked(&self, state: &mut State, register: Register, value: u64) {
        state.registers.put(register, value, &self.spec.engine);
        if register == Register::Csr && value & csr::RESET != 0 {
            state.stalled = None;
            self.line.iter().for_each(DmaLine::withdraw);
        }
    }

    /// Reads from the register block, as a bus shows the registers: the lowest byte of each first, and the value in
    /// the order of this machine.
    ///
    /// | offset | bits | register |
    /// |---|---|---|
    /// | 0x00 | 8 | [`Csr`](Register::Csr) |
    /// | 0x01 | 8 | [`Error`](Register::Error) |
    /// | 0x02 | 16 | [`Burst`](Register::Burst) |
    /// | 0x04 | 16 | [`Entries`](Register::Entries) |
    /// | 0x08 | 64 | [`Block`](Register::Block) |
    /// | 0x10 | 64 | [`Residue`](Register::Residue) |
    /// | 0x20 | 32 | [`Address(0)`](Register::Address) |
    /// | 0x24 | 32 | [`Size(0)`](Register::Size) |
    /// | 0x28 | | the next entry, and so on |
    ///
    /// An engine of more than 32 bits has entries of two times 64 bits: `Address(0)` at 0x20, `Size(0)` at 0x28,
    /// `Address(1)` at 0x30. Sizes are in bytes here, unlike those of [`get`](Self::get), and 0 stands for the largest
    /// number of bytes, 2 to the power of the engine's [`size_bits`](EngineSpec::size_bits).
    ///
    /// A register answers accesses of its own width, and one of 64 bits those of 32 to either half of it. What is
    /// accessed otherwise, misaligned, in another width or where no register of this disk is, reads as all ones, and
    /// what is written there is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::AccessWidth::{Bits8, Bits16, Bits32};
    /// use ddi_dma_sim::{Machine, MachineConfig, Register};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let disk = machine.device("isa-sg-disk")?;
    /// disk.store(0x20, Bits32, 0x10_0000);
    /// disk.store(0x24, Bits32, 512);
    /// assert_eq!((disk.get(Register::Address(0)), disk.get(Register::Size(0))), (0x10_0000, 511));
    /// assert_eq!((disk.load(0x24, Bits32), disk.load(0x24, Bits16)), (512, 0xFFFF));
    /// assert_eq!(disk.load(0x06, Bits8), 0xFF);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self, offset: u64, width: AccessWidth) -> u64 {
        let engine = &self.spec.engine;
        match block::find(engine, offset, width) {
            Some((register, part)) => part.of(block::shown(engine, register, self.get(register))),
            None => width.floating(),
        }
    }

    /// Writes to the register block: see [`load`](Self::load). Bits of `value` beyond the width are lost.
    pub fn store(&self, offset: u64, width: AccessWidth, value: u64) {
        let engine = &self.spec.engine;
        let Some((register, part)) = block::find(engine, offset, width) else { return };
        let mut state = self.state();
        let whole = block::shown(engine, register, state.registers.get(register, engine));
        let value = block::held(register, part.within(whole, value));
        self.put_locked(&mut state, register, value);
    }

    /// Bytes of the register block.
    pub fn register_block_size(&self) -> u64 {
        block::size(&self.spec.engine)
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
