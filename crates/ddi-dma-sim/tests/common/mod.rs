//! What the tests share: patterns, guards, and a transfer that is checked byte by byte.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use ddi_dma::{BindFlags, BusConfig};
use ddi_dma_sim::{Buffer, BufferSpec, DiskDriver, Iommu, Machine, MachineConfig, PageSize, Report, SECTOR};

/// Fills the bytes around an object in its first and last page.
pub const GUARD: u8 = 0xA5;
/// Fills an object that a device is going to fill.
pub const STALE: u8 = 0x77;
/// Fills the sectors around a transfer.
pub const AROUND: u8 = 0xEE;

pub fn machine(seed: u64, page_size: PageSize, iommu: Iommu) -> Machine {
    Machine::new(MachineConfig { seed, page_size, iommu, ..MachineConfig::default() })
        .expect("a sound machine")
}

/// Bytes that differ from place to place and from seed to seed.
pub fn pattern(length: u64, seed: u64) -> Vec<u8> {
    let mut word = seed ^ 0x9E37_79B9_7F4A_7C15;
    let mut bytes = Vec::with_capacity(length as usize + 8);
    while (bytes.len() as u64) < length {
        word = word.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        bytes.extend_from_slice(&(word ^ word >> 29).to_le_bytes());
    }
    bytes.truncate(length as usize);
    bytes
}

/// The stretches of a buffer's pages that are not the object: (physical address, bytes).
fn guards(machine: &Machine, buffer: &Buffer) -> Vec<(u64, usize)> {
    let page_size = machine.memory().page_size();
    let pages = buffer.pages();
    let end = buffer.offset() + buffer.len();
    let last = pages.len() as u64 * page_size - end;
    vec![(pages[0], buffer.offset() as usize), (pages[pages.len() - 1] + page_size - last, last as usize)]
}

pub fn set_guards(machine: &Machine, buffer: &Buffer) {
    for (address, length) in guards(machine, buffer) {
        machine.memory().poke(address, &vec![GUARD; length]).expect("the buffer has memory");
    }
}

pub fn assert_guards(machine: &Machine, buffer: &Buffer) {
    for (address, length) in guards(machine, buffer) {
        let mut bytes = vec![0; length];
        machine.memory().peek(address, &mut bytes).expect("the buffer has memory");
        assert!(
            bytes.iter().all(|byte| *byte == GUARD),
            "a byte outside the object changed near {address:#x}"
        );
    }
}

/// A transfer to be made in both directions.
pub struct Case<'a> {
    pub device: &'a str,
    pub spec: BufferSpec,
    pub config: BusConfig,
    pub flags: BindFlags,
    pub block: u64,
    pub seed: u64,
}

/// Writes an object to a disk and reads it into another; every byte inside and around both must be as it should.
pub fn round_trip(machine: &Machine, case: &Case<'_>) -> (Report, Report) {
    let mut driver = DiskDriver::new(machine, case.device, case.config).expect("the device attaches");
    let written = write_checked(machine, &mut driver, case);
    let read = read_checked(machine, &mut driver, case);
    assert_eq!(machine.counters(driver.disk().spec().nexus).faults, 0);
    drop(driver);
    assert_eq!((machine.isa().copy_buffer_used(), machine.pci().copy_buffer_used()), (0, 0));
    assert_eq!((machine.sbus().copy_buffer_used(), machine.sbus().map_space_used()), (0, 0));
    let stream = machine.sbus().stream_counters();
    assert_eq!((stream.lines, stream.late), (0, 0), "the framework synced all that a device wrote");
    assert_eq!((machine.pci().map_space_used(), machine.memory().used()), (0, 0));
    (written, read)
}

fn write_checked(machine: &Machine, driver: &mut DiskDriver, case: &Case<'_>) -> Report {
    let length = case.spec.length;
    let bytes = pattern(length, case.seed);
    let whole = length.next_multiple_of(SECTOR);
    let start = case.block * SECTOR;
    let disk = driver.disk().clone();
    disk.write_medium(start - SECTOR, &vec![AROUND; (whole + 2 * SECTOR) as usize]).expect("on the disk");

    let mut buffer = machine.buffer(&case.spec).expect("memory");
    buffer.write(0, &bytes).expect("inside");
    set_guards(machine, &buffer);
    let (buffer, report) = driver.write(case.block, buffer, case.flags).expect("written");
    assert!(buffer.to_vec() == bytes, "a write to the disk left the object as it was");
    assert_guards(machine, &buffer);

    let mut medium = vec![0; (whole + 2 * SECTOR) as usize];
    disk.read_medium(start - SECTOR, &mut medium).expect("on the disk");
    let (before, rest) = medium.split_at(SECTOR as usize);
    let (there, rest) = rest.split_at(length as usize);
    let (padding, behind) = rest.split_at((whole - length) as usize);
    assert!(there == bytes, "{}: {length} bytes reached the disk wrong", case.device);
    assert!(padding.iter().all(|byte| *byte == 0), "the last sector is filled up with zeros");
    assert!(before.iter().chain(behind).all(|byte| *byte == AROUND), "a sector around the transfer changed");
    assert_report(&report, length);
    report
}

fn read_checked(machine: &Machine, driver: &mut DiskDriver, case: &Case<'_>) -> Report {
    let length = case.spec.length;
    let bytes = pattern(length, !case.seed);
    driver.disk().write_medium(case.block * SECTOR, &bytes).expect("on the disk");
    let mut buffer = machine.buffer(&case.spec).expect("memory");
    buffer.write(0, &vec![STALE; length as usize]).expect("inside");
    set_guards(machine, &buffer);
    let (buffer, report) = driver.read(case.block, buffer, case.flags).expect("read");
    assert!(buffer.to_vec() == bytes, "{}: {length} bytes came from the disk wrong", case.device);
    assert_guards(machine, &buffer);
    assert_report(&report, length);
    report
}

fn assert_report(report: &Report, length: u64) {
    assert_eq!((report.length, report.moved), (length, length));
    assert!(report.windows >= 1 && report.lists >= report.windows && report.cookies >= report.lists);
    assert!(report.copied <= length);
}
