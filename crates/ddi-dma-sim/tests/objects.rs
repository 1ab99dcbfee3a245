//! Memory of processes as objects: locked, listed, mapped from a file, and moved about while nobody holds it.

mod common;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::Arc;
use std::thread;

use common::{machine, pattern};
use ddi_dma::{
    AddressRange, AddressSpace, BindErrorKind, BindFlags, Buf, BufKind, BusConfig, Direction, DmaObject,
    Errno, Extent, IosetupError, Iovec, IovecList, LockError, PageList, RangeError, UmemError, UmemFlags,
    View, umem_lock,
};
use ddi_dma_sim::{
    DEVICES, DiskDriver, Iommu, Machine, MachineConfig, MappedFile, Memory, PageSize, Protection,
    TransferErrorKind, UserSpace,
};

const PAGE: u64 = 4096;

fn space(process: &Arc<UserSpace>) -> Arc<dyn AddressSpace> {
    process.clone()
}

/// Fills a new mapping with a pattern.
fn filled(process: &UserSpace, length: u64, seed: u64) -> (u64, Vec<u8>) {
    let address = process.map(length, Protection::ReadWrite).expect("room");
    let bytes = pattern(length, seed);
    process.write(address, &bytes).expect("writable");
    (address, bytes)
}

fn contents(process: &UserSpace, address: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    process.read(address, &mut bytes).expect("readable");
    bytes
}

fn on_disk<O: DmaObject>(driver: &DiskDriver<O>, offset: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    driver.disk().read_medium(offset, &mut bytes).expect("on the disk");
    bytes
}

fn assert_nothing_locked(process: &UserSpace) {
    assert_eq!((process.locked_pages(), process.lock_limit().locked()), (0, 0));
}

#[test]
fn umem_lock_refuses_with_the_error_of_the_manual() {
    let machine = machine(1, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, 4 * PAGE);
    let address = process.map(4 * PAGE, Protection::ReadWrite).expect("room");
    let read_only = process.map(2 * PAGE, Protection::ReadOnly).expect("room");
    let none = process.map(PAGE, Protection::None).expect("room");
    let (read, write) = (UmemFlags::READ, UmemFlags::WRITE);
    let unknown = UmemFlags::from_bits_retain(0x5);
    let range = |address, length| UmemError::Range { address, length, page_size: PAGE };
    let fault = |address| UmemError::Lock(LockError::Fault { address });
    let access = |address, needed| UmemError::Lock(LockError::Access { address, needed });
    let top = 0u64.wrapping_sub(PAGE);
    let cases = [
        (address, PAGE, UmemFlags::empty(), UmemError::Flags { flags: UmemFlags::empty() }, Errno::EINVAL),
        (address, PAGE, unknown, UmemError::Flags { flags: unknown }, Errno::EINVAL),
        (address + 1, PAGE, read, range(address + 1, PAGE), Errno::EINVAL),
        (address, PAGE + 1, read, range(address, PAGE + 1), Errno::EINVAL),
        (address, 0, read, range(address, 0), Errno::EINVAL),
        (
            address,
            5 * PAGE,
            read,
            UmemError::Limit { asked: 5 * PAGE, locked: 0, limit: 4 * PAGE },
            Errno::ENOMEM,
        ),
        (0, PAGE, read, fault(0), Errno::EFAULT),
        (address + 3 * PAGE, 2 * PAGE, read, fault(address + 4 * PAGE), Errno::EFAULT),
        (top, PAGE, read, fault(top), Errno::EFAULT),
        (top, 2 * PAGE, read, fault(u64::MAX), Errno::EFAULT),
        (read_only, PAGE, write, access(read_only, write), Errno::EACCES),
        (read_only, PAGE, read | write, access(read_only, read | write), Errno::EACCES),
        (none, PAGE, read, access(none, read), Errno::EACCES),
    ];
    for (address, length, flags, error, errno) in cases {
        let refused = umem_lock(&space(&process), address, length, flags).expect_err("refused");
        assert_eq!((refused, refused.errno()), (error, errno), "{address:#x}, {length:#x}, {flags:?}");
        assert_nothing_locked(&process);
    }
    let cookie = umem_lock(&space(&process), read_only, 2 * PAGE, read).expect("permitted");
    assert_eq!((cookie.address(), cookie.len(), cookie.access()), (read_only, 2 * PAGE, read));
}

#[test]
fn a_machine_without_memory_cannot_bring_pages_in() {
    let config = MachineConfig { frame_limit: Some(3 * PAGE), ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    let process = UserSpace::new(&machine, u64::MAX);
    let address = process.map(4 * PAGE, Protection::ReadWrite).expect("room");
    let error = umem_lock(&space(&process), address, 4 * PAGE, UmemFlags::READ).expect_err("3 frames");
    assert_eq!(error, UmemError::Lock(LockError::NoMemory { address: address + 3 * PAGE }));
    assert_eq!(error.errno(), Errno::ENOMEM);
    assert_nothing_locked(&process);
    // The pages that were brought in are swapped out, and three others come.
    assert_eq!(process.swap_out(), 3);
    let cookie = umem_lock(&space(&process), address + PAGE, 3 * PAGE, UmemFlags::READ).expect("locked");
    assert_eq!((process.swap_out(), process.locked_pages()), (0, 3));
    cookie.unlock();
    assert_nothing_locked(&process);
}

#[test]
fn the_limit_counts_every_lock_and_forgets_it_on_any_thread() {
    let machine = machine(2, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, 4 * PAGE);
    let address = process.map(8 * PAGE, Protection::ReadWrite).expect("room");
    let space = space(&process);
    let lock = |first: u64, count| umem_lock(&space, address + first * PAGE, count * PAGE, UmemFlags::READ);
    let first = lock(0, 2).expect("2 of 4");
    let second = lock(1, 1).expect("3 of 4, a page twice");
    assert_eq!((process.locked_pages(), process.lock_limit().locked()), (2, 3 * PAGE));
    let limit = |asked, locked| UmemError::Limit { asked, locked, limit: 4 * PAGE };
    assert_eq!(lock(4, 2).expect_err("5 of 4"), limit(2 * PAGE, 3 * PAGE));
    let third = lock(7, 1).expect("4 of 4");
    assert_eq!(lock(6, 1).expect_err("none left"), limit(PAGE, 4 * PAGE));
    thread::spawn(move || first.unlock()).join().expect("unlocked elsewhere");
    assert_eq!((process.locked_pages(), process.lock_limit().locked()), (2, 2 * PAGE));
    assert_eq!(lock(5, 3).expect_err("5 of 4"), limit(3 * PAGE, 2 * PAGE));
    // A buf of a cookie counts on when the cookie is gone.
    let buf = third.iosetup(8, 100, Direction::ToDevice).expect("inside");
    drop((second, third));
    assert_eq!((process.locked_pages(), process.lock_limit().locked()), (1, PAGE));
    process.lock_limit().set_limit(0);
    assert_eq!(lock(0, 1).expect_err("lowered"), UmemError::Limit { asked: PAGE, locked: PAGE, limit: 0 });
    thread::spawn(move || drop(buf)).join().expect("unlocked elsewhere");
    assert_nothing_locked(&process);
}

#[test]
fn many_threads_never_pass_the_limit() {
    let machine = machine(3, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, 3 * PAGE);
    let address = process.map(4 * PAGE, Protection::ReadWrite).expect("room");
    let locked: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|index| {
                let (space, process) = (space(&process), &process);
                scope.spawn(move || {
                    let mut had = 0;
                    for _ in 0..500 {
                        let cookie = umem_lock(&space, address + index * PAGE, PAGE, UmemFlags::WRITE);
                        assert!(process.lock_limit().locked() <= 3 * PAGE);
                        had += u64::from(cookie.is_ok());
                    }
                    had
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert!(locked > 0, "what fits is locked");
    assert_nothing_locked(&process);
}

#[test]
fn iosetup_refuses_what_is_not_locked() {
    let machine = machine(4, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, u64::MAX);
    let address = process.map(2 * PAGE, Protection::ReadOnly).expect("room");
    let cookie = umem_lock(&space(&process), address, 2 * PAGE, UmemFlags::READ).expect("locked");
    for direction in [Direction::FromDevice, Direction::Both] {
        let error = cookie.iosetup(0, 1, direction).expect_err("locked for reading alone");
        let (needed, locked) = (UmemFlags::needed(direction), UmemFlags::READ);
        assert_eq!(error, IosetupError::Access { needed, locked });
    }
    for (offset, length) in [(0, 2 * PAGE + 1), (2 * PAGE, 1), (u64::MAX, 2)] {
        let error = cookie.iosetup(offset, length, Direction::ToDevice).expect_err("outside");
        assert_eq!(error, IosetupError::Range(RangeError { offset, length, object: 2 * PAGE }));
    }
    let buf = cookie.iosetup(PAGE + 1, PAGE - 1, Direction::ToDevice).expect("inside");
    assert_eq!(buf.kind(), BufKind::Shadow { address: address + PAGE + 1 });
    assert_eq!((buf.bcount(), buf.address()), (PAGE - 1, Some(address + PAGE + 1)));
}

#[test]
fn what_is_locked_for_reading_is_not_bound_to_be_written() {
    let machine = machine(16, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, u64::MAX);
    let address = process.map(PAGE, Protection::ReadOnly).expect("room");
    let space = space(&process);
    let iovec = Iovec { base: address, length: 512 };
    let buf = Buf::lock(&space, address, 512, Direction::ToDevice).expect("mapped");
    refuses_reads(&machine, umem_lock(&space, address, PAGE, UmemFlags::READ).expect("mapped"));
    refuses_reads(&machine, AddressRange::lock(&space, address, 512, UmemFlags::READ).expect("mapped"));
    refuses_reads(&machine, IovecList::lock(&space, &[iovec], UmemFlags::READ).expect("mapped"));
    refuses_reads(&machine, buf);
    assert_nothing_locked(&process);
}

fn refuses_reads<O: DmaObject + std::fmt::Debug>(machine: &Machine, object: O) {
    let mut driver = DiskDriver::new(machine, "pci-disk", BusConfig::default()).expect("attached");
    let error = driver.read(0, object, BindFlags::empty()).expect_err("not permitted");
    let refused = BindErrorKind::Direction { direction: Direction::FromDevice };
    assert!(matches!(error.kind, TransferErrorKind::Bind { kind, .. } if kind == refused), "{error}");
    driver.write(0, error.object, BindFlags::empty()).expect("permitted");
}

/// Pages of a process that nobody has locked: what a driver must not bind.
struct Unlocked {
    machine: Arc<Machine>,
    pages: Vec<u64>,
    length: u64,
}

// SAFETY: nothing refers to the memory; all copies go through the host's kernel. That the pages belong to the process no
// longer is what the test shows: in the simulation it changes wrong bytes, never memory of the host.
unsafe impl DmaObject for Unlocked {
    fn view(&self) -> View<'_> {
        PageList::new(&self.pages, PAGE, 0, self.length).map_or(View::Extents(&[]), View::Pages)
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        let memory: &Memory = self.machine.memory();
        for at in offset..offset + length {
            let mut byte = [0];
            memory.peek(self.pages[(at / PAGE) as usize] + at % PAGE, &mut byte).expect("memory");
            // SAFETY: the caller's `to` takes `length` bytes.
            unsafe { to.add((at - offset) as usize).write(byte[0]) }
        }
    }

    unsafe fn copy_in(&self, _offset: u64, _from: *const u8, _length: u64) {
        unreachable!("only written to a device here");
    }
}

#[test]
fn only_locking_keeps_pages_where_a_device_finds_them() {
    for device in &DEVICES {
        let machine = Arc::new(machine(5, PageSize::Kib4, Iommu::Off));
        let process = UserSpace::new(&machine, u64::MAX);
        let (address, bytes) = filled(&process, 8 * PAGE, 5);
        let flags = BindFlags::PARTIAL;

        let pages = (0..8).map(|index| process.frame_at(address + index * PAGE).expect("touched")).collect();
        let unlocked = Unlocked { machine: machine.clone(), pages, length: 8 * PAGE };
        let mut driver = DiskDriver::new(&machine, device.name, BusConfig::default()).expect("attached");
        assert_eq!(process.churn().expect("memory"), 8);
        driver.write(0, unlocked, flags).expect("the device knows no better");
        assert_ne!(
            on_disk(&driver, 0, 8 * PAGE),
            bytes,
            "{}: pages that moved are not the object",
            device.name
        );

        let mut driver = DiskDriver::new(&machine, device.name, BusConfig::default()).expect("attached");
        let range = AddressRange::lock(&space(&process), address, 8 * PAGE, UmemFlags::READ).expect("mapped");
        assert_eq!((process.churn().expect("memory"), process.swap_out()), (0, 0));
        driver.start(0, range, Direction::ToDevice, flags).expect("started");
        assert_eq!((process.churn().expect("memory"), process.swap_out()), (0, 0), "in flight");
        while driver.disk().step() == ddi_dma_sim::Stepped::Done {
            driver.intr();
        }
        let (range, _) = driver.ended().expect("ended").expect("well");
        assert_eq!(range.address(), address);
        assert!(on_disk(&driver, 0, 8 * PAGE) == bytes, "{}: locked pages stay", device.name);
        drop(range);
        assert_nothing_locked(&process);
        assert_eq!((process.churn().expect("memory"), process.swap_out()), (8, 8));
        assert!(contents(&process, address, 8 * PAGE) == bytes, "the process sees none of it");
    }
}

#[test]
fn a_device_may_end_its_work_on_pages_that_the_process_has_unmapped() {
    let machine = machine(6, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, u64::MAX);
    let (address, bytes) = filled(&process, 4 * PAGE, 6);
    let cookie = umem_lock(&space(&process), address, 3 * PAGE, UmemFlags::READ).expect("locked");
    assert!(process.unmap(address));
    assert!(!process.unmap(address));
    assert_eq!(machine.memory().used(), 3 * PAGE, "what is locked stays");
    let mut byte = [0];
    assert_eq!(process.read(address, &mut byte), Err(LockError::Fault { address }));
    let mut driver = DiskDriver::new(&machine, "pci64-disk", BusConfig::default()).expect("attached");
    let (cookie, _) = driver.write(0, cookie, BindFlags::empty()).expect("written");
    assert!(on_disk(&driver, 0, 3 * PAGE) == bytes[..3 * PAGE as usize]);
    drop(cookie);
    assert_nothing_locked(&process);
    assert_eq!(machine.memory().used(), 0);
}

#[test]
fn a_transfer_that_is_abandoned_keeps_its_pages_locked() {
    let machine = machine(7, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, u64::MAX);
    let (address, _) = filled(&process, 4 * PAGE, 7);
    let buf = Buf::lock(&space(&process), address + 5, 512, Direction::FromDevice).expect("mapped");
    let (buf, wait) = buf.issue();
    let mut driver = DiskDriver::new(&machine, "pci-disk", BusConfig::default()).expect("attached");
    driver.start(0, buf, Direction::FromDevice, BindFlags::empty()).expect("started");
    let device = driver.device().clone();
    drop(driver);
    assert_eq!((process.locked_pages(), wait.ended()), (1, false), "the device may still write");
    // SAFETY: the device is never let run.
    assert_eq!(unsafe { device.release_quarantine() }, 512);
    assert!(wait.wait(|| unreachable!("it is over")).is_err());
    assert_nothing_locked(&process);
}

#[test]
fn iovecs_reach_every_device_byte_for_byte() {
    for (device, page_size) in DEVICES.iter().flat_map(|d| [(d, PageSize::Kib4), (d, PageSize::Kib8)]) {
        for iommu in [Iommu::Off, Iommu::on()] {
            let machine = machine(8, page_size, iommu);
            let process = UserSpace::new(&machine, 0);
            let (address, bytes) = filled(&process, 30 * PAGE, 8);
            let shape =
                [(1, 1), (4095, 2), (20_000, 0), (8191, 12_289), (40_001, 16_384), (3, 77), (90_000, 8000)];
            let iovecs = shape.map(|(at, length)| Iovec { base: address + at, length });
            let total: u64 = shape.iter().map(|(_, length)| length).sum();
            let part =
                |bytes: &[u8], (at, length): (u64, u64)| bytes[at as usize..][..length as usize].to_vec();
            let expected: Vec<u8> = shape.iter().flat_map(|shape| part(&bytes, *shape)).collect();

            let mut driver = DiskDriver::new(&machine, device.name, BusConfig::default()).expect("attached");
            let list = IovecList::lock(&space(&process), &iovecs, UmemFlags::READ).expect("mapped");
            let (list, report) = driver.write(3, list, BindFlags::PARTIAL).expect("written");
            assert_eq!((report.length, report.moved), (total, total));
            assert!(on_disk(&driver, 3 * 512, total) == expected, "{}: to the disk", device.name);
            drop(list);
            assert_nothing_locked(&process);

            let news = pattern(total, 9);
            driver.disk().write_medium(9 * 512, &news).expect("on the disk");
            let access = UmemFlags::READ | UmemFlags::WRITE;
            let list = IovecList::lock(&space(&process), &iovecs, access).expect("mapped");
            driver.read(9, list, BindFlags::PARTIAL).expect("read");
            let mut expected = bytes.clone();
            let mut from = 0;
            for (at, length) in shape {
                expected[at as usize..][..length as usize].copy_from_slice(&news[from..][..length as usize]);
                from += length as usize;
            }
            assert!(contents(&process, address, 30 * PAGE) == expected, "{}: from the disk", device.name);
            assert_nothing_locked(&process);
        }
    }
}

#[test]
fn iovecs_that_touch_in_memory_are_one_extent() {
    let machine = machine(15, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, 0);
    let (address, bytes) = filled(&process, 2 * PAGE, 15);
    let iovecs = [(100, 50), (150, 70), (220, 0), (220, PAGE - 220), (10, 5)];
    let iovecs = iovecs.map(|(at, length)| Iovec { base: address + at, length });
    let list = IovecList::lock(&space(&process), &iovecs, UmemFlags::READ).expect("mapped");
    let frame = process.frame_at(address).expect("locked");
    let extents: Vec<Extent> = list.view().extents().collect();
    let expected = [(100, PAGE - 100), (10, 5)].map(|(at, size)| Extent { address: frame + at, size });
    assert_eq!(extents, expected);
    let mut driver = DiskDriver::new(&machine, "pci-disk", BusConfig::default()).expect("attached");
    driver.write(0, list, BindFlags::empty()).expect("written");
    let there = on_disk(&driver, 0, PAGE - 95);
    assert!(there == [&bytes[100..PAGE as usize], &bytes[10..15]].concat());
}

#[test]
fn an_iovec_that_cannot_be_locked_unlocks_the_others() {
    let machine = machine(10, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, 0);
    let (address, _) = filled(&process, 2 * PAGE, 10);
    let good = Iovec { base: address + 9, length: PAGE };
    let hole = Iovec { base: address + 2 * PAGE - 1, length: 2 };
    let error = IovecList::lock(&space(&process), &[good, hole], UmemFlags::READ).expect_err("a hole");
    assert_eq!(error, LockError::Fault { address: address + 2 * PAGE });
    let wraps = Iovec { base: u64::MAX, length: 2 };
    let error = IovecList::lock(&space(&process), &[good, wraps], UmemFlags::READ).expect_err("wraps");
    assert_eq!(error, LockError::Fault { address: u64::MAX });
    assert_nothing_locked(&process);
}

#[test]
fn every_kind_of_buf_moves_the_same_bytes() {
    for device in &DEVICES {
        let machine = machine(11, PageSize::Kib4, Iommu::Off);
        let process = UserSpace::new(&machine, u64::MAX);
        let (file, bytes) = file(5 * PAGE + 100, 11);
        let mapped = Arc::new(MappedFile::new(&machine, file).expect("mapped"));
        let address = process.map_file(&mapped, Protection::ReadWrite).expect("room");
        let mut driver = DiskDriver::new(&machine, device.name, BusConfig::default()).expect("attached");
        let (at, length) = (4091, 12_345);
        let bufs = |direction: Direction| {
            let access = UmemFlags::needed(direction);
            let cookie = umem_lock(&space(&process), address, 6 * PAGE, access).expect("locked");
            [
                Buf::lock(&space(&process), address + at, length, direction).expect("mapped"),
                Buf::from_pages(mapped.clone(), at, length, direction).expect("inside"),
                cookie.iosetup(at, length, direction).expect("inside"),
            ]
        };
        for (number, buf) in (0..).zip(bufs(Direction::ToDevice)) {
            let block = number * 100;
            let (buf, report) = driver.write(block, buf, BindFlags::PARTIAL).expect("written");
            assert_eq!((report.moved, buf.resid()), (length, 0));
            let there = on_disk(&driver, block * 512, length);
            assert!(there == bytes[at as usize..][..length as usize], "{}: {:?}", device.name, buf.kind());
        }
        let mut expected = bytes.clone();
        for (number, buf) in (0..).zip(bufs(Direction::FromDevice)) {
            let news = pattern(length, 100 + number);
            driver.disk().write_medium(0, &news).expect("on the disk");
            let (buf, _) = driver.read(0, buf, BindFlags::PARTIAL).expect("read");
            let mut there = vec![0; length as usize];
            buf.read(0, &mut there).expect("inside");
            assert!(there == news, "{}: {:?}", device.name, buf.kind());
            expected[at as usize..][..length as usize].copy_from_slice(&news);
            assert!(contents(&process, address, expected.len() as u64) == expected);
        }
        assert_nothing_locked(&process);
    }
}

/// A file of the host with a pattern in it.
fn file(length: u64, seed: u64) -> (File, Vec<u8>) {
    let mut file = tempfile::tempfile().expect("a file");
    let bytes = pattern(length, seed);
    file.write_all(&bytes).expect("room on the host");
    (file, bytes)
}

#[test]
fn a_file_gets_what_a_device_wrote_when_it_is_flushed() {
    let machine = machine(12, PageSize::Kib4, Iommu::Off);
    let (mut host, mut bytes) = file(2 * PAGE + 10, 12);
    let mapped = Arc::new(MappedFile::new(&machine, host.try_clone().expect("a file")).expect("mapped"));
    assert_eq!((mapped.len(), machine.memory().used()), (2 * PAGE + 10, 3 * PAGE));
    let mut driver = DiskDriver::new(&machine, "isa-disk", BusConfig::default()).expect("attached");
    let news = pattern(5000, 13);
    driver.disk().write_medium(0, &news).expect("on the disk");
    // The object ends behind the end of the file, within its last page.
    let buf = Buf::from_pages(mapped.clone(), 2 * PAGE - 1000, 5000, Direction::FromDevice).expect("inside");
    driver.read(0, buf, BindFlags::PARTIAL).expect("read");
    let now = |host: &mut File| {
        let mut there = Vec::new();
        host.rewind().and_then(|()| host.read_to_end(&mut there)).expect("readable");
        there
    };
    assert!(now(&mut host) == bytes, "nothing reaches the file by itself");
    mapped.flush().expect("room on the host");
    bytes[2 * PAGE as usize - 1000..].copy_from_slice(&news[..1010]);
    assert!(now(&mut host) == bytes, "the file keeps its length");
    let outside = Buf::from_pages(mapped.clone(), 3 * PAGE - 1, 2, Direction::ToDevice).expect_err("outside");
    assert_eq!(outside, RangeError { offset: 3 * PAGE - 1, length: 2, object: 3 * PAGE });
    drop((mapped, driver));
    assert_eq!(machine.memory().used(), 0);
    assert!(MappedFile::new(&machine, tempfile::tempfile().expect("a file")).is_err(), "no bytes");
}

#[test]
fn a_mapped_file_outlives_its_mapping_while_it_is_locked() {
    let machine = machine(14, PageSize::Kib4, Iommu::Off);
    let process = UserSpace::new(&machine, u64::MAX);
    let (file, bytes) = file(PAGE, 14);
    let mapped = Arc::new(MappedFile::new(&machine, file).expect("mapped"));
    let address = process.map_file(&mapped, Protection::ReadOnly).expect("room");
    assert_eq!(process.write(address, b"no"), Err(LockError::Access { address, needed: UmemFlags::WRITE }));
    drop(mapped);
    let cookie = umem_lock(&space(&process), address, PAGE, UmemFlags::READ).expect("locked");
    assert!(process.unmap(address));
    let mut driver = DiskDriver::new(&machine, "isa-sg-disk", BusConfig::default()).expect("attached");
    let (cookie, _) = driver.write(0, cookie, BindFlags::empty()).expect("written");
    assert!(on_disk(&driver, 0, PAGE) == bytes);
    drop((cookie, driver));
    assert_nothing_locked(&process);
    assert_eq!(machine.memory().used(), 0);
}
