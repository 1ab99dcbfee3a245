//! Buffers that can be bound: on the heap, or in frames of the caller's choice.

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use alloc::vec::Vec;
use core::ptr;
use core::slice;

use bare_metal_contents::pattern;
use ddi_dma::{DmaObject, PageList, View};

use super::{MappedRun, PAGE, RunRequest, take_run, translate};

/// A buffer, and the frames that its pages lie in.
///
/// # Invariants
///
/// - `start` is valid for reads and writes of `length` bytes until the drop, and nobody else uses them.
/// - `frames` are those of the pages from `start` to the last byte, and stay so.
#[derive(Debug)]
pub struct Buffer {
    start: *mut u8,
    length: usize,
    frames: Vec<u64>,
    memory: Memory,
}

/// Whose memory it is.
#[derive(Debug)]
enum Memory {
    /// The heap's.
    Heap { block: *mut u8, layout: Layout },
    /// Frames of its own; its drop gives them back.
    Frames(#[expect(dead_code, reason = "held for its drop")] MappedRun),
}

// SAFETY: the memory belongs to the buffer alone.
unsafe impl Send for Buffer {}

/// Some frame of a chosen place is taken, or there is no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramesTaken {
    /// The place.
    pub address: u64,
}

impl core::fmt::Display for FramesTaken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the frames at {:#x} cannot be had", self.address)
    }
}

impl core::error::Error for FramesTaken {}

impl Buffer {
    /// Allocates a buffer on the heap that starts `offset` bytes into a page. It is all zero.
    ///
    /// Its pages lie in frames above 16 MiB, no two neighbours in frames that are neighbours.
    ///
    /// # Panics
    ///
    /// Where the buffer has no bytes or the offset is not less than a page.
    pub fn on_heap(length: usize, offset: usize) -> Self {
        assert!(length > 0 && offset < PAGE as usize);
        let layout = Layout::from_size_align(offset + length, PAGE as usize).expect("a size that exists");
        // SAFETY: the layout has bytes.
        let block = unsafe { alloc_zeroed(layout) };
        // SAFETY: the offset lies within the block.
        let start = unsafe { block.add(offset) };
        // INVARIANT: the block is valid from its start on, and the heap never unmaps.
        Buffer { start, length, frames: frames(start, length), memory: Memory::Heap { block, layout } }
    }

    /// Takes the physical memory from `address` on. It is all zero.
    ///
    /// # Errors
    ///
    /// [`FramesTaken`], where not all of it is free.
    pub fn at(address: u64, length: usize) -> Result<Self, FramesTaken> {
        let lo = address / PAGE * PAGE;
        let size = (address - lo + length as u64).next_multiple_of(PAGE).max(PAGE);
        let request = RunRequest { size, lo, hi: lo + (size - 1), align: 1, seg: u64::MAX };
        let run = take_run(&request).ok_or(FramesTaken { address })?;
        // SAFETY: the run is mapped from its start on, and holds `address - lo + length` bytes that nobody else uses.
        let start = unsafe {
            ptr::write_bytes(run.start(), 0, size as usize);
            run.start().add((address - lo) as usize)
        };
        // INVARIANT: as above, until the run is dropped.
        Ok(Buffer { start, length, frames: frames(start, length), memory: Memory::Frames(run) })
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the invariants; the buffer is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start, self.length) }
    }

    /// Fills it with bytes that tell where they belong.
    pub fn fill(&mut self, seed: u64) {
        self.bytes().iter_mut().zip(pattern(seed)).for_each(|(byte, value)| *byte = value);
    }

    /// The first byte that is not what [`fill`](Self::fill) writes, as its offset.
    pub fn first_difference(&mut self, seed: u64) -> Option<usize> {
        self.bytes().iter().zip(pattern(seed)).position(|(byte, value)| *byte != value)
    }

    /// Virtual address of the first byte.
    pub fn virtual_address(&self) -> u64 {
        self.start as u64
    }

    /// The frames that its pages lie in, in order.
    pub fn frames(&self) -> &[u64] {
        &self.frames
    }
}

/// The frames of the pages from `start` on.
fn frames(start: *mut u8, length: usize) -> Vec<u64> {
    let (first, last) = (start as u64 / PAGE, (start as u64 + length as u64 - 1) / PAGE);
    let frame = |page| translate(page * PAGE).expect("memory in use is mapped");
    (first..=last).map(frame).collect()
}

// SAFETY: the frames do not change and are the buffer's alone (its invariants); only `bytes` gives a reference to the
// memory, and it wants the buffer mutably, which no shared reference allows; the copies touch the bytes named.
unsafe impl DmaObject for Buffer {
    fn view(&self) -> View<'_> {
        let list = PageList::new(&self.frames, PAGE, self.start as u64 % PAGE, self.length as u64);
        View::Pages(list.expect("the frames hold the bytes"))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's promise; the invariants.
        unsafe { ptr::copy_nonoverlapping(self.start.add(offset as usize), to, length as usize) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller's promise; the invariants.
        unsafe { ptr::copy_nonoverlapping(from, self.start.add(offset as usize), length as usize) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Memory::Heap { block, layout } = self.memory {
            // SAFETY: the block came from the heap with this layout, and goes back once.
            unsafe { dealloc(block, layout) }
        }
    }
}
