//! The register sets of a PCI device: configuration space, and what is behind its base address registers.

use std::sync::Arc;

use ddi_dma::Registers;
use ddi_dma_vfio::{Bar, Region, RegionError, VfioDevice};

use crate::device::window::{RegisterWindow, Width};

/// Bytes of the configuration space of PCI, and of that of PCI Express.
const PCI_CONFIG_BYTES: u16 = 0x100;
const EXPRESS_CONFIG_BYTES: u16 = 0x1000;

/// The register sets in their order: configuration space is number 0, as on Solaris.
pub(super) fn register_sets(device: &Arc<VfioDevice>) -> Result<Vec<Arc<dyn RegisterWindow>>, RegionError> {
    let mut sets: Vec<Arc<dyn RegisterWindow>> = vec![Arc::new(Config::new(device))];
    for bar in Bar::ALL.into_iter().filter(|bar| *bar != Bar::Rom) {
        match device.region(bar) {
            Ok(region) => sets.push(Arc::new(Behind(region))),
            Err(RegionError::Absent { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sets)
}

/// Configuration space. What the kernel refuses reads as all ones and is lost.
struct Config {
    device: Arc<VfioDevice>,
    length: u16,
}

impl Config {
    fn new(device: &Arc<VfioDevice>) -> Self {
        // The kernel gives as much of it as the device has.
        let length = match device.config_read8(EXPRESS_CONFIG_BYTES - 1) {
            Ok(_) => EXPRESS_CONFIG_BYTES,
            Err(_) => PCI_CONFIG_BYTES,
        };
        Config { device: Arc::clone(device), length }
    }
}

impl RegisterWindow for Config {
    fn load(&self, offset: u64, width: Width) -> u64 {
        let Ok(place) = u16::try_from(offset) else { return width.ones() };
        let value = match width {
            Width::Bits8 => self.device.config_read8(place).map(u64::from),
            Width::Bits16 => self.device.config_read16(place).map(u64::from),
            Width::Bits32 => self.device.config_read32(place).map(u64::from),
            Width::Bits64 => return width.ones(),
        };
        value.unwrap_or(width.ones())
    }

    fn store(&self, offset: u64, width: Width, value: u64) {
        let Ok(place) = u16::try_from(offset) else { return };
        // Refused where the device has gone, or its memory would be turned off.
        let _ = match width {
            Width::Bits8 => self.device.config_write8(place, value as u8),
            Width::Bits16 => self.device.config_write16(place, value as u16),
            Width::Bits32 => self.device.config_write32(place, value as u32),
            Width::Bits64 => Ok(()),
        };
    }

    fn length(&self) -> u64 {
        self.length.into()
    }
}

/// What is behind a base address register.
struct Behind(Region);

impl RegisterWindow for Behind {
    fn load(&self, offset: u64, width: Width) -> u64 {
        match width {
            Width::Bits8 => self.0.read8(offset).into(),
            Width::Bits16 => self.0.read16(offset).into(),
            Width::Bits32 => self.0.read32(offset).into(),
            Width::Bits64 => self.0.read64(offset),
        }
    }

    fn store(&self, offset: u64, width: Width, value: u64) {
        match width {
            Width::Bits8 => self.0.write8(offset, value as u8),
            Width::Bits16 => self.0.write16(offset, value as u16),
            Width::Bits32 => self.0.write32(offset, value as u32),
            Width::Bits64 => self.0.write64(offset, value),
        }
    }

    fn length(&self) -> u64 {
        self.0.length()
    }
}
