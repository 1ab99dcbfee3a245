//! One thread that wakes tasks: what `await` needs where no runtime is there to ask.
//!
//! Rules:
//! 1. A descriptor is armed for one event at a time, and armed anew whenever a task comes to rest. Arming looks at the
//!    descriptor at once, so nothing that came before it is missed.
//! 2. An event wakes all who rest on its descriptor. Who finds nothing rests again.
//! 3. Tasks are woken, and what they left is dropped, with no lock held.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;

use rustix::event::epoll;

/// The thread, from the first task that waits to the end of the process.
static REACTOR: Mutex<Option<Arc<Reactor>>> = Mutex::new(None);

struct Reactor {
    epoll: OwnedFd,
    resting: Mutex<Resting>,
}

/// Who rests, by descriptor.
#[derive(Default)]
struct Resting {
    tasks: HashMap<RawFd, Vec<(u64, Waker)>>,
    /// The number of the next watch.
    next: u64,
}

/// A task's place at a descriptor, given up by its drop.
pub(super) struct Watch<'a> {
    reactor: Arc<Reactor>,
    file: BorrowedFd<'a>,
    number: u64,
}

impl<'a> Watch<'a> {
    /// A place at this descriptor.
    pub(super) fn new(file: BorrowedFd<'a>) -> io::Result<Self> {
        let reactor = Reactor::running()?;
        let number = {
            let mut resting = reactor.resting();
            resting.next += 1;
            resting.next
        };
        Ok(Watch { reactor, file, number })
    }

    /// Has the task woken when the descriptor can be read, or could be by now.
    pub(super) fn rest(&self, waker: &Waker) -> io::Result<()> {
        let waker = waker.clone();
        let mut resting = self.reactor.resting();
        let tasks = resting.tasks.entry(self.file.as_raw_fd()).or_default();
        let before = match tasks.iter_mut().find(|(number, _)| *number == self.number) {
            Some((_, place)) => Some(std::mem::replace(place, waker)),
            None => {
                tasks.push((self.number, waker));
                None
            }
        };
        let armed = self.reactor.arm(self.file);
        drop(resting);
        drop(before);
        armed
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut resting = self.reactor.resting();
        let file = self.file.as_raw_fd();
        let tasks = resting.tasks.get_mut(&file);
        let gone = tasks.and_then(|tasks| {
            let place = tasks.iter().position(|(number, _)| *number == self.number)?;
            Some(tasks.swap_remove(place))
        });
        if resting.tasks.get(&file).is_none_or(Vec::is_empty) {
            resting.tasks.remove(&file);
            // It is not there where its event has come and nobody armed it since.
            let _ = epoll::delete(&self.reactor.epoll, self.file);
        }
        drop(resting);
        drop(gone);
    }
}

impl Reactor {
    /// The one of the process, started by who comes first.
    fn running() -> io::Result<Arc<Reactor>> {
        let mut running = REACTOR.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reactor) = &*running {
            return Ok(reactor.clone());
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let reactor = Arc::new(Reactor { epoll, resting: Mutex::default() });
        let of_thread = reactor.clone();
        thread::Builder::new().name("ddi-dma interrupts".into()).spawn(move || of_thread.run())?;
        *running = Some(reactor.clone());
        Ok(reactor)
    }

    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arm(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        let data = epoll::EventData::new_u64(file.as_raw_fd() as u64);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        match epoll::modify(&self.epoll, file, data, flags) {
            // The first who rests on it.
            Err(rustix::io::Errno::NOENT) => Ok(epoll::add(&self.epoll, file, data, flags)?),
            armed => Ok(armed?),
        }
    }

    fn run(&self) {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(64);
        loop {
            events.clear();
            if epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None).is_err() {
                continue;
            }
            for event in &events {
                let file = event.data.u64() as RawFd;
                let tasks = self.resting().tasks.remove(&file);
                for (_, waker) in tasks.into_iter().flatten() {
                    // A task that panics when it is woken is not to stop the others.
                    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
                }
            }
        }
    }
}

/// How many tasks rest on a descriptor.
#[cfg(test)]
pub(super) fn resting_on(file: &impl std::os::fd::AsFd) -> usize {
    let reactor = Reactor::running().unwrap();
    let resting = reactor.resting();
    resting.tasks.get(&file.as_fd().as_raw_fd()).map_or(0, Vec::len)
}
