#![doc = "The Solaris DDI DMA model for device drivers."]
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod attr;
mod binding;
mod bound;
mod copy_buffer;
mod device;
mod error;
mod flags;
mod handle;
mod nexus;
mod object;
pub mod plan;
mod stats;
mod sync;

pub use attr::{AttrError, AttrFlags, BurstSizes, DmaAttr};
pub use binding::{Binding, InFlight};
pub use device::{AllocError, Bus, BusConfig, Device};
pub use error::{BindErrorKind, RangeError, Resource, Shortage, SyncError, WindowError};
pub use flags::{BindFlags, Direction, SyncFor, Wait};
pub use handle::{BindError, DmaHandle};
pub use nexus::{
    Addressing, Coherence, MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory, SyncRequest,
    SyncTarget,
};
pub use object::{Cookie, DmaObject, Extent, PageList, View};
pub use stats::Stats;
