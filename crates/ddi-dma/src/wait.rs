//! Waiting for resources: one FIFO a resource a nexus.
//!
//! Rules, for each queue:
//! 1. A request that fails and waits is queued behind those that wait already; the same callback once, however often
//!    it fails.
//! 2. After any release those that may get what they asked for are called or woken, in order, with no lock held: by whoever
//!    released, or where the platform says so ([`Platform::serve`]); then tasks and threads may be woken ahead.
//! 3. One that still does not get it keeps its place. Others may pass it, [`MOST_PASSES`] times at the most; then the
//!    resource is kept for it.
//! 4. A wait that was cancelled is neither called nor woken afterwards; cancelling waits for a call that runs.

mod serving;

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::task::Waker;

use crate::callback::{Callback, Cancels};
use crate::error::Shortage;
use crate::lock::{AtomicUsize, Mutex, Ordering};
use crate::platform::Platform;
use serving::Serving;

/// How often one that waits is passed by others before the resource is kept for it.
pub const MOST_PASSES: u32 = 16;

/// What to do where a resource is short (`waitfp` of the DDI).
#[derive(Debug, Clone, Copy)]
pub enum Wait<'a> {
    /// Give up at once, with an error that names the resource (`DDI_DMA_DONTWAIT`).
    DontWait,
    /// Rest until the resource is there (`DDI_DMA_SLEEP`). Not for interrupt context.
    Sleep,
    /// Give up for now; the callback is called when the resource may be there.
    Callback(&'a Callback),
}

/// How patient a caller is: one of the driver's ways, or a task that is polled.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience<'a> {
    Wait(Wait<'a>),
    Task(&'a Waker),
}

/// Something that is handed out and may be short.
pub(crate) trait Supply: Send + 'static {
    /// Whether so much could be had now, as far as can be told without taking it.
    fn promises(&self, asked: u64) -> bool;

    /// What is there, for who asked for so much and does not get it.
    fn shortage(&self, asked: u64) -> Shortage;
}

/// A place in a queue. Later places have higher numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// A task's place in a queue, given up when the task is dropped.
pub(crate) struct Place<'a, S: Supply> {
    gate: &'a Gate<S>,
    pub(crate) ticket: Option<Ticket>,
}

impl<'a, S: Supply> Place<'a, S> {
    pub(crate) fn at(gate: &'a Gate<S>) -> Self {
        Place { gate, ticket: None }
    }
}

impl<S: Supply> Drop for Place<'_, S> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.gate.forget(&mut self.ticket);
        }
    }
}

/// Who asks for a resource, and what becomes of it where the resource is short.
enum Asker<'a> {
    /// Somebody who does not wait.
    Passing,
    /// A callback, to be called.
    Callback(&'a Callback),
    /// A task or thread, to be woken; the ticket keeps its place.
    Task(&'a Waker, &'a mut Option<Ticket>),
}

/// A request that was not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A release may help.
    Later(Shortage),
    /// Nothing is out that could be released: waiting would never end.
    Never(Shortage),
}

impl Refusal {
    pub(crate) fn shortage(&self) -> Shortage {
        let (Refusal::Later(shortage) | Refusal::Never(shortage)) = self;
        *shortage
    }

    /// The same of another shortage.
    pub(crate) fn of(self, shortage: Shortage) -> Self {
        match self {
            Refusal::Later(_) => Refusal::Later(shortage),
            Refusal::Never(_) => Refusal::Never(shortage),
        }
    }
}

/// What happened at a gate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WaitCounts {
    pub(crate) waits: u64,
    pub(crate) callbacks: u64,
    pub(crate) passes: u64,
}

/// A supply and the queue of those who wait for it, under one lock: a request that fails is queued before anything
/// can be released.
pub(crate) struct Gate<S: Supply> {
    inner: Mutex<Inner<S>>,
    /// Entries of the queue, to be read without the lock where nobody waits.
    waiting: AtomicUsize,
    platform: Arc<dyn Platform>,
    /// Itself, for callbacks to find it when they are cancelled.
    me: Weak<Gate<S>>,
}

struct Inner<S> {
    supply: S,
    queue: VecDeque<Entry>,
    next: u64,
    /// The callback that runs now: its place and its thread.
    running: Option<(Ticket, Callback, u64)>,
    serving: Serving,
    /// Those who wait for a running callback to end.
    cancelling: Vec<Waker>,
    counts: WaitCounts,
}

struct Entry {
    ticket: Ticket,
    asked: u64,
    passed: u32,
    kind: Kind,
    renewal: Renewal,
}

enum Kind {
    Callback(Callback),
    Task(Waker),
}

/// Whether a callback failed again while it ran, and so waits on whatever it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewal {
    None,
    Renewed,
}

impl<S: Supply> Gate<S> {
    pub(crate) fn new(supply: S, platform: Arc<dyn Platform>) -> Arc<Self> {
        let inner = Inner {
            supply,
            queue: VecDeque::new(),
            next: 0,
            running: None,
            serving: Serving::Nobody,
            cancelling: Vec::new(),
            counts: WaitCounts::default(),
        };
        Arc::new_cyclic(|me| Gate {
            inner: Mutex::new(inner),
            waiting: AtomicUsize::new(0),
            platform,
            me: me.clone(),
        })
    }

    /// Whether somebody waits.
    #[inline]
    pub(crate) fn is_crowded(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    pub(crate) fn counts(&self) -> WaitCounts {
        self.inner.lock().counts
    }

    /// Looks at the supply.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.inner.lock().supply)
    }

    /// Changes the supply without handing anything out or taking it back.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        change(&mut self.inner.lock().supply)
    }

    /// Takes something out of the supply, as patiently as the caller is.
    pub(crate) fn obtain<T>(
        &self,
        asked: u64,
        patience: Patience<'_>,
        ticket: &mut Option<Ticket>,
        take: impl Fn(&mut S) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        match patience {
            Patience::Wait(Wait::Sleep) => self.take_sleeping(asked, take),
            Patience::Wait(Wait::DontWait) => self.take(asked, Asker::Passing, take),
            Patience::Wait(Wait::Callback(callback)) => self.take(asked, Asker::Callback(callback), take),
            Patience::Task(waker) => self.take(asked, Asker::Task(waker, ticket), take),
        }
    }

    /// Takes something out of the supply, or queues who asks where it wants that.
    fn take<T>(
        &self,
        asked: u64,
        asker: Asker<'_>,
        take: impl FnOnce(&mut S) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut inner = self.inner.lock();
        if !matches!(asker, Asker::Passing) {
            // Said before looking: who keeps something idle either is seen to, or sees that somebody may wait.
            self.waiting.store(inner.queue.len() + 1, Ordering::SeqCst);
        }
        let place = inner.place_of(&asker, &*self.platform);
        let refusal = if inner.admits(place) {
            match take(&mut inner.supply) {
                Ok(taken) => {
                    inner.pass(place);
                    if let Asker::Task(_, ticket) = asker {
                        inner.leave(&mut *ticket);
                    }
                    self.note_length(&inner);
                    return Ok(taken);
                }
                Err(refusal) => refusal,
            }
        } else {
            Refusal::Later(inner.supply.shortage(asked))
        };
        if let Refusal::Later(_) = refusal {
            self.enter(&mut inner, asked, asker);
        } else if let Asker::Task(_, ticket) = asker {
            inner.leave(ticket);
        }
        self.note_length(&inner);
        Err(refusal)
    }

    /// Takes something out of the supply; rests until it is there.
    fn take_sleeping<T>(
        &self,
        asked: u64,
        take: impl Fn(&mut S) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let waker = self.platform.waker();
        let mut ticket = None;
        loop {
            match self.take(asked, Asker::Task(&waker, &mut ticket), &take) {
                Err(Refusal::Later(_)) => self.platform.park(),
                other => return other,
            }
        }
    }

    /// Puts something back into the supply, and serves those who wait for it.
    pub(crate) fn give(&self, give: impl FnOnce(&mut S)) {
        give(&mut self.inner.lock().supply);
        self.serve();
    }

    /// Takes a task out of the queue.
    pub(crate) fn forget(&self, ticket: &mut Option<Ticket>) {
        let mut inner = self.inner.lock();
        inner.leave(ticket);
        self.note_length(&inner);
        drop(inner);
        // What was kept for it may be had by others now.
        self.serve();
    }

    /// Has those served who may get what they asked for, where somebody waits.
    pub(crate) fn serve(&self) {
        if !self.is_crowded() {
            return;
        }
        // Whoever calls holds the gate, so that it is there.
        if let Some(gate) = self.me.upgrade() {
            self.platform.serve(gate);
        }
    }

    fn enter(&self, inner: &mut Inner<S>, asked: u64, asker: Asker<'_>) {
        let kind = match asker {
            Asker::Passing => return,
            Asker::Callback(callback) => {
                // First noted, then asked: who cancels meanwhile finds this queue, or was seen here.
                callback.enters(self.me.clone());
                if callback.is_cancelled() {
                    return;
                }
                if let Some(entry) = inner.entry_of(callback) {
                    entry.asked = asked;
                    entry.renewal = Renewal::Renewed;
                    return;
                }
                Kind::Callback(callback.clone())
            }
            Asker::Task(waker, ticket) => {
                let known = ticket.and_then(|ticket| inner.entry(ticket));
                if let Some(entry) = known {
                    entry.asked = asked;
                    entry.kind = Kind::Task(waker.clone());
                    return;
                }
                *ticket = Some(Ticket(inner.next));
                Kind::Task(waker.clone())
            }
        };
        let ticket = Ticket(inner.next);
        inner.next += 1;
        inner.counts.waits += 1;
        inner.queue.push_back(Entry { ticket, asked, passed: 0, kind, renewal: Renewal::None });
    }

    fn note_length(&self, inner: &Inner<S>) {
        self.waiting.store(inner.queue.len(), Ordering::Release);
    }
}

impl<S: Supply> Cancels for Gate<S> {
    fn cancel(&self, callback: &Callback) {
        loop {
            let mut inner = self.inner.lock();
            inner.queue.retain(|entry| !matches!(&entry.kind, Kind::Callback(other) if other == callback));
            self.note_length(&inner);
            let here = self.platform.current();
            let elsewhere =
                |(_, running, thread): &(Ticket, Callback, u64)| running == callback && *thread != here;
            if !inner.running.as_ref().is_some_and(elsewhere) {
                break;
            }
            inner.cancelling.push(self.platform.waker());
            drop(inner);
            self.platform.park();
        }
        // What was kept for it may be had by others now.
        self.serve();
    }

    fn holds(&self, callback: &Callback) -> bool {
        self.inner.lock().entry_of(callback).is_some()
    }
}

impl<S: Supply> Inner<S> {
    /// The place in the queue of who asks, if it has one.
    fn place_of(&mut self, asker: &Asker<'_>, platform: &dyn Platform) -> Option<Ticket> {
        match asker {
            Asker::Task(_, ticket) => **ticket,
            Asker::Callback(callback) => self.entry_of(callback).map(|entry| entry.ticket),
            // A callback that runs may ask without saying who it is.
            Asker::Passing => {
                let (ticket, _, thread) = self.running.as_ref()?;
                (*thread == platform.current()).then_some(*ticket)
            }
        }
    }

    /// Whether nobody before this place is owed the resource.
    fn admits(&self, place: Option<Ticket>) -> bool {
        self.before(place).all(|entry| entry.passed < MOST_PASSES)
    }

    /// Counts that whoever is before this place was passed.
    fn pass(&mut self, place: Option<Ticket>) {
        let mut passes = 0;
        for entry in self.queue.iter_mut().take_while(|entry| place.is_none_or(|place| entry.ticket < place))
        {
            entry.passed += 1;
            debug_assert!(entry.passed <= MOST_PASSES, "passed {} times", entry.passed);
            passes += 1;
        }
        self.counts.passes += passes;
    }

    /// Those who came before this place; all, where there is none.
    fn before(&self, place: Option<Ticket>) -> impl Iterator<Item = &Entry> {
        self.queue.iter().take_while(move |entry| place.is_none_or(|place| entry.ticket < place))
    }

    fn leave(&mut self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.queue.retain(|entry| entry.ticket != ticket);
        }
    }

    fn entry(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.queue.iter_mut().find(|entry| entry.ticket == ticket)
    }

    fn entry_of(&mut self, callback: &Callback) -> Option<&mut Entry> {
        self.queue.iter_mut().find(|entry| matches!(&entry.kind, Kind::Callback(other) if other == callback))
    }
}
