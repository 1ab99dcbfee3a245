//! A controller that takes its commands from parameter blocks in memory: the device of example 8-3.
//!
//! A driver sees two registers and the layout of a block. All else here is the hardware's side, which reaches memory by
//! bus address alone.

use std::cell::Cell;
use std::error::Error;

use ddi_dma_sim::{BusFault, DeviceBus, Disk, Machine, NexusKind};

/// The block: offsets of its fields, the lowest byte first in each.
pub mod iopb {
    /// Four bytes: a command.
    pub const OPCODE: u64 = 0;
    /// Four bytes: the first block on the disk.
    pub const BLOCK: u64 = 4;
    /// Eight bytes: the bus address of the data.
    pub const DATA_ADDR: u64 = 8;
    /// Four bytes: the bytes of the data.
    pub const DATA_SIZE: u64 = 16;
    /// Four bytes: how it went; written by the device.
    pub const STATUS: u64 = 20;
    /// Bytes of a block.
    pub const LENGTH: u64 = 24;
}

/// Commands.
pub mod opcode {
    /// From the disk to memory.
    pub const READ: u32 = 1;
    /// From memory to the disk.
    pub const WRITE: u32 = 2;
}

/// What the device writes into the field `STATUS`.
pub mod status {
    /// The driver's: the device has not looked at the block.
    pub const PENDING: u32 = 0;
    /// It has done what it was told.
    pub const DONE: u32 = 1;
    /// It has not.
    pub const FAILED: u32 = 2;
}

/// The controller, in front of a disk.
pub struct Controller<'m> {
    disk: &'m Disk,
    bus: &'m dyn DeviceBus,
    /// The register `iopb_addr`.
    iopb_addr: Cell<u64>,
    work: Cell<Work>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    None,
    Given,
    Interrupting,
}

impl<'m> Controller<'m> {
    /// A controller in front of this disk, on the same bus.
    pub fn new(machine: &'m Machine, disk: &'m Disk) -> Self {
        let bus: &dyn DeviceBus = match disk.spec().nexus {
            NexusKind::Isa => &**machine.isa(),
            NexusKind::Pci => &**machine.pci(),
            NexusKind::Sbus => &**machine.sbus(),
        };
        Controller { disk, bus, iopb_addr: Cell::new(0), work: Cell::new(Work::None) }
    }

    /// Writes the register `iopb_addr`: informs the device of the next command's block.
    pub fn put_iopb_addr(&self, address: u64) {
        self.iopb_addr.set(address);
        self.work.set(Work::Given);
    }

    /// Reads the register `iopb_addr`: after an interrupt, the address of the completed command.
    pub fn get_iopb_addr(&self) -> u64 {
        self.iopb_addr.get()
    }

    /// Lowers the interrupt; whether it was raised.
    pub fn clear_interrupt(&self) -> bool {
        let raised = self.work.get() == Work::Interrupting;
        if raised {
            self.work.set(Work::None);
        }
        raised
    }

    /// Lets the device run until it has nothing to do.
    pub fn run(&self) {
        if self.work.get() != Work::Given {
            return;
        }
        let at = self.iopb_addr.get();
        let status = self.execute(at).map_or(status::FAILED, |()| status::DONE);
        // A block that cannot be written is a lost command: there is no interrupt.
        let told = self.bus.write(at + iopb::STATUS, &status.to_le_bytes());
        self.work.set(told.map_or(Work::None, |()| Work::Interrupting));
    }

    fn execute(&self, at: u64) -> Result<(), Box<dyn Error>> {
        let command = self.word(at + iopb::OPCODE)?;
        let block = u64::from(self.word(at + iopb::BLOCK)?);
        let low = u64::from(self.word(at + iopb::DATA_ADDR)?);
        let data = u64::from(self.word(at + iopb::DATA_ADDR + 4)?) << 32 | low;
        let mut bytes = vec![0; self.word(at + iopb::DATA_SIZE)? as usize];
        match command {
            opcode::READ => {
                self.disk.read_medium(block * 512, &mut bytes)?;
                self.bus.write(data, &bytes)?;
            }
            opcode::WRITE => {
                self.bus.read(data, &mut bytes)?;
                self.disk.write_medium(block * 512, &bytes)?;
            }
            other => return Err(format!("no command {other}").into()),
        }
        Ok(())
    }

    fn word(&self, at: u64) -> Result<u32, BusFault> {
        let mut bytes = [0; 4];
        self.bus.read(at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}
