//! A device that was opened without an IOMMU.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::UioError;
use super::files::Files;
use super::interrupt::UioInterrupt;
use crate::config::Config;
use crate::{Bar, BusMaster, ConfigError, PciAddress, PciIds, Region, RegionError, ResetError};

/// The register of configuration space that turns a device's abilities on, and its bit that masks the interrupt line.
const COMMAND: u16 = 0x04;
const LINE_MASKED: u16 = 1 << 10;

/// A PCI device that this process has to itself, bound to uio_pci_generic, with **nothing between it and all memory**.
///
/// It is opened with its memory on, its interrupt line masked, and without leave to do DMA
/// ([`set_bus_master`](Self::set_bus_master)). Its regions and its interrupt keep it open. When the last of all these is
/// dropped, in whatever order, the device may no longer do DMA and its line is masked. Where the process is killed, the
/// kernel (since 5.6) takes the leave to do DMA away.
///
/// # Examples
///
/// ```no_run
/// use ddi_dma_vfio::uio::UioDevice;
/// use ddi_dma_vfio::{Bar, BusMaster};
///
/// // SAFETY: the device is idle, and what drives it gives it nothing but cookies of its own bindings.
/// let edu = unsafe { UioDevice::open("0000:00:04.0".parse()?) }?;
/// let registers = edu.region(Bar::Bar0)?;
/// let interrupt = edu.interrupt()?;
/// edu.set_bus_master(BusMaster::On)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UioDevice {
    opened: Arc<Opened>,
}

/// A device in use: what regions and interrupts keep open.
pub(super) struct Opened {
    address: PciAddress,
    files: Files,
    config: Config,
    config_file: File,
    /// Held while the command register is changed.
    command: Mutex<()>,
    /// Closed last: the kernel then stops what DMA there is.
    uio: File,
}

/// A region's file, which keeps the device open.
struct RegionFile {
    file: File,
    _device: Arc<Opened>,
}

impl UioDevice {
    /// Opens a device.
    ///
    /// # Safety
    ///
    /// Whatever the device is told to write it writes: over this process, other processes, the kernel. The caller vouches for
    /// all that is done with the device, its regions and what drives it, until all of them are dropped:
    ///
    /// - the device does no DMA that was started before;
    /// - it is given no address but those of cookies of a [`PhysicalBus`](super::PhysicalBus), while their object is in
    ///   flight, or of private memory of that bus, while it exists, and it keeps to their sizes;
    /// - a transfer in flight is completed only when the device has ended it, or was stopped;
    /// - what is left in quarantine is released only after a reset.
    ///
    /// # Errors
    ///
    /// [`UioError`]: what is missing, and how to mend it.
    pub unsafe fn open(address: PciAddress) -> Result<Self, UioError> {
        Self::open_below(Path::new("/"), address)
    }

    fn open_below(root: &Path, address: PciAddress) -> Result<Self, UioError> {
        let files = Files::find(root, address)?;
        let uio = files.open_uio()?;
        let (config_file, length) = files.open_config()?;
        let (config, command) = (Config::new(0, length), Mutex::new(()));
        let opened = Opened { address, files, config, config_file, command, uio };
        let prepared = opened.config.prepare(&opened.config_file).and_then(|()| opened.mask_line());
        prepared.map_err(|source| UioError::Config { address, source })?;
        Ok(UioDevice { opened: Arc::new(opened) })
    }

    /// Where it sits.
    pub fn address(&self) -> PciAddress {
        self.opened.address
    }

    /// Who it is.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn ids(&self) -> Result<PciIds, ConfigError> {
        self.opened.config.ids(&self.opened.config_file)
    }

    /// One of its regions. Each call maps it anew; clones share one mapping. The expansion ROM is not to be had.
    ///
    /// # Errors
    ///
    /// [`RegionError`], also for memory of less than a page, which the kernel does not map alone.
    pub fn region(&self, bar: Bar) -> Result<Region, RegionError> {
        let address = self.address();
        let error = |(range, source)| RegionError::Map { address, bar, range, source };
        let opened = self.opened.files.open_region(bar).map_err(|source| error((0..0, source)))?;
        let (file, layout) = opened.ok_or(RegionError::Absent { address, bar })?;
        let (length, page) = (layout.length, rustix::param::page_size() as u64);
        if !layout.areas.is_empty() && !length.is_multiple_of(page) {
            let whole_pages = io::Error::new(io::ErrorKind::Unsupported, "it is not whole pages");
            return Err(error((0..length, whole_pages)));
        }
        Region::map(Arc::new(RegionFile { file, _device: self.opened.clone() }), layout).map_err(error)
    }

    /// Its interrupt line.
    ///
    /// # Errors
    ///
    /// [`UioError::NoInterrupt`].
    pub fn interrupt(&self) -> Result<UioInterrupt, UioError> {
        if !self.opened.files.has_line() {
            return Err(UioError::NoInterrupt { address: self.address() });
        }
        Ok(UioInterrupt::new(self.opened.clone()))
    }

    /// Allows or forbids it to do DMA.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn set_bus_master(&self, master: BusMaster) -> Result<(), ConfigError> {
        let _command = self.opened.lock_command();
        self.opened.config.set_bus_master(&self.opened.config_file, master)
    }

    /// Whether it may do DMA.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn bus_master(&self) -> Result<BusMaster, ConfigError> {
        self.opened.config.bus_master(&self.opened.config_file)
    }

    /// Resets it. Its DMA has ended when this returns; its registers start anew, while configuration space, bus mastering
    /// among it, is as before.
    ///
    /// # Errors
    ///
    /// [`ResetError`]. Not every device can be reset.
    pub fn reset(&self) -> Result<(), ResetError> {
        let address = self.address();
        let _command = self.opened.lock_command();
        self.opened.files.reset().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ResetError::None { address },
            _ => ResetError::System { address, source },
        })
    }

    /// Where one of its capabilities starts in configuration space; `None` where it does not have it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn capability(&self, id: u8) -> Result<Option<u8>, ConfigError> {
        self.opened.config.capability(&self.opened.config_file, id)
    }

    /// Reads 8 bits of configuration space.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_read8(&self, offset: u16) -> Result<u8, ConfigError> {
        self.opened.config.read(&self.opened.config_file, offset)
    }

    /// Reads 16 bits of configuration space.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_read16(&self, offset: u16) -> Result<u16, ConfigError> {
        self.opened.config.read(&self.opened.config_file, offset)
    }

    /// Reads 32 bits of configuration space.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_read32(&self, offset: u16) -> Result<u32, ConfigError> {
        self.opened.config.read(&self.opened.config_file, offset)
    }
}

impl fmt::Debug for UioDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UioDevice").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Opened {
    pub(super) fn address(&self) -> PciAddress {
        self.address
    }

    pub(super) fn uio(&self) -> &File {
        &self.uio
    }

    /// Lets the interrupt line through.
    pub(super) fn open_line(&self) {
        // A device that has gone raises nothing, opened or not.
        let _ = self.change_command(|command| command & !LINE_MASKED);
    }

    fn mask_line(&self) -> Result<(), ConfigError> {
        self.change_command(|command| command | LINE_MASKED)
    }

    fn lock_command(&self) -> MutexGuard<'_, ()> {
        self.command.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_command(&self, change: impl Fn(u16) -> u16) -> Result<(), ConfigError> {
        let _command = self.lock_command();
        let before = self.config.read::<u16>(&self.config_file, COMMAND)?;
        self.config.write(&self.config_file, COMMAND, change(before))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // What is refused here is refused by a device that has gone.
        let _ = self.config.set_bus_master(&self.config_file, BusMaster::Off);
        let _ = self.mask_line();
    }
}

impl AsFd for RegionFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests;
