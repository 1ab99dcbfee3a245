//! The queue under a model checker, which tries many interleavings: `cargo xtask model`.
//!
//! A deadlock, which is what a lost wake-up comes to, is found as such.

mod deferring;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;
use core::task::Waker;
use std::task::Wake;

use shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use shuttle::thread::{self, Thread};

use crate::attr::DmaAttr;
use crate::callback::{Attempt, Callback};
use crate::copy_buffer::{CopyBuffer, Sharers};
use crate::dmae::{Dmae, PortIo};
use crate::error::{Resource, Shortage};
use crate::map_space::MapSpace;
use crate::mem::MemoryPool;
use crate::nexus::{
    Addressing, Coherence, MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory, SyncRequest,
};
use crate::object::Extent;
use crate::platform::Platform;
use crate::wait::{Gate, MOST_PASSES, Patience, Refusal, Supply, Wait};

const SCHEDULES: usize = 5_000;

/// Runs the case in random schedules, and in those that a few well-placed switches make.
fn try_schedules(run: fn()) {
    shuttle::check_random(run, SCHEDULES);
    shuttle::check_pct(run, SCHEDULES, 3);
}

/// So many units of something.
struct Units {
    free: u64,
    all: u64,
}

impl Units {
    fn take(&mut self, n: u64) -> Result<u64, Refusal> {
        if n > self.free {
            let shortage = self.shortage(n);
            return Err(if self.free < self.all {
                Refusal::Later(shortage)
            } else {
                Refusal::Never(shortage)
            });
        }
        self.free -= n;
        Ok(n)
    }
}

impl Supply for Units {
    fn promises(&self, asked: u64) -> bool {
        self.free >= asked
    }

    fn shortage(&self, asked: u64) -> Shortage {
        Shortage { resource: Resource::CopyBuffer, asked, free: self.free, largest: self.free }
    }
}

/// The model checker's threads.
struct Threads;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

impl Platform for Threads {
    fn current(&self) -> u64 {
        // The model's thread numbers print as `ThreadId(n)` and are told apart by that alone.
        let name = alloc::format!("{:?}", thread::current().id());
        name.bytes().filter(u8::is_ascii_digit).fold(1, |n, digit| n * 10 + u64::from(digit - b'0'))
    }

    fn waker(&self) -> Waker {
        std::sync::Arc::new(Unpark(thread::current())).into()
    }

    fn park(&self) {
        thread::park();
    }
}

fn gate(all: u64) -> Arc<Gate<Units>> {
    Gate::new(Units { free: all, all }, Arc::new(Threads))
}

fn take(gate: &Gate<Units>, n: u64, wait: Wait<'_>) -> Result<u64, Shortage> {
    let taken = gate.obtain(n, Patience::Wait(wait), &mut None, |units| units.take(n));
    taken.map_err(|refusal| refusal.shortage())
}

fn put_back(gate: &Gate<Units>, n: u64) {
    gate.give(|units| units.free += n);
}

fn all_back(gate: &Gate<Units>, all: u64) {
    assert_eq!(gate.look(|units| units.free), all);
    assert!(!gate.is_crowded());
    let counts = gate.counts();
    assert!(counts.passes <= counts.waits * u64::from(MOST_PASSES));
}

#[test]
fn sleepers_are_never_lost() {
    let run = || {
        let gate = gate(3);
        let threads: Vec<_> = (0..3)
            .map(|number: u64| {
                let gate = gate.clone();
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
        all_back(&gate, 3);
    };
    try_schedules(run);
}

#[test]
fn a_callback_and_sleepers_all_get_their_turn() {
    let run = || {
        let gate = gate(2);
        let held = take(&gate, 2, Wait::DontWait).unwrap_or(0);
        let got = Arc::new(AtomicU32::new(0));
        let callback = {
            let (gate, got) = (gate.clone(), got.clone());
            Callback::new(move |me| match take(&gate, 2, Wait::Callback(me)) {
                Ok(taken) => {
                    got.fetch_add(1, Ordering::SeqCst);
                    put_back(&gate, taken);
                    Attempt::Done
                }
                Err(_) => Attempt::Runout,
            })
        };
        let waits = take(&gate, 2, Wait::Callback(&callback)).is_err();
        assert!(waits);
        let sleeper = {
            let gate = gate.clone();
            thread::spawn(move || {
                let taken = take(&gate, 1, Wait::Sleep).unwrap_or(0);
                put_back(&gate, taken);
            })
        };
        put_back(&gate, held);
        drop(sleeper.join());
        assert_eq!(got.load(Ordering::SeqCst), 1, "called until it had it, and not once more");
        all_back(&gate, 2);
    };
    try_schedules(run);
}

#[test]
fn after_cancelling_nothing_runs() {
    let run = || {
        let gate = gate(1);
        let held = take(&gate, 1, Wait::DontWait).unwrap_or(0);
        let detached = Arc::new(AtomicBool::new(false));
        let running = Arc::new(AtomicBool::new(false));
        let callback = {
            let (detached, running, gate) = (detached.clone(), running.clone(), gate.clone());
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
        let releaser = {
            let (gate, callback) = (gate.clone(), callback.clone());
            thread::spawn(move || {
                let _ = take(&gate, 1, Wait::Callback(&callback));
                put_back(&gate, held);
            })
        };
        callback.cancel();
        assert!(!running.load(Ordering::SeqCst), "still running when cancelled");
        detached.store(true, Ordering::SeqCst);
        drop(releaser.join());
        assert!(!gate.is_crowded());
    };
    try_schedules(run);
}

#[test]
fn a_dropped_task_leaves_no_trace() {
    let run = || {
        let gate = gate(1);
        let held = take(&gate, 1, Wait::DontWait).unwrap_or(0);
        let task = {
            let gate = gate.clone();
            thread::spawn(move || {
                let mut ticket = None;
                let waker = Waker::noop();
                let asked = gate.obtain(1, Patience::Task(waker), &mut ticket, |units| units.take(1));
                gate.forget(&mut ticket);
                asked.into_iter().for_each(|taken| put_back(&gate, taken));
            })
        };
        let sleeper = {
            let gate = gate.clone();
            thread::spawn(move || {
                let taken = take(&gate, 1, Wait::Sleep).unwrap_or(0);
                put_back(&gate, taken);
            })
        };
        put_back(&gate, held);
        drop(task.join());
        drop(sleeper.join());
        all_back(&gate, 1);
    };
    shuttle::check_random(run, SCHEDULES);
}

#[test]
fn passes_are_bounded_for_each_who_waits() {
    let run = || {
        let gate = gate(2);
        let held = take(&gate, 1, Wait::DontWait).unwrap_or(0);
        let passes = Arc::new(AtomicU32::new(0));
        let large = Callback::new(|_| Attempt::Done);
        assert!(take(&gate, 2, Wait::Callback(&large)).is_err());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (gate, passes) = (gate.clone(), passes.clone());
                thread::spawn(move || {
                    for _ in 0..MOST_PASSES {
                        if let Ok(taken) = take(&gate, 1, Wait::DontWait) {
                            put_back(&gate, taken);
                            passes.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
        let passed = passes.load(Ordering::SeqCst);
        assert!(passed <= MOST_PASSES, "passed {passed} times");
        put_back(&gate, held);
        all_back(&gate, 2);
    };
    shuttle::check_random(run, SCHEDULES / 10);
}

/// A nexus with so many bytes.
struct Heap {
    free: shuttle::sync::Mutex<u64>,
}

const PAGE: u64 = 4096;

// SAFETY: nobody touches the memory that is handed out; it is an address alone.
unsafe impl Nexus for Heap {
    fn info(&self) -> NexusInfo {
        NexusInfo {
            limits: DmaAttr::UNRESTRICTED,
            addressing: Addressing::Physical,
            coherence: Coherence::Coherent,
            page_size: PAGE,
        }
    }

    fn map(&self, _: &MapRequest<'_>, _: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        Err(Shortage { resource: Resource::MapSpace, asked: 0, free: 0, largest: 0 })
    }

    unsafe fn unmap(&self, _: MapId) {}

    fn sync(&self, _: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        let mut free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let size = request.size;
        *free = free.checked_sub(size).ok_or(Shortage {
            resource: Resource::CopyBuffer,
            asked: size,
            free: *free,
            largest: *free,
        })?;
        Ok(NexusMemory { cpu: NonNull::dangling(), bus: 0, size, id: MapId(0) })
    }

    unsafe fn free(&self, memory: NexusMemory) {
        *self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += memory.size;
    }
}

/// A run that a handle begins to keep just as somebody begins to wait is either found or given back.
#[test]
fn an_idle_run_is_never_overlooked() {
    let run = || {
        let nexus: Arc<dyn Nexus> = Arc::new(Heap { free: shuttle::sync::Mutex::new(PAGE) });
        let memory = Gate::new(MemoryPool::new(nexus.clone()), Arc::new(Threads));
        let map_space =
            Gate::new(MapSpace::new(nexus.clone(), memory.look(MemoryPool::out)), Arc::new(Threads));
        let sharers = Sharers { memory, map_space };
        let pool = Arc::new(CopyBuffer::new(nexus, PAGE, sharers, Arc::new(Threads)));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let pool = pool.clone();
                thread::spawn(move || {
                    let slot = pool.open_slot();
                    let sleep = Patience::Wait(Wait::Sleep);
                    let attr = &DmaAttr::UNRESTRICTED;
                    if let Ok(run) = pool.take(&slot, PAGE, attr, sleep, &mut None) {
                        pool.keep(&slot, run);
                    }
                    // The handle lives on, idle.
                    core::mem::forget(slot);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    try_schedules(run);
}

/// Ports that note who writes them: a controller's sequences are never mixed.
#[derive(Default)]
struct Ports {
    /// Who masked a line of the first controller to load it, and has not unmasked it yet.
    loading: shuttle::sync::Mutex<Option<u64>>,
    loads: AtomicU32,
}

impl PortIo for Ports {
    fn read(&self, _: u16) -> u8 {
        self.by_whom(None);
        0
    }

    fn write(&self, port: u16, value: u8) {
        self.by_whom(Some((port, value)));
    }
}

impl Ports {
    fn by_whom(&self, write: Option<(u16, u8)>) {
        thread::yield_now();
        let me = Threads.current();
        let mut loading = self.loading.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        assert!(loading.is_none_or(|who| who == me), "two threads at one controller");
        match write {
            // The mode comes first within a load, the unmasking last.
            Some((0x0B, _)) => *loading = Some(me),
            Some((0x0A, line)) if line & 4 == 0 => {
                *loading = None;
                self.loads.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

fn dma_engine() -> (Arc<Ports>, Dmae) {
    let ports = Arc::new(Ports::default());
    (ports.clone(), Dmae::with_platform(ports, Arc::new(Threads)))
}

#[test]
fn a_channel_has_one_holder() {
    let run = || {
        let (ports, dmae) = dma_engine();
        let (holders, turns) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let hold = {
            let (holders, turns) = (holders.clone(), turns.clone());
            move |mut channel: crate::dmae::Channel| {
                assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two have it");
                channel.first_party();
                turns.fetch_add(1, Ordering::SeqCst);
                holders.fetch_sub(1, Ordering::SeqCst);
            }
        };
        let callback = {
            let (dmae, hold) = (dmae.clone(), hold.clone());
            Callback::new(move |me| match dmae.alloc(2, Wait::Callback(me)) {
                Ok(channel) => {
                    hold(channel);
                    Attempt::Done
                }
                Err(_) => Attempt::Runout,
            })
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (dmae, hold) = (dmae.clone(), hold.clone());
                thread::spawn(move || dmae.alloc(2, Wait::Sleep).into_iter().for_each(hold))
            })
            .collect();
        if let Ok(channel) = dmae.alloc(2, Wait::Callback(&callback)) {
            hold(channel);
        }
        threads.into_iter().for_each(|thread| drop(thread.join()));
        assert_eq!(turns.load(Ordering::SeqCst), 3, "each had its turn");
        assert_eq!(ports.loads.load(Ordering::SeqCst), 3);
        assert!(dmae.alloc(2, Wait::DontWait).is_ok());
    };
    try_schedules(run);
}

#[test]
fn channels_of_one_controller_are_programmed_one_at_a_time() {
    let run = || {
        let (ports, dmae) = dma_engine();
        let threads: Vec<_> = (1..4)
            .map(|number| {
                let dmae = dmae.clone();
                thread::spawn(move || {
                    let mut channel =
                        dmae.alloc(number, Wait::DontWait).unwrap_or_else(|error| panic!("{error}"));
                    channel.first_party();
                    channel.disable();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
        assert_eq!(ports.loads.load(Ordering::SeqCst), 3);
    };
    shuttle::check_random(run, SCHEDULES / 10);
}

#[test]
fn who_cancels_does_not_get_a_channel_any_more() {
    let run = || {
        let (_, dmae) = dma_engine();
        let held = dmae.alloc(5, Wait::DontWait);
        let detached = Arc::new(AtomicBool::new(false));
        let callback = {
            let (dmae, detached) = (dmae.clone(), detached.clone());
            Callback::new(move |me| {
                assert!(!detached.load(Ordering::SeqCst), "called after it was cancelled");
                let taken = dmae.alloc(5, Wait::Callback(me));
                if taken.is_ok() { Attempt::Done } else { Attempt::Runout }
            })
        };
        assert!(dmae.alloc(5, Wait::Callback(&callback)).is_err());
        let releaser = thread::spawn(move || drop(held));
        callback.cancel();
        detached.store(true, Ordering::SeqCst);
        drop(releaser.join());
        assert!(dmae.alloc(5, Wait::DontWait).is_ok());
    };
    try_schedules(run);
}
