//! The network device: frames go out and come back through its loopback.

mod common;

use common::{STALE, assert_guards, pattern, set_guards};
use ddi_dma::{AllocError, BindErrorKind, BindFlags, Bus, BusConfig, Resource};
use ddi_dma_sim::{
    AttachError, Buffer, BufferSpec, DeviceAccess, DiskDriver, ETHERS, EtherDriver, EtherErrorCode,
    EtherErrorKind, EtherRegister, FRAME_MOST, FaultKind, Machine, MachineConfig, NexusKind, PageSize,
    SBUS_DISK_ATTR, SbusConfig, StreamingCache, ether_csr,
};

fn rig() -> (Machine, EtherDriver) {
    let machine = Machine::new(MachineConfig { seed: 81, ..MachineConfig::sparc() }).expect("a machine");
    let driver = EtherDriver::new(&machine, "sbus-ether", BusConfig::default()).expect("attached");
    (machine, driver)
}

fn frame(machine: &Machine, bytes: &[u8], offset: u64) -> Buffer {
    let spec = BufferSpec::new(bytes.len() as u64).offset(offset);
    let mut buffer = machine.buffer(&spec).expect("memory");
    buffer.write(0, bytes).expect("inside");
    buffer
}

fn empty(machine: &Machine, length: u64, offset: u64) -> Buffer {
    frame(machine, &vec![STALE; length as usize], offset)
}

#[test]
fn frames_of_every_size_come_back_as_they_went() {
    for page_size in [PageSize::Kib4, PageSize::Kib8] {
        for cache in [StreamingCache::Off, StreamingCache::On] {
            let sbus = SbusConfig { cache, ..SbusConfig::default() };
            let config = MachineConfig { seed: 82, page_size, sbus, ..MachineConfig::default() };
            let machine = Machine::new(config).expect("a machine");
            let mut driver =
                EtherDriver::new(&machine, "sbus-ether", BusConfig::default()).expect("attached");
            for length in [1, 2, 63, 64, 65, 1499, 1500, 4096, 9000, 65_535, FRAME_MOST] {
                let bytes = pattern(length, length);
                let sent = driver.send(frame(&machine, &bytes, 4095)).expect("sent");
                assert!(sent.to_vec() == bytes, "sending leaves the frame as it was");
                let buffer = empty(&machine, length + 100, 13);
                set_guards(&machine, &buffer);
                let (buffer, received) = driver.receive(buffer).expect("received");
                assert_eq!(received, length);
                let there = buffer.to_vec();
                assert!(there[..length as usize] == bytes, "{length}");
                assert!(there[length as usize..].iter().all(|byte| *byte == STALE), "the tail stays");
                assert_guards(&machine, &buffer);
            }
            drop(driver);
            let sbus = machine.sbus();
            assert_eq!((sbus.map_space_used(), sbus.stream_counters().lines), (0, 0));
            assert_eq!((sbus.stream_counters().late, machine.memory().used()), (0, 0));
            assert_eq!(machine.counters(NexusKind::Sbus).faults, 0);
        }
    }
}

#[test]
fn a_file_goes_over_in_frames() {
    let (machine, mut driver) = rig();
    let file = pattern(100_001, 1);
    let mut there = Vec::new();
    // As many at once as the device holds.
    for chunks in file.chunks(8 * 1500) {
        for chunk in chunks.chunks(1500) {
            driver.send(frame(&machine, chunk, 0)).expect("sent");
        }
        assert_eq!(driver.ether().waiting(), chunks.len().div_ceil(1500));
        while driver.ether().waiting() > 0 {
            let (buffer, length) = driver.receive(empty(&machine, 1500, 0)).expect("received");
            there.extend_from_slice(&buffer.to_vec()[..length as usize]);
        }
    }
    assert!(there == file, "in order and whole");
}

#[test]
fn a_frame_that_nobody_has_room_for_is_missed() {
    let (machine, mut driver) = rig();
    for n in 0..9 {
        driver.send(frame(&machine, &[n; 60], 0)).expect("sent");
    }
    assert_eq!(driver.ether().waiting(), 8);
    for n in 0..8 {
        let (buffer, _) = driver.receive(empty(&machine, 60, 0)).expect("received");
        assert_eq!(buffer.to_vec(), [n; 60]);
    }
    let error = driver.receive(empty(&machine, 60, 0)).expect_err("the ninth was lost");
    assert_eq!(error.kind, EtherErrorKind::NoFrame { device: "sbus-ether" });
    assert_eq!(error.object.to_vec(), [STALE; 60]);
    // And the device goes on.
    driver.send(frame(&machine, &[9; 60], 0)).expect("sent");
    assert_eq!(driver.receive(error.object).expect("received").1, 60);
}

#[test]
fn frames_that_are_too_long_are_told() {
    let (machine, mut driver) = rig();
    let error = driver.send(empty(&machine, FRAME_MOST + 1, 0)).expect_err("a byte too much");
    let too_long = |kind| matches!(kind, EtherErrorKind::Device { code: EtherErrorCode::TooLong, .. });
    assert!(too_long(error.kind), "{error}");
    assert_eq!(driver.ether().waiting(), 0);
    let bytes = pattern(100, 2);
    driver.send(frame(&machine, &bytes, 0)).expect("sent");
    let error = driver.receive(empty(&machine, 99, 0)).expect_err("a byte too few");
    assert!(too_long(error.kind), "{error}");
    assert_eq!(error.object.to_vec(), bytes[..99], "its start is there");
    assert_eq!(driver.ether().waiting(), 0, "the frame is gone");
}

#[test]
fn a_window_too_small_for_a_frame_is_an_error() {
    let sbus = SbusConfig { dvma: 0xFF00_0000..=0xFF00_3FFF, ..SbusConfig::default() };
    let machine = Machine::new(MachineConfig { sbus, ..MachineConfig::sparc() }).expect("a machine");
    let mut driver = EtherDriver::new(&machine, "sbus-ether", BusConfig::default()).expect("attached");
    let error = driver.send(empty(&machine, 8194, 8191)).expect_err("three pages");
    match error.kind {
        EtherErrorKind::Bind { kind: BindErrorKind::Unobtainable(short), .. } => {
            assert_eq!((short.resource, short.asked), (Resource::MapSpace, 24_576));
            assert_eq!((short.free, short.largest), (16_384, 16_384));
        }
        other => panic!("{other}"),
    }
    driver.send(empty(&machine, 8194, 0)).expect("two pages");
}

#[test]
fn the_registers_behave_like_a_devices() {
    let (machine, driver) = rig();
    let ether = driver.ether();
    assert_eq!(ether.get(EtherRegister::Burst), 4, "the driver chose the largest");
    // A transmission from where nothing is mapped.
    ether.put(EtherRegister::TxAddress, 0x12_FF00_0000);
    assert_eq!(ether.get(EtherRegister::TxAddress), 0xFF00_0000, "32 bits");
    ether.put(EtherRegister::TxSize, 59);
    ether.put(EtherRegister::Csr, ether_csr::TX_START | ether_csr::ENABLE_INTERRUPTS);
    assert_eq!(machine.run(), 1);
    assert!(ether.interrupting());
    let fault = ether.last_fault().expect("a fault");
    assert_eq!((fault.address, fault.access), (0xFF00_0000, DeviceAccess::Read));
    assert_eq!(fault.kind, FaultKind::Unmapped);
    ether.put(EtherRegister::Csr, ether_csr::CLEAR_INTERRUPT);
    assert_eq!(ether.get(EtherRegister::Csr) & (ether_csr::INTERRUPTING | ether_csr::TX_DONE), 0);
    // A burst that the engine does not have.
    ether.put(EtherRegister::Burst, 8);
    ether.put(EtherRegister::Csr, ether_csr::TX_START);
    assert_eq!(machine.run(), 1);
    assert_eq!(
        EtherErrorCode::from_register(ether.get(EtherRegister::Error)),
        Some(EtherErrorCode::BadBurst)
    );
    assert!(!ether.interrupting(), "interrupts were not enabled");
    // The receiver waits for as long as no frame comes, and a reset stops it.
    ether.put(EtherRegister::Csr, ether_csr::RX_ENABLE);
    assert_eq!(machine.run(), 0);
    assert_ne!(ether.get(EtherRegister::Csr) & ether_csr::RX_ENABLE, 0);
    ether.put(EtherRegister::Csr, ether_csr::RESET);
    assert_eq!(ether.get(EtherRegister::Csr), 0);
}

#[test]
fn the_engine_is_that_of_the_disk_without_sectors() {
    let attr = ETHERS[0].attr;
    assert_eq!((attr.granular, attr.sgllen), (1, 1));
    assert_eq!(ddi_dma::DmaAttr { granular: 512, ..attr }, SBUS_DISK_ATTR);
    let (machine, _) = rig();
    let unknown = EtherDriver::<Buffer>::new(&machine, "sbus-disk", BusConfig::default());
    match unknown.expect_err("that is a disk") {
        AttachError::Unknown(unknown) => assert!(unknown.to_string().contains("sbus-ether"), "{unknown}"),
        other => panic!("{other}"),
    }
    // On a bus that it does not reach it does not attach.
    let isa = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
    let ether = machine.ether("sbus-ether").expect("a device");
    let refused = EtherDriver::<Buffer>::on_bus(ether, &isa);
    assert!(matches!(refused, Err(AttachError::Alloc(AllocError::BadAttr(_)))));
}

#[test]
fn disk_and_network_share_bus_and_cache() {
    let machine = Machine::new(MachineConfig { seed: 83, ..MachineConfig::sparc() }).expect("a machine");
    let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    let (disk, ether) =
        (machine.device("sbus-disk").expect("a disk"), machine.ether("sbus-ether").expect("one"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut driver = DiskDriver::on_bus(disk, &bus).expect("attached");
            for round in 0..30 {
                let bytes = pattern(50_000 + round, round);
                let buffer = frame(&machine, &bytes, round);
                let (mut buffer, _) = driver.write(round, buffer, BindFlags::REDZONE).expect("written");
                buffer.write(0, &vec![STALE; bytes.len()]).expect("inside");
                let (buffer, _) = driver.read(round, buffer, BindFlags::PARTIAL).expect("read");
                assert!(buffer.to_vec() == bytes, "the disk's bytes, {round}");
            }
        });
        scope.spawn(|| {
            let mut driver = EtherDriver::on_bus(ether, &bus).expect("attached");
            for round in 0..200 {
                let bytes = pattern(1 + round * 7, round);
                driver.send(frame(&machine, &bytes, round)).expect("sent");
                let (buffer, length) = driver.receive(empty(&machine, 1500, 3)).expect("received");
                assert!(buffer.to_vec()[..length as usize] == bytes, "the frame, {round}");
            }
        });
    });
    drop(bus);
    let counters = machine.sbus().stream_counters();
    assert_eq!((counters.lines, counters.late, machine.memory().used()), (0, 0, 0));
    assert_eq!((machine.sbus().map_space_used(), machine.counters(NexusKind::Sbus).faults), (0, 0));
}
