//! Windows of the CPU into physical memory: the file that holds the unsafe code of this crate's memory.
//!
//! 1. A [`Mapping`] owns its range of the CPU's addresses from `new` to `drop`; nobody else maps or unmaps there.
//! 2. All bytes of it are mapped readable and writable, from a memory file that never shrinks.
//! 3. No reference into it is ever made: bytes go in and out by raw copies.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::mm::{self, MapFlags, ProtFlags};

/// A run of the memory file: where it starts, and its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileRun {
    pub(crate) start: u64,
    pub(crate) size: u64,
}

/// Runs of physical memory side by side in the CPU's addresses.
///
/// # Invariants
///
/// `start..start + length` is mapped readable and writable, and belongs to this value alone.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the range belongs to the value, wherever the value is; nothing in it is tied to a thread.
unsafe impl Send for Mapping {}

// SAFETY: what a shared borrow can do in safe code is to copy bytes out (`read`), and copies do not disturb each other.
// Whoever copies in by a shared borrow promises that nobody else accesses the bytes (`copy_in`).
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `runs` side by side. Their starts and sizes are multiples of the host's page size.
    pub(crate) fn new(file: BorrowedFd<'_>, runs: &[FileRun]) -> io::Result<Mapping> {
        let bytes = runs.iter().try_fold(0u64, |sum, run| sum.checked_add(run.size));
        let length = bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
        // SAFETY: without MAP_FIXED the host chooses addresses that nobody uses.
        let start = unsafe {
            mm::mmap_anonymous(
                ptr::null_mut(),
                length,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        let start = NonNull::new(start.cast::<u8>()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // INVARIANT: the range is ours. What is not mapped yet is behind no pointer that leaves this function.
        let mapping = Mapping { start, length };
        let mut at = 0usize;
        for run in runs {
            let size = run.size as usize;
            // SAFETY: at + size <= length, so the target lies inside the range that this value owns (rule 1).
            unsafe {
                let to = start.as_ptr().add(at).cast();
                let flags = MapFlags::SHARED | MapFlags::FIXED;
                mm::mmap(to, size, ProtFlags::READ | ProtFlags::WRITE, flags, file, run.start)?;
            }
            at += size;
        }
        Ok(mapping)
    }

    /// Where the CPU finds the first byte.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Where the CPU finds a byte; the last byte's successor for what lies behind it.
    pub(crate) fn at(&self, offset: u64) -> NonNull<u8> {
        let offset = offset.min(self.length as u64) as usize;
        // SAFETY: the address is that of a byte of the mapping, or the one behind it.
        unsafe { self.start.add(offset) }
    }

    /// Copies bytes out; `false`, and nothing done, where they are not all inside.
    #[must_use]
    pub(crate) fn read(&self, offset: u64, to: &mut [u8]) -> bool {
        let inside = self.holds(offset, to.len());
        if inside {
            // SAFETY: the range is inside the mapping, and `to` is borrowed memory, which no mapping overlaps (rule 3).
            unsafe { self.copy_out(offset, to.as_mut_ptr(), to.len()) };
        }
        inside
    }

    /// Copies bytes in; `false`, and nothing done, where they are not all inside.
    #[must_use]
    pub(crate) fn write(&mut self, offset: u64, from: &[u8]) -> bool {
        let inside = self.holds(offset, from.len());
        if inside {
            // SAFETY: as in `read`; the exclusive borrow keeps other accesses through this value out.
            unsafe { self.copy_in(offset, from.as_ptr(), from.len()) };
        }
        inside
    }

    /// Copies bytes out.
    ///
    /// # Safety
    ///
    /// The range lies inside the mapping; `to` is valid for writing `length` bytes and does not overlap it.
    pub(crate) unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: usize) {
        // SAFETY: the caller promises the ranges, the invariant that ours is mapped.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr().add(offset as usize), to, length) }
    }

    /// Copies bytes in.
    ///
    /// # Safety
    ///
    /// The range lies inside the mapping; `from` is valid for reading `length` bytes and does not overlap it; nobody
    /// accesses the range meanwhile.
    pub(crate) unsafe fn copy_in(&self, offset: u64, from: *const u8, length: usize) {
        // SAFETY: the caller promises the ranges, the invariant that ours is mapped and writable.
        unsafe { ptr::copy_nonoverlapping(from, self.start.as_ptr().add(offset as usize), length) }
    }

    fn holds(&self, offset: u64, length: usize) -> bool {
        offset.checked_add(length as u64).is_some_and(|end| end <= self.length as u64)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range belongs to this value alone (rule 1) and no reference into it exists (rule 3).
        let unmapped = unsafe { mm::munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "unmapping our own range failed: {unmapped:?}");
    }
}
