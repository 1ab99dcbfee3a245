//! Bad input to the public interface, kind by kind: the error's value, its text, and that everything comes back.

mod toy;

use std::ops::Bound;
use std::sync::Arc;

use ddi_dma::plan::{PlanError, TooBig};
use ddi_dma::{
    AccessAttr, AccessError, Addressing, AllocError, AttrError, AttrFlags, BindErrorKind, BindFlags, Buf,
    Bus, BusConfig, Coherence, Direction, DmaAttr, DmaHandle, DmaObject, Extent, Iovec, MemError, MemoryUse,
    PageArray, PageList, PrivateMemory, RangeError, Resource, Shortage, SyncError, SyncFor, UioError, View,
    Wait, WindowError,
};
use toy::{Memory, PAGE, Toy};

const FAR: DmaAttr = DmaAttr::UNRESTRICTED;
/// An engine that reaches the lowest 32 pages.
const NEAR: DmaAttr = DmaAttr { addr_hi: 32 * PAGE - 1, ..FAR };

fn handle(bus: &Bus, attr: &DmaAttr) -> DmaHandle<Memory> {
    bus.device("toy").alloc_handle(attr, Wait::DontWait).unwrap()
}

#[test]
fn attributes_that_no_engine_has() {
    let cases = [
        (DmaAttr { version: 3, ..FAR }, AttrError::Version { version: 3 }, "version 3"),
        (
            DmaAttr { addr_lo: 9, addr_hi: 8, ..FAR },
            AttrError::Range { addr_lo: 9, addr_hi: 8 },
            "addr_lo 0x9",
        ),
        (
            DmaAttr { count_max: 0x1000, ..FAR },
            AttrError::NotAMask { member: "count_max", value: 0x1000 },
            "count_max 0x1000",
        ),
        (DmaAttr { seg: 0xFFFE, ..FAR }, AttrError::NotAMask { member: "seg", value: 0xFFFE }, "seg 0xfffe"),
        (DmaAttr { align: 0, ..FAR }, AttrError::NotAPowerOfTwo { member: "align", value: 0 }, "align 0x0"),
        (
            DmaAttr { align: 24, ..FAR },
            AttrError::NotAPowerOfTwo { member: "align", value: 24 },
            "align 0x18",
        ),
        (
            DmaAttr { minxfer: 511, ..FAR },
            AttrError::NotAPowerOfTwo { member: "minxfer", value: 511 },
            "minxfer 0x1ff",
        ),
        (DmaAttr { maxxfer: 0, ..FAR }, AttrError::Zero { member: "maxxfer" }, "maxxfer is 0"),
        (DmaAttr { sgllen: 0, ..FAR }, AttrError::Zero { member: "sgllen" }, "sgllen is 0"),
        (DmaAttr { granular: 0, ..FAR }, AttrError::Zero { member: "granular" }, "granular is 0"),
        (
            DmaAttr { maxxfer: 511, granular: 512, ..FAR },
            AttrError::MaxxferBelowGranular { maxxfer: 511, granular: 512 },
            "maxxfer 0x1ff is smaller than granular 0x200",
        ),
        (
            DmaAttr { minxfer: 512, count_max: 255, ..FAR },
            AttrError::MinxferAbove { minxfer: 512, member: "count_max", most: 256 },
            "minxfer 0x200 is more than count_max",
        ),
        (
            DmaAttr { minxfer: 512, seg: 255, ..FAR },
            AttrError::MinxferAbove { minxfer: 512, member: "seg", most: 256 },
            "minxfer 0x200 is more than seg",
        ),
        (
            DmaAttr { addr_lo: 1, addr_hi: 4095, align: 4096, ..FAR },
            AttrError::NoRoom { addr_lo: 1, addr_hi: 4095, align: 4096, minxfer: 1 },
            "no multiple of align 0x1000",
        ),
    ];
    let bus = Toy::plain().bus(PAGE);
    for (attr, expected, text) in cases {
        let error = bus.device("toy").alloc_handle::<Memory>(&attr, Wait::Sleep).unwrap_err();
        assert_eq!(error, AllocError::BadAttr(expected));
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn attributes_that_this_nexus_does_not_meet() {
    let bus = Toy::new(Addressing::Virtual, Coherence::Coherent).bus(PAGE);
    let physical = DmaAttr { flags: AttrFlags::FORCE_PHYSICAL, ..FAR };
    let error = bus.device("toy").alloc_handle::<Memory>(&physical, Wait::DontWait).unwrap_err();
    assert_eq!(error, AllocError::BadAttr(AttrError::ForcePhysical));
    assert!(error.to_string().contains("clear the flag"), "{error}");
    let (device, nexus) = (DmaAttr { granular: 0x8000_0000, ..FAR }, DmaAttr { granular: 3, ..FAR });
    let expected = AttrError::Granules { device: 0x8000_0000, nexus: 3 };
    assert_eq!(device.merge(&nexus), Err(expected));
    // What both have is empty, though either alone is sound.
    let (low, high) = (DmaAttr { addr_hi: 0xFFF, ..FAR }, DmaAttr { addr_lo: 0x1000, ..FAR });
    let merged = low.merge(&high).and_then(|attr| attr.validate());
    assert_eq!(merged, Err(AttrError::Range { addr_lo: 0x1000, addr_hi: 0xFFF }));
}

#[test]
fn a_bus_without_handles() {
    let bus = Bus::new(Toy::plain(), BusConfig { handle_limit: 0, ..BusConfig::default() });
    for wait in [Wait::DontWait, Wait::Sleep] {
        // None is out that could come back, so that even who sleeps is told.
        let error = bus.device("toy").alloc_handle::<Memory>(&FAR, wait).unwrap_err();
        let short = Shortage { resource: Resource::Handles, asked: 1, free: 0, largest: 0 };
        assert_eq!(error, AllocError::Unobtainable(short));
    }
    assert_eq!(bus.stats().handle_shortages, 2);
}

/// Binds what is refused; gives back what came back, which still binds.
fn refused<O: DmaObject>(
    handle: DmaHandle<O>,
    object: O,
    flags: BindFlags,
    expected: BindErrorKind,
    text: &str,
) -> (DmaHandle<O>, O) {
    // Nothing else is bound, so waiting for it would never end: sleeping is answered as well.
    let mut parts = (handle, object);
    for wait in [Wait::DontWait, Wait::Sleep] {
        let (handle, object) = parts;
        let error = handle.bind(object, Direction::Both, flags, wait).unwrap_err();
        assert_eq!(error.kind(), expected);
        let told = error.to_string();
        assert!(told.starts_with("toy: cannot bind: ") && told.contains(text), "{told}");
        parts = error.into_parts();
    }
    parts
}

#[test]
fn objects_and_flags_that_do_not_bind() {
    let toy = Toy::plain();
    let bus = toy.bus(2 * PAGE);
    let attr = DmaAttr { sgllen: 2, minxfer: 64, granular: 64, ..NEAR };
    let mut handle = handle(&bus, &attr);
    let (near, far) = ([1, 3, 5, 7], [40, 42, 44]);
    let none = BindFlags::empty();
    let cases: [(&[u64], u64, BindFlags, BindErrorKind, &str); 6] = [
        (
            &near,
            PAGE,
            BindFlags::CONSISTENT | BindFlags::STREAMING,
            BindErrorKind::Flags,
            "exclude each other",
        ),
        (&near, 0, none, BindErrorKind::Object(PlanError::Empty), "no bytes"),
        (&near, 0, BindFlags::PARTIAL, BindErrorKind::Object(PlanError::Empty), "no bytes"),
        (
            &near,
            63,
            none,
            BindErrorKind::Object(PlanError::TooSmall { length: 63, minxfer: 64 }),
            "63 bytes and the engine moves no fewer than minxfer, 64",
        ),
        (
            &far,
            3 * PAGE,
            none,
            BindErrorKind::TooBig(TooBig::Copy { copied: 3 * PAGE, budget: 2 * PAGE }),
            "bind with PARTIAL",
        ),
        (
            &near,
            4 * PAGE,
            BindFlags::ONE_LIST,
            BindErrorKind::TooBig(TooBig::Lists { lists: 2, offset: 0 }),
            "ONE_LIST allows one",
        ),
    ];
    for (pages, length, flags, expected, text) in cases {
        let object = toy.object(pages, 0, length);
        object.fill(0x5A);
        let (back, object) = refused(handle, object, flags, expected, text);
        assert_eq!(object.get(), vec![0x5A; length as usize], "the bytes are as they were");
        assert_eq!(*object.dropped.lock().unwrap(), 0);
        handle = back;
    }
    let stats = bus.stats();
    assert_eq!((stats.binds, stats.copy_buffer_taken, stats.quarantined_bytes), (0, 0, 0));
    let good = toy.object(&[1], 0, PAGE);
    drop(handle.bind(good, Direction::Both, none, Wait::DontWait).unwrap());
}

#[test]
fn engines_that_cannot_take_an_object_at_all() {
    let toy = Toy::plain();
    let none = BindFlags::empty();
    // A cookie has one byte at most, a list one cookie, and each list two bytes.
    let attr = DmaAttr { sgllen: 1, count_max: 0, granular: 2, ..FAR };
    let kind = PlanError::NoMapping { length: 64, sgllen: 1, minxfer: 1, cookie_max: 1, granular: 2 };
    let bus = toy.bus(PAGE);
    let object = toy.object(&[1], 0, 64);
    refused(handle(&bus, &attr), object, none, BindErrorKind::Object(kind), "multiple of granular 0x2");
    // A granule that must be copied at once, and a copy buffer without a byte.
    let bus = toy.bus(0);
    let attr = DmaAttr { granular: 512, ..NEAR };
    let kind = BindErrorKind::TooBig(TooBig::Granule { least: 512, budget: 0 });
    let object = toy.object(&[40], 0, PAGE);
    refused(handle(&bus, &attr), object, BindFlags::PARTIAL, kind, "the copy buffer holds 0");
}

#[test]
fn resources_that_are_not_there() {
    let toy = Toy::plain();
    // The bus allows more than the nexus has.
    let bus = toy.bus(64 * PAGE);
    let held = handle(&bus, &NEAR)
        .bind(toy.object(&[40; 15], 0, 15 * PAGE), Direction::ToDevice, BindFlags::empty(), Wait::DontWait)
        .unwrap();
    let object = toy.object(&[50, 51], 0, 2 * PAGE);
    let error = handle(&bus, &NEAR)
        .bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)
        .unwrap_err();
    let short = Shortage { resource: Resource::CopyBuffer, asked: 2 * PAGE, free: PAGE, largest: PAGE };
    assert_eq!(error.kind(), BindErrorKind::NoResources(short));
    assert_eq!(
        error.to_string(),
        "toy: cannot bind: copy buffer: 8192 asked, 4096 free, the largest piece 4096"
    );
    let (again, object) = error.into_parts();
    drop(held);
    drop(again.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap());
    // Map space.
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    toy.limit_map_pages(1);
    let short = Shortage { resource: Resource::MapSpace, asked: 2 * PAGE, free: PAGE, largest: PAGE };
    let object = toy.object(&[40, 50], 0, 2 * PAGE);
    let handle = handle(&toy.bus(PAGE), &FAR);
    refused(handle, object, BindFlags::empty(), BindErrorKind::Unobtainable(short), "nothing is in use");
    assert_eq!(toy.mapped_pages(), 0);
}

/// An object that shows extents as it likes.
#[derive(Debug)]
struct Shown(Vec<Extent>);

// SAFETY: the addresses are never accessed: these objects are refused, and copying touches nothing.
unsafe impl DmaObject for Shown {
    fn view(&self) -> View<'_> {
        View::Extents(&self.0)
    }

    unsafe fn copy_out(&self, _: u64, _: *mut u8, _: u64) {}

    unsafe fn copy_in(&self, _: u64, _: *const u8, _: u64) {}
}

#[test]
fn extents_that_pass_the_end_of_the_address_space() {
    let extent = |address, size| Extent { address, size };
    let last = u64::MAX;
    let cases = [
        (vec![extent(last, 2)], PlanError::Wraps { address: last, size: 2 }),
        (vec![extent(0, 512), extent(last - 510, 512)], PlanError::Wraps { address: last - 510, size: 512 }),
        (vec![], PlanError::Empty),
        (vec![extent(0x1000, 0), extent(0x2000, 0)], PlanError::Empty),
    ];
    for addressing in [Addressing::Physical, Addressing::Virtual] {
        let bus = Toy::new(addressing, Coherence::Coherent).bus(PAGE);
        for (extents, expected) in &cases {
            if addressing == Addressing::Virtual && *expected != PlanError::Empty {
                continue; // A nexus that maps sees them first.
            }
            let handle = bus.device("toy").alloc_handle(&FAR, Wait::DontWait).unwrap();
            let object = Shown(extents.clone());
            let (_, object) =
                refused(handle, object, BindFlags::empty(), BindErrorKind::Object(*expected), "bytes");
            assert_eq!(object.0, *extents);
        }
        // More bytes together than 64 bits count.
        let handle: DmaHandle<Shown> = bus.device("toy").alloc_handle(&FAR, Wait::DontWait).unwrap();
        let whole = Shown(vec![extent(0, last), extent(0, last)]);
        let error = handle.bind(whole, Direction::Both, BindFlags::PARTIAL, Wait::DontWait).unwrap_err();
        assert!(matches!(error.kind(), BindErrorKind::Object(PlanError::Wraps { .. })), "{error}");
    }
}

#[test]
fn pages_that_do_not_hold_an_object() {
    let pages = [0x1000, 0x5000];
    for (page_size, offset, length) in [
        (0, 0, 1),
        (3, 0, 1),
        (4095, 0, 1),
        (4096, 4096, 1),
        (4096, u64::MAX, 2),
        (4096, 0, 8193),
        (4096, 1, 8192),
        (4096, 4095, u64::MAX),
    ] {
        assert!(PageList::new(&pages, page_size, offset, length).is_none(), "{page_size} {offset} {length}");
    }
}

#[test]
fn windows_that_do_not_exist() {
    let toy = Toy::plain();
    let object = toy.object(&[40, 41, 42], 0, 3 * PAGE);
    let binding =
        handle(&toy.bus(PAGE), &NEAR).bind(object, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait);
    let mut flight = binding.unwrap().start();
    assert_eq!(flight.window(1).unwrap().offset(), PAGE);
    for index in [3, 4, usize::MAX] {
        let error = flight.window(index).unwrap_err();
        assert_eq!(error, WindowError::NoSuchWindow { index, count: 3 });
        assert_eq!(error.to_string(), format!("window {index} does not exist: the object has windows 0..3"));
        assert_eq!(flight.current_window().unwrap().offset(), PAGE, "the current one stays");
    }
    assert_eq!(flight.next_window().unwrap().unwrap().offset(), 2 * PAGE);
    assert!(flight.next_window().unwrap().is_none());
    assert!(flight.next_window().unwrap().is_none(), "and again");
    assert_eq!(flight.complete().unbind().1.get().len(), 3 * PAGE as usize);
}

#[test]
fn syncs_outside_the_window() {
    let toy = Toy::plain();
    let object = toy.object(&[40, 41, 42], 0, 3 * PAGE);
    let bound =
        handle(&toy.bus(PAGE), &NEAR).bind(object, Direction::Both, BindFlags::PARTIAL, Wait::DontWait);
    let mut flight = bound.unwrap().start();
    flight.window(1).unwrap();
    toy.events();
    let (from, to) = (PAGE, 2 * PAGE);
    for (range_from, range_to) in [
        (0, PAGE),
        (PAGE - 1, to),
        (from, to + 1),
        (to, 3 * PAGE),
        (3 * PAGE, 4 * PAGE),
        (u64::MAX, u64::MAX),
    ] {
        let error = flight.sync(range_from..range_to, SyncFor::Device).unwrap_err();
        let expected = SyncError::Range { from: range_from, to: range_to, window_from: from, window_to: to };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("not inside the current window, 0x1000..0x2000"), "{error}");
    }
    for bounds in [
        (Bound::Included(to), Bound::Excluded(from)),
        (Bound::Included(from), Bound::Included(u64::MAX)),
        (Bound::Excluded(u64::MAX), Bound::Unbounded),
    ] {
        assert!(matches!(flight.sync(bounds, SyncFor::Cpu), Err(SyncError::Range { .. })), "{bounds:?}");
    }
    assert_eq!(toy.events(), [], "nothing was synchronised");
    flight.sync(.., SyncFor::Cpu).unwrap();
}

#[test]
fn syncs_against_the_direction() {
    let toy = Toy::plain();
    let cases = [
        (Direction::FromDevice, SyncFor::Device),
        (Direction::ToDevice, SyncFor::Cpu),
        (Direction::ToDevice, SyncFor::Kernel),
    ];
    for (direction, sync_for) in cases {
        let object = toy.object(&[1], 0, PAGE);
        let bound = handle(&toy.bus(0), &FAR).bind(object, direction, BindFlags::empty(), Wait::DontWait);
        let mut binding = bound.unwrap();
        let error = binding.sync(.., sync_for).unwrap_err();
        assert_eq!(error, SyncError::Direction { sync_for, direction });
        let text = format!("a sync for {sync_for:?} makes no sense for a binding {direction:?}");
        assert_eq!(error.to_string(), text);
        assert_eq!(binding.start().sync(.., sync_for), Err(error), "in flight as well");
    }
}

#[test]
fn bytes_outside_an_object() {
    let toy = Toy::plain();
    let object = toy.object(&[1], 0, 100);
    object.fill(7);
    let bound = handle(&toy.bus(0), &FAR).bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait);
    let mut binding = bound.unwrap();
    for (offset, length) in [(100, 1), (99, 2), (0, 101), (u64::MAX, 1), (u64::MAX - 1, 4)] {
        let expected = RangeError { offset, length, object: 100 };
        let mut bytes = vec![9; length as usize];
        assert_eq!(binding.read(offset, &mut bytes), Err(expected));
        assert!(bytes.iter().all(|byte| *byte == 9), "nothing was copied");
        assert_eq!(binding.write(offset, &bytes), Err(expected));
        assert!(expected.to_string().contains("not inside the object, which has 100"), "{expected}");
    }
    assert_eq!(binding.unbind().1.get(), [7; 100]);
}

#[test]
fn private_memory() {
    let toy = Toy::plain();
    let bus = toy.bus(0);
    let attr = DmaAttr { sgllen: 1, count_max: 4095, ..FAR };
    let handle: DmaHandle<PrivateMemory> = bus.device("toy").alloc_handle(&attr, Wait::DontWait).unwrap();
    let alloc =
        |length| handle.alloc_memory(length, MemoryUse::Consistent, AccessAttr::default(), Wait::Sleep);
    assert_eq!(alloc(0).unwrap_err(), MemError::Empty);
    assert_eq!(alloc(4097).unwrap_err(), MemError::Limits { length: 4097, member: "count_max", most: 4096 });
    assert!(matches!(alloc(u64::MAX).unwrap_err(), MemError::Limits { .. }));
    let memory = alloc(64).unwrap();
    let access = memory.access();
    let memory = access.length();
    for offset in [memory, memory - 1, u64::MAX, u64::MAX - 3] {
        let range = AccessError::Range { offset, length: 4, memory };
        let misaligned = AccessError::Misaligned { offset, word: 4 };
        let error = access.get32(offset).unwrap_err();
        assert!(error == range || error == misaligned, "{error}");
        assert_eq!(access.put32(offset, 1), Err(error));
    }
    assert_eq!(access.get64(4), Err(AccessError::Misaligned { offset: 4, word: 8 }));
    let ring = access.ring::<[u32; 4]>(0, 4).unwrap();
    assert_eq!(ring.get(4), Err(AccessError::Entry { index: 4, len: 4 }));
    assert_eq!(ring.word::<u32>(0, 13).unwrap_err(), AccessError::Field { field: 13, word: 4, size: 16 });
    assert!(access.ring::<[u32; 4]>(0, usize::MAX).is_err());
    assert!(access.iopb::<[u8; 64]>(memory).is_err());
}

/// Two pages of nothing.
struct Nothing;

// SAFETY: nobody accesses the pages, which have no bytes; the copies touch nothing.
unsafe impl PageArray for Nothing {
    fn page_size(&self) -> u64 {
        PAGE
    }

    fn pages(&self) -> &[u64] {
        &[0x1000, 0x3000]
    }

    unsafe fn copy_out(&self, _: u64, _: *mut u8, _: u64) {}

    unsafe fn copy_in(&self, _: u64, _: *const u8, _: u64) {}
}

#[test]
fn bufs_and_vectors() {
    let buf = |offset, length| Buf::from_pages(Arc::new(Nothing), offset, length, Direction::ToDevice);
    for (offset, length) in [(0, 8193), (8192, 1), (u64::MAX, 2)] {
        let error = buf(offset, length).err();
        assert_eq!(error, Some(RangeError { offset, length, object: 8192 }));
    }
    // A buf that the device may only read is not bound for it to write.
    let handle: DmaHandle<Buf> =
        Toy::plain().bus(0).device("toy").alloc_handle(&FAR, Wait::DontWait).unwrap();
    let expected = BindErrorKind::Direction { direction: Direction::Both };
    let (_, whole) = refused(
        handle,
        buf(0, 8192).unwrap(),
        BindFlags::empty(),
        expected,
        "does not permit a transfer Both",
    );
    assert_eq!(whole.bcount(), 8192);
    let iovecs = vec![Iovec { base: 0, length: u64::MAX }, Iovec { base: 0, length: 1 }];
    let UioError { offset, .. } = ddi_dma::Uio::new(iovecs, 5).unwrap_err();
    assert_eq!(offset, 5);
}
