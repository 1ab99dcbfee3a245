//! PARTIAL and ONE_LIST together: each window is one list, whatever cuts it (`ddi_dma_getwin` of the C interface).

mod toy;

use ddi_dma::{
    Addressing, BindErrorKind, BindFlags, Bus, Coherence, Cookie, Direction, DmaAttr, DmaHandle, InFlight,
    Wait,
};
use proptest::prelude::*;
use toy::{Memory, PAGE, TOP, Toy};

const ONE: BindFlags = BindFlags::PARTIAL.union(BindFlags::ONE_LIST);

fn pattern(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at / 4096) as u8).collect()
}

fn in_flight(
    bus: &Bus,
    attr: &DmaAttr,
    object: Memory,
    flags: BindFlags,
) -> Result<InFlight<Memory>, BindErrorKind> {
    let handle: DmaHandle<Memory> = bus.device("toy").alloc_handle(attr, Wait::DontWait).expect("a handle");
    let bound = handle.bind(object, Direction::Both, flags, Wait::DontWait);
    bound.map(ddi_dma::Binding::start).map_err(|error| error.kind())
}

/// The ranges of all windows, each of which is one list that the engine can take.
fn windows(flight: &mut InFlight<Memory>, attr: &DmaAttr) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let count = flight.window_count();
    for index in 0..count {
        let window = flight.window(index).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((window.index(), window.list_count()), (index, 1), "{attr:x?}");
        let cookies = window.cookies();
        assert!(cookies.len() as u64 <= u64::from(attr.sgllen), "{attr:x?}");
        assert!(window.length() <= attr.maxxfer);
        assert!(index + 1 == count || window.length().is_multiple_of(attr.granular.into()));
        for Cookie { address, size } in cookies {
            let last = address + (size - 1);
            assert!(size - 1 <= attr.count_max);
            assert_eq!((address ^ last) & !attr.seg, 0, "{address:#x}, {size:#x}: {attr:x?}");
            assert!(*size >= u64::from(attr.minxfer) && address.is_multiple_of(attr.align));
        }
        ranges.push((window.offset(), window.length()));
    }
    ranges
}

fn covers(ranges: &[(u64, u64)], length: u64) -> bool {
    let mut at = 0;
    ranges.iter().all(|(offset, length)| (*offset == at, at += length).0) && at == length
}

/// The device writes the complement of what it reads, window by window, in any order.
fn complement(toy: &Toy, flight: &mut InFlight<Memory>, order: impl Iterator<Item = usize>) {
    for index in order {
        let window = flight.window(index).unwrap_or_else(|error| panic!("{error}"));
        for Cookie { address, size } in window.cookies().to_vec() {
            let bytes = toy.device_read(address, size).expect("mapped");
            let other: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            toy.device_write(address, &other).expect("mapped");
        }
    }
}

#[test]
fn lists_of_an_engine_are_windows_where_nothing_slides() {
    let toy = Toy::plain();
    let bus = toy.bus(2 * PAGE);
    let attr = DmaAttr { sgllen: 2, granular: 64, ..DmaAttr::UNRESTRICTED };
    let object = toy.object(&[1, 3, 5, 7, 50], 100, 5 * PAGE - 100);
    object.set(&pattern(5 * PAGE - 100));
    let mut flight = in_flight(&bus, &attr, object, ONE).expect("bound");
    let ranges = windows(&mut flight, &attr);
    assert_eq!(ranges, [(0, 8064), (8064, 4096), (12160, 4096), (16256, 4124)]);
    complement(&toy, &mut flight, (0..ranges.len()).rev());
    let (_, object) = flight.complete().unbind();
    assert!(object.get().iter().zip(pattern(5 * PAGE - 100)).all(|(a, b)| *a == !b));
    assert_eq!(bus.stats().partial_binds, 1);
}

/// Map space of few pages, and engines that take less than it holds: the window sizes suit both.
#[test]
fn windows_that_slide_are_lists_too() {
    let most = u64::MAX;
    // sgllen, count_max, seg, maxxfer, granular, map pages, and the windows of 24 pages
    let cases: [(u32, u64, u64, u64, u32, u64, u64); 8] = [
        (1, most, most, most, 512, 4, 6),
        (1, 0x1FFF, most, most, 512, 8, 12),
        (1, most, 0xFFF, most, 512, 4, 24),
        (2, 0xFFF, most, most, 512, 6, 12),
        (17, most, most, 3 * PAGE + 5, 512, 8, 8),
        (1, 0x1FF, most, most, 512, 4, 192),
        (1, most, most, most, 3 * 512, 5, 8),
        (3, 0x1FF, most, most, 1536, 3, 64),
    ];
    for (sgllen, count_max, seg, maxxfer, granular, pages, count) in cases {
        let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
        toy.limit_map_pages(pages);
        let bus = toy.bus(16 * PAGE);
        let attr = DmaAttr { sgllen, count_max, seg, maxxfer, granular, ..DmaAttr::UNRESTRICTED };
        let lies: Vec<u64> = (0..24).map(|n| 17 + (n * 7) % 24).collect();
        let object = toy.object(&lies, 0, 24 * PAGE);
        object.set(&pattern(24 * PAGE));
        let mut flight = in_flight(&bus, &attr, object, ONE).unwrap_or_else(|error| panic!("{error}"));
        let ranges = windows(&mut flight, &attr);
        assert!(covers(&ranges, 24 * PAGE));
        assert_eq!(ranges.len() as u64, count, "{attr:x?}");
        complement(&toy, &mut flight, (0..ranges.len()).rev());
        let (_, object) = flight.complete().unbind();
        assert!(object.get().iter().zip(pattern(24 * PAGE)).all(|(a, b)| *a == !b));
        assert_eq!(bus.stats().bytes_copied, 0, "{attr:x?}");
        assert_eq!(toy.mapped_pages(), 0);
    }
}

#[test]
fn without_a_copy_buffer_windows_are_tried_as_they_lie() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    toy.limit_map_pages(4);
    let bus = toy.bus(0);
    let attr = DmaAttr { sgllen: 1, granular: 512, ..DmaAttr::UNRESTRICTED };
    let lies: Vec<u64> = (20..44).collect();
    let mut flight = in_flight(&bus, &attr, toy.object(&lies, 0, 24 * PAGE), ONE).expect("bound");
    let ranges = windows(&mut flight, &attr);
    assert!(covers(&ranges, 24 * PAGE));
    assert_eq!(ranges.len(), 6);
}

/// A device that is not trusted: the partial pages of a window that has no whole one are copied.
#[test]
fn windows_without_a_whole_page_are_isolated() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    toy.limit_map_pages(1);
    let bus = toy.bus(16 * PAGE);
    for flags in [BindFlags::PARTIAL, ONE] {
        let attr = DmaAttr { sgllen: 4, granular: 512, ..DmaAttr::UNRESTRICTED };
        let object = toy.object(&[20, 30, 40], 0x800, 2 * PAGE);
        object.set(&pattern(2 * PAGE));
        let mut flight = in_flight(&bus, &attr, object, flags | BindFlags::ISOLATE).expect("bound");
        let ranges = windows(&mut flight, &attr);
        assert!(covers(&ranges, 2 * PAGE), "{ranges:?}");
        complement(&toy, &mut flight, (0..ranges.len()).rev());
        let (_, object) = flight.complete().unbind();
        assert!(object.get().iter().zip(pattern(2 * PAGE)).all(|(a, b)| *a == !b));
    }
}

fn attrs() -> impl Strategy<Value = DmaAttr> {
    let any_of = |values: &'static [u64]| prop::sample::select(values);
    (
        any_of(&[1, 1, 2, 3, 17, 64]),
        any_of(&[0xFF, 0x1FF, 0xFFF, 0x1FFF, 0xFFFF, u64::MAX]),
        any_of(&[0xFF, 0xFFF, 0x1FFF, 0xFFFF, u64::MAX]),
        any_of(&[1536, PAGE, 5 * PAGE + 7, u64::MAX]),
        any_of(&[1, 3, 512, 520, PAGE]),
        (any_of(&[1, 1, 64, 512]), any_of(&[1, 1, 4, 256])),
    )
        .prop_map(|(sgllen, count_max, seg, maxxfer, granular, (align, minxfer))| DmaAttr {
            sgllen: sgllen as u32,
            count_max,
            seg,
            maxxfer,
            granular: granular as u32,
            align,
            minxfer: minxfer as u32,
            ..DmaAttr::UNRESTRICTED
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the engine and however little map space: what binds moves right, each window a list.
    #[test]
    fn every_window_is_one_list(
        attr in attrs(),
        limit in 1u64..12,
        start in 0u64..PAGE,
        pages in 2u64..30,
        copy_pages in prop::sample::select(&[4u64, 8, 16][..]),
        seed in any::<u64>(),
    ) {
        let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
        toy.limit_map_pages(limit);
        let bus = toy.bus(copy_pages * PAGE);
        if ddi_dma::plan::Engine::new(&attr).is_ok() {
            let lies: Vec<u64> = (0..pages).map(|n| TOP / PAGE - 31 + (n * 7 + seed % 31) % 31).collect();
            let length = pages * PAGE - start - seed % (PAGE - start);
            let object = toy.object(&lies, start, length);
            object.set(&pattern(length));
            let bound = in_flight(&bus, &attr, object, ONE);
            if let Ok(mut flight) = bound {
                let ranges = windows(&mut flight, &attr);
                prop_assert!(covers(&ranges, length));
                complement(&toy, &mut flight, (0..ranges.len()).rev());
                let (_, object) = flight.complete().unbind();
                prop_assert!(object.get().iter().zip(pattern(length)).all(|(a, b)| *a == !b));
            } else {
                // What does not bind so does not bind without ONE_LIST either, or for want of map space alone.
                let object = toy.object(&lies, start, length);
                let many = in_flight(&bus, &attr, object, BindFlags::PARTIAL);
                let short = matches!(&bound, Err(error) if error.shortage().is_some());
                prop_assert!(many.is_err() || short, "{:?}: {:x?}", bound.err(), attr);
            }
        }
    }
}
