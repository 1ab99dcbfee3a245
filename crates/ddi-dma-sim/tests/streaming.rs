//! The streaming cache: what nobody syncs is stale or missing, and what the framework syncs is not.

mod common;

use common::pattern;
use ddi_dma::{
    BindFlags, Binding, Bus, BusConfig, Direction, DmaAttr, DmaHandle, DmaObject, Extent, InFlight, MapId,
    MapRequest, Nexus, Redzone, SyncFor, SyncRequest, SyncTarget, Wait,
};
use ddi_dma_sim::{
    Buffer, BufferSpec, DeviceBus, DiskDriver, Machine, MachineConfig, NexusKind, Register, SBUS_DISK_ATTR,
    SBUS_ETHER_ATTR, SECTOR, csr,
};

fn rig() -> Machine {
    Machine::new(MachineConfig { seed: 71, ..MachineConfig::sparc() }).expect("a sound machine")
}

fn map(machine: &Machine, buffer: &Buffer) -> (MapId, u64) {
    let mut bus: Vec<Extent> = Vec::new();
    let (view, direction, redzone) = (buffer.view(), Direction::Both, Redzone::No);
    let request = MapRequest { view, attr: &SBUS_DISK_ATTR, direction, redzone };
    let id = machine.sbus().map(&request, &mut bus).expect("map space");
    (id, bus[0].address)
}

fn sync(machine: &Machine, buffer: &Buffer, map: MapId, range: (u64, u64), sync_for: SyncFor) {
    let what = SyncTarget::Object { view: buffer.view(), range, map: Some(map) };
    machine.sbus().sync(&SyncRequest { what, sync_for, direction: Direction::Both });
}

fn bind(machine: &Machine, attr: &DmaAttr, buffer: Buffer, direction: Direction) -> Binding<Buffer> {
    let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    let handle: DmaHandle<Buffer> = bus.device("raw").alloc_handle(attr, Wait::DontWait).expect("a handle");
    handle.bind(buffer, direction, BindFlags::empty(), Wait::DontWait).expect("bound")
}

fn address(flight: &mut InFlight<Buffer>) -> u64 {
    flight.window(0).expect("a window").cookies()[0].address
}

#[test]
fn what_a_device_wrote_arrives_line_by_line_and_only_by_sync() {
    let machine = rig();
    let mut buffer = machine.buffer(&BufferSpec::new(20_000).offset(10)).expect("memory");
    buffer.write(0, &[0x77; 20_000]).expect("inside");
    let (id, at) = map(&machine, &buffer);
    let bytes = pattern(10_000, 1);
    machine.sbus().write(at, &bytes).expect("mapped");
    assert_eq!(buffer.to_vec(), [0x77; 20_000], "all of it waits in the cache");
    assert_eq!(machine.sbus().stream_counters().waiting, 10_000);

    // One byte, and with it its line, which ends 64 bytes after its start: 54 bytes into the object.
    sync(&machine, &buffer, id, (0, 1), SyncFor::Cpu);
    let there = buffer.to_vec();
    assert_eq!((&there[..54], &there[54..20_000]), (&bytes[..54], &[0x77; 19_946][..]));
    // Across the edge of a page, to an address that is elsewhere in memory.
    sync(&machine, &buffer, id, (8181, 8183), SyncFor::Kernel);
    let there = buffer.to_vec();
    assert_eq!(there[8182 - 64..8182 + 64], bytes[8182 - 64..8182 + 64]);
    assert_eq!(there[8182 - 65], 0x77);
    assert_eq!(there[8182 + 64], 0x77);
    // The object's other half, in which the device wrote nothing.
    sync(&machine, &buffer, id, (10_100, 20_000), SyncFor::Cpu);
    assert_eq!(machine.sbus().stream_counters().synced, 54 + 128);
    sync(&machine, &buffer, id, (0, 20_000), SyncFor::Cpu);
    assert_eq!(buffer.to_vec(), [&bytes[..], &[0x77; 10_000]].concat());
    assert_eq!(machine.sbus().stream_counters().waiting, 0);

    // SAFETY: mapped above and unmapped once.
    unsafe { machine.sbus().unmap(id) };
    let counters = machine.sbus().stream_counters();
    assert_eq!((counters.lines, counters.late, counters.synced), (0, 0, 10_000));
}

#[test]
fn a_device_reads_stale_bytes_until_a_sync_for_it() {
    let machine = rig();
    let mut buffer = machine.buffer(&BufferSpec::new(1000)).expect("memory");
    let old = pattern(1000, 2);
    buffer.write(0, &old).expect("inside");
    let (id, at) = map(&machine, &buffer);
    let device_sees = || {
        let mut bytes = vec![0; 1000];
        machine.sbus().read(at, &mut bytes).expect("mapped");
        bytes
    };
    assert_eq!(device_sees(), old);
    let new = pattern(1000, 3);
    buffer.write(0, &new).expect("inside");
    assert_eq!(device_sees(), old, "fetched before");
    sync(&machine, &buffer, id, (0, 1000), SyncFor::Cpu);
    assert_eq!(device_sees(), old, "a sync the other way does not help");
    sync(&machine, &buffer, id, (64, 65), SyncFor::Device);
    let seen = device_sees();
    assert_eq!((&seen[..64], &seen[64..128], &seen[128..]), (&old[..64], &new[64..128], &old[128..]));
    sync(&machine, &buffer, id, (0, 1000), SyncFor::Device);
    assert_eq!(device_sees(), new);
}

#[test]
fn bytes_around_what_a_device_wrote_stay_the_cpus() {
    let machine = rig();
    let mut buffer = machine.buffer(&BufferSpec::new(256)).expect("memory");
    let (id, at) = map(&machine, &buffer);
    machine.sbus().write(at + 10, &[0xDD; 5]).expect("mapped");
    buffer.write(0, &[0xCC; 256]).expect("inside");
    sync(&machine, &buffer, id, (0, 256), SyncFor::Cpu);
    let mut expected = [0xCC; 256];
    expected[10..15].fill(0xDD);
    assert_eq!(buffer.to_vec(), expected);
}

#[test]
fn a_binding_shows_a_devices_bytes_after_sync_and_not_before() {
    let machine = rig();
    let buffer = machine.buffer(&BufferSpec::new(512)).expect("memory");
    let mut flight = bind(&machine, &SBUS_ETHER_ATTR, buffer, Direction::FromDevice).start();
    let bytes = pattern(512, 4);
    machine.sbus().write(address(&mut flight), &bytes).expect("mapped");
    let mut binding = flight.complete();
    let mut seen = vec![0; 512];
    binding.read(0, &mut seen).expect("inside");
    assert_eq!(seen, [0; 512], "the driver forgot to sync");
    binding.sync(0..100, SyncFor::Cpu).expect("inside");
    binding.read(0, &mut seen).expect("inside");
    assert_eq!((&seen[..128], &seen[128..]), (&bytes[..128], &[0; 384][..]), "the lines that were synced");
    let (_, buffer) = binding.unbind();
    assert_eq!(buffer.to_vec(), bytes, "unbind syncs the rest");
    let counters = machine.sbus().stream_counters();
    assert_eq!((counters.synced, counters.late, counters.lines), (512, 0, 0));
}

#[test]
fn a_driver_that_reuses_a_binding_without_sync_sends_old_bytes() {
    let machine = rig();
    let disk = machine.device("sbus-disk").expect("a device");
    let mut buffer = machine.buffer(&BufferSpec::new(SECTOR)).expect("memory");
    let (old, new) = (pattern(SECTOR, 5), pattern(SECTOR, 6));
    buffer.write(0, &old).expect("inside");
    let mut flight = bind(&machine, &SBUS_DISK_ATTR, buffer, Direction::ToDevice).start();
    let send = |flight: &mut InFlight<Buffer>| {
        disk.put(Register::Address(0), address(flight));
        disk.put(Register::Size(0), SECTOR - 1);
        disk.put(Register::Csr, csr::START_TRANSFER);
        machine.run();
        let mut there = vec![0; SECTOR as usize];
        disk.read_medium(0, &mut there).expect("on the disk");
        there
    };
    assert_eq!(send(&mut flight), old);
    let mut binding = flight.complete();
    binding.write(0, &new).expect("inside");
    let mut flight = binding.start();
    assert_eq!(send(&mut flight), old, "the driver forgot to sync");
    flight.sync(.., SyncFor::Device).expect("the whole window");
    assert_eq!(send(&mut flight), new);
    drop(flight.complete().unbind());
}

#[test]
fn copy_runs_are_cached_and_synced_too() {
    let machine = rig();
    // An engine that wants lines aligned gets a misaligned object through the copy buffer.
    let attr = DmaAttr { align: 4096, ..SBUS_ETHER_ATTR };
    for direction in [Direction::FromDevice, Direction::ToDevice, Direction::Both] {
        let mut buffer = machine.buffer(&BufferSpec::new(3000).offset(5)).expect("memory");
        let (before, after) = (pattern(3000, 7), pattern(1500, 8));
        buffer.write(0, &before).expect("inside");
        let mut flight = bind(&machine, &attr, buffer, direction).start();
        assert_eq!(flight.window(0).expect("a window").copied_bytes(), 3000);
        let at = address(&mut flight);
        let mut seen = vec![0; 3000];
        if direction.device_reads() {
            machine.sbus().read(at, &mut seen).expect("mapped");
            assert_eq!(seen, before);
        }
        let mut expected = before.clone();
        // Copy runs are mapped both ways, so a device may write where the driver did not say so.
        machine.sbus().write(at + 64, &after).expect("mapped");
        if direction.device_writes() {
            expected[64..1564].copy_from_slice(&after);
        }
        let (handle, buffer) = flight.complete().unbind();
        assert_eq!(buffer.to_vec(), expected, "{direction:?}");
        drop(handle);
    }
}

#[test]
fn a_transfer_by_driver_leaves_nothing_unsynced() {
    let machine = rig();
    let mut driver = DiskDriver::new(&machine, "sbus-disk", BusConfig::default()).expect("attached");
    let bytes = pattern(100_000, 9);
    driver.disk().write_medium(0, &bytes).expect("on the disk");
    let buffer = machine.buffer(&BufferSpec::new(100_000).offset(3)).expect("memory");
    let (buffer, _) = driver.read(0, buffer, BindFlags::empty()).expect("read");
    assert!(buffer.to_vec() == bytes);
    let counters = machine.sbus().stream_counters();
    assert_eq!((counters.synced, counters.late, counters.lines), (100_000, 0, 0));
}

#[test]
fn an_abandoned_transfer_leaves_nothing_in_the_cache() {
    let machine = rig();
    let buffer = machine.buffer(&BufferSpec::new(8192)).expect("memory");
    let page = buffer.pages()[0];
    let mut flight = bind(&machine, &SBUS_DISK_ATTR, buffer, Direction::FromDevice).start();
    let at = address(&mut flight);
    machine.sbus().write(at, &[0x99; 8192]).expect("mapped");
    drop(flight);
    let counters = machine.sbus().stream_counters();
    assert_eq!((counters.lines, counters.waiting, counters.late), (0, 0, 8192));
    assert!(machine.sbus().write(at, &[1]).is_err(), "revoked");
    // Whoever gets the memory next finds it empty, now and later.
    let mut there = vec![1; 8192];
    machine.memory().peek(page, &mut there).expect("memory");
    assert_eq!(there, [0; 8192]);
}
