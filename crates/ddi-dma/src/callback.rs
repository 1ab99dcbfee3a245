//! Resource callbacks: functions that are called when a resource may be there (`waitfp` of the DDI).

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;

use crate::lock::{AtomicBool, Mutex, Ordering};

/// What a callback says of its attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// There was still too little: call again later (`DDI_DMA_CALLBACK_RUNOUT`). The callback keeps its place.
    Runout,
    /// It has what it needs, or needs nothing any more (`DDI_DMA_CALLBACK_DONE`).
    Done,
}

/// A function to be called when a resource may be there: the pair of callback and argument of the DDI.
///
/// Clones are the same callback: however often it fails, and through whichever clone, it waits once for each resource.
/// It is called with no lock of the framework held, after any release, on the thread that released: in unbind, in the
/// drop of a binding or handle, and in a bind that fails after it took something. So a driver does not hold a lock that
/// its callback takes while it unbinds, unless its platform calls callbacks elsewhere
/// ([`Platform::serve`](crate::Platform::serve)).
///
/// # Examples
///
/// A callback that tries again, and waits on with itself as the DDI manual's `xxstart` does:
///
/// ```
/// use ddi_dma::{Attempt, Callback};
///
/// let callback = Callback::new(|_me: &Callback| Attempt::Done);
/// callback.cancel(); // detach: not called any more, and not running either
/// ```
#[derive(Clone)]
pub struct Callback {
    shared: Arc<Shared>,
}

struct Shared {
    call: Box<dyn Fn(&Callback) -> Attempt + Send + Sync>,
    cancelled: AtomicBool,
    /// The queues in which it has waited.
    queues: Mutex<Vec<Weak<dyn Cancels>>>,
}

/// A queue that a callback can be taken out of.
pub(crate) trait Cancels: Send + Sync {
    /// Takes the callback out, and waits until it does not run any more, unless it is the callback that calls.
    fn cancel(&self, callback: &Callback);

    /// Whether the callback has a place in it.
    fn holds(&self, callback: &Callback) -> bool;
}

impl Callback {
    /// Makes a callback; its function is given the callback itself, to wait with it again.
    pub fn new(call: impl Fn(&Callback) -> Attempt + Send + Sync + 'static) -> Self {
        let queues = Mutex::new(Vec::new());
        Callback {
            shared: Arc::new(Shared { call: Box::new(call), cancelled: AtomicBool::new(false), queues }),
        }
    }

    /// Takes the callback out of all queues for good, and waits until it does not run any more: what `detach(9E)` needs,
    /// in one line.
    ///
    /// Afterwards it is not called, and a bind that would wait with it gives up instead. Called from within the
    /// callback itself, it does not wait.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::SeqCst);
        let queues = core::mem::take(&mut *self.shared.queues.lock());
        for queue in queues.iter().filter_map(Weak::upgrade) {
            queue.cancel(self);
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    /// Whether it waits in some queue, or runs because it did. What was true may have changed when this returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{Attempt, Callback};
    ///
    /// assert!(!Callback::new(|_| Attempt::Done).is_waiting());
    /// ```
    pub fn is_waiting(&self) -> bool {
        let queues: Vec<_> = self.shared.queues.lock().iter().filter_map(Weak::upgrade).collect();
        queues.iter().any(|queue| queue.holds(self))
    }

    pub(crate) fn call(&self) -> Attempt {
        (self.shared.call)(self)
    }

    /// Notes a queue that it is about to wait in.
    pub(crate) fn enters(&self, queue: Weak<dyn Cancels>) {
        let mut queues = self.shared.queues.lock();
        queues.retain(|known| known.strong_count() > 0);
        if !queues.iter().any(|known| Weak::ptr_eq(known, &queue)) {
            queues.push(queue);
        }
    }
}

impl PartialEq for Callback {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Callback {}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
