//! Simulated machines for ddi-dma: DMA drivers proved without the hardware.
//!
//! A [`Machine`] has sparse physical memory, [`Buffer`]s that are contiguous for the CPU and in pages for everybody
//! else, an ISA, a PCI and an SBus nexus (PCI with an IOMMU or without, SBus with a streaming cache too), and disks
//! ([`DEVICES`]) and network devices ([`ETHERS`]) that move bytes only by bus address through their nexus. Behind
//! [`IsaPorts`] it has two 8237As, and what they move bytes for: a [`FloppyController`] and a [`SoundCard`]. An address
//! that nothing answers is a [`BusFault`], reported by the device, never a quiet success. All that looks random comes
//! from one seed. A [`DeviceName`] says a device and its machine in a line: `sim:pci-disk?seed=7`.
//!
//! Objects are buffers, parts of buffers that several have ([`SharedBuffer`]), memory of simulated processes
//! ([`UserSpace`]), files ([`MappedFile`]), and memory of the process that the machine is part of ([`Machine::lend`]).
//! The registers of a device are reached by name, or as a block of bytes on a bus ([`Disk::load`]).
//!
//! # Examples
//!
//! A driver without a framework gives the engine a physical address:
//!
//! ```
//! use ddi_dma_sim::{BufferSpec, Machine, MachineConfig, Placement, Register, csr};
//!
//! let machine = Machine::new(MachineConfig::default())?;
//! let disk = machine.device("isa-disk")?;
//! disk.write_medium(3 * 512, b"the third sector")?;
//!
//! let buffer = machine.buffer(&BufferSpec::new(512).placement(Placement::BELOW_16M))?;
//! disk.put(Register::Block, 3);
//! disk.put(Register::Address(0), buffer.pages()[0]);
//! disk.put(Register::Size(0), 512 - 1);
//! disk.put(Register::Csr, csr::START_TRANSFER | csr::ENABLE_INTERRUPTS | csr::TO_MEMORY);
//! machine.run();
//! assert!(disk.interrupting());
//! assert_eq!(buffer.to_vec()[..16], *b"the third sector");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod disk;
mod driver;
mod ether;
mod file;
mod floppy;
mod frame;
mod isa_dma;
mod machine;
mod memory;
mod name;
mod nexus;
mod number;
mod ports;
mod raw;
mod register_block;
mod sound;
mod user;

pub use config::{
    Backing, ConfigError, Iommu, MachineConfig, MediumConfig, PageSize, Patience, Physical, SbusConfig,
    StreamingCache, memory_map,
};
pub use disk::{
    DEVICES, DeviceSpec, Disk, EngineSpec, EntryKind, ErrorCode, ISA_DISK_ATTR, ISA_MASTER, ISA_SG_DISK_ATTR,
    Injection, LATCH_DISK_ATTR, NexusKind, PCI_DISK_ATTR, PCI64_DISK_ATTR, Register, SBUS_DISK_ATTR, SECTOR,
    Stepped, csr,
};
pub use driver::{AttachError, DiskDriver, Explain, Interrupt, Report, TransferError, TransferErrorKind};
pub use ether::{
    ETHERS, Ether, EtherDriver, EtherError, EtherErrorCode, EtherErrorKind, EtherRegister, EtherSpec,
    FRAME_MOST, SBUS_ETHER_ATTR, ether_csr,
};
pub use file::{MapFileError, MappedFile};
pub use floppy::{
    DataRate, FLOPPIES, Flaw, FloppyController, FloppyDisk, FloppyGeometry, FloppyInjection, FloppySpec,
    NoPortsLeft, WriteProtection,
};
pub use isa_dma::DmaChannel;
pub use machine::{Machine, UnknownDevice};
pub use memory::{
    Buffer, BufferPart, BufferSpec, Fragmentation, Hole, Lent, Memory, MemoryError, Placement, SharedBuffer,
};
pub use name::{
    Contradiction, DeviceName, DeviceOptions, IommuSwitch, Model, NameError, OptionError, OptionKey, Refusal,
};
pub use nexus::{
    BusCounters, BusFault, DeviceAccess, DeviceBus, FaultKind, IsaNexus, PciNexus, SbusNexus, StreamCounters,
};
pub use number::{NumberError, parse_number};
pub use ports::{IsaPorts, PortAccess};
pub use raw::RawDisk;
pub use register_block::AccessWidth;
pub use sound::{Channels, Coding, SOUND_BASE, SOUND_KEPT, SoundCard, SoundFormat, SoundStep, SoundStop};
pub use user::{Protection, UserSpace};
