//! The arguments of `devices` and `doctor`.

use std::path::PathBuf;

use clap::Args;
use ddi_dma_vfio::PciAddress;

use super::Format;

/// List the devices there are: simulated ones with their attributes, and this machine's PCI devices
///
/// Of each PCI device it tells driver, IOMMU group and who else is in it, regions, interrupts and ways to reset it, what
/// the system does with it now, and the commands that make it ready for a driver over VFIO. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = DEVICES_EXAMPLES)]
pub(crate) struct DevicesArgs {
    /// Only the PCI devices at these addresses, such as 0000:00:03.0
    #[arg(value_name = "ADDRESS")]
    pub(crate) addresses: Vec<PciAddress>,

    /// Look at another machine, whose sys, proc, dev, lib and etc were copied below DIRECTORY
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) root: Option<PathBuf>,

    /// Print a JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

const DEVICES_EXAMPLES: &str = "\
Examples:
  ddi-dma devices
  ddi-dma devices 0000:00:03.0
      one device, and the commands that make it ready
  ddi-dma devices --json | jq -r '.pci[] | select(.usable) | .address'

Lines with $ are commands for a shell, in the order in which they are needed; lines with - say what no command does.
They take a device away from the system: see what it does with it first.";

/// Tell whether drivers can have PCI devices here, over VFIO, and what mends what is missing
///
/// Looks at the kernel, the IOMMU, its modules, the groups of devices and who else is in them, the limit on locked memory,
/// huge pages and permissions. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Look at another machine, whose sys, proc, dev, lib and etc were copied below DIRECTORY
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) root: Option<PathBuf>,

    /// Print a JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  ddi-dma doctor
  ddi-dma doctor --json | jq -r '.findings[] | select(.verdict == \"bad\") | .mends[].command // empty'
      the commands alone

Each line has a verdict: ok, limited (VFIO works, but slowly or with less) or bad (it does not work before this is mended).
Below it, lines with $ are commands for a shell; lines with - say what no command does.

Exit status: 0 where VFIO can be used now, with the devices that the last line names; 1 where it cannot.";

impl DevicesArgs {
    /// How the devices are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl DoctorArgs {
    /// How the findings are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}
