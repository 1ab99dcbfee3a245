//! Single page frames, reached the way a process reaches memory: by copies that may meet others at work.

use std::sync::Arc;

use crate::memory::{FileRun, Memory, MemoryError};

/// A page frame, which goes back when dropped.
#[derive(Debug)]
pub(crate) struct Frame {
    memory: Arc<Memory>,
    address: u64,
}

impl Frame {
    /// Takes a frame somewhere, full of zeros.
    pub(crate) fn new(memory: &Arc<Memory>) -> Result<Self, MemoryError> {
        Ok(Frame { address: memory.take_frame()?, memory: Arc::clone(memory) })
    }

    /// Its physical address.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Copies bytes out, from `offset` of the page; the caller has checked that they are in it.
    pub(crate) fn read(&self, offset: u64, to: &mut [u8]) {
        let read = self.memory.peek(self.address() + offset, to);
        debug_assert!(read.is_ok(), "a frame is memory: {read:?}");
    }

    /// Copies bytes in, to `offset` of the page; the caller has checked that they are in it.
    pub(crate) fn write(&self, offset: u64, from: &[u8]) {
        let written = self.memory.poke(self.address() + offset, from);
        debug_assert!(written.is_ok(), "a frame is memory: {written:?}");
    }

    /// All bytes.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.memory.page_size() as usize];
        self.read(0, &mut bytes);
        bytes
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.memory.release(FileRun { start: self.address, size: self.memory.page_size() });
    }
}

/// Copies between physical memory and memory of the host, without ever making a reference to physical memory.
///
/// The host's kernel copies, so other accesses to the same bytes are defined.
pub(crate) mod physical {
    use crate::memory::Memory;

    /// Copies bytes out of physical memory.
    ///
    /// # Safety
    ///
    /// `to` is valid for writing `length` bytes, which no frame overlaps.
    pub(crate) unsafe fn copy_out(memory: &Memory, from: u64, to: *mut u8, length: u64) {
        // SAFETY: the bytes are zeroed first, so that they are initialised; the caller promises the rest, and that
        // nobody else has them.
        let to = unsafe {
            to.write_bytes(0, length as usize);
            std::slice::from_raw_parts_mut(to, length as usize)
        };
        let read = memory.peek(from, to);
        debug_assert!(read.is_ok(), "a locked page is memory: {read:?}");
    }

    /// Copies bytes into physical memory.
    ///
    /// # Safety
    ///
    /// `from` is valid for reading `length` bytes.
    pub(crate) unsafe fn copy_in(memory: &Memory, to: u64, from: *const u8, length: u64) {
        // SAFETY: the caller promises that the bytes are there, and nobody writes them while they are copied.
        let from = unsafe { std::slice::from_raw_parts(from, length as usize) };
        let written = memory.poke(to, from);
        debug_assert!(written.is_ok(), "a locked page is memory: {written:?}");
    }
}
