//! Buffers: contiguous for the CPU, in pieces for everybody else.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ddi_dma::{DmaObject, PageList, View};

use super::frames::Frames;
use super::mapping::FileRun;
use super::{Mapping, Memory, MemoryError, RunRequest};

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

/// Frames that go back when dropped.
#[derive(Debug)]
struct FrameList {
    memory: Arc<Memory>,
    pages: Vec<u64>,
}

impl Buffer {
    /// Allocates frames and maps them.
    pub(crate) fn new(memory: &Arc<Memory>, spec: &BufferSpec) -> Result<Self, MemoryError> {
        let page_size = memory.page_size();
        let BufferSpec { length, offset, .. } = *spec;
        let end = offset.checked_add(length).and_then(|end| end.checked_next_multiple_of(page_size));
        let size = match end {
            Some(size) if length > 0 && offset < page_size => size,
            _ => return Err(MemoryError::Shape { length, offset, page_size }),
        };
        let mut frames = FrameList { memory: Arc::clone(memory), pages: Vec::new() };
        frames.fill(spec, size)?;
        let runs = runs_of(&frames.pages, page_size);
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

    /// The physical addresses of its pages, in order.
    pub fn pages(&self) -> &[u64] {
        &self.frames.pages
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
        let pages =
            PageList::new(&self.frames.pages, self.frames.memory.page_size(), self.offset, self.length);
        pages.map_or(View::Extents(&[]), View::Pages)
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

impl FrameList {
    /// Takes frames for `size` bytes.
    fn fill(&mut self, spec: &BufferSpec, size: u64) -> Result<(), MemoryError> {
        let page_size = self.memory.page_size();
        let range = spec.placement.range();
        let memory = Arc::clone(&self.memory);
        let mut frames = memory.frames();
        self.pages.reserve_exact((size / page_size).min(1 << 20) as usize);
        // `free` is what was free before this buffer took its first page.
        let short = |frames: &Frames, taken: usize| {
            let free = frames.free_general(&range);
            let taken = taken as u64 * page_size;
            MemoryError::Frames {
                asked: size,
                placement: spec.placement,
                free: free.total + taken,
                largest: free.largest,
                allowed: frames.allowed().saturating_add(taken),
            }
        };
        if spec.fragmentation == Fragmentation::Contiguous {
            let request =
                RunRequest { size, lo: *range.start(), hi: *range.end(), align: page_size, seg: u64::MAX };
            let start = frames.run(&request).ok_or_else(|| short(&frames, 0))?;
            self.pages.extend((start..start + size).step_by(page_size as usize));
            return Ok(());
        }
        let mut left = size / page_size;
        while left > 0 {
            let most = match spec.fragmentation {
                Fragmentation::Mixed => (frames.below(16) + 1).min(left),
                _ => 1,
            };
            let avoid = self.pages.last().map(|page| page + page_size);
            // What was taken so far goes back when the caller drops `self`.
            let found = frames.scatter(&range, most, avoid);
            let (start, count) = found.ok_or_else(|| short(&frames, self.pages.len()))?;
            self.pages.extend((0..count).map(|n| start + n * page_size));
            left -= count;
        }
        Ok(())
    }
}

impl Drop for FrameList {
    fn drop(&mut self) {
        for run in runs_of(&self.pages, self.memory.page_size()) {
            self.memory.release(run);
        }
    }
}

/// Merges neighbours.
fn runs_of(pages: &[u64], page_size: u64) -> Vec<FileRun> {
    let mut runs: Vec<FileRun> = Vec::with_capacity(pages.len());
    for page in pages {
        match runs.last_mut() {
            Some(run) if run.start + run.size == *page => run.size += page_size,
            _ => runs.push(FileRun { start: *page, size: page_size }),
        }
    }
    runs
}
