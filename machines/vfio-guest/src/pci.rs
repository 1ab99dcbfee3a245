//! PCI devices as the guest's kernel shows them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ddi_dma_vfio::PciAddress;

use crate::failure::Failure;

/// All devices, in the order of their addresses.
pub fn all() -> Result<Vec<PciAddress>, Failure> {
    let mut devices = Vec::new();
    for entry in fs::read_dir("/sys/bus/pci/devices")? {
        devices.push(entry?.file_name().to_string_lossy().parse()?);
    }
    devices.sort_unstable();
    Ok(devices)
}

/// All devices of this vendor and kind.
pub fn with_id(vendor: u32, device: u32) -> Result<Vec<PciAddress>, Failure> {
    let mut found = Vec::new();
    for address in all()? {
        if number(address, "vendor")? == vendor && number(address, "device")? == device {
            found.push(address);
        }
    }
    Ok(found)
}

/// Whether a device is an IOMMU, as AMD's shows itself.
pub fn is_iommu(address: PciAddress) -> bool {
    number(address, "class").is_ok_and(|class| class >> 8 == 0x0806)
}

/// The number of a device's IOMMU group, if it has one.
pub fn group(address: PciAddress) -> Result<Option<u32>, Failure> {
    match link(address, "iommu_group")? {
        Some(number) => Ok(Some(number.parse()?)),
        None => Ok(None),
    }
}

/// A device's driver, if it has one.
pub fn driver(address: PciAddress) -> Result<Option<String>, Failure> {
    link(address, "driver")
}

/// Gives a device to a driver, and takes it from the one that has it.
pub fn bind(address: PciAddress, driver: &str) -> Result<(), Failure> {
    fs::write(path(address).join("driver_override"), driver)?;
    if self::driver(address)?.is_some() {
        fs::write(path(address).join("driver/unbind"), address.to_string())?;
    }
    fs::write("/sys/bus/pci/drivers_probe", address.to_string())?;
    let now = self::driver(address)?;
    ensure!(now.as_deref() == Some(driver), "{address} was given to {driver}, but its driver is {now:?}");
    Ok(())
}

/// Takes a device from its driver, and leaves it to nobody.
pub fn unbind(address: PciAddress) -> Result<(), Failure> {
    fs::write(path(address).join("driver_override"), "\n")?;
    Ok(fs::write(path(address).join("driver/unbind"), address.to_string())?)
}

/// Where the kernel shows a device.
fn path(address: PciAddress) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(address.to_string())
}

/// A number in one of a device's files.
fn number(address: PciAddress, file: &str) -> Result<u32, Failure> {
    let text = fs::read_to_string(path(address).join(file))?;
    Ok(u32::from_str_radix(text.trim().trim_start_matches("0x"), 16)?)
}

/// The last part of what one of a device's links leads to.
fn link(address: PciAddress, name: &str) -> Result<Option<String>, Failure> {
    match fs::read_link(path(address).join(name)) {
        Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
