//! What a driver needs of a device beside DMA: its registers and its interrupt. A port to a machine implements both, so that
//! one driver runs on all of them.

use core::time::Duration;

/// The registers of a device, reached by width. Values are in the machine's byte order.
///
/// Offsets count from the start of the region, in bytes, and are multiples of the width. What lies behind the region reads
/// as all ones, and what is written there is lost, as on a bus where nobody answers.
///
/// Both are safe to call. A device told to do DMA wherever a driver pleases is the port's affair: behind an IOMMU it
/// reaches what is mapped and nothing else; where nothing translates, making the value is the place for `unsafe`.
pub trait Registers: Send + Sync + 'static {
    /// Bytes of the region.
    fn length(&self) -> u64;

    /// Reads 32 bits.
    fn read32(&self, offset: u64) -> u32;

    /// Writes 32 bits.
    fn write32(&self, offset: u64, value: u32);

    /// Reads 64 bits, in one access where the machine has one.
    fn read64(&self, offset: u64) -> u64;

    /// Writes 64 bits, in one access where the machine has one.
    fn write64(&self, offset: u64, value: u64);
}

/// An interrupt of a device.
pub trait Interrupt: Send + Sync + 'static {
    /// Rests until the interrupt was raised since the last look, at the longest for this time.
    ///
    /// # Errors
    ///
    /// [`TimedOut`].
    fn wait(&self, limit: Duration) -> Result<(), TimedOut>;

    /// Looks whether the interrupt was raised since the last look.
    fn take(&self) -> Raised;
}

/// Whether an interrupt was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Raised {
    /// It was.
    Yes,
    /// It was not.
    No,
}

/// Nothing came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("nothing came within {} ms", .limit.as_millis())]
pub struct TimedOut {
    /// How long was waited.
    pub limit: Duration,
}
