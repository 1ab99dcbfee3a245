//! Waiting for resources on the toy machine: callbacks, places in the queue, passes, cancelling, sleeping, tasks.

mod toy;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use ddi_dma::{
    AccessAttr, AllocError, Attempt, BindErrorKind, BindFlags, Binding, Bus, BusConfig, Callback, Device,
    Direction, DmaAttr, DmaHandle, MOST_PASSES, MemoryUse, Resource, Wait,
};
use toy::{Memory, PAGE, Toy};

/// An engine that reaches nothing of what the tests bind: all goes through the copy buffer.
const NEAR: DmaAttr = DmaAttr { addr_hi: 32 * PAGE - 1, ..DmaAttr::UNRESTRICTED };

struct Fixture {
    toy: Arc<Toy>,
    bus: Bus,
    device: Device,
}

/// A bus whose copy buffer has so many pages.
fn fixture(pages: u64) -> Fixture {
    let toy = Toy::plain();
    let bus = toy.bus(pages * PAGE);
    let device = bus.device("toy");
    Fixture { toy, bus, device }
}

impl Fixture {
    fn handle(&self) -> DmaHandle<Memory> {
        self.device.alloc_handle(&NEAR, Wait::DontWait).unwrap()
    }

    /// An object of so many pages, all out of reach.
    fn object(&self, pages: u64) -> Memory {
        let pages: Vec<u64> = (40..40 + pages).collect();
        self.toy.object(&pages, 0, pages.len() as u64 * PAGE)
    }

    fn try_bind(&self, pages: u64, wait: Wait<'_>) -> Result<Binding<Memory>, BindErrorKind> {
        let bound = self.handle().bind(self.object(pages), Direction::ToDevice, BindFlags::empty(), wait);
        bound.map_err(|error| error.kind())
    }
}

fn is_shortage(result: &Result<Binding<Memory>, BindErrorKind>) -> bool {
    matches!(result, Err(BindErrorKind::NoResources(short)) if short.resource == Resource::CopyBuffer)
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
fn callbacks_are_called_in_order_after_a_release() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log = Arc::default();
    let (first, second) = (noting(&log, "first", Attempt::Done), noting(&log, "second", Attempt::Runout));
    assert!(is_shortage(&machine.try_bind(1, Wait::Callback(&first))));
    assert!(is_shortage(&machine.try_bind(1, Wait::Callback(&second))));
    assert!(log.lock().unwrap().is_empty(), "nobody is called before a release");
    drop(held);
    assert_eq!(*log.lock().unwrap(), ["first", "second"]);
    drop(machine.try_bind(1, Wait::DontWait).unwrap());
    assert_eq!(*log.lock().unwrap(), ["first", "second", "second"], "Done is over, Runout waits on");
    let stats = machine.bus.stats();
    assert_eq!((stats.waits, stats.callbacks, stats.copy_buffer_shortages, stats.passes), (2, 3, 2, 1));
}

#[test]
fn a_callback_waits_once_however_often_it_fails() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log = Arc::default();
    let callback = noting(&log, "called", Attempt::Done);
    for wait in [&callback, &callback.clone(), &callback] {
        assert!(is_shortage(&machine.try_bind(1, Wait::Callback(wait))));
    }
    drop(held);
    assert_eq!(*log.lock().unwrap(), ["called"]);
    assert_eq!(machine.bus.stats().waits, 1);
}

#[test]
fn a_callback_that_passes_itself_is_queued_once() {
    let machine = Arc::new(fixture(2));
    let (one, two) =
        (machine.try_bind(1, Wait::DontWait).unwrap(), machine.try_bind(1, Wait::DontWait).unwrap());
    let got: Arc<Mutex<Vec<bool>>> = Arc::default();
    let start = {
        let (machine, got) = (machine.clone(), got.clone());
        Callback::new(move |me| {
            let bound = machine.try_bind(2, Wait::Callback(me));
            got.lock().unwrap().push(bound.is_ok());
            if bound.is_ok() { Attempt::Done } else { Attempt::Runout }
        })
    };
    // It waits for one page, and finds when it is called that it needs two.
    assert!(is_shortage(&machine.try_bind(1, Wait::Callback(&start))));
    drop(one);
    assert_eq!(*got.lock().unwrap(), [false]);
    drop(two);
    assert_eq!(*got.lock().unwrap(), [false, true]);
    assert_eq!(machine.bus.stats().waits, 1, "the second failure took no second place");
    drop(machine.try_bind(2, Wait::DontWait).unwrap());
    assert_eq!(got.lock().unwrap().len(), 2, "nor is it called for it");
}

#[test]
fn nobody_is_passed_more_often_than_allowed() {
    let machine = Arc::new(fixture(2));
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let got = Arc::new(Mutex::new(None));
    let large = {
        let (machine, got) = (machine.clone(), got.clone());
        // Without its name, as the DDI manual's example 8-6 asks: it is known by running.
        Callback::new(move |_| match machine.try_bind(2, Wait::DontWait) {
            Ok(binding) => {
                *got.lock().unwrap() = Some(binding);
                Attempt::Done
            }
            Err(_) => Attempt::Runout,
        })
    };
    assert!(is_shortage(&machine.try_bind(2, Wait::Callback(&large))));
    for _ in 0..MOST_PASSES {
        drop(machine.try_bind(1, Wait::DontWait).unwrap());
    }
    let refused = machine.try_bind(1, Wait::DontWait);
    assert!(is_shortage(&refused), "the page is kept for who waits");
    assert_eq!(machine.bus.stats().passes, u64::from(MOST_PASSES));
    drop(held);
    assert!(got.lock().unwrap().is_some());
}

#[test]
fn a_cancelled_callback_is_not_called_and_what_it_was_owed_is_free() {
    let machine = fixture(2);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log = Arc::default();
    let callback = noting(&log, "called", Attempt::Runout);
    assert!(is_shortage(&machine.try_bind(2, Wait::Callback(&callback))));
    for _ in 0..MOST_PASSES {
        drop(machine.try_bind(1, Wait::DontWait).unwrap());
    }
    assert!(is_shortage(&machine.try_bind(1, Wait::DontWait)));
    callback.cancel();
    drop(machine.try_bind(1, Wait::DontWait).unwrap());
    drop(held);
    assert!(is_shortage(&{
        let _held = machine.try_bind(2, Wait::DontWait).unwrap();
        machine.try_bind(2, Wait::Callback(&callback))
    }));
    assert!(log.lock().unwrap().is_empty(), "a cancelled callback waits no more");
}

#[test]
fn cancelling_waits_for_a_callback_that_runs() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log: Arc<Mutex<Vec<&str>>> = Arc::default();
    let started = Arc::new(Barrier::new(2));
    let callback = {
        let (log, started) = (log.clone(), started.clone());
        Callback::new(move |_| {
            started.wait();
            thread::yield_now();
            log.lock().unwrap().push("callback ends");
            Attempt::Runout
        })
    };
    assert!(is_shortage(&machine.try_bind(1, Wait::Callback(&callback))));
    thread::scope(|scope| {
        scope.spawn(|| {
            started.wait();
            callback.cancel();
            log.lock().unwrap().push("cancelled");
        });
        drop(held);
    });
    assert_eq!(*log.lock().unwrap(), ["callback ends", "cancelled"]);
    drop(machine.try_bind(1, Wait::DontWait).unwrap());
    assert_eq!(log.lock().unwrap().len(), 2, "it is not called again");
}

#[test]
fn a_callback_may_cancel_itself() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let callback = {
        let calls = calls.clone();
        Callback::new(move |me| {
            calls.fetch_add(1, Ordering::Relaxed);
            me.cancel();
            Attempt::Runout
        })
    };
    assert!(is_shortage(&machine.try_bind(1, Wait::Callback(&callback))));
    drop(held);
    drop(machine.try_bind(1, Wait::DontWait).unwrap());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_callback_that_panics_harms_nobody_else() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let log = Arc::default();
    let bad = Callback::new(|_| panic!("a driver's mistake"));
    let good = noting(&log, "good", Attempt::Done);
    assert!(is_shortage(&machine.try_bind(1, Wait::Callback(&bad))));
    assert!(is_shortage(&machine.try_bind(1, Wait::Callback(&good))));
    let released = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(held)));
    assert!(released.is_err());
    bad.cancel();
    drop(machine.try_bind(1, Wait::DontWait));
    assert_eq!(*log.lock().unwrap(), ["good"]);
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_task_is_woken_and_a_dropped_one_leaves_the_queue() {
    let machine = fixture(1);
    let held = machine.try_bind(1, Wait::DontWait).unwrap();
    let (first, second) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    let wakers = (Waker::from(first.clone()), Waker::from(second.clone()));
    let bind = || machine.handle().bind_async(machine.object(1), Direction::ToDevice, BindFlags::empty());
    let (mut one, mut two) = (bind(), bind());
    assert!(Pin::new(&mut one).poll(&mut Context::from_waker(&wakers.0)).is_pending());
    assert!(Pin::new(&mut two).poll(&mut Context::from_waker(&wakers.1)).is_pending());
    drop(one);
    drop(held);
    assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
    let Poll::Ready(Ok(binding)) = Pin::new(&mut two).poll(&mut Context::from_waker(&wakers.1)) else {
        panic!("the resource is there")
    };
    drop(binding);
    assert_eq!(machine.bus.stats().copy_buffer_taken, 0);
}

#[test]
fn a_task_whose_object_can_never_be_bound_is_told_at_once() {
    let machine = fixture(1);
    let mut bind = machine.handle().bind_async(machine.object(2), Direction::ToDevice, BindFlags::empty());
    let waker = Waker::noop();
    let Poll::Ready(Err(error)) = Pin::new(&mut bind).poll(&mut Context::from_waker(waker)) else {
        panic!("two pages never fit one")
    };
    assert!(matches!(error.kind(), BindErrorKind::TooBig(_)));
}

#[test]
fn handles_are_waited_for_too() {
    let toy = Toy::plain();
    let bus = Bus::new(toy.clone(), BusConfig { handle_limit: 1, ..BusConfig::default() });
    let device = bus.device("toy");
    let handle: DmaHandle<Memory> = device.alloc_handle(&NEAR, Wait::DontWait).unwrap();
    let got: Arc<Mutex<Option<DmaHandle<Memory>>>> = Arc::default();
    let callback = {
        let (device, got) = (device.clone(), got.clone());
        Callback::new(move |me| match device.alloc_handle(&NEAR, Wait::Callback(me)) {
            Ok(handle) => {
                *got.lock().unwrap() = Some(handle);
                Attempt::Done
            }
            Err(_) => Attempt::Runout,
        })
    };
    let refused = device.alloc_handle::<Memory>(&NEAR, Wait::Callback(&callback)).unwrap_err();
    assert!(matches!(refused, AllocError::NoResources(short) if short.resource == Resource::Handles));
    assert_eq!(refused.to_string(), "handles: 1 asked, 0 free, the largest piece 0");
    drop(handle);
    assert!(got.lock().unwrap().is_some());
    assert_eq!(bus.stats().handle_shortages, 1);
}

#[test]
fn handles_and_private_memory_come_to_tasks_too() {
    let toy = Toy::plain();
    let bus = Bus::new(toy.clone(), BusConfig { handle_limit: 1, ..BusConfig::default() });
    let device = bus.device("toy");
    let (woken, attr) = (Arc::new(Woken::default()), NEAR);
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let handle: DmaHandle<Memory> = device.alloc_handle(&attr, Wait::DontWait).unwrap();
    {
        let mut dropped = Box::pin(device.alloc_handle_async::<Memory>(&attr));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
    }
    let mut other = Box::pin(device.alloc_handle_async::<Memory>(&attr));
    assert!(other.as_mut().poll(&mut context).is_pending());
    drop(handle);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1, "the dropped task waits no more");
    let Poll::Ready(Ok(handle)) = other.as_mut().poll(&mut context) else { panic!("the handle is free") };

    let all = toy::COPY_PAGES * PAGE;
    let (usage, access) = (MemoryUse::Consistent, AccessAttr::default());
    let held = handle.alloc_memory(all, usage, access, Wait::DontWait).unwrap();
    let mut memory = Box::pin(handle.alloc_memory_async(PAGE, usage, access));
    assert!(memory.as_mut().poll(&mut context).is_pending());
    drop(held);
    assert_eq!(woken.0.load(Ordering::Relaxed), 2);
    let Poll::Ready(Ok(memory)) = memory.as_mut().poll(&mut context) else { panic!("there is memory") };
    assert_eq!(memory.real_length(), PAGE);
}

/// 64 threads on a copy buffer of four pages: all get what they ask for, all memory is back, nobody is passed more
/// often than allowed.
#[test]
fn many_threads_sleep_and_none_is_lost() {
    const THREADS: u64 = 64;
    const BINDS: u64 = 1_000_000;
    let machine = fixture(4);
    let passes: Mutex<BTreeMap<u64, u64>> = Mutex::default();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (machine, passes) = (&machine, &passes);
            scope.spawn(move || {
                let mut state = (machine.handle(), machine.object(1 + number % 4));
                let mut bound = 0;
                for _ in 0..BINDS / THREADS {
                    let (handle, object) = state;
                    let binding = handle
                        .bind(object, Direction::ToDevice, BindFlags::OVERWRITE, Wait::Sleep)
                        .unwrap_or_else(|error| panic!("{error}"));
                    bound += 1;
                    state = binding.unbind();
                }
                passes.lock().unwrap().insert(number, bound);
            });
        }
    });
    let stats = machine.bus.stats();
    assert_eq!(passes.lock().unwrap().values().sum::<u64>(), BINDS);
    assert_eq!((stats.binds, stats.copy_buffer_taken), (BINDS, 0));
    // Everybody could have been passed so often in each wait, and not once more.
    assert!(stats.passes <= stats.waits * u64::from(MOST_PASSES));
}
