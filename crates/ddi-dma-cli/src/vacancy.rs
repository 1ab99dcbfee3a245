//! Where a copy run can stand: the addresses that an engine reaches, without those that are taken.

use ddi_dma::DmaAttr;

/// Holes in an engine's reach. Both ends of every range are inclusive, so that one may end at 2^64 - 1.
#[derive(Debug)]
pub(crate) struct Vacancy {
    holes: Vec<(u64, u64)>,
    align: u64,
    seg: u64,
}

impl Vacancy {
    /// Finds the holes that `taken`, (first, last) address of each stretch in any order, leaves of the reach.
    pub(crate) fn new(attr: &DmaAttr, taken: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut taken: Vec<(u64, u64)> = taken.into_iter().collect();
        taken.sort_unstable();
        let mut holes = Vec::new();
        let mut free = Some(attr.addr_lo);
        for (first, last) in taken {
            let Some(from) = free else { break };
            if first > attr.addr_hi {
                break;
            }
            if first > from {
                holes.push((from, first - 1));
            }
            if last >= from {
                free = last.checked_add(1);
            }
        }
        if let Some(from) = free.filter(|from| *from <= attr.addr_hi) {
            holes.push((from, attr.addr_hi));
        }
        Vacancy { holes, align: attr.align, seg: attr.seg }
    }

    /// Finds the lowest place for a copy run of `room` bytes that [`ddi_dma::plan::Plan::place`] accepts.
    pub(crate) fn find(&self, room: u64) -> Option<u64> {
        let fits = |base: u64, most: u64| (room <= most).then_some(base);
        self.places().find_map(|(base, most)| fits(base, most))
    }

    /// Bytes of the largest copy run that has a place.
    pub(crate) fn largest(&self) -> u64 {
        self.places().map(|(_, most)| most).max().unwrap_or(0)
    }

    /// Bytes of all holes together, 2^64 - 1 at most.
    pub(crate) fn total(&self) -> u64 {
        self.holes.iter().fold(0, |sum, (first, last)| sum.saturating_add(span(*first, *last)))
    }

    /// Every place worth trying, with the bytes that a copy run may have there.
    ///
    /// A run starts at a multiple of align, and either crosses no multiple of seg + 1 or starts at one.
    fn places(&self) -> impl Iterator<Item = (u64, u64)> {
        self.holes.iter().flat_map(|&(first, last)| {
            let within = first.checked_next_multiple_of(self.align).filter(|base| *base <= last);
            let within = within.map(|base| (base, span(base, last.min(base | self.seg))));
            let step = self.seg.checked_add(1).map(|boundary| boundary.max(self.align));
            let from_boundary = step.and_then(|step| first.checked_next_multiple_of(step));
            let from_boundary =
                from_boundary.filter(|base| *base <= last).map(|base| (base, span(base, last)));
            within.into_iter().chain(from_boundary)
        })
    }
}

/// Bytes of `first..=last`, 2^64 - 1 at most.
fn span(first: u64, last: u64) -> u64 {
    (last - first).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(addr_lo: u64, addr_hi: u64, align: u64, seg: u64) -> DmaAttr {
        DmaAttr { addr_lo, addr_hi, align, seg, ..DmaAttr::UNRESTRICTED }
    }

    #[test]
    fn holes_lie_between_what_is_taken() {
        let attr = reach(0x1000, 0x8FFF, 1, u64::MAX);
        let vacancy =
            Vacancy::new(&attr, [(0x5000, 0x5FFF), (0x0, 0x1FFF), (0x3000, 0x5FFF), (0x9000, 0x9FFF)]);
        assert_eq!(vacancy.holes, [(0x2000, 0x2FFF), (0x6000, 0x8FFF)]);
        assert_eq!(vacancy.largest(), 0x3000);
        assert_eq!(vacancy.total(), 0x4000);
        assert_eq!(vacancy.find(0x1000), Some(0x2000));
        assert_eq!(vacancy.find(0x1001), Some(0x6000));
        assert_eq!(vacancy.find(0x3001), None);
    }

    #[test]
    fn a_reach_to_the_last_address_does_not_wrap() {
        let attr = reach(0, u64::MAX, 1, u64::MAX);
        assert_eq!(Vacancy::new(&attr, []).largest(), u64::MAX);
        let vacancy = Vacancy::new(&attr, [(u64::MAX - 0xFFF, u64::MAX)]);
        assert_eq!(vacancy.holes, [(0, u64::MAX - 0x1000)]);
        assert_eq!(Vacancy::new(&attr, [(0, u64::MAX)]).find(1), None);
    }

    #[test]
    fn a_run_crosses_a_boundary_only_where_it_starts_at_one() {
        let vacancy = Vacancy::new(&reach(0x1_8000, 0x3_FFFF, 0x1000, 0xFFFF), []);
        assert_eq!(vacancy.find(0x8000), Some(0x1_8000));
        assert_eq!(vacancy.find(0x8001), Some(0x2_0000));
        assert_eq!(vacancy.find(0x2_0000), Some(0x2_0000));
        assert_eq!(vacancy.find(0x2_0001), None);
    }

    #[test]
    fn a_run_starts_aligned_even_where_align_passes_the_boundary() {
        let vacancy = Vacancy::new(&reach(1, 0x1_1FFF, 0x1_0000, 0xFFF), []);
        assert_eq!(vacancy.find(1), Some(0x1_0000));
        assert_eq!(vacancy.find(0x2000), Some(0x1_0000));
        assert_eq!(Vacancy::new(&reach(1, 0xFFFF, 0x1_0000, 0xFFF), []).largest(), 0);
    }
}
