//! The devices without a framework: what a driver that ignores their limits runs into.

mod common;

use common::{machine, pattern};
use ddi_dma_sim::{
    BufferSpec, DEVICES, DeviceAccess, Disk, EntryKind, ErrorCode, FaultKind, Fragmentation, Injection,
    Iommu, Machine, NexusKind, PageSize, Placement, Register, Stepped, csr,
};

/// Programs one list and lets the device run.
fn request(disk: &Disk, block: u64, way: u64, entries: &[(u64, u64)]) {
    disk.put(Register::Block, block);
    for (entry, (address, size)) in (0..).zip(entries) {
        disk.put(Register::Address(entry), *address);
        disk.put(Register::Size(entry), size - 1);
    }
    disk.put(Register::Entries, entries.len() as u64);
    disk.put(Register::Csr, csr::START_TRANSFER | csr::ENABLE_INTERRUPTS | way);
    assert_eq!(disk.get(Register::Csr) & (csr::BUSY | csr::INTERRUPTING), csr::BUSY);
    assert_eq!(disk.step(), Stepped::Done);
    assert!(disk.interrupting());
    disk.put(Register::Csr, csr::CLEAR_INTERRUPT);
    assert!(!disk.interrupting());
}

fn error(disk: &Disk) -> Option<ErrorCode> {
    let failed = disk.get(Register::Csr) & csr::ERROR != 0;
    let code = ErrorCode::from_register(disk.get(Register::Error));
    assert_eq!(failed, code != Some(ErrorCode::None));
    code
}

fn peek(machine: &Machine, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    machine.memory().peek(address, &mut bytes).expect("memory");
    bytes
}

#[test]
fn an_isa_engine_that_crosses_1_mib_starts_again_at_its_bottom() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    for name in ["isa-disk", "isa-sg-disk"] {
        let disk = machine.device(name).expect("a device");
        let bytes = pattern(8192, 1);
        disk.write_medium(0, &bytes).expect("on the disk");
        request(disk, 0, csr::TO_MEMORY, &[(0x2F_F000, 8192)]);
        assert_eq!(error(disk), Some(ErrorCode::None), "the engine notices nothing");
        assert_eq!(peek(&machine, 0x2F_F000, 4096), bytes[..4096]);
        assert_eq!(
            peek(&machine, 0x20_0000, 4096),
            bytes[4096..],
            "the wrong megabyte's start was overwritten"
        );
        assert_eq!(peek(&machine, 0x30_0000, 4096), [0; 4096]);
    }
}

#[test]
fn the_latch_stays_where_24_bits_run_over() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let disk = machine.device("latch-disk").expect("a device");
    let bytes = pattern(1024, 2);
    disk.write_medium(0, &bytes).expect("on the disk");
    request(disk, 0, csr::TO_MEMORY, &[(0x02FF_FE00, 1024)]);
    assert_eq!(peek(&machine, 0x02FF_FE00, 512), bytes[..512]);
    assert_eq!(peek(&machine, 0x0200_0000, 512), bytes[512..]);
    assert_eq!(peek(&machine, 0x0300_0000, 512), [0; 512]);
}

#[test]
fn registers_keep_as_many_bits_as_they_have() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let widths = [
        ("isa-disk", 0xFF_FFFF, 0xFFFF),
        ("isa-sg-disk", 0xFF_FFFF, 0xFFFF),
        ("pci-disk", 0xFFFF_FFFF, 0xFFFF_FFFF),
        ("latch-disk", 0xFFFF_FFFF, 0xFF_FFFF),
        ("pci64-disk", u64::MAX, u64::MAX),
        ("sbus-disk", 0xFFFF_FFFF, 0xFFFF_FFFF),
    ];
    for (name, address, size) in widths {
        let disk = machine.device(name).expect("a device");
        disk.put(Register::Address(0), u64::MAX);
        disk.put(Register::Size(0), u64::MAX);
        assert_eq!((disk.get(Register::Address(0)), disk.get(Register::Size(0))), (address, size));
        let last = disk.spec().engine.entries.count();
        disk.put(Register::Address(last), 1);
        assert_eq!(disk.get(Register::Address(last)), u64::MAX, "nobody answers behind the last entry");
    }
}

#[test]
fn a_truncated_isa_address_reaches_the_wrong_memory() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let disk = machine.device("isa-disk").expect("a device");
    disk.write_medium(0, &pattern(512, 3)).expect("on the disk");
    request(disk, 0, csr::TO_MEMORY, &[(0x1020_0000, 512)]);
    assert_eq!(peek(&machine, 0x1020_0000, 512), [0; 512]);
    assert_eq!(peek(&machine, 0x0020_0000, 512), pattern(512, 3));
}

#[test]
fn holes_are_bus_faults_and_what_came_before_moved() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let disk = machine.device("pci64-disk").expect("a device");
    let bytes = pattern(8192, 4);
    disk.write_medium(0, &bytes).expect("on the disk");
    // The hole from 640 KiB to 1 MiB.
    request(disk, 0, csr::TO_MEMORY, &[(0x9_F000, 8192)]);
    assert_eq!(error(disk), Some(ErrorCode::BusFault));
    let fault = disk.last_fault().expect("a fault");
    assert_eq!(
        (fault.address, fault.access, fault.kind),
        (0xA_0000, DeviceAccess::Write, FaultKind::NoMemory)
    );
    assert!(fault.to_string().contains("0xa0000"), "{fault}");
    assert_eq!(peek(&machine, 0x9_F000, 4096), bytes[..4096]);

    // Behind all memory, to the disk.
    let end = machine.memory().ranges().last().expect("memory").end;
    request(disk, 100, 0, &[(end, 512)]);
    let fault = disk.last_fault().expect("a fault");
    assert_eq!((fault.address, fault.access, fault.kind), (end, DeviceAccess::Read, FaultKind::NoMemory));
    assert_eq!(disk.get(Register::Residue), 512);
    // The end of the address space.
    request(disk, 100, 0, &[(u64::MAX - 255, 512)]);
    assert_eq!(error(disk), Some(ErrorCode::BusFault));
    assert_eq!(machine.counters(NexusKind::Pci).faults, 3);
    // And once more where there is memory: the error is gone.
    request(disk, 100, 0, &[(0x10_0000, 512)]);
    assert_eq!((error(disk), disk.last_fault()), (Some(ErrorCode::None), None));
}

#[test]
fn isa_has_24_address_lines() {
    use ddi_dma_sim::DeviceBus;
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let fault = machine.isa().write(0xFF_FFFF, &[1, 2]).expect_err("a fault");
    assert_eq!((fault.address, fault.kind), (0x100_0000, FaultKind::OutOfReach));
    assert_eq!(machine.counters(NexusKind::Isa).bytes_written, 1);
    assert_eq!(peek(&machine, 0xFF_FFFF, 2), [1, 0], "memory is there, but not for ISA");
    let fault = machine.isa().read(1 << 40, &mut [0; 4]).expect_err("a fault");
    assert_eq!((fault.access, fault.kind), (DeviceAccess::Read, FaultKind::OutOfReach));
}

#[test]
fn lists_that_cannot_be_are_refused() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    for spec in DEVICES.iter().filter(|spec| spec.channel.is_none()) {
        let disk = machine.device(spec.name).expect("a device");
        let EntryKind::List(most) = spec.engine.entries else { continue };
        for entries in [0, u64::from(most) + 1] {
            disk.put(Register::Entries, entries);
            disk.put(Register::Csr, csr::START_TRANSFER);
            disk.step();
            assert_eq!(error(disk), Some(ErrorCode::BadList));
            assert!(!disk.interrupting(), "interrupts were not enabled");
        }
        let full: Vec<(u64, u64)> = (0..u64::from(most)).map(|n| (0x10_0000 + n * 512, 512)).collect();
        request(disk, 0, csr::TO_MEMORY, &full);
        assert_eq!(error(disk), Some(ErrorCode::None));
    }
}

#[test]
fn a_request_behind_the_disk_moves_nothing() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let disk = machine.device("pci-disk").expect("a device");
    for block in [disk.size() / 512, u64::MAX] {
        request(disk, block, csr::TO_MEMORY, &[(0x10_0000, 512)]);
        assert_eq!(error(disk), Some(ErrorCode::OutOfRange));
        assert_eq!(disk.get(Register::Residue), 512);
    }
    let disk = machine.device("pci64-disk").expect("a device");
    disk.put(Register::Size(0), u64::MAX);
    disk.put(Register::Size(1), u64::MAX);
    disk.put(Register::Entries, 2);
    disk.put(Register::Csr, csr::START_TRANSFER);
    machine.run();
    assert_eq!(error(disk), Some(ErrorCode::OutOfRange));
}

#[test]
fn a_short_transfer_shows_its_residue() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let disk = machine.device("isa-sg-disk").expect("a device");
    let bytes = pattern(2048, 5);
    disk.write_medium(0, &bytes).expect("on the disk");
    disk.inject(Injection::ShortTransfer { after: 700 });
    request(disk, 0, csr::TO_MEMORY, &[(0x10_0000, 512), (0x20_0000, 1536)]);
    assert_eq!((error(disk), disk.get(Register::Residue)), (Some(ErrorCode::None), 1348));
    assert_eq!(peek(&machine, 0x20_0000, 188), bytes[512..700]);
    assert_eq!(peek(&machine, 0x20_0000 + 188, 100), [0; 100]);
    // Once only.
    request(disk, 0, csr::TO_MEMORY, &[(0x10_0000, 512), (0x20_0000, 1536)]);
    assert_eq!(disk.get(Register::Residue), 0);
    disk.inject(Injection::MediumError { after: 0 });
    request(disk, 0, csr::TO_MEMORY, &[(0x10_0000, 512)]);
    assert_eq!((error(disk), disk.get(Register::Residue)), (Some(ErrorCode::Medium), 512));
}

#[test]
fn a_reset_stops_a_transfer_before_it_runs() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let disk = machine.device("pci-disk").expect("a device");
    disk.put(Register::Entries, 1);
    disk.put(Register::Address(0), 0x10_0000);
    disk.put(Register::Csr, csr::START_TRANSFER | csr::ENABLE_INTERRUPTS);
    disk.put(Register::Csr, csr::RESET);
    assert_eq!(machine.run(), 0);
    assert!(!disk.interrupting());
}

#[test]
fn a_driver_that_ignores_boundaries_corrupts_memory() {
    let machine = machine(9, PageSize::Kib4, Iommu::Off);
    let disk = machine.device("isa-disk").expect("a device");
    let contiguous = BufferSpec::new(9 << 20).fragmentation(Fragmentation::Contiguous);
    let buffer = machine.buffer(&contiguous.placement(Placement::BELOW_16M)).expect("memory");
    // Within the buffer, 64 KiB from just below a multiple of 1 MiB: as a driver would that knows no `seg`.
    let boundary = (buffer.pages()[0] + (1 << 20)).next_multiple_of(1 << 20);
    let bytes = pattern(65536, 6);
    disk.write_medium(0, &bytes).expect("on the disk");
    request(disk, 0, csr::TO_MEMORY, &[(boundary - 512, 65536)]);
    assert_eq!(error(disk), Some(ErrorCode::None));
    let at = boundary - 512 - buffer.pages()[0];
    let mut there = vec![0; 65536];
    buffer.read(at, &mut there).expect("inside");
    assert_ne!(there, bytes, "the bytes behind the boundary are not where the driver wanted them");
    let wrong = boundary - (1 << 20);
    assert_eq!(peek(&machine, wrong, 65024), bytes[512..], "but a megabyte below");
}
