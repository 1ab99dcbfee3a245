//! Callbacks on a platform that calls them elsewhere than where a resource is released.

mod toy;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;

use ddi_dma::{
    Attempt, BindErrorKind, BindFlags, Binding, Bus, BusConfig, Callback, Device, Direction, DmaAttr,
    DmaHandle, MOST_PASSES, Platform, Serves, Threads, Wait,
};
use toy::{Memory, PAGE, Toy};

/// An engine that reaches nothing of what the tests bind: all goes through the copy buffer.
const NEAR: DmaAttr = DmaAttr { addr_hi: 32 * PAGE - 1, ..DmaAttr::UNRESTRICTED };

/// Soft interrupts that come when a test lets them.
#[derive(Default)]
struct Soft {
    queues: Mutex<Vec<Arc<dyn Serves>>>,
    handed_over: AtomicU64,
}

impl Platform for Soft {
    fn current(&self) -> u64 {
        Threads.current()
    }

    fn waker(&self) -> Waker {
        Threads.waker()
    }

    fn park(&self) {
        Threads.park();
    }

    fn serve(&self, queue: Arc<dyn Serves>) {
        queue.wake();
        self.handed_over.fetch_add(1, Ordering::SeqCst);
        self.queues.lock().unwrap().push(queue);
    }
}

struct Fixture {
    toy: Arc<Toy>,
    bus: Bus,
    device: Device,
    soft: Arc<Soft>,
}

/// A bus whose copy buffer has so many pages.
fn fixture(pages: u64) -> Fixture {
    let (toy, soft) = (Toy::plain(), Arc::new(Soft::default()));
    let config = BusConfig { copy_buffer_limit: pages * PAGE, ..BusConfig::default() };
    let bus = Bus::with_platform(toy.clone(), config, soft.clone());
    let device = bus.device("toy");
    Fixture { toy, bus, device, soft }
}

impl Fixture {
    fn try_bind(&self, pages: u64, wait: Wait<'_>) -> Result<Binding<Memory>, BindErrorKind> {
        let handle: DmaHandle<Memory> = self.device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
        let lies: Vec<u64> = (40..40 + pages).collect();
        let bound = handle.bind(
            self.toy.object(&lies, 0, pages * PAGE),
            Direction::ToDevice,
            BindFlags::empty(),
            wait,
        );
        bound.map_err(|error| error.kind())
    }

    /// Serves what was handed over so far, on this thread.
    fn soft_interrupt(&self) {
        let queues = std::mem::take(&mut *self.soft.queues.lock().unwrap());
        queues.iter().for_each(|queue| queue.serve());
    }
}

/// A callback that notes that it was called and answers what it is told.
fn noting(log: &Arc<Mutex<Vec<&'static str>>>, name: &'static str, attempt: Attempt) -> Callback {
    let log = log.clone();
    Callback::new(move |_| {
        log.lock().unwrap().push(name);
        attempt
    })
}

#[test]
fn nobody_is_called_where_it_is_released() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log: Arc<Mutex<Vec<&str>>> = Arc::default();
    let (first, second) = (noting(&log, "first", Attempt::Done), noting(&log, "second", Attempt::Runout));
    assert!(machine.try_bind(1, Wait::Callback(&first)).is_err());
    assert!(machine.try_bind(1, Wait::Callback(&second)).is_err());
    {
        // A lock that both callbacks take: were they called here, this would never end.
        let log = log.lock().unwrap();
        drop(held);
        assert!(log.is_empty());
    }
    machine.soft_interrupt();
    assert_eq!(*log.lock().unwrap(), ["first", "second"]);
    drop(machine.try_bind(1, Wait::DontWait).unwrap());
    assert_eq!(log.lock().unwrap().len(), 2);
    machine.soft_interrupt();
    assert_eq!(*log.lock().unwrap(), ["first", "second", "second"], "Done is over, Runout waits on");
}

#[test]
fn nothing_is_handed_over_where_nobody_waits() {
    let machine = fixture(2);
    for _ in 0..3 {
        drop(machine.try_bind(2, Wait::DontWait).unwrap());
    }
    assert_eq!(machine.soft.handed_over.load(Ordering::SeqCst), 0);
}

#[test]
fn nobody_is_passed_more_often_than_allowed_before_it_is_called() {
    let machine = Arc::new(fixture(2));
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let got = Arc::new(Mutex::new(None));
    let large = {
        let (machine, got) = (machine.clone(), got.clone());
        Callback::new(move |_| match machine.try_bind(2, Wait::DontWait) {
            Ok(binding) => {
                *got.lock().unwrap() = Some(binding);
                Attempt::Done
            }
            Err(_) => Attempt::Runout,
        })
    };
    assert!(machine.try_bind(2, Wait::Callback(&large)).is_err());
    drop(held);
    for _ in 0..MOST_PASSES {
        drop(machine.try_bind(1, Wait::DontWait).unwrap());
    }
    let refused = machine.try_bind(1, Wait::DontWait).map(drop);
    assert!(matches!(refused, Err(BindErrorKind::NoResources(_))), "kept for who waits: {refused:?}");
    assert_eq!(machine.bus.stats().passes, u64::from(MOST_PASSES));
    machine.soft_interrupt();
    assert!(got.lock().unwrap().is_some());
}

#[test]
fn a_callback_that_is_cancelled_before_it_is_served_is_not_called() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log = Arc::default();
    let callback = noting(&log, "called", Attempt::Runout);
    assert!(machine.try_bind(1, Wait::Callback(&callback)).is_err());
    drop(held);
    callback.cancel();
    machine.soft_interrupt();
    assert!(log.lock().unwrap().is_empty());
}

/// A thread that sleeps is woken at once: nobody serves while it sleeps.
#[test]
fn who_sleeps_needs_no_soft_interrupt() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log = Arc::default();
    let callback = noting(&log, "called", Attempt::Done);
    assert!(machine.try_bind(1, Wait::Callback(&callback)).is_err());
    thread::scope(|scope| {
        scope.spawn(|| drop(machine.try_bind(1, Wait::Sleep).unwrap()));
        drop(held);
    });
    assert!(log.lock().unwrap().is_empty());
    machine.soft_interrupt();
    assert_eq!(*log.lock().unwrap(), ["called"]);
}

#[test]
fn a_callback_waits_from_its_first_failure_to_the_end_of_its_last_call() {
    let machine = Arc::new(fixture(2));
    let (one, two) =
        (machine.try_bind(1, Wait::DontWait).unwrap(), machine.try_bind(1, Wait::DontWait).unwrap());
    let log: Arc<Mutex<Vec<bool>>> = Arc::default();
    let callback = {
        let (machine, log) = (machine.clone(), log.clone());
        Callback::new(move |me| {
            log.lock().unwrap().push(me.is_waiting());
            let bound = machine.try_bind(2, Wait::Callback(me));
            if bound.is_ok() { Attempt::Done } else { Attempt::Runout }
        })
    };
    assert!(!callback.is_waiting());
    assert!(machine.try_bind(1, Wait::Callback(&callback)).is_err());
    assert!(callback.is_waiting());
    drop(one);
    machine.soft_interrupt();
    assert!(callback.clone().is_waiting(), "it ran out and waits on");
    drop(two);
    machine.soft_interrupt();
    assert!(!callback.is_waiting());
    assert_eq!(*log.lock().unwrap(), [true, true], "a callback that runs has its place still");
    let _held = machine.try_bind(2, Wait::DontWait).unwrap();
    assert!(machine.try_bind(2, Wait::Callback(&callback)).is_err());
    callback.cancel();
    assert!(!callback.is_waiting());
}
