//! Pages of the process' memory: the file that holds the unsafe code of mapping them.
//!
//! 1. A [`Pages`] owns its range of addresses from its making to its drop; nobody else maps or unmaps there.
//! 2. All of it is mapped readable, and writable where it says so.
//! 3. No reference into it is ever made: bytes go in and out by raw copies.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::mm::{self, Advice, MapFlags, MsyncFlags, ProtFlags};

/// A huge page, which one entry of the IOMMU's tables and one look at the process' tables are enough for.
pub(crate) const HUGE: u64 = 0x20_0000;

/// Bytes of a page of this machine.
pub(crate) fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Whether the process may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writable {
    Yes,
    No,
}

/// Whole pages that belong to this value alone.
///
/// # Invariants
///
/// `start..start + length` is mapped as the rules at the head of this file say.
#[derive(Debug)]
pub(crate) struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the range belongs to the value, wherever the value is; nothing in it is tied to a thread.
unsafe impl Send for Pages {}
// SAFETY: through a shared reference bytes are only copied out; copying in is unsafe, and its callers argue.
unsafe impl Sync for Pages {}

impl Pages {
    /// Takes pages of zeros that start at a multiple of `align`, a power of two; huge ones where that is a huge page, as far
    /// as the kernel has them.
    pub(crate) fn anonymous(length: u64, align: u64) -> io::Result<Self> {
        let (page, too_much) = (page_size(), || io::Error::from(io::ErrorKind::OutOfMemory));
        let length = length.checked_next_multiple_of(page).ok_or_else(too_much)?;
        let spare = align.saturating_sub(page);
        let whole = length.checked_add(spare).and_then(|whole| usize::try_from(whole).ok());
        let whole = whole.ok_or_else(too_much)?;
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: without MAP_FIXED the kernel chooses addresses that nobody uses.
        let start = unsafe { mm::mmap_anonymous(ptr::null_mut(), whole, protection, flags)? }.cast::<u8>();
        let before = start.align_offset(align.max(page) as usize);
        let pages = Pages { start: not_null(start.wrapping_add(before))?, length: length as usize };
        let behind = pages.start.as_ptr().wrapping_add(pages.length);
        for (spare, bytes) in [(start, before), (behind, whole - before - pages.length)] {
            if bytes > 0 {
                // SAFETY: a part of what was mapped just now, outside what `pages` owns.
                unsafe { mm::munmap(spare.cast(), bytes)? };
            }
        }
        if align >= HUGE {
            // SAFETY: advice about our own range. A kernel without huge pages refuses it, and gives small ones.
            let _ = unsafe { mm::madvise(pages.start.as_ptr().cast(), pages.length, Advice::LinuxHugepage) };
        }
        Ok(pages)
    }

    /// Maps `length` bytes of a file from `offset` on, which is a multiple of the page size, shared with whoever else uses
    /// the file.
    pub(crate) fn of_file(
        file: BorrowedFd<'_>,
        offset: u64,
        length: u64,
        writable: Writable,
    ) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let protection = match writable {
            Writable::Yes => ProtFlags::READ | ProtFlags::WRITE,
            Writable::No => ProtFlags::READ,
        };
        // SAFETY: without MAP_FIXED the kernel chooses addresses that nobody uses.
        let start = unsafe { mm::mmap(ptr::null_mut(), length, protection, MapFlags::SHARED, file, offset)? };
        let length = length.next_multiple_of(page_size() as usize);
        Ok(Pages { start: not_null(start.cast())?, length })
    }

    /// Makes every page one that is there and belongs to the process: a device that only reads would otherwise be shown
    /// the page of zeros that a page stands for until it is first written.
    pub(crate) fn touch(&self) {
        for at in (0..self.length).step_by(page_size() as usize) {
            // SAFETY: inside the range, which is writable; nobody else has the value yet.
            unsafe { self.start.as_ptr().add(at).write_volatile(0) };
        }
    }

    /// Writes what was changed to the file.
    pub(crate) fn flush(&self) -> io::Result<()> {
        // SAFETY: our own range; writing to the file changes no byte of it.
        unsafe { mm::msync(self.start.as_ptr().cast(), self.length, MsyncFlags::SYNC) }?;
        Ok(())
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The first address as a number, as views show it.
    pub(crate) fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// Copies bytes out.
    ///
    /// # Safety
    ///
    /// The range lies inside, `to` is valid for writing `length` bytes, and the two do not overlap.
    pub(crate) unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises the ranges, rule 2 that ours is readable.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr().add(offset as usize), to, length as usize) }
    }

    /// Copies bytes in.
    ///
    /// # Safety
    ///
    /// The pages are writable, the range lies inside, `from` is valid for reading `length` bytes, and the two do not
    /// overlap; nobody else accesses these bytes meanwhile.
    pub(crate) unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller promises all that it takes.
        unsafe { ptr::copy_nonoverlapping(from, self.start.as_ptr().add(offset as usize), length as usize) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range belongs to this value alone (rule 1) and no reference into it exists (rule 3).
        let unmapped = unsafe { mm::munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "unmapping our own range failed: {unmapped:?}");
    }
}

fn not_null(start: *mut u8) -> io::Result<NonNull<u8>> {
    NonNull::new(start).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_aligned_and_zero() {
        for (length, align) in [(1, 1), (0x3001, 0x1000), (0x1000, 0x1_0000), (3 * HUGE - 5, HUGE)] {
            let pages = Pages::anonymous(length, align).unwrap();
            assert!(pages.address().is_multiple_of(align.max(page_size())));
            let mut bytes = vec![1; length as usize];
            // SAFETY: inside the pages.
            unsafe { pages.copy_out(0, bytes.as_mut_ptr(), length) };
            assert!(bytes.iter().all(|byte| *byte == 0));
            pages.touch();
        }
        assert!(Pages::anonymous(u64::MAX, 1).is_err());
        assert!(Pages::anonymous(1 << 62, 1).is_err());
    }
}
