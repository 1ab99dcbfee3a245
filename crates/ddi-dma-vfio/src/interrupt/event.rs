//! An event that the kernel counts: an eventfd.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use ddi_dma::{Raised, TimedOut};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// An eventfd whose count nobody asks for: it was raised since the last look, or not.
#[derive(Debug)]
pub(super) struct Event(OwnedFd);

impl Event {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Event(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(super) fn raise(&self) {
        // The one error is a count that is full, and so the event has been raised.
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&self.0, &1u64.to_ne_bytes()));
    }

    pub(super) fn take(&self) -> Raised {
        let mut count = [0; 8];
        match rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut count)) {
            Ok(_) => Raised::Yes,
            Err(_) => Raised::No,
        }
    }

    /// Rests until the event was raised since the last look.
    pub(super) fn wait(&self, limit: Duration) -> Result<(), TimedOut> {
        let end = Instant::now().checked_add(limit);
        loop {
            if self.take() == Raised::Yes {
                return Ok(());
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(TimedOut { limit });
            }
            self.rest(left);
        }
    }

    /// Rests until the event may have been raised, for this time at the longest, or for less.
    fn rest(&self, limit: Option<Duration>) {
        // What is too long for the system to count is as good as no limit.
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // The system is short of memory: look again after others ran.
            Err(_) => thread::yield_now(),
        }
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
