//! The soft interrupt thread of a device: it calls resource callbacks, so that nobody who releases something does.

mod rest;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use ddi_dma::{Platform, Serves, Threads};

use crate::worker::{Started, Worker};

/// In which context a thread runs, as the DDI's manual pages distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// A thread of the program, which may sleep.
    User,
    /// A handler or callback, which may not.
    Interrupt,
}

thread_local! {
    static CONTEXT: Cell<Context> = const { Cell::new(Context::User) };
}

/// The context of the calling thread.
pub(crate) fn context() -> Context {
    CONTEXT.try_with(Cell::get).unwrap_or(Context::User)
}

/// Runs something in another context.
pub(crate) fn enter<T>(context: Context, work: impl FnOnce() -> T) -> T {
    let before = CONTEXT.replace(context);
    let done = work();
    CONTEXT.set(before);
    done
}

type Work = Box<dyn FnOnce() + Send>;

/// Work for a thread of its own, in order, in interrupt context. The thread starts with the first piece.
#[derive(Default)]
pub(crate) struct SoftInterrupts {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    /// Whether a piece of work runs now.
    running: Running,
    thread: Worker,
}

#[derive(Default, PartialEq, Eq)]
enum Running {
    #[default]
    No,
    Yes,
}

impl SoftInterrupts {
    /// Has something done soon. Once the device is closed, it is done at once.
    pub(crate) fn push(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) {
        let mut queue = self.queue();
        let me = Arc::clone(self);
        if queue.thread.start("soft interrupts", move || me.serve()).is_err() {
            // No thread is to be had: better called by the wrong thread than never.
            queue.thread = Worker::Stopped;
        }
        if matches!(queue.thread, Worker::Stopped) {
            drop(queue);
            return enter(Context::Interrupt, work);
        }
        queue.work.push_back(Box::new(work));
        self.changed.notify_all();
    }

    /// Waits until nothing is left to do.
    pub(crate) fn settle(&self) {
        let busy = |queue: &mut Queue| !queue.work.is_empty() || queue.running == Running::Yes;
        drop(self.changed.wait_while(self.queue(), busy).unwrap_or_else(PoisonError::into_inner));
    }

    /// Does what is left, and ends the thread.
    pub(crate) fn stop(&self) {
        let started = self.queue().thread.stop();
        self.changed.notify_all();
        started.into_iter().for_each(Started::join);
    }

    fn serve(&self) {
        loop {
            let mut queue = self.queue();
            let Some(work) = queue.work.pop_front() else {
                if matches!(queue.thread, Worker::Stopped) {
                    return;
                }
                drop(self.changed.wait(queue));
                continue;
            };
            queue.running = Running::Yes;
            drop(queue);
            enter(Context::Interrupt, work);
            self.queue().running = Running::No;
            self.changed.notify_all();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The platform of C programs: threads of the host, and callbacks on the soft interrupt thread.
pub(super) struct Soft {
    pub(super) interrupts: Arc<SoftInterrupts>,
}

impl Platform for Soft {
    fn current(&self) -> u64 {
        Threads.current()
    }

    fn waker(&self) -> Waker {
        rest::waker()
    }

    fn park(&self) {
        rest::park();
    }

    fn serve(&self, queue: Arc<dyn Serves>) {
        // Who sleeps may hold a mutex that a callback takes.
        queue.wake();
        self.interrupts.push(move || queue.serve());
    }
}
