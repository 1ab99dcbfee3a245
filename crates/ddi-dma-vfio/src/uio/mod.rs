//! Devices on machines without an IOMMU, through `uio_pci_generic`.
//!
//! Nothing translates here: a device uses physical addresses and **reaches all memory**. So a device is opened by an
//! `unsafe` call, [`UioDevice::open`], whose contract says what its caller vouches for. Where there is an IOMMU, use VFIO.
//!
//! - [`PhysicalNexus`] and [`PhysicalBus`]: physical addresses as cookies, and a pool of huge pages for the copy buffer
//!   and for private memory, low enough for devices of 24, 28 or 32 address lines.
//! - [`LockedBuffer`]: memory that goes as it lies.
//! - [`UioDevice`]: registers, configuration space, the interrupt line ([`UioInterrupt`]), an orderly end.
//!
//! What it takes: root or CAP_SYS_ADMIN (physical addresses, files of `/sys`), huge pages, and the module
//! `uio_pci_generic` with the device bound to it; the errors say how.

mod buffer;
mod bus;
mod device;
mod error;
mod files;
mod interrupt;
mod low;
mod nexus;
mod pages;
mod physical;
mod pool;

pub use buffer::LockedBuffer;
pub use bus::PhysicalBus;
pub use device::UioDevice;
pub use error::UioError;
pub use interrupt::UioInterrupt;
pub use low::LowMemoryError;
pub use nexus::{PhysicalNexus, PoolConfig, PoolError};
pub use pages::{LockError, PageKind};
pub use physical::TranslateError;
