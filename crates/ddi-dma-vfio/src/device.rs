//! A device that was opened.

use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_ROM_REGION_INDEX,
    VFIO_REGION_INFO_FLAG_MMAP, VFIO_REGION_INFO_FLAG_WRITE,
};
use vfio_ioctls::VfioRegionInfoCap;

use crate::config::Config;
use crate::kernel::{self, HasReset};
use crate::region::{Access, Layout};
use crate::{
    Bar, BusMaster, ConfigError, Container, EventInterrupt, InterruptError, InterruptKind, PciAddress,
    PciIds, Region, RegionError,
};

/// A PCI device that this process has to itself.
///
/// It is opened by [`Container::open`], with its memory on, and without leave to do DMA ([`set_bus_master`](Self::set_bus_master)).
///
/// Its [regions](Region) and [interrupts](EventInterrupt) keep it open. When the last of all these is dropped, in whatever
/// order, and also where a panic drops them, interrupts are off and the device may no longer do DMA; then it can be opened anew.
///
/// # Examples
///
/// ```no_run
/// use ddi_dma_vfio::{Bar, BusMaster, Container, InterruptKind};
///
/// let container = Container::new()?;
/// let nvme = container.open("0000:00:03.0".parse()?)?;
/// println!("{:04x}:{:04x}", nvme.ids()?.vendor, nvme.ids()?.device);
/// nvme.reset()?;
/// let registers = nvme.region(Bar::Bar0)?;
/// let interrupts = nvme.interrupts(InterruptKind::MsiX, 2)?;
/// nvme.set_bus_master(BusMaster::On)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VfioDevice {
    opened: Arc<Opened>,
}

/// Why a device was not reset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// The device cannot be reset by itself.
    #[error(
        "{address} has no reset of its own that the kernel knows (FLR, power management, a bus to itself): quiet it by its registers"
    )]
    None {
        /// The device.
        address: PciAddress,
    },
    /// The kernel did not reset it.
    #[error("{address} was not reset: {source}")]
    System {
        /// The device.
        address: PciAddress,
        /// What the kernel says.
        source: io::Error,
    },
}

/// What VFIO hands out for a device.
pub(crate) struct Claimed(ManuallyDrop<vfio_ioctls::VfioDevice>);

/// A device in use: what regions and interrupts keep open.
pub(crate) struct Opened {
    address: PciAddress,
    config: Config,
    /// Which interrupts are on.
    enabled: Mutex<Option<InterruptKind>>,
    device: Arc<Claimed>,
    container: Container,
}

impl VfioDevice {
    /// Where it sits.
    pub fn address(&self) -> PciAddress {
        self.opened.address
    }

    /// The container it was opened in.
    pub fn container(&self) -> &Container {
        &self.opened.container
    }

    /// Who it is.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn ids(&self) -> Result<PciIds, ConfigError> {
        self.opened.config.ids(&*self.opened)
    }

    /// One of its regions, mapped as far as the kernel allows. Each call maps it anew; clones share one mapping.
    ///
    /// # Errors
    ///
    /// [`RegionError`].
    pub fn region(&self, bar: Bar) -> Result<Region, RegionError> {
        let address = self.address();
        let layout = self.opened.layout(bar).ok_or(RegionError::Absent { address, bar })?;
        Region::map(self.opened.clone(), layout).map_err(|(range, source)| RegionError::Map {
            address,
            bar,
            range,
            source,
        })
    }

    /// Turns its interrupts on: the first `count` of this kind. Those of MSI-X and MSI reach nobody before the device is
    /// [bus master](Self::set_bus_master).
    ///
    /// # Errors
    ///
    /// [`InterruptError`].
    pub fn interrupts(&self, kind: InterruptKind, count: u32) -> Result<Vec<EventInterrupt>, InterruptError> {
        self.opened.enable_interrupts(kind, count)
    }

    /// How many interrupts of this kind it has.
    pub fn interrupt_count(&self, kind: InterruptKind) -> u32 {
        self.opened.interrupt_count(kind)
    }

    /// Allows or forbids it to do DMA and to send interrupt messages.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn set_bus_master(&self, master: BusMaster) -> Result<(), ConfigError> {
        self.opened.config.set_bus_master(&*self.opened, master)
    }

    /// Whether it may do DMA.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn bus_master(&self) -> Result<BusMaster, ConfigError> {
        self.opened.config.bus_master(&*self.opened)
    }

    /// Resets it. Its DMA has ended when this returns; its registers start anew, while configuration space, bus mastering
    /// among it, is as before.
    ///
    /// # Errors
    ///
    /// [`ResetError`]. Not every device can be reset.
    pub fn reset(&self) -> Result<(), ResetError> {
        self.opened.device.reset(self.address())
    }

    /// Where one of its capabilities starts in configuration space; `None` where it does not have it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], where the device has gone.
    pub fn capability(&self, id: u8) -> Result<Option<u8>, ConfigError> {
        self.opened.config.capability(&*self.opened, id)
    }

    /// Reads 8 bits of configuration space.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_read8(&self, offset: u16) -> Result<u8, ConfigError> {
        self.opened.config.read(&*self.opened, offset)
    }

    /// Reads 16 bits of configuration space.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_read16(&self, offset: u16) -> Result<u16, ConfigError> {
        self.opened.config.read(&*self.opened, offset)
    }

    /// Reads 32 bits of configuration space.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_read32(&self, offset: u16) -> Result<u32, ConfigError> {
        self.opened.config.read(&*self.opened, offset)
    }

    /// Writes 8 bits of configuration space. The kernel keeps what is its own, such as the base addresses.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]; a value that would turn the device's memory off is refused.
    pub fn config_write8(&self, offset: u16, value: u8) -> Result<(), ConfigError> {
        self.opened.config.write(&*self.opened, offset, value)
    }

    /// Writes 16 bits of configuration space; see [`config_write8`](Self::config_write8).
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_write16(&self, offset: u16, value: u16) -> Result<(), ConfigError> {
        self.opened.config.write(&*self.opened, offset, value)
    }

    /// Writes 32 bits of configuration space; see [`config_write8`](Self::config_write8).
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn config_write32(&self, offset: u16, value: u32) -> Result<(), ConfigError> {
        self.opened.config.write(&*self.opened, offset, value)
    }
}

impl fmt::Debug for VfioDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VfioDevice").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Claimed {
    pub(crate) fn new(device: vfio_ioctls::VfioDevice) -> Self {
        Claimed(ManuallyDrop::new(device))
    }

    pub(crate) fn reset(&self, address: PciAddress) -> Result<(), ResetError> {
        let system = |source| ResetError::System { address, source };
        match kernel::has_reset(&*self.0).map_err(system)? {
            HasReset::Yes => kernel::reset(&*self.0).map_err(system),
            HasReset::No => Err(ResetError::None { address }),
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // The drop of `vfio-ioctls` looks the group up once more, and panics where the device was unplugged meanwhile. The
        // device is closed by then, so nothing is left to do.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: this is the drop, so nobody uses the device afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) }
        }));
    }
}

impl AsFd for Claimed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the device closes its file when it is dropped, and it is borrowed for as long.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }
}

impl Opened {
    /// Puts a claimed device to use.
    pub(crate) fn new(
        address: PciAddress,
        device: Arc<Claimed>,
        container: Container,
    ) -> Result<Self, ConfigError> {
        let offset = device.0.get_region_offset(VFIO_PCI_CONFIG_REGION_INDEX);
        let length = device.0.get_region_size(VFIO_PCI_CONFIG_REGION_INDEX);
        let config = Config::new(offset, length);
        config.prepare(&*device)?;
        Ok(Opened { address, config, enabled: Mutex::new(None), device, container })
    }

    pub(crate) fn into_device(self) -> VfioDevice {
        VfioDevice { opened: Arc::new(self) }
    }

    pub(crate) fn address(&self) -> PciAddress {
        self.address
    }

    pub(crate) fn interrupt_count(&self, kind: InterruptKind) -> u32 {
        self.device.0.get_irq_info(kernel::irq_index(kind)).map_or(0, |info| info.count)
    }

    pub(crate) fn enabled_interrupts(&self) -> MutexGuard<'_, Option<InterruptKind>> {
        self.enabled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a region lies; `None` where the device does not have it.
    fn layout(&self, bar: Bar) -> Option<Layout> {
        let index = match bar {
            Bar::Rom => VFIO_PCI_ROM_REGION_INDEX,
            bar => VFIO_PCI_BAR0_REGION_INDEX + bar as u32,
        };
        let device = &self.device.0;
        let (length, flags) = (device.get_region_size(index), device.get_region_flags(index));
        let areas = match flags & VFIO_REGION_INFO_FLAG_MMAP {
            0 => Vec::new(),
            _ => mappable(&device.get_region_caps(index), length),
        };
        let access = match flags & VFIO_REGION_INFO_FLAG_WRITE {
            0 => Access::ReadOnly,
            _ => Access::ReadWrite,
        };
        let offset = device.get_region_offset(index);
        (length > 0).then_some(Layout { offset, length, access, areas })
    }
}

/// Which parts of a region may be mapped: those that the kernel lists, or all of it where it lists none.
fn mappable(capabilities: &[VfioRegionInfoCap], length: u64) -> Vec<Range<u64>> {
    let sparse = capabilities.iter().find_map(|capability| match capability {
        VfioRegionInfoCap::SparseMmap(sparse) => Some(&sparse.areas),
        _ => None,
    });
    match sparse {
        Some(areas) => areas.iter().map(|area| area.offset..area.offset.saturating_add(area.size)).collect(),
        None => std::iter::once(0..length).collect(),
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.container.release(self.address, || {
            // Interrupts are off: they keep the device open. What is refused here is refused by a device that has gone.
            let _ = self.config.set_bus_master(&*self.device, BusMaster::Off);
        });
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl AsRawFd for Opened {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vfio_ioctls::{VfioRegionInfoCapSparseMmap, VfioRegionSparseMmapArea};

    #[test]
    fn only_what_the_kernel_lists_is_mapped() {
        let area = |offset, size| VfioRegionSparseMmapArea { offset, size };
        let areas = vec![area(0, 0x1000), area(0x3000, 0x1000), area(u64::MAX, 2)];
        let sparse = VfioRegionInfoCap::SparseMmap(VfioRegionInfoCapSparseMmap { areas });
        let expected = vec![0..0x1000, 0x3000..0x4000, u64::MAX..u64::MAX];
        assert_eq!(mappable(&[VfioRegionInfoCap::MsixMappable, sparse], 0x4000), expected);
        let all: Vec<_> = std::iter::once(0..0x4000).collect();
        assert_eq!(mappable(&[VfioRegionInfoCap::MsixMappable], 0x4000), all);
        assert_eq!(mappable(&[], 0x4000), all);
    }

    #[test]
    fn devices_and_their_parts_go_between_threads() {
        fn goes<T: Send + Sync + 'static>() {}
        goes::<VfioDevice>();
        goes::<Container>();
        goes::<Region>();
        goes::<EventInterrupt>();
    }
}
