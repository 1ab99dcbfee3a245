//! Recorded answers of the living implementation, and a model of it: wherever its answer is legal by our reading of
//! the attributes, ours is no worse.
//!
//! The model follows the facts about windows and the copy buffer that are known of the living implementation; it is
//! there to make cases without end, of the same classes as the recorded ones.

mod planner_support;

use ddi_dma::plan::{Budget, Engine, Lists, Plan, Sliding, Source};
use ddi_dma::{DmaAttr, Extent, PageList, View};
use planner_support::{COPY_BASE, Seen, Totals, check_lists, check_plan, totals};
use proptest::prelude::*;
use serde_json::Value;

const PAGE: u64 = 4096;

/// What the copy buffer holds where a case does not say it.
const COPY_LIMIT: u64 = 1_052_672;

#[derive(Debug, Clone)]
struct Case {
    attr: DmaAttr,
    offset: u64,
    length: u64,
    pages: Vec<u64>,
    sliding: Sliding,
    copy_limit: u64,
}

impl Case {
    fn extents(&self) -> Vec<Extent> {
        self.view().map_or(Vec::new(), |view| view.extents().collect())
    }

    fn view(&self) -> Option<View<'_>> {
        PageList::new(&self.pages, PAGE, self.offset, self.length).map(View::Pages)
    }
}

/// One window of the living implementation: offset, length and cookies (address, size, copied).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Window {
    offset: u64,
    length: u64,
    cookies: Vec<(u64, u64, bool)>,
}

/// Its windows as lists, if they are legal.
fn legal(case: &Case, windows: &[Window]) -> Result<Totals, String> {
    let mut offset = 0;
    let mut lists = Vec::new();
    for window in windows {
        if window.offset != offset {
            return Err(format!("a window at {}, not {offset}", window.offset));
        }
        let list = window.cookies.iter().map(|(address, size, copied)| {
            let source = if *copied { Source::Copied } else { Source::Direct };
            let seen = Seen { offset, address: *address, size: *size, source };
            offset += size;
            seen
        });
        lists.push(list.collect::<Vec<_>>());
        if offset != window.offset + window.length {
            return Err(format!("cookies end at {offset}, not with their window"));
        }
    }
    check_lists(&lists, &case.extents(), &case.attr)?;
    Ok(totals(&lists))
}

/// Whether ours is no worse than theirs, and legal.
fn no_worse(case: &Case, theirs: Totals) -> Result<Totals, String> {
    let engine = Engine::new(&case.attr).map_err(|e| e.to_string())?;
    let view = case.view().ok_or("no view")?;
    // Copies may stand anywhere, so boundaries between them take nothing from the budget.
    let budget = Budget { bytes: case.copy_limit, room: u64::MAX };
    let mut plan = Plan::new();
    plan.make(view, &engine, budget, case.sliding, Lists::Many)
        .map_err(|e| format!("refused: {e}; theirs {theirs:?}"))?;
    let ours = check_plan(&mut plan, &case.extents(), &case.attr, budget, case.sliding)?;
    // Where minxfer keeps cuts apart, lists and cookies are near the fewest only.
    let joins = case.attr.minxfer > 1 && ours.copied > 0;
    let worse = if joins { ours.copied > theirs.copied } else { ours > theirs };
    if worse { Err(format!("ours {ours:?}, theirs {theirs:?}")) } else { Ok(ours) }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no u64"))
}

fn case_of(json: &Value) -> Case {
    let attr = &json["attr"];
    let get = |name: &str| number(&attr[name]);
    let sgllen = attr["sgllen"].as_i64().unwrap();
    let flags = json["flags"].as_array().unwrap();
    let small = |name: &str| u32::try_from(get(name)).unwrap();
    Case {
        attr: DmaAttr {
            addr_lo: get("addr_lo"),
            addr_hi: get("addr_hi"),
            count_max: get("count_max"),
            align: get("align"),
            minxfer: small("minxfer"),
            maxxfer: get("maxxfer"),
            seg: get("seg"),
            sgllen: u32::try_from(sgllen).unwrap_or(DmaAttr::UNLIMITED),
            granular: small("granular"),
            ..DmaAttr::UNRESTRICTED
        },
        offset: number(&json["object"]["offset"]),
        length: number(&json["object"]["len"]),
        pages: json["object"]["pfns"].as_array().unwrap().iter().map(|pfn| number(pfn) * PAGE).collect(),
        sliding: if flags.iter().any(|f| f == "PARTIAL") { Sliding::Yes } else { Sliding::No },
        copy_limit: json.get("max_copybuf").map_or(COPY_LIMIT, number),
    }
}

fn windows_of(json: &Value) -> Vec<Window> {
    let cookie = |c: &Value| (number(&c[0]), number(&c[1]), c[2].as_bool().unwrap());
    let windows = json["windows"].as_array().unwrap().iter().map(|window| Window {
        offset: number(&window["off"]),
        length: number(&window["len"]),
        cookies: window["cookies"].as_array().unwrap().iter().map(cookie).collect(),
    });
    windows.collect()
}

#[test]
fn recorded_answers() {
    let text = include_str!("data/illumos.jsonl");
    let (mut compared, mut better, mut illegal) = (0, 0, 0);
    let mut failures = Vec::new();
    for line in text.lines() {
        let json: Value = serde_json::from_str(line).expect("one JSON value a line");
        let case = case_of(&json);
        if case.attr.validate().is_err()
            || !matches!(json["result"].as_str(), Some("DDI_DMA_MAPPED" | "DDI_DMA_PARTIAL_MAP"))
        {
            continue;
        }
        let Ok(theirs) = legal(&case, &windows_of(&json)) else {
            illegal += 1;
            continue;
        };
        compared += 1;
        match no_worse(&case, theirs) {
            Ok(ours) => better += u32::from(ours < theirs),
            Err(why) => failures.push(format!("{} {}: {why}", json["id"], json["class"])),
        }
    }
    println!("{compared} compared, ours better in {better}; {illegal} of their answers are not legal");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(compared > 300);
}

/// A cookie of the model: address, size, and whether it is copied.
type Theirs = (u64, u64, bool);

/// The cookies before windows are cut: pages grow together up to the largest cookie, copied pages stay alone.
fn model_cookies(case: &Case) -> Vec<Theirs> {
    let attr = &case.attr;
    let largest = attr.seg.min(attr.count_max).saturating_add(1).min(list_max(attr));
    let mut cookies: Vec<Theirs> = Vec::new();
    for (number, Extent { address, size }) in (0u64..).zip(case.extents()) {
        // Its limit is inclusive, and compared with an exclusive end.
        if address < attr.addr_lo || address.checked_add(size).is_none_or(|end| end > attr.addr_hi) {
            // Far from each other, so that they never touch.
            cookies.push((COPY_BASE + 2 * number * PAGE + address % PAGE, size, true));
            continue;
        }
        match cookies.last_mut() {
            Some((start, length, false))
                if *start + *length == address
                    && *length + size <= largest
                    && (*start ^ (address + size - 1)) & !attr.seg == 0 =>
            {
                *length += size;
            }
            _ => cookies.push((address, size, false)),
        }
    }
    cookies
}

fn list_max(attr: &DmaAttr) -> u64 {
    attr.maxxfer - attr.maxxfer % u64::from(attr.granular)
}

/// The living implementation's answer, as far as its rules are known: windows, or `None` where it refuses.
fn model(case: &Case) -> Option<Vec<Window>> {
    let most = if case.attr.sgllen == DmaAttr::UNLIMITED { usize::MAX } else { case.attr.sgllen as usize };
    let mut left = model_cookies(case);
    left.reverse();
    let mut windows = Vec::new();
    let mut window = Window::default();
    let mut pages = 0;
    while let Some((address, size, copied)) = left.pop() {
        if window.cookies.len() == most || (copied && (pages + 1) * PAGE > case.copy_limit) {
            left.push((address, size, copied));
            trim(&mut window, u64::from(case.attr.granular), &mut left)?;
            windows.push(next(&mut window));
            pages = 0;
            continue;
        }
        let take = size.min(list_max(&case.attr) - window.length);
        pages += u64::from(copied);
        window.cookies.push((address, take, copied));
        window.length += take;
        if take < size {
            left.push((address + take, size - take, copied));
        }
        if window.length == list_max(&case.attr) && !left.is_empty() {
            windows.push(next(&mut window));
            pages = 0;
        }
    }
    windows.push(window);
    (case.sliding == Sliding::Yes || windows.len() == 1).then_some(windows)
}

/// The finished window; in its place the next, empty one.
fn next(window: &mut Window) -> Window {
    let behind = Window { offset: window.offset + window.length, ..Window::default() };
    std::mem::replace(window, behind)
}

/// Trims a window to whole granules; its tail goes back to what is left. `None` where nothing stays.
fn trim(window: &mut Window, granule: u64, left: &mut Vec<Theirs>) -> Option<()> {
    let mut tail = window.length % granule;
    window.length -= tail;
    while tail > 0 {
        let (address, size, copied) = window.cookies.pop()?;
        let cut = tail.min(size);
        left.push((address + size - cut, cut, copied));
        if cut < size {
            window.cookies.push((address, size - cut, copied));
        }
        tail -= cut;
    }
    (window.length > 0).then_some(())
}

fn mask(bits: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = u64> {
    prop_oneof![2 => bits.prop_map(|bits| (1u64 << bits) - 1), 1 => Just(u64::MAX)]
}

fn one_of(values: &'static [u64]) -> impl Strategy<Value = u64> {
    prop::sample::select(values)
}

fn reach() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        4 => one_of(&[0xFF_FFFF, 0x3FFF_FFFF, 0xFFFF_FFFF, 0x7FF_FFFF]).prop_map(|hi| (0, hi)),
        3 => Just((0, u64::MAX)),
        1 => one_of(&[0xFF_FFFE, 0xFFFF_F000, 0xFF_F7FF, 0x100_0000]).prop_map(|hi| (0, hi)),
        2 => (one_of(&[0x10_0000, 0x10_0200, 0x100_0000, 0x20_0800, 1 << 32]), one_of(&[0x100F_FFFF, 0x1010_01FF, u64::MAX]))
            .prop_map(|(lo, hi)| if lo <= hi { (lo, hi) } else { (lo, u64::MAX) }),
    ]
}

fn attrs() -> impl Strategy<Value = DmaAttr> {
    let sgllen = one_of(&[1, 1, 2, 3, 4, 5, 8, 16, 17, 17, 28, 33, 64, 257, 1024, u32::MAX as u64]);
    let sizes =
        (one_of(&[1, 1, 1, 1, 4, 32, 128, 256, 512, 4096]), one_of(&[1, 1, 1, 1, 2, 32, 64, 512, 4096]));
    let granule = one_of(&[1, 1, 1, 3, 64, 512, 512, 520, 1000, 1024, 2048, 4096]);
    let maxxfer = one_of(&[
        u64::MAX,
        u64::MAX,
        4096,
        6144,
        8192,
        12288,
        16384,
        20480,
        32768,
        65536,
        103_633,
        131_072,
        181_293,
        190_886,
        262_144,
        524_288,
        0xFF_FFFF,
    ]);
    (reach(), sizes, mask(12..=24), mask(12..=24), sgllen, granule, maxxfer).prop_map(
        |((addr_lo, addr_hi), (align, minxfer), count_max, seg, sgllen, granular, maxxfer)| DmaAttr {
            addr_lo,
            addr_hi,
            count_max,
            align,
            minxfer: minxfer as u32,
            maxxfer,
            seg,
            sgllen: sgllen as u32,
            granular: granular as u32,
            ..DmaAttr::UNRESTRICTED
        },
    )
}

/// Pages that the engine reaches, that it does not, at the edges of its reach, by turns or mixed; often in a row.
fn pages(attr: &DmaAttr) -> impl Strategy<Value = Vec<u64>> + use<> {
    let (lo, hi) = (attr.addr_lo / PAGE, (attr.addr_hi / PAGE).min(1 << 36));
    let near = prop_oneof![(lo..=hi), (lo..=hi.min(lo + 5000))];
    let far = hi + 1..=hi + (1 << 20);
    let edge = prop_oneof![hi.saturating_sub(4)..=hi + 2, lo.saturating_sub(3)..=lo + 3];
    let start = prop_oneof![6 => near.boxed(), 3 => far.boxed(), 1 => edge.boxed()];
    prop::collection::vec((start, 1u64..=9), 1..=24).prop_map(|runs| {
        runs.into_iter().flat_map(|(start, n)| (start..start + n).map(|pfn| pfn * PAGE)).collect()
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let offset = prop_oneof![3 => Just(0u64), 3 => one_of(&[512, 1, 64, 291, 1448, 2047, 2048, 3584, 4034, 4095]), 1 => 0..PAGE];
    let tail = prop_oneof![3 => Just(0u64), 2 => one_of(&[1, 512, 1024, 3072, 4095]), 1 => 0..PAGE];
    let copy_limit = prop_oneof![3 => Just(COPY_LIMIT), 1 => one_of(&[12288, 16384, 20480, 65536])];
    let sliding = prop_oneof![3 => Just(Sliding::Yes), 1 => Just(Sliding::No)];
    attrs()
        .prop_flat_map(move |attr| {
            (Just(attr), pages(&attr), offset.clone(), tail.clone(), copy_limit.clone(), sliding.clone())
        })
        .prop_map(|(attr, pages, offset, tail, copy_limit, sliding)| {
            let room = pages.len() as u64 * PAGE - offset;
            Case { attr, offset, length: room.saturating_sub(tail).max(1), pages, sliding, copy_limit }
        })
}

fn compare_with_model(case: &Case) -> Option<Result<Totals, String>> {
    case.attr.validate().ok()?;
    let theirs = legal(case, &model(case)?).ok()?;
    Some(no_worse(case, theirs))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_worse_than_the_model(case in cases()) {
        if let Some(Err(why)) = compare_with_model(&case) {
            return Err(TestCaseError::fail(why));
        }
    }
}

/// Offset, length, and the cookies' sizes and sources of a window.
type Outline = (u64, u64, Vec<(u64, bool)>);

/// The model gives the recorded answers.
#[test]
fn the_model_is_close_to_the_record() {
    let text = include_str!("data/illumos.jsonl");
    let (mut same, mut all) = (0, 0);
    for line in text.lines() {
        let json: Value = serde_json::from_str(line).expect("one JSON value a line");
        let case = case_of(&json);
        if case.attr.validate().is_err() || json["windows"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        all += 1;
        let shape = |windows: &[Window]| -> Vec<Outline> {
            windows
                .iter()
                .map(|w| {
                    (w.offset, w.length, w.cookies.iter().map(|(_, size, copied)| (*size, *copied)).collect())
                })
                .collect()
        };
        let recorded = windows_of(&json);
        match model(&case) {
            Some(made) if shape(&made) == shape(&recorded) => same += 1,
            made => println!(
                "{} {} {:?}\n   {:?}\n   {:?}",
                json["id"],
                json["class"],
                case.attr,
                made.map(|m| shape(&m)),
                shape(&recorded)
            ),
        }
    }
    println!("{same} of {all}");
    assert!(same * 100 >= all * 95, "the model gives {same} of {all} recorded answers");
}
