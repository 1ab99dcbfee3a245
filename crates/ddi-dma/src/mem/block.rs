//! The bytes of private memory: all `unsafe` of this folder.
//!
//! 1. A [`Block`] owns memory of the nexus and gives it back when it is dropped, so whoever accesses bytes holds the
//!    block.
//! 2. No reference into the memory is ever made: the device may write it at any time. Bytes move by volatile loads and
//!    stores of plain integers, for which every pattern is a value.
//! 3. Every access is checked against the length first; a word must be aligned, so that it is a single access.
//! 4. Another thread of the CPU that accesses the same bytes is what the device is: a neighbour whose writes are seen
//!    early, late or in part, and never more than that.

use alloc::sync::Arc;

use super::access::{AccessError, Word};
use crate::device::BusShared;
use crate::nexus::NexusMemory;
use crate::object::Extent;

/// Memory of a nexus, owned.
///
/// # Invariants
///
/// - `memory` came from the memory pool of `bus`, and nobody else gives it back.
/// - `extent` is the start of `memory` and no longer.
pub(super) struct Block {
    memory: NexusMemory,
    extent: Extent,
    bus: Arc<BusShared>,
}

// SAFETY: all access to the memory is volatile (rule 2), from whatever thread (rule 4); the rest is never written.
unsafe impl Sync for Block {}

impl Block {
    /// Owns memory, all of which becomes zero.
    ///
    /// # Safety
    ///
    /// `memory` came from the memory pool of this bus and is given to nobody else.
    pub(super) unsafe fn new(memory: NexusMemory, length: u64, bus: Arc<BusShared>) -> Self {
        // SAFETY: the nexus gave `size` bytes to the caller alone, valid for writes.
        unsafe { memory.cpu.as_ptr().write_bytes(0, memory.size as usize) }
        // INVARIANT: no longer than the memory.
        let extent = Extent { address: memory.bus, size: length.min(memory.size) };
        Block { memory, extent, bus }
    }

    pub(super) fn memory(&self) -> &NexusMemory {
        &self.memory
    }

    pub(super) fn extent(&self) -> &Extent {
        &self.extent
    }

    pub(super) fn length(&self) -> u64 {
        self.extent.size
    }

    /// The address for the CPU, of bytes that are all there.
    fn at(&self, offset: u64, length: usize) -> Result<*mut u8, AccessError> {
        let (length, memory) = (length as u64, self.length());
        match offset.checked_add(length) {
            Some(end) if end <= memory => Ok(self.memory.cpu.as_ptr().wrapping_add(offset as usize)),
            _ => Err(AccessError::Range { offset, length, memory }),
        }
    }

    /// The address of a word, which must be aligned.
    fn word<W: Word>(&self, offset: u64) -> Result<*mut W, AccessError> {
        let at = self.at(offset, size_of::<W>())?.cast::<W>();
        if at.is_aligned() { Ok(at) } else { Err(AccessError::Misaligned { offset, word: size_of::<W>() }) }
    }

    /// Checks that a word can be accessed there.
    pub(super) fn check_word<W: Word>(&self, offset: u64) -> Result<(), AccessError> {
        self.word::<W>(offset).map(drop)
    }

    /// Checks that so many bytes are there.
    pub(super) fn check(&self, offset: u64, length: usize) -> Result<(), AccessError> {
        self.at(offset, length).map(drop)
    }

    pub(super) fn load<W: Word>(&self, offset: u64) -> Result<W, AccessError> {
        let at = self.word::<W>(offset)?;
        // SAFETY: the word lies inside the block and is aligned (rule 3); an integer takes every pattern (rule 2).
        Ok(unsafe { at.read_volatile() })
    }

    pub(super) fn store<W: Word>(&self, offset: u64, word: W) -> Result<(), AccessError> {
        let at = self.word::<W>(offset)?;
        // SAFETY: as in `load`.
        unsafe { at.write_volatile(word) };
        Ok(())
    }

    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), AccessError> {
        self.at(offset, into.len())?;
        // SAFETY: the range was checked; `into` is memory of its own.
        unsafe { self.copy_out(offset, into.as_mut_ptr(), into.len() as u64) };
        Ok(())
    }

    pub(super) fn write(&self, offset: u64, from: &[u8]) -> Result<(), AccessError> {
        self.at(offset, from.len())?;
        // SAFETY: the range was checked; `from` is memory of its own.
        unsafe { self.copy_in(offset, from.as_ptr(), from.len() as u64) };
        Ok(())
    }

    /// Copies bytes out, in words as wide as their place allows.
    ///
    /// # Safety
    ///
    /// The range lies inside the block, and `to` is valid for writing `length` bytes, which are not the block's.
    pub(super) unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        let from = self.memory.cpu.as_ptr().wrapping_add(offset as usize);
        self.by_words(from, length as usize, |done, width| {
            let (from, to) = (from.wrapping_add(done), to.wrapping_add(done));
            // SAFETY: the steps lie inside both ranges of the caller; `from` is aligned to the width.
            unsafe {
                match width {
                    8 => to.cast::<u64>().write_unaligned(from.cast::<u64>().read_volatile()),
                    4 => to.cast::<u32>().write_unaligned(from.cast::<u32>().read_volatile()),
                    2 => to.cast::<u16>().write_unaligned(from.cast::<u16>().read_volatile()),
                    _ => to.write(from.read_volatile()),
                }
            }
        });
    }

    /// Copies bytes in, in words as wide as their place allows.
    ///
    /// # Safety
    ///
    /// The range lies inside the block, and `from` is valid for reading `length` bytes, which are not the block's.
    pub(super) unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        let to = self.memory.cpu.as_ptr().wrapping_add(offset as usize);
        self.by_words(to, length as usize, |done, width| {
            let (from, to) = (from.wrapping_add(done), to.wrapping_add(done));
            // SAFETY: the steps lie inside both ranges of the caller; `to` is aligned to the width.
            unsafe {
                match width {
                    8 => to.cast::<u64>().write_volatile(from.cast::<u64>().read_unaligned()),
                    4 => to.cast::<u32>().write_volatile(from.cast::<u32>().read_unaligned()),
                    2 => to.cast::<u16>().write_volatile(from.cast::<u16>().read_unaligned()),
                    _ => to.write_volatile(from.read()),
                }
            }
        });
    }

    /// Steps over bytes from `start` on: calls with the bytes done and a width, to a multiple of which the address of
    /// the step is aligned.
    fn by_words(&self, start: *mut u8, length: usize, mut step: impl FnMut(usize, usize)) {
        let mut done = 0;
        while done < length {
            let aligned =
                1 << start.wrapping_add(done).addr().trailing_zeros().min(size_of::<usize>().ilog2());
            let mut width: usize = aligned;
            while width > length - done {
                width /= 2;
            }
            step(done, width);
            done += width;
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the memory came from this pool and is given back here alone (invariant). The CPU does not use it any more,
        // as whoever does holds the block (rule 1). A device does not either: the block is held by the binding that shows
        // its addresses, and where a transfer was abandoned by the quarantine, or the nexus revokes.
        self.bus.memory.give(|pool| unsafe { pool.give_back(self.memory) });
        // The nexus may have been short of it for copying, or of its addresses for mapping.
        self.bus.copy_buffer.gate().serve();
        self.bus.map_space.serve();
    }
}
