//! Example 8-3: an I/O parameter block: private memory that driver and device share.
//!
//! The driver writes a command into the block and tells the device where the block is. The device does what it says and
//! writes into the block how that went.

mod common;

use common::controller::{Controller, iopb, opcode, status};
use common::{Failure, device_of};
use ddi_dma::{
    Access, AccessAttr, AccessOrder, BindFlags, Bus, BusConfig, Cookie, Device, Direction, DmaAttr,
    DmaHandle, Endian, InFlight, MemoryUse, PrivateMemory, SyncFor, Wait,
};
use ddi_dma_sim::{Buffer, BufferSpec, Machine, MachineConfig};

/// How the device lays out the words of a block.
const ACCATTR: AccessAttr = AccessAttr { endian: Endian::Little, order: AccessOrder::Strict };

/// `struct xxstate`.
pub struct XxState<'m> {
    controller: Controller<'m>,
    device: Device,
    attr: DmaAttr,
    /// The block as the driver reaches it (`xsp->iopb_array` and `xsp->acchandle`).
    iopb_array: Access,
    /// The block as it is bound, as long as the driver is attached.
    iopb: InFlight<PrivateMemory>,
    /// Where the device finds it.
    iopb_addr: u64,
}

impl<'m> XxState<'m> {
    /// Attaches to a controller: allocates a block and the resources to share it.
    ///
    /// # Errors
    ///
    /// There is no such disk, or there is no memory that its engine reaches. What was allocated is free again: nothing
    /// like `goto failure` is needed.
    pub fn attach(machine: &'m Machine, name: &str) -> Result<Self, Failure> {
        let disk = machine.device(name)?;
        let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
        let device = device_of(&bus, disk);
        // This device takes one address a command.
        let attr = DmaAttr { sgllen: 1, ..disk.spec().attr };
        let iopb_handle: DmaHandle<PrivateMemory> = device.alloc_handle(&attr, Wait::Sleep)?;

        // ddi_dma_mem_alloc
        let memory = iopb_handle.alloc_memory(iopb::LENGTH, MemoryUse::Consistent, ACCATTR, Wait::Sleep)?;
        let iopb_array = memory.access();
        // ddi_dma_addr_bind_handle: the memory knows its real length. Both ways: the device reads commands and writes
        // how they went.
        let bound = iopb_handle.bind(memory, Direction::Both, BindFlags::CONSISTENT, Wait::Sleep)?;
        let mut iopb = bound.start();
        // Private memory goes in one list, and here a list is one cookie.
        let cookie = iopb.window(0)?.cookies().first().copied().ok_or("a block without a cookie")?;
        let controller = Controller::new(machine, disk);
        Ok(XxState { controller, device, attr, iopb_array, iopb, iopb_addr: cookie.address })
    }

    /// Has the device carry out one command.
    fn command(&mut self, opcode: u32, block: u32, data: &Cookie) -> Result<(), Failure> {
        let iopb = &self.iopb_array;
        iopb.put32(iopb::OPCODE, opcode)?; // ddi_put32
        iopb.put32(iopb::BLOCK, block)?;
        iopb.put64(iopb::DATA_ADDR, data.address)?;
        iopb.put32(iopb::DATA_SIZE, u32::try_from(data.size)?)?;
        iopb.put32(iopb::STATUS, status::PENDING)?;

        // The device is going to read what was written; then it is informed.
        self.iopb.sync(.., SyncFor::Device)?;
        self.controller.put_iopb_addr(self.iopb_addr);
        self.controller.run();

        // The interrupt routine.
        if !self.controller.clear_interrupt() {
            return Err("no interrupt came".into());
        }
        if self.controller.get_iopb_addr() != self.iopb_addr {
            return Err("some other command was completed".into());
        }
        // The only mapping that concerns the driver is its own.
        self.iopb.sync(.., SyncFor::Kernel)?;
        match iopb.get32(iopb::STATUS)? {
            status::DONE => Ok(()),
            // What a device writes may be anything.
            other => Err(format!("the device says {other}").into()),
        }
    }

    /// Moves a buffer to or from the disk, a command for each cookie.
    ///
    /// # Errors
    ///
    /// The buffer cannot be bound, or a command fails.
    pub fn transfer(&mut self, bp: Buffer, block: u32, direction: Direction) -> Result<Buffer, Failure> {
        let handle: DmaHandle<Buffer> = self.device.alloc_handle(&self.attr, Wait::Sleep)?;
        let mut flight = handle.bind(bp, direction, BindFlags::PARTIAL, Wait::Sleep)?.start();
        let opcode = if direction == Direction::FromDevice { opcode::READ } else { opcode::WRITE };
        let moved = self.commands(&mut flight, opcode, block);
        // However that went, the device is done with the memory: this one has no command after its interrupt, or
        // without it. Others are reset here where a command failed.
        let (_, bp) = flight.complete().unbind();
        moved.map(|()| bp)
    }

    fn commands(&mut self, flight: &mut InFlight<Buffer>, opcode: u32, block: u32) -> Result<(), Failure> {
        while let Some(window) = flight.next_window()? {
            for list in window.lists() {
                let at = block.checked_add(u32::try_from(list.offset() / 512)?).ok_or("no such block")?;
                for data in list.cookies() {
                    self.command(opcode, at, data)?;
                }
            }
        }
        Ok(())
    }

    /// Detaches: the block is unbound, and freed when nobody reaches it any more (`ddi_dma_mem_free`).
    pub fn detach(self) {
        let (handle, memory) = self.iopb.complete().unbind();
        drop((self.iopb_array, memory, handle));
    }
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let mut xsp = XxState::attach(&machine, "isa-disk")?;
    let length = xsp.iopb_array.length();
    let buffer = machine.buffer(&BufferSpec::new(200_000))?;
    let buffer = xsp.transfer(buffer, 0, Direction::ToDevice)?;
    xsp.detach();
    println!("isa-disk: {} bytes written by commands in a block of {length} bytes", buffer.len());
    Ok(())
}
