//! Configuration space: who a device is, what it can do, and whether it may be bus master.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use crate::region::{Value, read_file, write_file};

const COMMAND: u16 = 0x04;
const STATUS: u16 = 0x06;
const CAPABILITIES: u16 = 0x34;
const COMMAND_MEMORY: u16 = 1 << 1;
const COMMAND_MASTER: u16 = 1 << 2;
const STATUS_CAPABILITIES: u16 = 1 << 4;
/// Capabilities start behind the header.
const FIRST_CAPABILITY: u8 = 0x40;
/// As many as there is room for: a list that is longer runs in a circle.
const MOST_CAPABILITIES: usize = 48;
/// The capability of power management, and where the power state is behind its start.
const POWER_MANAGEMENT: u8 = 0x01;
const POWER_STATE: u16 = 4;
const POWER_STATE_MASK: u16 = 3;

/// Whether a device may do DMA and send interrupt messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BusMaster {
    /// It may.
    On,
    /// It may not.
    Off,
}

/// Who a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PciIds {
    /// Who makes it.
    pub vendor: u16,
    /// Which of the vendor's devices it is.
    pub device: u16,
    /// Who makes the board.
    pub subsystem_vendor: u16,
    /// Which of the board vendor's boards it is.
    pub subsystem: u16,
    /// What it does: class, subclass and programming interface, 8 bits each.
    pub class: u32,
    /// Its revision.
    pub revision: u8,
}

/// Why configuration space was not accessed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is nothing, or the offset is no multiple of the width.
    #[error(
        "{width} bytes at {offset:#x} of configuration space: they must lie inside its {length:#x} bytes, at a multiple of their number"
    )]
    Place {
        /// Where the access starts.
        offset: u16,
        /// How many bytes it has.
        width: usize,
        /// How many there are.
        length: u64,
    },
    /// The device's registers would be gone while they are mapped.
    #[error(
        "{value:#x} at {offset:#x} of configuration space would turn the device's memory off, and the next access to a mapped register would end the process"
    )]
    TurnsMemoryOff {
        /// Where the access starts.
        offset: u16,
        /// What was to be written.
        value: u64,
    },
    /// The kernel refuses, or the device has gone.
    #[error("configuration space at {offset:#x}: {source}")]
    System {
        /// Where the access starts.
        offset: u16,
        /// What the kernel says.
        source: io::Error,
    },
}

/// The configuration space of a device, in a file.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where it starts in the file.
    pub(crate) offset: u64,
    /// Its bytes.
    pub(crate) length: u64,
    /// Held while a word is read, changed and written back.
    pub(crate) change: Mutex<()>,
}

impl Config {
    pub(crate) fn new(offset: u64, length: u64) -> Self {
        Config { offset, length, change: Mutex::new(()) }
    }

    pub(crate) fn read<T: Value>(&self, file: &impl AsFd, offset: u16) -> Result<T, ConfigError> {
        self.check::<T>(offset)?;
        read_file(file, self.offset + u64::from(offset))
            .map_err(|source| ConfigError::System { offset, source })
    }

    pub(crate) fn write<T: Value>(&self, file: &impl AsFd, offset: u16, value: T) -> Result<(), ConfigError> {
        self.check::<T>(offset)?;
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.keep_memory_on(file, offset, value)?;
        self.put(file, offset, value)
    }

    /// Writes a value that was checked.
    fn put<T: Value>(&self, file: &impl AsFd, offset: u16, value: T) -> Result<(), ConfigError> {
        let written = write_file(file, self.offset + u64::from(offset), value);
        written.map_err(|source| ConfigError::System { offset, source })
    }

    fn check<T: Value>(&self, offset: u16) -> Result<(), ConfigError> {
        let (width, length) = (size_of::<T>(), self.length);
        let end = u64::from(offset) + width as u64;
        if end > length || !usize::from(offset).is_multiple_of(width) {
            return Err(ConfigError::Place { offset, width, length });
        }
        Ok(())
    }

    /// Refuses what would take the registers from under their mappings: no memory, or a device that sleeps.
    fn keep_memory_on<T: Value>(&self, file: &impl AsFd, offset: u16, value: T) -> Result<(), ConfigError> {
        let value = u64::from_le_bytes(value.to_bus());
        let refused = Err(ConfigError::TurnsMemoryOff { offset, value });
        if offset == COMMAND && value & u64::from(COMMAND_MEMORY) == 0 {
            return refused;
        }
        let Some(start) = self.capability(file, POWER_MANAGEMENT)? else { return Ok(()) };
        if offset == u16::from(start) + POWER_STATE && value & u64::from(POWER_STATE_MASK) != 0 {
            return refused;
        }
        Ok(())
    }

    /// Where a capability starts.
    pub(crate) fn capability(&self, file: &impl AsFd, id: u8) -> Result<Option<u8>, ConfigError> {
        if self.read::<u16>(file, STATUS)? & STATUS_CAPABILITIES == 0 {
            return Ok(None);
        }
        let mut at = self.read::<u8>(file, CAPABILITIES)? & !3;
        for _ in 0..MOST_CAPABILITIES {
            if at < FIRST_CAPABILITY {
                return Ok(None);
            }
            let [found, next] = self.read::<u16>(file, at.into())?.to_le_bytes();
            if found == id {
                return Ok(Some(at));
            }
            at = next & !3;
        }
        Ok(None)
    }

    pub(crate) fn ids(&self, file: &impl AsFd) -> Result<PciIds, ConfigError> {
        let class = self.read::<u32>(file, 0x08)?;
        Ok(PciIds {
            vendor: self.read(file, 0x00)?,
            device: self.read(file, 0x02)?,
            subsystem_vendor: self.read(file, 0x2c)?,
            subsystem: self.read(file, 0x2e)?,
            class: class >> 8,
            revision: class as u8,
        })
    }

    /// Turns memory on and DMA off: how a driver finds its device.
    pub(crate) fn prepare(&self, file: &impl AsFd) -> Result<(), ConfigError> {
        self.change_command(file, |command| command & !COMMAND_MASTER | COMMAND_MEMORY)
    }

    pub(crate) fn set_bus_master(&self, file: &impl AsFd, master: BusMaster) -> Result<(), ConfigError> {
        self.change_command(file, |command| match master {
            BusMaster::On => command | COMMAND_MASTER,
            BusMaster::Off => command & !COMMAND_MASTER,
        })
    }

    pub(crate) fn bus_master(&self, file: &impl AsFd) -> Result<BusMaster, ConfigError> {
        match self.read::<u16>(file, COMMAND)? & COMMAND_MASTER {
            0 => Ok(BusMaster::Off),
            _ => Ok(BusMaster::On),
        }
    }

    fn change_command(&self, file: &impl AsFd, change: impl Fn(u16) -> u16) -> Result<(), ConfigError> {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read::<u16>(file, COMMAND)?;
        let after = change(before);
        if after == before { Ok(()) } else { self.put(file, COMMAND, after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    const AT: u64 = 0x700;

    /// Configuration space of 256 bytes at an odd place of a file: an nvme, with power management at 0x60 and MSI-X at 0x40.
    fn config() -> (File, Config) {
        let file = tempfile::tempfile().unwrap();
        let mut bytes = [0u8; 256];
        bytes[..12]
            .copy_from_slice(&[0x36, 0x1b, 0x10, 0x00, 0x04, 0x00, 0x10, 0x00, 0x02, 0x02, 0x08, 0x01]);
        bytes[0x2c..0x30].copy_from_slice(&[0xf4, 0x1a, 0x00, 0x11]);
        bytes[0x34] = 0x40;
        bytes[0x40..0x42].copy_from_slice(&[0x11, 0x60]);
        bytes[0x60..0x62].copy_from_slice(&[0x01, 0x00]);
        file.write_all_at(&bytes, AT).unwrap();
        (file, Config::new(AT, 256))
    }

    #[test]
    fn a_device_says_who_it_is() {
        let (file, config) = config();
        let expected = PciIds {
            vendor: 0x1b36,
            device: 0x0010,
            subsystem_vendor: 0x1af4,
            subsystem: 0x1100,
            class: 0x01_0802,
            revision: 2,
        };
        assert_eq!(config.ids(&file).unwrap(), expected);
        assert_eq!(config.capability(&file, 0x11).unwrap(), Some(0x40));
        assert_eq!(config.capability(&file, 0x01).unwrap(), Some(0x60));
        assert_eq!(config.capability(&file, 0x05).unwrap(), None);
    }

    #[test]
    fn a_list_of_capabilities_that_runs_in_a_circle_ends() {
        let (file, config) = config();
        config.put::<u8>(&file, 0x61, 0x40).unwrap();
        assert_eq!(config.capability(&file, 0x05).unwrap(), None);
        file.write_all_at(&[0xff; 256], AT).unwrap();
        assert_eq!(config.capability(&file, 0x05).unwrap(), None);
    }

    #[test]
    fn a_device_is_prepared_with_its_memory_on_and_dma_off() {
        let (file, config) = config();
        assert_eq!(config.bus_master(&file).unwrap(), BusMaster::On);
        config.prepare(&file).unwrap();
        assert_eq!(config.bus_master(&file).unwrap(), BusMaster::Off);
        assert_eq!(config.read::<u16>(&file, COMMAND).unwrap(), COMMAND_MEMORY);
        for master in [BusMaster::On, BusMaster::On, BusMaster::Off, BusMaster::On] {
            config.set_bus_master(&file, master).unwrap();
            assert_eq!(config.bus_master(&file).unwrap(), master);
        }
        assert_eq!(config.read::<u16>(&file, COMMAND).unwrap(), COMMAND_MEMORY | COMMAND_MASTER);
    }

    #[test]
    fn registers_are_not_turned_off_under_their_mappings() {
        let (file, config) = config();
        config.prepare(&file).unwrap();
        assert!(matches!(config.write(&file, COMMAND, 0u16), Err(ConfigError::TurnsMemoryOff { .. })));
        assert!(matches!(config.write(&file, COMMAND, 4u32), Err(ConfigError::TurnsMemoryOff { .. })));
        let sleep = config.write(&file, 0x64, 3u16).unwrap_err().to_string();
        assert!(sleep.contains("0x3 at 0x64"), "{sleep}");
        config.write(&file, 0x64, 0x8000u16).unwrap();
        config.write(&file, COMMAND, 6u16).unwrap();
        assert_eq!(config.bus_master(&file).unwrap(), BusMaster::On);
    }

    proptest! {
        #[test]
        fn accesses_lie_inside_at_multiples_of_their_width(offset: u16, value: u32) {
            let (file, config) = config();
            let inside = |width: u16| offset % width == 0 && offset <= 256 - width;
            prop_assert_eq!(config.read::<u8>(&file, offset).is_ok(), inside(1));
            prop_assert_eq!(config.read::<u16>(&file, offset).is_ok(), inside(2));
            prop_assert_eq!(config.read::<u32>(&file, offset).is_ok(), inside(4));
            if config.write(&file, offset, value).is_ok() {
                prop_assert!(inside(4));
                prop_assert_eq!(config.read::<u32>(&file, offset).unwrap(), value);
            }
        }
    }
}
