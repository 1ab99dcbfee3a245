//! Private memory: what a handle allocates binds to it as it lies; access to its bytes; when it is freed.

mod heap;
mod toy;

use std::mem::offset_of;
use std::sync::{Arc, Mutex};

use ddi_dma::plan::{Budget, Engine, Lists, Plan, Sliding};
use ddi_dma::{
    Access, AccessAttr, AccessError, AccessOrder, Addressing, Attempt, BindErrorKind, BindFlags, Bus,
    BusConfig, Callback, Coherence, Cookie, Direction, DmaAttr, DmaHandle, DmaObject, Endian, Extent,
    MemError, MemoryUse, PrivateMemory, Resource, SyncFor, View, Wait,
};
use heap::{Heap, LARGEST, Place};
use proptest::prelude::*;
use toy::{COPY_PAGES, Event, IOVA, PAGE, TOP, Toy};
use zerocopy::byteorder::{BE, LE, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const FAR: DmaAttr = DmaAttr::UNRESTRICTED;

fn handle(bus: &Bus, attr: &DmaAttr) -> DmaHandle<PrivateMemory> {
    bus.device("engine").alloc_handle(attr, Wait::DontWait).unwrap()
}

fn consistent(handle: &DmaHandle<PrivateMemory>, length: u64) -> PrivateMemory {
    handle.alloc_memory(length, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait).unwrap()
}

fn in_endian(endian: Endian) -> Access {
    let handle = handle(&Toy::plain().bus(0), &FAR);
    let attr = AccessAttr { endian, order: AccessOrder::Strict };
    handle.alloc_memory(64, MemoryUse::Consistent, attr, Wait::DontWait).unwrap().access()
}

/// A power of two, small ones more often.
fn power(most: u32) -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0), 3 => 0..=most.min(12), 1 => 0..=most].prop_map(|bits| 1 << bits)
}

/// 2^n - 1.
fn mask() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(64u32), 3 => 9..=20u32, 1 => 0..=64u32]
        .prop_map(|bits| u64::MAX.checked_shr(64 - bits).unwrap_or(0))
}

fn attrs() -> impl Strategy<Value = DmaAttr> {
    let any_size = || prop_oneof![Just(u64::MAX), 1..=0x20_0000u64, (0..64u32).prop_map(|bits| 1 << bits)];
    let reach = (
        prop_oneof![3 => Just(0), 1 => 0..0x200_0000u64, 1 => any::<u64>()],
        prop_oneof![2 => Just(u64::MAX), 1 => Just(0x1000), 3 => 0..0x40_0000u64, 1 => any::<u64>()],
    );
    let lists = (
        any_size(),
        prop_oneof![2 => Just(1), 2 => 2..=17u32, 1 => Just(DmaAttr::UNLIMITED), 1 => 1..=u32::MAX],
    );
    let granular = prop_oneof![2 => Just(1), 1 => Just(512), 2 => 1..=8192u32, 1 => any::<u32>()];
    let attr = (reach, mask(), power(40), power(31), lists, mask(), granular).prop_map(
        |((addr_lo, span), count_max, align, minxfer, (maxxfer, sgllen), seg, granular)| {
            let granular = granular.max(1);
            DmaAttr {
                addr_lo,
                addr_hi: addr_lo.saturating_add(span),
                count_max: count_max | (minxfer - 1),
                align,
                minxfer: minxfer as u32,
                maxxfer: maxxfer.max(u64::from(granular).max(minxfer)),
                seg: seg | (minxfer - 1),
                sgllen,
                granular,
                ..FAR
            }
        },
    );
    attr.prop_filter("no such engine", |attr| attr.validate().is_ok())
}

/// Checks cookies against each member, one by one.
fn legal(cookies: &[Cookie], length: u64, attr: &DmaAttr) -> Result<(), TestCaseError> {
    let sum: u64 = cookies.iter().map(|cookie| cookie.size).sum();
    prop_assert_eq!(sum, length);
    prop_assert!(sum <= attr.maxxfer && cookies.len() <= attr.sgllen as usize);
    let mut next = cookies[0].address;
    for cookie in cookies {
        let last = cookie.address + (cookie.size - 1);
        prop_assert!(cookie.address == next && cookie.address.is_multiple_of(attr.align));
        prop_assert!(cookie.address >= attr.addr_lo && last <= attr.addr_hi);
        prop_assert!(cookie.size - 1 <= attr.count_max && cookie.size >= attr.minxfer.into());
        prop_assert!((cookie.address ^ last) & !attr.seg == 0);
        next = last.wrapping_add(1);
    }
    Ok(())
}

/// The attributes without one member.
fn without(member: &str, attr: &DmaAttr) -> DmaAttr {
    match member {
        "addr_hi" => DmaAttr { addr_lo: 0, addr_hi: u64::MAX, ..*attr },
        "count_max" => DmaAttr { count_max: u64::MAX, ..*attr },
        "seg" => DmaAttr { seg: u64::MAX, ..*attr },
        "align" => DmaAttr { align: 1, ..*attr },
        "maxxfer" => DmaAttr { maxxfer: u64::MAX, ..*attr },
        "sgllen" => DmaAttr { sgllen: DmaAttr::UNLIMITED, ..*attr },
        other => panic!("{other} is no member"),
    }
}

/// Checks that the planner, on the best place that there could be, finds no way for the length or a little more.
fn cannot_be_planned(length: u64, attr: &DmaAttr) -> Result<(), TestCaseError> {
    let engine = Engine::new(&DmaAttr { addr_lo: 0, addr_hi: u64::MAX, ..*attr }).unwrap();
    let padded =
        [attr.minxfer, attr.granular, 64].into_iter().map(|unit| length.next_multiple_of(unit.into()));
    for size in (length..length + 2).chain(padded).filter(|size| *size <= LARGEST) {
        let extent = [Extent { address: 0, size }];
        let made =
            Plan::new().make(View::Extents(&extent), &engine, Budget::contiguous(0), Sliding::No, Lists::One);
        prop_assert!(made.is_err(), "{} bytes go in one list", size);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_handle_allocates_binds_to_it_or_the_error_says_why_not(
        attr in attrs(),
        length in prop_oneof![4 => 1..=0x3000u64, 1 => 1..=0x4_0000u64, 1 => (0..63u32).prop_map(|bits| 1 << bits)],
        usage in prop::sample::select(&[MemoryUse::Consistent, MemoryUse::Streaming][..]),
        place in prop::sample::select(&[Place::Lowest, Place::Highest][..]),
    ) {
        let bus = Bus::new(Heap::new(place), BusConfig::default());
        let alloc = |length, attr: &DmaAttr| {
            let handle = handle(&bus, attr);
            (handle.alloc_memory(length, usage, AccessAttr::default(), Wait::DontWait), handle)
        };
        match alloc(length, &attr) {
            (Ok(memory), handle) => {
                let real_length = memory.real_length();
                prop_assert!(real_length >= length);
                let mut ends = [1u8; 2];
                memory.access().read(0, &mut ends[..1]).unwrap();
                memory.access().read(real_length - 1, &mut ends[1..]).unwrap();
                prop_assert_eq!(ends, [0; 2], "somebody's bytes");
                let mut flight =
                    handle.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap().start();
                prop_assert_eq!(flight.window_count(), 1);
                let window = flight.next_window().unwrap().unwrap();
                prop_assert_eq!((window.list_count(), window.copied_bytes()), (1, 0));
                legal(window.cookies(), real_length, &attr)?;
                drop(flight.complete());
                prop_assert_eq!(bus.stats().bytes_copied, 0);
            }
            (Err(MemError::Limits { length: asked, member, most }), _) => {
                prop_assert!(asked == length && most < length);
                match alloc(most.max(1), &attr).0 {
                    Ok(memory) => prop_assert!(most > 0 && memory.real_length() >= most),
                    Err(MemError::Unobtainable(short)) => prop_assert!(most > LARGEST && short.asked > LARGEST),
                    Err(error) => prop_assert!(most == 0, "{} bytes should go: {}", most, error),
                }
                if let Err(MemError::Limits { member: next, most: more, .. }) = alloc(length, &without(member, &attr)).0 {
                    prop_assert!(next != member && more >= most, "{} after {}, {} after {}", next, member, more, most);
                }
            }
            (Err(MemError::Unobtainable(short)), _) => {
                prop_assert!(short.resource == Resource::Memory && short.asked > LARGEST, "{}", short);
            }
            (Err(error), _) => prop_assert!(false, "{}", error),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_planner_finds_no_way_for_a_length_that_is_refused(attr in attrs(), length in 1..=0x3000u64) {
        let bus = Bus::new(Heap::new(Place::Lowest), BusConfig::default());
        let asked =
            handle(&bus, &attr).alloc_memory(length, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait);
        // Where there is no way, the planner searches long.
        let pieces = length / attr.count_max.min(attr.seg).saturating_add(1);
        match asked {
            Err(MemError::Limits { member, .. }) if member != "addr_hi" && pieces <= 8 => {
                cannot_be_planned(length, &attr)?;
            }
            _ => {}
        }
    }
}

#[test]
fn the_attribute_that_forbids_a_length_is_named() {
    let attr = DmaAttr { sgllen: 1, ..FAR };
    let cases = [
        (DmaAttr { count_max: 0xFFFF, ..attr }, "count_max", 0x1_0000),
        (DmaAttr { seg: 0x3FFF, ..attr }, "seg", 0x4000),
        (DmaAttr { count_max: 0xFFF, sgllen: 3, ..attr }, "sgllen", 0x3000),
        (DmaAttr { count_max: 0xFFF, sgllen: 3, align: 0x2000, ..attr }, "align", 0x1000),
        (DmaAttr { maxxfer: 0x1000, granular: 0x300, ..attr }, "maxxfer", 0xF00),
        (DmaAttr { addr_lo: 0x100, addr_hi: 0x7FFE, ..attr }, "addr_hi", 0x6000),
        // A second cookie of two bytes would be too small, and maxxfer forbids to fill it up.
        (
            DmaAttr { count_max: 0xFFF, seg: 0xFFF, maxxfer: 0x1002, minxfer: 0x1000, sgllen: 2, ..attr },
            "maxxfer",
            0x1000,
        ),
    ];
    let bus = Bus::new(Heap::new(Place::Lowest), BusConfig::default());
    for (attr, member, most) in cases {
        let length = if most == 0x1000 && member == "maxxfer" { 0x1002 } else { 0x2_0000 };
        let error = handle(&bus, &attr)
            .alloc_memory(length, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)
            .unwrap_err();
        assert_eq!(error, MemError::Limits { length, member, most });
    }
    let error = handle(&bus, &DmaAttr { count_max: 0xFFFF, ..attr })
        .alloc_memory(0x2_0000, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "131072 bytes do not go in one list of one run: count_max allows 65536 at most"
    );
    let error = handle(&bus, &FAR)
        .alloc_memory(0, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)
        .unwrap_err();
    assert_eq!(error, MemError::Empty);
}

#[test]
fn the_real_length_is_padded_for_the_use() {
    let bus = Bus::new(Heap::new(Place::Lowest), BusConfig::default());
    let real = |attr: DmaAttr, length, usage| {
        let memory = handle(&bus, &attr).alloc_memory(length, usage, AccessAttr::default(), Wait::DontWait);
        memory.unwrap().real_length()
    };
    use MemoryUse::{Consistent, Streaming};
    assert_eq!(real(FAR, 100, Consistent), 100);
    assert_eq!(real(FAR, 100, Streaming), 128, "cache lines");
    let disk = DmaAttr { granular: 520, minxfer: 16, ..FAR };
    assert_eq!(real(disk, 100, Consistent), 112, "the smallest cookie");
    assert_eq!(real(disk, 600, Streaming), 520 * 8, "granules and cache lines");
    let small = DmaAttr { maxxfer: 1100, ..disk };
    assert_eq!(real(small, 600, Streaming), 1040, "granules alone");
    let odd = DmaAttr { maxxfer: 700, granular: 700, minxfer: 512, ..FAR };
    assert_eq!(real(odd, 600, Consistent), 600, "padding would be more than the engine takes");
}

#[test]
fn a_shortage_is_passed_on() {
    let toy = Toy::plain();
    let bus = toy.bus(0);
    let handle = handle(&bus, &FAR);
    let error = handle
        .alloc_memory((COPY_PAGES + 1) * PAGE, MemoryUse::Streaming, AccessAttr::default(), Wait::DontWait)
        .unwrap_err();
    let MemError::Unobtainable(short) = error else { panic!("{error}") };
    assert_eq!(
        (short.resource, short.asked, short.free),
        (Resource::Memory, (COPY_PAGES + 1) * PAGE, COPY_PAGES * PAGE)
    );
    assert_eq!(bus.stats().memory_shortages, 1);
}

#[test]
fn a_callback_gets_the_memory_that_another_gives_back() {
    let toy = Toy::plain();
    let bus = toy.bus(0);
    let handle = handle(&bus, &FAR);
    let first = consistent(&handle, COPY_PAGES * PAGE);
    let got = Arc::new(Mutex::new(None));
    let wanted = (handle, got.clone());
    let wanted = Mutex::new(wanted);
    let callback = Callback::new(move |me| {
        let (handle, got) = &*wanted.lock().unwrap();
        match handle.alloc_memory(100, MemoryUse::Consistent, AccessAttr::default(), Wait::Callback(me)) {
            Ok(memory) => *got.lock().unwrap() = Some(memory.real_length()),
            Err(_) => return Attempt::Runout,
        }
        Attempt::Done
    });
    let other = self::handle(&bus, &FAR);
    let attr = AccessAttr::default();
    let error = other.alloc_memory(100, MemoryUse::Consistent, attr, Wait::Callback(&callback)).unwrap_err();
    assert!(matches!(error, MemError::NoResources(_)), "{error}");
    assert_eq!(*got.lock().unwrap(), None);
    drop(first);
    assert_eq!((*got.lock().unwrap(), bus.stats().waits, bus.stats().callbacks), (Some(100), 1, 1));
}

#[test]
fn memory_and_copy_buffer_wait_for_each_other() {
    let toy = Toy::plain();
    let bus = toy.bus(COPY_PAGES * PAGE);
    let near = DmaAttr { addr_hi: 32 * PAGE - 1, ..FAR };
    let copying = bus.device("near").alloc_handle(&near, Wait::DontWait).unwrap();
    let object = toy.object(&[40, 41], 0, 2 * PAGE);
    let bound = copying.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    let calls = Arc::new(Mutex::new(0));
    let counted = calls.clone();
    let callback = Callback::new(move |_| {
        *counted.lock().unwrap() += 1;
        Attempt::Done
    });
    let (handle, attr) = (handle(&bus, &FAR), AccessAttr::default());
    let all = COPY_PAGES * PAGE;
    handle.alloc_memory(all, MemoryUse::Consistent, attr, Wait::Callback(&callback)).unwrap_err();
    let (copying, object) = bound.unbind();
    assert_eq!(*calls.lock().unwrap(), 1, "the copy run was given back");
    let memory = consistent(&handle, all);
    let waiting = Wait::Callback(&callback);
    let error = copying.bind(object, Direction::ToDevice, BindFlags::empty(), waiting).unwrap_err();
    assert!(matches!(error.kind(), BindErrorKind::NoResources(_)));
    drop(memory);
    assert_eq!(*calls.lock().unwrap(), 2, "the memory was given back");
    let (copying, object) = error.into_parts();
    copying.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
}

#[test]
fn who_sleeps_for_memory_is_woken() {
    let toy = Toy::plain();
    let bus = toy.bus(0);
    let handle = handle(&bus, &FAR);
    let memory = consistent(&handle, COPY_PAGES * PAGE);
    let sleeper = std::thread::spawn(move || {
        handle
            .alloc_memory(PAGE, MemoryUse::Streaming, AccessAttr::default(), Wait::Sleep)
            .unwrap()
            .real_length()
    });
    // It is in the queue before anything is given back.
    while bus.stats().waits == 0 {
        std::thread::yield_now();
    }
    drop(memory);
    assert_eq!(sleeper.join().unwrap(), PAGE);
}

#[test]
fn nobody_waits_for_memory_that_nothing_would_give_back() {
    let toy = Toy::plain();
    let bus = toy.bus(0);
    let handle = handle(&bus, &FAR);
    drop(consistent(&handle, PAGE));
    let callback = Callback::new(|_| Attempt::Done);
    let (attr, waiting) = (AccessAttr::default(), Wait::Callback(&callback));
    let error =
        handle.alloc_memory((COPY_PAGES + 1) * PAGE, MemoryUse::Consistent, attr, waiting).unwrap_err();
    assert!(matches!(error, MemError::Unobtainable(_)), "{error}");
    assert_eq!(bus.stats().waits, 0);
}

#[test]
fn memory_that_idle_handles_keep_for_copying_is_taken_back() {
    let toy = Toy::plain();
    let bus = toy.bus(COPY_PAGES * PAGE);
    let near = DmaAttr { addr_hi: 32 * PAGE - 1, ..FAR };
    let copying = bus.device("near").alloc_handle(&near, Wait::DontWait).unwrap();
    let object = toy.object(&[40, 41], 0, 2 * PAGE);
    let bound = copying.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    let _idle = bound.unbind();
    assert_eq!(bus.stats().copy_buffer_taken, 2 * PAGE);
    let memory = consistent(&handle(&bus, &FAR), COPY_PAGES * PAGE);
    assert_eq!((memory.real_length(), bus.stats().copy_buffer_taken), (COPY_PAGES * PAGE, 0));
}

#[test]
fn words_lie_in_the_declared_endianness() {
    for (endian, bytes) in [
        (Endian::Little, [8, 7, 6, 5, 4, 3, 2, 1]),
        (Endian::Big, [1, 2, 3, 4, 5, 6, 7, 8]),
        (Endian::Native, 0x0102_0304_0506_0708u64.to_ne_bytes()),
    ] {
        let access = in_endian(endian);
        let at = |offset: u64, length: usize| {
            let mut bytes = [0; 8];
            access.read(offset, &mut bytes[..length]).unwrap();
            bytes
        };
        access.put64(8, 0x0102_0304_0506_0708).unwrap();
        assert_eq!(at(8, 8), bytes);
        access.put32(16, 0x0102_0304).unwrap();
        access.put16(22, 0x0102).unwrap();
        access.put8(25, 1).unwrap();
        let big = endian != Endian::Little && bytes[0] == 1;
        assert_eq!(at(16, 4)[..4], if big { [1, 2, 3, 4] } else { [4, 3, 2, 1] });
        assert_eq!(at(22, 2)[..2], if big { [1, 2] } else { [2, 1] });
        assert_eq!(access.get64(8), Ok(0x0102_0304_0506_0708));
        assert_eq!(
            (access.get32(16), access.get16(22), access.get8(25)),
            (Ok(0x0102_0304), Ok(0x0102), Ok(1))
        );
        access.rep_put(32, &[0x0102u16, 0x0304]).unwrap();
        assert_eq!(at(32, 4)[..4], if big { [1, 2, 3, 4] } else { [2, 1, 4, 3] });
        let mut words = [0u16; 2];
        access.rep_get(32, &mut words).unwrap();
        assert_eq!(words, [0x0102, 0x0304]);
    }
}

#[test]
fn accesses_outside_or_across_are_refused() {
    let access = in_endian(Endian::Native);
    assert_eq!(access.length(), 64);
    assert_eq!(access.get32(62), Err(AccessError::Range { offset: 62, length: 4, memory: 64 }));
    assert_eq!(access.put8(64, 1), Err(AccessError::Range { offset: 64, length: 1, memory: 64 }));
    assert_eq!(access.get64(u64::MAX), Err(AccessError::Range { offset: u64::MAX, length: 8, memory: 64 }));
    assert_eq!(access.get32(2), Err(AccessError::Misaligned { offset: 2, word: 4 }));
    assert_eq!(access.put16(1, 0xFFFF), Err(AccessError::Misaligned { offset: 1, word: 2 }));
    assert_eq!(access.rep_put(60, &[1u32, 2]), Err(AccessError::Range { offset: 60, length: 8, memory: 64 }));
    assert_eq!(access.rep_get(33, &mut [0u32; 2]), Err(AccessError::Misaligned { offset: 33, word: 4 }));
    assert_eq!(access.rep_get(64, &mut [0u32; 0]), Ok(()));
    assert_eq!(access.write(60, &[0xFF; 5]), Err(AccessError::Range { offset: 60, length: 5, memory: 64 }));
    let mut all = [1; 64];
    access.read(0, &mut all).unwrap();
    assert_eq!(all, [0; 64], "nothing was written");
    assert_eq!(
        access.ring::<[u8; 16]>(1, 4).unwrap_err(),
        AccessError::Range { offset: 1, length: 64, memory: 64 }
    );
    assert!(access.ring::<u64>(0, usize::MAX).is_err());
    assert!(access.iopb::<[u8; 65]>(0).is_err());
}

#[test]
fn bytes_of_any_alignment_are_copied_exactly() {
    let access = in_endian(Endian::Native);
    let all: Vec<u8> = (1..=64).collect();
    for from in 0..20 {
        for length in 0..=40 {
            access.write(0, &[0; 64]).unwrap();
            access.write(from, &all[..length]).unwrap();
            let mut seen = [0; 64];
            access.read(0, &mut seen).unwrap();
            let mut expected = [0; 64];
            expected[from as usize..][..length].copy_from_slice(&all[..length]);
            assert_eq!(seen, expected);
            let mut part = vec![0; length];
            access.read(from, &mut part).unwrap();
            assert_eq!(part, all[..length]);
        }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, Debug, Clone, PartialEq)]
#[repr(C)]
struct Descriptor {
    address: U64<LE>,
    length: U16<LE>,
    owner: U16<LE>,
    tag: U32<BE>,
}

/// Memory that a device reaches, with its first bus address.
fn shared(toy: &Arc<Toy>, length: u64) -> (Access, ddi_dma::InFlight<PrivateMemory>, u64) {
    let handle = handle(&toy.bus(0), &FAR);
    let memory = consistent(&handle, length);
    let access = memory.access();
    let mut flight =
        handle.bind(memory, Direction::Both, BindFlags::CONSISTENT, Wait::DontWait).unwrap().start();
    let cookie = flight.next_window().unwrap().unwrap().cookies()[0];
    (access, flight, cookie.address)
}

#[test]
fn a_ring_is_shared_with_the_device_while_it_is_in_flight() {
    for addressing in [Addressing::Physical, Addressing::Virtual] {
        let toy = Toy::new(addressing, Coherence::Coherent);
        let (access, flight, bus) = shared(&toy, 16 * 4 + 8);
        let ring = access.ring::<Descriptor>(8, 4).unwrap();
        assert_eq!((ring.len(), ring.next(0), ring.next(3)), (4, 1, 0));
        let value =
            Descriptor { address: 0x0102.into(), length: 3.into(), owner: 1.into(), tag: 0x0405.into() };
        ring.publish::<u16>(3, &value, offset_of!(Descriptor, owner)).unwrap();
        let expected = [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 4, 5];
        assert_eq!(toy.device_read(bus + 8 + 48, 16).unwrap(), expected);
        assert_eq!(ring.get(3), Ok(value.clone()));
        ring.set(1, &value).unwrap();
        assert_eq!(toy.device_read(bus + 8 + 16, 16).unwrap(), expected);
        toy.device_write(bus + 8 + 48 + 10, &[0, 2]).unwrap();
        assert_eq!(u16::from_le(ring.word(3, offset_of!(Descriptor, owner)).unwrap()), 0x200);
        ring.put_word(3, offset_of!(Descriptor, length), 9u16.to_le()).unwrap();
        assert_eq!(ring.get(3), Ok(Descriptor { owner: 0x200.into(), length: 9.into(), ..value.clone() }));
        assert_eq!(ring.get(4), Err(AccessError::Entry { index: 4, len: 4 }));
        assert_eq!(ring.word::<u32>(0, 13), Err(AccessError::Field { field: 13, word: 4, size: 16 }));
        assert_eq!(ring.publish::<u16>(0, &value, 9), Err(AccessError::Misaligned { offset: 17, word: 2 }));
        assert_eq!(ring.get(0).unwrap().owner.get(), 0, "nothing was written");
        drop(flight.complete());
    }
}

#[test]
fn an_iopb_is_shared_with_the_device() {
    let toy = Toy::plain();
    let (access, flight, bus) = shared(&toy, 64);
    let iopb = access.iopb::<Descriptor>(16).unwrap();
    let value = Descriptor { address: 7.into(), length: 2.into(), owner: 0.into(), tag: 9.into() };
    iopb.write(&value).unwrap();
    assert_eq!(toy.device_read(bus + 16, 16).unwrap(), value.as_bytes());
    toy.device_write(bus + 16 + 12, &[0, 0, 1, 2]).unwrap();
    assert_eq!(iopb.read().unwrap().tag.get(), 0x102);
    iopb.put_word(0, 0x0807_0605_0403_0201u64.to_le()).unwrap();
    assert_eq!(toy.device_read(bus + 16, 8).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(iopb.word::<u8>(15), Ok(2));
    drop(flight.complete());
}

#[test]
fn memory_is_freed_only_when_owner_binding_and_accesses_are_gone() {
    let toy = Toy::plain();
    let bus = toy.bus(0);
    let handle = handle(&bus, &FAR);
    let memory = consistent(&handle, 100);
    let access = memory.access();
    let binding = handle.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap();
    let ring = access.ring::<u32>(0, 4).unwrap();
    drop(access);
    let (handle, memory) = binding.unbind();
    assert_eq!(toy.events(), [Event::Alloc { size: PAGE }]);
    drop((handle, memory));
    drop(bus);
    ring.set(0, &7).unwrap();
    assert_eq!((ring.get(0), toy.events()), (Ok(7), vec![]), "the ring still holds it");
    drop(ring);
    assert_eq!(toy.events(), [Event::Free { size: PAGE }]);
}

#[test]
fn an_abandoned_transfer_keeps_its_memory_until_the_device_was_reset() {
    let toy = Toy::plain();
    let device = toy.bus(0).device("engine");
    let handle = device.alloc_handle(&FAR, Wait::DontWait).unwrap();
    let memory = consistent(&handle, 100);
    drop(handle.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap().start());
    assert_eq!((toy.events(), device.quarantined_bytes()), (vec![Event::Alloc { size: PAGE }], 100));
    // SAFETY: the toy's device does nothing by itself.
    assert_eq!(unsafe { device.release_quarantine() }, 100);
    assert_eq!(toy.events(), [Event::Free { size: PAGE }]);
}

#[test]
fn an_iommu_takes_abandoned_memory_away_when_the_last_access_is_gone() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    let (access, flight, bus) = shared(&toy, 100);
    assert!(bus >= IOVA);
    drop(flight);
    toy.device_write(bus, &[1, 2, 3, 4]).unwrap();
    assert_eq!(access.get8(3), Ok(4), "the memory is still there");
    assert_eq!(toy.events(), [Event::Alloc { size: PAGE }]);
    drop(access);
    assert_eq!(toy.events(), [Event::Free { size: PAGE }]);
    assert!(toy.device_write(bus, &[1]).is_err());
}

#[test]
fn memory_of_another_bus_is_refused() {
    for addressing in [Addressing::Physical, Addressing::Virtual] {
        let toy = Toy::new(addressing, Coherence::Coherent);
        let memory = consistent(&handle(&toy.bus(0), &FAR), 100);
        let there = handle(&toy.bus(0), &FAR);
        let error = there.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap_err();
        assert_eq!(error.kind(), BindErrorKind::ForeignMemory);
        let (_, memory) = error.into_parts();
        assert_eq!(memory.real_length(), 100);
    }
}

#[test]
fn virtual_memory_is_refused_where_physical_addresses_are_forced() {
    let toy = Toy::new(Addressing::Either, Coherence::Coherent);
    let bus = toy.bus(0);
    let memory = consistent(&handle(&bus, &FAR), 100);
    let forced = handle(&bus, &DmaAttr { flags: ddi_dma::AttrFlags::FORCE_PHYSICAL, ..FAR });
    let error = forced.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap_err();
    assert_eq!(error.kind(), BindErrorKind::ForeignMemory);
}

#[test]
fn another_handle_of_the_bus_binds_it_too() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    let bus = toy.bus(TOP);
    let memory = consistent(&handle(&bus, &FAR), PAGE);
    let narrow = handle(&bus, &DmaAttr { count_max: 0x1FF, sgllen: 2, ..FAR });
    let mut flight =
        narrow.bind(memory, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap().start();
    assert_eq!(flight.next_window().unwrap().unwrap().list_count(), 4);
    let (_, memory) = flight.complete().unbind();
    assert_eq!(toy.events(), [Event::Alloc { size: PAGE }], "it is mapped already");
    assert!(matches!(memory.view(), View::Extents([Extent { size: PAGE, .. }])));
}

#[test]
fn a_nexus_with_caches_is_told_of_its_own_memory() {
    let toy = Toy::new(Addressing::Physical, Coherence::NeedsSync);
    let (access, mut flight, _) = shared(&toy, 100);
    access.put8(70, 1).unwrap();
    flight.sync(64..80, SyncFor::Device).unwrap();
    flight.sync(0..64, SyncFor::Kernel).unwrap();
    drop(flight.complete());
    drop(access);
    let whole = (0, 100);
    assert_eq!(
        toy.events(),
        [
            Event::Alloc { size: PAGE },
            Event::SyncRun { range: whole, sync_for: SyncFor::Device },
            Event::SyncRun { range: (64, 80), sync_for: SyncFor::Device },
            Event::SyncRun { range: (0, 64), sync_for: SyncFor::Kernel },
            Event::SyncRun { range: whole, sync_for: SyncFor::Cpu },
            Event::Free { size: PAGE },
        ]
    );
}

#[test]
fn an_access_may_go_to_another_thread() {
    let toy = Toy::plain();
    let (access, flight, bus) = shared(&toy, 64);
    let ring = access.ring::<u64>(0, 8).unwrap();
    std::thread::spawn(move || ring.set(7, &0x77)).join().unwrap().unwrap();
    assert_eq!((access.get8(56), toy.device_read(bus + 56, 1).unwrap()), (Ok(0x77), vec![0x77]));
    drop(flight.complete());
}
