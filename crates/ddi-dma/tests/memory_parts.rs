//! Parts of private memory: bound by themselves, several at once, overlapping or not.

mod toy;

use std::sync::Arc;

use ddi_dma::{
    AccessAttr, Addressing, BindErrorKind, BindFlags, Bus, Coherence, Direction, DmaAttr, DmaHandle,
    DmaObject, InFlight, IsolateError, MemoryPart, MemoryUse, PrivateMemory, RangeError, SyncFor, Wait,
};
use toy::{Event, IOVA, PAGE, Toy};

const FAR: DmaAttr = DmaAttr::UNRESTRICTED;

fn handle(bus: &Bus, attr: &DmaAttr) -> DmaHandle<MemoryPart> {
    bus.device("engine").alloc_handle(attr, Wait::DontWait).unwrap()
}

fn memory(bus: &Bus, length: u64) -> PrivateMemory {
    let usage = MemoryUse::Consistent;
    handle(bus, &FAR).alloc_memory(length, usage, AccessAttr::default(), Wait::DontWait).unwrap()
}

fn bind(bus: &Bus, attr: &DmaAttr, part: MemoryPart) -> InFlight<MemoryPart> {
    handle(bus, attr).bind(part, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap().start()
}

/// The one cookie of a binding.
fn cookie(flight: &mut InFlight<MemoryPart>) -> (u64, u64) {
    let window = flight.window(0).unwrap();
    assert_eq!((window.list_count(), window.cookies().len()), (1, 1));
    (window.cookies()[0].address, window.cookies()[0].size)
}

fn rig(addressing: Addressing) -> (Arc<Toy>, Bus) {
    let toy = Toy::new(addressing, Coherence::Coherent);
    let bus = toy.bus(4 * PAGE);
    (toy, bus)
}

#[test]
fn parts_are_where_they_are_in_the_memory() {
    for addressing in [Addressing::Physical, Addressing::Virtual] {
        let (toy, bus) = rig(addressing);
        let memory = memory(&bus, 2 * PAGE);
        let access = memory.access();
        assert_eq!(access.as_ptr(), memory.as_ptr());
        let mut whole = bind(&bus, &FAR, memory.part(0, 2 * PAGE).unwrap());
        let (start, size) = cookie(&mut whole);
        assert_eq!(size, 2 * PAGE);
        // Two that overlap, bound while the whole is.
        let mut first = bind(&bus, &FAR, memory.part(8, 100).unwrap());
        let mut second = bind(&bus, &FAR, memory.part(50, PAGE).unwrap());
        assert_eq!(cookie(&mut first), (start + 8, 100));
        assert_eq!(cookie(&mut second), (start + 50, PAGE));
        toy.device_write(start + 50, &[1, 2, 3]).unwrap();
        assert_eq!([access.get8(50), access.get8(52)], [Ok(1), Ok(3)]);
        let (_, part) = second.complete().unbind();
        assert_eq!((part.offset(), part.length()), (50, PAGE));
        let mut bytes = [0; 4];
        first.complete().read(41, &mut bytes).unwrap();
        assert_eq!(bytes, [0, 1, 2, 3]);
        assert_eq!(bus.stats().bytes_copied, 0);
    }
}

#[test]
fn a_part_that_starts_where_the_engine_cannot_is_copied() {
    let (toy, bus) = rig(Addressing::Physical);
    let memory = memory(&bus, PAGE);
    let access = memory.access();
    let attr = DmaAttr { align: 64, ..FAR };
    access.write(3, b"from").unwrap();
    let mut flight = bind(&bus, &attr, memory.part(3, 40).unwrap());
    let (address, _) = cookie(&mut flight);
    assert_eq!((address % 64, toy.device_read(address, 4).unwrap()), (0, b"from".to_vec()));
    toy.device_write(address + 4, b"into").unwrap();
    drop(flight.complete());
    let mut bytes = [0; 10];
    access.read(2, &mut bytes).unwrap();
    assert_eq!(&bytes, b"\0frominto\0");
}

#[test]
fn memory_is_freed_when_all_its_parts_are_gone() {
    let (toy, bus) = rig(Addressing::Physical);
    let memory = memory(&bus, PAGE);
    let (one, two) = (memory.part(0, 8).unwrap(), memory.part(8, 8).unwrap());
    let flight = bind(&bus, &FAR, two);
    drop(memory);
    drop(one);
    assert_eq!(toy.events(), [Event::Alloc { size: PAGE }]);
    drop(flight.complete());
    assert_eq!(toy.events(), [Event::Free { size: PAGE }]);
}

#[test]
fn an_abandoned_part_keeps_the_memory_until_the_device_was_reset() {
    let (toy, bus) = rig(Addressing::Physical);
    let device = bus.device("engine");
    let handle: DmaHandle<MemoryPart> = device.alloc_handle(&FAR, Wait::DontWait).unwrap();
    let memory = memory(&bus, PAGE);
    let part = memory.part(100, 20).unwrap();
    drop(handle.bind(part, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap().start());
    drop(memory);
    assert_eq!((device.quarantined_bytes(), toy.events()), (20, vec![Event::Alloc { size: PAGE }]));
    // SAFETY: the toy has no device that does anything by itself.
    assert_eq!(unsafe { device.release_quarantine() }, 20);
    assert_eq!(toy.events(), [Event::Free { size: PAGE }]);
}

#[test]
fn a_nexus_with_caches_is_told_where_in_its_memory_a_part_is() {
    let toy = Toy::new(Addressing::Virtual, Coherence::NeedsSync);
    let bus = toy.bus(0);
    let memory = memory(&bus, 2 * PAGE);
    let mut flight = bind(&bus, &FAR, memory.part(0x800, PAGE).unwrap());
    toy.events();
    flight.sync(0x10..0x20, SyncFor::Cpu).unwrap();
    let run = |from, to, sync_for| Event::SyncRun { range: (from, to), sync_for };
    assert_eq!(toy.events(), [run(0x810, 0x820, SyncFor::Cpu)]);
    drop(flight.complete());
    assert_eq!(toy.events(), [run(0x800, 0x1800, SyncFor::Cpu)]);
}

#[test]
fn an_iommu_isolates_private_memory_and_its_parts_alike() {
    let (_, bus) = rig(Addressing::Virtual);
    let memory = memory(&bus, 2 * PAGE);
    let part = memory.part(PAGE, PAGE).unwrap();
    let bound = handle(&bus, &FAR).bind(part, Direction::Both, BindFlags::ISOLATE, Wait::DontWait).unwrap();
    assert_eq!(cookie(&mut bound.start()), (IOVA + PAGE, PAGE));
    let (_, bus) = rig(Addressing::Physical);
    let part = self::memory(&bus, PAGE).part(0, PAGE).unwrap();
    let refused =
        handle(&bus, &FAR).bind(part, Direction::Both, BindFlags::ISOLATE, Wait::DontWait).unwrap_err();
    assert_eq!(refused.kind(), BindErrorKind::Isolate(IsolateError::NoIommu));
}

#[test]
fn parts_outside_the_memory_are_refused() {
    let (_, bus) = rig(Addressing::Physical);
    let memory = memory(&bus, 100);
    let real = memory.real_length();
    for (offset, length) in [(0, real + 1), (real, 1), (1, real), (u64::MAX, 2), (2, u64::MAX)] {
        let error = memory.part(offset, length).unwrap_err();
        assert_eq!(error, RangeError { offset, length, object: real });
    }
    assert_eq!(memory.part(real, 0).unwrap().view().length(), Some(0));
}
