//! Pages that stay where they are while somebody holds them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::error::RangeError;
use crate::object::{PageList, View};
use crate::space::{AddressSpace, LockError, UmemFlags};

/// Pages that somebody keeps where they are.
///
/// # Implementation safety
///
/// Until the value is dropped:
/// - [`page_size`](Self::page_size) is a power of two, and it and [`pages`](Self::pages) are the same each time;
/// - the pages stay allocated at these physical addresses;
/// - no reference to their bytes exists, and accesses to them are defined though others access them meanwhile;
/// - the copies touch exactly the bytes named.
pub unsafe trait PageArray: Send + Sync + 'static {
    /// Bytes of a page, a power of two.
    fn page_size(&self) -> u64;

    /// The physical address of each page, in order.
    fn pages(&self) -> &[u64];

    /// Copies bytes out, from `offset` bytes behind the start of the first page.
    ///
    /// # Safety
    ///
    /// The range lies inside the pages; `to` is valid for writing `length` bytes and does not overlap it.
    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64);

    /// Copies bytes in, to `offset` bytes behind the start of the first page.
    ///
    /// # Safety
    ///
    /// The range lies inside the pages; `from` is valid for reading `length` bytes and does not overlap it.
    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64);
}

/// Locked pages of an address space, unlocked when dropped.
///
/// # Invariants
///
/// `space` has locked `pages` for `access`, once for this value, which nobody else unlocks.
pub(crate) struct LockedPages {
    space: Arc<dyn AddressSpace>,
    pages: Vec<u64>,
    page_size: u64,
    access: UmemFlags,
}

impl LockedPages {
    /// Locks every page that holds one of the `length` bytes at `address`.
    pub(crate) fn new(
        space: &Arc<dyn AddressSpace>,
        address: u64,
        length: u64,
        access: UmemFlags,
    ) -> Result<Self, LockError> {
        let page_size = space.page_size();
        let offset = address & (page_size - 1);
        if length > 0 && address.checked_add(length - 1).is_none() {
            return Err(LockError::Fault { address: u64::MAX });
        }
        // No sum wraps: the offset is no more than the address.
        let count = if length == 0 { 0 } else { (offset + (length - 1)) / page_size + 1 };
        let mut pages = Vec::new();
        space.lock(address - offset, count, access, &mut pages)?;
        // INVARIANT: `lock` has just locked these pages.
        Ok(LockedPages { space: space.clone(), pages, page_size, access })
    }

    /// Calls `piece` for each part of a page that the range touches, with its physical address, how far into the range
    /// it starts, and its bytes.
    fn pieces(&self, offset: u64, length: u64, mut piece: impl FnMut(u64, u64, u64)) {
        let mut done = 0;
        while done < length {
            let at = offset + done;
            let into = at % self.page_size;
            let Some(page) = self.pages.get((at / self.page_size) as usize) else { return };
            let size = (self.page_size - into).min(length - done);
            piece(page + into, done, size);
            done += size;
        }
    }
}

// SAFETY: the space keeps locked pages in their place and defines concurrent access (its contract), until `drop`;
// `pages` never changes.
unsafe impl PageArray for LockedPages {
    fn page_size(&self) -> u64 {
        self.page_size
    }

    fn pages(&self) -> &[u64] {
        &self.pages
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        self.pieces(offset, length, |physical, done, size| {
            // SAFETY: `pieces` names bytes of one locked page; the caller's `to` takes all pieces side by side.
            unsafe { self.space.copy_out(physical, to.add(done as usize), size) }
        });
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        self.pieces(offset, length, |physical, done, size| {
            // SAFETY: as in `copy_out`, with `from` holding all pieces side by side.
            unsafe { self.space.copy_in(physical, from.add(done as usize), size) }
        });
    }
}

impl Drop for LockedPages {
    fn drop(&mut self) {
        // SAFETY: they are locked once for this value (invariant), and whoever lets a device reach them owns a share
        // of it, so no device does any more.
        unsafe { self.space.unlock(&self.pages, self.access) }
    }
}

impl fmt::Debug for LockedPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = &self.pages.len();
        f.debug_struct("LockedPages").field("pages", pages).field("access", &self.access).finish()
    }
}

/// A part of an array of pages, counted in bytes from the start of the first.
///
/// # Invariants
///
/// `offset + length` bytes lie inside the pages.
#[derive(Clone)]
pub(crate) struct PageRange {
    pub(crate) pages: Arc<dyn PageArray>,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl PageRange {
    /// A part of the pages.
    pub(crate) fn new(pages: Arc<dyn PageArray>, offset: u64, length: u64) -> Result<Self, RangeError> {
        let object = (pages.pages().len() as u64).saturating_mul(pages.page_size());
        RangeError::check(offset, length, object)?;
        Ok(PageRange { pages, offset, length })
    }

    /// Locks a range of an address space.
    pub(crate) fn lock(
        space: &Arc<dyn AddressSpace>,
        address: u64,
        length: u64,
        access: UmemFlags,
    ) -> Result<Self, LockError> {
        let locked = LockedPages::new(space, address, length, access)?;
        let offset = address & (locked.page_size - 1);
        // INVARIANT: every page that holds one of these bytes is in the array.
        Ok(PageRange { pages: Arc::new(locked), offset, length })
    }

    pub(crate) fn view(&self) -> View<'_> {
        let size = self.pages.page_size();
        let first = usize::try_from(self.offset / size).unwrap_or(usize::MAX);
        let pages = self.pages.pages().get(first..).unwrap_or(&[]);
        PageList::new(pages, size, self.offset % size, self.length).map_or(View::Extents(&[]), View::Pages)
    }

    /// Copies bytes out, from `offset` of the range.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), RangeError> {
        let length = RangeError::check(offset, into.len() as u64, self.length)?;
        // SAFETY: the range was checked; `into` is borrowed memory, which no page of the array overlaps.
        unsafe { self.pages.copy_out(self.offset + offset, into.as_mut_ptr(), length) }
        Ok(())
    }

    /// Copies bytes in, to `offset` of the range.
    pub(crate) fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), RangeError> {
        let length = RangeError::check(offset, from.len() as u64, self.length)?;
        // SAFETY: as in `read`.
        unsafe { self.pages.copy_in(self.offset + offset, from.as_ptr(), length) }
        Ok(())
    }

    /// # Safety
    ///
    /// As [`DmaObject::copy_out`](crate::DmaObject::copy_out).
    pub(crate) unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises that the range lies inside this one, which lies inside the pages (invariant).
        unsafe { self.pages.copy_out(self.offset + offset, to, length) }
    }

    /// # Safety
    ///
    /// As [`DmaObject::copy_in`](crate::DmaObject::copy_in).
    pub(crate) unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as in `copy_out`.
        unsafe { self.pages.copy_in(self.offset + offset, from, length) }
    }
}
