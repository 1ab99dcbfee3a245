//! The SBus: scattered pages become one cookie in the DVMA window, and what lies outside the window is out of reach.

mod common;

use common::{Case, pattern, round_trip};
use ddi_dma::{
    AllocError, AttrError, AttrFlags, BindErrorKind, BindFlags, BurstSizes, Bus, BusConfig, Direction,
    DmaAttr, DmaHandle, DmaObject, Extent, MapId, MapRequest, Nexus, Redzone, Resource, Shortage, View, Wait,
};
use ddi_dma_sim::{
    Buffer, BufferSpec, ConfigError, DeviceAccess, DeviceBus, DiskDriver, ErrorCode, FaultKind,
    Fragmentation, Iommu, Machine, MachineConfig, NexusKind, PageSize, Physical, Placement, Register,
    SBUS_DISK_ATTR, SbusConfig, StreamingCache, TransferErrorKind, csr,
};

const PAGE: u64 = 8192;

fn with(sbus: SbusConfig) -> Machine {
    Machine::new(MachineConfig { seed: 61, sbus, ..MachineConfig::sparc() }).expect("a sound machine")
}

fn rig() -> Machine {
    with(SbusConfig::default())
}

/// A machine whose DVMA window has so many pages.
fn narrow(pages: u64) -> Machine {
    with(SbusConfig { dvma: 0xFF00_0000..=0xFF00_0000 + pages * PAGE - 1, ..SbusConfig::default() })
}

fn map(nexus: &dyn Nexus, buffer: &Buffer, redzone: Redzone) -> Result<(MapId, Vec<Extent>), Shortage> {
    let mut bus = Vec::new();
    let direction = Direction::Both;
    let attr = DmaAttr { addr_hi: 0xFFFF_FFFF, ..DmaAttr::UNRESTRICTED };
    let request = MapRequest { view: buffer.view(), attr: &attr, direction, redzone };
    nexus.map(&request, &mut bus).map(|id| (id, bus))
}

fn case(spec: BufferSpec, flags: BindFlags) -> Case<'static> {
    Case { device: "sbus-disk", spec, config: BusConfig::default(), flags, block: 9, seed: 3 }
}

fn shortage(error: TransferErrorKind) -> Shortage {
    match error {
        TransferErrorKind::Bind { kind: BindErrorKind::Unobtainable(shortage), .. } => shortage,
        other => panic!("{other}"),
    }
}

#[test]
fn the_engine_is_the_one_of_the_manual() {
    let attr = SBUS_DISK_ATTR;
    assert_eq!((attr.addr_lo, attr.addr_hi, attr.count_max), (0xFF00_0000, 0xFFFF_FFFF, 0xFFFF_FFFF));
    assert_eq!((attr.align, attr.burstsizes.bits(), attr.minxfer, attr.maxxfer), (1, 0x7, 1, 0xFFFF_FFFF));
    assert_eq!((attr.seg, attr.sgllen, attr.granular), (0xFFFF_FFFF, 1, 512));
    assert_eq!(attr.flags, AttrFlags::empty());
}

#[test]
fn every_size_on_every_kind_of_sbus() {
    for cache in [StreamingCache::Off, StreamingCache::On] {
        for physical in [Physical::Refused, Physical::Honoured] {
            let machine = with(SbusConfig { physical, cache, ..SbusConfig::default() });
            for length in [1, 511, 512, 513, 8191, 8192, 65_536, 65_537, (1 << 20) + 3, 5 << 20] {
                for offset in [0, 1, 8191] {
                    let spec = BufferSpec::new(length).offset(offset);
                    let (written, read) = round_trip(&machine, &case(spec, BindFlags::ONE_LIST));
                    assert_eq!((written.cookies, read.cookies), (1, 1), "scattered pages, one cookie");
                    assert_eq!((written.copied, read.copied), (0, 0));
                }
            }
        }
    }
}

#[test]
fn an_object_may_fill_the_window_and_not_a_page_more() {
    let machine = rig();
    let full = 16 << 20;
    round_trip(&machine, &case(BufferSpec::new(full), BindFlags::ONE_LIST));
    let mut driver = DiskDriver::new(&machine, "sbus-disk", BusConfig::default()).expect("attached");
    for (length, offset) in [(full + 1, 0), (full, 1), (full + 1, PAGE - 1)] {
        let buffer = machine.buffer(&BufferSpec::new(length).offset(offset)).expect("memory");
        let error = driver.write(0, buffer, BindFlags::empty()).expect_err("a page too much");
        let asked = full + PAGE;
        let expected = Shortage { resource: Resource::MapSpace, asked, free: full, largest: full };
        assert_eq!(shortage(error.kind), expected);
    }
}

#[test]
fn an_object_larger_than_the_window_slides() {
    for pages in [2, 3, 16] {
        let machine = narrow(pages);
        for (length, offset) in [(40 * PAGE, 0), (40 * PAGE + 1, 0), (333_333, 77), (16 * PAGE, 8191)] {
            let spec = BufferSpec::new(length).offset(offset);
            let (written, read) = round_trip(&machine, &case(spec, BindFlags::PARTIAL));
            let room = if offset == 0 { pages } else { pages - 1 };
            let windows = length.div_ceil(room * PAGE) as usize;
            assert_eq!((written.windows, read.windows), (windows.max(1), windows.max(1)), "{pages} {length}");
            assert_eq!((written.cookies, written.copied), (windows, 0));
        }
    }
}

#[test]
fn what_others_hold_makes_the_windows_smaller() {
    let machine = narrow(16);
    let held = machine.buffer(&BufferSpec::new(10 * PAGE)).expect("memory");
    let (id, bus) = map(&**machine.sbus(), &held, Redzone::No).expect("map space");
    let mut driver = DiskDriver::new(&machine, "sbus-disk", BusConfig::default()).expect("attached");
    let mut buffer = machine.buffer(&BufferSpec::new(100 * PAGE)).expect("memory");
    let bytes = pattern(100 * PAGE, 8);
    buffer.write(0, &bytes).expect("inside");
    let (buffer, report) = driver.write(0, buffer, BindFlags::PARTIAL).expect("windows");
    assert_eq!(report.windows, 17, "six pages each");
    let mut there = vec![0; bytes.len()];
    driver.disk().read_medium(0, &mut there).expect("on the disk");
    assert!(there == bytes);
    // SAFETY: mapped above and unmapped once.
    unsafe { machine.sbus().unmap(id) };
    assert_eq!(bus[0].size, 10 * PAGE);
    let (_, report) = driver.write(0, buffer, BindFlags::PARTIAL).expect("windows");
    assert_eq!(report.windows, 7, "sixteen pages each");
}

#[test]
fn free_and_largest_differ_where_the_window_is_in_pieces() {
    let machine = narrow(10);
    let buffers: Vec<Buffer> =
        (1..=4).map(|pages| machine.buffer(&BufferSpec::new(pages * PAGE)).expect("memory")).collect();
    let ids: Vec<MapId> = buffers
        .iter()
        .map(|buffer| map(&**machine.sbus(), buffer, Redzone::No).expect("map space").0)
        .collect();
    assert_eq!(machine.sbus().map_space_used(), 10 * PAGE);
    for id in [ids[0], ids[2]] {
        // SAFETY: mapped above and unmapped once.
        unsafe { machine.sbus().unmap(id) };
    }
    let four = &buffers[3];
    let short = map(&**machine.sbus(), four, Redzone::No).expect_err("three at most");
    let expected =
        Shortage { resource: Resource::MapSpace, asked: 4 * PAGE, free: 4 * PAGE, largest: 3 * PAGE };
    assert_eq!(short, expected);
    let short = map(&**machine.sbus(), &buffers[2], Redzone::Yes).expect_err("no room for the red zone");
    assert_eq!((short.asked, short.largest), (4 * PAGE, 3 * PAGE));
    map(&**machine.sbus(), &buffers[2], Redzone::No).expect("three pages");
}

#[test]
fn a_device_that_runs_past_the_object_meets_the_red_zone() {
    let sbus = rig();
    let pci = common::machine(62, PageSize::Kib4, Iommu::on());
    let rigs: [(&Machine, &dyn Nexus, &dyn DeviceBus); 2] =
        [(&sbus, &**sbus.sbus(), &**sbus.sbus()), (&pci, &**pci.pci(), &**pci.pci())];
    for (machine, nexus, bus) in rigs {
        let page = machine.memory().page_size();
        let above = machine.buffer(&BufferSpec::new(page)).expect("memory");
        let buffer = machine.buffer(&BufferSpec::new(2 * page)).expect("memory");
        for (redzone, answered) in [(Redzone::No, true), (Redzone::Yes, false)] {
            let (first, at) = map(nexus, &above, Redzone::No).expect("map space");
            let (second, extents) = map(nexus, &buffer, redzone).expect("map space");
            let end = extents[0].address + extents[0].size;
            let gap = if redzone == Redzone::Yes { page } else { 0 };
            assert_eq!(end + gap, at[0].address, "addresses are handed out from the top");
            match bus.write(end - 2, &[1, 2, 3, 4]) {
                Ok(()) => assert!(answered, "the neighbour was overwritten"),
                Err(fault) => {
                    assert!(!answered);
                    let expected = (end, DeviceAccess::Write, FaultKind::Unmapped);
                    assert_eq!((fault.address, fault.access, fault.kind), expected);
                }
            }
            for id in [first, second] {
                // SAFETY: mapped above and unmapped once.
                unsafe { nexus.unmap(id) };
            }
            let last = buffer.to_vec()[2 * page as usize - 2..].to_vec();
            assert_eq!(last, [1, 2], "what came before the red zone has moved");
        }
    }
    assert_eq!((sbus.sbus().map_space_used(), pci.pci().map_space_used()), (0, 0), "red zones come back");
}

#[test]
fn the_red_zone_catches_a_wrong_count_in_a_driver() {
    let machine = rig();
    let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    let disk = machine.device("sbus-disk").expect("a device");
    let handle = bus.device("sbus-disk").alloc_handle(&SBUS_DISK_ATTR, Wait::DontWait).expect("a handle");
    let buffer = machine.buffer(&BufferSpec::new(PAGE)).expect("memory");
    let binding = handle.bind(buffer, Direction::FromDevice, BindFlags::REDZONE, Wait::DontWait);
    let mut flight = binding.expect("bound").start();
    let cookie = flight.window(0).expect("a window").cookies()[0];
    let bytes = pattern(2 * PAGE, 5);
    disk.write_medium(0, &bytes).expect("on the disk");
    disk.put(Register::Block, 0);
    disk.put(Register::Address(0), cookie.address);
    disk.put(Register::Size(0), cookie.size + 512 - 1);
    disk.put(Register::Csr, csr::START_TRANSFER | csr::TO_MEMORY);
    machine.run();
    assert_eq!(ErrorCode::from_register(disk.get(Register::Error)), Some(ErrorCode::BusFault));
    assert_eq!(disk.last_fault().map(|fault| fault.address), Some(cookie.address + cookie.size));
    let (_, buffer) = flight.complete().unbind();
    assert!(buffer.to_vec() == bytes[..PAGE as usize], "the object is whole");
}

#[test]
fn addresses_outside_the_window_are_faults() {
    let machine = rig();
    let sbus = machine.sbus();
    let buffer = machine.buffer(&BufferSpec::new(PAGE).placement(Placement::BELOW_4G)).expect("memory");
    let physical = buffer.pages()[0];
    for (address, kind) in [
        (physical, FaultKind::Unmapped),
        (0xFEFF_FFFF, FaultKind::Unmapped),
        (0xFF00_0000, FaultKind::Unmapped),
        (0xFFFF_FFFF, FaultKind::Unmapped),
        (0x1_0000_0000, FaultKind::OutOfReach),
        (u64::MAX, FaultKind::OutOfReach),
    ] {
        let fault = sbus.read(address, &mut [0]).expect_err("nothing answers");
        assert_eq!((fault.address, fault.kind), (address, kind), "{address:#x}");
    }
    assert_eq!(machine.counters(NexusKind::Sbus).faults, 6);
}

#[test]
fn physical_addresses_are_refused_or_honoured() {
    let refusing = Bus::new(rig().nexus(NexusKind::Sbus), BusConfig::default());
    let attr = DmaAttr { addr_lo: 0, flags: AttrFlags::FORCE_PHYSICAL, ..SBUS_DISK_ATTR };
    let refused = refusing.device("sbus-disk").alloc_handle::<Buffer>(&attr, Wait::DontWait);
    assert!(matches!(refused, Err(AllocError::BadAttr(AttrError::ForcePhysical))));
    // The flag cleared, it goes on as the manual says.
    let attr = DmaAttr { flags: AttrFlags::empty(), ..attr };
    refusing.device("sbus-disk").alloc_handle::<Buffer>(&attr, Wait::DontWait).expect("virtual");

    let machine = with(SbusConfig { physical: Physical::Honoured, ..SbusConfig::default() });
    let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    let attr = DmaAttr { addr_lo: 0, flags: AttrFlags::FORCE_PHYSICAL, ..SBUS_DISK_ATTR };
    let spec = BufferSpec::new(6 * PAGE).fragmentation(Fragmentation::Scattered);
    for (placement, copied) in [(Placement::BELOW_4G, 0), (Placement::ABOVE_4G, 6 * PAGE)] {
        let handle = bus.device("physical").alloc_handle(&attr, Wait::DontWait).expect("honoured");
        let buffer = machine.buffer(&spec.placement(placement)).expect("memory");
        let pages = buffer.pages().to_vec();
        let (buffer, there, addresses) = from_disk(&machine, handle, buffer);
        assert!(buffer.to_vec() == there, "{placement}");
        assert!(addresses.iter().all(|address| *address < 0xFF00_0000), "{addresses:x?}");
        if copied == 0 {
            assert_eq!(addresses, pages, "each cookie is where its page lies");
        }
        assert_eq!((machine.sbus().map_space_used(), machine.sbus().stream_counters().lines), (0, 0));
    }
    // Without the flag the same bus gives virtual addresses.
    let attr = DmaAttr { flags: AttrFlags::empty(), ..attr };
    let handle = bus.device("virtual").alloc_handle(&attr, Wait::DontWait).expect("either");
    let buffer = machine.buffer(&spec).expect("memory");
    let (buffer, there, addresses) = from_disk(&machine, handle, buffer);
    assert!(buffer.to_vec() == there);
    assert!(addresses.len() == 1 && addresses[0] >= 0xFF00_0000, "{addresses:x?}");
}

/// Reads from the disk into a buffer, list by list; returns what the disk held and where the cookies were.
fn from_disk(machine: &Machine, handle: DmaHandle<Buffer>, buffer: Buffer) -> (Buffer, Vec<u8>, Vec<u64>) {
    let disk = machine.device("sbus-disk").expect("a device");
    let bytes = pattern(buffer.len(), buffer.len());
    disk.write_medium(0, &bytes).expect("on the disk");
    let binding = handle.bind(buffer, Direction::FromDevice, BindFlags::empty(), Wait::DontWait);
    let mut flight = binding.expect("bound").start();
    let mut addresses = Vec::new();
    for list in flight.window(0).expect("a window").lists() {
        let cookie = list.cookies()[0];
        addresses.push(cookie.address);
        disk.put(Register::Block, list.offset() / 512);
        disk.put(Register::Address(0), cookie.address);
        disk.put(Register::Size(0), cookie.size - 1);
        disk.put(Register::Csr, csr::START_TRANSFER | csr::TO_MEMORY);
        machine.run();
        assert_eq!(disk.last_fault(), None);
    }
    (flight.complete().unbind().1, bytes, addresses)
}

#[test]
fn a_physical_access_ends_where_the_window_starts() {
    let dvma = 0x2_0000..=0x3_FFFF;
    let memory: Vec<_> = [0..0x2_0000, 0x4_0000..0x10_0000].into();
    let sbus = SbusConfig { dvma: dvma.clone(), physical: Physical::Honoured, ..SbusConfig::default() };
    let config = MachineConfig { memory, dma_pool: 0, sbus, ..MachineConfig::sparc() };
    let machine = Machine::new(config.clone()).expect("no memory under the window");
    let fault = machine.sbus().write(0x1_FFFE, &[1, 2, 3]).expect_err("the window is not physical");
    assert_eq!((fault.address, fault.kind), (0x2_0000, FaultKind::OutOfReach));
    let mut there = [0; 2];
    machine.memory().peek(0x1_FFFE, &mut there).expect("memory");
    assert_eq!(there, [1, 2]);

    let memory = std::iter::once(0..0x10_0000).collect();
    let over = Machine::new(MachineConfig { memory, ..config.clone() }).expect_err("memory under the window");
    assert!(matches!(over, ConfigError::DvmaOverMemory { memory: 0, start: 0x2_0000, end: 0x3_FFFF }));
    for dvma in [0x2_0000..=0x2_1FFE, 0xFF00_0000..=0x1_0000_0000] {
        let sbus = SbusConfig { dvma, ..SbusConfig::default() };
        let refused = Machine::new(MachineConfig { sbus, ..MachineConfig::sparc() }).expect_err("unsound");
        assert!(matches!(refused, ConfigError::DvmaWindow { .. }), "{refused}");
    }
}

#[test]
fn bursts_are_those_of_engine_and_bus() {
    let machine = rig();
    let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    let any = bus.device("any").alloc_handle::<Buffer>(&DmaAttr::UNRESTRICTED, Wait::DontWait);
    assert_eq!(any.expect("a handle").burst_sizes().bits(), 0x3F, "the bus restricts");
    let disk = machine.device("sbus-disk").expect("a device");
    assert_eq!(disk.get(Register::Burst), 1);
    let handle = bus.device("disk").alloc_handle::<Buffer>(&SBUS_DISK_ATTR, Wait::DontWait);
    assert_eq!(handle.expect("a handle").burst_sizes(), BurstSizes::B1 | BurstSizes::B2 | BurstSizes::B4);
    let mut driver = DiskDriver::on_bus(disk, &bus).expect("attached");
    assert_eq!(disk.get(Register::Burst), 4, "the driver takes the largest");
    for (burst, code) in [
        (0, ErrorCode::BadBurst),
        (3, ErrorCode::BadBurst),
        (8, ErrorCode::BadBurst),
        (32, ErrorCode::BadBurst),
        (2, ErrorCode::None),
    ] {
        disk.put(Register::Burst, burst);
        let buffer = machine.buffer(&BufferSpec::new(512)).expect("memory");
        match driver.read(0, buffer, BindFlags::empty()) {
            Ok(_) => assert_eq!(code, ErrorCode::None, "{burst}"),
            Err(error) => {
                let refused =
                    matches!(error.kind, TransferErrorKind::Device { code: there, .. } if there == code);
                assert!(refused, "{burst}: {error}");
                assert_eq!(error.object.to_vec(), [0; 512], "nothing was moved");
            }
        }
    }
    let other = machine.device("pci-disk").expect("a device");
    other.put(Register::Burst, 2);
    assert_eq!(other.get(Register::Burst), u64::MAX, "a disk without the register");
}

#[test]
fn views_of_any_kind_are_mapped() {
    let machine = rig();
    let buffer = machine.buffer(&BufferSpec::new(3 * PAGE)).expect("memory");
    let pages = buffer.pages();
    // Extents with inner edges: each keeps its place within its page.
    let extents = [
        Extent { address: pages[0] + 100, size: 50 },
        Extent { address: pages[2] + 7, size: 900 },
        Extent { address: pages[1], size: PAGE },
    ];
    let attr = SBUS_DISK_ATTR;
    let (view, direction, redzone) = (View::Extents(&extents), Direction::Both, Redzone::No);
    let mut bus = Vec::new();
    machine.sbus().map(&MapRequest { view, attr: &attr, direction, redzone }, &mut bus).expect("map space");
    assert_eq!(bus.len(), 3);
    for (extent, at) in extents.iter().zip(&bus) {
        machine.memory().poke(extent.address, &[0xAB]).expect("memory");
        let mut byte = [0];
        machine.sbus().read(at.address, &mut byte).expect("mapped");
        assert_eq!((byte, at.size), ([0xAB], extent.size));
    }
}
