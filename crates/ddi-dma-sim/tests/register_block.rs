//! Register blocks: every byte of them in every width, and transfers by accesses to them alone.

mod common;

use common::pattern;
use ddi_dma::PortIo;
use ddi_dma_sim::AccessWidth::{self, Bits8, Bits16, Bits32, Bits64};
use ddi_dma_sim::{
    BufferSpec, DEVICES, Disk, EntryKind, ErrorCode, EtherRegister, Fragmentation, Machine, MachineConfig,
    Physical, Placement, Register, SbusConfig, Stepped, csr, ether_csr,
};

const WIDTHS: [AccessWidth; 4] = [Bits8, Bits16, Bits32, Bits64];

fn machine() -> Machine {
    Machine::new(MachineConfig { seed: 21, ..MachineConfig::default() }).expect("a machine")
}

/// The registers of a disk as the manual's table has them: offset and width.
fn table(disk: &Disk) -> Vec<(Register, u64, AccessWidth)> {
    let engine = disk.spec().engine;
    let mut table = vec![
        (Register::Csr, 0x00, Bits8),
        (Register::Error, 0x01, Bits8),
        (Register::Block, 0x08, Bits64),
        (Register::Residue, 0x10, Bits64),
    ];
    if disk.spec().name == "sbus-disk" {
        table.push((Register::Burst, 0x02, Bits16));
    }
    if engine.entries != EntryKind::Single {
        table.push((Register::Entries, 0x04, Bits16));
    }
    let (bytes, width) = if disk.spec().name == "pci64-disk" { (8, Bits64) } else { (4, Bits32) };
    for index in 0..engine.entries.count() {
        let offset = 0x20 + u64::from(index) * 2 * bytes;
        table.push((Register::Address(index), offset, width));
        table.push((Register::Size(index), offset + bytes, width));
    }
    table
}

/// What a register shows in the block.
fn shown(disk: &Disk, register: Register) -> u64 {
    match (register, disk.spec().engine.size_bits) {
        (Register::Size(_), 64) => disk.get(register).wrapping_add(1),
        (Register::Size(_), bits) => (disk.get(register) + 1) % (1 << bits),
        _ => disk.get(register),
    }
}

#[test]
fn every_access_reads_a_register_a_half_or_all_ones() {
    let machine = machine();
    for disk in machine.devices() {
        let table = table(disk);
        let end = table.iter().map(|(_, offset, width)| offset + width.bytes()).max();
        assert_eq!(end, Some(disk.register_block_size()), "{}", disk.spec().name);
        for (number, (register, ..)) in table.iter().enumerate() {
            if *register != Register::Csr {
                disk.put(*register, 0x1122_3344_5566_7788 + (number as u64) * 0x0101_0101_0101);
            }
        }
        disk.put(Register::Csr, csr::START_TRANSFER | csr::TO_MEMORY);
        for offset in 0..disk.register_block_size() + 16 {
            for width in WIDTHS {
                let found = table.iter().find_map(|(register, at, own)| {
                    let value = shown(disk, *register);
                    match (own, width) {
                        _ if *own == width && *at == offset => Some(value),
                        (Bits64, Bits32) if *at == offset => Some(value & 0xFFFF_FFFF),
                        (Bits64, Bits32) if *at + 4 == offset => Some(value >> 32),
                        _ => None,
                    }
                });
                let ones = u64::MAX >> (64 - 8 * width.bytes());
                let name = disk.spec().name;
                assert_eq!(disk.load(offset, width), found.unwrap_or(ones), "{name} {offset:#x} {width:?}");
            }
        }
    }
}

#[test]
fn a_store_that_reaches_no_register_is_lost() {
    let machine = machine();
    for disk in machine.devices() {
        let table = table(disk);
        let all = || table.iter().map(|(register, ..)| disk.get(*register)).collect::<Vec<_>>();
        let before = all();
        for offset in (0..disk.register_block_size() + 16).chain([u64::MAX - 7, u64::MAX]) {
            for width in WIDTHS {
                let whole = table.iter().any(|(_, at, own)| *own == width && *at == offset);
                let half = width == Bits32
                    && table.iter().any(|(_, at, own)| {
                        *own == Bits64 && (*at == offset || at.checked_add(4) == Some(offset))
                    });
                if !whole && !half {
                    disk.store(offset, width, 0x5A5A_5A5A_5A5A_5A5A);
                }
            }
        }
        assert_eq!(all(), before, "{}", disk.spec().name);
        assert_eq!(disk.step(), Stepped::Idle);
    }
}

/// What is stored in a size, what the register then holds, and what is loaded.
type Stored = (u64, u64, u64);

#[test]
fn sizes_are_bytes_and_nothing_stands_for_the_most() {
    let machine = machine();
    let cases: [(&str, AccessWidth, u64, &[Stored]); 4] = [
        (
            "isa-disk",
            Bits32,
            0x24,
            &[(512, 511, 512), (0xFFFF, 0xFFFE, 0xFFFF), (0, 0xFFFF, 0), (0x1_0000, 0xFFFF, 0)],
        ),
        ("latch-disk", Bits32, 0x24, &[(1, 0, 1), (0, 0xFF_FFFF, 0), (0x100_0000, 0xFF_FFFF, 0)]),
        ("pci-disk", Bits32, 0x24, &[(0, 0xFFFF_FFFF, 0), (0xFFFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFF)]),
        ("pci64-disk", Bits64, 0x28, &[(0, u64::MAX, 0), (1 << 32, 0xFFFF_FFFF, 1 << 32)]),
    ];
    for (name, width, offset, values) in cases {
        let disk = machine.device(name).expect("a device");
        assert_eq!(disk.load(offset, width), 1, "{name}: a byte after power-up");
        for (stored, held, loaded) in values {
            disk.store(offset, width, *stored);
            assert_eq!((disk.get(Register::Size(0)), disk.load(offset, width)), (*held, *loaded), "{name}");
        }
    }
}

#[test]
fn halves_of_64_bits_are_written_one_by_one() {
    let machine = machine();
    let disk = machine.device("pci64-disk").expect("a device");
    for (offset, register) in
        [(0x08, Register::Block), (0x20, Register::Address(0)), (0x30 + 16 * 254, Register::Address(255))]
    {
        disk.store(offset, Bits64, 0x1111_2222_3333_4444);
        disk.store(offset, Bits32, 0xF_AAAA_BBBB);
        assert_eq!(disk.get(register), 0x1111_2222_AAAA_BBBB);
        disk.store(offset + 4, Bits32, 0xF_CCCC_DDDD);
        assert_eq!(disk.get(register), 0xCCCC_DDDD_AAAA_BBBB);
    }
    // A size of 4 GiB, in both orders: between the halves it stands for the most there can be.
    for order in [[(0x28, 0), (0x2C, 1)], [(0x2C, 1), (0x28, 0)]] {
        disk.store(0x28, Bits64, 1);
        order.iter().for_each(|(offset, value)| disk.store(*offset, Bits32, *value));
        assert_eq!((disk.get(Register::Size(0)), disk.load(0x28, Bits64)), (0xFFFF_FFFF, 1 << 32));
    }
    disk.store(0x10, Bits64, 7);
    assert_eq!(disk.load(0x10, Bits64), 0, "the residue is read only");
}

#[test]
fn every_disk_transfers_by_its_block_alone() {
    let sbus = SbusConfig { physical: Physical::Honoured, ..SbusConfig::default() };
    let config = MachineConfig { seed: 21, sbus, ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    // The bus master gets the bus by a channel in cascade.
    let ports = machine.ports();
    ports.write(0xD6, 0xC1);
    ports.write(0xD4, 0x01);
    for spec in &DEVICES {
        let disk = machine.device(spec.name).expect("a device");
        let layout = BufferSpec::new(8192).fragmentation(Fragmentation::Contiguous);
        let placement = if spec.name == "pci64-disk" { Placement::ABOVE_4G } else { Placement::BELOW_16M };
        let mut buffer = machine.buffer(&layout.placement(placement)).expect("memory");
        buffer.write(0, &pattern(8192, 1)).expect("inside");
        let (address, width, size) =
            if spec.name == "pci64-disk" { (0x20, Bits64, 0x28) } else { (0x20, Bits32, 0x24) };
        disk.store(address, width, buffer.pages()[0]);
        disk.store(size, width, 8192);
        disk.store(0x04, Bits16, 1);
        disk.store(0x08, Bits64, 5);
        disk.store(0x00, Bits8, csr::START_TRANSFER | csr::ENABLE_INTERRUPTS);
        assert_eq!(disk.load(0x00, Bits8), csr::BUSY | csr::ENABLE_INTERRUPTS);
        machine.run();
        assert_eq!(disk.load(0x00, Bits8), csr::ENABLE_INTERRUPTS | csr::INTERRUPTING, "{}", spec.name);
        assert_eq!((disk.load(0x01, Bits8), disk.load(0x10, Bits64)), (ErrorCode::None as u64, 0));
        let mut there = vec![0; 8192];
        disk.read_medium(5 * 512, &mut there).expect("on the disk");
        assert!(there == pattern(8192, 1), "{}", spec.name);
        disk.store(0x00, Bits8, csr::CLEAR_INTERRUPT);
        assert!(!disk.interrupting());
    }
}

#[test]
fn a_reset_by_the_block_is_a_reset() {
    let machine = machine();
    let disk = machine.device("isa-master").expect("a device");
    disk.store(0x04, Bits16, 1);
    disk.store(0x00, Bits8, csr::START_TRANSFER);
    assert_eq!(disk.step(), Stepped::NoBus);
    disk.store(0x00, Bits8, csr::RESET);
    assert_eq!((disk.step(), disk.load(0x00, Bits8)), (Stepped::Idle, 0));
}

#[test]
fn a_network_device_has_a_block_of_its_own() {
    let machine = Machine::new(MachineConfig::sparc()).expect("a machine");
    let ether = machine.ether("sbus-ether").expect("a device");
    let table = [
        (EtherRegister::Csr, 0x00, Bits16),
        (EtherRegister::Error, 0x02, Bits8),
        (EtherRegister::Burst, 0x04, Bits16),
        (EtherRegister::TxAddress, 0x08, Bits32),
        (EtherRegister::TxSize, 0x0C, Bits32),
        (EtherRegister::RxAddress, 0x10, Bits32),
        (EtherRegister::RxSize, 0x14, Bits32),
        (EtherRegister::RxLength, 0x18, Bits32),
    ];
    assert_eq!(ether.register_block_size(), 0x20);
    for (number, (register, offset, width)) in table.iter().enumerate() {
        if !matches!(register, EtherRegister::Csr) {
            ether.store(*offset, *width, 0x55_1234_5600 + number as u64);
        }
    }
    ether.store(0x00, Bits16, ether_csr::RX_ENABLE | ether_csr::ENABLE_INTERRUPTS);
    for offset in 0..0x30 {
        for width in WIDTHS {
            let found = table.iter().find(|(_, at, own)| *at == offset && *own == width);
            let expected = match found {
                Some((register @ (EtherRegister::TxSize | EtherRegister::RxSize), ..)) => {
                    ether.get(*register) + 1
                }
                Some((register, ..)) => ether.get(*register),
                None => u64::MAX >> (64 - 8 * width.bytes()),
            };
            assert_eq!(ether.load(offset, width), expected, "{offset:#x} {width:?}");
        }
    }
    assert_eq!(ether.get(EtherRegister::TxAddress), 0x1234_5603, "the table's fourth");
    assert_eq!((ether.get(EtherRegister::RxLength), ether.get(EtherRegister::Error)), (0, 0), "read only");
    ether.store(0x14, Bits32, 0);
    assert_eq!((ether.get(EtherRegister::RxSize), ether.load(0x14, Bits32)), (0xFFFF_FFFF, 0));
}
