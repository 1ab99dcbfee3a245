//! A channel: whoever has the value has the channel, and nobody else.

use core::fmt;

use alloc::sync::Arc;

use super::controller::{Controller, End};
use super::error::DmaeError;
use super::request::{BufProcess, CASCADE, Request, Span, Trans};
use super::third_party::ThirdParty;
use super::wiring::ChannelPorts;
use super::{EngineShared, Slot};
use crate::attr::DmaAttr;
use crate::binding::InFlight;
use crate::object::{Cookie, DmaObject};

/// A channel of the system's engine, owned.
///
/// Dropping it stops the engine, masks the channel and serves whoever waits for it (`ddi_dmae_release(9F)`).
#[doc(alias = "ddi_dmae_release")]
pub struct Channel {
    engine: Arc<EngineShared>,
    ports: &'static ChannelPorts,
    state: State,
}

/// What the channel was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// The device drives the bus.
    Cascade,
    /// The engine moves something, or waits for the device to ask.
    Loaded(Load),
    /// The same, but it was stopped: what remained can still be asked.
    Stopped(Load),
}

/// A transfer as it was programmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Load {
    request: Request,
    mode: u8,
    /// Bytes of the cookie.
    size: u64,
}

impl Channel {
    /// Takes a channel that nobody else has.
    pub(super) fn new(engine: Arc<EngineShared>, ports: &'static ChannelPorts) -> Self {
        let mut channel = Channel { engine, ports, state: State::Idle };
        // Whoever had it before, the firmware for one, may have left it running.
        channel.stop();
        channel
    }

    /// Its number: 0 to 3 move bytes, 5 to 7 words of two bytes.
    pub fn number(&self) -> u8 {
        self.ports.number
    }

    /// What the engine can do on this channel (`ddi_dmae_getattr(9F)`). Objects bound with these attributes, or stricter
    /// ones, have cookies that [`program`](Self::program) takes.
    #[doc(alias = "ddi_dmae_getattr")]
    pub fn attributes(&self) -> DmaAttr {
        self.ports.width.attributes()
    }

    /// Hands an object in flight to the engine: from here on the two are one value, which programs the channel with
    /// the object's own cookies alone, so that no `unsafe` is needed.
    pub fn carry<O: DmaObject>(self, flight: InFlight<O>) -> ThirdParty<O> {
        ThirdParty::new(self, flight)
    }

    /// Programs the engine to move a cookie, and lets it answer the device (`ddi_dmae_prog(9F)`).
    ///
    /// Whatever the channel did before ends. With `trans` Cascade the cookie is not used.
    ///
    /// # Errors
    ///
    /// [`DmaeError`] names the member of the request that an ISA engine does not honour, or the limit of the channel that
    /// the cookie breaks. No port was written then: what was programmed before goes on.
    ///
    /// # Safety
    ///
    /// From now until the channel is stopped, programmed anew or dropped, the engine may access the memory of the cookie:
    /// it is one of an object in flight the way `command` says, and that is not completed, dropped or moved to another
    /// window before. [`carry`](Self::carry) keeps this promise for you.
    #[doc(alias = "ddi_dmae_prog")]
    pub unsafe fn program(&mut self, request: &Request, cookie: &Cookie) -> Result<(), DmaeError> {
        let mode = request.mode(self.ports)?;
        if request.trans == Trans::Cascade {
            self.first_party();
            return Ok(());
        }
        let span = Span::new(cookie, request.step, self.ports)?;
        self.load(Load { request: *request, mode, size: cookie.size }, span);
        Ok(())
    }

    /// Programs the engine to move a further cookie, as the last request said (`ddi_dmae_prog(9F)` without a request).
    ///
    /// With `bufprocess` Chain it is the next cookie of the chain, and comes once the last one has reached terminal count.
    ///
    /// # Errors
    ///
    /// [`DmaeError`], with no port written: where the cookie breaks a limit, where nothing was programmed before, or where
    /// the next cookie of a chain comes too early. To see that, the count is read.
    ///
    /// # Safety
    ///
    /// That of [`program`](Self::program).
    pub unsafe fn program_next(&mut self, cookie: &Cookie) -> Result<(), DmaeError> {
        let (State::Loaded(load) | State::Stopped(load)) = self.state else {
            return Err(DmaeError::NotProgrammed { channel: self.number() });
        };
        let span = Span::new(cookie, load.request.step, self.ports)?;
        if load.request.bufprocess == BufProcess::Chain {
            let remaining = self.remaining()?;
            if remaining > 0 {
                return Err(DmaeError::Early { channel: self.number(), remaining });
            }
        }
        self.load(Load { size: cookie.size, ..load }, span);
        Ok(())
    }

    /// Checks what [`program`](Self::program) would check.
    pub(super) fn check(&self, request: &Request, cookie: &Cookie) -> Result<(), DmaeError> {
        request.mode(self.ports)?;
        Span::new(cookie, request.step, self.ports).map(|_| ())
    }

    /// Has the device drive the bus through this channel: cascade mode (`ddi_dmae_1stparty(9F)`).
    #[doc(alias = "ddi_dmae_1stparty")]
    pub fn first_party(&mut self) {
        self.controller().load(self.ports, CASCADE, None);
        self.state = State::Cascade;
    }

    /// Masks the channel: the device's requests are not answered until [`enable`](Self::enable)
    /// (`ddi_dmae_disable(9F)`).
    #[doc(alias = "ddi_dmae_disable")]
    pub fn disable(&mut self) {
        self.controller().mask(self.ports);
    }

    /// Unmasks the channel: what was programmed goes on where it was (`ddi_dmae_enable(9F)`).
    ///
    /// # Errors
    ///
    /// [`DmaeError::NotProgrammed`] where nothing was programmed, or it was stopped; [`DmaeError::Finished`] where
    /// terminal count was reached. The channel is masked then.
    #[doc(alias = "ddi_dmae_enable")]
    pub fn enable(&mut self) -> Result<(), DmaeError> {
        let channel = self.number();
        let load = match self.state {
            State::Idle | State::Stopped(_) => return Err(DmaeError::NotProgrammed { channel }),
            State::Cascade => {
                self.controller().unmask(self.ports);
                return Ok(());
            }
            State::Loaded(load) => load,
        };
        if load.request.bufprocess == BufProcess::Auto {
            self.controller().unmask(self.ports);
            return Ok(());
        }
        match self.controller().unmask_unfinished(self.ports) {
            End::Ahead => Ok(()),
            End::Reached => Err(DmaeError::Finished { channel }),
        }
    }

    /// Ends whatever the channel does (`ddi_dmae_stop(9F)`): when this returns, the engine accesses no memory for it any
    /// more. What remained can still be asked.
    #[doc(alias = "ddi_dmae_stop")]
    pub fn stop(&mut self) {
        self.controller().stop(self.ports);
        self.state = match self.state {
            State::Idle | State::Cascade => State::Idle,
            State::Loaded(load) | State::Stopped(load) => State::Stopped(load),
        };
    }

    /// Bytes of the cookie that the engine has not moved (`ddi_dmae_getcnt(9F)`): all of them ahead of the first, 0 from
    /// terminal count on. With `bufprocess` Auto, where the end is the start, what is left of the current round.
    ///
    /// The engine may run on meanwhile: stop it first for a figure that stays true.
    ///
    /// # Errors
    ///
    /// [`DmaeError::NotProgrammed`] where nothing was programmed that counts.
    #[doc(alias = "ddi_dmae_getcnt")]
    pub fn remaining(&mut self) -> Result<u64, DmaeError> {
        let (State::Loaded(load) | State::Stopped(load)) = self.state else {
            return Err(DmaeError::NotProgrammed { channel: self.number() });
        };
        let progress = self.controller().progress(self.ports);
        let left = (u64::from(progress.count) + 1) * self.ports.width.unit();
        // Behind the last unit the counter stands at 0xffff, as it does ahead of the first of 64 Ki units.
        Ok(match (load.request.bufprocess, progress.end) {
            (BufProcess::NoAuto | BufProcess::Chain, End::Reached) => 0,
            _ => left.min(load.size),
        })
    }

    fn load(&mut self, load: Load, span: Span) {
        self.controller().load(self.ports, load.mode, Some(span));
        self.state = State::Loaded(load);
    }

    fn controller(&self) -> &Controller {
        self.engine.controller(self.ports)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.stop();
        self.engine.gate(self.ports).give(Slot::put_back);
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("number", &self.number()).field("state", &self.state).finish()
    }
}
