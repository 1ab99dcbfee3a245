//! Third-party DMA: an object in flight through a channel of the system's engine.

use core::fmt;
use core::ops::{Range, RangeBounds};

use super::channel::Channel;
use super::error::DmaeError;
use super::request::{BufProcess, Command, Request, Trans};
use crate::binding::{Binding, InFlight};
use crate::error::{SyncError, WindowError};
use crate::flags::SyncFor;
use crate::object::{Cookie, DmaObject};
use crate::plan::{Explanation, Window};

/// An object in flight and the channel that moves it.
///
/// The channel is programmed with the object's own cookies, and stopped ahead of everything that takes their memory
/// away: moving to another window, completion, drop. So dropping it leaves nothing in quarantine.
pub struct ThirdParty<O: DmaObject> {
    /// There until it is taken apart.
    parts: Option<Parts<O>>,
}

struct Parts<O: DmaObject> {
    channel: Channel,
    flight: InFlight<O>,
    /// What was programmed last, of the current window.
    at: Option<At>,
}

/// A list that is under way, and which of its cookies are still to be programmed.
#[derive(Debug, Clone)]
struct At {
    list: usize,
    to_come: Range<usize>,
}

/// What became of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Advance {
    /// The engine has still so many bytes of the current cookie to move.
    Running {
        /// Bytes.
        remaining: u64,
    },
    /// The next cookie was programmed.
    Next,
    /// The last cookie has reached terminal count.
    Done,
}

impl<O: DmaObject> ThirdParty<O> {
    pub(super) fn new(channel: Channel, flight: InFlight<O>) -> Self {
        ThirdParty { parts: Some(Parts { channel, flight, at: None }) }
    }

    /// Stops the engine, and moves to the next window, the first at the first call; `None` behind the last
    /// (`ddi_dma_getwin(9F)`). Tells how many lists it has.
    ///
    /// # Errors
    ///
    /// [`WindowError::NotMapped`] where the window needs map space that is not there now.
    pub fn next_window(&mut self) -> Result<Option<Window<'_>>, WindowError> {
        self.halt();
        self.parts_mut().flight.next_window()
    }

    /// Stops the engine, and moves to any window, in any order (`ddi_dma_getwin(9F)`).
    ///
    /// # Errors
    ///
    /// [`WindowError`].
    pub fn window(&mut self, index: usize) -> Result<Window<'_>, WindowError> {
        self.halt();
        self.parts_mut().flight.window(index)
    }

    /// The current window; `None` where the last move failed.
    pub fn current_window(&self) -> Option<Window<'_>> {
        self.parts().flight.current_window()
    }

    /// Number of windows (`ddi_dma_numwin(9F)`).
    pub fn window_count(&self) -> usize {
        self.parts().flight.window_count()
    }

    /// Programs the engine to move a list of the current window, counted from 0, and lets it answer the device
    /// (`ddi_dmae_prog(9F)`).
    ///
    /// A list of one cookie is moved as it is. One of several, for a device that does not mind terminal count within a
    /// request, needs `bufprocess` Chain, and [`advance`](Self::advance) at each terminal count.
    ///
    /// # Errors
    ///
    /// [`DmaeError`], with no port written.
    pub fn program(&mut self, request: &Request, list: usize) -> Result<(), DmaeError> {
        let parts = self.parts_mut();
        let cookies = parts.cookies(list)?;
        let first = match (cookies, request.bufprocess) {
            ([_], BufProcess::Chain) => return Err(DmaeError::ChainOfOne),
            ([first], _) | ([first, ..], BufProcess::Chain) => *first,
            (cookies, _) => return Err(DmaeError::Unchained { cookies: cookies.len() }),
        };
        let to_come = 1..cookies.len();
        cookies.iter().try_for_each(|cookie| parts.channel.check(request, cookie))?;
        parts.start(request, &first, At { list, to_come })
    }

    /// Programs the engine to move some bytes of a list, counted from the list's start: for a device whose command ends
    /// with terminal count, and which takes less in a command than the list holds. The list has one cookie.
    ///
    /// # Errors
    ///
    /// [`DmaeError`], with no port written.
    pub fn program_part(
        &mut self,
        request: &Request,
        list: usize,
        part: Range<u64>,
    ) -> Result<(), DmaeError> {
        let parts = self.parts_mut();
        let cookie = match (parts.cookies(list)?, request.bufprocess) {
            ([_], BufProcess::Chain) => return Err(DmaeError::ChainOfOne),
            ([cookie], _) => *cookie,
            (cookies, _) => return Err(DmaeError::Unchained { cookies: cookies.len() }),
        };
        let Range { start: from, end: to } = part;
        if from > to || to > cookie.size {
            return Err(DmaeError::Part { from, to, list, length: cookie.size });
        }
        // Inside the cookie, so no sum of addresses overflows.
        let part = Cookie { address: cookie.address + from, size: to - from };
        parts.channel.check(request, &part)?;
        parts.start(request, &part, At { list, to_come: 0..0 })
    }

    /// Programs the next cookie of a list that was programmed with `bufprocess` Chain, if the engine has moved the last
    /// one: to be called when the device, or its interrupt, tells that terminal count was reached.
    ///
    /// # Errors
    ///
    /// [`DmaeError::NotProgrammed`] where no list is under way.
    pub fn advance(&mut self) -> Result<Advance, DmaeError> {
        let parts = self.parts_mut();
        let remaining = parts.channel.remaining()?;
        let Some(At { list, mut to_come }) = parts.at.clone().filter(|_| remaining == 0) else {
            return Ok(Advance::Running { remaining });
        };
        let Some(next) = to_come.next() else { return Ok(Advance::Done) };
        let Some(cookie) = parts.cookies(list)?.get(next).copied() else { return Ok(Advance::Done) };
        // SAFETY: as in `start`, of which this goes on with the same list of the same window.
        unsafe { parts.channel.program_next(&cookie)? };
        parts.at = Some(At { list, to_come });
        Ok(Advance::Next)
    }

    /// Bytes that were programmed, in the current cookie and those of its list that follow, and that the engine has not
    /// moved (`ddi_dmae_getcnt(9F)`); see [`Channel::remaining`].
    ///
    /// # Errors
    ///
    /// [`DmaeError::NotProgrammed`] where nothing was programmed in this window.
    pub fn remaining(&mut self) -> Result<u64, DmaeError> {
        let parts = self.parts_mut();
        let current = parts.channel.remaining()?;
        let Some(At { list, to_come }) = &parts.at else {
            return Err(DmaeError::NotProgrammed { channel: parts.channel.number() });
        };
        let following = parts.cookies(*list)?.get(to_come.clone()).unwrap_or(&[]);
        Ok(current + following.iter().map(|cookie| cookie.size).sum::<u64>())
    }

    /// Masks the channel; see [`Channel::disable`].
    pub fn disable(&mut self) {
        self.parts_mut().channel.disable();
    }

    /// Unmasks the channel; see [`Channel::enable`].
    ///
    /// # Errors
    ///
    /// Those of [`Channel::enable`].
    pub fn enable(&mut self) -> Result<(), DmaeError> {
        self.parts_mut().channel.enable()
    }

    /// Stops the engine; see [`Channel::stop`].
    pub fn stop(&mut self) {
        self.parts_mut().channel.stop();
    }

    /// Makes views of some bytes of the current window the same; see [`InFlight::sync`].
    ///
    /// # Errors
    ///
    /// Those of [`InFlight::sync`].
    pub fn sync(&mut self, range: impl RangeBounds<u64>, sync_for: SyncFor) -> Result<(), SyncError> {
        self.parts_mut().flight.sync(range, sync_for)
    }

    /// Says what is copied and where cookies, lists and windows end, and why.
    pub fn explain(&self) -> Explanation {
        self.parts().flight.explain()
    }

    /// Stops the engine, and gives the channel and the object back.
    pub fn complete(mut self) -> (Channel, Binding<O>) {
        match self.parts.take() {
            Some(Parts { mut channel, flight, .. }) => {
                channel.stop();
                (channel, flight.complete())
            }
            None => unreachable!("a transfer has its parts until it is taken apart"),
        }
    }

    /// Stops the engine ahead of a change of windows.
    fn halt(&mut self) {
        let parts = self.parts_mut();
        parts.channel.stop();
        parts.at = None;
    }

    fn parts(&self) -> &Parts<O> {
        match &self.parts {
            Some(parts) => parts,
            None => unreachable!("a transfer has its parts until it is taken apart"),
        }
    }

    fn parts_mut(&mut self) -> &mut Parts<O> {
        match &mut self.parts {
            Some(parts) => parts,
            None => unreachable!("a transfer has its parts until it is taken apart"),
        }
    }
}

impl<O: DmaObject> Parts<O> {
    /// Programs the engine with a cookie of the current window, or a part of one.
    fn start(&mut self, request: &Request, cookie: &Cookie, at: At) -> Result<(), DmaeError> {
        if request.trans == Trans::Cascade {
            return Err(DmaeError::Trans);
        }
        let direction = self.flight.direction();
        let permitted = match request.command {
            Command::FromDevice => direction.device_writes(),
            Command::ToDevice => direction.device_reads(),
            Command::Verify | Command::Translate => true,
        };
        if !permitted {
            return Err(DmaeError::Direction { command: request.command, direction });
        }
        // SAFETY: the bytes are those of a cookie of the current window of an object in flight this way, and the channel
        // is stopped before the window moves or the object lands (`halt`, `complete`, `drop`).
        unsafe { self.channel.program(request, cookie)? };
        self.at = Some(at);
        Ok(())
    }

    /// The cookies of a list of the current window.
    fn cookies(&self, list: usize) -> Result<&[Cookie], DmaeError> {
        let window = self.flight.current_window();
        let found = window.and_then(|window| window.list(list)).map(|list| list.cookies());
        found.ok_or(DmaeError::NoSuchList { list, count: window.map_or(0, |window| window.list_count()) })
    }
}

impl<O: DmaObject> Drop for ThirdParty<O> {
    /// Stops the engine, and unbinds the object.
    fn drop(&mut self) {
        if let Some(Parts { mut channel, flight, .. }) = self.parts.take() {
            channel.stop();
            drop(flight.complete());
        }
    }
}

impl<O: DmaObject> fmt::Debug for ThirdParty<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts();
        f.debug_struct("ThirdParty").field("channel", &parts.channel).field("flight", &parts.flight).finish()
    }
}
