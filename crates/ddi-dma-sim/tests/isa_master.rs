//! A bus master on ISA that gets the bus by a DMA channel in cascade mode.

mod common;

use std::sync::Arc;

use common::pattern;
use ddi_dma::dmae::ChannelError;
use ddi_dma::{BindFlags, Bus, BusConfig, Direction, Dmae, PortIo, Resource, Shortage};
use ddi_dma_sim::{
    AttachError, Buffer, BufferSpec, DeviceSpec, Disk, DiskDriver, DmaChannel, ErrorCode, ISA_MASTER,
    Injection, IsaPorts, Machine, MachineConfig, NexusKind, Register, Stepped, TransferErrorKind, csr,
};

/// Memory that the 8237 finds at address 0 of page 0, where nobody wants it.
const LOW: u8 = 0x33;

fn machine() -> Machine {
    let machine = Machine::new(MachineConfig { seed: 93, ..MachineConfig::default() }).expect("a machine");
    machine.memory().poke(0, &[LOW; 0x1000]).expect("memory");
    machine
}

fn master(machine: &Machine) -> &Arc<Disk> {
    machine.device("isa-master").expect("a device")
}

/// Channel 5 for cascade, and unmasked.
fn cascade(ports: &IsaPorts) {
    ports.write(0xD6, 0xC1);
    ports.write(0xD4, 0x01);
}

fn start(disk: &Disk, way: u64, entries: &[(u64, u64)]) {
    for (entry, (address, size)) in (0..).zip(entries) {
        disk.put(Register::Address(entry), *address);
        disk.put(Register::Size(entry), size - 1);
    }
    disk.put(Register::Entries, entries.len() as u64);
    disk.put(Register::Csr, csr::START_TRANSFER | csr::ENABLE_INTERRUPTS | way);
}

fn peek(machine: &Machine, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    machine.memory().peek(address, &mut bytes).expect("memory");
    bytes
}

#[test]
fn without_a_channel_a_start_waits_and_is_not_lost() {
    let machine = machine();
    let (disk, ports) = (master(&machine), machine.ports());
    let bytes = pattern(5000, 1);
    disk.write_medium(0, &bytes).expect("on the disk");
    start(disk, csr::TO_MEMORY, &[(0x10_0000, 3000), (0x20_0000, 2000)]);
    for _ in 0..3 {
        assert_eq!(disk.step(), Stepped::NoBus, "masked, as after power-up");
        assert_eq!(disk.get(Register::Csr) & (csr::BUSY | csr::INTERRUPTING), csr::BUSY);
    }
    assert_eq!(machine.run(), 0, "the machine does not wait for ever");
    assert_eq!(ports.read(0xD0), 0x20, "its DREQ is up");
    assert_eq!(peek(&machine, 0x10_0000, 3000), vec![0; 3000]);
    cascade(&ports);
    assert_eq!(machine.run(), 1);
    assert!(disk.interrupting());
    assert_eq!(peek(&machine, 0x10_0000, 3000), bytes[..3000]);
    assert_eq!(peek(&machine, 0x20_0000, 2000), bytes[3000..]);
    assert_eq!(ports.read(0xD0), 0, "and down");
    assert_eq!(disk.step(), Stepped::Idle);
}

#[test]
fn a_disabled_controller_grants_nothing() {
    let machine = machine();
    let (disk, ports) = (master(&machine), machine.ports());
    cascade(&ports);
    ports.write(0xD0, 0x04);
    start(disk, 0, &[(0x10_0000, 512)]);
    assert_eq!(disk.step(), Stepped::NoBus);
    ports.write(0xD0, 0x00);
    assert_eq!(disk.step(), Stepped::Done);
}

#[test]
fn a_reset_ends_the_wait() {
    let machine = machine();
    let (disk, ports) = (master(&machine), machine.ports());
    start(disk, csr::TO_MEMORY, &[(0x10_0000, 512)]);
    assert_eq!(disk.step(), Stepped::NoBus);
    disk.put(Register::Csr, csr::RESET);
    assert_eq!((disk.step(), ports.read(0xD0)), (Stepped::Idle, 0));
    cascade(&ports);
    assert_eq!(machine.run(), 0);
    assert!(!disk.interrupting());
    // A start after it is one from the beginning.
    let bytes = pattern(512, 2);
    disk.write_medium(0, &bytes).expect("on the disk");
    start(disk, csr::TO_MEMORY, &[(0x20_0000, 512)]);
    assert_eq!(disk.step(), Stepped::Done);
    assert_eq!((peek(&machine, 0x20_0000, 512), peek(&machine, 0x10_0000, 512)), (bytes, vec![0; 512]));
}

#[test]
fn what_waits_is_what_was_started() {
    let machine = machine();
    let disk = master(&machine);
    let bytes = pattern(1024, 3);
    disk.write_medium(0, &bytes).expect("on the disk");
    start(disk, csr::TO_MEMORY, &[(0x10_0000, 1024)]);
    assert_eq!(disk.step(), Stepped::NoBus);
    // A driver that already fills the registers for its next request.
    disk.put(Register::Address(0), 0x30_0000);
    disk.put(Register::Size(0), 511);
    disk.put(Register::Block, 77);
    cascade(&machine.ports());
    assert_eq!(disk.step(), Stepped::Done);
    assert_eq!(peek(&machine, 0x10_0000, 1024), bytes);
    assert_eq!(peek(&machine, 0x30_0000, 1024), vec![0; 1024]);
}

#[test]
fn a_mishap_waits_with_its_transfer() {
    let machine = machine();
    let disk = master(&machine);
    disk.inject(Injection::ShortTransfer { after: 100 });
    start(disk, csr::TO_MEMORY, &[(0x10_0000, 512)]);
    assert_eq!(disk.step(), Stepped::NoBus);
    cascade(&machine.ports());
    assert_eq!((disk.step(), disk.get(Register::Residue)), (Stepped::Done, 412));
    start(disk, csr::TO_MEMORY, &[(0x10_0000, 512)]);
    assert_eq!((disk.step(), disk.get(Register::Residue)), (Stepped::Done, 0));
    disk.put(Register::Entries, 99);
    disk.put(Register::Csr, csr::START_TRANSFER);
    disk.step();
    assert_eq!(ErrorCode::from_register(disk.get(Register::Error)), Some(ErrorCode::BadList));
}

#[test]
fn without_cascade_the_controller_makes_cycles_of_its_own() {
    let machine = machine();
    let (disk, ports) = (master(&machine), machine.ports());
    disk.write_medium(0, &pattern(512, 4)).expect("on the disk");
    // Channel 5: single transfers to memory, words 0 to 1 of page 0.
    for (port, value) in
        [(0xD6, 0x45), (0xD8, 0), (0xC4, 0), (0xC4, 0), (0x8B, 0), (0xC6, 1), (0xC6, 0), (0xD4, 0x01)]
    {
        ports.write(port, value);
    }
    start(disk, csr::TO_MEMORY, &[(0x10_0000, 512)]);
    assert_eq!(disk.step(), Stepped::NoBus);
    assert_eq!(peek(&machine, 0, 4), [0xFF, 0xFF, LOW, LOW], "a word that nobody drove");
    assert_eq!(disk.step(), Stepped::NoBus);
    assert_eq!(peek(&machine, 0, 6), [0xFF, 0xFF, 0xFF, 0xFF, LOW, LOW]);
    assert_eq!(ports.read(0xD0), 0x02, "terminal count, and DREQ fell with its DACK");
    assert_eq!((disk.step(), ports.read(0xD0)), (Stepped::NoBus, 0x20), "masked since");
    assert_eq!(peek(&machine, 0x10_0000, 512), vec![0; 512]);
    cascade(&ports);
    assert_eq!(disk.step(), Stepped::Done);
    assert_eq!(peek(&machine, 0x10_0000, 512), pattern(512, 4));
    assert_eq!(peek(&machine, 0, 6), [0xFF, 0xFF, 0xFF, 0xFF, LOW, LOW], "in cascade it touches nothing");
}

#[test]
fn a_channel_of_the_first_controller_needs_channel_4() {
    static ON_1: DeviceSpec = DeviceSpec { channel: Some(DmaChannel::Dma1), ..ISA_MASTER };
    let machine = machine();
    let (disk, ports) = (machine.attach(&ON_1).expect("a disk"), machine.ports());
    ports.write(0x0B, 0xC1);
    ports.write(0x0A, 0x01);
    start(&disk, csr::TO_MEMORY, &[(0x10_0000, 512)]);
    assert_eq!(disk.step(), Stepped::NoBus, "channel 4 is masked");
    ports.write(0xD4, 0x00);
    assert_eq!(disk.step(), Stepped::NoBus, "and not in cascade mode");
    ports.write(0xD6, 0xC0);
    assert_eq!(disk.step(), Stepped::Done);
}

#[test]
fn two_masters_share_the_bus_and_the_channels_do_not_mix() {
    static ON_7: DeviceSpec = DeviceSpec { channel: Some(DmaChannel::Dma7), ..ISA_MASTER };
    let machine = machine();
    let (second, ports) = (machine.attach(&ON_7).expect("a disk"), machine.ports());
    cascade(&ports);
    start(master(&machine), 0, &[(0x10_0000, 512)]);
    start(&second, 0, &[(0x10_0000, 512)]);
    assert_eq!((second.step(), master(&machine).step()), (Stepped::NoBus, Stepped::Done));
    ports.write(0xD6, 0xC3);
    ports.write(0xD4, 0x03);
    assert_eq!(second.step(), Stepped::Done);
}

/// The driver has the channel for the length of a transfer: two take turns on one channel, and whoever else wants it waits.
#[test]
fn drivers_have_the_channel_for_the_length_of_a_transfer() {
    let machine = machine();
    let dmae = Dmae::new(machine.ports());
    let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
    let second = machine.attach(&ISA_MASTER).expect("a disk");
    let refused = DiskDriver::<Buffer>::on_bus(&second, &bus).expect_err("no engine");
    assert_eq!(refused, AttachError::NoEngine { device: "isa-master", channel: 5 });
    let mut drivers =
        [master(&machine), &second].map(|disk| DiskDriver::on_engine(disk, &bus, &dmae).expect("attached"));
    let buffer = |bytes: &[u8]| {
        let mut buffer = machine.buffer(&BufferSpec::new(bytes.len() as u64).offset(9)).expect("memory");
        buffer.write(0, bytes).expect("inside");
        buffer
    };
    let bytes = [pattern(300_001, 5), pattern(300_001, 6)];
    let [one, two] = &mut drivers;
    one.start(0, buffer(&bytes[0]), Direction::ToDevice, BindFlags::PARTIAL).expect("started");
    let kept = two.start(0, buffer(&bytes[1]), Direction::ToDevice, BindFlags::PARTIAL).expect_err("taken");
    let shortage = Shortage { resource: Resource::DmaChannel(5), asked: 1, free: 0, largest: 0 };
    let error = ChannelError::NoResources(shortage);
    assert_eq!(kept.kind, TransferErrorKind::Channel { device: "isa-master", error });
    while one.ended().is_none() {
        one.disk().step();
        one.intr();
    }
    two.write(0, kept.object, BindFlags::PARTIAL).expect("its turn");
    for (driver, bytes) in drivers.iter_mut().zip(&bytes) {
        let (there, _) = driver.read(0, buffer(&vec![0; bytes.len()]), BindFlags::PARTIAL).expect("read");
        assert!(there.to_vec() == *bytes);
    }
}

#[test]
fn masking_in_the_middle_pauses_a_transfer() {
    let machine = machine();
    let (disk, ports) = (master(&machine), machine.ports());
    let bytes = pattern(17 << 16, 6);
    disk.write_medium(0, &bytes).expect("on the disk");
    let entries: Vec<(u64, u64)> = (0..17).map(|n| (0x10_0000 + (n << 16), 1 << 16)).collect();
    cascade(&ports);
    start(disk, csr::TO_MEMORY, &entries);
    std::thread::scope(|scope| {
        let meddler = scope.spawn(|| {
            for _ in 0..200 {
                ports.write(0xD4, 0x05);
                std::thread::yield_now();
                ports.write(0xD4, 0x01);
            }
        });
        while disk.step() == Stepped::NoBus {}
        meddler.join().expect("it ends");
    });
    assert_eq!((disk.get(Register::Residue), disk.last_fault()), (0, None));
    assert!(peek(&machine, 0x10_0000, 17 << 16) == bytes);
}
