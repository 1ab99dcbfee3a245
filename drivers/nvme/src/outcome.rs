//! What a request comes to, and the token by which its owner gets it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::RequestError;

/// What a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Bytes that were asked for.
    pub length: u64,
    /// Bytes of commands that ended well: fewer than `length` where the request failed.
    pub moved: u64,
    /// Commands that were given to the controller.
    pub commands: u32,
    /// Windows of the object that were mapped.
    pub windows: u32,
    /// Bytes of the object that went through the copy buffer.
    pub copied: u64,
}

/// What a request came to: the object comes back in any case but the worst ([`RequestError::object`]).
pub type Outcome<O> = Result<(O, Report), RequestError<O>>;

/// Stands for a request in flight.
///
/// [`Nvme::wait`](crate::Nvme::wait) drives the controller until the request has ended; a task awaits the token itself while
/// somebody else calls [`Nvme::serve`](crate::Nvme::serve). Dropping a token abandons nothing: the request goes on to its
/// end, and its object is dropped then.
#[must_use = "the token gives the object back"]
pub struct Token<O> {
    landing: Arc<Landing<O>>,
}

/// Where the outcome of a request is put.
pub(crate) struct Landing<O> {
    state: Mutex<State<O>>,
}

enum State<O> {
    InFlight(Option<Waker>),
    Landed(Outcome<O>),
    Taken,
}

impl<O> Token<O> {
    /// A token, and where to put the outcome.
    pub(crate) fn new() -> (Self, Arc<Landing<O>>) {
        let landing = Arc::new(Landing { state: Mutex::new(State::InFlight(None)) });
        (Token { landing: landing.clone() }, landing)
    }

    /// Whether the request has ended.
    pub fn is_done(&self) -> bool {
        !matches!(*self.landing.state(), State::InFlight(_))
    }

    /// Takes the outcome, if the request has ended.
    ///
    /// # Errors
    ///
    /// The token, where it has not.
    pub fn take(self) -> Result<Outcome<O>, Self> {
        let taken = self.landing.take();
        taken.ok_or(self)
    }
}

impl<O> Landing<O> {
    /// Puts the outcome there, and wakes who waits.
    pub(crate) fn put(&self, outcome: Outcome<O>) {
        let before = std::mem::replace(&mut *self.state(), State::Landed(outcome));
        if let State::InFlight(Some(waker)) = before {
            waker.wake();
        }
    }

    fn take(&self) -> Option<Outcome<O>> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Landed(outcome) => Some(outcome),
            other => {
                *state = other;
                None
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<O>> {
        // What is in there is whole at all times.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O> Future for Token<O> {
    type Output = Outcome<O>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<O>> {
        let mut state = self.landing.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Landed(outcome) => Poll::Ready(outcome),
            State::InFlight(_) => {
                *state = State::InFlight(Some(context.waker().clone()));
                Poll::Pending
            }
            State::Taken => Poll::Pending,
        }
    }
}

impl<O> fmt::Debug for Token<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("done", &self.is_done()).finish_non_exhaustive()
    }
}
