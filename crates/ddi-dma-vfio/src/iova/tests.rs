use proptest::prelude::*;

use super::{END, IovaSpace, Request};

const PAGE: u64 = 0x1000;
const ANYWHERE: Request = Request { size: PAGE, behind: 0, lo: 0, hi: u64::MAX, align: 1, seg: u64::MAX };

fn sized(pages: u64) -> Request {
    Request { size: pages * PAGE, ..ANYWHERE }
}

#[test]
fn takes_from_the_top_and_joins_what_comes_back() {
    let mut space = IovaSpace::new(&[PAGE..=0xFFFF], PAGE);
    assert_eq!(space.take(&sized(1)), Some(0xF000));
    assert_eq!(space.take(&sized(2)), Some(0xD000));
    assert_eq!(space.take(&sized(1)), Some(0xC000));
    space.give_back(0xD000, 0x2000);
    assert_eq!(space.free(0, u64::MAX), (0xD000, 0xB000));
    space.give_back(0xC000, 0x1000);
    space.give_back(0xF000, 0x1000);
    assert_eq!(space.free.ranges(), [(PAGE, 0x1_0000)]);
}

#[test]
fn ranges_that_overlap_or_touch_are_one_and_partial_pages_are_left_out() {
    let space = IovaSpace::new(&[0x8000..=0x9FFF, 0x1800..=0x4FFF, 0x5000..=0x57FF, 0x4000..=0x57FF], PAGE);
    assert_eq!(space.free.ranges(), [(0x2000, 0x5000), (0x8000, 0xA000)]);
    let all = IovaSpace::new(&[0..=u64::MAX], PAGE);
    assert_eq!(all.free.ranges(), [(0, END)]);
}

#[test]
fn the_hole_that_intel_reserves_for_interrupts_is_never_handed_out() {
    let mut space = IovaSpace::new(&[PAGE..=0xFEDF_FFFF, 0xFEF0_0000..=0x7F_FFFF_FFFF], PAGE);
    let low = Request { hi: 0xFFFF_FFFF, ..sized(0x100) };
    assert_eq!(space.take(&low), Some(0xFFF0_0000));
    let large = Request { hi: 0xFFFF_FFFF, ..sized(0x1_0000) };
    assert_eq!(space.take(&large), Some(0xEEE0_0000));
    assert_eq!(space.take(&sized(1)), Some(0x7F_FFFF_F000));
}

#[test]
fn reach_of_28_bits_is_exhausted_to_the_last_page() {
    let mut space = IovaSpace::new(&[PAGE..=0x7F_FFFF_FFFF], PAGE);
    let request = Request { hi: 0x0FFF_FFFF, ..sized(16) };
    let mut taken = Vec::new();
    while let Some(at) = space.take(&request) {
        assert!(at + request.size - 1 <= request.hi);
        taken.push(at);
    }
    assert_eq!(taken.len(), 0xFFFF / 16);
    assert_eq!(space.largest(&request), 15 * PAGE);
    assert!(space.take(&Request { hi: 0x1000_FFFF, ..request }).is_some());
    taken.into_iter().for_each(|at| space.give_back(at, request.size));
    assert_eq!(space.largest(&request), 0xFFFF * PAGE);
}

#[test]
fn what_stays_unmapped_may_lie_out_of_reach() {
    let mut space = IovaSpace::new(&[PAGE..=0x2_0000 - 1], PAGE);
    let request = Request { behind: PAGE, hi: 0xFFFF, ..ANYWHERE };
    assert_eq!(space.take(&request), Some(0xF000));
    assert_eq!(space.take(&Request { hi: 0x1_0FFF, ..ANYWHERE }), Some(0xE000));
}

#[test]
fn a_range_that_fits_between_boundaries_crosses_none() {
    let mut space = IovaSpace::new(&[PAGE..=0x10_0FFF], PAGE);
    let request = Request { seg: 0xFFFF, ..sized(2) };
    assert_eq!(space.take(&request), Some(0xF_E000));
    // Larger than what lies between two, it starts at one.
    assert_eq!(space.take(&Request { seg: 0xFFFF, ..sized(0x18) }), Some(0xE_0000));
}

#[test]
fn what_is_no_longer_allowed_is_forgotten() {
    let mut space = IovaSpace::new(&[PAGE..=0xFFFF], PAGE);
    assert_eq!(space.take(&Request { hi: 0x8FFF, ..ANYWHERE }), Some(0x8000));
    space.restrict(&[0x3000..=0x4FFF, 0x7000..=0xAFFF]);
    assert_eq!(space.free.ranges(), [(0x3000, 0x5000), (0x7000, 0x8000), (0x9000, 0xB000)]);
    space.restrict(&[0x3000..=0x3FFF, 0x9000..=0x9FFF]);
    space.give_back(0x8000, PAGE);
    assert_eq!(space.free.ranges(), [(0x3000, 0x4000), (0x9000, 0xA000)]);
}

/// The space page by page.
struct Model {
    first: u64,
    free: Vec<bool>,
}

impl Model {
    /// Whether a request keeps every limit at an address.
    fn goes(&self, request: &Request, at: u64) -> bool {
        let page = ((at - self.first) / PAGE) as usize;
        let held = ((request.size + request.behind) / PAGE) as usize;
        let last = at + (request.size - 1);
        let segment = u128::from(request.seg) + 1;
        let cut = match u128::from(request.size) <= segment {
            true => u128::from(at) / segment != u128::from(last) / segment,
            false => !u128::from(at).is_multiple_of(segment),
        };
        self.free.get(page..page + held).is_some_and(|pages| pages.iter().all(|free| *free))
            && at >= request.lo
            && last <= request.hi
            && at.is_multiple_of(request.align)
            && !cut
    }

    fn highest(&self, request: &Request) -> Option<u64> {
        (0..self.free.len() as u64)
            .rev()
            .map(|page| self.first + page * PAGE)
            .find(|at| self.goes(request, *at))
    }

    fn largest(&self, request: &Request) -> u64 {
        let pages = (1..=self.free.len() as u64).rev();
        let mut sizes = pages.map(|pages| pages * PAGE);
        sizes.find(|size| self.highest(&Request { size: *size, ..*request }).is_some()).unwrap_or(0)
    }

    fn mark(&mut self, at: u64, size: u64, free: bool) {
        let page = ((at - self.first) / PAGE) as usize;
        let pages = &mut self.free[page..page + (size / PAGE) as usize];
        assert!(pages.iter().all(|was| *was != free), "{at:#x} is handed out or given back twice");
        pages.fill(free);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Take(Request),
    GiveBack(prop::sample::Index),
}

const FIRST: u64 = 0x0FFE_0000;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let low = prop_oneof![3 => Just(0), 1 => FIRST..FIRST + 0x4_0000];
    let high = prop_oneof![
        2 => Just(u64::MAX),
        1 => Just(0x0FFF_FFFF),
        1 => Just(0xFFFF_FFFF),
        1 => FIRST..FIRST + 0x4_0000
    ];
    let seg = prop_oneof![2 => Just(u64::MAX), 1 => (12u32..18).prop_map(|bits| (1 << bits) - 1)];
    let take = (1u64..12, 0u64..2, low, high, 0u32..17, seg).prop_map(|(pages, zone, lo, hi, align, seg)| {
        Step::Take(Request { size: pages * PAGE, behind: zone * PAGE, lo, hi, align: 1 << align, seg })
    });
    let plain = (1u64..4).prop_map(|pages| Step::Take(sized(pages)));
    let back = any::<prop::sample::Index>().prop_map(Step::GiveBack);
    prop::collection::vec(prop_oneof![3 => take, 3 => plain, 4 => back], 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_space_does_what_a_search_over_all_pages_does(pages in 1u64..64, hole in 0u64..64, steps in steps()) {
        let mut model = Model { first: FIRST, free: vec![true; pages as usize] };
        let last = FIRST + pages * PAGE - 1;
        let mut allowed = vec![FIRST..=last];
        if hole > 0 && hole < pages {
            model.free[hole as usize] = false;
            allowed = vec![FIRST + (hole + 1) * PAGE..=last, FIRST..=FIRST + hole * PAGE - 1];
        }
        let mut space = IovaSpace::new(&allowed, PAGE);
        let whole = space.free.ranges();
        let mut held: Vec<(u64, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Take(request) => {
                    prop_assert_eq!(space.largest(&request), model.largest(&request), "{:x?}", request);
                    let taken = space.take(&request);
                    prop_assert_eq!(taken, model.highest(&request), "{:x?}", request);
                    if let Some(at) = taken {
                        model.mark(at, request.held(), false);
                        held.push((at, request.held()));
                    }
                }
                Step::GiveBack(_) if held.is_empty() => {}
                Step::GiveBack(index) => {
                    let (at, size) = held.swap_remove(index.index(held.len()));
                    model.mark(at, size, true);
                    space.give_back(at, size);
                }
            }
            let free = model.free.iter().filter(|free| **free).count() as u64 * PAGE;
            prop_assert_eq!(space.free(0, u64::MAX).0, free);
        }
        held.into_iter().for_each(|(at, size)| space.give_back(at, size));
        prop_assert_eq!(space.free.ranges(), whole);
    }
}

#[test]
fn many_free_ranges_cost_little() {
    let pages = 100_000;
    let mut space = IovaSpace::new(&[PAGE..=pages * 2 * PAGE], PAGE);
    let taken: Vec<u64> = (0..2 * pages - 1).map_while(|_| space.take(&ANYWHERE)).collect();
    taken.iter().step_by(2).for_each(|at| space.give_back(*at, PAGE));
    // 100,000 ranges of a page: a range of two is refused at the root, and the tree is not deep.
    assert_eq!(space.take(&sized(2)), None);
    assert!(space.free.depth() < 64, "{}", space.free.depth());
    let request = Request { hi: 0x0FFF_FFFF, ..ANYWHERE };
    let mut again = Vec::new();
    again.extend((0..10_000).map_while(|_| space.take(&request)));
    assert_eq!(again.len(), 10_000);
}
