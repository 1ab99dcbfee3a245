//! The machine that the tests run on.

use std::fs;

use ddi_dma_vfio::PciAddress;

use crate::failure::Failure;
use crate::pci;

/// QEMU's educational device.
const EDU: (u32, u32) = (0x1234, 0x11e8);

/// QEMU's NVMe controller.
const NVME: (u32, u32) = (0x1b36, 0x0010);

/// The machine that the tests run on, as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Which IOMMU it has. Below, its *driver* is vfio-pci where it has one, and uio_pci_generic where it has none.
    pub iommu: Iommu,
    /// An educational device, with its 28 address bits; it belongs to the machine's driver.
    pub edu: PciAddress,
    /// Another one, which belongs to no driver when the tests start. A test that gives it to one takes it back.
    pub free_edu: PciAddress,
    /// An NVMe controller; it belongs to the machine's driver. Its first namespace is the disk of `vfio_guest_contents`.
    pub nvme: PciAddress,
}

/// The kinds of IOMMU that a machine of QEMU has here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Iommu {
    /// Intel's VT-d, with 39 address bits.
    Intel,
    /// AMD's IOMMU.
    Amd,
    /// None: devices see memory as it lies.
    None,
}

impl Guest {
    /// Looks at the machine.
    pub fn look() -> Result<Self, Failure> {
        let edus = pci::with_id(EDU.0, EDU.1)?;
        let [edu, free_edu] = edus[..] else {
            return Err(Failure::new(format!("not two educational devices: {edus:?}")));
        };
        let nvmes = pci::with_id(NVME.0, NVME.1)?;
        let [nvme] = nvmes[..] else {
            return Err(Failure::new(format!("not one NVMe controller: {nvmes:?}")));
        };
        Ok(Guest { iommu: Iommu::look()?, edu, free_edu, nvme })
    }
}

impl Iommu {
    /// How the command line calls it.
    pub fn word(self) -> &'static str {
        match self {
            Iommu::Intel => "intel",
            Iommu::Amd => "amd",
            Iommu::None => "none",
        }
    }

    /// The kernel's driver for who drives a device from a process.
    pub fn driver(self) -> &'static str {
        match self {
            Iommu::Intel | Iommu::Amd => "vfio-pci",
            Iommu::None => "uio_pci_generic",
        }
    }

    /// Looks which one the kernel drives.
    fn look() -> Result<Self, Failure> {
        let mut names = Vec::new();
        for entry in fs::read_dir("/sys/class/iommu")? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        match &names[..] {
            [] => Ok(Iommu::None),
            [name] if name.starts_with("dmar") => Ok(Iommu::Intel),
            [name] if name.starts_with("ivhd") => Ok(Iommu::Amd),
            _ => Err(Failure::new(format!("not one IOMMU of a known kind: {names:?}"))),
        }
    }
}
