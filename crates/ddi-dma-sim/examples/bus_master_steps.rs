//! "In general, the driver should perform the following steps for bus-master DMA": all eight of them.
//!
//! Each step is a comment with its number. Which device it is, and what lies between it and memory, the driver
//! does not know.

mod common;

use std::sync::Arc;

use common::{Failure, program, wait_for};
use ddi_dma::{BindFlags, BurstSizes, Bus, BusConfig, Direction, DmaAttr, DmaHandle, SyncFor, Wait};
use ddi_dma_sim::{Buffer, BufferSpec, Disk, Machine, MachineConfig};

/// Step 1: describe the DMA attributes, so that the system can see to it that the device reaches the buffer. This is
/// the ISA engine of the manual.
pub const ISA_ATTRIBUTES: DmaAttr = DmaAttr {
    version: DmaAttr::VERSION_0,
    addr_lo: 0x0000_0000, // the first 16 MiB of memory
    addr_hi: 0x00FF_FFFF,
    count_max: 0xFFFF, // a 16-bit counter
    align: 1,          // any byte
    burstsizes: BurstSizes::B1.union(BurstSizes::B2).union(BurstSizes::B4),
    minxfer: 1,
    maxxfer: 0xFFFF_FFFF,
    seg: 0x000F_FFFF, // no transfer crosses a 1 MiB boundary
    sgllen: 17,       // scatter/gather transfers in a request
    granular: 512,    // sectors
    ..DmaAttr::UNRESTRICTED
};

/// A driver that moves one buffer at a time.
pub struct Driver<'m> {
    machine: &'m Machine,
    disk: Arc<Disk>,
    handle: DmaHandle<Buffer>,
}

impl<'m> Driver<'m> {
    /// Attaches to a disk with these attributes (`attach(9E)`).
    ///
    /// # Errors
    ///
    /// There is no such disk, or its bus cannot serve such an engine.
    pub fn attach(machine: &'m Machine, name: &str, attr: &DmaAttr) -> Result<Self, Failure> {
        let disk = Arc::clone(machine.device(name)?);
        let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
        // Step 2: allocate a DMA handle. It adds the limits of the bus to those of the engine.
        let handle = bus.device(name).alloc_handle(attr, Wait::Sleep)?;
        Ok(Driver { machine, disk, handle })
    }

    /// Moves a buffer to or from a disk. Returns driver and buffer.
    ///
    /// # Errors
    ///
    /// The buffer cannot be bound, or the device reports an error.
    pub fn transfer(
        self,
        buffer: Buffer,
        block: u64,
        direction: Direction,
    ) -> Result<(Self, Buffer), Failure> {
        let Driver { machine, disk, handle } = self;

        // Step 3: ensure the DMA object is locked in memory. This buffer is the driver's own memory, which does not
        // move, and as long as it is bound nobody can free it: the binding owns it.
        let object = buffer;

        // Step 4: allocate DMA resources for the object.
        let mut flight = handle.bind(object, direction, BindFlags::PARTIAL, Wait::Sleep)?.start();
        while let Some(window) = flight.next_window()? {
            for list in window.lists() {
                // Step 5: program the DMA engine on the device and start it. When the transfer is complete, continue
                // the bus-master operation.
                program(&disk, &list, block + list.offset() / 512, direction);
                wait_for(machine, &disk)?;
            }
            // Step 6: perform any required object synchronisations. Moving to the next window does it, and so does
            // unbinding: this one is for who wants to see the bytes of a window here.
            if direction.device_writes() {
                flight.sync(.., SyncFor::Cpu)?;
            }
        }

        // Step 7: release the DMA resources.
        let (handle, buffer) = flight.complete().unbind();
        Ok((Driver { machine, disk, handle }, buffer))
    }

    /// Detaches (`detach(9E)`).
    pub fn detach(self) {
        // Step 8: free the DMA handle.
        drop(self.handle);
    }
}

fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let driver = Driver::attach(&machine, "isa-sg-disk", &ISA_ATTRIBUTES)?;
    let buffer = machine.buffer(&BufferSpec::new(3_000_000))?;
    let (driver, buffer) = driver.transfer(buffer, 0, Direction::ToDevice)?;
    driver.detach();
    println!("isa-sg-disk: {} bytes in eight steps", buffer.len());
    Ok(())
}
