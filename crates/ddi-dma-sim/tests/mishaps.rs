//! Transfers that go wrong give the object back and say why.

mod common;

use common::{STALE, assert_guards, machine, pattern, set_guards};
use ddi_dma::{BindErrorKind, BindFlags, BusConfig, Direction, Resource};
use ddi_dma_sim::{
    BufferSpec, DEVICES, DeviceAccess, DiskDriver, ErrorCode, Explain, FaultKind, Injection, Interrupt,
    Iommu, Machine, MachineConfig, NexusKind, PageSize, Placement, SECTOR, TransferErrorKind,
};

#[test]
fn a_short_transfer_leaves_the_tail_as_it_was() {
    for (iommu, placement) in [
        (Iommu::Off, Placement::ABOVE_4G),
        (Iommu::Off, Placement::ANYWHERE),
        (Iommu::on(), Placement::ANYWHERE),
    ] {
        let machine = machine(21, PageSize::Kib4, iommu);
        for device in &DEVICES {
            for after in [0, 1, 512, 5000, 29_999] {
                let config = BusConfig::default();
                let mut driver = DiskDriver::new(&machine, device.name, config).expect("attached");
                // What an earlier transfer leaves in the copy buffer must not show up in the tail.
                let mut earlier =
                    machine.buffer(&BufferSpec::new(30_000).placement(placement)).expect("memory");
                earlier.write(0, &[0xCC; 30_000]).expect("inside");
                driver.write(100, earlier, BindFlags::empty()).expect("written");

                let bytes = pattern(30_000, after);
                driver.disk().write_medium(0, &bytes).expect("on the disk");
                let spec = BufferSpec::new(30_000).offset(9).placement(placement);
                let mut buffer = machine.buffer(&spec).expect("memory");
                buffer.write(0, &[STALE; 30_000]).expect("inside");
                set_guards(&machine, &buffer);
                driver.disk().inject(Injection::ShortTransfer { after });
                let (buffer, report) = driver.read(0, buffer, BindFlags::empty()).expect("no error");
                // The engine meets the mishap in its first request, which may be shorter.
                let moved = report.moved as usize;
                assert!(report.moved <= 30_000);
                if moved < 30_000 {
                    assert_eq!(report.moved, after, "{}", device.name);
                }
                let there = buffer.to_vec();
                assert_eq!(there[..moved], bytes[..moved], "{}", device.name);
                assert!(there[moved..].iter().all(|byte| *byte == STALE), "{}: {after}", device.name);
                assert_guards(&machine, &buffer);
            }
        }
    }
}

#[test]
fn a_medium_error_names_the_request_and_the_driver_goes_on() {
    let machine = machine(22, PageSize::Kib4, Iommu::Off);
    let mut driver = DiskDriver::new(&machine, "isa-sg-disk", BusConfig::default()).expect("attached");
    driver.disk().inject(Injection::MediumError { after: 1024 });
    let buffer = machine.buffer(&BufferSpec::new(4096)).expect("memory");
    let error = driver.read(12, buffer, BindFlags::empty()).expect_err("a medium error");
    match error.kind {
        TransferErrorKind::Device { code, block, length, moved, fault, .. } => {
            assert_eq!((code, block, length, moved), (ErrorCode::Medium, 12, 4096, 1024));
            assert_eq!(fault, None);
        }
        other => panic!("{other}"),
    }
    assert!(error.to_string().contains("isa-sg-disk"), "{error}");
    driver.read(12, error.object, BindFlags::empty()).expect("the mishap is over");
}

#[test]
fn the_end_of_the_disk_is_an_error() {
    let machine = machine(23, PageSize::Kib4, Iommu::Off);
    let mut driver = DiskDriver::new(&machine, "pci-disk", BusConfig::default()).expect("attached");
    let last = driver.disk().size() / SECTOR - 1;
    let buffer = machine.buffer(&BufferSpec::new(513)).expect("memory");
    let error = driver.write(last, buffer, BindFlags::empty()).expect_err("one byte too many");
    let out = matches!(error.kind, TransferErrorKind::Device { code: ErrorCode::OutOfRange, moved: 0, .. });
    assert!(out, "{error}");
}

#[test]
fn a_copy_buffer_too_small_is_named() {
    let machine = machine(24, PageSize::Kib4, Iommu::Off);
    let config = BusConfig { copy_buffer_limit: 8192, ..BusConfig::default() };
    let mut driver = DiskDriver::new(&machine, "isa-disk", config).expect("attached");
    let spec = BufferSpec::new(20_000).placement(Placement::ABOVE_16M);
    let buffer = machine.buffer(&spec).expect("memory");
    let error = driver.write(0, buffer, BindFlags::empty()).expect_err("more than the copy buffer holds");
    assert!(matches!(error.kind, TransferErrorKind::Bind { kind: BindErrorKind::TooBig(_), .. }), "{error}");
    let (_, report) = driver.write(0, error.object, BindFlags::PARTIAL).expect("windows");
    assert!(report.windows >= 3, "{report:?}");
}

#[test]
fn a_nexus_without_memory_for_copies_says_how_much_it_has() {
    let config = MachineConfig { copy_buffer_limit: 4096, ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    let bus = BusConfig { copy_buffer_limit: 1 << 20, ..BusConfig::default() };
    let mut driver = DiskDriver::new(&machine, "isa-disk", bus).expect("attached");
    let spec = BufferSpec::new(20_000).placement(Placement::ABOVE_16M);
    let buffer = machine.buffer(&spec).expect("memory");
    let error = driver.write(0, buffer, BindFlags::empty()).expect_err("one page is not enough");
    match error.kind {
        TransferErrorKind::Bind { kind: BindErrorKind::Unobtainable(shortage), .. } => {
            assert_eq!(shortage.resource, Resource::CopyBuffer);
            assert_eq!((shortage.asked, shortage.free, shortage.largest), (20_480, 4096, 4096));
        }
        other => panic!("{other}"),
    }
    driver.write(0, error.object, BindFlags::PARTIAL).expect("windows of a page");
}

#[test]
fn map_space_that_is_short_is_named() {
    let iommu = Iommu::On { space: 0..=0x4FFF };
    let machine = machine(25, PageSize::Kib4, iommu);
    let mut driver = DiskDriver::new(&machine, "pci-disk", BusConfig::default()).expect("attached");
    let buffer = machine.buffer(&BufferSpec::new(16_384).offset(1)).expect("memory");
    let error = driver.write(0, buffer, BindFlags::empty()).expect_err("five pages");
    match error.kind {
        TransferErrorKind::Bind { kind: BindErrorKind::Unobtainable(shortage), .. } => {
            assert_eq!(shortage.resource, Resource::MapSpace);
            assert_eq!((shortage.asked, shortage.free, shortage.largest), (20_480, 16_384, 16_384));
        }
        other => panic!("{other}"),
    }
    let buffer = machine.buffer(&BufferSpec::new(16_384)).expect("memory");
    driver.write(0, buffer, BindFlags::empty()).expect("four pages fit");
}

#[test]
fn start_and_intr_work_step_by_step() {
    let machine = machine(26, PageSize::Kib4, Iommu::Off);
    let bus = ddi_dma::Bus::new(machine.isa().clone(), BusConfig::default());
    let disk = machine.device("isa-disk").expect("a device");
    let mut driver = DiskDriver::on_bus(disk, &bus).expect("attached").explaining(Explain::Yes);
    let buffer = || machine.buffer(&BufferSpec::new(40_000).placement(Placement::BELOW_16M)).expect("memory");
    assert_eq!(driver.intr(), Interrupt::Unclaimed);
    driver.start(0, buffer(), Direction::FromDevice, BindFlags::PARTIAL).expect("started");
    let busy = driver.start(0, buffer(), Direction::FromDevice, BindFlags::PARTIAL).expect_err("busy");
    assert!(matches!(busy.kind, TransferErrorKind::Busy { device: "isa-disk" }), "{busy}");
    assert!(driver.ended().is_none(), "the device has not run");
    let mut interrupts = 0;
    while machine.run() > 0 {
        assert_eq!(driver.intr(), Interrupt::Claimed);
        interrupts += 1;
    }
    let (buffer, report) = driver.ended().expect("ended").expect("well");
    assert_eq!((buffer.len(), report.moved), (40_000, 40_000));
    assert_eq!(interrupts, report.lists, "one interrupt a list");
    assert_eq!(report.lists, 10, "ten scattered pages, and no list");
    assert!(!report.explanation.expect("asked for").notes.is_empty());
}

#[test]
fn an_interrupt_that_is_lost_is_noticed() {
    let machine = machine(28, PageSize::Kib4, Iommu::Off);
    let mut driver = DiskDriver::new(&machine, "pci-disk", BusConfig::default()).expect("attached");
    driver.disk().inject(Injection::LostInterrupt);
    let buffer = machine.buffer(&BufferSpec::new(512)).expect("memory");
    let error = driver.read(0, buffer, BindFlags::empty()).expect_err("nobody tells the end");
    assert!(matches!(error.kind, TransferErrorKind::NoInterrupt { device: "pci-disk" }), "{error}");
    driver.read(0, error.object, BindFlags::empty()).expect("goes on");
}

#[test]
fn a_bus_fault_comes_through_to_the_caller() {
    let machine = machine(29, PageSize::Kib4, Iommu::on());
    // Bound on the ISA bus, the cookies are physical addresses, which mean nothing behind the IOMMU.
    let wrong = ddi_dma::Bus::new(machine.isa().clone(), BusConfig::default());
    let disk = machine.device("pci-disk").expect("a device");
    let mut driver = DiskDriver::on_bus(disk, &wrong).expect("attached");
    let mut buffer = machine.buffer(&BufferSpec::new(1000)).expect("memory");
    buffer.write(0, &pattern(1000, 1)).expect("inside");
    let error = driver.write(5, buffer, BindFlags::empty()).expect_err("nothing is mapped");
    match error.kind {
        TransferErrorKind::Device { code: ErrorCode::BusFault, fault: Some(fault), moved: 0, .. } => {
            assert_eq!((fault.kind, fault.access), (FaultKind::Unmapped, DeviceAccess::Read));
        }
        other => panic!("{other}"),
    }
    assert!(error.to_string().contains("bus fault at 0x"), "{error}");
    assert_eq!(machine.counters(NexusKind::Pci).faults, 1);
    assert_eq!(error.object.to_vec(), pattern(1000, 1));
}

#[test]
fn a_transfer_that_is_reset_gives_the_object_back() {
    let machine = machine(27, PageSize::Kib4, Iommu::Off);
    let mut driver = DiskDriver::new(&machine, "pci64-disk", BusConfig::default()).expect("attached");
    let buffer = machine.buffer(&BufferSpec::new(512)).expect("memory");
    driver.start(0, buffer, Direction::ToDevice, BindFlags::empty()).expect("started");
    driver.reset();
    let error = driver.ended().expect("ended").expect_err("without an interrupt");
    assert!(matches!(error.kind, TransferErrorKind::NoInterrupt { .. }), "{error}");
    driver.write(0, error.object, BindFlags::empty()).expect("goes on");
}
