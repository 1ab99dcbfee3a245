//! Address spaces: memory of a process, which may move or go while nobody has locked it.

use alloc::vec::Vec;

use bitflags::bitflags;

use crate::flags::Direction;
use crate::umem::LockLimit;

bitflags! {
    /// What locked pages are for. Values are those of the C interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct UmemFlags: u32 {
        /// Devices read the pages (`DDI_UMEMLOCK_READ`).
        const READ = 0x1;
        /// Devices write the pages (`DDI_UMEMLOCK_WRITE`).
        const WRITE = 0x2;
    }
}

impl UmemFlags {
    /// Whether pages locked for this may be transferred this way.
    pub(crate) fn permit(self, direction: Direction) -> bool {
        self.contains(UmemFlags::needed(direction))
    }

    /// What a transfer this way needs.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{Direction, UmemFlags};
    ///
    /// assert_eq!(UmemFlags::needed(Direction::FromDevice), UmemFlags::WRITE);
    /// ```
    pub fn needed(direction: Direction) -> Self {
        match direction {
            Direction::ToDevice => UmemFlags::READ,
            Direction::FromDevice => UmemFlags::WRITE,
            Direction::Both => UmemFlags::READ | UmemFlags::WRITE,
        }
    }
}

/// Why pages could not be locked. None is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Nothing is mapped there (`EFAULT`).
    #[error("nothing is mapped at {address:#x}")]
    Fault {
        /// The first such address.
        address: u64,
    },
    /// The mapping does not permit what the device is going to do (`EACCES`).
    #[error("the mapping at {address:#x} does not permit {needed:?}")]
    Access {
        /// The first such address.
        address: u64,
        /// What was asked for.
        needed: UmemFlags,
    },
    /// There is no memory to bring the page in (`ENOMEM`).
    #[error("no memory is free to bring in the page at {address:#x}")]
    NoMemory {
        /// Where.
        address: u64,
    },
}

/// The memory of a process as a port to a machine provides it: pages that can be locked.
///
/// # Implementation safety
///
/// - [`page_size`](Self::page_size) is a power of two, the same each time.
/// - From [`lock`](Self::lock) to the [`unlock`](Self::unlock) of the same pages, each of them stays allocated, keeps
///   its physical address and permits what it was locked for, whatever the process does: unmapping it takes it
///   out of the process alone. A page may be locked many times.
/// - No reference to the bytes of a page that can be locked exists anywhere.
/// - [`copy_out`](Self::copy_out) and [`copy_in`](Self::copy_in) touch exactly the bytes named, and are defined though
///   the process, or a device, accesses the same bytes meanwhile.
/// - [`unlock`](Self::unlock) and the copies may be called from any context: they do not sleep.
pub unsafe trait AddressSpace: Send + Sync + 'static {
    /// Bytes of a page, a power of two.
    fn page_size(&self) -> u64;

    /// What the process may lock by [`umem_lock`](crate::umem_lock), and what it has.
    fn lock_limit(&self) -> &LockLimit;

    /// Locks `count` pages from `address` on, which is the start of a page, bringing them in where need be; adds
    /// their physical addresses to `pages`.
    ///
    /// # Errors
    ///
    /// [`LockError`] for the first page that cannot be locked; none is then. What was added to `pages` does not count.
    fn lock(
        &self,
        address: u64,
        count: u64,
        access: UmemFlags,
        pages: &mut Vec<u64>,
    ) -> Result<(), LockError>;

    /// Takes back one lock of each of these pages.
    ///
    /// # Safety
    ///
    /// [`lock`](Self::lock) of this space added the pages, for this access, and they were not unlocked since. No
    /// device reaches them because of this lock any more.
    unsafe fn unlock(&self, pages: &[u64], access: UmemFlags);

    /// Copies bytes out of a locked page.
    ///
    /// # Safety
    ///
    /// The bytes at physical address `from` lie in one page that is locked; `to` is valid for writing `length` bytes
    /// and does not overlap them.
    unsafe fn copy_out(&self, from: u64, to: *mut u8, length: u64);

    /// Copies bytes into a locked page.
    ///
    /// # Safety
    ///
    /// The bytes at physical address `to` lie in one page that is locked; `from` is valid for reading `length` bytes
    /// and does not overlap them.
    unsafe fn copy_in(&self, to: u64, from: *const u8, length: u64);
}
