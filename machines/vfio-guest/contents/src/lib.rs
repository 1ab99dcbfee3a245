//! What the guest of `machines/vfio-guest` is made of: its kernel modules, its disk, the words that start it and the codes
//! that end it.
//!
//! The guest and `cargo xtask vfio-guest` share it: the one lays it out, the other finds it.
#![forbid(unsafe_code)]

mod disk;
mod outcome;

pub use disk::{BLOCK, DISK_BLOCKS, SERIAL, block};
pub use outcome::Outcome;

/// The kernel modules of VFIO, in the order in which they are inserted.
pub const VFIO_MODULES: [&str; 5] = ["irqbypass", "vfio_virqfd", "vfio", "vfio_iommu_type1", "vfio-pci-core"];

/// The modules of drivers, inserted last; those of `uio` are for a machine without an IOMMU.
pub const DRIVER_MODULES: [&str; 3] = ["vfio-pci", "uio", "uio_pci_generic"];

/// The word of the command line before the kind of IOMMU that the machine has, `intel` or `amd`.
pub const MACHINE: &str = "machine=";

/// The word of the command line before a test's name, or how it begins; none means all tests.
pub const TEST: &str = "test=";
