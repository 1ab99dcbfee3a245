//! The system's DMA engine: two cascaded 8237As, as ISA machines have them (`ddi_dmae(9F)`).
//!
//! Devices without an engine of their own use one of its channels. In **third-party DMA** the engine moves the bytes: the
//! driver binds an object with the [attributes of the channel](Channel::attributes), hands it over
//! ([`Channel::carry`]) and programs list after list ([`ThirdParty::program`]). In **first-party DMA** the device drives
//! the bus itself, and the engine only lets it through ([`Channel::first_party`]).
//!
//! A channel belongs to whoever has its [`Channel`]. Dropping that stops the engine and gives the channel to whoever waits
//! for it.
//!
//! # Examples
//!
//! A sector to the drive on channel 2; the drive's own registers are left out:
//!
//! ```
//! use ddi_dma::dmae::{Command, Dmae, Request};
//! use ddi_dma::{BindFlags, Bus, BusConfig, Direction, Wait};
//! use ddi_dma_sim::{BufferSpec, Machine, MachineConfig, NexusKind};
//!
//! let machine = Machine::new(MachineConfig::default())?;
//! let dmae = Dmae::new(machine.ports());
//! let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
//!
//! let channel = dmae.alloc(2, Wait::DontWait)?;
//! let handle = bus.device("floppy").alloc_handle(&channel.attributes(), Wait::DontWait)?;
//! let sector = machine.buffer(&BufferSpec::new(512))?;
//! let flight = handle.bind(sector, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait)?.start();
//! let mut transfer = channel.carry(flight);
//! while let Some(window) = transfer.next_window()? {
//!     for list in 0..window.list_count() {
//!         transfer.program(&Request::new(Command::ToDevice), list)?;
//!         // Tell the device, and wait for its interrupt. Nobody told it here:
//!         assert_eq!(transfer.remaining()?, 512);
//!     }
//! }
//! let (channel, binding) = transfer.complete(); // the engine is stopped
//! let (handle, sector) = binding.unbind();
//! # drop((channel, handle, sector));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channel;
mod controller;
mod error;
mod ports;
mod request;
mod third_party;
mod wiring;

use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;

pub use channel::Channel;
pub use error::{ChannelError, DmaeError};
pub use ports::PortIo;
pub use request::{BufProcess, Command, Cycles, Dest, Path, Request, Step, Trans};
pub use third_party::{Advance, ThirdParty};

use crate::attr::DmaAttr;
use crate::error::{Resource, Shortage};
use crate::platform::Platform;
use crate::stats::Stats;
use crate::wait::{Gate, Patience, Place, Refusal, Supply, Ticket, Wait};
use controller::Controller;
use wiring::{CHANNELS, CONTROLLERS, ChannelPorts, JOINT};

/// The engine of a machine. Clones are the same engine.
///
/// # Examples
///
/// ```
/// use ddi_dma::Wait;
/// use ddi_dma::dmae::Dmae;
/// use ddi_dma_sim::{Machine, MachineConfig};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let dmae = Dmae::new(machine.ports());
/// let channel = dmae.alloc(5, Wait::DontWait)?;
/// assert_eq!(channel.attributes().seg, 0x1_FFFF); // words: 128 KiB
/// assert!(dmae.alloc(5, Wait::DontWait).is_err()); // somebody has it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Dmae {
    shared: Arc<EngineShared>,
}

/// What the channels of an engine share.
pub(crate) struct EngineShared {
    controllers: [Controller; 2],
    /// One queue a channel, in the order of `CHANNELS`.
    gates: [Arc<Gate<Slot>>; CHANNELS.len()],
}

impl EngineShared {
    fn controller(&self, channel: &ChannelPorts) -> &Controller {
        let [bytes, words] = &self.controllers;
        if channel.controller() == 0 { bytes } else { words }
    }

    fn gate(&self, channel: &ChannelPorts) -> &Arc<Gate<Slot>> {
        let before_joint = usize::from(channel.number > JOINT);
        &self.gates[usize::from(channel.number) - before_joint]
    }
}

impl Dmae {
    /// Takes the engine over: switches both controllers on and joins them by channel 4.
    ///
    /// The ports lead to the engine, and nobody else uses it from here on. Who sleeps for a channel is a thread of the
    /// standard library where the feature `std` is on, and spins otherwise.
    ///
    /// A controller's registers are written under a lock, for some twenty port accesses; an interrupt handler that programs
    /// a channel must not interrupt that on the same processor.
    pub fn new(ports: Arc<dyn PortIo>) -> Self {
        #[cfg(feature = "std")]
        let platform = crate::platform::Threads;
        #[cfg(not(feature = "std"))]
        let platform = crate::platform::Spinning;
        Self::with_platform(ports, Arc::new(platform))
    }

    /// Does as [`new`](Self::new), on a platform whose threads rest in their own way.
    pub fn with_platform(ports: Arc<dyn PortIo>, platform: Arc<dyn Platform>) -> Self {
        let controllers = CONTROLLERS.each_ref().map(|map| Controller::new(ports.clone(), map));
        controllers.iter().for_each(Controller::switch_on);
        let [_, words] = &controllers;
        words.join();
        let gates = CHANNELS.each_ref().map(|channel| Gate::new(Slot::new(channel.number), platform.clone()));
        Dmae { shared: Arc::new(EngineShared { controllers, gates }) }
    }

    /// What the engine can do on a channel, whoever has it (`ddi_dmae_getattr(9F)`).
    ///
    /// # Errors
    ///
    /// [`ChannelError::NoSuchChannel`], [`ChannelError::Joint`].
    #[doc(alias = "ddi_dmae_getattr")]
    pub fn attributes(&self, number: u8) -> Result<DmaAttr, ChannelError> {
        Ok(find(number)?.width.attributes())
    }

    /// Allocates a channel (`ddi_dmae_alloc(9F)`). It is masked until it is programmed.
    ///
    /// # Errors
    ///
    /// [`ChannelError`]: there is no such channel, or somebody has it.
    #[doc(alias = "ddi_dmae_alloc")]
    pub fn alloc(&self, number: u8, wait: Wait<'_>) -> Result<Channel, ChannelError> {
        let ports = find(number)?;
        self.take(ports, Patience::Wait(wait), &mut None)?;
        Ok(Channel::new(self.shared.clone(), ports))
    }

    /// Allocates a channel once it is to be had. Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// [`ChannelError::NoSuchChannel`], [`ChannelError::Joint`].
    pub async fn alloc_async(&self, number: u8) -> Result<Channel, ChannelError> {
        let ports = find(number)?;
        let mut place = Place::at(self.shared.gate(ports));
        let taken =
            poll_fn(|context| match self.take(ports, Patience::Task(context.waker()), &mut place.ticket) {
                Err(_) if place.ticket.is_some() => Poll::Pending,
                taken => Poll::Ready(taken),
            });
        taken.await?;
        Ok(Channel::new(self.shared.clone(), ports))
    }

    /// How often somebody waited for a channel, was called, was passed.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.shared.gates.iter().for_each(|gate| stats.count_waits(gate.counts()));
        stats
    }

    fn take(
        &self,
        ports: &ChannelPorts,
        patience: Patience<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Result<(), Shortage> {
        self.shared.gate(ports).obtain(1, patience, ticket, Slot::take).map_err(|refusal| refusal.shortage())
    }
}

impl fmt::Debug for Dmae {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dmae").field("stats", &self.stats()).finish()
    }
}

fn find(number: u8) -> Result<&'static ChannelPorts, ChannelError> {
    match ChannelPorts::find(number) {
        Some(ports) => Ok(ports),
        None if number == JOINT => Err(ChannelError::Joint),
        None => Err(ChannelError::NoSuchChannel { number }),
    }
}

/// A channel, as something that one may have at a time.
struct Slot {
    number: u8,
    holder: Holder,
}

/// Who has a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    Somebody,
}

impl Slot {
    fn new(number: u8) -> Self {
        Slot { number, holder: Holder::Nobody }
    }

    fn take(&mut self) -> Result<(), Refusal> {
        match self.holder {
            Holder::Nobody => {
                self.holder = Holder::Somebody;
                Ok(())
            }
            Holder::Somebody => Err(Refusal::Later(self.shortage(1))),
        }
    }

    fn put_back(&mut self) {
        self.holder = Holder::Nobody;
    }
}

impl Supply for Slot {
    fn promises(&self, asked: u64) -> bool {
        asked == 1 && self.holder == Holder::Nobody
    }

    fn shortage(&self, asked: u64) -> Shortage {
        let free = u64::from(self.holder == Holder::Nobody);
        Shortage { resource: Resource::DmaChannel(self.number), asked, free, largest: free }
    }
}
