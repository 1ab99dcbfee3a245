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
mod kernel;
mod open_error;
mod region;
mod sysfs;
pub mod uio;

pub use address::{ParseAddressError, PciAddress};
pub use config::{BusMaster, ConfigError, PciIds};
pub use container::Container;
pub use device::{ResetError, VfioDevice};
pub use interrupt::{EventInterrupt, InterruptError, InterruptKind};
pub use open_error::OpenError;
pub use region::{Bar, Region, RegionError};
pub use sysfs::GroupMember;
