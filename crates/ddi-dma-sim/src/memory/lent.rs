//! Memory of the process as an object of a simulated machine.

use std::ptr::{self, NonNull};
use std::sync::Arc;

use ddi_dma::{DmaObject, PageList, View};

use super::buffer::BufferSpec;
use super::frame_list::FrameList;
use super::lendings::FrameBytes;
use super::{Memory, MemoryError};

/// Memory of the process that is lent to a simulated machine: see [`Machine::lend`](crate::Machine::lend).
///
/// # Invariants
///
/// - `length` bytes from `start` on, at least one, may be read and written from every thread until the value is dropped.
/// - They stand in for the bytes of `frames` from `offset` on, which is inside the first page.
#[derive(Debug)]
pub struct Lent {
    start: NonNull<u8>,
    frames: FrameList,
    offset: u64,
    length: u64,
    /// How often frames had been written before.
    frame_writes: u64,
}

// SAFETY: the bytes may be accessed from every thread (invariant); the pointer to them is tied to none.
unsafe impl Send for Lent {}

impl Lent {
    /// Takes frames, and has memory of the process stand in for their bytes.
    ///
    /// # Safety
    ///
    /// That of [`Machine::lend`](crate::Machine::lend).
    pub(crate) unsafe fn new(
        memory: &Arc<Memory>,
        start: NonNull<u8>,
        length: u64,
    ) -> Result<Self, MemoryError> {
        let address = start.as_ptr().addr();
        let behind = usize::try_from(length).ok().and_then(|length| address.checked_add(length));
        if length == 0 || length > isize::MAX as u64 || behind.is_none() {
            return Err(MemoryError::Lend { start: address, length });
        }
        let page_size = memory.page_size();
        let offset = address as u64 % page_size;
        let frames = FrameList::new(memory, &BufferSpec::new(length).offset(offset))?;
        // INVARIANT: the caller promises the bytes, and `begin` has them stand in.
        let mut lent = Lent { start, frames, offset, length, frame_writes: 0 };
        // SAFETY: the caller promises that the bytes are there until the value is dropped, which ends it. The view is one
        // of pages.
        lent.frame_writes = unsafe { memory.lendings.begin(lent.view(), start) };
        Ok(lent)
    }

    /// Where the CPU finds the first byte.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "at least one byte is lent")]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Where in its first page it starts, in the process as for devices.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The physical addresses of the frames that it stands in for, in order.
    pub fn pages(&self) -> &[u64] {
        self.frames.pages()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let pages = match self.frames.memory().lendings.end(self.view(), self.frame_writes) {
            FrameBytes::Untouched => 0..self.frames.pages().len(),
            // Those of pages that the object fills were not: what was written went to the process.
            FrameBytes::Written => {
                let page_size = self.frames.page_size();
                let (first, end) = (self.offset.div_ceil(page_size), (self.offset + self.length) / page_size);
                first as usize..end as usize
            }
        };
        self.frames.give_back_blank(pages);
    }
}

// SAFETY: the frames belong to the object alone until it is dropped, and `frames` and `offset` never change, so the view
// stays; the memory is there until then (invariant). No reference into it exists here, since copies are raw, and who
// lent it has promised not to access it while they run. They touch the range that they are given.
unsafe impl DmaObject for Lent {
    fn view(&self) -> View<'_> {
        let list = PageList::new(self.frames.pages(), self.frames.page_size(), self.offset, self.length);
        list.map_or(View::Extents(&[]), View::Pages)
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises that the range lies inside the object, the invariant that this is there.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr().add(offset as usize), to, length as usize) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as in `copy_out`, and the caller promises that nobody else accesses these bytes.
        unsafe { ptr::copy_nonoverlapping(from, self.start.as_ptr().add(offset as usize), length as usize) }
    }
}
