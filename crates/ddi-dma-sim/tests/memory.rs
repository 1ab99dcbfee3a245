//! Memory: sparse, fragmented, limited, and the same for the same seed.
#![allow(clippy::single_range_in_vec_init, reason = "a machine with one range of memory")]

mod common;

use std::collections::HashSet;
use std::ops::Range;

use common::{machine, pattern};
use ddi_dma::{DmaObject, View};
use ddi_dma_sim::{
    Backing, Buffer, BufferSpec, ConfigError, Fragmentation, Iommu, Machine, MachineConfig, MediumConfig,
    MemoryError, PageSize, Placement, memory_map,
};
use proptest::prelude::*;

fn plain() -> Machine {
    machine(41, PageSize::Kib4, Iommu::Off)
}

fn buffer(machine: &Machine, spec: BufferSpec) -> Buffer {
    machine.buffer(&spec).expect("memory")
}

#[test]
fn the_map_has_the_holes_of_a_pc() {
    let map = memory_map(6 << 30);
    assert_eq!(map[..2], [0..0xA_0000, 0x10_0000..0x100_0000]);
    assert_eq!(map[2].start, 0x100_0000);
    assert!(map[2].end <= 3 << 30);
    assert_eq!(map[3].start, 4 << 30);
    for total in [0, 4096, 640 << 10, 1 << 20, 2 << 20, 17 << 20, 1 << 30, 100 << 30] {
        let bytes: u64 = memory_map(total).iter().map(|range| range.end - range.start).sum();
        assert!(bytes <= total && total - bytes < 2 << 20, "{total:#x}: {bytes:#x}");
    }
}

#[test]
fn pages_lie_as_asked() {
    let machine = plain();
    let contiguous = buffer(&machine, BufferSpec::new(1 << 20).fragmentation(Fragmentation::Contiguous));
    assert!(contiguous.pages().windows(2).all(|pair| pair[1] == pair[0] + 4096));
    let scattered = buffer(&machine, BufferSpec::new(1 << 20));
    assert!(scattered.pages().windows(2).all(|pair| pair[1] != pair[0] + 4096));
    let mixed = buffer(&machine, BufferSpec::new(1 << 20).fragmentation(Fragmentation::Mixed));
    let joins = mixed.pages().windows(2).filter(|pair| pair[1] == pair[0] + 4096).count();
    assert!((1..255).contains(&joins));
    let below = buffer(&machine, BufferSpec::new(2 << 20).placement(Placement::BELOW_16M));
    assert!(below.pages().iter().all(|page| *page < 1 << 24 && *page != 0));
    let mut seen = HashSet::new();
    for page in [&contiguous, &scattered, &mixed, &below].into_iter().flat_map(|buffer| buffer.pages()) {
        assert!(seen.insert(*page), "{page:#x} belongs to two buffers");
        assert!(machine.memory().ranges().iter().any(|range| range.contains(page)));
    }
}

#[test]
fn the_cpu_and_the_machine_see_the_same_bytes() {
    let machine = plain();
    let mut buffer = buffer(&machine, BufferSpec::new(9000).offset(4000));
    buffer.write(0, &pattern(9000, 1)).expect("inside");
    let mut bytes = Vec::new();
    let View::Pages(_) = buffer.view() else { panic!("a buffer shows its pages") };
    for extent in buffer.view().extents() {
        let mut piece = vec![0; extent.size as usize];
        machine.memory().peek(extent.address, &mut piece).expect("memory");
        bytes.extend(piece);
    }
    assert_eq!(bytes, pattern(9000, 1));
    machine.memory().poke(buffer.pages()[1], b"from outside").expect("memory");
    let mut seen = [0; 12];
    buffer.read(96, &mut seen).expect("inside");
    assert_eq!(&seen, b"from outside");
}

#[test]
fn bytes_outside_a_buffer_are_refused() {
    let machine = plain();
    let mut buffer = buffer(&machine, BufferSpec::new(100));
    for (offset, length) in [(100, 1), (0, 101), (u64::MAX, 2)] {
        assert!(matches!(buffer.read(offset, &mut vec![0; length]), Err(MemoryError::Range { .. })));
        assert!(matches!(buffer.write(offset, &vec![0; length]), Err(MemoryError::Range { .. })));
    }
    for spec in [BufferSpec::new(0), BufferSpec::new(1).offset(4096), BufferSpec::new(u64::MAX)] {
        assert!(matches!(machine.buffer(&spec), Err(MemoryError::Shape { .. })), "{spec:?}");
    }
}

#[test]
fn frames_return_and_come_back_empty() {
    let config = MachineConfig { memory: vec![0..0xA_0000], dma_pool: 0, ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    for _ in 0..3 {
        let mut all = buffer(&machine, BufferSpec::new(159 * 4096));
        assert_eq!(all.to_vec(), vec![0; 159 * 4096]);
        all.write(0, &vec![1; 159 * 4096]).expect("inside");
        match machine.buffer(&BufferSpec::new(1)) {
            Err(MemoryError::Frames { asked: 4096, free: 0, largest: 0, .. }) => {}
            other => panic!("page 0 was handed out: {other:?}"),
        }
    }
    assert_eq!(machine.memory().used(), 0);
    assert_eq!(machine.memory().free(Placement::ANYWHERE), (159 * 4096, 159 * 4096));
    let short = machine.buffer(&BufferSpec::new(160 * 4096)).expect_err("too few");
    assert!(short.to_string().contains("655360 bytes of memory were asked for"), "{short}");
    assert_eq!(machine.memory().used(), 0, "what was taken on the way went back");
}

#[test]
fn a_limit_on_frames_holds() {
    let config = MachineConfig { frame_limit: Some(10 * 4096), ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    let six = buffer(&machine, BufferSpec::new(6 * 4096));
    for fragmentation in [Fragmentation::Contiguous, Fragmentation::Scattered, Fragmentation::Mixed] {
        let five = BufferSpec::new(5 * 4096).fragmentation(fragmentation);
        assert!(matches!(machine.buffer(&five), Err(MemoryError::Frames { .. })));
    }
    drop(six);
    buffer(&machine, BufferSpec::new(10 * 4096));
    let short = machine.buffer(&BufferSpec::new(11 * 4096)).expect_err("one too many");
    assert!(matches!(short, MemoryError::Frames { asked: 45_056, allowed: 40_960, .. }), "{short}");
}

#[test]
fn a_buffer_across_two_ranges_returns_to_both() {
    let memory: Vec<Range<u64>> = vec![0..0x10_000, 0x10_000..0x20_000];
    let config = MachineConfig { memory, dma_pool: 0, ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    for fragmentation in [Fragmentation::Scattered, Fragmentation::Mixed] {
        drop(buffer(&machine, BufferSpec::new(31 * 4096).fragmentation(fragmentation)));
        assert_eq!(machine.memory().free(Placement::ANYWHERE).0, 31 * 4096);
    }
}

#[test]
fn unsound_machines_are_refused() {
    let refused = |config: MachineConfig| Machine::new(config).expect_err("unsound");
    let with = |memory: Vec<Range<u64>>| MachineConfig { memory, ..MachineConfig::default() };
    assert!(matches!(refused(with(vec![])), ConfigError::NoMemory));
    for memory in [vec![0..4095], vec![4096..4096], vec![0..8192, 4096..16384], vec![0..1 << 63]] {
        assert!(matches!(refused(with(memory)), ConfigError::Memory { .. }));
    }
    for space in [0..=4094, 1..=4096, 0..=u64::MAX] {
        let config = MachineConfig { iommu: Iommu::On { space }, ..MachineConfig::default() };
        assert!(matches!(refused(config), ConfigError::IommuSpace { .. }));
    }
    for (size, backing) in [(0, Backing::Memory), (513, Backing::Memory)] {
        let config = MachineConfig { medium: MediumConfig { size, backing }, ..MachineConfig::default() };
        assert!(matches!(refused(config), ConfigError::Medium { .. }));
    }
    let backing = Backing::File("/nonexistent/directory".into());
    let config = MachineConfig { medium: MediumConfig { size: 512, backing }, ..MachineConfig::default() };
    assert!(matches!(refused(config), ConfigError::Host { .. }));
}

#[test]
fn a_medium_larger_than_memory_works_from_a_file() {
    let medium = MediumConfig { size: 1 << 40, backing: Backing::File(std::env::temp_dir()) };
    let machine = Machine::new(MachineConfig { medium, ..MachineConfig::default() }).expect("a machine");
    let disk = machine.device("pci64-disk").expect("a device");
    disk.write_medium((1 << 40) - 3, b"end").expect("on the disk");
    let mut end = [0; 3];
    disk.read_medium((1 << 40) - 3, &mut end).expect("on the disk");
    assert_eq!(&end, b"end");
    assert!(disk.read_medium((1 << 40) - 2, &mut end).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        seed: u64,
        pages in 1u64..64,
        offset in 0u64..8192,
        fragmentation in prop_oneof![
            Just(Fragmentation::Contiguous), Just(Fragmentation::Scattered), Just(Fragmentation::Mixed)
        ],
    ) {
        let machine = machine(seed, PageSize::Kib8, Iommu::Off);
        let spec = BufferSpec::new(pages * 8192 - offset).offset(offset).fragmentation(fragmentation);
        let mut buffer = machine.buffer(&spec).expect("memory");
        let bytes = pattern(buffer.len(), seed);
        buffer.write(0, &bytes).expect("inside");
        prop_assert_eq!(buffer.to_vec(), bytes);
        prop_assert_eq!(buffer.pages().len() as u64, pages);
        prop_assert_eq!(machine.memory().used(), pages * 8192);
        drop(buffer);
        prop_assert_eq!(machine.memory().used(), 0);
    }
}
