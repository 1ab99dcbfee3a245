//! Transfers that go well: sizes, places on the disk and in memory, windows, and how many commands they take.

mod common;

use std::time::Duration;

use common::{CYLINDER, DISK, Rig, SECTOR, pattern};
use ddi_dma::{BindFlags, BusConfig, Wait};
use ddi_dma_sim::{
    BufferSpec, FloppyDisk, FloppyGeometry, Fragmentation, MachineConfig, NexusKind, Placement,
};
use isa_floppy::{Config, Geometry, Order, Version};

/// Places and sizes in sectors: parts, wholes and several of sectors, tracks and cylinders, wherever they start.
const CASES: [(u64, u64); 17] = [
    (0, 1),
    (17, 1),
    (18, 1),
    (35, 1),
    (2879, 1),
    (0, 18),
    (18, 18),
    (9, 18),
    (0, 36),
    (36, 36),
    (2844, 36),
    (1, 36),
    (35, 2),
    (17, 2),
    (30, 100),
    (5, 108),
    (1001, 777),
];

/// Cylinders that these sectors lie on.
fn cylinders(lba: u64, sectors: u64) -> usize {
    ((lba + sectors).div_ceil(CYLINDER) - lba / CYLINDER) as usize
}

#[test]
fn every_size_goes_everywhere_both_ways() {
    let mut rig = Rig::new();
    for ((lba, sectors), seed) in CASES.into_iter().zip(1..) {
        let around = rig.fill_medium(0, DISK, 100 + seed);
        let (buffer, report) = rig.write(lba, rig.scattered(sectors, seed)).unwrap();
        let bytes = pattern(sectors * SECTOR, seed);
        assert_eq!(buffer.to_vec(), bytes, "{lba} {sectors}: the object is as it was");
        assert_eq!((report.moved, report.length), (sectors * SECTOR, sectors * SECTOR));
        assert_eq!(report.retries, 0);
        let (from, to) = ((lba * SECTOR) as usize, ((lba + sectors) * SECTOR) as usize);
        let expected = [&around[..from], &bytes, &around[to..]].concat();
        assert!(rig.medium(0, DISK) == expected, "{lba} {sectors}: the disk");

        let other = rig.scattered(sectors, 999);
        let (read, report) = rig.floppy.read(lba, other, Wait::DontWait).unwrap();
        assert!(read.to_vec() == bytes, "{lba} {sectors}: what was read");
        assert_eq!((report.moved, report.retries), (sectors * SECTOR, 0));
    }
    assert_eq!(rig.machine.counters(NexusKind::Isa).faults, 0);
    rig.assert_all_is_free();
}

#[test]
fn a_whole_disk_from_pages_all_over_memory() {
    let mut rig = Rig::new();
    let (_, report) = rig.write(0, rig.scattered(DISK, 5)).unwrap();
    assert_eq!(report.moved, 1_474_560);
    assert!(report.copied > 0 && report.lists > 100 && report.commands >= report.lists, "{report:?}");
    let (read, report) = rig.read(0, DISK).unwrap();
    // The copy buffer of 1 MiB and a page does not hold all of it.
    assert_eq!((report.windows, report.copied), (2, 1_474_560));
    assert!(read.to_vec() == pattern(DISK * SECTOR, 5));
}

#[test]
fn a_command_a_cylinder_where_lists_are_long_enough() {
    let mut rig = Rig::new();
    for (lba, sectors) in CASES {
        let (_, report) = rig.write(lba, rig.sectors(sectors, lba)).unwrap();
        let most = cylinders(lba, sectors) + report.lists - 1;
        assert!((cylinders(lba, sectors)..=most).contains(&report.commands), "{lba} {sectors}: {report:?}");
        assert_eq!(report.copied, sectors * SECTOR);
    }
    let (_, report) = rig.read(70, 70).unwrap();
    assert_eq!(
        (report.lists, report.commands),
        (1, 3),
        "the last two sectors of a cylinder, one, 32 sectors"
    );
}

#[test]
fn reachable_memory_is_not_copied_and_lists_end_at_64_kib() {
    let mut rig = Rig::new();
    let spec = BufferSpec::new(400 * SECTOR).placement(Placement::BELOW_16M);
    let spec = spec.fragmentation(Fragmentation::Contiguous);
    let buffer = rig.filled(&spec, &pattern(400 * SECTOR, 1));
    let start = buffer.pages()[0];
    let (buffer, report) = rig.write(3, buffer).unwrap();
    assert_eq!((report.copied, report.windows), (0, 1));
    let boundaries = (start + 400 * SECTOR - 1) / 0x1_0000 - start / 0x1_0000;
    assert!(boundaries >= 3);
    assert_eq!(report.lists as u64, boundaries + 1);
    assert!(report.commands < cylinders(3, 400) + report.lists, "{report:?}");
    assert_eq!(rig.medium(3, 400), buffer.to_vec());
}

#[test]
fn reachable_pages_in_any_order() {
    let mut rig = Rig::new();
    for (offset, fragmentation) in
        [(0, Fragmentation::Scattered), (100, Fragmentation::Scattered), (4095, Fragmentation::Mixed)]
    {
        let spec = BufferSpec::new(200 * SECTOR).placement(Placement::BELOW_16M).offset(offset);
        let bytes = pattern(200 * SECTOR, offset);
        let buffer = rig.filled(&spec.fragmentation(fragmentation), &bytes);
        let (_, report) = rig.write(50, buffer).unwrap();
        // A sector across the end of a page is copied, and nothing else.
        let split = if offset == 0 { 0 } else { 50 * SECTOR };
        assert!(report.copied <= split, "offset {offset}: {report:?}");
        assert!(rig.medium(50, 200) == bytes, "offset {offset}");
        let (read, _) =
            rig.floppy.read(50, rig.filled(&spec, &pattern(200 * SECTOR, 7)), Wait::DontWait).unwrap();
        assert!(read.to_vec() == bytes, "offset {offset}");
    }
}

#[test]
fn windows_slide_through_a_page_of_copy_buffer() {
    let little = BusConfig { copy_buffer_limit: 4096, ..BusConfig::default() };
    let mut rig = Rig::with(MachineConfig { seed: 4, ..MachineConfig::default() }, little, Config::default());
    let spec = BufferSpec::new(100 * SECTOR).placement(Placement::ABOVE_4G).offset(17);
    let bytes = pattern(100 * SECTOR, 3);
    let (buffer, report) = rig.floppy.write(31, rig.filled(&spec, &bytes), Wait::DontWait).unwrap();
    assert_eq!((report.windows, report.copied), (13, 100 * SECTOR));
    assert!(rig.medium(31, 100) == bytes);
    let (read, report) = rig.floppy.read(31, buffer, Wait::DontWait).unwrap();
    assert_eq!((report.windows, report.lists), (13, 13));
    assert!(read.to_vec() == bytes);
}

#[test]
fn a_machine_with_large_pages_and_flags() {
    let config = MachineConfig { seed: 2, ..MachineConfig::sparc() };
    let mut rig = Rig::with(config, BusConfig::default(), Config::default());
    let bytes = rig.fill_medium(7, 50, 8);
    let flags = BindFlags::PARTIAL | BindFlags::STREAMING | BindFlags::OVERWRITE;
    let order = Order { flags, ..Order::read(7) };
    let transfer = rig.floppy.prepare(&order, rig.sectors(50, 9), Wait::Sleep).unwrap();
    assert!(!transfer.explain().notes.is_empty());
    let (read, _) = transfer.run(&mut rig.floppy).unwrap();
    assert!(read.to_vec() == bytes);
}

#[test]
fn disks_of_720_kb() {
    let config = Config { geometry: Geometry::KB_720, ..Config::default() };
    let mut rig = Rig::with(MachineConfig::default(), BusConfig::default(), config);
    rig.drive.insert(FloppyDisk::new(FloppyGeometry::KB_720));
    let (_, report) = rig.write(0, rig.sectors(1440, 6)).unwrap();
    assert!(report.commands >= 80);
    let (read, _) = rig.read(0, 1440).unwrap();
    assert!(read.to_vec() == pattern(1440 * SECTOR, 6));
    assert!(rig.medium(0, 1440) == pattern(1440 * SECTOR, 6));
}

#[test]
fn the_motor_runs_up_once_and_stops() {
    let mut rig = Rig::new();
    assert_eq!(rig.floppy.version(), Version::I82077);
    let output = |rig: &Rig| ddi_dma::PortIo::read(&*rig.machine.ports(), 0x3F2);
    assert_eq!(output(&rig), 0x0C);
    let before = rig.board.delays();
    rig.read(0, 1).unwrap();
    assert!(rig.board.delays() - before >= Duration::from_millis(500));
    assert_eq!(output(&rig), 0x1C);
    let before = rig.board.delays();
    rig.read(1, 1).unwrap();
    assert_eq!(
        rig.board.delays(),
        before,
        "the motor runs, the head is there and the controller answers at once"
    );
    rig.floppy.motor_off();
    assert_eq!(output(&rig), 0x0C);
    rig.read(1, 1).unwrap();
    let ports = rig.machine.ports();
    drop(rig);
    assert_eq!(ddi_dma::PortIo::read(&*ports, 0x3F2), 0x0C, "whoever drops the driver stops the motor");
}
