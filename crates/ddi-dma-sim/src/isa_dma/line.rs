//! The device's side of a channel: a pair of DREQ and DACK lines.

use std::sync::Arc;

use super::DmaControllers;

/// A channel that a device can be wired to. Channel 4 joins the two controllers and has no lines on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DmaChannel {
    /// Channel 0: bytes.
    Dma0,
    /// Channel 1: bytes.
    Dma1,
    /// Channel 2: bytes.
    Dma2,
    /// Channel 3: bytes.
    Dma3,
    /// Channel 5: 16-bit words.
    Dma5,
    /// Channel 6: 16-bit words.
    Dma6,
    /// Channel 7: 16-bit words.
    Dma7,
}

impl DmaChannel {
    /// All channels that have lines on the bus.
    pub const ALL: [DmaChannel; 7] =
        [Self::Dma0, Self::Dma1, Self::Dma2, Self::Dma3, Self::Dma5, Self::Dma6, Self::Dma7];

    /// Its number, as drivers know it.
    pub const fn number(self) -> u8 {
        match self {
            DmaChannel::Dma0 => 0,
            DmaChannel::Dma1 => 1,
            DmaChannel::Dma2 => 2,
            DmaChannel::Dma3 => 3,
            DmaChannel::Dma5 => 5,
            DmaChannel::Dma6 => 6,
            DmaChannel::Dma7 => 7,
        }
    }
}

/// A device's pair of DREQ and DACK lines.
#[derive(Debug, Clone)]
pub(crate) struct DmaLine {
    controllers: Arc<DmaControllers>,
    channel: DmaChannel,
}

/// What the controller did with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cycle {
    /// No DACK: the channel is masked, or a controller disabled, or the first one has no way to the bus. DREQ stays
    /// raised.
    None,
    /// DACK with IOR: the controller took the unit to memory.
    FromDevice(TerminalCount),
    /// DACK with IOW: the unit now holds what memory had.
    ToDevice(TerminalCount),
    /// DACK alone (verify): nothing moved.
    Verify(TerminalCount),
    /// DACK of a channel in cascade mode: the bus is the device's.
    Granted,
}

/// Whether the TC line was raised with a transfer: it was the last of the programmed count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TerminalCount {
    /// It was not.
    No,
    /// It was.
    Yes,
}

impl DmaLine {
    pub(super) fn new(controllers: Arc<DmaControllers>, channel: DmaChannel) -> Self {
        DmaLine { controllers, channel }
    }

    /// The channel that the lines belong to.
    pub(crate) fn channel(&self) -> DmaChannel {
        self.channel
    }

    /// Raises DREQ for one transfer of one unit (1 byte on channels 0 to 3, 2 on 5 to 7), and tells what the
    /// controller did with it. DREQ falls with DACK.
    ///
    /// Of a shorter unit only the bytes that it has move; what is longer stays as it is.
    pub(crate) fn request(&self, unit: &mut [u8]) -> Cycle {
        self.controllers.request(self.channel, unit)
    }

    /// Lets DREQ fall without a DACK: the device gives up.
    pub(crate) fn withdraw(&self) {
        self.controllers.withdraw(self.channel);
    }
}
