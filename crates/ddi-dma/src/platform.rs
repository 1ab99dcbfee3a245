//! What waiting needs of the machine: to tell threads of execution apart, and to let one rest.

use core::task::Waker;

/// How a thread of execution rests until it is woken.
///
/// # Implementation safety
///
/// Nothing is unsafe here, but waiting relies on this: when the waker that [`waker`](Self::waker) gave is woken, the
/// next or the current [`park`](Self::park) of that thread returns.
pub trait Platform: Send + Sync + 'static {
    /// A number of the thread that calls, the same each time and no other thread's.
    fn current(&self) -> u64;

    /// What wakes the thread that calls from [`park`](Self::park).
    fn waker(&self) -> Waker;

    /// Rests until woken; may return early.
    fn park(&self);
}

/// A platform with one thread that waits for interrupts to release something: it spins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spinning;

impl Platform for Spinning {
    fn current(&self) -> u64 {
        0
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn park(&self) {
        core::hint::spin_loop();
    }
}

/// The threads of the standard library.
#[cfg(feature = "std")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Threads;

#[cfg(feature = "std")]
mod threads {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Wake, Waker};
    use std::thread::{self, Thread};

    use super::{Platform, Threads};

    static NEXT: AtomicU64 = AtomicU64::new(1);

    std::thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    impl Platform for Threads {
        fn current(&self) -> u64 {
            // A thread that ends has no number any more; it holds no callback either.
            NUMBER.try_with(|number| *number).unwrap_or(0)
        }

        fn waker(&self) -> Waker {
            Arc::new(Unpark(thread::current())).into()
        }

        fn park(&self) {
            thread::park();
        }
    }
}
