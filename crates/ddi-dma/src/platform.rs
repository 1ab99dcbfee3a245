//! What waiting needs of the machine: to tell threads of execution apart, to let one rest, and to call callbacks.

use alloc::sync::Arc;
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

    /// Has a queue served after a release, where somebody waits in it: calls callbacks, and wakes threads and tasks.
    ///
    /// As it stands it serves on the thread that released, before the release returns. A platform whose callbacks must
    /// not run there, because drivers release with locks held that their callbacks take, [wakes](Serves::wake) those who
    /// sleep and hands the queue to a thread of its own, which [serves](Serves::serve) it; the order of the queue and
    /// the rule of who may be passed how often are kept all the same. A queue that was handed over must be served
    /// once afterwards: one that is forgotten leaves those who wait in it waiting.
    ///
    /// # Examples
    ///
    /// Callbacks that a loop of the kernel's calls when it has nothing else to do:
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use std::task::Waker;
    ///
    /// use ddi_dma::{Platform, Serves};
    ///
    /// #[derive(Default)]
    /// struct Later(Mutex<Vec<Arc<dyn Serves>>>);
    ///
    /// impl Platform for Later {
    ///     fn current(&self) -> u64 {
    ///         0 // one thread
    ///     }
    ///
    ///     fn waker(&self) -> Waker {
    ///         Waker::noop().clone()
    ///     }
    ///
    ///     fn park(&self) {
    ///         self.idle();
    ///     }
    ///
    ///     fn serve(&self, queue: Arc<dyn Serves>) {
    ///         queue.wake();
    ///         self.0.lock().unwrap().push(queue);
    ///     }
    /// }
    ///
    /// impl Later {
    ///     fn idle(&self) {
    ///         let queues = std::mem::take(&mut *self.0.lock().unwrap());
    ///         queues.iter().for_each(|queue| queue.serve());
    ///     }
    /// }
    /// ```
    fn serve(&self, queue: Arc<dyn Serves>) {
        queue.serve();
    }
}

/// A queue of those who wait for a resource, which was released.
pub trait Serves: Send + Sync {
    /// Calls and wakes, in order, those who may get what they asked for.
    ///
    /// Callbacks run on the thread that calls this, with no lock of the framework held. Where another thread serves the
    /// queue already, that one looks again and this returns at once. Serving more often than there are releases is
    /// harmless.
    fn serve(&self);

    /// Wakes threads that sleep and tasks, in order, that may get what they asked for; calls nobody.
    ///
    /// A thread that sleeps may hold a lock that a callback takes, so none should wait for a callback to end.
    fn wake(&self);
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
