//! Large objects and odd attributes: whatever is planned obeys every attribute, and the explanation is true.

mod planner_support;

use ddi_dma::plan::{Budget, CopyReason, Engine, Lists, Note, Plan, Sliding, Source};
use ddi_dma::{DmaAttr, Extent, View};
use planner_support::{check_plan, lists};
use proptest::prelude::*;

fn attrs() -> impl Strategy<Value = DmaAttr> {
    let any_of = |values: &'static [u64]| prop::sample::select(values);
    let sizes = (
        any_of(&[1, 1, 2, 64, 512, 4096]),
        any_of(&[1, 1, 2, 64, 512, 4096]),
        any_of(&[1, 3, 512, 520, 4096]),
    );
    let masks = (any_of(&[4095, 8191, 0xFFFF, u64::MAX]), any_of(&[0xFFF, 0x3FFF, 0xFFFF, u64::MAX]));
    let limits = (any_of(&[8192, 65_536, 190_886, u64::MAX]), any_of(&[1, 2, 3, 17, 64, u32::MAX as u64]));
    let reach = (any_of(&[0, 0, 4097, 0x10_0200]), any_of(&[0xFF_FFFF, 0x100_07FF, 0x80_0003, u64::MAX]));
    (sizes, masks, limits, reach).prop_map(
        |((align, min, granule), (count_max, seg), (maxxfer, sgllen), (lo, hi))| DmaAttr {
            addr_lo: lo,
            addr_hi: hi,
            count_max,
            align,
            minxfer: min as u32,
            maxxfer,
            seg,
            sgllen: sgllen as u32,
            granular: granule as u32,
            ..DmaAttr::UNRESTRICTED
        },
    )
}

fn objects() -> impl Strategy<Value = Vec<Extent>> {
    let page = prop::sample::select(&[4096u64, 8192][..]);
    let starts = prop::collection::vec((0u64..0x2000, 1u64..6), 1..60);
    (page, starts, 0u64..4096, 0u64..4096).prop_map(|(page, starts, head, tail)| {
        let mut extents: Vec<Extent> = starts
            .into_iter()
            .map(|(number, pages)| Extent { address: number * 4096, size: pages * page })
            .collect();
        extents[0].address += head;
        extents[0].size -= head;
        let last = extents.len() - 1;
        extents[last].size = extents[last].size.saturating_sub(tail).max(1);
        extents
    })
}

/// Checks that notes name every copied byte, every cut, and unreachable bytes as such.
fn explained(plan: &Plan, extents: &[Extent], engine: &Engine) -> Result<(), TestCaseError> {
    let notes = plan.explain(View::Extents(extents), engine).notes;
    let all = lists(plan);
    let attr = engine.attr();
    let mut cuts: Vec<u64> = notes
        .iter()
        .filter_map(|note| match note {
            Note::CookieCut { offset, .. }
            | Note::ListCut { offset, .. }
            | Note::WindowCut { offset, .. } => Some(*offset),
            _ => None,
        })
        .collect();
    cuts.sort_unstable();
    let ends: Vec<u64> = all.iter().flatten().skip(1).map(|cookie| cookie.offset).collect();
    prop_assert_eq!(cuts, ends);
    let copied: u64 = all.iter().flatten().filter(|c| c.source == Source::Copied).map(|c| c.size).sum();
    let (mut noted, mut beyond) = (0, 0);
    for note in &notes {
        if let Note::Copied { length, reason, .. } = note {
            noted += length;
            beyond += if matches!(reason, CopyReason::OutOfReach { .. }) { *length } else { 0 };
        }
    }
    prop_assert_eq!(noted, copied);
    prop_assert_eq!(beyond, planner_support::unreachable_bytes(extents, attr));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plans_obey_every_attribute(
        attr in attrs(),
        extents in objects(),
        bytes in prop::sample::select(&[16_384u64, 65_536, 1 << 20, u64::MAX][..]),
        sliding in prop::sample::select(&[Sliding::Yes, Sliding::No][..]),
    ) {
        if let Ok(engine) = Engine::new(&attr) {
            let budget = Budget::contiguous(bytes);
            let mut plan = Plan::new();
            let view = View::Extents(&extents);
            if plan.make(view, &engine, budget, sliding, Lists::Many).is_ok() {
                check_plan(&mut plan, &extents, &attr, budget, sliding).map_err(TestCaseError::fail)?;
                explained(&plan, &extents, &engine)?;
                let first = lists(&plan);
                plan.make(view, &engine, budget, sliding, Lists::Many).expect("the same again");
                plan.place(planner_support::COPY_BASE);
                prop_assert_eq!(first, lists(&plan));
            }
        }
    }

    /// With ONE_LIST windows end where the lists end, and nothing else changes.
    #[test]
    fn windows_of_one_list_are_the_lists(
        attr in attrs(),
        extents in objects(),
        bytes in prop::sample::select(&[16_384u64, 65_536, 1 << 20, u64::MAX][..]),
    ) {
        if let Ok(engine) = Engine::new(&attr) {
            let (budget, view) = (Budget::contiguous(bytes), View::Extents(&extents));
            let (mut many, mut one) = (Plan::new(), Plan::new());
            let made = many.make(view, &engine, budget, Sliding::Yes, Lists::Many);
            prop_assert_eq!(made, one.make(view, &engine, budget, Sliding::Yes, Lists::One));
            if made.is_ok() {
                let totals = check_plan(&mut many, &extents, &attr, budget, Sliding::Yes);
                prop_assert_eq!(totals, check_plan(&mut one, &extents, &attr, budget, Sliding::Yes));
                prop_assert!(one.windows().all(|window| window.list_count() == 1));
                prop_assert!(one.room() <= many.room());
                let shape = |plan: &Plan| -> Vec<Vec<(u64, u64, Source)>> {
                    let shape = |list: Vec<planner_support::Seen>| {
                        list.iter().map(|seen| (seen.offset, seen.size, seen.source)).collect()
                    };
                    lists(plan).into_iter().map(shape).collect()
                };
                prop_assert_eq!(shape(&many), shape(&one));
                let windows: Vec<_> = one.windows().map(|window| window.range()).collect();
                let ranges: Vec<_> = many
                    .windows()
                    .flat_map(|window| window.lists().collect::<Vec<_>>())
                    .map(|list| list.offset()..list.offset() + list.length())
                    .collect();
                prop_assert_eq!(windows, ranges);
                explained(&one, &extents, &engine)?;
            }
        }
    }

    #[test]
    fn extreme_attributes_never_panic(
        bits in prop::collection::vec(0u32..=64, 4),
        ends in (any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>()),
        extents in prop::collection::vec((any::<u64>(), 0u32..64), 0..6),
        bytes in any::<u64>(),
        sliding in prop::sample::select(&[Sliding::Yes, Sliding::No][..]),
    ) {
        let mask = |n: usize| u64::MAX.checked_shr(64 - bits[n]).unwrap_or(0);
        let attr = DmaAttr {
            addr_lo: ends.0.min(ends.1),
            addr_hi: ends.0.max(ends.1),
            count_max: mask(0) | 0xFFF_FFFF,
            seg: mask(1) | 0xFFF_FFFF,
            align: 1 << bits[2].min(63),
            minxfer: 1 << bits[3].min(28),
            maxxfer: ends.2 | 0xFFFF_FFFF,
            sgllen: ends.3.max(1),
            granular: ends.4.max(1),
            ..DmaAttr::UNRESTRICTED
        };
        let extents: Vec<Extent> = extents
            .into_iter()
            .map(|(address, bits)| Extent { address, size: (address ^ 0x5555) >> bits.max(20) })
            .filter(|e| e.size > 0)
            .collect();
        if let Ok(engine) = Engine::new(&attr) {
            let mut plan = Plan::new();
            let many = extents.iter().map(|e| e.size >> 28).sum::<u64>() > 64;
            if !many && plan.make(View::Extents(&extents), &engine, Budget::contiguous(bytes), sliding, Lists::Many).is_ok() {
                plan.place(0);
                plan.explain(View::Extents(&extents), &engine);
            }
        }
    }
}
