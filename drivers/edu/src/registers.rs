//! Where the registers are, and their bits.

use bitflags::bitflags;

/// Bytes of BAR 0.
pub(crate) const REGION: u64 = 0x10_0000;

/// Read only: the version, and 0xed.
pub(crate) const IDENTIFICATION: u64 = 0x00;
/// Gives back the complement of what was written.
pub(crate) const LIVENESS: u64 = 0x04;
/// Takes a number, gives its factorial.
pub(crate) const FACTORIAL: u64 = 0x08;
pub(crate) const STATUS: u64 = 0x20;
/// Read only: why the device interrupts.
pub(crate) const INTERRUPT_STATUS: u64 = 0x24;
/// Write only: the causes that are done with.
pub(crate) const INTERRUPT_ACKNOWLEDGE: u64 = 0x64;

// From here on registers have 64 bits. Those below take accesses of 32 bits alone.
pub(crate) const DMA_SOURCE: u64 = 0x80;
pub(crate) const DMA_DESTINATION: u64 = 0x88;
pub(crate) const DMA_COUNT: u64 = 0x90;
pub(crate) const DMA_COMMAND: u64 = 0x98;

/// Where the engine finds the device's buffer.
pub(crate) const DMA_BUFFER: u64 = 0x4_0000;

bitflags! {
    /// [`STATUS`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Status: u32 {
        /// A factorial is being computed.
        const COMPUTING = 0x01;
        /// An interrupt is raised behind each factorial.
        const INTERRUPT = 0x80;
        const _ = !0;
    }
}

bitflags! {
    /// [`INTERRUPT_STATUS`] and [`INTERRUPT_ACKNOWLEDGE`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Cause: u32 {
        /// A factorial was computed.
        const FACTORIAL = 0x001;
        /// A DMA has ended.
        const DMA = 0x100;
        const _ = !0;
    }
}

bitflags! {
    /// [`DMA_COMMAND`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct DmaCommand: u64 {
        /// Starts a DMA, and reads as set until it has ended.
        const RUN = 0x1;
        /// From the device's buffer to memory; else from memory to the buffer.
        const TO_MEMORY = 0x2;
        /// An interrupt is raised behind it.
        const INTERRUPT = 0x4;
        const _ = !0;
    }
}
