//! Transfers that go wrong: what the driver says, what it tries again, and that the object comes back each time.

mod common;

use common::{DISK, Rig, SECTOR, disk, failed, pattern};
use ddi_dma::{BindErrorKind, BindFlags, BusConfig, PortIo, Wait};
use ddi_dma_sim::{
    BufferSpec, Flaw, FloppyDisk, FloppyGeometry, FloppyInjection, MachineConfig, Patience, WriteProtection,
};
use isa_floppy::{
    Cause, Chs, Config, Fault, MOST_TRIES, Order, Phase, St0, St1, St2, TransferErrorKind as Kind,
};

fn damage(cylinder: u8, head: u8, sector: u8, flaw: Flaw) -> FloppyInjection {
    FloppyInjection::Damage { cylinder, head, sector, flaw }
}

/// Why the drive failed, and what the engine had not moved.
fn fault(kind: Kind) -> (Fault, u64) {
    let Kind::Drive { fault, remaining, .. } = kind else { panic!("it was the drive, not {kind}") };
    (fault, remaining)
}

/// Why the controller says that a command failed.
fn cause(kind: Kind) -> Cause {
    let Fault::Reported { cause, .. } = fault(kind).0 else {
        panic!("the controller reports it, not {kind}")
    };
    cause
}

#[test]
fn a_protected_disk_is_read_and_not_written() {
    let mut rig = Rig::new();
    let mut protected = disk();
    protected.protect(WriteProtection::On);
    rig.drive.insert(protected);
    let before = rig.fill_medium(40, 3, 1);
    let (kind, report, object) = failed(rig.write(40, rig.sectors(3, 2)), 3);
    assert_eq!(cause(kind), Cause::WriteProtected);
    assert_eq!((report.retries, report.moved), (0, 0), "nothing that a second try would change");
    assert_eq!(object.to_vec(), pattern(3 * SECTOR, 2));
    assert_eq!(
        kind.to_string(),
        "sectors 40..43: the disk is write-protected (ST0 0x40, ST1 0x02, ST2 0x00 at 1/0/5)"
    );
    rig.assert_all_is_free();
    let (read, _) = rig.read(40, 3).unwrap();
    assert_eq!((read.to_vec(), rig.medium(40, 3)), (before.clone(), before));
}

#[test]
fn a_sector_that_is_bad_once_is_read_again() {
    let mut rig = Rig::new();
    let bytes = rig.fill_medium(30, 50, 3);
    rig.drive.inject(damage(1, 1, 2, Flaw::Once)).unwrap();
    let (read, report) = rig.read(30, 50).unwrap();
    assert_eq!((report.retries, report.moved), (1, 50 * SECTOR));
    assert!(read.to_vec() == bytes);
}

#[test]
fn a_sector_that_stays_bad_is_an_error_after_five_tries() {
    let mut rig = Rig::new();
    let bytes = rig.fill_medium(30, 50, 3);
    rig.drive.inject(damage(1, 1, 2, Flaw::Always)).unwrap();
    let (kind, report, object) = failed(rig.read(30, 50), 50);
    assert_eq!(report.retries, MOST_TRIES - 1);
    assert_eq!(report.moved, 6 * SECTOR, "the command on the cylinder before");
    let Kind::Drive { fault: Fault::Reported { cause, status }, lba, sectors, remaining } = kind else {
        panic!("{kind}")
    };
    assert_eq!((cause, lba, sectors), (Cause::DataCrc, 36, 36));
    assert_eq!((status.st1, status.st2), (St1::DATA_ERROR, St2::IN_DATA));
    assert_eq!(status.at, Chs { cylinder: 1, head: 1, sector: 2 });
    // Twenty sectors passed, the bad one included.
    assert_eq!(remaining, 16 * SECTOR);
    assert!(object.to_vec()[..6 * 512] == bytes[..6 * 512]);
    rig.assert_all_is_free();
    let (_, report) = rig.read(0, 55).unwrap();
    assert_eq!(report.retries, 0, "its neighbours are good");
}

#[test]
fn each_command_has_five_tries_of_its_own() {
    let mut rig = Rig::new();
    let bytes = rig.fill_medium(0, 108, 1);
    for cylinder in 0..3 {
        rig.drive.inject(damage(cylinder, 0, 1, Flaw::Once)).unwrap();
        rig.drive.inject(damage(cylinder, 1, 9, Flaw::Once)).unwrap();
    }
    let (read, report) = rig.read(0, 108).unwrap();
    assert_eq!(report.retries, 6);
    assert!(read.to_vec() == bytes);
}

#[test]
fn a_drive_without_a_disk() {
    let mut rig = Rig::new();
    let taken = rig.drive.eject().unwrap();
    for _ in 0..2 {
        let (kind, report, _) = failed(rig.read(0, 4), 4);
        assert_eq!((fault(kind), report.retries), ((Fault::NoDisk, 4 * SECTOR), 0));
        assert_eq!(kind.to_string(), "sectors 0..4: there is no disk in the drive");
    }
    rig.assert_all_is_free();
    rig.drive.insert(taken);
    rig.read(0, 4).expect("somebody was told already");
}

#[test]
fn another_disk_is_told_once_and_not_written_by_then() {
    let mut rig = Rig::new();
    rig.write(0, rig.sectors(2, 1)).unwrap();
    rig.drive.insert(disk());
    let (kind, _, object) = failed(rig.write(100, rig.sectors(2, 2)), 2);
    assert_eq!(fault(kind).0, Fault::DiskChanged);
    assert!(rig.medium(0, DISK).iter().all(|byte| *byte == 0), "the new disk is untouched");
    rig.write(100, object).unwrap();
    assert_eq!(rig.medium(100, 2), pattern(2 * SECTOR, 2));
}

#[test]
fn a_disk_that_is_taken_in_the_middle_of_an_object() {
    let mut rig = Rig::new();
    let object = rig.sectors(100, 1);
    let mut transfer = rig.floppy.prepare(&Order::write(0), object, Wait::DontWait).unwrap();
    transfer.load(&mut rig.floppy).unwrap().expect("a first command").issue().unwrap().settle().unwrap();
    rig.drive.insert(disk());
    let (kind, report, _) = failed(transfer.run(&mut rig.floppy), 100);
    assert_eq!(fault(kind).0, Fault::DiskChanged);
    assert_eq!((report.moved, report.commands), (36 * SECTOR, 1));
    assert!(rig.medium(0, DISK).iter().all(|byte| *byte == 0));
}

#[test]
fn what_is_not_on_the_disk_or_no_whole_sectors() {
    let mut rig = Rig::new();
    for (lba, sectors) in [(2880, 1), (2879, 2), (0, 2881), (u64::MAX, 1), (u64::MAX / 512, 1)] {
        let (kind, report, _) = failed(rig.read(lba, sectors), sectors);
        assert_eq!(kind, Kind::OutOfRange { lba, sectors, capacity: 2880 });
        assert_eq!(report.length, sectors * SECTOR);
    }
    for length in [1, 511, 513, 1_474_559] {
        let buffer = rig.machine.buffer(&BufferSpec::new(length)).unwrap();
        let error = rig.floppy.write(0, buffer, Wait::DontWait).unwrap_err();
        assert_eq!((error.kind(), error.object.len()), (Kind::Length { length }, length));
    }
    rig.assert_all_is_free();
}

#[test]
fn an_object_that_cannot_be_bound() {
    let little = BusConfig { copy_buffer_limit: 511, ..BusConfig::default() };
    let mut rig = Rig::with(MachineConfig::default(), little, Config::default());
    let (kind, _, object) = failed(rig.write(0, rig.sectors(2, 1)), 2);
    assert!(matches!(kind, Kind::Bind(BindErrorKind::TooBig(_))), "{kind}");
    assert_eq!(kind.shortage(), None, "waiting would not help");
    assert_eq!(object.to_vec(), pattern(2 * SECTOR, 1));
    let flags = BindFlags::CONSISTENT | BindFlags::STREAMING;
    let order = Order { flags, ..Order::read(0) };
    let (kind, _, _) = failed(rig.floppy.prepare(&order, object, Wait::DontWait), 2);
    assert_eq!(kind, Kind::Bind(BindErrorKind::Flags));
    rig.assert_all_is_free();
}

#[test]
fn a_head_that_does_not_arrive() {
    let mut rig = Rig::new();
    rig.read(0, 1).unwrap();
    // Somebody else has the motor stopped: the drive does not hear the pulses.
    rig.board.before_each_wait({
        let ports = rig.machine.ports();
        move |_| ports.write(0x3F2, 0x0C)
    });
    rig.floppy.seek(82).expect("the controller only counts");
    let refused = rig.floppy.recalibrate().unwrap_err();
    assert!(matches!(refused, Fault::Seek { cylinder: 0, st0, .. } if st0.contains(St0::EQUIPMENT_CHECK)));
    assert_eq!(refused.to_string(), "no cylinder 0: ST0 0x70, the head is at 0");
    rig.board.before_each_wait(|_| {});
    rig.floppy.motor_off();
    rig.read(0, 1).expect("the next transfer starts the motor and finds track 0");
}

#[test]
fn a_lost_interrupt_is_a_time_out_a_reset_and_another_try() {
    let mut rig = Rig::new();
    let bytes = rig.fill_medium(0, 40, 5);
    rig.read(0, 1).unwrap();
    rig.drive.inject(FloppyInjection::LostInterrupt).unwrap();
    let (read, report) = rig.read(0, 40).unwrap();
    assert_eq!(report.retries, 1);
    assert!(read.to_vec() == bytes);
    rig.drive.inject(FloppyInjection::LostInterrupt).unwrap();
    let (_, report) = rig.write(0, rig.sectors(40, 6)).unwrap();
    assert_eq!(report.retries, 1);
    assert!(rig.medium(0, 40) == pattern(40 * SECTOR, 6));
    // A seek's.
    rig.drive.inject(FloppyInjection::LostInterrupt).unwrap();
    assert_eq!(rig.floppy.seek(40), Err(Fault::TimedOut { phase: Phase::Seek }));
    rig.read(0, 1).expect("the controller is reset ahead of it");
}

#[test]
fn interrupts_that_are_always_lost() {
    let mut rig = Rig::new();
    rig.read(0, 1).unwrap();
    rig.board.before_each_wait(|drive| drive.inject(FloppyInjection::LostInterrupt).unwrap());
    let (kind, report, _) = failed(rig.read(0, 1), 1);
    assert_eq!(fault(kind).0, Fault::TimedOut { phase: Phase::Reset }, "the last try found no controller");
    assert_eq!(report.retries, MOST_TRIES - 1);
    rig.assert_all_is_free();
    rig.board.before_each_wait(|_| {});
    rig.read(0, 1).expect("nothing remembers it");
}

#[test]
fn a_transfer_that_ends_early_says_what_remains() {
    let mut rig = Rig::new();
    rig.read(0, 1).unwrap();
    rig.drive.inject(FloppyInjection::ShortTransfer { after: 700 }).unwrap();
    let object = rig.sectors(4, 1);
    let mut transfer = rig.floppy.prepare(&Order::write(0), object, Wait::DontWait).unwrap();
    let settled = transfer.load(&mut rig.floppy).unwrap().expect("a command").issue().unwrap().settle();
    assert_eq!(fault(settled.unwrap_err()), (Fault::Short { remaining: 2048 - 700 }, 2048 - 700));
    assert_eq!((transfer.report().moved, transfer.report().commands), (0, 0));
    // The same command once more.
    let (_, report) = transfer.run(&mut rig.floppy).unwrap();
    assert_eq!((report.moved, report.commands, report.retries), (2048, 1, 0));
    assert_eq!(rig.medium(0, 4), pattern(2048, 1));

    // The next command, and each one behind it.
    rig.board.before_each_wait(|drive| drive.inject(FloppyInjection::ShortTransfer { after: 512 }).unwrap());
    rig.drive.inject(FloppyInjection::ShortTransfer { after: 512 }).unwrap();
    let (kind, report, _) = failed(rig.read(0, 4), 4);
    assert_eq!(fault(kind), (Fault::Short { remaining: 1536 }, 1536));
    assert_eq!(report.retries, MOST_TRIES - 1);
}

#[test]
fn a_masked_channel_makes_no_progress_until_it_is_unmasked() {
    let mut rig = Rig::new();
    let bytes = rig.fill_medium(10, 30, 2);
    let object = rig.sectors(30, 3);
    let mut transfer = rig.floppy.prepare(&Order::read(10), object, Wait::DontWait).unwrap();
    let mut commands = 0;
    while let Some(mut loaded) = transfer.load(&mut rig.floppy).unwrap() {
        let length = loaded.engine().remaining().unwrap();
        loaded.engine().disable();
        let mut issued = loaded.issue().unwrap();
        rig.drive.step();
        assert!(!rig.drive.interrupting());
        assert_eq!(issued.engine().remaining().unwrap(), length, "nothing moves");
        issued.engine().enable().unwrap();
        issued.settle().unwrap();
        commands += 1;
    }
    let (object, report) = transfer.end();
    assert_eq!((report.commands, report.moved), (commands, 30 * SECTOR));
    assert!(object.to_vec() == bytes);
    rig.assert_all_is_free();
}

#[test]
fn a_byte_that_does_not_pass_in_time_is_an_overrun() {
    let config = MachineConfig { floppy_patience: Patience::Overruns, ..MachineConfig::default() };
    let mut rig = Rig::with(config, BusConfig::default(), Config::default());
    let bytes = rig.fill_medium(0, 1, 1);
    let object = rig.sectors(1, 3);
    let mut transfer = rig.floppy.prepare(&Order::read(0), object, Wait::DontWait).unwrap();
    let mut loaded = transfer.load(&mut rig.floppy).unwrap().expect("a command");
    loaded.engine().disable();
    let kind = loaded.issue().unwrap().settle().unwrap_err();
    assert_eq!((cause(kind), fault(kind).1), (Cause::Overrun, SECTOR));
    let (object, _) = transfer.run(&mut rig.floppy).unwrap();
    assert!(object.to_vec() == bytes);
}

#[test]
fn a_disk_that_is_formatted_otherwise() {
    let mut rig = Rig::new();
    rig.drive.insert(FloppyDisk::new(FloppyGeometry::KB_720));
    let (kind, report, _) = failed(rig.read(0, 1), 1);
    assert_eq!((cause(kind), report.retries), (Cause::MissingAddressMark, MOST_TRIES - 1));
}

#[test]
fn a_head_beyond_cylinder_79_comes_back() {
    let mut rig = Rig::new();
    rig.read(0, 1).unwrap();
    rig.floppy.seek(82).unwrap();
    rig.floppy.recalibrate().expect("two attempts reach track 0");
    rig.floppy.seek(82).unwrap();
    rig.floppy.reset().unwrap();
    let bytes = rig.fill_medium(2879, 1, 4);
    assert_eq!(rig.read(2879, 1).unwrap().0.to_vec(), bytes);
}

#[test]
fn a_head_that_is_elsewhere_finds_its_way_again() {
    let mut rig = Rig::new();
    let bytes = rig.fill_medium(5 * 36, 36, 4);
    rig.read(5 * 36, 1).unwrap();
    // Somebody else sends it to track 0.
    let ports = rig.machine.ports();
    [0x07, 0x00].iter().for_each(|byte| ports.write(0x3F5, *byte));
    rig.drive.step();
    ports.write(0x3F5, 0x08);
    assert_eq!([ports.read(0x3F5), ports.read(0x3F5)], [0x20, 0]);
    let object = rig.sectors(36, 3);
    let mut transfer = rig.floppy.prepare(&Order::read(5 * 36), object, Wait::DontWait).unwrap();
    let settled = transfer.load(&mut rig.floppy).unwrap().expect("a command").issue().unwrap().settle();
    assert_eq!(cause(settled.unwrap_err()), Cause::WrongCylinder);
    let (object, report) = transfer.run(&mut rig.floppy).unwrap();
    assert_eq!(
        (report.commands, report.retries),
        (1, 0),
        "the first try finds track 0, and then the cylinder"
    );
    assert!(object.to_vec() == bytes);
}

#[test]
fn an_abandoned_transfer_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let bytes = rig.fill_medium(0, 1, 4);
    let object = rig.sectors(40, 1);
    let mut transfer = rig.floppy.prepare(&Order::write(1), object, Wait::DontWait).unwrap();
    drop(transfer.load(&mut rig.floppy).unwrap().expect("a command").issue().unwrap());
    drop(transfer);
    rig.assert_all_is_free();
    // The controller still waits for bytes; nobody answers it.
    rig.drive.step();
    rig.floppy.reset().unwrap();
    assert_eq!(rig.read(0, 1).unwrap().0.to_vec(), bytes);
}
