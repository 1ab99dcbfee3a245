//! The floppy disk controller, driven by raw port accesses as its data sheet says.

mod common;

use std::sync::Arc;

use common::pattern;
use ddi_dma::PortIo;
use ddi_dma_sim::{
    Buffer, BufferSpec, FLOPPIES, Flaw, FloppyController, FloppyDisk, FloppyGeometry, FloppyInjection,
    IsaPorts, Machine, MachineConfig, NoPortsLeft, Patience, Placement, Stepped, WriteProtection,
};
use proptest::prelude::*;

/// Modes of channel 2 of the 8237.
const VERIFY: u8 = 0x42;
const FROM_DEVICE: u8 = 0x46;
const TO_DEVICE: u8 = 0x4A;

/// Bytes of a sector, a track and a cylinder.
const SECTOR: usize = 512;
const TRACK: usize = 18 * SECTOR;
const CYLINDER: usize = 2 * TRACK;

/// Commands for disks recorded with MFM.
const READ: u8 = 0x46;
const READ_BOTH_SIDES: u8 = 0xC6;
const READ_SKIPPING: u8 = 0x66;
const READ_DELETED: u8 = 0x4C;
const WRITE: u8 = 0x45;
const WRITE_BOTH_SIDES: u8 = 0xC5;
const WRITE_DELETED: u8 = 0x49;
const READ_ID: u8 = 0x4A;
const FORMAT: u8 = 0x4D;

/// A machine, one of its controllers and the driver's side of the ports.
struct Rig {
    machine: Machine,
    floppy: Arc<FloppyController>,
    ports: Arc<IsaPorts>,
}

/// Where a transfer starts: cylinder, head and sector, and the last sector of a track.
#[derive(Clone, Copy)]
struct At(u8, u8, u8, u8);

impl Rig {
    /// A machine just switched on, its DMA controllers joined as firmware joins them.
    fn cold(config: MachineConfig) -> Rig {
        let machine = Machine::new(config).expect("a machine");
        let (floppy, ports) = (Arc::clone(machine.floppy()), machine.ports());
        ports.write(0xD6, 0xC0);
        ports.write(0xD4, 0x00);
        Rig { machine, floppy, ports }
    }

    /// A controller reset, specified and recalibrated, motor on, 500 kbit/s.
    fn new() -> Rig {
        Rig::with(MachineConfig { seed: 7, ..MachineConfig::default() })
    }

    fn with(config: MachineConfig) -> Rig {
        let rig = Rig::cold(config);
        rig.start();
        rig
    }

    fn start(&self) {
        self.reset();
        self.put(7, 0x00);
        self.command(&[0x03, 0xDF, 0x02]);
        self.command(&[0x07, 0x00]);
        self.run();
        assert_eq!(self.sense(), [0x20, 0]);
    }

    fn reset(&self) {
        self.put(2, 0x00);
        self.put(2, 0x1C);
        self.run();
        assert!(self.floppy.interrupting());
        for drive in 0..4 {
            assert_eq!(self.sense(), [0xC0 | drive, 0]);
        }
        assert!(!self.floppy.interrupting());
    }

    fn run(&self) {
        while self.floppy.step() == Stepped::Done {}
    }

    fn get(&self, offset: u16) -> u8 {
        self.ports.read(self.floppy.base() + offset)
    }

    fn put(&self, offset: u16, value: u8) {
        self.ports.write(self.floppy.base() + offset, value);
    }

    fn status(&self) -> u8 {
        self.get(4)
    }

    /// Writes a command, byte by byte as the controller asks for them.
    fn command(&self, bytes: &[u8]) {
        for byte in bytes {
            assert_eq!(self.status() & 0xC0, 0x80, "it takes byte {byte:#x} of {bytes:x?}");
            self.put(5, *byte);
        }
    }

    /// Reads a result, byte by byte as the controller offers them.
    fn result<const N: usize>(&self) -> [u8; N] {
        let result = std::array::from_fn(|_| {
            assert_eq!(self.status() & 0xD0, 0xD0, "it gives a byte");
            self.get(5)
        });
        assert_eq!(self.status() & 0xD0, 0x80, "that was all");
        result
    }

    fn sense(&self) -> [u8; 2] {
        self.command(&[0x08]);
        self.result()
    }

    fn seek(&self, cylinder: u8) {
        self.command(&[0x0F, 0x00, cylinder]);
        self.run();
        assert_eq!(self.sense(), [0x20, cylinder]);
    }

    /// Memory that ISA DMA reaches, in one 64 KiB page.
    fn buffer(&self, length: usize) -> Buffer {
        let spec = BufferSpec::new(length as u64)
            .placement(Placement::BELOW_16M)
            .fragmentation(ddi_dma_sim::Fragmentation::Contiguous);
        let crosses =
            |buffer: &Buffer| buffer.pages()[0] >> 16 != (buffer.pages()[0] + length as u64 - 1) >> 16;
        let mut missed = Vec::new();
        loop {
            let buffer = self.machine.buffer(&spec).expect("memory");
            if !crosses(&buffer) {
                return buffer;
            }
            missed.push(buffer);
        }
    }

    /// Programs channel 2 and unmasks it.
    fn program(&self, mode: u8, buffer: &Buffer, length: usize) {
        let (address, count) = (buffer.pages()[0], length - 1);
        self.ports.write(0x0A, 0x06);
        self.ports.write(0x0C, 0x00);
        self.ports.write(0x0B, mode);
        for byte in [address as u8, (address >> 8) as u8] {
            self.ports.write(0x04, byte);
        }
        self.ports.write(0x81, (address >> 16) as u8);
        for byte in [count as u8, (count >> 8) as u8] {
            self.ports.write(0x05, byte);
        }
        self.ports.write(0x0A, 0x02);
    }

    fn start_transfer(&self, command: u8, At(cylinder, head, sector, last): At) {
        self.command(&[command, head << 2, cylinder, head, sector, 2, last, 0x1B, 0xFF]);
        assert_eq!(self.status(), 0x10, "busy");
    }

    /// A transfer from start to result.
    fn transfer(&self, command: u8, at: At) -> [u8; 7] {
        self.start_transfer(command, at);
        self.run();
        self.ended()
    }

    /// The result of a command that must have ended.
    fn ended(&self) -> [u8; 7] {
        assert!(self.floppy.interrupting());
        let result = self.result();
        assert!(!self.floppy.interrupting());
        result
    }

    /// A read of so many bytes by a channel programmed for just as many.
    fn read(&self, command: u8, at: At, length: usize) -> ([u8; 7], Vec<u8>) {
        let buffer = self.buffer(length);
        self.program(FROM_DEVICE, &buffer, length);
        (self.transfer(command, at), buffer.to_vec())
    }

    /// A write of these bytes.
    fn write(&self, command: u8, at: At, bytes: &[u8]) -> [u8; 7] {
        let mut buffer = self.buffer(bytes.len());
        buffer.write(0, bytes).expect("inside");
        self.program(TO_DEVICE, &buffer, bytes.len());
        self.transfer(command, at)
    }

    fn fill_medium(&self) -> Vec<u8> {
        let bytes = pattern(80 * CYLINDER as u64, 3);
        self.floppy.write_medium(0, &bytes).expect("inside");
        bytes
    }

    fn medium(&self, offset: usize, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.floppy.read_medium(offset as u64, &mut bytes).expect("inside");
        bytes
    }

    /// What channel 2 has left to count.
    fn count_left(&self) -> u16 {
        self.ports.write(0x0C, 0x00);
        u16::from_le_bytes([self.ports.read(0x05), self.ports.read(0x05)])
    }
}

#[test]
fn a_controller_in_reset_is_silent() {
    let rig = Rig::cold(MachineConfig::default());
    assert_eq!((rig.status(), rig.get(2)), (0, 0));
    rig.put(5, 0x10);
    rig.run();
    assert_eq!(rig.status(), 0);
    rig.reset();
    assert_eq!(rig.get(2), 0x1C);
}

#[test]
fn a_reset_says_c0_to_c3_once_and_interrupts_through_its_gate_alone() {
    let rig = Rig::cold(MachineConfig::default());
    rig.put(2, 0x04);
    assert_eq!(rig.status(), 0x80);
    rig.run();
    assert!(!rig.floppy.interrupting());
    rig.put(2, 0x0C);
    assert!(rig.floppy.interrupting());
    for drive in 0..4 {
        assert_eq!(rig.sense(), [0xC0 | drive, 0]);
    }
    rig.command(&[0x08]);
    assert_eq!(rig.result(), [0x80]);
    assert!(!rig.floppy.interrupting());
}

#[test]
fn the_data_rate_register_resets_too() {
    let rig = Rig::new();
    rig.command(&[0x0F, 0x00]);
    rig.put(4, 0x80);
    rig.run();
    for drive in 0..4 {
        assert_eq!(rig.sense(), [0xC0 | drive, 0]);
    }
    let (result, _) = rig.read(READ, At(0, 0, 1, 18), SECTOR);
    assert_eq!(result[0], 0x00, "the rate of 500 kbit/s was written with the reset");
}

#[test]
fn commands_without_execution() {
    let rig = Rig::new();
    rig.command(&[0x10]);
    assert_eq!(rig.result(), [0x90]);
    rig.command(&[0x04, 0x04]);
    assert_eq!(rig.result(), [0x3C], "track 0, head 1, may be written");
    rig.command(&[0x13, 0x00, 0x57, 0x11]);
    rig.command(&[0x94]);
    assert_eq!(rig.result(), [0x10]);
    rig.command(&[0x12, 0x84]);
    rig.seek(9);
    rig.command(&[0x0E]);
    assert_eq!(rig.result(), [9, 0, 0, 0, 0xDF, 0x02, 0, 0x84, 0x57, 0x11]);
    rig.reset();
    rig.command(&[0x0E]);
    assert_eq!(rig.result(), [0, 0, 0, 0, 0xDF, 0x02, 0, 0x84, 0x07, 0x11]);
    rig.command(&[0x14]);
    assert_eq!(rig.result(), [0x00]);
    rig.reset();
    rig.command(&[0x0E]);
    assert_eq!(rig.result(), [0, 0, 0, 0, 0xDF, 0x02, 0, 0x04, 0x20, 0x00]);
}

#[test]
fn invalid_commands_give_80_without_an_interrupt() {
    let rig = Rig::new();
    for command in [0x00, 0x01, 0x02, 0x0B, 0x16, 0x1F, 0x42, 0x83, 0x8F, 0x65, 0xE9, 0x30, 0xFF] {
        rig.command(&[command]);
        assert_eq!(rig.result(), [0x80], "{command:#x}");
        assert!(!rig.floppy.interrupting());
    }
}

#[test]
fn bytes_at_the_wrong_time_are_lost() {
    let rig = Rig::new();
    assert_eq!(rig.get(5), 0, "idle: the last byte of the last result");
    rig.command(&[0x10]);
    rig.put(5, 0x08);
    assert_eq!(rig.result(), [0x90], "a byte written into the result changes nothing");
    assert_eq!(rig.get(5), 0x90);
    let buffer = rig.buffer(SECTOR);
    rig.program(FROM_DEVICE, &buffer, SECTOR);
    rig.start_transfer(READ, At(0, 0, 1, 18));
    rig.put(5, 0x08);
    assert_eq!(rig.get(5), 0xFF, "and neither one into the execution: this is the command's last byte");
    rig.run();
    assert_eq!(rig.ended(), [0, 0, 0, 0, 0, 2, 2]);
}

#[test]
fn ports_that_are_not_the_controllers_float() {
    let rig = Rig::new();
    assert_eq!([rig.get(0), rig.get(1), rig.get(3), rig.get(6)], [0xFF; 4]);
}

#[test]
fn one_sector_is_read() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    rig.seek(5);
    let (result, bytes) = rig.read(READ, At(5, 1, 7, 18), SECTOR);
    assert_eq!(result, [0x04, 0, 0, 5, 1, 8, 2]);
    let offset = 5 * CYLINDER + TRACK + 6 * SECTOR;
    assert!(bytes == medium[offset..][..SECTOR]);
    assert_eq!(rig.count_left(), 0xFFFF);
}

#[test]
fn one_sector_is_written_and_no_other() {
    let rig = Rig::new();
    let mut medium = rig.fill_medium();
    rig.seek(79);
    let bytes = pattern(SECTOR as u64, 8);
    assert_eq!(rig.write(WRITE, At(79, 0, 18, 18), &bytes), [0, 0, 0, 80, 0, 1, 2]);
    medium[79 * CYLINDER + 17 * SECTOR..][..SECTOR].copy_from_slice(&bytes);
    assert!(rig.medium(0, medium.len()) == medium);
}

#[test]
fn every_cylinder_there_and_back() {
    let rig = Rig::new();
    for cylinder in 0..80 {
        rig.seek(cylinder);
        let bytes = pattern(CYLINDER as u64, u64::from(cylinder));
        let result = rig.write(WRITE_BOTH_SIDES, At(cylinder, 0, 1, 18), &bytes);
        assert_eq!(result, [0x04, 0, 0, cylinder + 1, 0, 1, 2]);
    }
    for cylinder in (0..80).rev() {
        rig.seek(cylinder);
        let (result, bytes) = rig.read(READ_BOTH_SIDES, At(cylinder, 0, 1, 18), CYLINDER);
        assert_eq!(result, [0x04, 0, 0, cylinder + 1, 0, 1, 2]);
        assert!(bytes == pattern(CYLINDER as u64, u64::from(cylinder)));
    }
}

#[test]
fn the_machine_runs_the_built_in_controller() {
    let rig = Rig::new();
    let buffer = rig.buffer(SECTOR);
    rig.program(FROM_DEVICE, &buffer, SECTOR);
    rig.start_transfer(READ, At(0, 0, 1, 18));
    assert_eq!(rig.machine.run(), 1);
    assert_eq!(rig.ended()[0], 0);
}

#[test]
fn the_result_names_the_sector_behind_the_last_as_the_table_says() {
    let rig = Rig::new();
    rig.seek(3);
    for (command, at, length, expected) in [
        (READ, At(3, 0, 4, 18), 1, [0x00, 0, 0, 3, 0, 5, 2]),
        (READ, At(3, 0, 18, 18), 1, [0x00, 0, 0, 4, 0, 1, 2]),
        (READ, At(3, 1, 4, 18), 1, [0x04, 0, 0, 3, 1, 5, 2]),
        (READ, At(3, 1, 18, 18), 1, [0x04, 0, 0, 4, 1, 1, 2]),
        (READ_BOTH_SIDES, At(3, 0, 4, 18), 1, [0x00, 0, 0, 3, 0, 5, 2]),
        (READ_BOTH_SIDES, At(3, 0, 18, 18), 1, [0x00, 0, 0, 3, 1, 1, 2]),
        (READ_BOTH_SIDES, At(3, 1, 4, 18), 1, [0x04, 0, 0, 3, 1, 5, 2]),
        (READ_BOTH_SIDES, At(3, 1, 18, 18), 1, [0x04, 0, 0, 4, 0, 1, 2]),
        (READ_BOTH_SIDES, At(3, 0, 18, 18), 2, [0x04, 0, 0, 3, 1, 2, 2]),
        (READ, At(3, 0, 1, 9), 9, [0x00, 0, 0, 4, 0, 1, 2]),
    ] {
        let (result, _) = rig.read(command, at, length * SECTOR);
        assert_eq!(result, expected);
    }
}

#[test]
fn the_end_of_the_track_without_terminal_count_is_abnormal_and_the_residue_is_left() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    let (result, bytes) = rig.read(READ, At(0, 0, 17, 18), 3 * SECTOR);
    assert_eq!(result, [0x40, 0x80, 0, 0, 0, 18, 2]);
    assert_eq!(rig.count_left(), SECTOR as u16 - 1);
    assert!(bytes[..2 * SECTOR] == medium[16 * SECTOR..][..2 * SECTOR]);
    let (result, bytes) = rig.read(READ_BOTH_SIDES, At(0, 0, 1, 18), CYLINDER + 1);
    assert_eq!(result, [0x44, 0x80, 0, 0, 1, 18, 2], "both sides, and no further");
    assert!(bytes[..CYLINDER] == medium[..CYLINDER]);
    let (result, _) = rig.read(READ, At(0, 0, 5, 3), TRACK);
    assert_eq!(result, [0x40, 0x04, 0, 0, 0, 19, 2], "past the end: until there is no such sector");
}

#[test]
fn terminal_count_within_a_sector() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    let (result, bytes) = rig.read(READ, At(0, 0, 2, 18), SECTOR + 100);
    assert_eq!(result, [0, 0, 0, 0, 0, 4, 2]);
    assert!(bytes == medium[SECTOR..][..SECTOR + 100]);
    assert_eq!(rig.write(WRITE, At(0, 0, 5, 18), &[0xA5; 10]), [0, 0, 0, 0, 0, 6, 2]);
    let sector = rig.medium(4 * SECTOR, SECTOR);
    assert!(sector[..10] == [0xA5; 10] && sector[10..].iter().all(|byte| *byte == 0), "the rest is zeros");
}

#[test]
fn a_sector_that_is_not_there() {
    let rig = Rig::new();
    for (at, st1, st2) in [
        (At(0, 0, 19, 36), 0x04, 0x00),
        (At(0, 0, 0, 18), 0x04, 0x00),
        (At(1, 0, 1, 18), 0x04, 0x10),
        (At(0xFF, 0, 1, 18), 0x04, 0x10),
    ] {
        let At(cylinder, head, sector, _) = at;
        let (result, _) = rig.read(READ, at, SECTOR);
        assert_eq!(result, [0x40, st1, st2, cylinder, head, sector, 2]);
        assert_eq!(rig.count_left(), SECTOR as u16 - 1, "nothing moved");
    }
    let buffer = rig.buffer(SECTOR);
    rig.program(FROM_DEVICE, &buffer, SECTOR);
    rig.command(&[READ, 0x04, 0, 0, 1, 2, 18, 0x1B, 0xFF]);
    rig.run();
    assert_eq!(rig.ended(), [0x44, 0x04, 0, 0, 0, 1, 2], "head 1 finds no sector of head 0");
    rig.command(&[READ, 0x00, 0, 0, 1, 3, 18, 0x1B, 0xFF]);
    rig.run();
    assert_eq!(rig.ended(), [0x40, 0x04, 0, 0, 0, 1, 3], "nor one of another size");
}

#[test]
fn what_is_recorded_otherwise_shows_no_address_mark() {
    let rig = Rig::new();
    for (rate, command) in [(0x02, READ), (0x01, READ), (0x03, READ), (0x00, 0x06)] {
        rig.put(7, rate);
        let (result, _) = rig.read(command, At(0, 0, 1, 18), SECTOR);
        assert_eq!(result, [0x40, 0x01, 0, 0, 0, 1, 2]);
    }
    rig.put(7, 0x00);
    rig.seek(81);
    let (result, _) = rig.read(READ, At(81, 0, 1, 18), SECTOR);
    assert_eq!(result, [0x40, 0x01, 0, 81, 0, 1, 2], "nobody has formatted cylinder 81");
    rig.floppy.insert(FloppyDisk::new(FloppyGeometry::KB_720));
    rig.seek(0);
    rig.put(7, 0x02);
    let (result, _) = rig.read(READ, At(0, 0, 1, 9), 9 * SECTOR);
    assert_eq!(result, [0, 0, 0, 1, 0, 1, 2], "a disk of 720 KB");
}

#[test]
fn a_protected_disk_is_not_written() {
    let rig = Rig::new();
    let mut disk = rig.floppy.eject().expect("a disk");
    disk.protect(WriteProtection::On);
    rig.floppy.insert(disk);
    assert_eq!(rig.write(WRITE, At(0, 0, 1, 18), &[1; SECTOR]), [0x40, 0x02, 0, 0, 0, 1, 2]);
    assert!(rig.medium(0, SECTOR) == [0; SECTOR]);
    rig.command(&[0x04, 0x00]);
    assert_eq!(rig.result(), [0x78]);
    rig.program(TO_DEVICE, &rig.buffer(72), 72);
    rig.command(&[FORMAT, 0x00, 2, 18, 0x50, 0xF6]);
    rig.run();
    assert_eq!(rig.ended()[..3], [0x40, 0x02, 0]);
}

#[test]
fn without_a_disk_or_a_motor_a_command_hangs_until_reset() {
    let rig = Rig::new();
    let disk = rig.floppy.eject().expect("a disk");
    for command in
        [&[READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF][..], &[READ_ID, 0], &[FORMAT, 0, 2, 18, 0x50, 0xF6]]
    {
        rig.command(command);
        rig.run();
        assert_eq!((rig.status(), rig.floppy.interrupting()), (0x10, false));
        rig.reset();
    }
    rig.floppy.insert(disk);
    rig.put(2, 0x0C);
    rig.command(&[READ_ID, 0]);
    rig.run();
    assert_eq!((rig.status(), rig.floppy.interrupting()), (0x10, false));
    rig.put(2, 0x1C);
    rig.run();
    assert_eq!(rig.ended()[0], 0x00, "the motor was switched on");
    rig.put(2, 0x2D);
    rig.command(&[READ_ID, 1]);
    rig.run();
    assert_eq!(rig.status(), 0x10, "there is no drive 1");
}

#[test]
fn data_with_bad_check_bytes_moves_and_is_told() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    let damage = |flaw| {
        let injection = FloppyInjection::Damage { cylinder: 0, head: 0, sector: 3, flaw };
        rig.floppy.inject(injection).expect("the sector is there");
    };
    let read = || {
        let (result, bytes) = rig.read(READ, At(0, 0, 2, 18), 3 * SECTOR);
        assert!(bytes[..2 * SECTOR] == medium[SECTOR..][..2 * SECTOR]);
        result
    };
    let (bad, good) = ([0x40, 0x20, 0x20, 0, 0, 3, 2], [0, 0, 0, 0, 0, 5, 2]);
    let write = || {
        let written = rig.write(WRITE, At(0, 0, 3, 18), &medium[2 * SECTOR..][..SECTOR]);
        assert_eq!(written, [0, 0, 0, 0, 0, 4, 2]);
    };
    damage(Flaw::Once);
    assert_eq!([read(), read()], [bad, good]);
    damage(Flaw::UntilWritten);
    assert_eq!([read(), read()], [bad, bad]);
    write();
    assert_eq!(read(), good);
    damage(Flaw::Always);
    write();
    assert_eq!([read(), read()], [bad, bad]);
    let nowhere = FloppyInjection::Damage { cylinder: 80, head: 0, sector: 1, flaw: Flaw::Once };
    assert!(rig.floppy.inject(nowhere).is_err());
}

#[test]
fn a_channel_in_another_mode_is_an_overrun() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    let buffer = rig.buffer(SECTOR);
    for (command, mode) in [(READ, VERIFY), (READ, TO_DEVICE), (WRITE, VERIFY), (WRITE, FROM_DEVICE)] {
        rig.program(mode, &buffer, SECTOR);
        assert_eq!(rig.transfer(command, At(0, 0, 1, 18)), [0x40, 0x10, 0, 0, 0, 1, 2]);
    }
    assert!(rig.medium(0, medium.len()) == medium);
    let (result, _) = rig.read(READ, At(0, 0, 1, 18), SECTOR);
    assert_eq!(result[0], 0, "no sector is damaged");
}

#[test]
fn a_masked_channel_is_waited_for() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    let buffer = rig.buffer(SECTOR);
    rig.program(FROM_DEVICE, &buffer, SECTOR);
    rig.ports.write(0x0A, 0x06);
    rig.start_transfer(READ, At(0, 0, 1, 18));
    rig.run();
    assert_eq!((rig.status(), rig.floppy.interrupting()), (0x10, false));
    assert_eq!(rig.ports.read(0x08) & 0x40, 0x40, "it asks");
    rig.ports.write(0x0A, 0x02);
    rig.run();
    assert_eq!(rig.ended(), [0, 0, 0, 0, 0, 2, 2]);
    assert!(buffer.to_vec() == medium[..SECTOR]);
    rig.ports.write(0x0A, 0x06);
    rig.start_transfer(READ, At(0, 0, 1, 18));
    rig.run();
    assert_eq!(rig.ports.read(0x08) & 0x40, 0x40);
    rig.reset();
    assert_eq!(rig.ports.read(0x08) & 0x40, 0, "a reset ends the request");
}

#[test]
fn the_gate_holds_the_request_back() {
    let rig = Rig::new();
    let buffer = rig.buffer(SECTOR);
    rig.program(FROM_DEVICE, &buffer, SECTOR);
    rig.put(2, 0x14);
    rig.start_transfer(READ, At(0, 0, 1, 18));
    rig.run();
    assert_eq!((rig.status(), rig.ports.read(0x08) & 0x40), (0x10, 0));
    rig.put(2, 0x1C);
    rig.run();
    assert_eq!(rig.ended()[0], 0);
}

#[test]
fn a_controller_without_patience_overruns() {
    let rig = Rig::with(MachineConfig { floppy_patience: Patience::Overruns, ..MachineConfig::default() });
    let medium = rig.fill_medium();
    rig.ports.write(0x0A, 0x06);
    assert_eq!(rig.transfer(READ, At(0, 0, 1, 18)), [0x40, 0x10, 0, 0, 0, 1, 2]);
    assert_eq!(rig.ports.read(0x08) & 0x40, 0, "and asks no more");
    // Terminal count masks the channel, so a second sector finds nobody: the first one is whole.
    let (result, bytes) = rig.read(READ, At(0, 0, 1, 18), SECTOR);
    assert_eq!(result, [0, 0, 0, 0, 0, 2, 2]);
    assert!(bytes == medium[..SECTOR]);
}

#[test]
fn a_write_that_a_reset_ends_leaves_a_sector_without_check_bytes() {
    let rig = Rig::new();
    // Without DMA the bytes can be told apart.
    rig.command(&[0x03, 0xDF, 0x03]);
    rig.command(&[WRITE, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]);
    rig.run();
    for byte in 0..100 {
        assert_eq!(rig.status(), 0xB0);
        rig.put(5, byte);
    }
    rig.reset();
    rig.start();
    assert_eq!(rig.medium(0, 100), (0..100).collect::<Vec<_>>());
    let (result, _) = rig.read(READ, At(0, 0, 1, 18), SECTOR);
    assert_eq!(result, [0x40, 0x20, 0x20, 0, 0, 1, 2]);
}

#[test]
fn a_disk_that_is_taken_out_in_the_middle_of_a_sector() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    rig.command(&[0x03, 0xDF, 0x03]);
    rig.command(&[READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]);
    rig.run();
    assert!((0..100).map(|_| rig.get(5)).eq(medium[..100].iter().copied()));
    let disk = rig.floppy.eject().expect("a disk");
    rig.run();
    assert_eq!((rig.status(), rig.floppy.interrupting()), (0x30, false));
    rig.floppy.insert(disk);
    for _ in 100..SECTOR {
        rig.get(5);
    }
    assert_eq!(rig.ended(), [0x40, 0x20, 0x20, 0, 0, 1, 2]);
    rig.command(&[WRITE, 0, 0, 0, 2, 2, 18, 0x1B, 0xFF]);
    rig.run();
    (0..100).for_each(|byte| rig.put(5, byte));
    let former = rig.floppy.insert(FloppyDisk::new(FloppyGeometry::MB_1_44)).expect("a disk");
    rig.reset();
    assert!(rig.medium(0, TRACK) == [0; TRACK], "the new disk was not written");
    rig.floppy.insert(former);
    rig.start();
    let (result, _) = rig.read(READ, At(0, 0, 1, 18), TRACK);
    assert_eq!(result, [0x40, 0x20, 0x20, 0, 0, 2, 2]);
}

#[test]
fn without_dma_bytes_pass_the_data_register() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    rig.command(&[0x03, 0xDF, 0x03]);
    rig.command(&[READ, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF]);
    rig.run();
    for byte in &medium[16 * SECTOR..18 * SECTOR] {
        assert_eq!((rig.status(), rig.floppy.interrupting()), (0xF0, true));
        assert_eq!(rig.get(5), *byte);
    }
    assert_eq!(rig.ended(), [0x40, 0x80, 0, 0, 0, 18, 2], "nothing raises terminal count");
    rig.command(&[WRITE, 0, 0, 0, 1, 2, 1, 0x1B, 0xFF]);
    rig.run();
    for _ in 0..SECTOR {
        assert_eq!(rig.status(), 0xB0);
        rig.put(5, 0x5A);
    }
    assert_eq!(rig.ended(), [0x40, 0x80, 0, 0, 0, 1, 2]);
    assert!(rig.medium(0, SECTOR) == [0x5A; SECTOR]);
}

#[test]
fn deleted_data_is_told_or_skipped() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    let deleted = pattern(SECTOR as u64, 5);
    assert_eq!(rig.write(WRITE_DELETED, At(0, 0, 2, 18), &deleted), [0, 0, 0, 0, 0, 3, 2]);
    let (result, bytes) = rig.read(READ, At(0, 0, 1, 18), 3 * SECTOR);
    assert_eq!(result, [0, 0, 0x40, 0, 0, 2, 2], "it is the last one");
    assert!(bytes[SECTOR..2 * SECTOR] == deleted);
    let (result, bytes) = rig.read(READ_SKIPPING, At(0, 0, 1, 18), 2 * SECTOR);
    assert_eq!(result, [0, 0, 0x40, 0, 0, 4, 2]);
    assert!(bytes[SECTOR..] == medium[2 * SECTOR..3 * SECTOR]);
    let (result, bytes) = rig.read(READ_DELETED, At(0, 0, 2, 18), SECTOR);
    assert_eq!(result, [0, 0, 0, 0, 0, 3, 2]);
    assert!(bytes == deleted);
}

#[test]
fn seeks_move_the_head_and_say_so() {
    let rig = Rig::new();
    rig.command(&[0x0F, 0x00, 12]);
    assert_eq!((rig.status(), rig.floppy.interrupting()), (0x81, false), "on its way");
    rig.run();
    assert_eq!((rig.status(), rig.floppy.interrupting()), (0x81, true), "busy until somebody asks");
    assert_eq!(rig.sense(), [0x20, 12]);
    assert_eq!((rig.status(), rig.floppy.interrupting()), (0x80, false));
    rig.command(&[READ_ID, 0x04]);
    rig.run();
    let [st0, st1, st2, cylinder, head, sector, size] = rig.ended();
    assert_eq!([st0, st1, st2, cylinder, head, size], [0x04, 0, 0, 12, 1, 2]);
    rig.command(&[READ_ID, 0x04]);
    rig.run();
    assert_eq!(rig.ended()[5], sector % 18 + 1, "the next one comes by");
    rig.command(&[0x04, 0x00]);
    assert_eq!(rig.result(), [0x28], "not at track 0");
}

#[test]
fn recalibrate_has_79_pulses() {
    let rig = Rig::new();
    rig.seek(82);
    rig.command(&[0x07, 0x00]);
    rig.run();
    assert_eq!(rig.sense(), [0x70, 0]);
    rig.command(&[0x07, 0x00]);
    rig.run();
    assert_eq!(rig.sense(), [0x20, 0]);
    rig.command(&[0x07, 0x01]);
    rig.run();
    assert_eq!(
        rig.sense(),
        [0x21, 0],
        "the pulses go to the drive that is selected, and so does the sensor's line"
    );
    rig.put(2, 0x2D);
    rig.command(&[0x07, 0x01]);
    rig.run();
    assert_eq!(rig.sense(), [0x71, 0], "there is no drive 1");
}

#[test]
fn a_driver_that_does_not_recalibrate_is_on_the_wrong_cylinder() {
    let rig = Rig::cold(MachineConfig { seed: 7, ..MachineConfig::default() });
    rig.reset();
    rig.put(7, 0x00);
    let (result, _) = rig.read(READ, At(0, 0, 1, 18), SECTOR);
    assert_eq!(result, [0x40, 0x04, 0x10, 0, 0, 1, 2]);
}

#[test]
fn an_implied_seek_goes_where_the_command_says() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    rig.command(&[0x13, 0x00, 0x60, 0x00]);
    let (result, bytes) = rig.read(READ, At(40, 0, 1, 18), SECTOR);
    assert_eq!(result, [0x20, 0, 0, 40, 0, 2, 2]);
    assert!(bytes == medium[40 * CYLINDER..][..SECTOR]);
}

#[test]
fn the_change_line_falls_with_a_step_and_a_disk() {
    let rig = Rig::cold(MachineConfig { seed: 1, ..MachineConfig::default() });
    rig.reset();
    assert_eq!(rig.get(7), 0xFF, "just switched on");
    rig.command(&[0x07, 0x00]);
    rig.run();
    assert_eq!(rig.sense(), [0x20, 0]);
    assert_eq!(rig.get(7), 0x7F);
    let disk = rig.floppy.eject().expect("a disk");
    assert_eq!(rig.get(7), 0xFF);
    rig.seek(1);
    assert_eq!(rig.get(7), 0xFF, "steps over no disk");
    assert!(rig.floppy.insert(disk).is_none());
    rig.seek(1);
    assert_eq!(rig.get(7), 0xFF, "a seek to where the head is has no step");
    rig.seek(0);
    assert_eq!(rig.get(7), 0x7F);
    rig.put(2, 0x0C);
    rig.floppy.eject();
    assert_eq!(rig.get(7), 0x7F, "the drive is selected by its motor");
    assert!(rig.floppy.read_medium(0, &mut [0]).is_err());
}

#[test]
fn a_track_is_formatted() {
    let rig = Rig::new();
    rig.fill_medium();
    rig.seek(2);
    let interleaved = |index: u8| index * 7 % 18 + 1;
    let ids: Vec<u8> = (0..17).flat_map(|index| [2, 1, interleaved(index), 2]).chain([9, 1, 18, 2]).collect();
    let mut buffer = rig.buffer(ids.len());
    buffer.write(0, &ids).expect("inside");
    rig.program(TO_DEVICE, &buffer, ids.len());
    rig.command(&[FORMAT, 0x04, 2, 18, 0x50, 0xF6]);
    rig.run();
    assert_eq!(rig.ended()[..3], [0x04, 0, 0]);
    assert!(rig.medium(2 * CYLINDER + TRACK, SECTOR) == [0xF6; SECTOR]);
    let (result, _) = rig.read(READ, At(2, 1, 1, 18), 16 * SECTOR);
    let missing = interleaved(17);
    assert_eq!(result, [0x44, 0x04, 0x10, 2, 1, missing, 2], "it was given cylinder 9 in its place");
}

#[test]
fn mishaps_that_are_injected() {
    let rig = Rig::new();
    let medium = rig.fill_medium();
    rig.floppy.inject(FloppyInjection::ShortTransfer { after: 700 }).expect("it can be");
    let (result, bytes) = rig.read(READ, At(0, 0, 1, 18), 3 * SECTOR);
    assert_eq!(result, [0, 0, 0, 0, 0, 3, 2]);
    assert_eq!(usize::from(rig.count_left()), 3 * SECTOR - 700 - 1);
    assert!(bytes[..700] == medium[..700]);
    rig.floppy.inject(FloppyInjection::LostInterrupt).expect("it can be");
    rig.program(FROM_DEVICE, &rig.buffer(SECTOR), SECTOR);
    rig.start_transfer(READ, At(0, 0, 1, 18));
    rig.run();
    assert!(!rig.floppy.interrupting());
    assert_eq!(rig.result::<7>()[0], 0, "the result is there");
    let (result, _) = rig.read(READ, At(0, 0, 1, 18), SECTOR);
    assert_eq!(result[0], 0, "only one was lost");
}

#[test]
fn controllers_share_the_channel_and_nothing_else() {
    let mut rig = Rig::new();
    let second = rig.machine.attach_floppy().expect("ports");
    let third = rig.machine.attach_floppy().expect("ports");
    assert_eq!([rig.floppy.base(), second.base(), third.base()], [0x3F0, 0x370, 0x600]);
    for (number, floppy) in [Arc::clone(&rig.floppy), second, third].into_iter().enumerate() {
        assert_eq!((floppy.channel().number(), floppy.spec()), (2, &FLOPPIES[0]));
        rig.floppy = floppy;
        rig.start();
        let bytes = pattern(TRACK as u64, number as u64);
        rig.floppy.write_medium(0, &bytes).expect("inside");
        let (result, read) = rig.read(READ, At(0, 0, 1, 18), TRACK);
        assert_eq!(result, [0, 0, 0, 1, 0, 1, 2]);
        assert!(read == bytes);
        // Lets go of the channel for the next one.
        rig.put(2, 0x04);
    }
}

#[test]
fn ports_run_out() {
    let machine = Machine::new(MachineConfig::default()).expect("a machine");
    let mut last = machine.floppy().base();
    let controllers = loop {
        match machine.attach_floppy() {
            Ok(floppy) => last = floppy.base(),
            Err(NoPortsLeft { controllers }) => break controllers,
        }
    };
    assert_eq!((last, controllers), (0xFFF0, 2 + (0xFFF8 - 0x600) / 8));
}

/// What a driver, good or bad, may do.
#[derive(Debug, Clone)]
enum Act {
    Write(u16, u8),
    Read(u16),
    Step,
    Command(Vec<u8>),
    Dma(u16, u8),
    Insert,
    Eject,
}

fn act() -> impl Strategy<Value = Act> {
    let first = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![
            READ,
            READ_BOTH_SIDES,
            WRITE,
            WRITE_BOTH_SIDES,
            FORMAT,
            READ_ID,
            0x0F,
            0x07
        ])
    ];
    let command = (first, prop::collection::vec(prop_oneof![any::<u8>(), 0u8..4, Just(18)], 0..9));
    prop_oneof![
        3 => (0u16..8, any::<u8>()).prop_map(|(offset, value)| Act::Write(offset, value)),
        2 => (0u16..8).prop_map(Act::Read),
        4 => Just(Act::Step),
        2 => Just(Act::Write(2, 0x1C)),
        1 => Just(Act::Write(7, 0)),
        4 => command.prop_map(|(first, rest)| Act::Command([&[first][..], &rest].concat())),
        2 => (0u16..16, any::<u8>()).prop_map(|(port, value)| Act::Dma(port, value)),
        1 => prop::sample::select(vec![VERIFY, FROM_DEVICE, TO_DEVICE]).prop_map(|mode| Act::Dma(0x0B, mode)),
        2 => Just(Act::Dma(0x0A, 0x02)),
        1 => Just(Act::Insert),
        1 => Just(Act::Eject),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sequence_of_accesses_panics_and_a_reset_always_helps(
        acts in prop::collection::vec(act(), 0..120),
        patience in prop_oneof![Just(Patience::Waits), Just(Patience::Overruns)],
    ) {
        let rig = Rig::cold(MachineConfig { floppy_patience: patience, ..MachineConfig::default() });
        for act in acts {
            match act {
                Act::Write(offset, value) => rig.put(offset, value),
                Act::Read(offset) => drop(rig.get(offset)),
                Act::Step => rig.run(),
                Act::Command(bytes) => bytes.iter().for_each(|byte| rig.put(5, *byte)),
                Act::Dma(port, value) => rig.ports.write(port, value),
                Act::Insert => drop(rig.floppy.insert(FloppyDisk::new(FloppyGeometry::KB_720))),
                Act::Eject => drop(rig.floppy.eject()),
            }
        }
        rig.ports.write(0x08, 0x00);
        rig.put(2, 0x00);
        rig.put(2, 0x1C);
        rig.floppy.insert(FloppyDisk::new(FloppyGeometry::MB_1_44));
        rig.put(7, 0x00);
        rig.run();
        for drive in 0..4 {
            prop_assert_eq!(rig.sense(), [0xC0 | drive, 0]);
        }
        rig.command(&[0x03, 0xDF, 0x02]);
        rig.command(&[0x13, 0x00, 0x00, 0x00]);
        for _ in 0..2 {
            rig.command(&[0x07, 0x00]);
            rig.run();
            rig.sense();
        }
        let (result, _) = rig.read(READ, At(0, 0, 1, 18), SECTOR);
        prop_assert_eq!(result, [0, 0, 0, 0, 0, 2, 2]);
    }
}
