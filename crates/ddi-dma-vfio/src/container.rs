//! A container: devices that share one IOMMU domain.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use vfio_ioctls::VfioError;

use crate::claim::{claimable, not_permitted, not_viable};
use crate::device::{Claimed, Opened};
use crate::host::Host;
use crate::{ConfigError, NexusError, OpenError, PciAddress, ResetError, Type1, VfioDevice, VfioNexus};

/// A container of VFIO: one IOMMU domain, which all devices share that are opened in it. Clones are the same container.
///
/// What is mapped for one of its devices is mapped for all of them. Devices that are not to reach each other's memory are
/// opened in containers of their own, which takes IOMMU groups of their own.
///
/// The process keeps a device that was opened, with the rest of its IOMMU group, until the container goes: with the last of
/// its clones, its devices and their parts, and its nexus. So the nexus and what is mapped outlive any device, and a device can be
/// dropped and opened anew.
///
/// # Examples
///
/// ```no_run
/// use ddi_dma_vfio::Container;
///
/// let container = Container::new()?;
/// let disk = container.open("0000:00:03.0".parse()?)?;
/// let network = container.open("0000:00:04.0".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Container {
    shared: Arc<Shared>,
}

struct Shared {
    /// The devices that were opened. They are closed ahead of the container.
    devices: Mutex<BTreeMap<PciAddress, Kept>>,
    /// The nexus, while somebody has it: two would hand out the same I/O addresses.
    nexus: Mutex<Weak<VfioNexus>>,
    vfio: Arc<vfio_ioctls::VfioContainer>,
}

/// A device that is kept.
struct Kept {
    device: Arc<Claimed>,
    usage: Usage,
}

/// Whether a kept device is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    Open,
    Idle,
}

impl Container {
    /// A container without devices.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoVfio`], [`OpenError::Container`], [`OpenError::NoType1`]. Each says what mends it.
    pub fn new() -> Result<Self, OpenError> {
        let vfio = vfio_ioctls::VfioContainer::new(None).map_err(|error| match error {
            VfioError::OpenContainer(source) => why_no_container(source),
            _ => OpenError::NoType1,
        })?;
        let (devices, nexus) = (Mutex::default(), Mutex::default());
        Ok(Container { shared: Arc::new(Shared { devices, nexus, vfio: Arc::new(vfio) }) })
    }

    /// Opens a device; its IOMMU group joins the container. A device that was open before is reset, where it can be.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. Each says what is missing, and what mends it.
    pub fn open(&self, address: PciAddress) -> Result<VfioDevice, OpenError> {
        let mut devices = self.devices();
        let device = match devices.entry(address) {
            Entry::Occupied(kept) if kept.get().usage == Usage::Open => {
                return Err(OpenError::InUse { address });
            }
            Entry::Occupied(kept) => {
                let device = kept.get().device.clone();
                anew(address, &device)?;
                device
            }
            Entry::Vacant(place) => {
                let device = Arc::new(self.claim(address)?);
                self.refresh_nexus()?;
                place.insert(Kept { device: device.clone(), usage: Usage::Idle });
                device
            }
        };
        let opened =
            Opened::new(address, device, self.clone()).map_err(|error| unanswered(address, error))?;
        if let Some(kept) = devices.get_mut(&address) {
            kept.usage = Usage::Open;
        }
        drop(devices);
        Ok(opened.into_device())
    }

    /// The nexus that maps memory for the container's devices. While somebody has it, it is the same for all.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoDevice`] before a device was opened, [`OpenError::Nexus`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ddi_dma::BusConfig;
    /// use ddi_dma_vfio::Container;
    ///
    /// let container = Container::new()?;
    /// let disk = container.open("0000:00:03.0".parse()?)?;
    /// let bus = container.nexus()?.bus(BusConfig::default());
    /// let device = bus.device("disk");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nexus(&self) -> Result<Arc<VfioNexus>, OpenError> {
        if self.devices().is_empty() {
            return Err(OpenError::NoDevice);
        }
        let mut shared = self.shared.nexus.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nexus) = shared.upgrade() {
            return Ok(nexus);
        }
        let nexus = Arc::new(VfioNexus::new(Type1::new(self.clone()))?);
        *shared = Arc::downgrade(&nexus);
        Ok(nexus)
    }

    /// Has the nexus forget I/O addresses that a device which joined does not have.
    fn refresh_nexus(&self) -> Result<(), OpenError> {
        let nexus = self.shared.nexus.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        nexus.map_or(Ok(()), |nexus| Ok(nexus.refresh().map_err(NexusError::Info)?))
    }

    /// Takes a device from the kernel.
    fn claim(&self, address: PciAddress) -> Result<Claimed, OpenError> {
        let group = claimable(&Host::this(), address)?;
        let path = PathBuf::from(format!("/sys/bus/pci/devices/{address}"));
        let device = vfio_ioctls::VfioDevice::new(&path, self.shared.vfio.clone(), false);
        device.map(Claimed::new).map_err(|error| match error {
            VfioError::OpenGroup(source, _) => why_no_group(address, group.number, source),
            VfioError::GroupViable => not_viable(address, &group),
            VfioError::ContainerSetIOMMU(error)
                if io::Error::from(error).kind() == io::ErrorKind::PermissionDenied =>
            {
                not_permitted(address, &group)
            }
            source => OpenError::Vfio { address, source },
        })
    }

    /// Leaves a device that was opened, after `quiet` has been called.
    pub(crate) fn release(&self, address: PciAddress, quiet: impl FnOnce()) {
        let mut devices = self.devices();
        quiet();
        if let Some(kept) = devices.get_mut(&address) {
            kept.usage = Usage::Idle;
        }
    }

    fn devices(&self) -> MutexGuard<'_, BTreeMap<PciAddress, Kept>> {
        self.shared.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRawFd for Container {
    fn as_raw_fd(&self) -> RawFd {
        self.shared.vfio.as_raw_fd()
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices: Vec<_> =
            self.devices().iter().map(|(address, kept)| (address.to_string(), kept.usage)).collect();
        f.debug_struct("Container").field("devices", &devices).finish_non_exhaustive()
    }
}

/// Takes what the last user left from a device.
fn anew(address: PciAddress, device: &Claimed) -> Result<(), OpenError> {
    match device.reset(address) {
        // Its next driver finds it as it was left, as on any machine.
        Ok(()) | Err(ResetError::None { .. }) => Ok(()),
        Err(ResetError::System { source, .. }) => Err(OpenError::Config { address, source }),
    }
}

fn unanswered(address: PciAddress, error: ConfigError) -> OpenError {
    OpenError::Config { address, source: io::Error::other(error) }
}

fn why_no_container(source: io::Error) -> OpenError {
    match source.raw_os_error() {
        // The name is there without the module where udev made it beforehand.
        Some(error) if [NO_ENTRY, NO_DEVICE].contains(&error) => OpenError::NoVfio,
        _ => OpenError::Container { source },
    }
}

fn why_no_group(address: PciAddress, group: u32, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::PermissionDenied => OpenError::GroupPermission { address, group },
        io::ErrorKind::ResourceBusy => OpenError::GroupInUse { address, group },
        _ => OpenError::Group { address, group, source },
    }
}

const NO_ENTRY: i32 = rustix::io::Errno::NOENT.raw_os_error();
const NO_DEVICE: i32 = rustix::io::Errno::NODEV.raw_os_error();

#[cfg(test)]
mod tests {
    use super::*;

    fn system(errno: rustix::io::Errno) -> io::Error {
        io::Error::from(errno)
    }

    #[test]
    fn without_vfio_the_module_is_named() {
        for errno in [rustix::io::Errno::NOENT, rustix::io::Errno::NODEV] {
            let error = why_no_container(system(errno)).to_string();
            assert!(error.contains("/dev/vfio/vfio") && error.contains("modprobe vfio-pci"), "{error}");
        }
        let error = why_no_container(system(rustix::io::Errno::ACCESS)).to_string();
        assert!(error.contains("chmod 0666 /dev/vfio/vfio"), "{error}");
    }

    #[test]
    fn a_container_on_this_machine_is_there_or_says_what_is_missing() {
        match Container::new() {
            Ok(container) => {
                assert!(format!("{container:?}").contains("devices: []"));
                assert!(matches!(container.nexus(), Err(OpenError::NoDevice)));
            }
            Err(error @ (OpenError::NoVfio | OpenError::Container { .. } | OpenError::NoType1)) => {
                assert!(error.to_string().contains("as root, "), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_group_that_is_not_given_says_how_to_get_it() {
        let address = "00:03.0".parse().unwrap();
        let denied = why_no_group(address, 12, system(rustix::io::Errno::ACCESS)).to_string();
        assert!(denied.contains("chown $USER /dev/vfio/12") && denied.contains("udev"), "{denied}");
        let busy = why_no_group(address, 12, system(rustix::io::Errno::BUSY)).to_string();
        assert!(busy.contains("fuser /dev/vfio/12"), "{busy}");
        let missing = why_no_group(address, 12, system(rustix::io::Errno::NOENT)).to_string();
        assert!(missing.contains("0000:00:03.0: /dev/vfio/12: "), "{missing}");
    }
}
