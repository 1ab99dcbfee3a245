//! Why a device could not be opened, and what mends it.

use std::fmt::{self, Write};
use std::io;

use crate::PciAddress;
use crate::host::Member;

/// Why a container or a device could not be opened. Each says what is missing, and the commands that mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// VFIO is not there.
    #[error(
        "/dev/vfio/vfio is not there, so VFIO is not loaded: as root, modprobe vfio-pci (a kernel with CONFIG_VFIO_PCI)"
    )]
    NoVfio,
    /// The container may not be opened.
    #[error(
        "/dev/vfio/vfio: {source}: as root, chmod 0666 /dev/vfio/vfio (alone it gives no access to any device)"
    )]
    Container {
        /// What the kernel says.
        source: io::Error,
    },
    /// The kernel's VFIO is not the one known here.
    #[error(
        "VFIO has no IOMMUs of type 1, version 2: as root, modprobe vfio_iommu_type1 (a kernel since 3.16)"
    )]
    NoType1,
    /// There is no such device.
    #[error("{address}: no PCI device is there: see what there is with `lspci -D`")]
    NoSuchDevice {
        /// Where it was looked for.
        address: PciAddress,
    },
    /// The device is behind no IOMMU.
    #[error(
        "{address} has no IOMMU group, so nothing translates its addresses: turn the IOMMU on in the firmware (VT-d, AMD-Vi, SMMU) and in the kernel (boot with intel_iommu=on; AMD's needs no word)"
    )]
    NoIommuGroup {
        /// The device.
        address: PciAddress,
    },
    /// The device is bound to another driver, or to none.
    #[error("{}", other_driver(*.address, .driver.as_deref()))]
    OtherDriver {
        /// The device.
        address: PciAddress,
        /// Its driver.
        driver: Option<String>,
    },
    /// The caller may not open the device's group.
    #[error(
        "{address}: /dev/vfio/{group}: permission denied: as root, chown $USER /dev/vfio/{group}, or for good a udev rule: SUBSYSTEM==\"vfio\", KERNEL==\"{group}\", OWNER=\"$USER\""
    )]
    GroupPermission {
        /// The device.
        address: PciAddress,
        /// Its IOMMU group.
        group: u32,
    },
    /// Somebody has the group.
    #[error(
        "{address}: its IOMMU group {group} is in use: by another container, or by another process (see which with `fuser /dev/vfio/{group}`)"
    )]
    GroupInUse {
        /// The device.
        address: PciAddress,
        /// Its IOMMU group.
        group: u32,
    },
    /// The group has devices that other drivers use.
    #[error("{}", not_viable(*.address, *.group, .company))]
    GroupNotViable {
        /// The device.
        address: PciAddress,
        /// Its IOMMU group.
        group: u32,
        /// Who else is in it and in the way.
        company: Vec<Member>,
    },
    /// The group could not be opened for another reason.
    #[error("{address}: /dev/vfio/{group}: {source}: is /dev filled (devtmpfs, udev)?")]
    Group {
        /// The device.
        address: PciAddress,
        /// Its IOMMU group.
        group: u32,
        /// What the kernel says.
        source: io::Error,
    },
    /// The IOMMU does not keep interrupts apart.
    #[error(
        "{address}: this machine's IOMMU does not translate interrupts, so a device can send any interrupt to the machine. Where its driver is trusted, as root: modprobe -r vfio_iommu_type1; modprobe vfio_iommu_type1 allow_unsafe_interrupts=1"
    )]
    UnsafeInterrupts {
        /// The device.
        address: PciAddress,
    },
    /// The firmware wants the device to reach memory of its own.
    #[error(
        "{address}: the firmware keeps memory {first:#x}..={last:#x} for the device, so the kernel does not give it away: look for a setting of the firmware (USB keyboards, remote consoles), or take another device"
    )]
    FirmwareMemory {
        /// The device.
        address: PciAddress,
        /// First address of the memory.
        first: u64,
        /// Its last address.
        last: u64,
    },
    /// The device is open.
    #[error(
        "{address} is open in this container: drop that device, its regions and its interrupts before opening it anew"
    )]
    InUse {
        /// The device.
        address: PciAddress,
    },
    /// No device of the container is open.
    #[error("the container has no IOMMU before the first device is opened: open one first")]
    NoDevice,
    /// The container's IOMMU cannot be used.
    #[error(transparent)]
    Nexus(#[from] crate::NexusError),
    /// The kernel refuses for another reason.
    #[error("{address}: VFIO does not open it: {source}")]
    Vfio {
        /// The device.
        address: PciAddress,
        /// What failed.
        source: vfio_ioctls::VfioError,
    },
    /// The device does not let itself be prepared.
    #[error("{address}: its configuration space does not answer: {source}")]
    Config {
        /// The device.
        address: PciAddress,
        /// What failed.
        source: io::Error,
    },
}

fn other_driver(address: PciAddress, driver: Option<&str>) -> String {
    let device = format!("/sys/bus/pci/devices/{address}");
    let (bound, unbind) = match driver {
        Some(driver) => {
            (format!("the driver {driver}"), format!("echo {address} > {device}/driver/unbind; "))
        }
        None => ("no driver".to_owned(), String::new()),
    };
    format!(
        "{address} is bound to {bound}: bind it to vfio-pci, as root: modprobe vfio-pci; echo vfio-pci > {device}/driver_override; {unbind}echo {address} > /sys/bus/pci/drivers_probe"
    )
}

fn not_viable(address: PciAddress, group: u32, company: &[Member]) -> String {
    let mut text = format!("{address}: its IOMMU group {group} is shared with devices that the kernel uses");
    for (number, Member { name, driver, .. }) in company.iter().enumerate() {
        let lead = if number == 0 { ": " } else { ", " };
        let driver = driver.as_deref().unwrap_or("no driver");
        // Writing to a string does not fail.
        let _: fmt::Result = write!(text, "{lead}{name} ({driver})");
    }
    text + ": unbind all of them from their drivers, or bind them to vfio-pci too"
}
