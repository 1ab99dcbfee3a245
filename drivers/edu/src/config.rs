//! What the engine can do, and how the driver waits for it.

use core::time::Duration;

use ddi_dma::{BindFlags, DmaAttr};

/// Bytes of the device's buffer that can be used.
///
/// It has 4,096, and says so. But QEMU up to and including 7.2 takes a transfer that touches the last of them for one that
/// leaves the buffer, and a transfer that leaves the buffer ends QEMU.
pub const BUFFER: u64 = 4095;

/// What the engine can do.
pub const ATTR: DmaAttr = DmaAttr {
    // It masks every address with 28 bits, and says nothing where that made another one of it.
    addr_hi: 0x0FFF_FFFF,
    // A cookie is no longer than the buffer,
    count_max: 0xFFF,
    // and as a list, which is one transfer, one byte shorter: see [`BUFFER`].
    maxxfer: BUFFER,
    // One address and one count.
    sgllen: 1,
    // All else it takes: any alignment, any length, any boundary.
    ..DmaAttr::UNRESTRICTED
};

/// How the driver works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How it learns that a DMA or a factorial has ended.
    pub completion: Completion,
    /// How long it waits for that.
    pub timeout: Duration,
    /// How objects are bound. Without PARTIAL an object that resources do not hold whole is an error.
    pub flags: BindFlags,
}

/// How the driver learns that the device has finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Completion {
    /// The device interrupts.
    Interrupt,
    /// The device does not interrupt; the driver looks, and rests in between on the interrupt that does not come.
    Polling,
}

impl Default for Config {
    /// Interrupts, two seconds, objects in as many windows as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::BindFlags;
    /// use edu::{Completion, Config};
    ///
    /// // A device that is not trusted, on a machine without interrupts for it.
    /// let flags = BindFlags::PARTIAL | BindFlags::ISOLATE;
    /// let config = Config { completion: Completion::Polling, flags, ..Config::default() };
    /// assert_eq!(config.timeout.as_secs(), 2);
    /// ```
    fn default() -> Self {
        let timeout = Duration::from_secs(2);
        Config { completion: Completion::Interrupt, timeout, flags: BindFlags::PARTIAL }
    }
}

impl Completion {
    /// How many rests a wait is made of. Each ends early where an interrupt comes, so this is also how many interrupts
    /// of others are borne before they count as a storm.
    pub(crate) fn rests(self) -> u32 {
        match self {
            Completion::Interrupt => 64,
            Completion::Polling => 1000,
        }
    }
}
