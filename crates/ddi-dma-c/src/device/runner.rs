//! The thread that lets a simulated device run, and calls its interrupt handler.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ddi_dma_sim::Stepped;

use super::line::{Answer, Effect, Line, Served};
use super::model::Model;
use crate::worker::{Started, Worker};

/// Lets a device run whenever somebody has touched it. The thread starts with the first touch.
pub(super) struct Runner {
    model: Model,
    line: Arc<Line>,
    state: Mutex<State>,
    changed: Condvar,
    /// Accesses that may have changed what the device does.
    touches: AtomicU64,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    /// How many touches there were when the device was last let run.
    seen: u64,
    phase: Phase,
    thread: Worker,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The device is idle or waits for somebody, and no handler runs.
    #[default]
    Resting,
    Running,
}

impl Runner {
    pub(super) fn new(model: Model, line: Arc<Line>) -> Arc<Self> {
        let (state, changed, touches) = (Mutex::default(), Condvar::new(), AtomicU64::new(0));
        Arc::new(Runner { model, line, state, changed, touches, stopped: AtomicBool::new(false) })
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Has the device look around: a register was written, a channel programmed, a handler added.
    pub(super) fn touch(self: &Arc<Self>) {
        let mut state = self.state();
        self.touches.fetch_add(1, Ordering::Relaxed);
        let me = Arc::clone(self);
        if let Err(error) = state.thread.start("device", move || me.serve()) {
            eprintln!(
                "WARNING: the simulated device cannot run, since the system gives no thread: {error}; the next access of a register tries again"
            );
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Lets the device run on while its handler does, for whoever looks at it meanwhile: a handler that polls, or a
    /// thread that polls and holds the mutex that the handler waits for.
    pub(super) fn look(&self) {
        if self.line.runs() {
            self.model.step();
        }
    }

    /// Waits until the device is idle, or waits for somebody, and no handler runs. Tells how often it was touched so
    /// far.
    pub(super) fn settle(&self) -> u64 {
        let busy = |state: &mut State| {
            let due = state.seen != self.touches() && matches!(state.thread, Worker::Started(_));
            due || state.phase == Phase::Running
        };
        let state = self.changed.wait_while(self.state(), busy).unwrap_or_else(PoisonError::into_inner);
        let touches = self.touches();
        drop(state);
        touches
    }

    /// How often the device was touched.
    pub(super) fn touches(&self) -> u64 {
        self.touches.load(Ordering::Relaxed)
    }

    /// Ends the thread; what the device does stays where it is.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        let started = self.state().thread.stop();
        self.changed.notify_all();
        started.into_iter().for_each(Started::join);
    }

    fn serve(&self) {
        let mut state = self.state();
        while !self.stopped.load(Ordering::Relaxed) {
            let touches = self.touches();
            if state.seen == touches {
                state.phase = Phase::Resting;
                self.changed.notify_all();
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            (state.seen, state.phase) = (touches, Phase::Running);
            drop(state);
            self.run();
            state = self.state();
        }
        state.phase = Phase::Resting;
        drop(state);
        self.changed.notify_all();
    }

    /// Lets the device run, and its handler after it, until neither has anything to do.
    fn run(&self) {
        while !self.stopped.load(Ordering::Relaxed) {
            let stepped = self.model.step();
            let served = if self.model.interrupting() { self.interrupt() } else { Served::Pending };
            if stepped != Stepped::Done && served == Served::Pending {
                return;
            }
        }
    }

    fn interrupt(&self) -> Served {
        let touches = self.touches();
        self.line.serve(|answer| {
            let idle = answer == Answer::Unclaimed || self.touches() == touches;
            if idle && self.model.interrupting() { Effect::None } else { Effect::Some }
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
