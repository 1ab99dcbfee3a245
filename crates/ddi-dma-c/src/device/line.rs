//! The interrupt line of a device, and the handler that a driver added to it.

use std::ffi::{c_char, c_uint};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use ddi_dma::{Platform, Threads};

use crate::node::{Argument, Context, enter};

/// An interrupt handler of a driver: `uint_t (*int_handler)(caddr_t)`.
pub(super) type HandlerFunction = unsafe extern "C" fn(*mut c_char) -> c_uint;

/// `DDI_INTR_UNCLAIMED`. Everything else says that the interrupt was the device's.
const UNCLAIMED: c_uint = 0;

/// So many calls in a row may leave the line raised ahead of its being switched off.
const MOST_IGNORED: u32 = 100;

/// A handler with its argument.
#[derive(Clone, Copy)]
pub(super) struct Handler {
    pub(super) function: HandlerFunction,
    pub(super) argument: Argument,
}

/// An interrupt line.
pub(crate) struct Line {
    /// Whose it is, for messages.
    device: String,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the handler runs, to be read without the lock.
    running: AtomicBool,
}

#[derive(Default)]
struct State {
    handler: Option<Handler>,
    /// The number of the thread that the handler runs on.
    runs_on: Option<u64>,
    /// Calls in a row that left the line raised.
    ignored: u32,
    gate: Gate,
}

/// Whether the line reaches anybody.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    /// It was switched off, since nobody lowered it.
    Closed,
}

/// What became of an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// The handler was called.
    Called,
    /// There is no handler, or the line is switched off.
    Pending,
}

/// What a handler said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Claimed,
    Unclaimed,
}

/// Whether a call changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The line is lowered, or was raised anew.
    Some,
    /// The line is as it was.
    None,
}

/// There is a handler already.
#[derive(Debug)]
pub(super) struct Taken;

impl Line {
    pub(super) fn new(device: &str) -> Self {
        let (state, changed, running) = (Mutex::default(), Condvar::new(), AtomicBool::new(false));
        Line { device: device.to_owned(), state, changed, running }
    }

    /// Adds the handler.
    pub(super) fn add(&self, handler: Handler) -> Result<(), Taken> {
        let mut state = self.state();
        if state.handler.is_some() {
            return Err(Taken);
        }
        (state.handler, state.ignored, state.gate) = (Some(handler), 0, Gate::Open);
        Ok(())
    }

    /// Removes the handler, and waits until it does not run any more; the handler itself may remove itself. `None` where
    /// there was none.
    pub(super) fn remove(&self) -> Option<Handler> {
        let mut state = self.state();
        let handler = state.handler.take();
        let elsewhere = |state: &mut State| state.runs_on.is_some_and(|on| on != Threads.current());
        drop(self.changed.wait_while(state, elsewhere).unwrap_or_else(PoisonError::into_inner));
        handler
    }

    /// Whether the handler runs now.
    pub(super) fn runs(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Calls the handler of a line that is raised, in interrupt context; `effect` then tells what it did about it. Only
    /// the thread of the device calls this.
    pub(super) fn serve(&self, effect: impl FnOnce(Answer) -> Effect) -> Served {
        let mut state = self.state();
        let Some(handler) = state.handler.filter(|_| state.gate == Gate::Open) else {
            return Served::Pending;
        };
        state.runs_on = Some(Threads.current());
        self.running.store(true, Ordering::Release);
        drop(state);
        let answer = enter(Context::Interrupt, || {
            // SAFETY: the driver gave the function to be called with this argument.
            unsafe { (handler.function)(handler.argument.pointer().cast()) }
        });
        let answer = if answer == UNCLAIMED { Answer::Unclaimed } else { Answer::Claimed };
        let effect = effect(answer);
        let mut state = self.state();
        state.runs_on = None;
        self.running.store(false, Ordering::Release);
        state.ignored = if effect == Effect::None { state.ignored + 1 } else { 0 };
        if state.ignored >= MOST_IGNORED {
            (state.ignored, state.gate) = (0, Gate::Closed);
            eprintln!(
                "WARNING: {}: its handler was called {MOST_IGNORED} times in a row and left the interrupt raised, which is switched off: a handler lowers it by the registers of its device",
                self.device
            );
        }
        drop(state);
        self.changed.notify_all();
        Served::Called
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
