//! Real PCI devices from Linux user space: the VFIO port of [`ddi_dma`].
//!
//! A [`Container`] opens devices by their addresses. A [`VfioDevice`] has regions, which are a driver's
//! [`Registers`](ddi_dma::Registers), and interrupts, which are its [`Interrupt`](ddi_dma::Interrupt). The container's
//! [`VfioNexus`] maps memory of the process for its devices, behind the machine's IOMMU, so a device reaches what is bound
//! and nothing else.
//!
//! ```no_run
//! use ddi_dma::{BindFlags, BusConfig, Direction, DmaAttr, Wait};
//! use ddi_dma_vfio::{Bar, BusMaster, Container, HostBuffer, InterruptKind};
//!
//! let container = Container::new()?;
//! let disk = container.open("0000:00:03.0".parse()?)?;
//! let registers = disk.region(Bar::Bar0)?;
//! let interrupts = disk.interrupts(InterruptKind::MsiX, 2)?;
//! let bus = container.nexus()?.bus(BusConfig::default());
//! let handle = bus.device("disk").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::Sleep)?;
//! disk.set_bus_master(BusMaster::On)?;
//!
//! let buffer = HostBuffer::new(0x1_0000)?;
//! let binding = handle.bind(buffer, Direction::FromDevice, BindFlags::empty(), Wait::Sleep)?;
//! // The driver starts the binding, gives its cookies to the device, and waits for the interrupt.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What opening a device takes, and what mends it where it is missing, is what [`host`] tells, and the program
//! `ddi-dma doctor`. Where there is no IOMMU, [`uio`] is the other way, which is unsafe by nature.
//!
//! All parts of a device keep it open and may be dropped in any order. At the end, and also where a panic brings it about, its
//! interrupts are off and it does no DMA.
//!
//! The crate is empty on other systems than Linux.
#![cfg(target_os = "linux")]

mod address;
mod claim;
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
