//! Raw I/O: requests of processes, cut by mincnt, locked piece by piece, counted exactly.

mod common;

use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use common::{machine, pattern};
use ddi_dma::{
    AddressSpace, Buf, BufLost, BusConfig, Direction, Errno, Iovec, LockError, MAXPHYS, PhysioErrorKind,
    PhysioRequest, Platform, Transferred, Uio, UmemFlags, minphys, physio, physio_async, physio_on,
};
use ddi_dma_sim::{DEVICES, Injection, Iommu, Machine, PageSize, Protection, RawDisk, SECTOR, UserSpace};
use proptest::prelude::*;

const PAGE: u64 = 4096;

/// A process with one mapping, full of a pattern.
struct Process {
    user: Arc<UserSpace>,
    space: Arc<dyn AddressSpace>,
    address: u64,
    bytes: Vec<u8>,
}

impl Process {
    fn new(machine: &Machine, length: u64, seed: u64) -> Self {
        let user = UserSpace::new(machine, 0);
        let address = user.map(length, Protection::ReadWrite).expect("room");
        let bytes = pattern(length, seed);
        user.write(address, &bytes).expect("writable");
        Process { space: user.clone(), user, address, bytes }
    }

    fn uio(&self, parts: &[(u64, u64)], offset: u64) -> Uio {
        let iovec = |&(at, length)| Iovec { base: self.address + at, length };
        Uio::new(parts.iter().map(iovec).collect(), offset).expect("a sum")
    }

    fn now(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.bytes.len()];
        self.user.read(self.address, &mut bytes).expect("readable");
        bytes
    }

    /// What the memory holds after a device gave `from` to these parts, as a plain copy does.
    fn filled(&self, parts: &[(u64, u64)], from: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut left = from;
        for &(at, length) in parts {
            let (here, rest) = left.split_at(left.len().min(length as usize));
            bytes[at as usize..][..here.len()].copy_from_slice(here);
            left = rest;
        }
        bytes
    }

    /// What a plain copy gathers from these parts.
    fn gathered(&self, parts: &[(u64, u64)]) -> Vec<u8> {
        parts.iter().flat_map(|&(at, length)| self.bytes[at as usize..][..length as usize].to_vec()).collect()
    }
}

fn raw(machine: &Machine, device: &str) -> RawDisk {
    RawDisk::new(machine, device, BusConfig::default()).expect("attached")
}

/// Pieces that were about to be started: where on the device, and how many bytes.
type Noted = Arc<Mutex<Vec<(u64, u64)>>>;

/// Lowers pieces to `most` in whole sectors, and notes them; calls `before` with the number of each.
fn noting(
    most: u64,
    mut before: impl FnMut(usize) + Send + 'static,
) -> (impl FnMut(&mut PhysioRequest) + Send + 'static, Noted) {
    let pieces = Arc::new(Mutex::new(Vec::new()));
    let noted = pieces.clone();
    let mincnt = move |request: &mut PhysioRequest| {
        request.lower_to(most);
        request.round_down_to(SECTOR);
        let mut noted = noted.lock().expect("one thread");
        before(noted.len());
        noted.push((request.offset(), request.bcount()));
    };
    (mincnt, pieces)
}

/// The pieces that iovecs of these lengths are to come in.
fn expected_pieces(lengths: &[u64], most: u64, mut offset: u64) -> Vec<(u64, u64)> {
    let mut pieces = Vec::new();
    for length in lengths {
        let mut left = *length;
        while left > 0 {
            let piece = left.min(most);
            pieces.push((offset, piece));
            offset += piece;
            left -= piece;
        }
    }
    pieces
}

#[test]
fn requests_come_in_pieces_of_mincnt_and_go_byte_for_byte() {
    // Unaligned in memory, whole sectors in length, one iovec empty.
    let parts = [(3, 512), (1000, 0), (4095, 9 * 512), (20_000, 200 * 512), (8192, 4096)];
    let lengths = parts.map(|(_, length)| length);
    let total: u64 = lengths.iter().sum();
    for device in &DEVICES {
        for most in [512, 4096, MAXPHYS, u64::MAX] {
            let machine = machine(1, PageSize::Kib4, Iommu::on());
            let process = Process::new(&machine, 150_000, 1);
            let (mincnt, pieces) = noting(most, |_| ());
            let mut disk = raw(&machine, device.name).mincnt(mincnt);

            let mut uio = process.uio(&parts, 5 * 512);
            let done = disk.write(&process.space, &mut uio).expect("written");
            assert_eq!(done, Transferred { transferred: total, resid: 0 });
            assert_eq!((uio.resid(), uio.offset(), uio.iovecs()), (0, 5 * 512 + total, &[][..]));
            assert_eq!(*pieces.lock().expect("one thread"), expected_pieces(&lengths, most, 5 * 512));
            let mut there = vec![0; total as usize];
            disk.disk().read_medium(5 * 512, &mut there).expect("on the disk");
            assert!(there == process.gathered(&parts), "{}, {most}: to the disk", device.name);
            assert!(process.now() == process.bytes);

            let news = pattern(total, 2);
            disk.disk().write_medium(0, &news).expect("on the disk");
            let mut uio = process.uio(&parts, 0);
            let done = disk.read(&process.space, &mut uio).expect("read");
            assert_eq!(done, Transferred { transferred: total, resid: 0 });
            assert!(process.now() == process.filled(&parts, &news), "{}, {most}: to memory", device.name);
            assert_eq!(process.user.locked_pages(), 0);
        }
    }
}

#[test]
fn a_device_that_stops_short_stops_the_request() {
    for (stopped, after) in [(0, 0), (1, 700), (2, 4095), (5, 1)] {
        let machine = machine(3, PageSize::Kib4, Iommu::Off);
        let process = Process::new(&machine, 100_000, 3);
        let parts = [(7, 2 * PAGE), (30_001, 3 * PAGE), (60_000, PAGE)];
        let pieces = expected_pieces(&[2 * PAGE, 3 * PAGE, PAGE], PAGE, 0);
        let disk = raw(&machine, "pci64-disk");
        let device = disk.disk().clone();
        let inject = move |number| {
            if number == stopped {
                device.inject(Injection::ShortTransfer { after });
            }
        };
        let (mincnt, noted) = noting(PAGE, inject);
        let mut disk = disk.mincnt(mincnt);
        let news = pattern(6 * PAGE, 4);
        disk.disk().write_medium(0, &news).expect("on the disk");

        let mut uio = process.uio(&parts, 0);
        let done = disk.read(&process.space, &mut uio).expect("not an error");
        let transferred = stopped as u64 * PAGE + after;
        assert_eq!(done, Transferred { transferred, resid: 6 * PAGE - transferred });
        assert_eq!((uio.offset(), uio.resid()), (transferred, 6 * PAGE - transferred));
        assert_eq!(*noted.lock().expect("one thread"), pieces[..=stopped]);
        let expected = process.filled(&parts, &news[..transferred as usize]);
        assert!(process.now() == expected, "{stopped}, {after}: not a byte more");
        assert_eq!(process.user.locked_pages(), 0);
    }
}

#[test]
fn a_medium_that_fails_stops_the_request_with_its_exact_count() {
    for device in &DEVICES {
        let machine = machine(5, PageSize::Kib4, Iommu::Off);
        let process = Process::new(&machine, 100_000, 5);
        let parts = [(512, 512), (40_967, 5 * PAGE)];
        let disk = raw(&machine, device.name);
        let on = disk.disk().clone();
        let inject = move |number| {
            if number == 2 {
                on.inject(Injection::MediumError { after: 1024 });
            }
        };
        let (mincnt, _) = noting(2 * PAGE, inject);
        let mut disk = disk.mincnt(mincnt);
        let news = pattern(512 + 5 * PAGE, 6);
        disk.disk().write_medium(0, &news).expect("on the disk");
        let mut uio = process.uio(&parts, 0);
        let error = disk.read(&process.space, &mut uio).expect_err("the medium failed");
        let transferred = 512 + 2 * PAGE + 1024;
        assert_eq!((error.kind, error.errno()), (PhysioErrorKind::Device(Errno::EIO), Errno::EIO));
        assert_eq!((error.transferred, error.resid), (transferred, 3 * PAGE - 1024), "{}", device.name);
        assert_eq!((uio.offset(), uio.resid()), (transferred, 3 * PAGE - 1024));
        let rest = Iovec { base: process.address + 40_967 + 2 * PAGE + 1024, length: 3 * PAGE - 1024 };
        assert_eq!(uio.iovecs(), [rest]);
        assert!(process.now() == process.filled(&parts, &news[..transferred as usize]), "{}", device.name);
        assert_eq!(process.user.locked_pages(), 0);
        // The request can go on where it stopped.
        let done = disk.read(&process.space, &mut uio).expect("the mishap is over");
        assert_eq!(done, Transferred { transferred: 3 * PAGE - 1024, resid: 0 });
        assert!(process.now() == process.filled(&parts, &news));
    }
}

#[test]
fn memory_that_cannot_be_locked_stops_the_request_where_it_begins() {
    let machine = machine(7, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 4 * PAGE, 7);
    let read_only = process.user.map(PAGE, Protection::ReadOnly).expect("room");
    let mut disk = raw(&machine, "isa-disk").mincnt(|request| request.lower_to(PAGE));
    let end = process.address + 4 * PAGE;
    let fault = |address| PhysioErrorKind::Lock(LockError::Fault { address });
    let access = PhysioErrorKind::Lock(LockError::Access { address: read_only, needed: UmemFlags::WRITE });
    let cases = [
        (end, 512, fault(end), Errno::EFAULT),
        // The first page of the hole is reached by the piece that it is in.
        (end - 512, 1024, fault(end), Errno::EFAULT),
        (0, 512, fault(0), Errno::EFAULT),
        (u64::MAX - 1, 512, fault(u64::MAX), Errno::EFAULT),
        (read_only, 512, access, Errno::EACCES),
    ];
    for (base, length, kind, errno) in cases {
        let good = Iovec { base: process.address + 9, length: PAGE + 512 };
        let mut uio = Uio::new(vec![good, Iovec { base, length }, good], 0).expect("a sum");
        let error = disk.read(&process.space, &mut uio).expect_err("not there");
        assert_eq!((error.kind, error.errno()), (kind, errno));
        assert_eq!((error.transferred, error.resid), (PAGE + 512, length + PAGE + 512));
        assert_eq!(uio.iovecs(), [Iovec { base, length }, good]);
        assert_eq!(process.user.locked_pages(), 0);
    }
    // A device may read what a process may only read.
    let mut uio = Uio::new(vec![Iovec { base: read_only, length: 512 }], 0).expect("a sum");
    disk.write(&process.space, &mut uio).expect("permitted");
}

#[test]
fn a_raw_disk_refuses_parts_of_sectors_and_what_lies_behind_its_end() {
    let machine = machine(8, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 4 * PAGE, 8);
    let mut disk = raw(&machine, "pci-disk");
    let size = disk.disk().size();
    let cases = [
        (vec![(0, 1024), (1024, 513)], 0, Errno::EINVAL, 1024 + 512),
        (vec![(0, 100)], 0, Errno::EINVAL, 0),
        (vec![(0, 512)], 1, Errno::EINVAL, 0),
        (vec![(0, 512), (0, 512)], size - 512, Errno::ENXIO, 512),
        (vec![(0, 512)], size, Errno::ENXIO, 0),
    ];
    for (parts, offset, errno, transferred) in cases {
        let mut uio = process.uio(&parts, offset);
        let total = uio.resid();
        let error = disk.write(&process.space, &mut uio).expect_err("refused");
        assert_eq!((error.kind, error.errno()), (PhysioErrorKind::Device(errno), errno), "{parts:?}");
        assert_eq!((error.transferred, error.resid), (transferred, total - transferred));
        assert_eq!(process.user.locked_pages(), 0);
    }
    let past = vec![Iovec { base: 0, length: 2 }];
    assert_eq!(Uio::new(past, u64::MAX - 1).expect_err("no such offset").offset, u64::MAX - 1);
    let huge = Iovec { base: 0, length: u64::MAX };
    assert!(Uio::new(vec![huge, huge], 0).is_err());
}

#[test]
fn what_earlier_lists_of_a_piece_moved_counts() {
    let machine = machine(14, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 2 * PAGE, 14);
    // An engine without a list takes a piece of two pages in two requests, of which the second leaves the disk.
    let mut disk = raw(&machine, "isa-disk");
    let size = disk.disk().size();
    let mut uio = process.uio(&[(0, 2 * PAGE)], size - PAGE);
    let error = disk.write(&process.space, &mut uio).expect_err("the disk ends");
    assert_eq!((error.errno(), error.transferred, error.resid), (Errno::ENXIO, PAGE, PAGE));
    let mut there = vec![0; PAGE as usize];
    disk.disk().read_medium(size - PAGE, &mut there).expect("on the disk");
    assert!(there == process.bytes[..PAGE as usize]);
}

#[test]
fn a_mincnt_that_leaves_nothing_and_a_driver_that_drops_are_errors() {
    let machine = machine(9, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 4 * PAGE, 9);
    let mut uio = process.uio(&[(8, 100)], 0);
    let none = |request: &mut PhysioRequest| request.lower_to(0);
    let strategy = |_: Buf| unreachable!("there is nothing to start");
    let error = physio(strategy, &process.space, &mut uio, Direction::ToDevice, none, || ());
    let error = error.expect_err("it would never end");
    assert_eq!(error.kind, PhysioErrorKind::Mincnt { address: process.address + 8 });
    assert_eq!((error.errno(), error.transferred, error.resid), (Errno::EINVAL, 0, 100));

    let error = physio(drop, &process.space, &mut uio, Direction::ToDevice, minphys, || ());
    let error = error.expect_err("dropped");
    assert_eq!((error.kind, error.errno()), (PhysioErrorKind::Lost(BufLost), Errno::EIO));
    assert_eq!((error.transferred, error.resid, uio.resid()), (0, 100, 100));
    assert_eq!(process.user.locked_pages(), 0);
}

#[test]
fn an_error_without_a_residual_counts_nothing_and_one_with_counts_what_it_says() {
    let machine = machine(10, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 4 * PAGE, 10);
    for (resid, transferred) in [(None, 0), (Some(60), 40), (Some(0), 100), (Some(u64::MAX), 0)] {
        let strategy = |mut buf: Buf| {
            buf.bioerror(Errno(99));
            if let Some(resid) = resid {
                buf.set_resid(resid);
            }
            buf.biodone();
        };
        let mut uio = process.uio(&[(0, 100), (200, 50)], 0);
        let error = physio(strategy, &process.space, &mut uio, Direction::Both, minphys, || ());
        let error = error.expect_err("an error");
        assert_eq!(error.kind, PhysioErrorKind::Device(Errno(99)));
        assert_eq!((error.transferred, error.resid), (transferred, 150 - transferred));
    }
}

#[test]
fn pieces_are_locked_while_they_run_and_not_a_moment_longer() {
    let machine = machine(11, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 8 * PAGE, 11);
    let user = process.user.clone();
    // Whatever is not locked moves all the time.
    let (mincnt, pieces) = noting(PAGE, move |_| {
        assert_eq!(user.locked_pages(), 0);
        assert_eq!(user.churn().expect("memory"), 8);
    });
    let running: Mutex<Option<Buf>> = Mutex::new(None);
    let strategy = |buf: Buf| *running.lock().expect("one thread") = Some(buf);
    let park = || {
        assert_eq!(process.user.locked_pages(), 2, "a piece of a page touches two");
        assert_eq!(process.user.churn().expect("memory"), 6);
        let mut buf = running.lock().expect("one thread").take().expect("it runs");
        let fill = vec![(buf.offset() / PAGE) as u8; buf.bcount() as usize];
        buf.write(0, &fill).expect("inside");
        buf.biodone();
    };
    let mut uio = process.uio(&[(1, 7 * PAGE)], 0);
    physio(strategy, &process.space, &mut uio, Direction::FromDevice, mincnt, park).expect("read");
    let news: Vec<u8> = (0..7 * PAGE).map(|at| (at / PAGE) as u8).collect();
    assert!(process.now() == process.filled(&[(1, 7 * PAGE)], &news));
    assert_eq!(pieces.lock().expect("one thread").len(), 7);
}

/// Threads that sleep until they are woken.
struct Sleeping;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Platform for Sleeping {
    fn current(&self) -> u64 {
        1
    }

    fn waker(&self) -> Waker {
        Arc::new(Unpark(thread::current())).into()
    }

    fn park(&self) {
        thread::park();
    }
}

#[test]
fn a_thread_is_woken_by_biodone_on_another() {
    let machine = machine(12, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 100 * PAGE, 12);
    let (start, started) = mpsc::channel::<Buf>();
    let device = thread::spawn(move || {
        for mut buf in started {
            let byte = vec![(buf.blkno() & 0xFF) as u8; buf.bcount() as usize];
            buf.write(0, &byte).expect("inside");
            buf.biodone();
        }
    });
    let mut uio = process.uio(&[(5, 99 * PAGE)], 0);
    let strategy = move |buf| start.send(buf).expect("the device runs");
    let mincnt = |request: &mut PhysioRequest| request.lower_to(512);
    // Were a wake lost, this would never return.
    let done = physio_on(strategy, &process.space, &mut uio, Direction::FromDevice, mincnt, &Sleeping);
    assert_eq!(done.expect("read"), Transferred { transferred: 99 * PAGE, resid: 0 });
    device.join().expect("no panic");
    let news: Vec<u8> = (0..99 * PAGE).map(|at| (at / 512) as u8).collect();
    assert!(process.now() == process.filled(&[(5, 99 * PAGE)], &news));
    assert_eq!(process.user.locked_pages(), 0);
}

#[test]
fn a_future_that_is_dropped_leaves_the_piece_to_end_by_itself() {
    let machine = machine(13, PageSize::Kib4, Iommu::Off);
    let process = Process::new(&machine, 4 * PAGE, 13);
    let mut running = None;
    let mut uio = process.uio(&[(0, 512)], 0);
    {
        let strategy = |buf| running = Some(buf);
        let future = physio_async(strategy, &process.space, &mut uio, Direction::FromDevice, minphys);
        let mut future = std::pin::pin!(future);
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!((uio.resid(), process.user.locked_pages()), (512, 1));
    running.expect("started").biodone();
    assert_eq!(process.user.locked_pages(), 0);
}

/// A request: parts of a mapping of 64 KiB, of such lengths.
fn parts(length: impl Strategy<Value = u64>) -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0u64..50_000, length), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_request_is_a_plain_copy(
        parts in parts((0u64..20).prop_map(|sectors| sectors * SECTOR)),
        device in 0..DEVICES.len(),
        most in prop_oneof![Just(512u64), Just(4096), Just(MAXPHYS), 512u64..20_000],
        seed in any::<u64>(),
        block in 0u64..1000,
    ) {
        let machine = machine(seed, PageSize::Kib4, Iommu::Off);
        let process = Process::new(&machine, 65_536, seed);
        let user = process.user.clone();
        let (mincnt, _) = noting(most, move |_| { user.churn().expect("memory"); });
        let mut disk = raw(&machine, DEVICES[device].name).mincnt(mincnt);
        let total: u64 = parts.iter().map(|(_, length)| length).sum();
        let done = disk.write(&process.space, &mut process.uio(&parts, block * SECTOR)).expect("written");
        prop_assert_eq!(done, Transferred { transferred: total, resid: 0 });
        let mut there = vec![0; total as usize];
        disk.disk().read_medium(block * SECTOR, &mut there).expect("on the disk");
        prop_assert!(there == process.gathered(&parts));

        let news = pattern(total, !seed);
        disk.disk().write_medium(block * SECTOR, &news).expect("on the disk");
        let done = disk.read(&process.space, &mut process.uio(&parts, block * SECTOR)).expect("read");
        prop_assert_eq!(done, Transferred { transferred: total, resid: 0 });
        prop_assert!(process.now() == process.filled(&parts, &news));
        prop_assert_eq!(process.user.locked_pages(), 0);
    }

    #[test]
    fn residuals_add_up(
        parts in parts(0u64..10_000),
        most in 1u64..5000,
        stop in 0u64..40_000,
        fails in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let machine = machine(seed, PageSize::Kib4, Iommu::Off);
        let process = Process::new(&machine, 65_536, seed);
        let total: u64 = parts.iter().map(|(_, length)| length).sum();
        let news = pattern(total, !seed);
        // A device that moves `stop` bytes in all, and then fails or stops short.
        let strategy = |mut buf: Buf| {
            let start = buf.offset();
            let moved = buf.bcount().min(stop.saturating_sub(start));
            buf.write(0, &news[start as usize..][..moved as usize]).expect("inside");
            if moved < buf.bcount() {
                buf.set_resid(buf.bcount() - moved);
                if fails {
                    buf.bioerror(Errno::EIO);
                }
            }
            buf.biodone();
        };
        let mincnt = |request: &mut PhysioRequest| request.lower_to(most);
        let mut uio = process.uio(&parts, 0);
        let ended = physio(strategy, &process.space, &mut uio, Direction::FromDevice, mincnt, || ());
        let transferred = total.min(stop);
        match ended {
            Ok(done) => {
                prop_assert!(!fails || stop >= total);
                prop_assert_eq!(done, Transferred { transferred, resid: total - transferred });
            }
            Err(error) => {
                prop_assert!(fails && stop < total);
                prop_assert_eq!((error.transferred, error.resid), (transferred, total - transferred));
            }
        }
        let left: u64 = uio.iovecs().iter().map(|iovec| iovec.length).sum();
        prop_assert_eq!((uio.offset(), uio.resid(), left), (transferred, total - transferred, total - transferred));
        prop_assert!(process.now() == process.filled(&parts, &news[..transferred as usize]));
        prop_assert_eq!(process.user.locked_pages(), 0);
    }
}
