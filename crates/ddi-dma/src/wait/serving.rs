//! Serving a queue: who calls and wakes those whose turn has come, one at a time.

use core::mem::take;
use core::task::Waker;

use super::{Entry, Gate, Inner, Kind, MOST_PASSES, Renewal, Supply, Ticket};
use crate::callback::{Attempt, Callback};
use crate::platform::Serves;

/// Whether somebody serves a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serving {
    Nobody,
    Somebody,
    /// Somebody, and there was another release meanwhile.
    Again,
}

/// Whose turn is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Anybody,
    /// Threads that sleep, and tasks.
    Tasks,
}

impl<S: Supply> Serves for Gate<S> {
    fn serve(&self) {
        let mut inner = self.inner.lock();
        if inner.serving != Serving::Nobody {
            inner.serving = Serving::Again;
            return;
        }
        let server = Server(self);
        loop {
            inner.serving = Serving::Somebody;
            let mut served = None;
            while let Some((ticket, turn)) = inner.next_turn(served, Whose::Anybody) {
                served = Some(ticket);
                drop(inner);
                match turn {
                    Kind::Task(waker) => waker.wake(),
                    Kind::Callback(callback) => self.run(ticket, callback),
                }
                inner = self.inner.lock();
            }
            if inner.serving != Serving::Again {
                break;
            }
        }
        inner.serving = Serving::Nobody;
        core::mem::forget(server);
    }

    fn wake(&self) {
        let mut woken = None;
        loop {
            let turn = self.inner.lock().next_turn(woken, Whose::Tasks);
            let Some((ticket, Kind::Task(waker))) = turn else { return };
            woken = Some(ticket);
            waker.wake();
        }
    }
}

impl<S: Supply> Gate<S> {
    /// Runs a callback, and settles what it answered.
    fn run(&self, ticket: Ticket, callback: Callback) {
        let mut inner = self.inner.lock();
        if inner.entry(ticket).is_none() {
            return; // cancelled since it was its turn
        }
        inner.running = Some((ticket, callback.clone(), self.platform.current()));
        inner.counts.callbacks += 1;
        drop(inner);
        let mut turn = Turn { gate: self, ticket, callback, attempt: Attempt::Done };
        turn.attempt = turn.callback.call();
    }
}

/// A callback that runs. Settled when it ends, in whichever way: one that panics is done.
struct Turn<'a, S: Supply> {
    gate: &'a Gate<S>,
    ticket: Ticket,
    callback: Callback,
    attempt: Attempt,
}

impl<S: Supply> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        let mut inner = self.gate.inner.lock();
        inner.running = None;
        inner.settle(self.ticket, self.attempt, &self.callback);
        self.gate.note_length(&inner);
        let cancelling = take(&mut inner.cancelling);
        drop(inner);
        cancelling.into_iter().for_each(Waker::wake);
    }
}

/// Who serves a queue. Dropped only where a callback panics: somebody else may serve then.
struct Server<'a, S: Supply>(&'a Gate<S>);

impl<S: Supply> Drop for Server<'_, S> {
    fn drop(&mut self) {
        self.0.inner.lock().serving = Serving::Nobody;
    }
}

impl<S: Supply> Inner<S> {
    /// The next one behind `served` that may get what it asked for.
    fn next_turn(&mut self, served: Option<Ticket>, whose: Whose) -> Option<(Ticket, Kind)> {
        for entry in &mut self.queue {
            let owed = entry.passed >= MOST_PASSES;
            let sought = whose == Whose::Anybody || matches!(entry.kind, Kind::Task(_));
            let next = sought && served.is_none_or(|served| entry.ticket > served);
            if next && self.supply.promises(entry.asked) {
                entry.renewal = Renewal::None;
                let kind = match &entry.kind {
                    Kind::Callback(callback) => Kind::Callback(callback.clone()),
                    Kind::Task(waker) => Kind::Task(waker.clone()),
                };
                return Some((entry.ticket, kind));
            }
            if owed {
                return None;
            }
        }
        None
    }

    /// Takes a callback's entry away, unless it waits on.
    fn settle(&mut self, ticket: Ticket, attempt: Attempt, callback: &Callback) {
        let ends = |entry: &Entry| {
            entry.ticket == ticket
                && (callback.is_cancelled() || (attempt == Attempt::Done && entry.renewal == Renewal::None))
        };
        self.queue.retain(|entry| !ends(entry));
    }
}
