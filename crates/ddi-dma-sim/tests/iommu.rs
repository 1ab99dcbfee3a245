//! Behind the IOMMU a device reaches what was mapped for it, for as long as it is, and in the way that was said.

mod common;

use common::{machine, pattern};
use ddi_dma::{
    AllocError, AttrError, AttrFlags, Bus, BusConfig, Direction, DmaAttr, DmaObject, Extent, MapRequest,
    MemRequest, Nexus, Redzone, Wait,
};
use ddi_dma_sim::{
    Buffer, BufferSpec, DeviceBus, FaultKind, Iommu, Machine, MachineConfig, PCI64_DISK_ATTR, PageSize,
};

fn rig() -> Machine {
    machine(31, PageSize::Kib4, Iommu::on())
}

fn map(machine: &Machine, buffer: &Buffer, direction: Direction) -> (ddi_dma::MapId, Vec<Extent>) {
    let mut bus = Vec::new();
    let request = MapRequest { view: buffer.view(), attr: &PCI64_DISK_ATTR, direction, redzone: Redzone::No };
    let id = machine.pci().map(&request, &mut bus).expect("map space");
    (id, bus)
}

#[test]
fn unmapped_addresses_and_forbidden_accesses_are_faults() {
    let machine = rig();
    let pci = machine.pci();
    let mut buffer = machine.buffer(&BufferSpec::new(10_000).offset(50)).expect("memory");
    buffer.write(0, &pattern(10_000, 1)).expect("inside");
    let (id, bus) = map(&machine, &buffer, Direction::ToDevice);
    assert_eq!(bus.len(), 1, "scattered pages become one extent");
    let Extent { address, size } = bus[0];
    assert_eq!((address % 4096, size), (50, 10_000));

    let mut bytes = vec![0; 10_000];
    pci.read(address, &mut bytes).expect("mapped");
    assert_eq!(bytes, pattern(10_000, 1));
    assert_eq!(pci.write(address, &[0]).expect_err("read only").kind, FaultKind::Forbidden);
    let end = (address + size).next_multiple_of(4096);
    let fault = pci.read(end - 2, &mut [0; 4]).expect_err("behind the last page");
    assert_eq!((fault.address, fault.kind), (end, FaultKind::Unmapped));
    let physical = buffer.pages()[0];
    assert_eq!(pci.read(physical, &mut [0; 1]).expect_err("no physical way in").kind, FaultKind::Unmapped);

    // SAFETY: mapped above and unmapped once.
    unsafe { pci.unmap(id) };
    assert_eq!(pci.read(address, &mut [0; 1]).expect_err("unmapped").kind, FaultKind::Unmapped);
    assert_eq!(pci.map_space_used(), 0);
    assert_eq!(pci.counters().faults, 4);
}

#[test]
fn a_device_that_may_write_may_not_read() {
    let machine = rig();
    let buffer = machine.buffer(&BufferSpec::new(100)).expect("memory");
    let (_, bus) = map(&machine, &buffer, Direction::FromDevice);
    machine.pci().write(bus[0].address, &pattern(100, 2)).expect("may write");
    assert_eq!(buffer.to_vec(), pattern(100, 2));
    let fault = machine.pci().read(bus[0].address, &mut [0]).expect_err("write only");
    assert_eq!(fault.kind, FaultKind::Forbidden);
    let both = machine.buffer(&BufferSpec::new(100)).expect("memory");
    let (_, bus) = map(&machine, &both, Direction::Both);
    machine.pci().write(bus[0].address, &[1]).expect("may write");
    machine.pci().read(bus[0].address, &mut [0]).expect("may read");
}

#[test]
fn mappings_lie_where_the_engine_reaches() {
    let machine = rig();
    let buffer = machine.buffer(&BufferSpec::new(3 * 4096)).expect("memory");
    let limits = [
        DmaAttr { addr_hi: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED },
        DmaAttr { addr_lo: 0xFF00_0000, addr_hi: 0xFFFF_FFFF, ..DmaAttr::UNRESTRICTED },
        DmaAttr { align: 0x10_0000, ..DmaAttr::UNRESTRICTED },
        DmaAttr { addr_hi: 0xFFFF_FFFF, seg: 0x3FFF, ..DmaAttr::UNRESTRICTED },
    ];
    for attr in &limits {
        for _ in 0..20 {
            let mut bus = Vec::new();
            let request =
                MapRequest { view: buffer.view(), attr, direction: Direction::Both, redzone: Redzone::No };
            machine.pci().map(&request, &mut bus).expect("map space");
            let Extent { address, size } = bus[0];
            let last = address + size - 1;
            assert_eq!((bus.len(), size), (1, 3 * 4096));
            assert!(attr.addr_lo <= address && last <= attr.addr_hi, "{address:#x}");
            assert_eq!(address % attr.align, 0);
            assert_eq!(address & !attr.seg, last & !attr.seg, "no boundary inside");
            assert_ne!(address, 0);
        }
    }
}

#[test]
fn copy_buffers_are_mapped_too() {
    for (page_size, iommu) in [(PageSize::Kib4, Iommu::Off), (PageSize::Kib8, Iommu::on())] {
        let machine = machine(32, page_size, iommu);
        let page = page_size.bytes();
        let attr = DmaAttr { addr_hi: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED };
        let request = MemRequest { size: 2 * page, align: 4 * page, seg: 0xFFFF, attr: &attr };
        for nexus in [machine.pci().clone() as std::sync::Arc<dyn Nexus>, machine.isa().clone()] {
            let memory = nexus.alloc(&request).expect("memory");
            assert_eq!((memory.bus % (4 * page), memory.size), (0, 2 * page));
            assert!(memory.bus + memory.size <= 1 << 24);
            // SAFETY: allocated above, freed once, and nobody uses it.
            unsafe { nexus.free(memory) };
        }
        let memory = machine.pci().alloc(&request).expect("memory");
        machine.pci().write(memory.bus, &pattern(2 * page, 3)).expect("mapped");
        let mut bytes = vec![0; 2 * page as usize];
        // SAFETY: the nexus gave `size` readable bytes, and `bytes` has as many.
        unsafe { memory.cpu.as_ptr().copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        assert_eq!(bytes, pattern(2 * page, 3));
        let bus = memory.bus;
        // SAFETY: allocated above, freed once, and nobody uses it.
        unsafe { machine.pci().free(memory) };
        assert_eq!(machine.pci().copy_buffer_used(), 0);
        if machine.config().iommu != Iommu::Off {
            assert_eq!(machine.pci().read(bus, &mut [0]).expect_err("gone").kind, FaultKind::Unmapped);
        }
    }
}

#[test]
fn physical_addresses_cannot_be_forced() {
    let machine = rig();
    let bus = Bus::new(machine.pci().clone(), BusConfig::default());
    let attr = DmaAttr { flags: AttrFlags::FORCE_PHYSICAL, ..PCI64_DISK_ATTR };
    let refused = bus.device("raw").alloc_handle::<Buffer>(&attr, Wait::DontWait);
    assert!(matches!(refused, Err(AllocError::BadAttr(AttrError::ForcePhysical))));
}

#[test]
fn an_abandoned_transfer_no_longer_reaches_memory() {
    use ddi_dma::BindFlags;
    let machine = rig();
    let bus = Bus::new(machine.pci().clone(), BusConfig::default());
    let handle = bus.device("rogue").alloc_handle(&PCI64_DISK_ATTR, Wait::DontWait).expect("a handle");
    let buffer = machine.buffer(&BufferSpec::new(4096)).expect("memory");
    let binding = handle.bind(buffer, Direction::FromDevice, BindFlags::empty(), Wait::DontWait);
    let flight = binding.expect("bound").start();
    let address = flight.current_window().expect("a window").cookies()[0].address;
    machine.pci().write(address, &[1]).expect("in flight");
    drop(flight);
    assert_eq!(machine.pci().write(address, &[1]).expect_err("revoked").kind, FaultKind::Unmapped);
    assert_eq!(machine.memory().used(), 0);
}

#[test]
fn nothing_arrives_once_unmap_has_returned() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let machine = rig();
    let rigs: [(&dyn Nexus, &dyn DeviceBus); 2] =
        [(&**machine.pci(), &**machine.pci()), (&**machine.sbus(), &**machine.sbus())];
    for (nexus, bus) in rigs {
        for round in 0..60 {
            let mut buffer = machine.buffer(&BufferSpec::new(4096)).expect("memory");
            let mut mapped = Vec::new();
            let (view, direction, redzone) = (buffer.view(), Direction::Both, Redzone::No);
            let attr = DmaAttr { addr_hi: 0xFFFF_FFFF, ..DmaAttr::UNRESTRICTED };
            let request = MapRequest { view, attr: &attr, direction, redzone };
            let id = nexus.map(&request, &mut mapped).expect("map space");
            let started = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while bus.write(mapped[0].address, &[0xDD; 4096]).is_ok() {
                        started.store(true, Ordering::Release);
                    }
                });
                while !started.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                // SAFETY: mapped above and unmapped once.
                unsafe { nexus.unmap(id) };
                buffer.write(0, &[0xCC; 4096]).expect("inside");
            });
            assert!(buffer.to_vec() == [0xCC; 4096], "round {round}");
        }
    }
    assert_eq!(machine.sbus().stream_counters().lines, 0);
}

/// A window takes all map space, and what is copied of it needs some too: nobody sleeps for that while holding the first.
#[test]
fn a_copy_run_that_needs_map_space_finds_some() {
    use ddi_dma::BindFlags;
    let space = 0x1000..=0x1_0FFF; // 16 pages
    let machine = Machine::new(MachineConfig { iommu: Iommu::On { space }, ..MachineConfig::default() });
    let machine = machine.expect("a sound machine");
    let bus = Bus::new(machine.pci().clone(), BusConfig { copy_buffer_limit: 4096, ..BusConfig::default() });
    let attr = DmaAttr { align: 4, sgllen: 64, ..DmaAttr::UNRESTRICTED };
    for scattered in [4096 * 16, 4096 * 40 + 5] {
        let buffer = machine.buffer(&BufferSpec::new(scattered)).expect("memory");
        let mut flight = handle_of(&bus, &attr)
            .bind(buffer, Direction::FromDevice, BindFlags::PARTIAL | BindFlags::ISOLATE, Wait::Sleep)
            .expect("bound")
            .start();
        let expected = pattern(scattered, 9);
        while let Some(window) = flight.next_window().expect("a window") {
            let mut at = window.offset() as usize;
            for cookie in window.cookies() {
                let bytes = &expected[at..at + cookie.size as usize];
                machine.pci().write(cookie.address, bytes).expect("mapped");
                at += bytes.len();
            }
        }
        let (_, buffer) = flight.complete().unbind();
        assert!(buffer.to_vec() == expected);
    }
    // The last part of a page is copied, and what that takes is not there while sixteen pages are mapped.
    let buffer = machine.buffer(&BufferSpec::new(4096 * 16 + 5)).expect("memory");
    let binding = handle_of(&bus, &attr).bind(
        buffer,
        Direction::FromDevice,
        BindFlags::PARTIAL | BindFlags::ISOLATE,
        Wait::Sleep,
    );
    assert!(binding.is_ok_and(|binding| binding.window_count() > 1));
}

fn handle_of(bus: &Bus, attr: &DmaAttr) -> ddi_dma::DmaHandle<Buffer> {
    bus.device("odd").alloc_handle(attr, Wait::DontWait).expect("a handle")
}

/// Map space holds more than may be copied, and all of it must be: windows are as small as both allow.
#[test]
fn windows_fit_map_space_and_copy_buffer() {
    use ddi_dma::BindFlags;
    let space = 0x1000..=0x10_0FFF; // 1 MiB
    let machine = Machine::new(MachineConfig { iommu: Iommu::On { space }, ..MachineConfig::default() });
    let machine = machine.expect("a sound machine");
    let limit = 64 << 10;
    let bus = Bus::new(machine.pci().clone(), BusConfig { copy_buffer_limit: limit, ..BusConfig::default() });
    let attr = DmaAttr { align: 4, sgllen: 1, granular: 512, ..DmaAttr::UNRESTRICTED };
    let length = (3 << 20) + 512;
    for wait in [Wait::DontWait, Wait::Sleep] {
        let buffer = machine.buffer(&BufferSpec::new(length).offset(1)).expect("memory");
        let flags = BindFlags::PARTIAL;
        let binding = handle_of(&bus, &attr).bind(buffer, Direction::FromDevice, flags, wait).expect("bound");
        let mut flight = binding.start();
        let expected = pattern(length, 10);
        while let Some(window) = flight.next_window().expect("a window") {
            assert!(window.copied_bytes() <= limit);
            let mut at = window.offset() as usize;
            for cookie in window.cookies() {
                let bytes = &expected[at..at + cookie.size as usize];
                machine.pci().write(cookie.address, bytes).expect("mapped");
                at += bytes.len();
            }
        }
        let (_, buffer) = flight.complete().unbind();
        assert!(buffer.to_vec() == expected);
    }
    assert_eq!(machine.pci().map_space_used(), 0);
}
