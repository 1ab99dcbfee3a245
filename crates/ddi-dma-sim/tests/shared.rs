//! Parts of a buffer as objects, bound again and again while somebody keeps the address of its bytes.

mod common;

use std::thread;

use common::{machine, pattern, set_guards};
use ddi_dma::{BindFlags, Bus, BusConfig, DmaObject, Dmae, View};
use ddi_dma_sim::{
    Buffer, BufferPart, BufferSpec, DEVICES, DiskDriver, Fragmentation, Iommu, Machine, PageSize,
    SharedBuffer,
};
use proptest::prelude::*;

fn buffer(machine: &Machine, spec: BufferSpec) -> Buffer {
    machine.buffer(&spec).expect("memory")
}

/// Writes bytes as somebody does who has the address.
fn put(buffer: &SharedBuffer, offset: u64, bytes: &[u8]) {
    assert!(offset + bytes.len() as u64 <= buffer.len());
    // SAFETY: the bytes are inside, and no test has a device or a binding at work meanwhile.
    unsafe { buffer.as_ptr().add(offset as usize).as_ptr().copy_from(bytes.as_ptr(), bytes.len()) };
}

/// Reads bytes as somebody does who has the address.
fn get(buffer: &SharedBuffer, offset: u64, length: u64) -> Vec<u8> {
    assert!(offset + length <= buffer.len());
    let mut bytes = vec![0; length as usize];
    // SAFETY: as in `put`.
    unsafe { buffer.as_ptr().add(offset as usize).as_ptr().copy_to(bytes.as_mut_ptr(), bytes.len()) };
    bytes
}

/// A part that is inside.
fn part(buffer: &SharedBuffer, offset: u64, length: u64) -> BufferPart {
    // SAFETY: no test accesses bytes while a binding of them is at work.
    unsafe { buffer.part(offset, length) }.expect("it is inside")
}

#[test]
fn the_cpu_finds_the_bytes_where_it_is_told() {
    let machine = machine(3, PageSize::Kib4, Iommu::Off);
    let mut plain = buffer(&machine, BufferSpec::new(9000).offset(4000));
    plain.write(0, &pattern(9000, 1)).expect("inside");
    let address = plain.as_ptr();
    let pages = plain.pages().to_vec();
    let shared = SharedBuffer::new(plain);
    assert_eq!((shared.as_ptr(), shared.len(), shared.offset()), (address, 9000, 4000));
    assert_eq!(shared.pages(), pages);
    assert_eq!(address.addr().get() % 4096, 4000, "at the same offset in a page");
    assert!(get(&shared, 0, 9000) == pattern(9000, 1));
    machine.memory().poke(pages[1] + 4, b"a device").expect("memory");
    assert_eq!(get(&shared, 100, 8), b"a device");
}

#[test]
fn a_part_outlives_who_made_it() {
    let machine = machine(3, PageSize::Kib4, Iommu::Off);
    let shared = SharedBuffer::new(buffer(&machine, BufferSpec::new(8192)));
    put(&shared, 5000, b"still there");
    let other = shared.clone();
    let part = part(&shared, 5000, 11);
    drop((shared, other));
    assert_eq!(machine.memory().used(), 8192);
    let mut bytes = [0; 11];
    // SAFETY: the range is the object, and the target is ours.
    unsafe { part.copy_out(0, bytes.as_mut_ptr(), 11) };
    assert_eq!(&bytes, b"still there");
    assert_eq!((part.offset(), part.len()), (5000, 11));
    drop(part);
    assert_eq!(machine.memory().used(), 0);
}

#[test]
fn parts_that_are_not_inside_are_refused() {
    let machine = machine(3, PageSize::Kib4, Iommu::Off);
    let shared = SharedBuffer::new(buffer(&machine, BufferSpec::new(100)));
    for (offset, length) in [(0, 0), (100, 0), (100, 1), (0, 101), (99, 2), (u64::MAX, 1), (1, u64::MAX)] {
        // SAFETY: nothing comes of a refusal.
        assert!(unsafe { shared.part(offset, length) }.is_none(), "{offset:#x}, {length:#x}");
    }
    assert_eq!(part(&shared, 99, 1).len(), 1);
}

#[test]
fn every_disk_moves_a_part_and_nothing_beside_it() {
    for (page_size, iommu) in [(PageSize::Kib4, Iommu::Off), (PageSize::Kib8, Iommu::on())] {
        let machine = machine(9, page_size, iommu);
        for spec in &DEVICES {
            let disk = machine.device(spec.name).expect("a device");
            let bus = Bus::new(machine.nexus(spec.nexus), BusConfig::default());
            let mut driver =
                DiskDriver::on_engine(disk, &bus, &Dmae::new(machine.ports())).expect("attached");
            let plain = buffer(&machine, BufferSpec::new(100_000).offset(123));
            set_guards(&machine, &plain);
            let shared = SharedBuffer::new(plain);
            for (offset, length) in [(0, 512), (1, 511), (8000, 5000), (4096 - 123, 4096), (0, 100_000)] {
                let (old, new) = (pattern(100_000, offset), pattern(length, length));
                put(&shared, 0, &old);
                disk.write_medium(0, &new).expect("on the disk");
                driver.read(0, part(&shared, offset, length), BindFlags::PARTIAL).expect("read");
                assert!(get(&shared, offset, length) == new, "{}: {length} at {offset}", spec.name);
                let behind = offset + length;
                assert!(get(&shared, 0, offset) == old[..offset as usize]);
                assert!(get(&shared, behind, 100_000 - behind) == old[behind as usize..]);
                put(&shared, 0, &old);
                driver.write(0, part(&shared, offset, length), BindFlags::PARTIAL).expect("written");
                let mut there = vec![0; length as usize];
                disk.read_medium(0, &mut there).expect("on the disk");
                assert!(
                    there == old[offset as usize..behind as usize],
                    "{}: {length} at {offset}",
                    spec.name
                );
                assert!(get(&shared, 0, 100_000) == old);
            }
            drop(shared);
        }
        assert_eq!(machine.memory().used(), 0);
    }
}

#[test]
fn guards_around_a_shared_buffer_stay() {
    let machine = machine(5, PageSize::Kib4, Iommu::Off);
    let plain = buffer(&machine, BufferSpec::new(5000).offset(77));
    set_guards(&machine, &plain);
    let mut driver = DiskDriver::new(&machine, "pci-disk", BusConfig::default()).expect("attached");
    let shared = SharedBuffer::new(plain);
    driver.read(0, part(&shared, 0, 5000), BindFlags::PARTIAL).expect("read");
    // The same pages again, as the test helper looks at them.
    let ends = [(shared.pages()[0], 77), (shared.pages()[1] + 77 + 5000 - 4096, 2 * 4096 - 5077)];
    for (address, length) in ends {
        let mut bytes = vec![0; length];
        machine.memory().peek(address, &mut bytes).expect("memory");
        assert!(bytes.iter().all(|byte| *byte == common::GUARD), "near {address:#x}");
    }
    drop(driver);
}

#[test]
fn parts_move_at_once_from_several_threads() {
    let machine = machine(6, PageSize::Kib4, Iommu::Off);
    let spec = BufferSpec::new(8 * 5000).fragmentation(Fragmentation::Mixed);
    let shared = SharedBuffer::new(buffer(&machine, spec));
    let bus = Bus::new(machine.nexus(DEVICES[0].nexus), BusConfig::default());
    thread::scope(|scope| {
        for number in 0..8 {
            let (machine, bus, shared) = (&machine, &bus, &shared);
            scope.spawn(move || {
                let disk = machine.attach(&DEVICES[0]).expect("a disk");
                let bytes = pattern(5000, number);
                disk.write_medium(0, &bytes).expect("on the disk");
                let mut driver = DiskDriver::on_bus(&disk, bus).expect("attached");
                for _ in 0..20 {
                    driver.read(0, part(shared, number * 5000, 5000), BindFlags::PARTIAL).expect("read");
                }
            });
        }
    });
    for number in 0..8 {
        assert!(get(&shared, number * 5000, 5000) == pattern(5000, number));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_part_shows_the_bytes_that_it_is(
        length in 1u64..60_000,
        offset in 0u64..4096,
        at: prop::sample::Index,
        size: prop::sample::Index,
    ) {
        let machine = machine(8, PageSize::Kib4, Iommu::Off);
        let shared = SharedBuffer::new(buffer(&machine, BufferSpec::new(length).offset(offset)));
        put(&shared, 0, &pattern(length, 2));
        let at = at.index(length as usize) as u64;
        let size = size.index((length - at) as usize) as u64 + 1;
        let part = part(&shared, at, size);
        let View::Pages(_) = part.view() else { panic!("it shows its pages") };
        prop_assert_eq!(part.view().length(), Some(size));
        let mut bytes = Vec::new();
        for extent in part.view().extents() {
            let mut piece = vec![0; extent.size as usize];
            machine.memory().peek(extent.address, &mut piece).expect("memory");
            bytes.extend(piece);
        }
        prop_assert!(bytes == pattern(length, 2)[at as usize..(at + size) as usize]);
    }
}
