//! Bufs between who issues them and who ends them, on memory of the test's own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use ddi_dma::{Buf, BufKind, BufLost, Direction, DmaObject, Errno, PageArray, RangeError, Spinning, View};

const PAGE: u64 = 16;

/// Three pages of nothing, which count copies.
#[derive(Default)]
struct Nothing {
    copied: AtomicUsize,
}

// SAFETY: the pages have no bytes that anybody could refer to; the copies write zeros or nothing.
unsafe impl PageArray for Nothing {
    fn page_size(&self) -> u64 {
        PAGE
    }

    fn pages(&self) -> &[u64] {
        &[0x100, 0x300, 0x200]
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        assert!(offset + length <= 3 * PAGE);
        self.copied.fetch_add(length as usize, Ordering::Relaxed);
        // SAFETY: the caller's `to` takes `length` bytes.
        unsafe { to.write_bytes(0, length as usize) }
    }

    unsafe fn copy_in(&self, offset: u64, _from: *const u8, length: u64) {
        assert!(offset + length <= 3 * PAGE);
        self.copied.fetch_add(length as usize, Ordering::Relaxed);
    }
}

fn buf(offset: u64, length: u64) -> Buf {
    Buf::from_pages(Arc::<Nothing>::default(), offset, length, Direction::FromDevice).expect("inside")
}

#[test]
fn members_are_those_of_the_manual() {
    let mut buf = buf(17, 20).on_device(1535);
    assert_eq!((buf.bcount(), buf.offset(), buf.blkno()), (20, 1535, 2));
    assert_eq!(
        (buf.kind(), buf.address(), buf.direction()),
        (BufKind::PageList, None, Direction::FromDevice)
    );
    assert_eq!((buf.resid(), buf.error()), (0, None));
    buf.bioerror(Errno::EIO);
    assert_eq!((buf.resid(), buf.error()), (20, Some(Errno::EIO)), "nothing is known to be transferred");
    buf.set_resid(5);
    assert_eq!(buf.resid(), 5);
    buf.set_resid(21);
    assert_eq!(buf.resid(), 20, "no more than there is");
    buf.bioreset();
    assert_eq!((buf.resid(), buf.error()), (0, None));
    assert_eq!((Errno::EFAULT.to_string(), format!("{:?}", Errno(99))), ("EFAULT".into(), "error 99".into()));
}

#[test]
fn a_part_of_pages_shows_where_it_lies_and_nothing_else() {
    for (offset, length, expected) in [
        (0, 48, vec![(0x100, 16), (0x300, 16), (0x200, 16)]),
        (15, 2, vec![(0x10F, 1), (0x300, 1)]),
        (16, 16, vec![(0x300, 16)]),
        (33, 15, vec![(0x201, 15)]),
        (48, 0, vec![]),
    ] {
        let buf = buf(offset, length);
        let View::Pages(_) = buf.view() else { panic!("pages of one size") };
        let extents: Vec<_> = buf.view().extents().map(|extent| (extent.address, extent.size)).collect();
        assert_eq!((extents, buf.view().length()), (expected, Some(length)));
    }
    for (offset, length) in [(0, 49), (48, 1), (49, 0), (u64::MAX, 1)] {
        let refused = Buf::from_pages(Arc::<Nothing>::default(), offset, length, Direction::ToDevice);
        assert_eq!(refused.expect_err("outside"), RangeError { offset, length, object: 48 });
    }
}

#[test]
fn accesses_stay_inside_the_request() {
    let mut buf = buf(10, 20);
    let mut bytes = [1; 20];
    buf.read(0, &mut bytes).expect("all of it");
    assert_eq!(bytes, [0; 20]);
    buf.write(19, &[1]).expect("the last byte");
    for offset in [20, u64::MAX] {
        assert_eq!(buf.read(offset, &mut [0]), Err(RangeError { offset, length: 1, object: 20 }));
        assert_eq!(buf.write(offset, &[0]), Err(RangeError { offset, length: 1, object: 20 }));
    }
}

#[test]
fn who_waits_gets_the_buf_back() {
    let (given, wait) = buf(0, 10).issue();
    assert!(!wait.ended());
    let mut given = Some(given);
    let park = || {
        let mut given = given.take().expect("parked once");
        given.bioerror(Errno::ENXIO);
        given.set_resid(3);
        given.biodone();
    };
    let back = wait.wait(park).expect("ended");
    assert_eq!((back.bcount(), back.resid(), back.error()), (10, 3, Some(Errno::ENXIO)));
    // It can be issued again, and a wait from before is over then.
    let (given, first) = back.issue();
    let (given, second) = given.issue();
    assert_eq!(first.wait(|| unreachable!("over")).err(), Some(BufLost));
    assert!(!second.ended());
    drop(given);
    assert_eq!(second.wait(|| unreachable!("over")).err(), Some(BufLost));
    // Nobody waits: nothing happens.
    buf(0, 1).biodone();
    let (given, wait) = buf(0, 1).issue();
    drop(wait);
    given.biodone();
}

#[test]
fn pages_are_let_go_with_the_last_buf() {
    let pages = Arc::<Nothing>::default();
    let one = Buf::from_pages(pages.clone(), 0, 16, Direction::ToDevice).expect("inside");
    let two = Buf::from_pages(pages.clone(), 16, 16, Direction::ToDevice).expect("inside");
    let (given, wait) = one.issue();
    given.biodone();
    assert_eq!(Arc::strong_count(&pages), 3, "what has ended waits for its waiter");
    drop(wait);
    assert_eq!(Arc::strong_count(&pages), 2);
    drop(two);
    assert_eq!(Arc::strong_count(&pages), 1);
}

#[test]
fn a_thread_waits_as_its_platform_does() {
    let (given, wait) = buf(0, 10).issue();
    let device = thread::spawn(move || {
        let mut given = given;
        given.set_resid(4);
        given.biodone();
    });
    let back = wait.wait_on(&Spinning).expect("ended");
    assert_eq!((back.resid(), back.error()), (4, None));
    device.join().expect("no panic");
}

/// Remembers that it was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn no_wake_is_lost_however_the_two_meet() {
    let (start, started) = mpsc::channel::<Buf>();
    let device = thread::spawn(move || started.into_iter().for_each(Buf::biodone));
    for _ in 0..20_000 {
        let (given, wait) = buf(0, 1).issue();
        let mut wait = std::pin::pin!(wait);
        start.send(given).expect("the device runs");
        loop {
            let flag = Arc::new(Flag::default());
            let waker = Waker::from(flag.clone());
            if let Poll::Ready(back) = wait.as_mut().poll(&mut Context::from_waker(&waker)) {
                assert!(back.is_ok());
                break;
            }
            // A wake that is lost leaves this loop for good.
            while !flag.0.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
        }
    }
    drop(start);
    device.join().expect("no panic");
}
