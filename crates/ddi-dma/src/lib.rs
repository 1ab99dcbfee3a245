#![doc = "The Solaris DDI DMA model for device drivers."]
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod attr;
mod error;
mod flags;
mod nexus;
mod object;
pub mod plan;

pub use attr::{AttrError, AttrFlags, BurstSizes, DmaAttr};
pub use error::{BindErrorKind, Resource, Shortage, SyncError, WindowError};
pub use flags::{BindFlags, Direction, SyncFor, Wait};
pub use nexus::{
    Addressing, Coherence, MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory, SyncRequest,
    SyncTarget,
};
pub use object::{Cookie, DmaObject, Extent, PageList, View};
