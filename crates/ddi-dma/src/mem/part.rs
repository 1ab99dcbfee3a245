//! Parts of private memory, bound by themselves.

use alloc::sync::Arc;
use core::fmt;

use super::block::Block;
use crate::nexus::NexusMemory;
use crate::object::{Addresses, BusId, DmaObject, Extent, View};

/// A part of [`PrivateMemory`](super::PrivateMemory), which it keeps from being freed: see
/// [`PrivateMemory::part`](super::PrivateMemory::part).
///
/// # Invariants
///
/// The bytes from `offset` on that `extent` has lie inside the block, and `extent` is where devices find them.
pub struct MemoryPart {
    block: Arc<Block>,
    bus: BusId,
    offset: u64,
    extent: Extent,
}

impl MemoryPart {
    /// Makes a part of bytes that are all inside the block.
    pub(super) fn new(block: Arc<Block>, bus: BusId, offset: u64, length: u64) -> Self {
        let address = block.extent().address + offset;
        // INVARIANT: the caller checked the range, and the block is one run of bus addresses.
        MemoryPart { block, bus, offset, extent: Extent { address, size: length } }
    }

    /// Where it starts in the memory.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its bytes.
    pub fn length(&self) -> u64 {
        self.extent.size
    }
}

impl fmt::Debug for MemoryPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPart").field("offset", &self.offset).field("length", &self.length()).finish()
    }
}

// SAFETY: the part shows one extent that never changes, of memory that its block owns until it is dropped; whoever else has
// the block reaches the bytes by volatile words, and no reference into it exists; the block's copies touch the bytes named
// alone.
unsafe impl DmaObject for MemoryPart {
    #[inline]
    fn view(&self) -> View<'_> {
        View::Extents(core::slice::from_ref(&self.extent))
    }

    #[inline]
    fn addresses(&self) -> Addresses {
        Addresses::Bus(self.bus)
    }

    fn nexus_memory(&self) -> Option<(&NexusMemory, u64)> {
        Some((self.block.memory(), self.offset))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the range lies inside the part (the caller's duty), and so inside the block (invariant).
        unsafe { self.block.copy_out(self.offset + offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as in `copy_out`.
        unsafe { self.block.copy_in(self.offset + offset, from, length) }
    }
}
