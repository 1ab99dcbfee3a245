//! What is short now, and what is short for good: nobody waits for what nobody can give back.

mod toy;

use std::sync::{Arc, Mutex};

use ddi_dma::{
    AccessAttr, Addressing, AllocError, Attempt, BindErrorKind, BindFlags, Bus, BusConfig, Callback,
    Coherence, Direction, DmaAttr, DmaHandle, MemError, MemoryUse, PrivateMemory, Resource, Shortage, Wait,
};
use ddi_dma_sim::{Machine, MachineConfig, NexusKind, SBUS_DISK_ATTR, SbusConfig};
use toy::{IOVA, Memory, PAGE, Toy};

const FAR: DmaAttr = DmaAttr::UNRESTRICTED;
/// An engine that reaches nothing of what the tests bind: all goes through the copy buffer.
const NEAR: DmaAttr = DmaAttr { addr_hi: 32 * PAGE - 1, ..FAR };

fn counting() -> (Arc<Mutex<u32>>, Callback) {
    let calls: Arc<Mutex<u32>> = Arc::default();
    let callback = {
        let calls = calls.clone();
        Callback::new(move |_| {
            *calls.lock().unwrap() += 1;
            Attempt::Done
        })
    };
    (calls, callback)
}

/// Tries to bind so many pages out of an engine's reach.
fn refusal(toy: &Arc<Toy>, bus: &Bus, attr: &DmaAttr, pages: u64, wait: Wait<'_>) -> Option<BindErrorKind> {
    let handle: DmaHandle<Memory> = bus.device("toy").alloc_handle(attr, Wait::DontWait).unwrap();
    let lies: Vec<u64> = (40..40 + pages).collect();
    let object = toy.object(&lies, 0, pages * PAGE);
    handle.bind(object, Direction::ToDevice, BindFlags::empty(), wait).err().map(|error| error.kind())
}

fn short(resource: Resource, asked: u64, free: u64) -> Shortage {
    Shortage { resource, asked: asked * PAGE, free: free * PAGE, largest: free * PAGE }
}

#[test]
fn nobody_waits_for_map_space_that_nobody_has() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    toy.limit_map_pages(1);
    let bus = toy.bus(4 * PAGE);
    let (_, callback) = counting();
    for wait in [Wait::DontWait, Wait::Sleep, Wait::Callback(&callback)] {
        let kind = refusal(&toy, &bus, &FAR, 2, wait).unwrap();
        assert_eq!(kind, BindErrorKind::Unobtainable(short(Resource::MapSpace, 2, 1)));
        assert_eq!(kind.shortage(), Some(short(Resource::MapSpace, 2, 1)));
    }
    assert!(!callback.is_waiting());
    assert_eq!(bus.stats().map_space_shortages, 3);
}

#[test]
fn private_memory_that_takes_map_space_is_waited_for() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    toy.limit_map_pages(2);
    let bus = toy.bus(4 * PAGE);
    let handle: DmaHandle<PrivateMemory> = bus.device("toy").alloc_handle(&FAR, Wait::DontWait).unwrap();
    let memory = handle.alloc_memory(PAGE, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait);
    let (calls, callback) = counting();
    let kind = refusal(&toy, &bus, &FAR, 2, Wait::Callback(&callback)).unwrap();
    assert_eq!(kind, BindErrorKind::NoResources(short(Resource::MapSpace, 2, 1)));
    assert!(callback.is_waiting());
    // More than the engine reaches is never there, whatever comes back.
    let narrow = DmaAttr { addr_lo: IOVA, addr_hi: IOVA + PAGE - 1, ..FAR };
    let kind = refusal(&toy, &bus, &narrow, 2, Wait::Sleep).unwrap();
    assert_eq!(kind, BindErrorKind::Unobtainable(short(Resource::MapSpace, 2, 1)));
    drop(memory.unwrap());
    assert_eq!((*calls.lock().unwrap(), callback.is_waiting()), (1, false));
    assert_eq!(refusal(&toy, &bus, &FAR, 2, Wait::DontWait), None);
}

#[test]
fn map_space_that_idle_handles_keep_for_copying_is_taken_back() {
    let toy = Toy::new(Addressing::Virtual, Coherence::Coherent);
    let bus = toy.bus(4 * PAGE);
    let device = bus.device("toy");
    let handle: DmaHandle<Memory> = device.alloc_handle(&FAR, Wait::DontWait).unwrap();
    let object = toy.object(&[40], 0x10, 0x20);
    let bound = handle.bind(object, Direction::ToDevice, BindFlags::ISOLATE, Wait::DontWait).unwrap();
    let (idle, _) = bound.unbind();
    assert_eq!((bus.stats().copy_buffer_taken, toy.mapped_pages()), (PAGE, 1));
    toy.limit_map_pages(2);
    assert_eq!(refusal(&toy, &bus, &FAR, 2, Wait::DontWait), None);
    assert_eq!(bus.stats().copy_buffer_taken, 0);
    drop(idle);
}

#[test]
fn nobody_waits_for_more_than_the_machine_has() {
    let toy = Toy::plain();
    // The bus allows more than the nexus has.
    let bus = toy.bus(64 * PAGE);
    for wait in [Wait::DontWait, Wait::Sleep] {
        let kind = refusal(&toy, &bus, &NEAR, 17, wait).unwrap();
        assert_eq!(kind, BindErrorKind::Unobtainable(short(Resource::CopyBuffer, 17, 16)));
        assert!(kind.to_string().contains("nothing is in use that could come back"), "{kind}");
    }
    let handle: DmaHandle<PrivateMemory> = bus.device("toy").alloc_handle(&FAR, Wait::DontWait).unwrap();
    let (usage, access) = (MemoryUse::Consistent, AccessAttr::default());
    let error = handle.alloc_memory(17 * PAGE, usage, access, Wait::Sleep).unwrap_err();
    assert_eq!(error, MemError::Unobtainable(short(Resource::Memory, 17, 16)));
    let config = BusConfig { handle_limit: 0, ..BusConfig::default() };
    let none = Bus::new(toy, config).device("toy").alloc_handle::<Memory>(&FAR, Wait::Sleep).unwrap_err();
    let expected = Shortage { resource: Resource::Handles, asked: 1, free: 0, largest: 0 };
    assert_eq!((none, none.shortage()), (AllocError::Unobtainable(expected), Some(expected)));
}

/// On an SBus all memory of the nexus takes DVMA, so that an object given back lets private memory be had.
#[test]
fn an_object_that_is_unbound_lets_private_memory_be_had() {
    const PAGE: u64 = 8192;
    let sbus = SbusConfig { dvma: 0xFF00_0000..=0xFF00_0000 + 4 * PAGE - 1, ..SbusConfig::default() };
    let machine = Machine::new(MachineConfig { sbus, ..MachineConfig::sparc() }).expect("a machine");
    let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    let device = bus.device("sbus-disk");
    let handle: DmaHandle<ddi_dma_sim::Buffer> =
        device.alloc_handle(&SBUS_DISK_ATTR, Wait::DontWait).unwrap();
    let buffer = machine.buffer(&ddi_dma_sim::BufferSpec::new(4 * PAGE)).expect("memory");
    let held = handle.bind(buffer, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap();
    let private: DmaHandle<PrivateMemory> = device.alloc_handle(&SBUS_DISK_ATTR, Wait::DontWait).unwrap();
    let take =
        |wait| private.alloc_memory(PAGE, MemoryUse::Consistent, AccessAttr::default(), wait).map(drop);
    let (calls, callback) = counting();
    let error = take(Wait::Callback(&callback)).unwrap_err();
    let expected = Shortage { resource: Resource::MapSpace, asked: PAGE, free: 0, largest: 0 };
    assert_eq!(error, MemError::NoResources(expected));
    drop(held);
    assert_eq!(*calls.lock().unwrap(), 1);
    assert_eq!(take(Wait::DontWait), Ok(()));
}
