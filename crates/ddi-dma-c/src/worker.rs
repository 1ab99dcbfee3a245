//! A thread of a device: it starts when it is first needed, and whoever ends it waits for it.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use ddi_dma::{Platform, Threads};

/// A thread that is started once at the most.
#[derive(Default)]
pub(crate) enum Worker {
    #[default]
    NotStarted,
    Started(Started),
    /// It was ended, or is not to be started any more.
    Stopped,
}

/// A thread that runs, or has ended by itself.
pub(crate) struct Started {
    thread: JoinHandle<()>,
    /// The thread's number, once it runs.
    number: Arc<OnceLock<u64>>,
}

impl Worker {
    /// Starts the thread, unless it was started before.
    ///
    /// # Errors
    ///
    /// The system has no thread to give, and another call tries again.
    pub(crate) fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        if matches!(self, Worker::NotStarted) {
            *self = Worker::Started(Started::new(name, work)?);
        }
        Ok(())
    }

    /// Says that the thread is to end. What is returned is waited for without the lock that the thread takes.
    #[must_use = "the thread is not waited for"]
    pub(crate) fn stop(&mut self) -> Option<Started> {
        match std::mem::replace(self, Worker::Stopped) {
            Worker::Started(started) => Some(started),
            Worker::NotStarted | Worker::Stopped => None,
        }
    }
}

impl Started {
    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub(crate) fn new(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let number = Arc::<OnceLock<u64>>::default();
        let own = Arc::clone(&number);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            own.get_or_init(|| Threads.current());
            work();
        })?;
        Ok(Started { thread, number })
    }

    /// Waits until the thread has ended, unless it is the one that calls.
    pub(crate) fn join(self) {
        if self.number.get() != Some(&Threads.current()) {
            // It does not unwind: what it calls are functions of C.
            let _ = self.thread.join();
        }
    }
}
