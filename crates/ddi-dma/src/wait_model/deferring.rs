//! A platform that has its queues served by a thread of its own, as a kernel's soft interrupts do.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;

use shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread::{self, JoinHandle};

use super::{SCHEDULES, Threads, Units, all_back, put_back, take, try_schedules};
use crate::callback::{Attempt, Callback};
use crate::platform::{Platform, Serves};
use crate::wait::{Gate, Wait};

/// What is to be served, and whether there will be more.
#[derive(Default)]
struct List {
    queues: Vec<Arc<dyn Serves>>,
    closed: bool,
}

#[derive(Default)]
struct Deferring {
    list: Mutex<List>,
    changed: Condvar,
}

impl Deferring {
    fn change(&self, change: impl FnOnce(&mut List)) {
        change(&mut self.list.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        self.changed.notify_one();
    }

    /// Serves until the list is closed and empty.
    fn work(&self) {
        let mut list = self.list.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        loop {
            if let Some(queue) = list.queues.pop() {
                drop(list);
                queue.serve();
                list = self.list.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            } else if list.closed {
                return;
            } else {
                list = self.changed.wait(list).unwrap_or_else(|poisoned| poisoned.into_inner());
            }
        }
    }
}

impl Platform for Deferring {
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
        self.change(|list| list.queues.push(queue));
    }
}

/// A gate whose callbacks run on a thread of their own.
struct Rig {
    gate: Arc<Gate<Units>>,
    platform: Arc<Deferring>,
    server: JoinHandle<()>,
}

impl Rig {
    fn new(all: u64) -> Self {
        let platform = Arc::new(Deferring::default());
        let gate = Gate::new(Units { free: all, all }, platform.clone());
        let server = {
            let platform = platform.clone();
            thread::spawn(move || platform.work())
        };
        Rig { gate, platform, server }
    }

    /// Lets everything be served that was handed over.
    fn end(self) {
        self.platform.change(|list| list.closed = true);
        drop(self.server.join());
    }
}

/// A callback that takes a lock, then `n` units, which it gives back at once; it counts how often it had them.
fn locking(gate: &Arc<Gate<Units>>, lock: &Arc<Mutex<()>>, n: u64, got: &Arc<AtomicU32>) -> Callback {
    let (gate, lock, got) = (gate.clone(), lock.clone(), got.clone());
    Callback::new(move |me| {
        let _held = lock.lock();
        match take(&gate, n, Wait::Callback(me)) {
            Ok(taken) => {
                got.fetch_add(1, Ordering::SeqCst);
                put_back(&gate, taken);
                Attempt::Done
            }
            Err(_) => Attempt::Runout,
        }
    })
}

/// Example 8-5 of the DDI's manual unbinds with its mutex held, and the callback of example 8-1 takes it.
#[test]
fn who_releases_may_hold_a_lock_that_the_callback_takes() {
    let run = || {
        let rig = Rig::new(2);
        let (lock, got) = (Arc::new(Mutex::new(())), Arc::new(AtomicU32::new(0)));
        let held = take(&rig.gate, 2, Wait::DontWait).unwrap_or(0);
        let callback = locking(&rig.gate, &lock, 2, &got);
        assert!(take(&rig.gate, 2, Wait::Callback(&callback)).is_err());
        let sleeper = {
            let gate = rig.gate.clone();
            thread::spawn(move || {
                let taken = take(&gate, 1, Wait::Sleep).unwrap_or(0);
                put_back(&gate, taken);
            })
        };
        {
            let _held = lock.lock();
            put_back(&rig.gate, held);
            assert_eq!(got.load(Ordering::SeqCst), 0, "it takes the lock first");
        }
        drop(sleeper.join());
        let gate = rig.gate.clone();
        rig.end();
        assert_eq!(got.load(Ordering::SeqCst), 1, "called until it had it, and not once more");
        all_back(&gate, 2);
    };
    try_schedules(run);
}

/// The server rests in a callback that waits for a lock, whose holder sleeps for the same resource.
#[test]
fn who_sleeps_may_hold_a_lock_that_the_callback_takes() {
    let run = || {
        let rig = Rig::new(2);
        let (lock, got) = (Arc::new(Mutex::new(())), Arc::new(AtomicU32::new(0)));
        let held = take(&rig.gate, 2, Wait::DontWait).unwrap_or(0);
        let callback = locking(&rig.gate, &lock, 1, &got);
        assert!(take(&rig.gate, 1, Wait::Callback(&callback)).is_err());
        let sleeper = {
            let (gate, lock) = (rig.gate.clone(), lock.clone());
            thread::spawn(move || {
                let _held = lock.lock();
                let taken = take(&gate, 2, Wait::Sleep).unwrap_or(0);
                put_back(&gate, taken);
            })
        };
        put_back(&rig.gate, held / 2);
        put_back(&rig.gate, held / 2);
        drop(sleeper.join());
        let gate = rig.gate.clone();
        rig.end();
        assert_eq!(got.load(Ordering::SeqCst), 1);
        all_back(&gate, 2);
    };
    try_schedules(run);
}

#[test]
fn sleepers_are_never_lost_where_serving_is_deferred() {
    let run = || {
        let rig = Rig::new(3);
        let threads: Vec<_> = (0..3)
            .map(|number: u64| {
                let gate = rig.gate.clone();
                thread::spawn(move || {
                    for round in 0..3 {
                        let n = 1 + (number + round) % 3;
                        let taken = take(&gate, n, Wait::Sleep).unwrap_or_else(|short| panic!("{short}"));
                        put_back(&gate, taken);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
        let gate = rig.gate.clone();
        rig.end();
        all_back(&gate, 3);
    };
    shuttle::check_random(run, SCHEDULES);
}

#[test]
fn after_cancelling_nothing_runs_that_was_deferred() {
    let run = || {
        let rig = Rig::new(1);
        let held = take(&rig.gate, 1, Wait::DontWait).unwrap_or(0);
        let (detached, running) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let callback = {
            let (detached, running, gate) = (detached.clone(), running.clone(), rig.gate.clone());
            Callback::new(move |me| {
                assert!(!detached.load(Ordering::SeqCst), "called after it was cancelled");
                running.store(true, Ordering::SeqCst);
                thread::yield_now();
                let taken = take(&gate, 1, Wait::Callback(me));
                running.store(false, Ordering::SeqCst);
                taken.into_iter().for_each(|taken| put_back(&gate, taken));
                Attempt::Runout
            })
        };
        assert!(take(&rig.gate, 1, Wait::Callback(&callback)).is_err());
        let releaser = {
            let gate = rig.gate.clone();
            thread::spawn(move || put_back(&gate, held))
        };
        callback.cancel();
        assert!(!running.load(Ordering::SeqCst), "still running when cancelled");
        detached.store(true, Ordering::SeqCst);
        drop(releaser.join());
        let gate = rig.gate.clone();
        rig.end();
        all_back(&gate, 1);
    };
    try_schedules(run);
}
