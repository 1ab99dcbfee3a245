//! An address range of a process.

use alloc::sync::Arc;
use core::fmt;

use crate::flags::Direction;
use crate::object::{DmaObject, View};
use crate::pages::PageRange;
use crate::space::{AddressSpace, LockError, UmemFlags};

/// An address range of a process as an object (`ddi_dma_addr_bind_handle(9F)` with an address space).
///
/// Its pages are locked as long as the value lives, so also as long as it is bound; they do not count against the
/// process' limit, as a range is for one transfer ([`umem_lock`](crate::umem_lock) is for memory that stays locked).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use ddi_dma::{AddressRange, AddressSpace, BindFlags, BusConfig, Direction, UmemFlags};
/// use ddi_dma_sim::{DiskDriver, Machine, MachineConfig, Protection, UserSpace};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let process = UserSpace::new(&machine, 1 << 20);
/// let address = process.map(0x4000, Protection::ReadWrite)?;
/// process.write(address + 100, b"user data")?;
///
/// let space: Arc<dyn AddressSpace> = process.clone();
/// let range = AddressRange::lock(&space, address + 100, 9, UmemFlags::READ)?;
/// let mut driver = DiskDriver::new(&machine, "isa-disk", BusConfig::default())?;
/// driver.write(0, range, BindFlags::empty())?;
/// # let mut there = [0; 9];
/// # driver.disk().read_medium(0, &mut there)?;
/// # assert_eq!(&there, b"user data");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AddressRange {
    address: u64,
    access: UmemFlags,
    range: PageRange,
}

impl AddressRange {
    /// Locks a range, which may start and end anywhere.
    ///
    /// `access` says what devices are going to do ([`UmemFlags::needed`]).
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn lock(
        space: &Arc<dyn AddressSpace>,
        address: u64,
        length: u64,
        access: UmemFlags,
    ) -> Result<Self, LockError> {
        Ok(AddressRange { address, access, range: PageRange::lock(space, address, length, access)? })
    }

    /// Where the process finds its first byte.
    pub fn address(&self) -> u64 {
        self.address
    }
}

// SAFETY: the pages are locked until the value is dropped and keep their addresses (contract of the space), no
// reference to them exists, and the space copies exactly what it is told.
unsafe impl DmaObject for AddressRange {
    fn view(&self) -> View<'_> {
        self.range.view()
    }

    fn permits(&self, direction: Direction) -> bool {
        self.access.permit(direction)
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { self.range.copy_out(offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller promises the same.
        unsafe { self.range.copy_in(offset, from, length) }
    }
}

impl fmt::Debug for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressRange({:#x}, {} bytes)", self.address, self.range.length)
    }
}
