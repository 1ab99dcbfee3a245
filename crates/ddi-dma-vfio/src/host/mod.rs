//! What is on this machine: its PCI devices and their IOMMU groups, the IOMMU, the kernel's modules, and what this process may
//! do; and what it takes to use a device.
//!
//! All of it is read from `/sys`, `/proc` and `/dev`, and nothing is changed or opened. What a kernel does not tell is
//! absent from the answers and no error, so that every machine can be looked at, also one that has no VFIO and no PCI.

mod class;
mod examination;
mod group;
mod hindrance;
mod huge_pages;
mod in_use;
mod iommu;
mod kernel;
mod mend;
mod modules;
mod pci;
mod process;
#[cfg(test)]
mod tests;
mod tree;

use std::path::Path;

pub use examination::{Examination, Finding, Topic, Verdict};
pub use group::{IommuGroup, Member, Protection, Stance};
pub use hindrance::Hindrance;
pub use huge_pages::HugePages;
pub use in_use::SystemUse;
pub use iommu::{InterruptRemapping, Iommu, IommuKind, IommuUnit, MachineKind};
pub use kernel::Kernel;
pub use mend::Mend;
pub use modules::{Module, ModuleState, Type1Parameters, UnsafeInterrupts};
pub use pci::{BarInfo, BarKind, Messages, PciDevice, Role};
pub use process::{Access, LockRule, LockedMemory, Process};

use tree::{Asker, Tree};

/// A machine, as its kernel shows it.
///
/// ```
/// use ddi_dma_vfio::host::Host;
///
/// let host = Host::this();
/// for device in host.pci_devices() {
///     println!("{}: {}", device.address, device.class_name());
///     host.hindrances(&device).iter().for_each(|hindrance| println!("  {hindrance}"));
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Host {
    tree: Tree,
}

impl Host {
    /// The machine that this process runs on.
    pub fn this() -> Self {
        Host { tree: Tree::new(Path::new("/"), Asker::Kernel) }
    }

    /// A machine whose `sys`, `proc`, `dev`, `lib` and `etc` are below `root`: a copy from elsewhere, or made for a test.
    ///
    /// Whether a file may be opened is told from its mode and from the process in `proc/self`.
    pub fn at(root: &Path) -> Self {
        Host { tree: Tree::new(root, Asker::Mode) }
    }
}
