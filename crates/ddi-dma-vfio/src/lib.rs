//! Real PCI devices from Linux user space: the VFIO port of [`ddi_dma`].
//!
//! The crate is empty on other systems than Linux.
#![cfg(target_os = "linux")]

mod address;

pub use address::{ParseAddressError, PciAddress};
