//! "In general, the driver should perform the following steps for bus-master DMA": all eight of them.
//!
//! Each step is a comment with its number. The object is memory of a process, which has to be locked. Which device it is,
//! and what lies between it and memory, the driver does not know.

mod common;

use std::sync::Arc;

use common::{Failure, program, wait_for};
use ddi_dma::{
    AddressSpace, BindFlags, Buf, BurstSizes, Bus, BusConfig, Direction, DmaAttr, DmaHandle, SyncFor,
    UmemFlags, Wait, umem_lock,
};
use ddi_dma_sim::{Disk, Machine, MachineConfig, Protection, UserSpace};

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

/// Step 3: ensure the DMA object is locked in memory. `length` bytes at an address of a process become a buf, and while
/// that lives their pages stay where they are.
///
/// # Errors
///
/// The process has no such memory, may not use it so, or has locked as much as it may.
pub fn lock(
    space: &Arc<dyn AddressSpace>,
    address: u64,
    length: u64,
    direction: Direction,
) -> Result<Buf, Failure> {
    // Whole pages are locked, and the buf is what of them is asked for.
    let page = space.page_size();
    let first = address - address % page;
    let end = address.checked_add(length).and_then(|end| end.checked_next_multiple_of(page));
    let end = end.ok_or("the range passes the end of the address space")?;
    let cookie = umem_lock(space, first, end - first, UmemFlags::needed(direction))?;
    Ok(cookie.iosetup(address - first, length, direction)?)
}

/// A driver that moves one object at a time.
pub struct Driver<'m> {
    machine: &'m Machine,
    disk: Arc<Disk>,
    handle: DmaHandle<Buf>,
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

    /// Moves a locked object to or from a disk, from `block` on. Returns driver and object.
    ///
    /// # Errors
    ///
    /// The object cannot be bound, or the device reports an error.
    pub fn transfer(self, object: Buf, block: u64) -> Result<(Self, Buf), Failure> {
        let Driver { machine, disk, handle } = self;
        let direction = object.direction();

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
        let (handle, object) = flight.complete().unbind();
        Ok((Driver { machine, disk, handle }, object))
    }

    /// Detaches (`detach(9E)`).
    pub fn detach(self) {
        // Step 8: free the DMA handle.
        drop(self.handle);
    }
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let process = UserSpace::new(&machine, 1 << 30);
    let address = process.map(3_000_000, Protection::ReadWrite)?;
    let space: Arc<dyn AddressSpace> = process.clone();

    let driver = Driver::attach(&machine, "isa-sg-disk", &ISA_ATTRIBUTES)?;
    let object = lock(&space, address + 77, 2_000_000, Direction::ToDevice)?;
    let (driver, object) = driver.transfer(object, 0)?;
    driver.detach();
    println!("isa-sg-disk: {} bytes of a process in eight steps", object.bcount());
    Ok(())
}
