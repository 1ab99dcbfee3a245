//! The engine of a machine, and the channels of it that a device has.

use std::ffi::c_int;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::dmae::{Channel, ChannelError, Dmae, DmaeError, Request, Trans};
use ddi_dma::{Cookie, DmaAttr, Platform, PortIo, Wait};

/// Channels, with the one that joins the two controllers and that nobody has.
const CHANNELS: usize = 8;

/// A channel whose attributes stand for the engine where the device has none.
const ANY_OF_BYTES: u8 = 0;

/// The engine as a device sees it.
pub(crate) struct Engine {
    dmae: Dmae,
    channels: Mutex<[Option<Channel>; CHANNELS]>,
}

/// Why a channel was not allocated.
#[derive(Debug)]
pub(super) enum NoChannel {
    /// Somebody has it.
    Taken(String),
    /// There is none of this number.
    Invalid(String),
}

impl fmt::Display for NoChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (NoChannel::Taken(text) | NoChannel::Invalid(text)) = self;
        f.write_str(text)
    }
}

impl Engine {
    /// Takes the engine behind these ports over.
    pub(crate) fn new(ports: Arc<dyn PortIo>, platform: Arc<dyn Platform>) -> Self {
        Engine { dmae: Dmae::with_platform(ports, platform), channels: Mutex::default() }
    }

    /// Allocates a channel for the device.
    pub(super) fn alloc(&self, number: c_int, wait: Wait<'_>) -> Result<(), NoChannel> {
        let index = index(number).map_err(NoChannel::Invalid)?;
        let channel = self.dmae.alloc(index as u8, wait).map_err(|error| match error {
            ChannelError::NoResources(_) => NoChannel::Taken(error.to_string()),
            _ => NoChannel::Invalid(error.to_string()),
        })?;
        self.channels()[index] = Some(channel);
        Ok(())
    }

    /// Gives a channel of the device back.
    pub(super) fn release(&self, number: c_int) -> Result<(), String> {
        let channel = self.channels()[index(number)?].take();
        // It is dropped behind the lock, since whoever waits for it may be called then.
        channel.map(drop).ok_or_else(|| not_allocated(number))
    }

    /// Does something with a channel of the device.
    pub(super) fn on<T>(
        &self,
        number: c_int,
        work: impl FnOnce(&mut Channel) -> Result<T, DmaeError>,
    ) -> Result<T, String> {
        let mut channels = self.channels();
        let channel = channels[index(number)?].as_mut().ok_or_else(|| not_allocated(number))?;
        work(channel).map_err(|error| error.to_string())
    }

    /// Tells a channel of the device to do something that it does not refuse.
    pub(super) fn tell(&self, number: c_int, work: impl FnOnce(&mut Channel)) -> Result<(), String> {
        self.on(number, |channel| {
            work(channel);
            Ok(())
        })
    }

    /// Programs a channel of the device.
    ///
    /// # Safety
    ///
    /// That of [`Channel::program`].
    pub(super) unsafe fn program(
        &self,
        number: c_int,
        request: &Request,
        cookie: Option<Cookie>,
    ) -> Result<(), String> {
        let cookie = match cookie {
            Some(cookie) => cookie,
            // No address and no count are used then.
            None if request.trans == Trans::Cascade => Cookie { address: 0, size: 1 },
            None => return Err(NO_COOKIE.to_owned()),
        };
        // SAFETY: the caller's duty is the same.
        self.on(number, |channel| unsafe { channel.program(request, &cookie) })
    }

    /// Programs a channel of the device for another cookie.
    ///
    /// # Safety
    ///
    /// That of [`Channel::program_next`].
    pub(super) unsafe fn program_next(&self, number: c_int, cookie: Option<Cookie>) -> Result<(), String> {
        let cookie = cookie.ok_or(NO_COOKIE)?;
        // SAFETY: the caller's duty is the same.
        self.on(number, |channel| unsafe { channel.program_next(&cookie) })
    }

    /// What all channels of the device can do; where it has none, what one for bytes can.
    pub(super) fn attributes(&self) -> Result<DmaAttr, String> {
        let channels = self.channels();
        let each = channels.iter().flatten().map(Channel::attributes);
        match each.reduce(|one, other| strictest(&one, &other)) {
            Some(attr) => Ok(attr),
            None => self.dmae.attributes(ANY_OF_BYTES).map_err(|error| error.to_string()),
        }
    }

    fn channels(&self) -> MutexGuard<'_, [Option<Channel>; CHANNELS]> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attributes of which each channel can do what they say. All channels have the same reach and no list.
fn strictest(one: &DmaAttr, other: &DmaAttr) -> DmaAttr {
    DmaAttr {
        count_max: one.count_max.min(other.count_max),
        align: one.align.max(other.align),
        burstsizes: one.burstsizes | other.burstsizes,
        minxfer: one.minxfer.max(other.minxfer),
        seg: one.seg.min(other.seg),
        granular: one.granular.max(other.granular),
        ..*one
    }
}

const NO_COOKIE: &str = "the cookie is NULL: give the address and size to program";

fn index(number: c_int) -> Result<usize, String> {
    let index = usize::try_from(number).ok().filter(|index| *index < CHANNELS);
    index.ok_or_else(|| {
        format!("there is no DMA channel {number}: devices can have 0 to 3 (bytes) and 5 to 7 (words)")
    })
}

fn not_allocated(number: c_int) -> String {
    format!("the device does not have DMA channel {number}: allocate it by ddi_dmae_alloc first")
}
