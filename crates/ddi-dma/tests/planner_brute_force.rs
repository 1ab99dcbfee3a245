//! Small objects against all plans there are: dynamic programming over byte positions tells the best.

mod planner_support;

use ddi_dma::plan::{Budget, Engine, Lists, Plan, PlanError, Sliding};
use ddi_dma::{DmaAttr, Extent, View};
use planner_support::{Totals, check_plan, unreachable_bytes};
use proptest::prelude::*;

/// Which bytes a plan of the brute force may copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// Any cookie may be copied.
    CopyAny,
    /// All bytes are copied.
    CopyAll,
}

/// The best of all plans, or `None` where there is none.
fn best(case: &Case, may: May) -> Option<Totals> {
    let addresses: Vec<u64> = case.extents.iter().flat_map(|e| (e.address..).take(e.size as usize)).collect();
    let length = addresses.len();
    let granule = case.attr.granular as usize;
    let list_max = (case.attr.maxxfer - case.attr.maxxfer % granule as u64).min(length as u64) as usize;
    let mut reached: Vec<Option<Totals>> = vec![None; length + 1];
    reached[0] = Some(Totals::default());
    for start in 0..length {
        let Some(so_far) = reached[start] else { continue };
        let longest = (start + list_max).min(length);
        for (end, list) in best_lists(case, may, &addresses, start, longest) {
            if end < length && (end - start) % granule != 0 {
                continue;
            }
            let total = Totals {
                copied: so_far.copied + list.copied,
                lists: so_far.lists + 1,
                cookies: so_far.cookies + list.cookies,
            };
            if reached[end].is_none_or(|old| total < old) {
                reached[end] = Some(total);
            }
        }
    }
    let within = |total: &Totals| case.sliding == Sliding::Yes || total.copied <= case.budget.bytes;
    reached[length].filter(within)
}

/// The best list from `start` to each end, whatever granular says.
fn best_lists(
    case: &Case,
    may: May,
    addresses: &[u64],
    start: usize,
    longest: usize,
) -> Vec<(usize, Totals)> {
    let span = longest - start;
    let most = (case.attr.sgllen as usize).min(span);
    // fewest[cookies][bytes]: the fewest copied bytes
    let mut fewest = vec![vec![u64::MAX; span + 1]; most + 1];
    fewest[0][0] = 0;
    for cookies in 0..most {
        for at in 0..span {
            let copied = fewest[cookies][at];
            if copied == u64::MAX {
                continue;
            }
            for end in at + 1..=span {
                let size = (end - at) as u64;
                let bytes = &addresses[start + at..start + end];
                if size - 1 > case.attr.count_max.min(case.attr.seg) || size < u64::from(case.attr.minxfer) {
                    continue;
                }
                let slot = &mut fewest[cookies + 1][end];
                if may == May::CopyAny && direct(bytes, &case.attr) {
                    *slot = copied.min(*slot);
                }
                if case.sliding == Sliding::No || copied + size <= case.budget.bytes {
                    *slot = (copied + size).min(*slot);
                }
            }
        }
    }
    let list = |end: usize| {
        (1..=most)
            .filter(|n| fewest[*n][end] != u64::MAX)
            .map(|n| Totals { copied: fewest[n][end], lists: 1, cookies: n as u64 })
            .min()
    };
    (1..=span).filter_map(|end| Some((start + end, list(end)?))).collect()
}

/// Whether one cookie can name these bytes.
fn direct(addresses: &[u64], attr: &DmaAttr) -> bool {
    let (first, last) = (addresses[0], addresses[addresses.len() - 1]);
    addresses.windows(2).all(|pair| pair[0] + 1 == pair[1])
        && first.is_multiple_of(attr.align)
        && first & !attr.seg == last & !attr.seg
        && addresses.iter().all(|a| (attr.addr_lo..=attr.addr_hi).contains(a))
}

#[derive(Debug, Clone)]
struct Case {
    extents: Vec<Extent>,
    attr: DmaAttr,
    budget: Budget,
    sliding: Sliding,
}

fn attrs() -> impl Strategy<Value = DmaAttr> {
    let sizes = (0u32..3, 0u32..3, 1u32..=5, 1u64..=16);
    let masks = (
        prop_oneof![2 => Just(u64::MAX), 1 => (0u32..4).prop_map(|n| (1u64 << n) - 1)],
        prop_oneof![2 => Just(u64::MAX), 1 => (0u32..5).prop_map(|n| (1u64 << n) - 1)],
    );
    let reach = (prop_oneof![2 => Just(0u64), 1 => 0u64..20], prop_oneof![1 => Just(63u64), 2 => 16u64..64]);
    let sgllen = prop_oneof![4 => 1u32..=4, 1 => Just(DmaAttr::UNLIMITED)];
    let free = prop_oneof![Just(true), Just(false)];
    let attr =
        (sizes, masks, reach, sgllen, free).prop_map(|(sizes, (count_max, seg), (lo, hi), sgllen, free)| {
            let (align, minxfer, granular, maxxfer) = sizes;
            DmaAttr {
                addr_lo: lo,
                addr_hi: hi,
                count_max,
                seg,
                align: if free { 1 } else { 1 << align },
                minxfer: if free { 1 } else { 1 << minxfer },
                granular,
                maxxfer: if maxxfer == 16 { u64::MAX } else { maxxfer.max(granular.into()) },
                sgllen,
                ..DmaAttr::UNRESTRICTED
            }
        });
    attr.prop_map(made_sound)
}

/// Relaxes minxfer and the reach until some cookie is possible.
fn made_sound(mut attr: DmaAttr) -> DmaAttr {
    while attr.minxfer > 1 && attr.validate().is_err() {
        attr.minxfer /= 2;
    }
    if attr.validate().is_err() {
        (attr.addr_lo, attr.addr_hi) = (0, 63);
    }
    attr
}

fn cases() -> impl Strategy<Value = Case> {
    let extent = (0u64..56, 1u64..=6).prop_map(|(address, size)| Extent { address, size });
    let near = (0u64..20, prop::collection::vec((0u64..4, 1u64..=5), 1..=5)).prop_map(|(from, steps)| {
        let mut address = from;
        let extents = steps.into_iter().map(|(gap, size)| {
            let extent = Extent { address: address + gap / 2, size };
            address = extent.address + size;
            extent
        });
        extents.collect::<Vec<_>>()
    });
    let extents = prop_oneof![prop::collection::vec(extent, 1..=5), near].prop_map(|mut extents| {
        let mut room = 14;
        extents.retain_mut(|e| {
            e.size = e.size.min(room);
            room -= e.size;
            e.size > 0
        });
        extents
    });
    let budget = prop_oneof![1 => Just(u64::MAX), 3 => 0u64..=14];
    let sliding = prop_oneof![Just(Sliding::No), Just(Sliding::Yes)];
    (extents, attrs(), budget, sliding).prop_map(|(extents, attr, bytes, sliding)| {
        let budget = Budget { bytes, room: u64::MAX };
        Case { extents, attr, budget, sliding }
    })
}

/// Whether the attributes never ask for pieces to be joined: any reachable byte is a cookie.
fn any_piece_goes(attr: &DmaAttr) -> bool {
    attr.align == 1 && attr.minxfer == 1
}

fn compare(case: &Case) -> Result<(), TestCaseError> {
    let engine = Engine::new(&case.attr).expect("sound");
    let mut plan = Plan::new();
    let made = plan.make(View::Extents(&case.extents), &engine, case.budget, case.sliding, Lists::Many);
    let length: u64 = case.extents.iter().map(|e| e.size).sum();
    let ideal = best(case, May::CopyAny);
    if length < u64::from(case.attr.minxfer) {
        let minxfer = case.attr.minxfer;
        prop_assert_eq!(made, Err(PlanError::TooSmall { length, minxfer }));
        return Ok(());
    }
    let Some(ideal) = ideal else {
        prop_assert!(made.is_err(), "a plan where none is legal");
        return Ok(());
    };
    let lies = ideal.copied == unreachable_bytes(&case.extents, &case.attr);
    if let Err(error) = made {
        // The search for joins may miss a way through a tight budget, but never one that is plain.
        let plain = lies || best(case, May::CopyAll).is_some();
        prop_assert!(!plain, "refused: {error}, best {ideal:?}");
        return Ok(());
    }
    let ours = check_plan(&mut plan, &case.extents, &case.attr, case.budget, case.sliding)
        .map_err(TestCaseError::fail)?;
    if any_piece_goes(&case.attr) || lies {
        prop_assert_eq!(ours, ideal);
    }
    let DmaAttr { align, minxfer, granular, .. } = case.attr;
    let join = align.max(minxfer.into()).max(granular.into());
    prop_assert!(ours.copied <= ideal.copied + join * ideal.lists, "ours {ours:?}, best {ideal:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_objects_against_all_plans(case in cases()) {
        compare(&case)?;
    }
}
