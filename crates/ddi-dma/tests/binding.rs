//! Handles, bindings, windows, sync and quarantine on the toy machine: which bytes are where, and when.

mod toy;

use std::ops::Bound::{Excluded, Included};

use ddi_dma::plan::{PlanError, TooBig};
use ddi_dma::{
    Addresses, Addressing, AllocError, AttrError, AttrFlags, BindErrorKind, BindFlags, BurstSizes, Coherence,
    Direction, DmaAttr, DmaHandle, DmaObject, Extent, Resource, Stats, SyncError, SyncFor, View, Wait,
    WindowError,
};
use toy::{COPY_PAGES, Event, IOVA, Memory, PAGE, Toy};

/// An engine that reaches the lowest 32 pages and takes 4 cookies.
const NEAR: DmaAttr = DmaAttr { addr_hi: 32 * PAGE - 1, sgllen: 4, ..DmaAttr::UNRESTRICTED };
/// An engine that reaches everything.
const FAR: DmaAttr = DmaAttr::UNRESTRICTED;

fn handle(toy: &std::sync::Arc<Toy>, attr: &DmaAttr, copy_limit: u64) -> DmaHandle<Memory> {
    toy.bus(copy_limit).device("toy").alloc_handle(attr, Wait::DontWait).unwrap()
}

fn pattern(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 256) as u8).collect()
}

#[test]
fn the_device_reads_what_the_cpu_wrote() {
    let toy = Toy::plain();
    let object = toy.object(&[20, 40, 22], 100, 9000);
    object.set(&pattern(9000));
    let binding = handle(&toy, &NEAR, 65536)
        .bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)
        .unwrap();
    let mut flight = binding.start();
    let mut seen = Vec::new();
    let window = flight.next_window().unwrap().unwrap();
    for cookie in window.cookies() {
        seen.extend(toy.device_read(cookie.address, cookie.size).unwrap());
    }
    assert_eq!((window.cookies().len(), window.copied_bytes()), (3, PAGE));
    assert_eq!(seen, pattern(9000));
    assert!(flight.next_window().unwrap().is_none());
    let (_, object) = flight.complete().unbind();
    assert_eq!(object.get(), pattern(9000));
}

#[test]
fn a_short_transfer_leaves_the_tail_as_it_was() {
    let toy = Toy::plain();
    let mut handle = handle(&toy, &NEAR, 65536);
    // Stale bytes of an earlier transfer wait in the copy run that the handle keeps.
    let secret = toy.object(&[50], 0, PAGE);
    secret.fill(0x5E);
    (handle, _) =
        handle.bind(secret, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap().unbind();
    let object = toy.object(&[40], 0, PAGE);
    object.fill(0xAA);
    let mut flight =
        handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap().start();
    let cookie = flight.next_window().unwrap().unwrap().cookies()[0];
    toy.device_write(cookie.address, &[1, 2, 3]).unwrap();
    let (_, object) = flight.complete().unbind();
    let bytes = object.get();
    assert_eq!(bytes[..4], [1, 2, 3, 0xAA]);
    assert!(bytes[3..].iter().all(|byte| *byte == 0xAA));
}

#[test]
fn overwrite_skips_the_fill() {
    let toy = Toy::plain();
    let bus = toy.bus(65536);
    let handle = bus.device("toy").alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let object = toy.object(&[40], 0, PAGE);
    let (handle, object) =
        handle.bind(object, Direction::FromDevice, BindFlags::OVERWRITE, Wait::DontWait).unwrap().unbind();
    assert_eq!(bus.stats().bytes_copied, PAGE, "copied back alone");
    let (handle, object) =
        handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap().unbind();
    assert_eq!(bus.stats().bytes_copied, 3 * PAGE, "filled and copied back");
    drop(handle.bind(object, Direction::Both, BindFlags::OVERWRITE, Wait::DontWait).unwrap());
    assert_eq!(bus.stats().bytes_copied, 5 * PAGE, "a device that reads gets the bytes all the same");
}

#[test]
fn windows_move_in_any_order() {
    let toy = Toy::plain();
    let object = toy.object(&[40, 41, 42, 43], 0, 4 * PAGE);
    object.set(&pattern(4 * PAGE));
    let handle = handle(&toy, &NEAR, PAGE);
    let mut flight =
        handle.bind(object, Direction::Both, BindFlags::PARTIAL, Wait::DontWait).unwrap().start();
    assert_eq!(flight.window_count(), 4);
    for index in [2, 0, 3, 3, 1] {
        let window = flight.window(index).unwrap();
        assert_eq!(window.range(), index as u64 * PAGE..(index as u64 + 1) * PAGE);
        let cookie = window.cookies()[0];
        let bytes = toy.device_read(cookie.address, cookie.size).unwrap();
        let from = index * PAGE as usize;
        let last = if index == 3 { bytes[0] } else { pattern(4 * PAGE)[from] };
        assert_eq!((bytes[0], &bytes[1..]), (last, &pattern(4 * PAGE)[from + 1..from + PAGE as usize]));
        toy.device_write(cookie.address, &[0xF0 + index as u8]).unwrap();
    }
    assert_eq!(flight.window(4).unwrap_err(), WindowError::NoSuchWindow { index: 4, count: 4 });
    assert_eq!(
        flight.next_window().unwrap().map(|window| window.index()),
        Some(2),
        "the window behind the last asked"
    );
    let (_, object) = flight.complete().unbind();
    let mut expected = pattern(4 * PAGE);
    (0..4).for_each(|index| expected[index * PAGE as usize] = 0xF0 + index as u8);
    assert_eq!(object.get(), expected);
}

#[test]
fn sync_moves_exactly_the_range() {
    let toy = Toy::plain();
    let object = toy.object(&[40], 0, PAGE);
    let mut flight = handle(&toy, &NEAR, PAGE)
        .bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait)
        .unwrap()
        .start();
    let cookie = flight.next_window().unwrap().unwrap().cookies()[0];
    toy.device_write(cookie.address, &[9; 4096]).unwrap();
    flight.sync(10..20, SyncFor::Cpu).unwrap();
    let binding = flight.complete();
    let mut bytes = [0; 32];
    binding.read(0, &mut bytes).unwrap();
    let expected: Vec<u8> = (0..32).map(|at| if (10..20).contains(&at) { 9 } else { 0 }).collect();
    assert_eq!(bytes[..], expected[..]);
    assert!(binding.read(PAGE - 1, &mut bytes).is_err());
}

#[test]
fn a_binding_is_used_again_between_syncs() {
    let toy = Toy::plain();
    let mut binding = handle(&toy, &NEAR, PAGE)
        .bind(toy.object(&[40], 8, 100), Direction::Both, BindFlags::CONSISTENT, Wait::DontWait)
        .unwrap();
    for round in 0..3u8 {
        binding.write(0, &[round; 100]).unwrap();
        binding.sync(.., SyncFor::Device).unwrap();
        let mut flight = binding.start();
        let cookie = flight.window(0).unwrap().cookies()[0];
        assert_eq!(toy.device_read(cookie.address, 100).unwrap(), [round; 100]);
        toy.device_write(cookie.address, &[round + 100; 100]).unwrap();
        flight.sync(.., SyncFor::Kernel).unwrap();
        binding = flight.complete();
        let mut bytes = [0; 100];
        binding.read(0, &mut bytes).unwrap();
        assert_eq!(bytes, [round + 100; 100]);
    }
}

#[test]
fn sync_refuses_wrong_ranges_and_directions() {
    let toy = Toy::plain();
    let object = toy.object(&[40, 41], 0, 2 * PAGE);
    let mut binding = handle(&toy, &NEAR, PAGE)
        .bind(object, Direction::FromDevice, BindFlags::PARTIAL, Wait::DontWait)
        .unwrap();
    let outside = binding.sync(PAGE - 1..PAGE + 1, SyncFor::Cpu).unwrap_err();
    let range = SyncError::Range { from: PAGE - 1, to: PAGE + 1, window_from: 0, window_to: PAGE };
    assert_eq!(outside, range);
    assert!(matches!(
        binding.sync((Included(5), Excluded(4)), SyncFor::Cpu),
        Err(SyncError::Range { from: 5, to: 4, .. })
    ));
    let wrong = SyncError::Direction { sync_for: SyncFor::Device, direction: Direction::FromDevice };
    assert_eq!(binding.sync(.., SyncFor::Device), Err(wrong));
    let (handle, object) = binding.unbind();
    let mut binding = handle.bind(object, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait).unwrap();
    for sync_for in [SyncFor::Cpu, SyncFor::Kernel] {
        let wrong = SyncError::Direction { sync_for, direction: Direction::ToDevice };
        assert_eq!(binding.sync(.., sync_for), Err(wrong));
    }
    binding.sync(7..7, SyncFor::Device).unwrap();
}

#[test]
fn an_incoherent_nexus_is_told_of_each_change_of_view() {
    let toy = Toy::new(Addressing::Physical, Coherence::NeedsSync);
    let handle = handle(&toy, &NEAR, 65536);
    let object = toy.object(&[20, 40], 0, 2 * PAGE);
    let binding = handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    let device = |range| Event::SyncObject { range, sync_for: SyncFor::Device };
    let run = |range| Event::SyncRun { range, sync_for: SyncFor::Device };
    assert_eq!(toy.events(), [Event::Alloc { size: PAGE }, device((0, 2 * PAGE)), run((0, PAGE))]);
    let mut flight = binding.start();
    flight.sync(PAGE - 1..PAGE + 3, SyncFor::Kernel).unwrap();
    let sync_for = SyncFor::Kernel;
    let both = [
        Event::SyncObject { range: (PAGE - 1, PAGE + 3), sync_for },
        Event::SyncRun { range: (0, 3), sync_for },
    ];
    assert_eq!(toy.events(), both);
    drop(flight.complete().unbind());
    let sync_for = SyncFor::Cpu;
    let events = toy.events();
    let back =
        [Event::SyncObject { range: (0, 2 * PAGE), sync_for }, Event::SyncRun { range: (0, PAGE), sync_for }];
    assert_eq!(events[..2], back);
    assert_eq!(events[2..], [Event::Free { size: PAGE }], "the handle's drop returns its run");
}

#[test]
fn an_iommu_makes_one_cookie_of_scattered_pages_and_takes_it_away_again() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    let object = toy.object(&[50, 20, 40], 100, 3 * PAGE - 200);
    object.set(&pattern(3 * PAGE - 200));
    let one = DmaAttr { sgllen: 1, ..FAR };
    let mut flight = handle(&toy, &one, 65536)
        .bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)
        .unwrap()
        .start();
    let cookies = flight.window(0).unwrap().cookies().to_vec();
    assert_eq!((cookies.len(), cookies[0].address), (1, IOVA + 100));
    assert_eq!(toy.device_read(cookies[0].address, 5).unwrap(), pattern(5));
    let (handle, object) = flight.complete().unbind();
    assert_eq!(toy.events(), [Event::Map { bytes: 3 * PAGE - 200 }, Event::Unmap]);
    assert!(toy.device_read(cookies[0].address, 5).is_err());

    // Abandoned in flight: the nexus revokes access, so nothing is quarantined and the object is dropped.
    let dropped = object.dropped.clone();
    let flight =
        handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap().start();
    drop(flight);
    assert_eq!(toy.events(), [Event::Map { bytes: 3 * PAGE - 200 }, Event::Unmap]);
    assert_eq!(*dropped.lock().unwrap(), 1);
}

/// Memory that was mapped for all devices of a bus beforehand.
struct Registered {
    memory: Memory,
    addresses: Addresses,
    extent: [Extent; 1],
}

// SAFETY: the extent never changes, and the memory copies bytes through raw pointers.
unsafe impl DmaObject for Registered {
    fn view(&self) -> View<'_> {
        View::Extents(&self.extent)
    }

    fn addresses(&self) -> Addresses {
        self.addresses
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's promise.
        unsafe { self.memory.copy_out(offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller's promise.
        unsafe { self.memory.copy_in(offset, from, length) }
    }
}

/// Nobody takes it away from a device, so it is kept from use where a transfer is abandoned, IOMMU or not.
#[test]
fn memory_that_stays_mapped_is_quarantined_behind_an_iommu_too() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    let bus = toy.bus(PAGE);
    let device = bus.device("toy");
    let memory = toy.object(&[20], 0, 100);
    let dropped = memory.dropped.clone();
    let object = Registered {
        memory,
        addresses: bus.addresses(),
        extent: [Extent { address: 0x1000_0000, size: 100 }],
    };
    let handle = device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait).unwrap();
    toy.events();
    let binding = handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    drop(binding.start());
    assert_eq!(toy.events(), [], "the nexus was never asked");
    assert_eq!((*dropped.lock().unwrap(), device.quarantined_bytes()), (0, 100));
    // SAFETY: the toy's device does nothing by itself.
    assert_eq!(unsafe { device.release_quarantine() }, 100);
    assert_eq!((*dropped.lock().unwrap(), device.quarantined_bytes()), (1, 0));
}

#[test]
fn an_abandoned_transfer_is_quarantined_until_the_device_is_reset() {
    let toy = Toy::plain();
    let bus = toy.bus(65536);
    let device = bus.device("toy");
    let handle = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let object = toy.object(&[40, 21], 0, 2 * PAGE);
    let dropped = object.dropped.clone();
    drop(handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap().start());
    assert_eq!(*dropped.lock().unwrap(), 0, "the device may still write it");
    assert_eq!(toy.events(), [Event::Alloc { size: PAGE }], "nor is the copy run freed");
    assert_eq!((device.quarantined_bytes(), bus.stats().quarantined_bytes), (3 * PAGE, 3 * PAGE));
    // SAFETY: the toy device does nothing by itself.
    let released = unsafe { device.release_quarantine() };
    assert_eq!((released, *dropped.lock().unwrap()), (3 * PAGE, 1));
    assert_eq!(toy.events(), [Event::Free { size: PAGE }]);
    assert_eq!((device.quarantined_bytes(), bus.stats().quarantined_bytes), (0, 0));
}

#[test]
fn forgetting_a_transfer_only_leaks() {
    let toy = Toy::plain();
    let bus = toy.bus(65536);
    let object = toy.object(&[40], 0, PAGE);
    let dropped = object.dropped.clone();
    let handle = bus.device("toy").alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let flight =
        handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap().start();
    std::mem::forget(flight);
    assert_eq!((*dropped.lock().unwrap(), bus.stats().copy_buffer_taken), (0, PAGE));
}

#[test]
fn a_dropped_binding_is_unbound() {
    let toy = Toy::plain();
    let bus = toy.bus(65536);
    let object = toy.object(&[40], 0, PAGE);
    let dropped = object.dropped.clone();
    let handle = bus.device("toy").alloc_handle(&NEAR, Wait::DontWait).unwrap();
    drop(handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap());
    assert_eq!((*dropped.lock().unwrap(), bus.stats().copy_buffer_taken), (1, 0));
}

/// Binds and expects a refusal; gives back what it returned.
fn refused(
    handle: DmaHandle<Memory>,
    object: Memory,
    flags: BindFlags,
) -> (BindErrorKind, String, DmaHandle<Memory>, Memory) {
    let error = handle.bind(object, Direction::ToDevice, flags, Wait::DontWait).unwrap_err();
    let (kind, text) = (error.kind(), error.to_string());
    let (handle, object) = error.into_parts();
    (kind, text, handle, object)
}

#[test]
fn errors_carry_values_and_give_everything_back() {
    let toy = Toy::plain();
    let bus = toy.bus(2 * PAGE);
    let handle = bus.device("toy").alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let object = toy.object(&[40, 41, 42], 0, 3 * PAGE);
    object.set(&pattern(3 * PAGE));
    let both = BindFlags::CONSISTENT | BindFlags::STREAMING;
    let (kind, _, handle, object) = refused(handle, object, both);
    assert_eq!(kind, BindErrorKind::Flags);
    let (kind, text, handle, object) = refused(handle, object, BindFlags::empty());
    assert_eq!(kind, BindErrorKind::TooBig(TooBig::Copy { copied: 3 * PAGE, budget: 2 * PAGE }));
    assert!(text.starts_with("toy: cannot bind: 12288 bytes must go through the copy buffer"), "{text}");
    assert_eq!(object.get(), pattern(3 * PAGE));
    let (kind, _, handle, _) = refused(handle, toy.object(&[1], 0, 0), BindFlags::empty());
    assert_eq!(kind, BindErrorKind::Object(PlanError::Empty));
    let scattered = toy.object(&[20, 22, 24, 26, 28], 0, 5 * PAGE);
    let (kind, _, handle, scattered) = refused(handle, scattered, BindFlags::ONE_LIST);
    assert_eq!(kind, BindErrorKind::TooBig(TooBig::Lists { lists: 2, offset: 0 }));
    let binding = handle.bind(scattered, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    assert_eq!(binding.start().window(0).unwrap().list_count(), 2);
    assert_eq!(bus.stats().binds, 1, "refused binds do not count");
}

#[test]
fn two_handles_share_one_copy_buffer() {
    let toy = Toy::plain();
    let bus = toy.bus(2 * PAGE);
    let device = bus.device("toy");
    let first = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let second: DmaHandle<Memory> = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let held = first
        .bind(toy.object(&[40], 0, PAGE), Direction::ToDevice, BindFlags::empty(), Wait::DontWait)
        .unwrap();
    let (kind, text, second, object) =
        refused(second, toy.object(&[50, 51], 0, 2 * PAGE), BindFlags::empty());
    let BindErrorKind::NoResources(short) = kind else { panic!("{kind}") };
    assert_eq!(
        (short.resource, short.asked, short.free, short.largest),
        (Resource::CopyBuffer, 2 * PAGE, PAGE, PAGE)
    );
    assert_eq!(text, "toy: cannot bind: copy buffer: 8192 asked, 4096 free, the largest piece 4096");
    assert_eq!(bus.stats().copy_buffer_shortages, 1);
    // PARTIAL takes what there is, and slides.
    let binding = second.bind(object, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait).unwrap();
    assert_eq!(binding.window_count(), 2);
    let (second, object) = binding.unbind();
    // The run that the first handle keeps idle is taken back for the second.
    drop(held);
    let binding = second.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    assert_eq!((binding.window_count(), bus.stats().copy_buffer_taken), (1, 2 * PAGE));
}

#[test]
fn an_idle_run_is_reclaimed_from_a_living_handle() {
    let toy = Toy::plain();
    let bus = toy.bus(PAGE);
    let device = bus.device("toy");
    let first: DmaHandle<Memory> = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let second: DmaHandle<Memory> = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let (_first, object) = first
        .bind(toy.object(&[40], 0, PAGE), Direction::ToDevice, BindFlags::empty(), Wait::DontWait)
        .unwrap()
        .unbind();
    let binding = second.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    assert_eq!(
        toy.events(),
        [Event::Alloc { size: PAGE }, Event::Free { size: PAGE }, Event::Alloc { size: PAGE }]
    );
    let (second, object) = binding.unbind();
    let again = second.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    assert_eq!(toy.events(), [], "the steady state asks the nexus for nothing");
    drop(again);
}

#[test]
fn statistics_are_kept_when_handles_go() {
    let toy = Toy::plain();
    let bus = toy.bus(PAGE);
    for _ in 0..3 {
        let handle = bus.device("toy").alloc_handle(&NEAR, Wait::DontWait).unwrap();
        let object = toy.object(&[40, 41], 0, 2 * PAGE);
        let mut flight =
            handle.bind(object, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait).unwrap().start();
        while flight.next_window().unwrap().is_some() {}
        drop(flight.complete());
    }
    let expected = Stats { binds: 3, partial_binds: 3, bytes_copied: 6 * PAGE, ..Stats::default() };
    assert_eq!(bus.stats(), expected);
}

#[test]
fn force_physical_is_refused_or_honoured() {
    let physical = DmaAttr { flags: AttrFlags::FORCE_PHYSICAL, ..FAR };
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    let refused = toy.bus(PAGE).device("toy").alloc_handle::<Memory>(&physical, Wait::DontWait).unwrap_err();
    assert_eq!(refused, AllocError::BadAttr(AttrError::ForcePhysical));
    let toy = Toy::new(Addressing::Either, Coherence::Coherent);
    for (attr, address) in [(FAR, IOVA), (physical, 20 * PAGE)] {
        let object = toy.object(&[20], 0, PAGE);
        let mut flight = handle(&toy, &attr, PAGE)
            .bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait)
            .unwrap()
            .start();
        assert_eq!(flight.window(0).unwrap().cookies()[0].address, address);
        drop(flight.complete());
    }
}

#[test]
fn burst_sizes_are_those_of_device_and_nexus() {
    let toy = Toy::plain();
    let attr = DmaAttr { burstsizes: BurstSizes::B1 | BurstSizes::B32, ..FAR };
    assert_eq!(handle(&toy, &attr, PAGE).burst_sizes().bits(), 0x21);
}

#[test]
fn bad_attributes_are_refused_by_name() {
    let toy = Toy::plain();
    let bad = DmaAttr { count_max: 0x1_0000, ..FAR };
    let error = toy.bus(PAGE).device("toy").alloc_handle::<Memory>(&bad, Wait::DontWait).unwrap_err();
    let text =
        "bad DMA attributes: count_max 0x10000 is not one less than a power of two: it is used as a bit mask";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_nexus_that_runs_out_is_asked_again_after_reclaiming() {
    let toy = Toy::plain();
    let device = toy.bus(1 << 30).device("toy");
    let first: DmaHandle<Memory> = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let second: DmaHandle<Memory> = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let pages: Vec<u64> = (40..40 + COPY_PAGES).collect();
    let whole = COPY_PAGES * PAGE;
    let object = toy.object(&pages, 0, whole);
    let (_first, object) =
        first.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap().unbind();
    let binding = second.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    assert_eq!(
        toy.events(),
        [Event::Alloc { size: whole }, Event::Free { size: whole }, Event::Alloc { size: whole }]
    );
    drop(binding);
}

#[test]
fn map_space_slides_over_an_object_that_it_does_not_hold() {
    for (offset, granular, limit, expected) in
        [(0, 1, 2, 3), (100, 1, 2, 6), (0, 512, 3, 2), (512, 3 * 512, 4, 2)]
    {
        let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
        toy.limit_map_pages(limit);
        let pages = [50, 20, 40, 22, 44, 24];
        let length = 6 * PAGE - offset;
        let object = toy.object(&pages, offset, length);
        object.set(&pattern(length));
        let attr = DmaAttr { sgllen: 1, granular, ..FAR };
        let whole = handle(&toy, &attr, 0).bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait);
        let error = whole.unwrap_err();
        let BindErrorKind::Unobtainable(short) = error.kind() else { panic!("{error}") };
        assert_eq!((short.resource, short.largest), (Resource::MapSpace, limit * PAGE));
        let (handle, object) = error.into_parts();

        let binding = handle.bind(object, Direction::Both, BindFlags::PARTIAL, Wait::DontWait).unwrap();
        let count = binding.window_count();
        assert_eq!(count, expected, "offset {offset}, granular {granular}, {limit} pages");
        let mut flight = binding.start();
        let mut seen = vec![0; length as usize];
        for index in (0..count).rev().chain([0]) {
            let window = flight.window(index).unwrap();
            let range = window.range();
            assert_eq!(window.index(), index);
            let lists: u64 = window.lists().map(|list| list.length()).sum();
            assert_eq!((lists, window.list(0).unwrap().offset()), (range.end - range.start, range.start));
            let cookie = window.cookies()[0];
            let bytes = toy.device_read(cookie.address, cookie.size).unwrap();
            seen[range.start as usize..][..bytes.len()].copy_from_slice(&bytes);
            toy.device_write(cookie.address, &[index as u8 + 1]).unwrap();
            assert!(toy.mapped_pages() <= limit);
        }
        flight.sync(.., SyncFor::Cpu).unwrap();
        let (_, object) = flight.complete().unbind();
        seen[0] = pattern(1)[0];
        assert_eq!(seen, pattern(length));
        assert_eq!((object.get()[0], toy.mapped_pages()), (1, 0));
    }
}

#[test]
fn map_space_that_is_taken_is_waited_for() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    toy.limit_map_pages(2);
    let device = toy.bus(0).device("toy");
    let bind = |wait: Wait<'_>| {
        let handle: DmaHandle<Memory> = device.alloc_handle(&FAR, Wait::DontWait).unwrap();
        handle.bind(toy.object(&[30, 31], 0, 2 * PAGE), Direction::Both, BindFlags::empty(), wait)
    };
    let held = bind(Wait::DontWait).unwrap();
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = calls.clone();
    let callback = ddi_dma::Callback::new(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ddi_dma::Attempt::Done
    });
    assert!(matches!(bind(Wait::Callback(&callback)).unwrap_err().kind(), BindErrorKind::NoResources(_)));
    drop(held);
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 1);
    drop(bind(Wait::Sleep).unwrap());
}
