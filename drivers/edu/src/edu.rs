//! The driver: attach, the small registers, detach.

use core::fmt;

use ddi_dma::{Device, Interrupt, Registers};

use crate::config::Config;
use crate::engine::{Chip, Engine};
use crate::fault::Fault;
use crate::registers::{IDENTIFICATION, LIVENESS, REGION};

/// What the liveness register is asked at attach.
const PROBE: u32 = 0x1234_5678;

/// What the low byte of the identification is.
const EDU: u32 = 0xed;

/// An educational device with its driver.
///
/// Dropping it leaves the device as it is; [`detach`](Self::detach) waits for what still runs.
pub struct Edu<R: Registers, I: Interrupt> {
    pub(crate) device: Device,
    pub(crate) chip: Chip<R, I>,
}

/// Version of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Changes with what a driver must know.
    pub major: u8,
    /// Changes with what a driver may know.
    pub minor: u8,
}

/// Why the driver does not attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The device is in a slot in which DMA is not possible.
    #[error("the slot of the device does not give it the bus: put it into another one")]
    SlaveOnly,
    /// The region is not that of BAR 0.
    #[error("the registers take {REGION:#x} bytes, and the region has {length:#x}: is it BAR 0?")]
    Region {
        /// Bytes of the region.
        length: u64,
    },
    /// It is another device, or a version that this driver does not know.
    #[error(
        "identification {identification:#010x}: an educational device of version 1 has 0x01..00ed. Is memory decoding on?"
    )]
    Identification {
        /// The register.
        identification: u32,
    },
    /// The device does not work.
    #[error(transparent)]
    Device(#[from] Fault),
}

/// What is left of a driver.
#[derive(Debug)]
pub struct Detached<R, I> {
    /// The registers.
    pub registers: R,
    /// The interrupt.
    pub interrupt: I,
    /// What the DMA engine does. Only where it is stopped may memory in quarantine be released
    /// ([`Device::release_quarantine`]).
    pub engine: Engine,
}

impl<R: Registers, I: Interrupt> Edu<R, I> {
    /// Attaches to a device: `registers` is its BAR 0. The device has memory decoding and bus mastering turned on.
    ///
    /// # Errors
    ///
    /// [`AttachError`]. [`Fault::Busy`] tells of a DMA that an earlier driver left behind, and that has not ended within the
    /// time-out: the device cannot be reset.
    ///
    /// # Examples
    ///
    /// See [the crate](crate).
    pub fn attach(device: &Device, registers: R, interrupt: I, config: Config) -> Result<Self, AttachError> {
        if device.slave_only() {
            return Err(AttachError::SlaveOnly);
        }
        if registers.length() < REGION {
            return Err(AttachError::Region { length: registers.length() });
        }
        let identification = registers.read32(IDENTIFICATION);
        if identification & 0xFF00_00FF != 0x0100_0000 | EDU {
            return Err(AttachError::Identification { identification });
        }
        let edu = Edu { device: device.clone(), chip: Chip { registers, interrupt, config } };
        edu.liveness(PROBE)?;
        edu.chip.settle()?;
        Ok(edu)
    }

    /// Reads which version the device is.
    pub fn identify(&self) -> Version {
        let [_, _, minor, major] = self.chip.registers.read32(IDENTIFICATION).to_le_bytes();
        Version { major, minor }
    }

    /// Writes a word and checks that the device gives back its complement.
    ///
    /// # Errors
    ///
    /// [`Fault::Liveness`].
    pub fn liveness(&self, wrote: u32) -> Result<(), Fault> {
        self.chip.registers.write32(LIVENESS, wrote);
        match self.chip.registers.read32(LIVENESS) {
            read if read == !wrote => Ok(()),
            read => Err(Fault::Liveness { wrote, read }),
        }
    }

    /// Has the device compute a factorial, modulo 2^32. It multiplies `number` times, so large ones take seconds.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn factorial(&mut self, number: u32) -> Result<u32, Fault> {
        self.chip.factorial(number)
    }

    /// What the DMA engine does: it may still run where a transfer timed out.
    pub fn engine(&self) -> Engine {
        self.chip.engine()
    }

    /// How the driver works.
    pub fn config(&self) -> Config {
        self.chip.config
    }

    /// Works otherwise from now on.
    pub fn set_config(&mut self, config: Config) {
        self.chip.config = config;
    }

    /// Ends the driver: waits for what still runs, within the time-out, acknowledges what is left of interrupts, and gives
    /// registers and interrupt back.
    pub fn detach(self) -> Detached<R, I> {
        let engine = match self.chip.settle() {
            Ok(()) => Engine::Stopped,
            Err(_) => Engine::Running,
        };
        let Chip { registers, interrupt, .. } = self.chip;
        Detached { registers, interrupt, engine }
    }
}

impl<R: Registers, I: Interrupt> fmt::Debug for Edu<R, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edu").field("device", &self.device).field("config", &self.chip.config).finish()
    }
}
