//! Frames that somebody holds, in the order of the pages that they stand for.

use std::ops::Range;
use std::sync::Arc;

use super::buffer::{BufferSpec, Fragmentation};
use super::frames::Frames;
use super::mapping::FileRun;
use super::{Memory, MemoryError, RunRequest};

/// Frames that go back when dropped.
///
/// # Invariants
///
/// The frames are this list's alone.
#[derive(Debug)]
pub(super) struct FrameList {
    memory: Arc<Memory>,
    pages: Vec<u64>,
}

impl FrameList {
    /// Takes frames for what is described, the pages that it touches.
    pub(super) fn new(memory: &Arc<Memory>, spec: &BufferSpec) -> Result<Self, MemoryError> {
        let page_size = memory.page_size();
        let BufferSpec { length, offset, .. } = *spec;
        let end = offset.checked_add(length).and_then(|end| end.checked_next_multiple_of(page_size));
        let size = match end {
            Some(size) if length > 0 && offset < page_size => size,
            _ => return Err(MemoryError::Shape { length, offset, page_size }),
        };
        let mut frames = FrameList { memory: Arc::clone(memory), pages: Vec::new() };
        frames.fill(spec, size)?;
        Ok(frames)
    }

    /// Gives pages back, by their numbers, into whose frames nobody has written. Numbers without a page name none.
    pub(super) fn give_back_blank(&mut self, pages: Range<usize>) {
        let end = pages.end.min(self.pages.len());
        let start = pages.start.min(end);
        for run in runs_of(&self.pages[start..end], self.page_size()) {
            self.memory.release_blank(run);
        }
        self.pages.drain(start..end);
    }

    /// The physical addresses of the pages, in order.
    pub(super) fn pages(&self) -> &[u64] {
        &self.pages
    }

    /// Bytes of a page.
    pub(super) fn page_size(&self) -> u64 {
        self.memory.page_size()
    }

    /// The memory whose frames they are.
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

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
        for run in runs_of(&self.pages, self.page_size()) {
            self.memory.release(run);
        }
    }
}

/// Merges neighbours.
pub(super) fn runs_of(pages: &[u64], page_size: u64) -> Vec<FileRun> {
    let mut runs: Vec<FileRun> = Vec::with_capacity(pages.len());
    for page in pages {
        match runs.last_mut() {
            Some(run) if run.start + run.size == *page => run.size += page_size,
            _ => runs.push(FileRun { start: *page, size: page_size }),
        }
    }
    runs
}
