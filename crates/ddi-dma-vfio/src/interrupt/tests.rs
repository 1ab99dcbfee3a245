use super::*;

use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};
use std::thread;

use super::reactor::resting_on;

const LONG: Duration = Duration::from_secs(60);

/// A device that counts what its interrupts ask of it.
#[derive(Default)]
struct Device {
    unmasked: AtomicUsize,
    off: AtomicUsize,
}

struct DeviceSwitch(Arc<Device>);

impl Switch for DeviceSwitch {
    fn unmask(&self) {
        self.0.unmasked.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for DeviceSwitch {
    fn drop(&mut self) {
        self.0.off.fetch_add(1, Ordering::SeqCst);
    }
}

fn messages(count: usize) -> (Vec<EventInterrupt>, Arc<Device>) {
    interrupts(count, Line::Message)
}

fn line() -> (EventInterrupt, Arc<Device>) {
    let (mut interrupts, device) = interrupts(1, Line::Masked(AtomicBool::new(false)));
    (interrupts.remove(0), device)
}

fn interrupts(count: usize, line: Line) -> (Vec<EventInterrupt>, Arc<Device>) {
    let device = Arc::new(Device::default());
    let switch = Box::new(DeviceSwitch(device.clone()));
    let events = (0..count).map(|_| Event::new().unwrap()).collect();
    (Shared { switch, events, line }.interrupts(), device)
}

/// Unparks the thread that polls.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// Tells a channel that it was woken.
struct Tell(mpsc::Sender<()>);

impl Wake for Tell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

fn telling() -> (Waker, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    (Waker::from(Arc::new(Tell(tell))), told)
}

#[test]
fn what_was_raised_is_taken_once() {
    let (interrupts, _) = messages(2);
    assert_eq!(interrupts[0].take(), Raised::No);
    interrupts[0].raise();
    interrupts[0].raise();
    assert_eq!(interrupts[1].take(), Raised::No);
    assert_eq!(interrupts[0].take(), Raised::Yes);
    assert_eq!(interrupts[0].take(), Raised::No);
}

#[test]
fn a_wait_ends_in_time() {
    let (interrupts, _) = messages(1);
    for limit in [Duration::ZERO, Duration::from_millis(3)] {
        let start = std::time::Instant::now();
        assert_eq!(interrupts[0].wait(limit), Err(TimedOut { limit }));
        assert!(start.elapsed() >= limit);
    }
    interrupts[0].raise();
    assert_eq!(interrupts[0].wait(Duration::ZERO), Ok(()));
    interrupts[0].raise();
    assert_eq!(interrupts[0].wait(Duration::MAX), Ok(()));
}

#[test]
fn threads_that_wait_are_released_each_by_an_interrupt() {
    const THREADS: usize = 4;
    let (interrupts, _) = messages(1);
    let interrupt = &interrupts[0];
    let released = AtomicUsize::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    interrupt.wait(LONG).unwrap();
                    released.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            interrupt.raise();
            thread::yield_now();
        }
    });
    assert_eq!(released.load(Ordering::SeqCst), THREADS);
}

#[test]
fn a_task_is_woken_by_an_interrupt_of_another_thread() {
    let (interrupts, _) = messages(1);
    let interrupt = &interrupts[0];
    let both = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..1000 {
                both.wait();
                interrupt.raise();
            }
        });
        for _ in 0..1000 {
            both.wait();
            block_on(interrupt.raised()).unwrap();
        }
    });
    assert_eq!(interrupt.take(), Raised::No);
}

#[test]
fn a_task_is_woken_once_and_rests_again() {
    let (interrupts, _) = messages(1);
    let (waker, told) = telling();
    let mut future = pin!(interrupts[0].raised());
    let mut context = Context::from_waker(&waker);
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(resting_on(&interrupts[0]), 1);
    for _ in 0..3 {
        interrupts[0].raise();
        told.recv_timeout(LONG).unwrap();
        assert_eq!(resting_on(&interrupts[0]), 0);
        // Somebody else was faster.
        assert_eq!(interrupts[0].take(), Raised::Yes);
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    interrupts[0].raise();
    told.recv_timeout(LONG).unwrap();
    assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    assert!(told.try_recv().is_err(), "woken for nothing");
}

#[test]
fn a_future_that_is_dropped_leaves_and_loses_nothing() {
    let (interrupts, _) = messages(1);
    let (waker, told) = telling();
    {
        let mut first = pin!(interrupts[0].raised());
        let mut second = pin!(interrupts[0].raised());
        assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        {
            let mut third = Box::pin(interrupts[0].raised());
            assert!(third.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(resting_on(&interrupts[0]), 2);
        }
        assert!(second.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(resting_on(&interrupts[0]), 2);
    }
    assert_eq!(resting_on(&interrupts[0]), 0);
    interrupts[0].raise();
    assert_eq!(interrupts[0].take(), Raised::Yes);
    assert!(told.try_recv().is_err());
}

#[test]
fn all_who_rest_on_an_interrupt_are_woken_and_one_gets_it() {
    let (interrupts, _) = messages(1);
    let (waker, told) = telling();
    let mut context = Context::from_waker(&waker);
    let mut futures: Vec<_> = (0..3).map(|_| Box::pin(interrupts[0].raised())).collect();
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    interrupts[0].raise();
    for _ in 0..3 {
        told.recv_timeout(LONG).unwrap();
    }
    let ready = futures.iter_mut().filter_map(|future| match future.as_mut().poll(&mut context) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    });
    assert_eq!(ready.count(), 1);
}

#[test]
fn a_task_that_panics_does_not_stop_the_others() {
    struct Panic;
    impl Wake for Panic {
        fn wake(self: Arc<Self>) {
            panic!("a task that panics when it is woken");
        }
    }
    let (interrupts, _) = messages(1);
    let (waker, told) = telling();
    let mut bad = Box::pin(interrupts[0].raised());
    let mut good = pin!(interrupts[0].raised());
    assert!(bad.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Panic)))).is_pending());
    assert!(good.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    interrupts[0].raise();
    told.recv_timeout(LONG).unwrap();
    assert!(good.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn no_interrupt_is_lost_among_tasks_that_come_and_go() {
    const TASKS: usize = 4;
    let (interrupts, _) = messages(TASKS);
    let (ask, asked) = mpsc::channel::<usize>();
    thread::scope(|scope| {
        for (number, interrupt) in interrupts.iter().enumerate() {
            let ask = ask.clone();
            scope.spawn(move || {
                for round in 0..500 {
                    let mut given_up = Box::pin(interrupt.raised());
                    let mut context = Context::from_waker(Waker::noop());
                    assert!(given_up.as_mut().poll(&mut context).is_pending());
                    ask.send(number).unwrap();
                    if round % 2 == 0 {
                        drop(given_up);
                        block_on(interrupt.raised()).unwrap();
                    } else {
                        block_on(given_up).unwrap();
                    }
                }
            });
        }
        drop(ask);
        for number in asked {
            interrupts[number].raise();
        }
    });
    for interrupt in &interrupts {
        assert_eq!((interrupt.take(), resting_on(interrupt)), (Raised::No, 0));
    }
}

#[test]
fn descriptors_that_come_again_are_watched_again() {
    for _ in 0..100 {
        let (interrupts, _) = messages(1);
        let (waker, told) = telling();
        let mut future = Box::pin(interrupts[0].raised());
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        interrupts[0].raise();
        told.recv_timeout(LONG).unwrap();
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }
}

#[test]
fn a_line_is_opened_by_the_next_look() {
    let (interrupt, device) = line();
    let unmasked = || device.unmasked.load(Ordering::SeqCst);
    assert_eq!(interrupt.take(), Raised::No);
    interrupt.raise();
    assert_eq!(interrupt.take(), Raised::Yes);
    assert_eq!(unmasked(), 0, "before the driver has quieted its device");
    assert_eq!(interrupt.take(), Raised::No);
    assert_eq!(interrupt.take(), Raised::No);
    assert_eq!(unmasked(), 1);
    interrupt.raise();
    interrupt.wait(LONG).unwrap();
    assert_eq!(unmasked(), 1);
    interrupt.wait(Duration::ZERO).unwrap_err();
    assert_eq!(unmasked(), 2);
    interrupt.raise();
    block_on(interrupt.raised()).unwrap();
    interrupt.rearm();
    interrupt.rearm();
    assert_eq!(unmasked(), 3);
}

#[test]
fn messages_are_never_masked() {
    let (interrupts, device) = messages(1);
    for _ in 0..3 {
        interrupts[0].raise();
        assert_eq!(interrupts[0].take(), Raised::Yes);
        interrupts[0].rearm();
    }
    assert_eq!(device.unmasked.load(Ordering::SeqCst), 0);
}

#[test]
fn interrupts_are_turned_off_with_the_last_of_them() {
    let (mut interrupts, device) = messages(3);
    while let Some(interrupt) = interrupts.pop() {
        assert_eq!(device.off.load(Ordering::SeqCst), 0);
        drop(interrupt);
    }
    assert_eq!(device.off.load(Ordering::SeqCst), 1);
}

#[test]
fn a_panic_turns_interrupts_off() {
    let (interrupts, device) = messages(2);
    let thread = thread::spawn(move || {
        let _held = interrupts;
        panic!("a driver that panics");
    });
    assert!(thread.join().is_err());
    assert_eq!(device.off.load(Ordering::SeqCst), 1);
}

#[test]
fn the_descriptor_tells_what_was_raised() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let (interrupts, _) = messages(1);
    let readable = || {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&interrupts[0], PollFlags::IN)], Some(&now)).unwrap() == 1
    };
    assert!(!readable());
    interrupts[0].raise();
    assert!(readable());
    assert_eq!(interrupts[0].take(), Raised::Yes);
    assert!(!readable());
}

#[test]
fn errors_name_what_was_asked_and_what_there_is() {
    let address = "00:03.0".parse().unwrap();
    let many = InterruptError::TooMany { address, kind: InterruptKind::MsiX, asked: 70, available: 65 };
    assert_eq!(many.to_string(), "0000:00:03.0 has 65 MSI-X interrupts, and 70 were asked for");
    let used = InterruptError::InUse { address, kind: InterruptKind::IntX }.to_string();
    assert!(used.contains("its INTx interrupts are in use"), "{used}");
}
