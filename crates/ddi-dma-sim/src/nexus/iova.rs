//! The I/O address allocator: ranges of an IOMMU's address space.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::config::ConfigError;
use crate::memory::RunRequest;

/// Free ranges of I/O addresses.
///
/// # Invariants
///
/// Ranges are whole pages, not empty, and never touch each other.
#[derive(Debug)]
pub(super) struct IovaSpace {
    page: u64,
    /// Start to end (exclusive).
    free: BTreeMap<u64, u64>,
}

impl IovaSpace {
    /// All whole pages of `space` but page 0.
    pub(super) fn new(space: &RangeInclusive<u64>, page: u64) -> Result<Self, ConfigError> {
        const END: u64 = 1 << 62;
        let (first, last) = (*space.start(), *space.end());
        let start = first.checked_next_multiple_of(page).map(|start| start.max(page));
        let end = last.checked_add(1).filter(|end| *end <= END).map(|end| end - end % page);
        match (start, end) {
            (Some(start), Some(end)) if start < end => {
                Ok(IovaSpace { page, free: BTreeMap::from([(start, end)]) })
            }
            _ => Err(ConfigError::IommuSpace { start: first, end: last }),
        }
    }

    /// Takes a range as high as the request allows.
    pub(super) fn take(&mut self, request: &RunRequest) -> Option<u64> {
        let behind = request.hi.saturating_add(1);
        let found = self.free.range(..behind).rev().find_map(|(start, end)| {
            let (lo, hi) = ((*start).max(request.lo), (*end).min(behind));
            self.highest(request, lo, hi).map(|at| (*start, *end, at))
        });
        let (start, end, at) = found?;
        self.free.remove(&start);
        if start < at {
            self.free.insert(start, at);
        }
        if at + request.size < end {
            self.free.insert(at + request.size, end);
        }
        Some(at)
    }

    /// Gives a range back.
    pub(super) fn give_back(&mut self, start: u64, size: u64) {
        let (mut from, mut to) = (start, start + size);
        let before = self.free.range(..start).next_back().filter(|(_, end)| **end == start);
        if let Some(before) = before.map(|(before, _)| *before) {
            self.free.remove(&before);
            from = before;
        }
        if let Some(end) = self.free.remove(&to) {
            to = end;
        }
        self.free.insert(from, to);
    }

    /// Bytes free within `lo..=hi`, and of the largest range there.
    pub(super) fn free(&self, lo: u64, hi: u64) -> (u64, u64) {
        let behind = hi.saturating_add(1);
        let sizes = self.free.range(..behind).map(|(s, e)| (*e).min(behind).saturating_sub((*s).max(lo)));
        sizes.fold((0, 0), |(total, largest), size| (total + size, largest.max(size)))
    }

    /// The highest place for the request in `lo..hi`.
    fn highest(&self, request: &RunRequest, lo: u64, hi: u64) -> Option<u64> {
        let step = request.step(self.page);
        let mut end = hi;
        loop {
            let at = end.checked_sub(request.size)?;
            let at = at - at % step;
            if at < lo {
                return None;
            }
            match request.crossed(at) {
                Some(boundary) => end = boundary,
                None => return Some(at),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: RunRequest = RunRequest { size: 0x1000, lo: 0, hi: u64::MAX, align: 1, seg: u64::MAX };

    #[test]
    fn takes_from_the_top_and_merges_what_comes_back() {
        let mut space = IovaSpace::new(&(0..=0xFFFF), 0x1000).unwrap();
        assert_eq!(space.free(0, u64::MAX), (0xF000, 0xF000));
        let first = space.take(&REQUEST).unwrap();
        let second = space.take(&RunRequest { size: 0x2000, ..REQUEST }).unwrap();
        assert_eq!((first, second), (0xF000, 0xD000));
        space.give_back(first, 0x1000);
        assert_eq!(space.free(0, u64::MAX), (0xD000, 0xC000));
        space.give_back(second, 0x2000);
        assert_eq!(space.free.len(), 1);
    }

    #[test]
    fn page_0_is_never_handed_out() {
        let mut space = IovaSpace::new(&(0..=0x1FFF), 0x1000).unwrap();
        assert_eq!(space.take(&REQUEST), Some(0x1000));
        assert_eq!(space.take(&REQUEST), None);
    }

    #[test]
    fn a_range_that_fits_a_segment_does_not_cross_one() {
        let mut space = IovaSpace::new(&(0..=0x10_0FFF), 0x1000).unwrap();
        let request = RunRequest { size: 0x2000, seg: 0xFFFF, ..REQUEST };
        assert_eq!(space.take(&request), Some(0xF_E000));
        let large = RunRequest { size: 0x1_8000, seg: 0xFFFF, ..REQUEST };
        assert_eq!(space.take(&large).unwrap() % 0x1_0000, 0);
    }

    #[test]
    fn both_ends_of_the_reach_hold() {
        let mut space = IovaSpace::new(&(0..=0xFFFF_FFFF), 0x1000).unwrap();
        let request = RunRequest { size: 0x3000, lo: 0x4000, hi: 0x7FFF, align: 0x2000, ..REQUEST };
        assert_eq!(space.take(&request), Some(0x4000));
        assert_eq!(space.take(&request), None);
        assert_eq!(space.free(0x4000, 0x7FFF), (0x1000, 0x1000));
    }

    const PAGE: u64 = 0x1000;

    /// A space as a list of pages, each of which is free or not.
    struct Model {
        first: u64,
        free: Vec<bool>,
    }

    impl Model {
        /// The highest place that keeps every limit, tried page by page from the top.
        fn highest(&self, request: &RunRequest) -> Option<u64> {
            let pages = (request.size / PAGE) as usize;
            let places = self.free.len().checked_sub(pages)?;
            (0..=places).rev().find_map(|page| {
                let at = self.first + page as u64 * PAGE;
                let last = at + (request.size - 1);
                let free = self.free[page..page + pages].iter().all(|free| *free);
                let within = at >= request.lo && last <= request.hi && at.is_multiple_of(request.align);
                let segments = request.seg.checked_add(1);
                // Too large for a segment, it starts at one; else it lies in one.
                let cut = segments.is_some_and(|size| match request.size <= size {
                    true => at / size != last / size,
                    false => !at.is_multiple_of(size),
                });
                (free && within && !cut).then_some(at)
            })
        }

        fn hand_out(&mut self, at: u64, size: u64) {
            let pages = self.pages(at, size);
            assert!(pages.iter().all(|free| *free), "a page was handed out twice");
            pages.fill(false);
        }

        fn take_back(&mut self, at: u64, size: u64) {
            let pages = self.pages(at, size);
            assert!(pages.iter().all(|free| !*free), "a page came back twice");
            pages.fill(true);
        }

        fn pages(&mut self, at: u64, size: u64) -> &mut [bool] {
            let page = ((at - self.first) / PAGE) as usize;
            &mut self.free[page..page + (size / PAGE) as usize]
        }

        /// Bytes free in `lo..=hi` and of the longest run there, byte ranges clipped.
        fn free(&self, lo: u64, hi: u64) -> (u64, u64) {
            let (mut total, mut largest, mut run) = (0, 0, 0);
            for (page, free) in (0..).zip(&self.free) {
                let start = (self.first + page * PAGE).max(lo);
                let end = (self.first + (page + 1) * PAGE).min(hi.saturating_add(1));
                let size = if *free { end.saturating_sub(start) } else { 0 };
                run = if *free { run + size } else { 0 };
                total += size;
                largest = largest.max(run);
            }
            (total, largest)
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(RunRequest),
        GiveBack(prop::sample::Index),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let limit = prop_oneof![Just(0), Just(u64::MAX), 0xFF00_0000u64..0xFF04_0000];
        let seg = prop_oneof![Just(u64::MAX), (12u32..20).prop_map(|bits| (1 << bits) - 1)];
        let take = (1u64..12, limit.clone(), limit, 0u32..17, seg).prop_map(|(pages, a, b, align, seg)| {
            let (size, align) = (pages * PAGE, 1 << align);
            Step::Take(RunRequest { size, lo: a.min(b), hi: a.max(b), align, seg })
        });
        let anywhere = (1u64..12).prop_map(|pages| {
            Step::Take(RunRequest { size: pages * PAGE, lo: 0, hi: u64::MAX, align: 1, seg: u64::MAX })
        });
        let back = any::<prop::sample::Index>().prop_map(Step::GiveBack);
        prop::collection::vec(prop_oneof![3 => take, 2 => anywhere, 3 => back], 1..80)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_allocator_does_what_a_search_over_all_pages_does(pages in 1u64..64, steps in steps()) {
            let first = 0xFF00_0000;
            let mut model = Model { first, free: vec![true; pages as usize] };
            let mut space = IovaSpace::new(&(first..=first + pages * PAGE - 1), PAGE).unwrap();
            let mut held: Vec<(u64, u64)> = Vec::new();
            for step in steps {
                match step {
                    Step::Take(request) => {
                        let expected = model.highest(&request);
                        let taken = space.take(&request);
                        prop_assert_eq!(taken, expected, "{:x?}", request);
                        if let Some(at) = taken {
                            model.hand_out(at, request.size);
                            held.push((at, request.size));
                        }
                    }
                    Step::GiveBack(_) if held.is_empty() => {}
                    Step::GiveBack(index) => {
                        let (at, size) = held.swap_remove(index.index(held.len()));
                        model.take_back(at, size);
                        space.give_back(at, size);
                    }
                }
                for (lo, hi) in [(0, u64::MAX), (first + 0x1800, first + 0x8FFF)] {
                    prop_assert_eq!(space.free(lo, hi), model.free(lo, hi));
                }
            }
            for (at, size) in held {
                space.give_back(at, size);
            }
            prop_assert_eq!(space.free.into_iter().collect::<Vec<_>>(), [(first, first + pages * PAGE)]);
        }
    }
}
