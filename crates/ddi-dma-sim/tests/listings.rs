//! The listings of the DDI's manual, run on every nexus where they make sense: each test asserts the bytes that moved.
#![expect(
    clippy::duplicate_mod,
    reason = "each listing stands alone, so each has the module that they share"
)]

mod common;

#[path = "../examples/bus_master_steps.rs"]
mod bus_master_steps;
#[path = "../examples/dma_changes_sunos_4_1.rs"]
mod dma_changes_sunos_4_1;
#[path = "../examples/dma_changes_sunos_5_7.rs"]
mod dma_changes_sunos_5_7;
#[path = "../examples/example_8_1_xxstart.rs"]
mod example_8_1_xxstart;
#[path = "../examples/example_8_2_burst_sizes.rs"]
mod example_8_2_burst_sizes;
#[path = "../examples/example_8_3_iopb.rs"]
mod example_8_3_iopb;
#[path = "../examples/example_8_4_sglist.rs"]
mod example_8_4_sglist;
#[path = "../examples/example_8_5_xxintr.rs"]
mod example_8_5_xxintr;
#[path = "../examples/example_8_6_detach.rs"]
mod example_8_6_detach;
#[path = "../examples/example_9_3_mem_alloc.rs"]
mod example_9_3_mem_alloc;
#[path = "../examples/example_sync_for_cpu.rs"]
mod example_sync_for_cpu;
#[path = "../examples/first_party_steps.rs"]
mod first_party_steps;
#[path = "../examples/third_party_steps.rs"]
mod third_party_steps;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use common::pattern;
use ddi_dma::{AddressSpace, Attempt, Buf, Bus, BusConfig, Direction, Dmae, Wait};
use ddi_dma_sim::{
    Buffer, BufferSpec, DEVICES, DeviceSpec, ErrorCode, ISA_SG_DISK_ATTR, Iommu, Machine, MachineConfig,
    NexusKind, Placement, Protection, Register, SbusConfig, UserSpace, csr,
};

/// Bytes that fill sixteen pages of the smaller size.
const SIXTEEN_PAGES: u64 = 0x1_0000;

/// Every disk that is a bus master on its bus; those on PCI without an IOMMU and behind one.
fn everywhere(test: impl Fn(&Machine, &'static DeviceSpec)) {
    for spec in DEVICES.iter().filter(|spec| spec.channel.is_none()) {
        let configs = match spec.nexus {
            NexusKind::Isa => vec![MachineConfig::default()],
            NexusKind::Sbus => vec![MachineConfig::sparc()],
            NexusKind::Pci => {
                let behind = MachineConfig { iommu: Iommu::on(), ..MachineConfig::default() };
                vec![MachineConfig::default(), behind]
            }
        };
        for config in configs {
            test(&Machine::new(config).expect("a sound machine"), spec);
        }
    }
}

/// A bus that has resources for sixteen pages, two of its disks, and where a buffer needs those resources.
fn short_of_resources(test: impl Fn(&Machine, &Bus, [&str; 2], Placement)) {
    let space = |pages: u64, page: u64| 0xFF00_0000..=0xFF00_0000 + pages * page - 1;
    let behind = Iommu::On { space: space(16, 4096) };
    let behind = MachineConfig { iommu: behind, ..MachineConfig::default() };
    let sbus = SbusConfig { dvma: space(8, 8192), ..SbusConfig::default() };
    let sparc = MachineConfig { sbus, ..MachineConfig::sparc() };
    let cases = [
        (MachineConfig::default(), NexusKind::Isa, ["isa-disk", "isa-sg-disk"], Placement::ABOVE_16M),
        (MachineConfig::default(), NexusKind::Pci, ["pci-disk", "latch-disk"], Placement::ABOVE_4G),
        (behind, NexusKind::Pci, ["pci-disk", "latch-disk"], Placement::ANYWHERE),
        (sparc, NexusKind::Sbus, ["sbus-disk", "sbus-disk"], Placement::ANYWHERE),
    ];
    for (config, kind, disks, placement) in cases {
        let machine = Machine::new(config).expect("a sound machine");
        let limit = BusConfig { copy_buffer_limit: SIXTEEN_PAGES, ..BusConfig::default() };
        test(&machine, &Bus::new(machine.nexus(kind), limit), disks, placement);
    }
}

fn buffer_of(machine: &Machine, spec: &BufferSpec, bytes: &[u8]) -> Buffer {
    let mut buffer = machine.buffer(spec).expect("memory");
    buffer.write(0, bytes).expect("inside");
    buffer
}

fn put_on_disk(machine: &Machine, name: &str, block: u64, bytes: &[u8]) {
    machine.device(name).expect("a disk").write_medium(block * 512, bytes).expect("on the disk");
}

fn assert_on_disk(machine: &Machine, name: &str, block: u64, bytes: &[u8]) {
    let mut there = vec![0; bytes.len()];
    machine.device(name).expect("a disk").read_medium(block * 512, &mut there).expect("on the disk");
    assert!(there == bytes, "{name}: the bytes on the disk are not those of the object");
}

#[test]
fn every_example_runs() {
    type Main = fn() -> Result<(), Box<dyn Error>>;
    let examples: [(&str, Main); 13] = [
        ("bus_master_steps", bus_master_steps::main),
        ("dma_changes_sunos_4_1", dma_changes_sunos_4_1::main),
        ("dma_changes_sunos_5_7", dma_changes_sunos_5_7::main),
        ("example_8_1_xxstart", example_8_1_xxstart::main),
        ("example_8_2_burst_sizes", example_8_2_burst_sizes::main),
        ("example_8_3_iopb", example_8_3_iopb::main),
        ("example_8_4_sglist", example_8_4_sglist::main),
        ("example_8_5_xxintr", example_8_5_xxintr::main),
        ("example_8_6_detach", example_8_6_detach::main),
        ("example_9_3_mem_alloc", example_9_3_mem_alloc::main),
        ("example_sync_for_cpu", example_sync_for_cpu::main),
        ("first_party_steps", first_party_steps::main),
        ("third_party_steps", third_party_steps::main),
    ];
    for (name, main) in examples {
        main().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let all = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).expect("examples");
    // What is there to be counted by `cargo xtask counts` tells nobody anything.
    let counted = |path: &Path| path.file_name().is_some_and(|name| name == "count_bind_sim.rs");
    let files = all.filter_map(|entry| Some(entry.ok()?.path()));
    let files = files.filter(|path| path.is_file() && !counted(path)).count();
    assert_eq!(files, examples.len(), "an example is not tested");
}

#[test]
fn example_8_1_xxstart() {
    short_of_resources(|machine, bus, disks, placement| {
        let bytes = [pattern(SIXTEEN_PAGES, 1), pattern(SIXTEEN_PAGES, 1)];
        for (name, bytes) in disks.iter().zip(&bytes) {
            put_on_disk(machine, name, 0, bytes);
        }
        let spec = BufferSpec::new(SIXTEEN_PAGES).placement(placement);
        let buffers = [machine.buffer(&spec).expect("memory"), machine.buffer(&spec).expect("memory")];
        let told = example_8_1_xxstart::compete(machine, bus, disks, buffers).expect("both read");
        assert_eq!(told.attempt, Attempt::Runout, "{disks:?}: resources serve one at a time");
        assert_eq!(told.callbacks, 1, "{disks:?}: xxstart was called when the first had unbound");
        for (read, bytes) in told.read.iter().zip(&bytes) {
            assert!(read.to_vec() == *bytes, "{disks:?}: the disk's bytes are in the buffer");
        }
    });
}

/// Two drivers on two processors, each with transfers of its own, over a copy buffer that serves one at a time: each gets
/// its turn, and reads what is its own.
#[test]
fn example_8_1_on_two_processors() {
    let machine = Machine::new(MachineConfig::default()).expect("a sound machine");
    let limit = BusConfig { copy_buffer_limit: 0x1000, ..BusConfig::default() };
    let bus = Bus::new(machine.nexus(NexusKind::Isa), limit);
    let spec = BufferSpec::new(0x1000).placement(Placement::ABOVE_16M);
    let (disk, device) = (machine.device("isa-disk").expect("a disk"), bus.device("holder"));
    let held = example_8_6_detach::hold(&device, disk, machine.buffer(&spec).expect("memory"));
    let held = held.expect("the whole copy buffer");
    thread::scope(|scope| {
        for name in ["isa-disk", "isa-sg-disk"] {
            let (machine, bus) = (&machine, &bus);
            scope.spawn(move || {
                let driver = example_8_1_xxstart::Driver::attach(machine, bus, name).expect("attached");
                let disk = machine.device(name).expect("a disk");
                let mut bp = machine.buffer(&spec).expect("memory");
                for round in 0..1000 {
                    let bytes = pattern(0x1000, round);
                    put_on_disk(machine, name, 0, &bytes);
                    driver.strategy(bp, 0, Direction::FromDevice).expect("not busy");
                    bp = loop {
                        thread::yield_now();
                        disk.step();
                        driver.intr();
                        if let Some(read) = driver.ended() {
                            break read.expect("read");
                        }
                    };
                    assert!(bp.to_vec() == bytes, "{name}, round {round}");
                }
            });
        }
        // Both stand in the queue when the race begins.
        while bus.stats().waits < 2 {
            thread::yield_now();
        }
        drop(held);
    });
}

#[test]
fn example_8_2_burst_sizes() {
    everywhere(|machine, device| {
        let bytes = pattern(100_000, 2);
        let buffer = buffer_of(machine, &BufferSpec::new(100_000).offset(3), &bytes);
        let written = example_8_2_burst_sizes::write_in_bursts(machine, device.name, buffer);
        let best = match device.nexus {
            NexusKind::Isa | NexusKind::Sbus => 4, // not 32: neither these engines nor their buses have that
            NexusKind::Pci => 32,
        };
        assert_eq!(written.expect("written").1, best, "{}", device.name);
        assert_on_disk(machine, device.name, 0, &bytes);
        if device.name == "sbus-disk" {
            // The register matters: the device refuses the burst that the driver likes best.
            let disk = machine.device(device.name).expect("a disk");
            assert_eq!(disk.get(Register::Burst), 4);
            disk.put(Register::Burst, 32);
            disk.put(Register::Csr, csr::START_TRANSFER);
            machine.run();
            assert_eq!(disk.get(Register::Error), ErrorCode::BadBurst as u64);
        }
    });
}

#[test]
fn example_8_3_iopb() {
    everywhere(|machine, device| {
        let bytes = pattern(200_003, 3);
        let spec = BufferSpec::new(200_003).offset(33);
        let mut xsp = example_8_3_iopb::XxState::attach(machine, device.name).expect("attached");
        let buffer = buffer_of(machine, &spec, &bytes);
        xsp.transfer(buffer, 11, Direction::ToDevice).expect("written");
        assert_on_disk(machine, device.name, 11, &bytes);
        let buffer = machine.buffer(&spec).expect("memory");
        let read = xsp.transfer(buffer, 11, Direction::FromDevice).expect("read");
        assert!(read.to_vec() == bytes, "{}", device.name);

        // The device's answer comes through the block, too.
        let buffer = machine.buffer(&BufferSpec::new(512)).expect("memory");
        let refused =
            xsp.transfer(buffer, u32::MAX, Direction::FromDevice).expect_err("behind the disk's end");
        assert_eq!(refused.to_string(), "the device says 2");
        xsp.detach();
        drop(read);
        assert_eq!(machine.memory().used(), 0, "{}: the block is free", device.name);
    });
}

#[test]
fn example_9_3_mem_alloc() {
    everywhere(|machine, device| {
        let bytes = pattern(100_001, 9);
        let told = example_9_3_mem_alloc::write_through(machine, device.name, &bytes, 10_000);
        let told = told.expect("written");
        assert_on_disk(machine, device.name, 0, &bytes);
        assert!(told.real_length >= 10_000 && told.address.is_multiple_of(1024), "{told:?}");
        assert!(told.rounds > 1 && told.copied == 0, "{}: {told:?}", device.name);
        assert_eq!(machine.memory().used(), 0, "{}: the memory is free", device.name);
    });
}

#[test]
fn example_8_4_sglist() {
    everywhere(|machine, device| {
        let bytes = pattern(100 * 4096 - 5, 4);
        let buffer = buffer_of(machine, &BufferSpec::new(bytes.len() as u64).offset(5), &bytes);
        let (_, told) = example_8_4_sglist::write(machine, device.name, buffer, 3).expect("written");
        assert!(told.longest <= device.attr.sgllen as usize, "{}: {told:?}", device.name);
        assert_on_disk(machine, device.name, 3, &bytes);
    });
}

#[test]
fn example_8_4_more_cookies_than_entries() {
    let machine = Machine::new(MachineConfig::default()).expect("a sound machine");
    for (name, placement) in [("isa-sg-disk", Placement::BELOW_16M), ("pci-disk", Placement::BELOW_4G)] {
        let bytes = pattern(100 * 4096, 4);
        let buffer = buffer_of(&machine, &BufferSpec::new(bytes.len() as u64).placement(placement), &bytes);
        let (_, told) = example_8_4_sglist::write(&machine, name, buffer, 0).expect("written");
        assert_eq!((told.cookies, told.lists, told.longest), (100, 6, 17), "{name}");
        assert_on_disk(&machine, name, 0, &bytes);
    }
}

#[test]
fn example_8_5_xxintr() {
    everywhere(|machine, device| {
        let sizes = [50_000, 512, 200_001];
        let blocks = [7, 300, 1000];
        let cases = || sizes.into_iter().zip(blocks);
        let buffers = cases().map(|(size, block)| {
            put_on_disk(machine, device.name, block, &pattern(size, block));
            (machine.buffer(&BufferSpec::new(size).offset(100)).expect("memory"), block)
        });
        let buffers = buffers.collect();
        let served = example_8_5_xxintr::read_all(machine, device.name, buffers).expect("read");
        assert_eq!(served.done.len(), 3);
        assert!(served.claimed >= 3, "an interrupt a list: {}", served.claimed);
        for (read, (size, block)) in served.done.iter().zip(cases()) {
            assert!(read.to_vec() == pattern(size, block), "{}: {size} bytes", device.name);
        }
    });
}

#[test]
fn example_8_5_an_interrupt_of_somebody_else() {
    let machine = Machine::new(MachineConfig::default()).expect("a sound machine");
    let mut xsp = example_8_5_xxintr::XxState::attach(&machine, "pci-disk").expect("attached");
    xsp.xxstrategy(machine.buffer(&BufferSpec::new(512)).expect("memory"), 0);
    assert_eq!(xsp.xxintr(), ddi_dma_sim::Interrupt::Unclaimed, "the device is not done");
    machine.run();
    assert_eq!(xsp.xxintr(), ddi_dma_sim::Interrupt::Claimed);
    assert_eq!(xsp.xxintr(), ddi_dma_sim::Interrupt::Unclaimed, "it was cleared");
}

#[test]
fn example_8_6_detach_as_in_the_manual() {
    use example_8_6_detach::{Began, as_in_the_manual::Driver, hold};

    short_of_resources(|machine, bus, [name, _], placement| {
        let (disk, device) = (machine.device(name).expect("a disk"), bus.device(name));
        let spec = BufferSpec::new(SIXTEEN_PAGES).placement(placement);
        let buffer = || machine.buffer(&spec).expect("memory");
        let handle = || device.alloc_handle(&disk.spec().attr, Wait::DontWait).expect("a handle");
        let bytes = pattern(SIXTEEN_PAGES, 6);
        put_on_disk(machine, name, 0, &bytes);

        // A callback that gets its turn moves the bytes, and detaching finds none outstanding.
        let driver = Driver::new(disk);
        let held = hold(&device, disk, buffer()).expect("resources");
        assert_eq!(driver.xxstrategy(handle(), buffer()), Ok(Began::Waiting), "{name}");
        drop(held);
        machine.run();
        assert!(driver.finish().expect("it ran").to_vec() == bytes, "{name}");
        assert!(driver.xxdetach().is_none());

        // A callback that waits while the driver is detached is told to stop, once a resource was released.
        let driver = Driver::new(disk);
        let held = hold(&device, disk, buffer()).expect("resources");
        let waiting = buffer_of(machine, &spec, &vec![0x77; bytes.len()]);
        assert_eq!(driver.xxstrategy(handle(), waiting), Ok(Began::Waiting), "{name}");
        let back = thread::scope(|scope| {
            let detaching = scope.spawn(|| driver.xxdetach());
            while !driver.is_detaching() {
                thread::yield_now();
            }
            drop(held);
            detaching.join().expect("detached")
        });
        assert_eq!(machine.run(), 0, "{name}: no transfer was started");
        assert!(back.expect("the buffer").to_vec() == [0x77; SIXTEEN_PAGES as usize]);
    });
}

#[test]
fn example_8_6_detach_in_one_line() {
    use example_8_6_detach::{Began, hold, in_one_line::Driver};

    short_of_resources(|machine, bus, [name, _], placement| {
        let (disk, device) = (machine.device(name).expect("a disk"), bus.device(name));
        let spec = BufferSpec::new(SIXTEEN_PAGES).placement(placement);
        let buffer = || machine.buffer(&spec).expect("memory");
        let handle = || device.alloc_handle(&disk.spec().attr, Wait::DontWait).expect("a handle");
        let bytes = pattern(SIXTEEN_PAGES, 7);
        put_on_disk(machine, name, 0, &bytes);

        let driver = Driver::new(disk);
        let held = hold(&device, disk, buffer()).expect("resources");
        assert_eq!(driver.xxstrategy(handle(), buffer()), Ok(Began::Waiting), "{name}");
        drop(held);
        machine.run();
        assert!(driver.finish().expect("it ran").to_vec() == bytes, "{name}");

        // Detached while the resource is still held: nobody has to release anything.
        let held = hold(&device, disk, buffer()).expect("resources");
        let waiting = buffer_of(machine, &spec, &vec![0x77; bytes.len()]);
        assert_eq!(driver.xxstrategy(handle(), waiting), Ok(Began::Waiting), "{name}");
        let back = driver.xxdetach().expect("the buffer");
        let callbacks = bus.stats().callbacks;
        drop(held);
        assert_eq!((machine.run(), bus.stats().callbacks), (0, callbacks), "{name}: nobody is called");
        assert!(back.to_vec() == [0x77; SIXTEEN_PAGES as usize]);
    });
}

#[test]
fn example_sync_for_cpu() {
    everywhere(|machine, device| {
        let bytes = pattern(0x2_0000, 8);
        put_on_disk(machine, device.name, 0, &bytes);
        let buffer = machine.buffer(&BufferSpec::new(0x4000).offset(77)).expect("memory");
        let told = example_sync_for_cpu::increment(machine, device.name, buffer, bytes.len() as u64);
        assert_eq!(told.expect("moved").1, 8, "{}", device.name);
        let expected: Vec<u8> = bytes.iter().map(|byte| byte.wrapping_add(1)).collect();
        assert_on_disk(machine, device.name, 0, &expected);
    });
}

#[test]
fn dma_changes_sunos_4_1() {
    everywhere(|machine, device| {
        let bytes = pattern(50_001, 41);
        let spec = BufferSpec::new(50_001).offset(9);
        let buffer = buffer_of(machine, &spec, &bytes);
        let written = dma_changes_sunos_4_1::move_buffer(machine, device.name, buffer, Direction::ToDevice);
        assert!(written.expect("written").to_vec() == bytes);
        assert_on_disk(machine, device.name, 0, &bytes);

        let buffer = machine.buffer(&spec).expect("memory");
        let read = dma_changes_sunos_4_1::move_buffer(machine, device.name, buffer, Direction::FromDevice);
        assert!(read.expect("read").to_vec() == bytes, "{}", device.name);
    });
}

#[test]
fn dma_changes_sunos_5_7() {
    everywhere(|machine, device| {
        let config = BusConfig { copy_buffer_limit: 0x4000, ..BusConfig::default() };
        let bytes = pattern(300_001, 57);
        let process = UserSpace::new(machine, 0);
        let space: Arc<dyn AddressSpace> = process.clone();
        let address = process.map(300_010, Protection::ReadWrite).expect("room") + 9;
        process.write(address, &bytes).expect("mapped");
        let moved = |direction| {
            let buf = Buf::lock(&space, address, 300_001, direction).expect("locked");
            let moved = dma_changes_sunos_5_7::move_object(machine, device.name, config, buf, direction);
            moved.expect("moved").1
        };
        let windows = moved(Direction::ToDevice);
        assert_on_disk(machine, device.name, 0, &bytes);
        if device.nexus == NexusKind::Isa {
            assert!(windows > 1, "{}: the window slides", device.name);
        }
        process.write(address, &vec![0x77; bytes.len()]).expect("mapped");
        moved(Direction::FromDevice);
        let mut there = vec![0; bytes.len()];
        process.read(address, &mut there).expect("mapped");
        assert!(there == bytes, "{}", device.name);
    });
}

#[test]
fn bus_master_steps() {
    assert_eq!(bus_master_steps::ISA_ATTRIBUTES, ISA_SG_DISK_ATTR);
    everywhere(|machine, device| {
        let bytes = pattern(3_000_007, 8);
        let length = bytes.len() as u64;
        let process = UserSpace::new(machine, 1 << 30);
        let space: Arc<dyn AddressSpace> = process.clone();
        let address = process.map(length + 5, Protection::ReadWrite).expect("room") + 5;
        process.write(address, &bytes).expect("mapped");
        let driver = bus_master_steps::Driver::attach(machine, device.name, &device.attr).expect("attached");

        let object = bus_master_steps::lock(&space, address, length, Direction::ToDevice).expect("locked");
        assert_eq!(process.churn().expect("memory"), 0, "locked pages do not move");
        let (driver, object) = driver.transfer(object, 5).expect("written");
        drop(object);
        assert_on_disk(machine, device.name, 5, &bytes);

        process.write(address, &vec![0x77; bytes.len()]).expect("mapped");
        let object = bus_master_steps::lock(&space, address, length, Direction::FromDevice).expect("locked");
        let (driver, object) = driver.transfer(object, 5).expect("read");
        drop(object);
        driver.detach();
        assert_eq!(process.locked_pages(), 0);
        assert!(process.churn().expect("memory") > 0, "unlocked pages do");
        let mut there = vec![0; bytes.len()];
        process.read(address, &mut there).expect("mapped");
        assert!(there == bytes, "{}", device.name);
    });
}

/// A process with so many pages of these bytes.
fn process_with(machine: &Machine, bytes: &[u8]) -> (Arc<UserSpace>, u64) {
    let process = UserSpace::new(machine, 1 << 30);
    let address = process.map(bytes.len() as u64, Protection::ReadWrite).expect("room");
    process.write(address, bytes).expect("mapped");
    (process, address)
}

#[test]
fn first_party_steps() {
    let machine = Machine::new(MachineConfig::default()).expect("a sound machine");
    let dmae = Dmae::new(machine.ports());
    let bytes = pattern(0x30_0000, 9);
    let (process, address) = process_with(&machine, &bytes);
    let space: Arc<dyn AddressSpace> = process.clone();
    let range = (address, bytes.len() as u64);
    first_party_steps::transfer(&machine, &dmae, &space, range, 3, Direction::ToDevice).expect("written");
    assert_on_disk(&machine, "isa-master", 3, &bytes);

    process.write(address, &vec![0x77; bytes.len()]).expect("mapped");
    first_party_steps::transfer(&machine, &dmae, &space, range, 3, Direction::FromDevice).expect("read");
    let mut there = vec![0; bytes.len()];
    process.read(address, &mut there).expect("mapped");
    assert!(there == bytes);
    assert_eq!(process.locked_pages(), 0);
    assert!(dmae.alloc(5, Wait::DontWait).is_ok(), "the channel was given back");
}

#[test]
fn third_party_steps() {
    let machine = Machine::new(MachineConfig::default()).expect("a sound machine");
    let dmae = Dmae::new(machine.ports());
    let bytes = pattern(0x8_0000, 10);
    let (process, address) = process_with(&machine, &bytes);
    let space: Arc<dyn AddressSpace> = process.clone();
    let played = third_party_steps::play(&machine, &dmae, &space, (address, bytes.len() as u64));
    assert_eq!(played.expect("played"), bytes.len() / 2);
    let expected: Vec<i16> = bytes.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert!(machine.sound().played() == expected, "the samples played are the samples sent");
    assert_eq!(process.locked_pages(), 0);
    assert!(dmae.alloc(5, Wait::DontWait).is_ok(), "the channel was given back");
}
