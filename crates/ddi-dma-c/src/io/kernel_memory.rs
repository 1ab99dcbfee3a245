//! Memory of whole pages that a driver shares with its callers (`ddi_umem_alloc(9F)`).

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use super::pages::PAGE_SIZE;

/// Whole pages.
///
/// # Invariants
///
/// `start` was allocated with `layout`, and is freed by `drop` alone.
pub(super) struct KernelMemory {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: memory belongs to no thread.
unsafe impl Send for KernelMemory {}
// SAFETY: nothing is done with the bytes here.
unsafe impl Sync for KernelMemory {}

impl KernelMemory {
    /// Allocates `size` bytes, rounded up to whole pages and filled with zeros; `None` where there is no memory.
    pub(super) fn new(size: usize) -> Option<KernelMemory> {
        let size = size.checked_next_multiple_of(PAGE_SIZE).filter(|size| *size > 0)?;
        let layout = Layout::from_size_align(size, PAGE_SIZE).ok()?;
        // SAFETY: the layout has bytes.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        // INVARIANT: it was allocated just now.
        Some(KernelMemory { start, layout })
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub(super) fn length(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for KernelMemory {
    fn drop(&mut self) {
        // SAFETY: the invariant.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
