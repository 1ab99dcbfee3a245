//! Physical frames: which are free.

use core::iter;

use super::{IDENTITY, PAGE};

/// Frames that the map knows.
const COUNT: usize = (IDENTITY / PAGE) as usize;

/// How far the search for a scattered frame jumps: more than one, and without a common divisor with the number of frames,
/// so that it comes past all of them.
const STRIDE: usize = 5003;

/// A run of contiguous frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRun {
    /// Physical address of the first byte, a multiple of the page size.
    pub start: u64,
    /// Bytes, a multiple of the page size.
    pub size: u64,
}

impl FrameRun {
    /// The address of each frame.
    pub fn frames(self) -> impl Iterator<Item = u64> {
        (0..self.size / PAGE).map(move |frame| self.start + frame * PAGE)
    }

    /// The numbers of the frames.
    fn numbers(self) -> core::ops::Range<usize> {
        let first = (self.start / PAGE) as usize;
        first..first + (self.size / PAGE) as usize
    }
}

/// Which run is wanted.
#[derive(Debug, Clone, Copy)]
pub struct RunRequest {
    /// Bytes, a multiple of the page size.
    pub size: u64,
    /// Lowest address.
    pub lo: u64,
    /// Highest address, inclusive.
    pub hi: u64,
    /// The run starts at a multiple of this power of two.
    pub align: u64,
    /// It crosses no multiple of this plus one, unless it starts at one.
    pub seg: u64,
}

/// Which frames are free.
pub(super) struct Frames {
    /// A bit a frame, set where it is free.
    free: [u64; COUNT / 64],
    /// Where the search for a scattered frame goes on.
    next: usize,
}

impl Frames {
    /// No frame is free.
    pub(super) const fn empty() -> Self {
        Frames { free: [0; COUNT / 64], next: 0 }
    }

    /// Makes frames free.
    pub(super) fn release(&mut self, run: FrameRun) {
        run.numbers().for_each(|number| self.free[number / 64] |= 1 << (number % 64));
    }

    /// Takes a frame at or above `lo` that is no neighbour of the one taken before.
    pub(super) fn take_scattered(&mut self, lo: u64) -> Option<u64> {
        let mut from_here = iter::successors(Some(self.next), |number| Some((number + STRIDE) % COUNT));
        let lowest = (lo / PAGE) as usize;
        let found =
            from_here.by_ref().take(COUNT).find(|&number| number >= lowest && self.is_free(number))?;
        self.next = (found + STRIDE) % COUNT;
        let frame = FrameRun { start: found as u64 * PAGE, size: PAGE };
        self.take(frame);
        Some(frame.start)
    }

    /// Takes the lowest run that meets the request.
    pub(super) fn take_run(&mut self, request: &RunRequest) -> Option<FrameRun> {
        let run = self.find(request)?;
        self.take(run);
        Some(run)
    }

    /// Free bytes between two addresses, both inclusive: in all, and in the largest run.
    pub(super) fn free_within(&self, lo: u64, hi: u64) -> (u64, u64) {
        let first = lo.div_ceil(PAGE).min(COUNT as u64) as usize;
        let end = (hi.saturating_add(1) / PAGE).min(COUNT as u64) as usize;
        let (mut all, mut run, mut largest) = (0, 0, 0);
        for number in first..end {
            run = if self.is_free(number) { run + PAGE } else { 0 };
            all += if self.is_free(number) { PAGE } else { 0 };
            largest = largest.max(run);
        }
        (all, largest)
    }

    fn find(&self, request: &RunRequest) -> Option<FrameRun> {
        let RunRequest { size, lo, hi, align, seg } = *request;
        let mut start = lo.checked_next_multiple_of(align.max(PAGE))?;
        loop {
            let last = start.checked_add(size.checked_sub(1)?)?;
            if last > hi || last >= IDENTITY {
                return None;
            }
            let run = FrameRun { start, size };
            if start & seg != 0 && start & !seg != last & !seg {
                start = (start | seg).checked_add(1)?.checked_next_multiple_of(align.max(PAGE))?;
            } else if let Some(taken) = run.numbers().rev().find(|&number| !self.is_free(number)) {
                start = (taken as u64 + 1) * PAGE;
                start = start.checked_next_multiple_of(align.max(PAGE))?;
            } else {
                return Some(run);
            }
        }
    }

    fn take(&mut self, run: FrameRun) {
        run.numbers().for_each(|number| self.free[number / 64] &= !(1 << (number % 64)));
    }

    fn is_free(&self, number: usize) -> bool {
        self.free.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}
