//! How a thread of the program rests until it is woken.
//!
//! The standard library has this too, by a handle of the thread. That of a thread which it did not start, as all of a C
//! program are, is not freed when the program ends, and a tool that looks for leaks says so.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::thread;

thread_local! {
    static REST: Arc<Rest> = Arc::default();
}

/// Where one thread rests.
#[derive(Default)]
struct Rest {
    token: Mutex<Token>,
    woken: Condvar,
}

/// Whether somebody woke the thread since it last rested.
#[derive(Default, PartialEq, Eq)]
enum Token {
    #[default]
    None,
    Woken,
}

impl Wake for Rest {
    fn wake(self: Arc<Self>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Token::Woken;
        self.woken.notify_one();
    }
}

/// What wakes the calling thread from [`park`].
pub(super) fn waker() -> Waker {
    REST.try_with(|rest| Arc::clone(rest).into()).unwrap_or_else(|_| Waker::noop().clone())
}

/// Rests until woken. A thread that ends has nothing to rest by any more: it returns at once.
pub(super) fn park() {
    let rested = REST.try_with(|rest| {
        let token = rest.token.lock().unwrap_or_else(PoisonError::into_inner);
        let awake = rest.woken.wait_while(token, |token| *token == Token::None);
        *awake.unwrap_or_else(PoisonError::into_inner) = Token::None;
    });
    if rested.is_err() {
        thread::yield_now();
    }
}
