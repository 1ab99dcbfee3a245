//! Which thread this is: locks remember who holds them.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering, fence};

static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

/// The number of the calling thread, from 1 on: no other thread of this process has or had it.
#[inline]
pub(super) fn current() -> u64 {
    match THREAD.get() {
        0 => number(),
        thread => thread,
    }
}

/// Whether a thread with this number, which was read from a lock, is or was.
pub(super) fn is_known(thread: u64) -> bool {
    // With the fence in `number`: who sees a thread's number sees that it was given.
    fence(Ordering::Acquire);
    (1..NEXT.load(Ordering::Relaxed)).contains(&thread)
}

#[cold]
fn number() -> u64 {
    let thread = NEXT.fetch_add(1, Ordering::Relaxed);
    fence(Ordering::Release);
    THREAD.set(thread);
    thread
}
