//! The DMA framework of the Solaris DDI, for device drivers in Rust.
//!
//! A driver states once what its engine can do ([`DmaAttr`]), binds memory to a [`DmaHandle`], and gets [`Cookie`]s
//! that the engine can take as they are, on every machine. The system copies what is out of reach, merges, cuts into
//! windows and lists, and keeps views of memory the same.
//!
//! ```text
//! device + DmaAttr -> DmaHandle -> bind -> Binding -> start -> InFlight -> windows -> lists -> cookies
//! ```
//!
//! # Examples
//!
//! A disk on a simulated ISA bus reaches the first 16 MiB and has no scatter/gather list; the buffer lies in pages all
//! over memory. The driver knows nothing of that:
//!
//! ```
//! use ddi_dma::{BindFlags, Bus, BusConfig, Direction, Wait};
//! use ddi_dma_sim::{BufferSpec, ISA_DISK_ATTR, Machine, MachineConfig, NexusKind, Register, csr};
//!
//! let machine = Machine::new(MachineConfig::default())?;
//! let disk = machine.device("isa-disk")?;
//! let mut buffer = machine.buffer(&BufferSpec::new(100_000))?;
//! buffer.write(99_995, b"tail.")?;
//!
//! let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
//! let handle = bus.device("isa-disk").alloc_handle(&ISA_DISK_ATTR, Wait::DontWait)?;
//! let mut flight = handle.bind(buffer, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait)?.start();
//! while let Some(window) = flight.next_window()? {
//!     for list in window.lists() {
//!         let [cookie] = list.cookies() else { unreachable!("sgllen is 1") };
//!         disk.put(Register::Block, list.offset() / 512);
//!         disk.put(Register::Address(0), cookie.address);
//!         disk.put(Register::Size(0), cookie.size - 1);
//!         disk.put(Register::Csr, csr::START_TRANSFER);
//!         machine.run();
//!     }
//! }
//! let (handle, buffer) = flight.complete().unbind();
//! # let mut tail = [0; 5];
//! # disk.read_medium(99_995, &mut tail)?;
//! # assert_eq!(&tail, b"tail.");
//! # drop((handle, buffer));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names
//!
//! Functions of the DDI are found by their old names: search these pages for `ddi_dma_getwin`.
//!
//! # Bare machines
//!
//! The crate is `no_std` and needs `alloc`. Atomics come from `portable-atomic` and locks from `spin`, so that machines
//! without 64-bit atomics can follow.

#![no_std]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod attr;
mod bind_future;
mod binding;
mod bound;
mod buf;
mod callback;
mod copy_buffer;
mod device;
mod device_io;
pub mod dmae;
mod error;
mod flags;
mod grain;
mod handle;
mod handle_limit;
mod iovec;
mod isolate;
mod lock;
mod map_space;
mod mem;
mod nexus;
mod object;
mod pages;
mod physio;
pub mod plan;
mod platform;
mod range;
mod slide;
mod space;
mod stats;
mod sync;
mod umem;
mod wait;
#[cfg(all(test, shuttle))]
mod wait_model;

pub use attr::{AttrError, AttrFlags, BurstSizes, DmaAttr};
pub use bind_future::BindFuture;
pub use binding::{Binding, InFlight};
pub use buf::{Biowait, Buf, BufKind, BufLost, DEV_BSIZE, Errno};
pub use callback::{Attempt, Callback};
pub use device::{AllocError, Bus, BusConfig, Device};
pub use device_io::{Interrupt, Raised, Registers, TimedOut};
pub use dmae::{Channel, Dmae, PortIo};
pub use error::{BindErrorKind, IsolateError, RangeError, Resource, Shortage, SyncError, WindowError};
pub use flags::{BindFlags, Direction, SyncFor};
pub use handle::{BindError, DmaHandle};
pub use iovec::{Iovec, IovecList, Uio, UioError};
pub use mem::{
    Access, AccessAttr, AccessError, AccessOrder, Endian, Iopb, MemError, MemoryPart, MemoryUse,
    PrivateMemory, Ring, Word,
};
pub use nexus::{
    Addressing, Coherence, MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory, Redzone, SlotKind,
    SyncRequest, SyncTarget,
};
pub use object::{Addresses, BusId, Cookie, DmaObject, Extent, Extents, PageList, View};
pub use pages::PageArray;
pub use physio::{
    MAXPHYS, PhysioError, PhysioErrorKind, PhysioRequest, Transferred, minphys, physio, physio_async,
    physio_on,
};
#[cfg(feature = "std")]
pub use platform::Threads;
pub use platform::{Platform, Serves, Spinning};
pub use range::AddressRange;
pub use space::{AddressSpace, LockError, UmemFlags};
pub use stats::Stats;
pub use umem::{IosetupError, LockLimit, UmemCookie, UmemError, umem_lock};
pub use wait::{MOST_PASSES, Wait};
