//! Errors that carry the values, so that they can be understood without a debugger.

use core::fmt;

use crate::flags::{Direction, SyncFor};
use crate::plan::{PlanError, TooBig};
use crate::wait::Refusal;

/// What a nexus has a limited amount of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Reachable memory that stands in for bytes that an engine cannot reach.
    CopyBuffer,
    /// I/O addresses behind an IOMMU.
    MapSpace,
    /// Private memory.
    Memory,
    /// Handles, where a bus limits them.
    Handles,
    /// Maps of an IOMMU, of which the kernel allows a process so many.
    IommuMaps,
    /// Memory that a process may lock.
    LockedMemory,
    /// A channel of the system's DMA engine, of which each is there once.
    DmaChannel(u8),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::CopyBuffer => f.write_str("copy buffer"),
            Resource::MapSpace => f.write_str("map space"),
            Resource::Memory => f.write_str("memory"),
            Resource::Handles => f.write_str("handles"),
            Resource::IommuMaps => {
                f.write_str("IOMMU maps (raise the parameter dma_entry_limit of the module vfio_iommu_type1)")
            }
            Resource::LockedMemory => f.write_str("locked memory (raise the limit: ulimit -l)"),
            Resource::DmaChannel(number) => write!(f, "DMA channel {number}"),
        }
    }
}

/// A resource that is short now (`DDI_DMA_NORESOURCES`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{resource}: {asked} asked, {free} free, the largest piece {largest}")]
pub struct Shortage {
    /// What is short.
    pub resource: Resource,
    /// How much was asked for: bytes, or pieces of what has no bytes.
    pub asked: u64,
    /// How much is free in all.
    pub free: u64,
    /// The largest piece that could be had.
    pub largest: u64,
}

/// Why an object could not be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindErrorKind {
    /// Two flags contradict each other.
    #[error("CONSISTENT and STREAMING exclude each other: say how the device uses the object")]
    Flags,
    /// The object does not permit a transfer this way: see [`DmaObject::permits`](crate::DmaObject::permits).
    #[error("the object does not permit a transfer {direction:?}")]
    Direction {
        /// Which way the bytes were to go.
        direction: Direction,
    },
    /// The object has no bytes, or not enough (`DDI_DMA_TOOSMALL`), or lies nowhere that can be mapped
    /// (`DDI_DMA_NOMAPPING`).
    #[error(transparent)]
    Object(PlanError),
    /// The device cannot be kept from other bytes: ISOLATE was asked for, and there is no IOMMU, or the object is part of
    /// memory that is mapped already.
    #[error("{0}")]
    Isolate(IsolateError),
    /// The object's addresses are those of another bus, or of the other kind that this bus has.
    #[error(
        "the memory was allocated on another bus, whose addresses mean nothing on this one: allocate it with a handle of this bus"
    )]
    ForeignMemory,
    /// The object needs more than the caller allows (`DDI_DMA_TOOBIG`).
    #[error(transparent)]
    TooBig(TooBig),
    /// A resource is short now (`DDI_DMA_NORESOURCES`): who waits gets it when others give theirs back.
    #[error(transparent)]
    NoResources(#[from] Shortage),
    /// A resource is short for good: nothing is out that could be given back, so that nobody waits for it.
    #[error(
        "{0}; nothing is in use that could come back: ask for less, bind with PARTIAL, or give the bus more"
    )]
    Unobtainable(Shortage),
}

impl BindErrorKind {
    /// What is short, now or for good.
    pub fn shortage(&self) -> Option<Shortage> {
        match self {
            BindErrorKind::NoResources(shortage) | BindErrorKind::Unobtainable(shortage) => Some(*shortage),
            _ => None,
        }
    }
}

impl From<Refusal> for BindErrorKind {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Later(shortage) => BindErrorKind::NoResources(shortage),
            Refusal::Never(shortage) => BindErrorKind::Unobtainable(shortage),
        }
    }
}

/// Why a device cannot be kept from other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsolateError {
    /// The bus passes physical addresses on.
    #[error(
        "ISOLATE: nothing translates this device's addresses, so it reaches all memory: bind without the flag"
    )]
    NoIommu,
    /// The object is part of memory that is mapped as a whole.
    #[error(
        "ISOLATE: the object is part of memory that the device reaches as a whole: bind memory of another kind"
    )]
    MappedAlready,
}

impl From<PlanError> for BindErrorKind {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::TooBig(big) => BindErrorKind::TooBig(big),
            other => BindErrorKind::Object(other),
        }
    }
}

/// Why a sync was refused. Nothing was synchronised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The range is not inside the current window.
    #[error("bytes {from:#x}..{to:#x} are not inside the current window, {window_from:#x}..{window_to:#x}")]
    Range {
        /// First byte.
        from: u64,
        /// Behind the last byte.
        to: u64,
        /// First byte of the window.
        window_from: u64,
        /// Behind its last byte.
        window_to: u64,
    },
    /// The bytes do not go that way.
    #[error("a sync for {sync_for:?} makes no sense for a binding {direction:?}")]
    Direction {
        /// What the sync was for.
        sync_for: SyncFor,
        /// How the object is bound.
        direction: Direction,
    },
}

/// Why a window could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// There is none of this number. The current window stays.
    #[error("window {index} does not exist: the object has windows 0..{count}")]
    NoSuchWindow {
        /// The number asked for.
        index: usize,
        /// How many windows there are.
        count: usize,
    },
    /// What the window needs is not there now. No window is current; ask again later.
    #[error("window {index} cannot be mapped now: {reason}")]
    NotMapped {
        /// The number asked for.
        index: usize,
        /// What is missing.
        reason: BindErrorKind,
    },
}

/// An access outside an object. Nothing was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes at offset {offset:#x} are not inside the object, which has {object}")]
pub struct RangeError {
    /// Where the access starts in the object.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// Bytes of the object.
    pub object: u64,
}

impl RangeError {
    /// `length`, where so many bytes at `offset` lie inside an object of `object` bytes.
    pub(crate) fn check(offset: u64, length: u64, object: u64) -> Result<u64, RangeError> {
        match offset.checked_add(length) {
            Some(end) if end <= object => Ok(length),
            _ => Err(RangeError { offset, length, object }),
        }
    }
}
