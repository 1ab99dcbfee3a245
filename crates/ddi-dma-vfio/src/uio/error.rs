//! Why a device could not be opened without an IOMMU, and what mends it.

use std::io;
use std::path::PathBuf;

use crate::{ConfigError, PciAddress};

/// Why a device could not be opened. Each says what is missing, and the commands that mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UioError {
    /// There is no such device.
    #[error("{address}: no PCI device is there: see what there is with `lspci -D`")]
    NoSuchDevice {
        /// Where it was looked for.
        address: PciAddress,
    },
    /// The device is behind an IOMMU that translates: physical addresses mean nothing to it.
    #[error(
        "{address} is behind an IOMMU, which translates its addresses: open it over VFIO, which also keeps it from other memory"
    )]
    Translated {
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
    /// Somebody has the device.
    #[error("{address} is in use: {} is open elsewhere (see by whom with `fuser {}`)", .file.display(), .file.display())]
    InUse {
        /// The device.
        address: PciAddress,
        /// Its file.
        file: PathBuf,
    },
    /// A file of the device cannot be opened or read.
    #[error("{address}: {}: {source}: run the program as root, or give its user this file", .file.display())]
    File {
        /// The device.
        address: PciAddress,
        /// Which file.
        file: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The device has no interrupt line.
    #[error(
        "{address} has no interrupt line (INTx), and uio_pci_generic knows no messages: poll it by its registers"
    )]
    NoInterrupt {
        /// The device.
        address: PciAddress,
    },
    /// The device does not let itself be prepared.
    #[error("{address}: {source}")]
    Config {
        /// The device.
        address: PciAddress,
        /// What failed.
        source: ConfigError,
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
        "{address} is bound to {bound}: bind it to uio_pci_generic, as root: modprobe uio_pci_generic; echo uio_pci_generic > {device}/driver_override; {unbind}echo {address} > /sys/bus/pci/drivers_probe"
    )
}
