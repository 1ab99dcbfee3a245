//! The controller's ports, and their bits.

use alloc::sync::Arc;

use bitflags::bitflags;
use ddi_dma::PortIo;

use crate::geometry::DataRate;

/// Offsets of the ports from the first.
const DIGITAL_OUTPUT: u16 = 2;
const MAIN_STATUS: u16 = 4;
const DATA: u16 = 5;
/// Read; written, it is configuration control.
const DIGITAL_INPUT: u16 = 7;

/// The bit of the digital input register that tells that the disk was taken out since the head was last stepped.
const DISK_CHANGED: u8 = 0x80;

bitflags! {
    /// The digital output register. Its two lowest bits select a drive.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct DigitalOutput: u8 {
        /// Low: the controller is held in reset.
        const NOT_RESET = 0x04;
        /// Lets its requests for DMA and its interrupt out.
        const GATE = 0x08;
        /// The motor of drive 0; those of the others lie above.
        const MOTOR_0 = 0x10;
        const _ = !0;
    }
}

bitflags! {
    /// The main status register.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct MainStatus: u8 {
        /// The data register can be used,
        const REQUEST = 0x80;
        /// and is to be read.
        const TO_PROCESSOR = 0x40;
    }
}

/// Whether the disk was taken out since the head was last stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeLine {
    Active,
    Inactive,
}

/// The ports of one controller.
pub(crate) struct Registers {
    ports: Arc<dyn PortIo>,
    base: u16,
}

impl Registers {
    pub(crate) fn new(ports: Arc<dyn PortIo>, base: u16) -> Self {
        Registers { ports, base }
    }

    pub(crate) fn set_digital_output(&self, value: DigitalOutput) {
        self.ports.write(self.base + DIGITAL_OUTPUT, value.bits());
    }

    pub(crate) fn main_status(&self) -> MainStatus {
        MainStatus::from_bits_truncate(self.ports.read(self.base + MAIN_STATUS))
    }

    pub(crate) fn put(&self, byte: u8) {
        self.ports.write(self.base + DATA, byte);
    }

    pub(crate) fn get(&self) -> u8 {
        self.ports.read(self.base + DATA)
    }

    pub(crate) fn set_rate(&self, rate: DataRate) {
        self.ports.write(self.base + DIGITAL_INPUT, rate.register());
    }

    pub(crate) fn change_line(&self) -> ChangeLine {
        match self.ports.read(self.base + DIGITAL_INPUT) & DISK_CHANGED {
            0 => ChangeLine::Inactive,
            _ => ChangeLine::Active,
        }
    }
}
