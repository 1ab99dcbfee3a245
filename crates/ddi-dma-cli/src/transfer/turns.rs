//! Which streams run and which wait to be called, so that all know when nobody is left to call them.
//!
//! Resources are released by streams that run, and callbacks are called on their threads. Where no stream runs, nothing
//! is out that could come back, and whoever waits still would wait for ever.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What ended a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// The stream's callback had something to say.
    Called,
    /// No other stream runs.
    Alone,
}

/// The streams of a transfer.
#[derive(Debug)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    running: usize,
    streams: Vec<Stream>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Runs,
    Rests,
    /// It runs, and its callback was called since it last asked.
    Called,
}

impl Turns {
    /// So many streams, all of which run.
    pub(super) fn new(streams: usize) -> Self {
        let state = State { running: streams, streams: vec![Stream::Runs; streams] };
        Turns { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Tells that a stream's callback has something to say.
    pub(super) fn call(&self, stream: usize) {
        let mut state = self.state();
        if state.streams[stream] == Stream::Rests {
            state.running += 1;
        }
        state.streams[stream] = Stream::Called;
        self.changed.notify_all();
    }

    /// Lets a stream rest until it is called or alone. It runs again afterwards.
    pub(super) fn rest(&self, stream: usize) -> Woken {
        let mut state = self.state();
        if state.streams[stream] == Stream::Runs {
            state.streams[stream] = Stream::Rests;
            state.running -= 1;
        }
        loop {
            if state.streams[stream] == Stream::Called {
                state.streams[stream] = Stream::Runs;
                return Woken::Called;
            }
            if state.running == 0 {
                // One at a time: the others go on resting.
                state.streams[stream] = Stream::Runs;
                state.running = 1;
                return Woken::Alone;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells that a stream has ended.
    pub(super) fn leave(&self) {
        self.state().running -= 1;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_a_rest_even_if_it_came_before() {
        let turns = Turns::new(2);
        turns.call(0);
        assert_eq!(turns.rest(0), Woken::Called);
        std::thread::scope(|scope| {
            let resting = scope.spawn(|| turns.rest(0));
            turns.call(0);
            assert_eq!(resting.join().unwrap(), Woken::Called);
        });
    }

    #[test]
    fn whoever_is_left_alone_is_told_one_at_a_time() {
        let turns = Turns::new(3);
        std::thread::scope(|scope| {
            let rest = |stream| {
                let turns = &turns;
                move || {
                    let woken = turns.rest(stream);
                    turns.leave();
                    woken
                }
            };
            let (one, two) = (scope.spawn(rest(0)), scope.spawn(rest(1)));
            turns.leave();
            assert_eq!((one.join().unwrap(), two.join().unwrap()), (Woken::Alone, Woken::Alone));
        });
    }
}
