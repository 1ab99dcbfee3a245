//! The arguments of `transfer` that are for real devices.

use clap::Args;
use ddi_dma_vfio::{ParseAddressError, PciAddress};

use crate::number;

/// What is said of a device that is not simulated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Real devices")]
pub(crate) struct RealArgs {
    /// Which device, and how it is reached: vfio:ADDRESS, behind an IOMMU, or uio:ADDRESS, where there is none; see
    /// `ddi-dma devices`
    #[arg(long, value_name = "NEXUS", requires = "lba", conflicts_with_all = SIMULATED)]
    pub(crate) nexus: Option<NexusChoice>,

    /// The first block to write
    #[arg(long, value_name = "BLOCK", value_parser = number::parse, requires = "nexus")]
    pub(crate) lba: Option<u64>,

    /// The namespace whose blocks they are [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = namespace, requires = "nexus")]
    pub(crate) namespace: Option<u32>,

    /// Write, whatever the blocks hold; without it the program only tells what it would overwrite
    #[arg(long, requires = "nexus")]
    pub(crate) overwrite: bool,

    /// Let the device reach all of memory, the kernel's among it, which uio:ADDRESS takes: nothing stands between
    #[arg(long, requires = "nexus")]
    pub(crate) no_iommu: bool,
}

/// What makes sense with simulated machines alone.
const SIMULATED: [&str; 11] = [
    "list_devices",
    "parallel",
    "wait",
    "memory",
    "seed",
    "dvma",
    "flags",
    "layout",
    "page_size",
    "iommu",
    "scratch",
];

/// A device that is not simulated, and how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NexusChoice {
    /// Over VFIO, behind an IOMMU.
    Vfio(PciAddress),
    /// Over uio_pci_generic, without an IOMMU.
    Uio(PciAddress),
}

impl NexusChoice {
    /// The device's address.
    pub(crate) fn address(self) -> PciAddress {
        match self {
            NexusChoice::Vfio(address) | NexusChoice::Uio(address) => address,
        }
    }
}

impl std::fmt::Display for NexusChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NexusChoice::Vfio(address) => write!(f, "vfio:{address}"),
            NexusChoice::Uio(address) => write!(f, "uio:{address}"),
        }
    }
}

impl std::str::FromStr for NexusChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (make, address): (fn(PciAddress) -> NexusChoice, _) = match text.split_once(':') {
            Some(("vfio", address)) => (NexusChoice::Vfio, address),
            Some(("uio", address)) => (NexusChoice::Uio, address),
            _ => {
                return Err(format!(
                    "`{text}` is no nexus: write vfio:0000:00:03.0, with an address of `ddi-dma devices`"
                ));
            }
        };
        address.parse().map(make).map_err(|error: ParseAddressError| error.to_string())
    }
}

fn namespace(text: &str) -> Result<u32, String> {
    // The last number stands for all namespaces.
    number::count(text, 1, u64::from(u32::MAX) - 1).map(|number| number as u32)
}
