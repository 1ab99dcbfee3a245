//! Which physical memory of a pool is free: numbers alone.

use std::collections::BTreeMap;

use ddi_dma::MemRequest;

/// Free runs of physical memory.
///
/// # Invariants
///
/// `free` holds runs (first address to bytes) that neither overlap nor touch, all inside what the pool was made of.
#[derive(Debug)]
pub(super) struct Pool {
    /// What is taken starts at a multiple of this.
    page: u64,
    free: BTreeMap<u64, u64>,
}

/// What a pool has for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes in all.
    pub(super) free: u64,
    /// The longest run.
    pub(super) largest: u64,
}

impl Pool {
    /// A pool of nothing, for requests of whole pages.
    pub(super) fn new(page: u64) -> Self {
        Pool { page, free: BTreeMap::new() }
    }

    /// Takes the highest memory that meets the request: low memory is for those who reach no other.
    pub(super) fn take(&mut self, request: &MemRequest<'_>) -> Option<u64> {
        let runs = self.free.iter().rev();
        let (start, size, at) = runs
            .filter_map(|(&start, &size)| Some((start, size, place(start, size, self.page, request)?)))
            .next()?;
        let end = at + request.size;
        self.free.remove(&start);
        if start < at {
            self.free.insert(start, at - start);
        }
        if end < start + size {
            self.free.insert(end, start + size - end);
        }
        Some(at)
    }

    /// Gives memory to the pool: what it is made of, or what was taken.
    pub(super) fn give(&mut self, start: u64, size: u64) {
        let (mut start, mut end) = (start, start + size);
        if let Some((&before, &bytes)) = self.free.range(..start).next_back()
            && before + bytes == start
        {
            start = before;
        }
        if let Some(bytes) = self.free.remove(&end) {
            end += bytes;
        }
        self.free.insert(start, end - start);
    }

    /// What is free between two addresses, both inclusive.
    pub(super) fn room(&self, addr_lo: u64, addr_hi: u64) -> Room {
        let within = self.free.iter().map(|(&start, &size)| {
            let (first, last) = (start.max(addr_lo), (start + (size - 1)).min(addr_hi));
            last.checked_sub(first).map_or(0, |bytes| bytes + 1)
        });
        within.fold(Room { free: 0, largest: 0 }, |room, bytes| Room {
            free: room.free + bytes,
            largest: room.largest.max(bytes),
        })
    }

    #[cfg(test)]
    fn runs(&self) -> Vec<(u64, u64)> {
        self.free.iter().map(|(&start, &size)| (start, size)).collect()
    }
}

/// The highest place in a run that meets the request.
fn place(start: u64, size: u64, page: u64, request: &MemRequest<'_>) -> Option<u64> {
    let MemRequest { size: wanted, align, seg, attr } = *request;
    let align = align.max(page);
    let first = start.max(attr.addr_lo);
    let end = (start + (size - 1)).min(attr.addr_hi).checked_add(1)?;
    let down = |at: u64, step: u64| at - at % step;
    let fits = |at: &u64| *at >= first;
    let at = Some(down(end.checked_sub(wanted)?, align)).filter(fits)?;
    let Some(step) = seg.checked_add(1) else { return Some(at) };
    let boundary = down(at + (wanted - 1), step);
    if boundary <= at {
        return Some(at);
    }
    // It crosses a boundary: it ends there, or starts at one.
    let before = boundary
        .checked_sub(wanted)
        .map(|at| down(at, align))
        .filter(|at| at & !seg == (at + (wanted - 1)) & !seg);
    let starting = Some(down(at, align.max(step)));
    before.filter(fits).max(starting.filter(fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ddi_dma::DmaAttr;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const PAGE: u64 = 0x1000;

    #[derive(Debug, Clone)]
    struct Asked {
        pages: u64,
        align: u64,
        seg: u64,
        addr_lo: u64,
        addr_hi: u64,
    }

    impl Asked {
        fn attr(&self) -> DmaAttr {
            let &Asked { align, seg, addr_lo, addr_hi, .. } = self;
            DmaAttr { align, seg, addr_lo, addr_hi, ..DmaAttr::UNRESTRICTED }
        }

        fn allows(&self, at: u64) -> bool {
            let (size, last) = (self.pages * PAGE, at + self.pages * PAGE - 1);
            let crosses = size > 0 && (at & !self.seg != last & !self.seg) && at & self.seg != 0;
            at.is_multiple_of(self.align) && at >= self.addr_lo && last <= self.addr_hi && !crosses
        }
    }

    fn asked() -> impl Strategy<Value = Asked> {
        let range = (0u64..64, 0u64..64);
        let pieces = (1u64..9, 9u32..17, prop_oneof![12u32..17, Just(64)], range);
        pieces.prop_map(|(pages, align, seg, (a, b))| Asked {
            pages,
            align: 1 << align,
            seg: 1u64.checked_shl(seg).map_or(u64::MAX, |size| size - 1),
            addr_lo: a.min(b) * PAGE,
            addr_hi: (a.max(b) + 1) * PAGE - 1,
        })
    }

    proptest! {
        #[test]
        fn what_is_given_is_free_and_as_asked_and_what_is_refused_is_not_there(
            holes in vec(any::<bool>(), 64),
            steps in vec((asked(), any::<proptest::sample::Index>(), any::<bool>()), 1..40),
        ) {
            let mut pool = Pool::new(PAGE);
            let mut free: Vec<bool> = holes;
            for (page, _) in free.iter().enumerate().filter(|(_, free)| **free) {
                pool.give(page as u64 * PAGE, PAGE);
            }
            let start = pool.runs();
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (asked, which, gives) in steps {
                if gives && !taken.is_empty() {
                    let (at, pages) = taken.swap_remove(which.index(taken.len()));
                    pool.give(at, pages * PAGE);
                    (at / PAGE..at / PAGE + pages).for_each(|page| free[page as usize] = true);
                    continue;
                }
                let is_free = |at: u64| (at / PAGE..at / PAGE + asked.pages)
                    .all(|page| free.get(page as usize).copied().unwrap_or(false));
                let highest = (0..64).rev().map(|page| page * PAGE).find(|at| is_free(*at) && asked.allows(*at));
                let attr = asked.attr();
                let request = MemRequest { size: asked.pages * PAGE, align: attr.align, seg: attr.seg, attr: &attr };
                let found = pool.take(&request);
                if let Some(at) = found {
                    prop_assert!(is_free(at) && asked.allows(at), "{asked:x?} at {at:#x}");
                    (at / PAGE..at / PAGE + asked.pages).for_each(|page| free[page as usize] = false);
                    taken.push((at, asked.pages));
                }
                prop_assert_eq!(found, highest, "{:x?}", asked);
            }
            taken.drain(..).for_each(|(at, pages)| pool.give(at, pages * PAGE));
            prop_assert_eq!(pool.runs(), start);
        }
    }

    #[test]
    fn low_memory_is_kept_for_those_who_reach_no_other() {
        let mut pool = Pool::new(PAGE);
        pool.give(0x10_0000, 0x2000);
        pool.give(0x1_0000_0000, 0x2000);
        let anywhere = DmaAttr::UNRESTRICTED;
        let isa = DmaAttr { addr_hi: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED };
        let of = |attr| MemRequest { size: PAGE, align: 1, seg: u64::MAX, attr };
        assert_eq!(pool.take(&of(&anywhere)), Some(0x1_0000_1000));
        assert_eq!(pool.take(&of(&isa)), Some(0x10_1000));
        assert_eq!(pool.room(0, 0xFF_FFFF), Room { free: 0x1000, largest: 0x1000 });
        assert_eq!(pool.take(&of(&isa)), Some(0x10_0000));
        assert_eq!(pool.take(&of(&isa)), None);
        assert_eq!(pool.room(0, 0xFF_FFFF), Room { free: 0, largest: 0 });
    }

    #[test]
    fn memory_at_the_very_top_is_no_overflow() {
        let mut pool = Pool::new(PAGE);
        pool.give(u64::MAX - 0x1FFF, 0x1000);
        let attr = DmaAttr::UNRESTRICTED;
        let request = MemRequest { size: PAGE, align: 1, seg: u64::MAX, attr: &attr };
        assert_eq!(pool.take(&request), Some(u64::MAX - 0x1FFF));
    }
}
