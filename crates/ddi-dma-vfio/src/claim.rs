//! Whether a device can be taken from the kernel.

use crate::host::{Host, IommuGroup, Protection};
use crate::{OpenError, PciAddress};

/// Looks whether a device is there, behind an IOMMU, and bound to a driver of VFIO; tells its group.
pub(crate) fn claimable(host: &Host, address: PciAddress) -> Result<IommuGroup, OpenError> {
    let device = host.pci_device(address).ok_or(OpenError::NoSuchDevice { address })?;
    let group = device.group.and_then(|group| host.group(group));
    let group = group.filter(|group| group.protection == Protection::Translated);
    let group = group.ok_or(OpenError::NoIommuGroup { address })?;
    if device.is_given() { Ok(group) } else { Err(OpenError::OtherDriver { address, driver: device.driver }) }
}

/// What a group that the kernel does not give away says: who else is in it.
pub(crate) fn not_viable(address: PciAddress, group: &IommuGroup) -> OpenError {
    let company = group.company(address).cloned().collect();
    OpenError::GroupNotViable { address, group: group.number, company }
}

/// What it means that the kernel refuses the IOMMU to a group: one of two things that it does not tell apart.
pub(crate) fn not_permitted(address: PciAddress, group: &IommuGroup) -> OpenError {
    match group.firmware_memory.first() {
        Some(&(first, last)) => OpenError::FirmwareMemory { address, first, last },
        None => OpenError::UnsafeInterrupts { address },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// A tree with devices of these drivers, all in group 7.
    fn tree(devices: &[(&str, Option<&str>)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let sys = root.path().join("sys");
        let group = sys.join("kernel/iommu_groups/7/devices");
        fs::create_dir_all(&group).unwrap();
        for (address, driver) in devices {
            let device = sys.join("bus/pci/devices").join(address);
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("vendor"), "0x1234\n").unwrap();
            fs::write(device.join("device"), "0x11e8\n").unwrap();
            symlink("../../../../kernel/iommu_groups/7", device.join("iommu_group")).unwrap();
            symlink(format!("../../../../bus/pci/devices/{address}"), group.join(address)).unwrap();
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
            let group = claimable(&Host::at(root.path()), "00:03.0".parse().unwrap()).unwrap();
            assert_eq!(group.number, 7);
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_told() {
        let root = tree(&[]);
        let error = claimable(&Host::at(root.path()), "00:03.0".parse().unwrap()).unwrap_err();
        assert!(matches!(error, OpenError::NoSuchDevice { .. }));
        assert!(error.to_string().contains("lspci -D"), "{error}");
    }

    #[test]
    fn without_a_group_the_mend_is_to_turn_the_iommu_on() {
        let root = tree(&[("0000:00:03.0", Some("vfio-pci"))]);
        fs::remove_file(root.path().join("sys/bus/pci/devices/0000:00:03.0/iommu_group")).unwrap();
        let error = claimable(&Host::at(root.path()), "00:03.0".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("intel_iommu=on") && error.contains("firmware"), "{error}");
    }

    #[test]
    fn another_driver_is_named_with_the_commands_that_bind_vfio() {
        let root = tree(&[("0000:00:03.0", Some("nvme")), ("0000:00:04.0", None)]);
        let host = Host::at(root.path());
        let bound = claimable(&host, "00:03.0".parse().unwrap()).unwrap_err().to_string();
        assert!(bound.contains("0000:00:03.0 is bound to the driver nvme"), "{bound}");
        for command in [
            "modprobe vfio-pci",
            "echo vfio-pci > /sys/bus/pci/devices/0000:00:03.0/driver_override",
            "echo 0000:00:03.0 > /sys/bus/pci/devices/0000:00:03.0/driver/unbind",
            "echo 0000:00:03.0 > /sys/bus/pci/drivers_probe",
        ] {
            assert!(bound.contains(command), "{command}: {bound}");
        }
        let free = claimable(&host, "00:04.0".parse().unwrap()).unwrap_err().to_string();
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
        let group = claimable(&Host::at(root.path()), address).unwrap();
        let error = not_viable(address, &group).to_string();
        assert!(error.contains("0000:00:1f.2 (ahci), 0000:00:1f.3 (snd_hda_intel)"), "{error}");
    }

    #[test]
    fn a_group_of_vfio_without_an_iommu_is_none() {
        let root = tree(&[("0000:00:03.0", Some("vfio-pci"))]);
        fs::write(root.path().join("sys/kernel/iommu_groups/7/name"), "vfio-noiommu\n").unwrap();
        let error = claimable(&Host::at(root.path()), "00:03.0".parse().unwrap()).unwrap_err();
        assert!(matches!(error, OpenError::NoIommuGroup { .. }));
    }

    #[test]
    fn what_the_firmware_keeps_for_itself_is_told_apart_from_interrupts() {
        let root = tree(&[("0000:00:03.0", Some("vfio-pci"))]);
        let (host, address) = (Host::at(root.path()), "00:03.0".parse().unwrap());
        let error = not_permitted(address, &claimable(&host, address).unwrap()).to_string();
        assert!(error.contains("allow_unsafe_interrupts=1"), "{error}");
        let reserved = "0x00000000bddde000 0x00000000bddfffff direct\n";
        fs::write(root.path().join("sys/kernel/iommu_groups/7/reserved_regions"), reserved).unwrap();
        let error = not_permitted(address, &claimable(&host, address).unwrap()).to_string();
        assert!(error.contains("0xbddde000..=0xbddfffff"), "{error}");
    }
}
