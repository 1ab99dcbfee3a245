//! Buffers: contiguous for the CPU, in pieces for everybody else.

use std::fmt;
use std::ops::RangeInclusive;
use std::ptr::NonNull;
use std::sync::Arc;

use ddi_dma::{DmaObject, PageList, View};

use super::frame_list::{FrameList, runs_of};
use super::{Mapping, Memory, MemoryError};

/// Where in physical memory a buffer may lie. Both ends are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Placement {
    /// Lowest address.
    pub lo: u64,
    /// Highest address.
    pub hi: u64,
}

impl Placement {
    /// Wherever there is memory.
    pub const ANYWHERE: Placement = Placement { lo: 0, hi: u64::MAX };
    /// Where ISA devices reach.
    pub const BELOW_16M: Placement = Placement { lo: 0, hi: (1 << 24) - 1 };
    /// Where ISA devices do not reach.
    pub const ABOVE_16M: Placement = Placement { lo: 1 << 24, hi: u64::MAX };
    /// Where 32-bit devices reach.
    pub const BELOW_4G: Placement = Placement { lo: 0, hi: (1 << 32) - 1 };
    /// Where 32-bit devices do not reach.
    pub const ABOVE_4G: Placement = Placement { lo: 1 << 32, hi: u64::MAX };

    /// The addresses.
    pub fn range(self) -> RangeInclusive<u64> {
        self.lo..=self.hi
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..={:#x}", self.lo, self.hi)
    }
}

/// How a buffer's pages lie in physical memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fragmentation {
    /// Side by side.
    Contiguous,
    /// Each elsewhere.
    Scattered,
    /// In runs of 1 to 16 pages, each run elsewhere.
    Mixed,
}

/// What a buffer is to be like.
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::{BufferSpec, Fragmentation, Machine, MachineConfig, Placement};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let spec = BufferSpec::new(10_000).offset(100).placement(Placement::ABOVE_4G);
/// let mut buffer = machine.buffer(&spec.fragmentation(Fragmentation::Scattered))?;
/// buffer.write(9_990, b"the end...")?;
/// assert!(buffer.pages().iter().all(|page| *page >= 1 << 32));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BufferSpec {
    /// Bytes.
    pub length: u64,
    /// Where in its first page the buffer starts.
    pub offset: u64,
    /// How the pages lie.
    pub fragmentation: Fragmentation,
    /// Where they may lie.
    pub placement: Placement,
}

impl BufferSpec {
    /// Describes a buffer of `length` bytes from the start of a page, its pages scattered anywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{BufferSpec, Fragmentation};
    ///
    /// assert_eq!(BufferSpec::new(512).fragmentation, Fragmentation::Scattered);
    /// ```
    pub const fn new(length: u64) -> Self {
        BufferSpec {
            length,
            offset: 0,
            fragmentation: Fragmentation::Scattered,
            placement: Placement::ANYWHERE,
        }
    }

    /// Starts the buffer `offset` bytes into its first page.
    #[must_use]
    pub const fn offset(self, offset: u64) -> Self {
        BufferSpec { offset, ..self }
    }

    /// Says how the pages lie.
    #[must_use]
    pub const fn fragmentation(self, fragmentation: Fragmentation) -> Self {
        BufferSpec { fragmentation, ..self }
    }

    /// Says where they may lie.
    #[must_use]
    pub const fn placement(self, placement: Placement) -> Self {
        BufferSpec { placement, ..self }
    }
}

/// Memory that is contiguous for the CPU and in pages for devices.
///
/// # Invariants
///
/// `pages` holds `offset + length` bytes, `mapping` maps exactly these pages, and both are this buffer's alone.
#[derive(Debug)]
pub struct Buffer {
    // First, so that it is dropped before the frames go back.
    mapping: Mapping,
    frames: FrameList,
    offset: u64,
    length: u64,
}

impl Buffer {
    /// Allocates frames and maps them.
    pub(crate) fn new(memory: &Arc<Memory>, spec: &BufferSpec) -> Result<Self, MemoryError> {
        let BufferSpec { length, offset, .. } = *spec;
        let frames = FrameList::new(memory, spec)?;
        let runs = runs_of(frames.pages(), memory.page_size());
        let mapped = memory.map(&runs);
        let mapping = mapped.map_err(|source| MemoryError::Map { mappings: runs.len(), source })?;
        Ok(Buffer { mapping, frames, offset, length })
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "a buffer has at least one byte")]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Where in its first page the buffer starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the CPU finds the first byte. The others follow it, until the buffer is dropped.
    ///
    /// Whoever reads or writes through it sees to it that nobody else accesses the same bytes meanwhile: not this
    /// buffer's other methods, nor a binding that is made, synchronised or ended, nor a device.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.mapping.at(self.offset)
    }

    /// The physical addresses of its pages, in order.
    pub fn pages(&self) -> &[u64] {
        self.frames.pages()
    }

    /// Copies bytes from `offset` of the buffer.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Range`] where not all of them are inside; `to` is then as it was.
    pub fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), MemoryError> {
        let at = self.place(offset, to.len())?;
        if self.mapping.read(at, to) { Ok(()) } else { Err(self.outside(offset, to.len())) }
    }

    /// Copies bytes to `offset` of the buffer.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Range`] where not all of them are inside; the buffer is then as it was.
    pub fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), MemoryError> {
        let at = self.place(offset, from.len())?;
        if self.mapping.write(at, from) { Ok(()) } else { Err(self.outside(offset, from.len())) }
    }

    /// All bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        let read = self.read(0, &mut bytes);
        debug_assert!(read.is_ok(), "the whole buffer is inside itself");
        bytes
    }

    /// Shows bytes that are inside the buffer; none where they are not.
    pub(super) fn view_of(&self, offset: u64, length: u64) -> View<'_> {
        let page_size = self.frames.page_size();
        let at = self.offset + offset;
        let pages = self.frames.pages().get((at / page_size) as usize..);
        let list = pages.and_then(|pages| PageList::new(pages, page_size, at % page_size, length));
        list.map_or(View::Extents(&[]), View::Pages)
    }

    /// Where a range of the buffer starts in its mapping.
    fn place(&self, offset: u64, length: usize) -> Result<u64, MemoryError> {
        match offset.checked_add(length as u64) {
            Some(end) if end <= self.length => Ok(self.offset + offset),
            _ => Err(self.outside(offset, length)),
        }
    }

    fn outside(&self, offset: u64, length: usize) -> MemoryError {
        MemoryError::Range { offset, end: offset.saturating_add(length as u64), length: self.length }
    }
}

// SAFETY: the frames belong to the buffer alone until it is dropped (invariant), and `pages` and `offset` never change,
// so the view stays; the mapping neither moves nor goes; no reference into it exists, since `read` and `write` copy;
// copies touch the range that they are given, moved by the offset of the first byte.
unsafe impl DmaObject for Buffer {
    fn view(&self) -> View<'_> {
        self.view_of(0, self.length)
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises that the range lies inside the object, so it lies inside the mapping.
        unsafe { self.mapping.copy_out(self.offset + offset, to, length as usize) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as in `copy_out`, and the caller promises that nobody else accesses these bytes.
        unsafe { self.mapping.copy_in(self.offset + offset, from, length as usize) }
    }
}
