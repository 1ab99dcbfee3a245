//! The page-frame allocator: which frames are free, and which one comes next.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a contiguous run of frames must be like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunRequest {
    /// Bytes, a multiple of the page size.
    pub(crate) size: u64,
    /// Lowest address of any byte.
    pub(crate) lo: u64,
    /// Highest address of any byte.
    pub(crate) hi: u64,
    /// The run starts at a multiple of this power of two.
    pub(crate) align: u64,
    /// The run crosses no multiple of this plus one, unless it starts at one.
    pub(crate) seg: u64,
}

impl RunRequest {
    /// Distance between addresses where the run may start, for a run that must start at boundaries included.
    pub(crate) fn step(&self, page: u64) -> u64 {
        let step = self.align.max(page);
        if self.fits_segment() { step } else { step.max(self.seg.saturating_add(1)) }
    }

    /// The boundary that a run at `start` would cross, if it would.
    pub(crate) fn crossed(&self, start: u64) -> Option<u64> {
        let last = start + (self.size - 1);
        let crosses = self.fits_segment() && (start ^ last) & !self.seg != 0;
        crosses.then_some(last & !self.seg)
    }

    fn fits_segment(&self) -> bool {
        self.size - 1 <= self.seg
    }
}

/// What is free of the frames in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Free {
    /// Bytes in all.
    pub(crate) total: u64,
    /// Bytes of the largest run.
    pub(crate) largest: u64,
}

/// Who may take frames of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Anybody.
    General,
    /// Copy buffers alone.
    DmaPool,
}

/// The frames of the machine's memory.
#[derive(Debug)]
pub(crate) struct Frames {
    page: u64,
    regions: Vec<Region>,
    limit: u64,
    used: u64,
    rng: ChaCha8Rng,
}

impl Frames {
    /// All `regions` free but for the frame at address 0, which is never handed out.
    pub(crate) fn new(page: u64, regions: &[(Range<u64>, Purpose)], limit: u64, seed: u64) -> Self {
        let mut regions: Vec<Region> =
            regions.iter().map(|(range, purpose)| Region::new(range, *purpose, page)).collect();
        if let Some(region) = regions.first_mut().filter(|region| region.first == 0 && region.count > 0) {
            region.take(0..1);
        }
        Frames { page, regions, limit: limit / page, used: 0, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        self.used * self.page
    }

    /// Bytes that the limit still allows.
    pub(crate) fn allowed(&self) -> u64 {
        (self.limit - self.used.min(self.limit)) * self.page
    }

    /// What buffers could still have of `range`.
    pub(crate) fn free_general(&self, range: &RangeInclusive<u64>) -> Free {
        self.free(range, &[Purpose::General])
    }

    /// What copy buffers could still have of `range`.
    pub(crate) fn free_any(&self, range: &RangeInclusive<u64>) -> Free {
        self.free(range, &[Purpose::General, Purpose::DmaPool])
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.rng.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Takes up to `most` frames side by side from a random place: their address and how many.
    ///
    /// Fewer than `most` where the frame behind is taken. `avoid` is a frame address not to start at where another
    /// choice exists.
    pub(crate) fn scatter(
        &mut self,
        range: &RangeInclusive<u64>,
        most: u64,
        avoid: Option<u64>,
    ) -> Option<(u64, u64)> {
        let most = most.min(self.limit.saturating_sub(self.used));
        if most == 0 {
            return None;
        }
        for index in self.order(range) {
            let within = self.regions[index].clip(range, self.page);
            let avoid = avoid.map(|address| address / self.page);
            let Some(frame) = self.pick(index, within.clone(), avoid) else { continue };
            let region = &mut self.regions[index];
            let mut end = frame + 1;
            while end < within.end && end - frame < most && !region.is_used(end) {
                end += 1;
            }
            region.take(frame..end);
            let address = (region.first + frame) * self.page;
            self.used += end - frame;
            return Some((address, end - frame));
        }
        None
    }

    /// Takes a contiguous run for a buffer, from a random place.
    pub(crate) fn run(&mut self, request: &RunRequest) -> Option<u64> {
        let order = self.order(&(request.lo..=request.hi));
        order.into_iter().find_map(|index| {
            let count = self.regions[index].count;
            let from = self.below(count.max(1));
            self.take_run(index, request, from).or_else(|| self.take_run(index, request, 0))
        })
    }

    /// Takes a contiguous run for a copy buffer: high memory first, the pool last.
    pub(crate) fn pool_run(&mut self, request: &RunRequest) -> Option<u64> {
        let mut order: Vec<usize> = (0..self.regions.len()).rev().collect();
        order.sort_by_key(|index| self.regions[*index].purpose == Purpose::General && request.hi < 1 << 24);
        order.into_iter().find_map(|index| self.take_run(index, request, 0))
    }

    /// Gives `count` frames from `address` back, from all regions that they lie in.
    pub(crate) fn release(&mut self, address: u64, count: u64) {
        let (frame, end) = (address / self.page, address / self.page + count);
        for region in &mut self.regions {
            let (from, to) = (frame.max(region.first), end.min(region.first + region.count));
            if from < to {
                region.give(from - region.first..to - region.first);
                self.used -= to - from;
            }
        }
    }

    /// The regions that a buffer may lie in, shuffled: those with room first, so that none is drained by chance.
    fn order(&mut self, range: &RangeInclusive<u64>) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.regions.len())
            .filter(|index| {
                let region = &self.regions[*index];
                region.purpose == Purpose::General
                    && region.free > 0
                    && !region.clip(range, self.page).is_empty()
            })
            .collect();
        for at in (1..order.len()).rev() {
            let with = self.below(at as u64 + 1) as usize;
            order.swap(at, with);
        }
        order.sort_by_key(|index| self.regions[*index].free * 2 < self.regions[*index].count);
        order
    }

    /// A free frame at random: some tries, then the next free one behind the last try.
    fn pick(&mut self, index: usize, within: Range<u64>, avoid: Option<u64>) -> Option<u64> {
        const TRIES: usize = 16;
        let span = within.end - within.start;
        let mut last = within.start;
        for _ in 0..TRIES {
            last = within.start + self.below(span);
            let region = &self.regions[index];
            if !region.is_used(last) && avoid != Some(region.first + last) {
                return Some(last);
            }
        }
        let region = &self.regions[index];
        region.next_free(last..within.end).or_else(|| region.next_free(within.start..last))
    }

    fn take_run(&mut self, index: usize, request: &RunRequest, from: u64) -> Option<u64> {
        let count = request.size / self.page;
        if count > self.limit.saturating_sub(self.used) {
            return None;
        }
        let region = &mut self.regions[index];
        let within = region.clip(&(request.lo..=request.hi), self.page);
        let first = region.first;
        let step = request.step(self.page);
        let mut frame = within.start.max(from);
        loop {
            let start = ((first + frame) * self.page).checked_next_multiple_of(step)?;
            frame = start / self.page - first;
            let end = frame.checked_add(count).filter(|end| *end <= within.end)?;
            if let Some(boundary) = request.crossed(start) {
                frame = (boundary / self.page).saturating_sub(first).max(frame + 1);
                continue;
            }
            match (frame..end).rev().find(|frame| region.is_used(*frame)) {
                Some(taken) => frame = taken + 1,
                None => {
                    region.take(frame..end);
                    self.used += count;
                    return Some(start);
                }
            }
        }
    }

    fn free(&self, range: &RangeInclusive<u64>, purposes: &[Purpose]) -> Free {
        let mut free = Free::default();
        for region in self.regions.iter().filter(|region| purposes.contains(&region.purpose)) {
            let mut run = 0;
            for frame in region.clip(range, self.page) {
                run = if region.is_used(frame) { 0 } else { run + 1 };
                free.total += u64::from(run > 0) * self.page;
                free.largest = free.largest.max(run * self.page);
            }
        }
        free
    }
}

/// A stretch of memory without holes.
struct Region {
    /// Number of the first frame.
    first: u64,
    count: u64,
    purpose: Purpose,
    free: u64,
    /// One bit a frame, set where it is in use.
    used: Vec<u64>,
}

impl fmt::Debug for Region {
    /// Leaves the bits out: there is one a frame.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Region { first, count, free, purpose, used: _ } = self;
        f.debug_struct("Region")
            .field("first", first)
            .field("count", count)
            .field("free", free)
            .field("purpose", purpose)
            .finish_non_exhaustive()
    }
}

impl Region {
    fn new(range: &Range<u64>, purpose: Purpose, page: u64) -> Self {
        let (first, count) = (range.start / page, (range.end - range.start) / page);
        Region { first, count, purpose, free: count, used: vec![0; count.div_ceil(64) as usize] }
    }

    /// The frames that lie in `range` with all their bytes, counted from the region's start.
    fn clip(&self, range: &RangeInclusive<u64>, page: u64) -> Range<u64> {
        let lo = range.start().div_ceil(page).max(self.first);
        let behind = range.end().checked_add(1).map_or(u64::MAX / page, |end| end / page);
        let hi = behind.min(self.first + self.count);
        lo - self.first..hi.max(lo) - self.first
    }

    fn is_used(&self, frame: u64) -> bool {
        self.used[(frame / 64) as usize] >> (frame % 64) & 1 != 0
    }

    fn next_free(&self, mut within: Range<u64>) -> Option<u64> {
        within.find(|frame| !self.is_used(*frame))
    }

    fn take(&mut self, frames: Range<u64>) {
        self.free -= frames.end - frames.start;
        for frame in frames {
            self.used[(frame / 64) as usize] |= 1 << (frame % 64);
        }
    }

    fn give(&mut self, frames: Range<u64>) {
        self.free += frames.end - frames.start;
        for frame in frames {
            self.used[(frame / 64) as usize] &= !(1 << (frame % 64));
        }
    }
}
