//! The rest of an object in flight, in pieces of any size.

use ddi_dma::{Cookie, DmaObject, InFlight, WindowError};

use crate::outcome::Report;

/// An object in flight, and how far it has got: for who does not take cookie after cookie as they are.
pub(crate) struct Walk<O: DmaObject> {
    flight: InFlight<O>,
    /// The window, the list in it, and the bytes of that list, of one cookie, that are next.
    window: usize,
    list: usize,
    done: u64,
}

impl<O: DmaObject> Walk<O> {
    pub(crate) fn new(flight: InFlight<O>) -> Self {
        Walk { flight, window: 0, list: 0, done: 0 }
    }

    /// What comes next: at most `most` bytes, at one address. `None` behind the end, and where nothing is wanted. It stays what comes next until it was
    /// [`moved`](Self::moved).
    pub(crate) fn piece(&mut self, most: u64, report: &mut Report) -> Result<Option<Cookie>, WindowError> {
        while most > 0 && self.window < self.flight.window_count() {
            let window = self.flight.window(self.window)?;
            if (self.list, self.done) == (0, 0) {
                report.windows += 1;
                report.copied += window.copied_bytes();
            }
            let list = window.list(self.list);
            match list.as_ref().and_then(|list| list.cookies().first()) {
                Some(cookie) if self.done < cookie.size => {
                    let size = most.min(cookie.size - self.done);
                    return Ok(Some(Cookie { address: cookie.address + self.done, size }));
                }
                Some(_) => (self.list, self.done) = (self.list + 1, 0),
                None => (self.window, self.list) = (self.window + 1, 0),
            }
        }
        Ok(None)
    }

    /// Goes on behind bytes that were moved.
    pub(crate) fn moved(&mut self, bytes: u64) {
        self.done += bytes;
    }

    pub(crate) fn into_flight(self) -> InFlight<O> {
        self.flight
    }
}
