//! Slots of the SBus to which no bus grant leads.

mod common;

use common::pattern;
use ddi_dma::{Bus, BusConfig};
use ddi_dma_sim::{
    DEVICES, DeviceAccess, DeviceSpec, ETHERS, ErrorCode, EtherErrorCode, EtherRegister, FaultKind, Machine,
    MachineConfig, NexusKind, Physical, Register, SbusConfig, csr, ether_csr, memory_map,
};

const STAYS: u8 = 0x5A;

fn machine(slave_only_slots: &[u32]) -> Machine {
    let sbus = SbusConfig {
        slave_only_slots: slave_only_slots.to_vec(),
        physical: Physical::Honoured,
        ..SbusConfig::default()
    };
    let memory = memory_map(16 << 20);
    Machine::new(MachineConfig { seed: 91, memory, sbus, ..MachineConfig::sparc() }).expect("a sound machine")
}

fn spec(name: &str) -> &'static DeviceSpec {
    DEVICES.iter().find(|spec| spec.name == name).expect("a device")
}

#[test]
fn a_disk_in_a_slave_only_slot_moves_nothing() {
    let machine = machine(&[3]);
    assert_eq!(machine.sbus().slave_only_slots(), [3]);
    machine.memory().poke(0x8000, &[STAYS; 512]).expect("memory");
    let disk = machine.attach_in_slot(spec("sbus-disk"), 3).expect("a disk");
    let bytes = pattern(512, 1);
    disk.write_medium(0, &bytes).expect("on the disk");
    disk.put(Register::Address(0), 0x8000);
    disk.put(Register::Size(0), 511);
    for (way, access) in [(csr::TO_MEMORY, DeviceAccess::Write), (0, DeviceAccess::Read)] {
        disk.put(Register::Csr, csr::START_TRANSFER | csr::ENABLE_INTERRUPTS | way);
        disk.step();
        assert!(disk.interrupting(), "a device reports what failed");
        assert_eq!(ErrorCode::from_register(disk.get(Register::Error)), Some(ErrorCode::BusFault));
        let fault = disk.last_fault().expect("a fault");
        assert_eq!((fault.address, fault.length, fault.access), (0x8000, 512, access));
        assert_eq!(fault.kind, FaultKind::NoGrant);
        assert!(fault.to_string().ends_with("the slot has no bus grant"), "{fault}");
        assert_eq!(disk.get(Register::Residue), 512);
    }
    let counters = machine.counters(NexusKind::Sbus);
    assert_eq!((counters.bytes_read, counters.bytes_written, counters.faults), (0, 0, 2));
    let mut there = [0; 512];
    machine.memory().peek(0x8000, &mut there).expect("memory");
    assert_eq!(there, [STAYS; 512]);
    disk.read_medium(0, &mut there).expect("on the disk");
    assert_eq!(there[..], bytes, "and nothing reached the disk");
}

#[test]
fn the_same_disk_works_in_another_slot() {
    // The lowest slots too, so that those that the machine chooses for its own devices are behind them.
    let machine = machine(&[0, 1, 3]);
    let bytes = pattern(512, 2);
    let chosen = machine.attach(spec("sbus-disk")).expect("a disk");
    let built_in = machine.device("sbus-disk").expect("a device");
    let second = machine.attach_in_slot(spec("sbus-disk"), 2).expect("a disk");
    for disk in [&chosen, built_in, &second] {
        machine.memory().poke(0x8000, &[STAYS; 512]).expect("memory");
        disk.write_medium(0, &bytes).expect("on the disk");
        disk.put(Register::Address(0), 0x8000);
        disk.put(Register::Size(0), 511);
        disk.put(Register::Csr, csr::START_TRANSFER | csr::TO_MEMORY);
        disk.step();
        assert_eq!(disk.last_fault(), None);
        let mut there = [0; 512];
        machine.memory().peek(0x8000, &mut there).expect("memory");
        assert_eq!(there[..], bytes);
    }
}

#[test]
fn slots_of_other_buses_are_all_alike() {
    let machine = machine(&[3]);
    for name in ["isa-disk", "pci-disk"] {
        let disk = machine.attach_in_slot(spec(name), 3).expect("a disk");
        disk.put(Register::Entries, 1);
        disk.put(Register::Address(0), 0x8000);
        disk.put(Register::Size(0), 511);
        disk.put(Register::Csr, csr::START_TRANSFER | csr::TO_MEMORY);
        disk.step();
        assert_eq!((disk.last_fault(), disk.get(Register::Residue)), (None, 0), "{name}");
    }
}

#[test]
fn a_network_device_in_a_slave_only_slot_sends_nothing() {
    let machine = machine(&[3]);
    let ether = machine.attach_ether_in_slot(&ETHERS[0], 3);
    ether.put(EtherRegister::TxAddress, 0x8000);
    ether.put(EtherRegister::TxSize, 59);
    ether.put(EtherRegister::Csr, ether_csr::TX_START);
    ether.step();
    assert_eq!(ether.waiting(), 0);
    let error = EtherErrorCode::from_register(ether.get(EtherRegister::Error));
    assert_eq!(error, Some(EtherErrorCode::BusFault));
    assert_eq!(ether.last_fault().map(|fault| fault.kind), Some(FaultKind::NoGrant));
}

/// What a driver is told (`ddi_slaveonly(9F)`) is what its device meets.
#[test]
fn slave_only_is_told_by_the_nexus() {
    let machine = machine(&[3, 7]);
    for kind in [NexusKind::Isa, NexusKind::Pci, NexusKind::Sbus] {
        let bus = Bus::new(machine.nexus(kind), BusConfig::default());
        for slot in 0..10 {
            let told = bus.device_in_slot("disk", slot).slave_only();
            assert_eq!(told, kind == NexusKind::Sbus && [3, 7].contains(&slot), "{kind:?} slot {slot}");
        }
        assert!(!bus.device("disk").slave_only(), "a device without a slot");
    }
}
