//! Ends a run whose test does not end.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use crate::exit::{Outcome, exit};
use crate::interrupts::{self, Frame};
use crate::println;

/// When the test should have ended, in milliseconds since the start.
static DEADLINE: AtomicU64 = AtomicU64::new(u64::MAX);

/// Gives the test that starts now its time, by the machine's own clock.
pub fn start(limit: Duration) {
    let deadline = interrupts::now() + limit;
    DEADLINE.store(deadline.as_millis() as u64, Ordering::Relaxed);
}

/// The test has ended.
pub fn stop() {
    DEADLINE.store(u64::MAX, Ordering::Relaxed);
}

/// Ends the run if the time is over; `frame` is where the timer interrupted it.
pub fn look(now: Duration, frame: &Frame) {
    if now.as_millis() as u64 > DEADLINE.load(Ordering::Relaxed) {
        println!("not done in time, interrupted at");
        println!("{frame}");
        exit(Outcome::TimeOut)
    }
}
