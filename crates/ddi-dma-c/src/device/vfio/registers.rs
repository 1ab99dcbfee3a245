//! The register sets of a PCI device: configuration space, and what is behind its base address registers.

use std::sync::Arc;

use ddi_dma::Registers;
use ddi_dma_vfio::{Bar, Region, RegionError, VfioDevice};

use crate::device::window::{RegisterWindow, Width};

/// Bytes of the configuration space of PCI. That of PCI Express lies behind.
const CONFIG_BYTES: u64 = 256;

/// The register sets in their order: configuration space is number 0, as on Solaris.
pub(super) fn register_sets(device: &Arc<VfioDevice>) -> Result<Vec<Arc<dyn RegisterWindow>>, RegionError> {
    let mut sets: Vec<Arc<dyn RegisterWindow>> = vec![Arc::new(Config(Arc::clone(device)))];
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
struct Config(Arc<VfioDevice>);

impl RegisterWindow for Config {
    fn load(&self, offset: u64, width: Width) -> u64 {
        let Ok(place) = u16::try_from(offset) else { return width.ones() };
        let value = match width {
            Width::Bits8 => self.0.config_read8(place).map(u64::from),
            Width::Bits16 => self.0.config_read16(place).map(u64::from),
            Width::Bits32 => self.0.config_read32(place).map(u64::from),
            Width::Bits64 => return width.ones(),
        };
        value.unwrap_or(width.ones())
    }

    fn store(&self, offset: u64, width: Width, value: u64) {
        let Ok(place) = u16::try_from(offset) else { return };
        // Refused where the device has gone, or its memory would be turned off.
        let _ = match width {
            Width::Bits8 => self.0.config_write8(place, value as u8),
            Width::Bits16 => self.0.config_write16(place, value as u16),
            Width::Bits32 => self.0.config_write32(place, value as u32),
            Width::Bits64 => Ok(()),
        };
    }

    fn length(&self) -> u64 {
        CONFIG_BYTES
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
