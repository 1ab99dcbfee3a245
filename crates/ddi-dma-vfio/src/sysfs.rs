//! What the kernel tells of a PCI device: its driver, its IOMMU group, and who else is in that.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{OpenError, PciAddress};

/// The PCI devices that the kernel tells of, below `/sys` or a tree that looks like it.
#[derive(Debug)]
pub(crate) struct Sysfs {
    root: PathBuf,
}

/// A device that can be claimed, as far as the kernel tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claimable {
    pub(crate) path: PathBuf,
    pub(crate) group: u32,
}

/// A device of an IOMMU group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Where it sits.
    pub address: PciAddress,
    /// The driver it is bound to.
    pub driver: Option<String>,
}

impl Sysfs {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Sysfs { root: root.into() }
    }

    /// Looks whether a device is there, has an IOMMU group, and is bound to a driver of VFIO.
    pub(crate) fn check(&self, address: PciAddress) -> Result<Claimable, OpenError> {
        let path = self.path(address);
        if !path.exists() {
            return Err(OpenError::NoSuchDevice { address });
        }
        let group = last_name(&path.join("iommu_group")).and_then(|group| group.parse().ok());
        let group = group.ok_or(OpenError::NoIommuGroup { address })?;
        match self.driver(address) {
            Some(driver) if is_vfio(&driver) => Ok(Claimable { path, group }),
            driver => Err(OpenError::OtherDriver { address, driver }),
        }
    }

    /// Who shares a device's group and is in the way: bound to a driver that is not VFIO's, nor harmless.
    pub(crate) fn company(&self, address: PciAddress) -> Vec<GroupMember> {
        let members = fs::read_dir(self.path(address).join("iommu_group/devices"));
        let addresses = members
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut company: Vec<_> = addresses
            .filter(|other| *other != address)
            .map(|address| GroupMember { address, driver: self.driver(address) })
            .filter(|member| member.driver.as_deref().is_some_and(is_in_the_way))
            .collect();
        company.sort_by_key(|member| member.address);
        company
    }

    fn driver(&self, address: PciAddress) -> Option<String> {
        last_name(&self.path(address).join("driver"))
    }

    fn path(&self, address: PciAddress) -> PathBuf {
        self.root.join("bus/pci/devices").join(address.to_string())
    }
}

/// The last name of what a link leads to.
fn last_name(link: &Path) -> Option<String> {
    Some(fs::read_link(link).ok()?.file_name()?.to_str()?.to_owned())
}

/// VFIO's own driver, or one of those for particular devices, such as mlx5_vfio_pci.
fn is_vfio(driver: &str) -> bool {
    driver.replace('_', "-").contains("vfio-pci")
}

/// Whether a driver keeps its device's group from user space: all do but VFIO's, the stub, and that of PCI bridges.
fn is_in_the_way(driver: &str) -> bool {
    !is_vfio(driver) && !["pci-stub", "pcieport"].contains(&driver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A tree with devices of these drivers, all in group 7.
    fn tree(devices: &[(&str, Option<&str>)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("kernel/iommu_groups/7/devices");
        fs::create_dir_all(&group).unwrap();
        for (address, driver) in devices {
            let device = root.path().join("bus/pci/devices").join(address);
            fs::create_dir_all(&device).unwrap();
            symlink(root.path().join("kernel/iommu_groups/7"), device.join("iommu_group")).unwrap();
            symlink(&device, group.join(address)).unwrap();
            if let Some(driver) = driver {
                symlink(Path::new("../drivers").join(driver), device.join("driver")).unwrap();
            }
        }
        root
    }

    #[test]
    fn a_device_of_vfio_can_be_claimed() {
        for driver in ["vfio-pci", "mlx5_vfio_pci"] {
            let root = tree(&[("0000:00:03.0", Some(driver))]);
            let claimable = Sysfs::new(root.path()).check("00:03.0".parse().unwrap()).unwrap();
            assert_eq!(claimable.group, 7);
            assert!(claimable.path.ends_with("bus/pci/devices/0000:00:03.0"));
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_told() {
        let root = tree(&[]);
        let error = Sysfs::new(root.path()).check("00:03.0".parse().unwrap()).unwrap_err();
        assert!(matches!(error, OpenError::NoSuchDevice { .. }));
        assert!(error.to_string().contains("lspci -D"), "{error}");
    }

    #[test]
    fn without_a_group_the_mend_is_to_turn_the_iommu_on() {
        let root = tree(&[("0000:00:03.0", Some("vfio-pci"))]);
        fs::remove_file(root.path().join("bus/pci/devices/0000:00:03.0/iommu_group")).unwrap();
        let error = Sysfs::new(root.path()).check("00:03.0".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("intel_iommu=on") && error.contains("firmware"), "{error}");
    }

    #[test]
    fn another_driver_is_named_with_the_commands_that_bind_vfio() {
        let root = tree(&[("0000:00:03.0", Some("nvme")), ("0000:00:04.0", None)]);
        let sysfs = Sysfs::new(root.path());
        let bound = sysfs.check("00:03.0".parse().unwrap()).unwrap_err().to_string();
        assert!(bound.contains("0000:00:03.0 is bound to the driver nvme"), "{bound}");
        for command in [
            "modprobe vfio-pci",
            "echo vfio-pci > /sys/bus/pci/devices/0000:00:03.0/driver_override",
            "echo 0000:00:03.0 > /sys/bus/pci/devices/0000:00:03.0/driver/unbind",
            "echo 0000:00:03.0 > /sys/bus/pci/drivers_probe",
        ] {
            assert!(bound.contains(command), "{command}: {bound}");
        }
        let free = sysfs.check("00:04.0".parse().unwrap()).unwrap_err().to_string();
        assert!(free.contains("0000:00:04.0 is bound to no driver"), "{free}");
        assert!(!free.contains("/unbind"), "{free}");
    }

    #[test]
    fn company_is_who_is_in_the_way() {
        let root = tree(&[
            ("0000:00:1f.3", Some("snd_hda_intel")),
            ("0000:00:1f.0", Some("vfio-pci")),
            ("0000:00:1f.2", Some("ahci")),
            ("0000:00:1f.4", None),
            ("0000:00:1f.5", Some("pci-stub")),
            ("0000:00:1f.6", Some("pcieport")),
        ]);
        let address = "00:1f.0".parse().unwrap();
        let company = Sysfs::new(root.path()).company(address);
        let error = OpenError::GroupNotViable { address, group: 7, company }.to_string();
        assert!(error.contains("0000:00:1f.2 (ahci), 0000:00:1f.3 (snd_hda_intel)"), "{error}");
    }
}
