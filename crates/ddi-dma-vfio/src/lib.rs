//! Real PCI devices from Linux user space: the VFIO port of [`ddi_dma`].
//!
//! The crate is empty on other systems than Linux.
#![cfg(target_os = "linux")]

mod address;
mod config;
mod container;
mod device;
pub mod host;
mod interrupt;
mod iommu;
mod iova;
mod kernel;
mod memory;
mod nexus;
mod open_error;
mod region;
mod sysfs;
pub mod uio;

pub use address::{ParseAddressError, PciAddress};
pub use config::{BusMaster, ConfigError, PciIds};
pub use container::Container;
pub use device::{ResetError, VfioDevice};
pub use interrupt::{EventInterrupt, InterruptError, InterruptKind};
pub use iommu::{Access, Iommu, IommuError, IommuInfo, LockedMemory, Type1};
pub use memory::{
    Arena, ArenaBuffer, ArenaError, FileAccess, FileBuffer, FileBufferError, Gather, HostBuffer, VecBuffer,
};
pub use nexus::{NexusError, Usage, VfioBus, VfioNexus};
pub use open_error::OpenError;
pub use region::{Bar, Region, RegionError};
pub use sysfs::GroupMember;
