//! The nexus: what a port to a new machine writes.

use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::NonNull;

use crate::attr::DmaAttr;
use crate::error::Shortage;
use crate::flags::{Direction, SyncFor};
use crate::object::{Extent, View};

/// What a nexus is, told once.
#[derive(Debug, Clone, Copy)]
pub struct NexusInfo {
    /// Limits of its own, merged into those of every device on it.
    pub limits: DmaAttr,
    /// Which addresses its devices use.
    pub addressing: Addressing,
    /// Whether devices and CPU see the same memory without help.
    pub coherence: Coherence,
    /// Page size of the machine in bytes, a power of two.
    pub page_size: u64,
}

/// What a slot of a bus lets its device do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// A device there can have the bus, and so do DMA.
    Master,
    /// A device there is only ever addressed: DMA is not possible.
    SlaveOnly,
}

/// Which addresses the devices of a nexus use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// Physical ones: bus address = the address that an object shows. The nexus is not called to map.
    Physical,
    /// Virtual ones, mapped by the nexus. `FORCE_PHYSICAL` is refused.
    Virtual,
    /// Virtual ones, or physical ones for a device that has `FORCE_PHYSICAL`.
    Either,
}

/// Whether devices and CPU see the same memory without help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coherence {
    /// They do: [`Nexus::sync`] is never called.
    Coherent,
    /// Caches or buffers lie between: [`Nexus::sync`] is called wherever a view changes.
    NeedsSync,
}

/// An object to be mapped.
#[derive(Debug, Clone, Copy)]
pub struct MapRequest<'a> {
    /// The object.
    pub view: View<'a>,
    /// The merged attributes of the device: bus addresses lie within addr_lo..=addr_hi.
    pub attr: &'a DmaAttr,
    /// Which way the bytes go, and so what the device may do.
    pub direction: Direction,
    /// Whether nothing is mapped right behind the object.
    pub redzone: Redzone,
}

/// Whether nothing is mapped right behind an object (`DDI_DMA_REDZONE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Redzone {
    /// Whatever comes behind it.
    No,
    /// An unmapped page: a device that runs on past the object meets a fault.
    Yes,
}

/// A mapping of a nexus: whatever it needs to find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MapId(pub u64);

/// Memory for the copy buffer, or private memory.
#[derive(Debug, Clone, Copy)]
pub struct MemRequest<'a> {
    /// Bytes, a multiple of the page size.
    pub size: u64,
    /// The bus address starts at a multiple of this power of two.
    pub align: u64,
    /// The memory crosses no multiple of this plus one, unless it starts at one.
    pub seg: u64,
    /// The merged attributes of the device that asks: addr_lo..=addr_hi holds all bytes.
    pub attr: &'a DmaAttr,
}

/// Memory that CPU and devices reach, contiguous for both.
#[derive(Debug, Clone, Copy)]
pub struct NexusMemory {
    /// Where the CPU finds it.
    pub cpu: NonNull<u8>,
    /// Where devices find it: a bus address.
    pub bus: u64,
    /// Bytes.
    pub size: u64,
    /// Whatever the nexus needs to find it again.
    pub id: MapId,
}

// SAFETY: this only names memory; whoever accesses it through `cpu` argues for itself.
unsafe impl Send for NexusMemory {}
// SAFETY: as above.
unsafe impl Sync for NexusMemory {}

/// A part of a bound object whose views are to be made the same.
#[derive(Debug, Clone, Copy)]
pub struct SyncRequest<'a> {
    /// What is bound: the object, or the copy run that stands in for a part of it.
    pub what: SyncTarget<'a>,
    /// For whom.
    pub sync_for: SyncFor,
    /// Which way the bytes go.
    pub direction: Direction,
}

/// What a [`SyncRequest`] names.
#[derive(Debug, Clone, Copy)]
pub enum SyncTarget<'a> {
    /// Bytes of an object, counted from its start, and the object's mapping if it has one.
    Object {
        /// Where the object lies.
        view: View<'a>,
        /// Which of its bytes.
        range: (u64, u64),
        /// The mapping, where the nexus made one.
        map: Option<MapId>,
    },
    /// Bytes of memory that [`Nexus::alloc`] gave, counted from its start.
    Memory {
        /// The memory.
        memory: &'a NexusMemory,
        /// Which of its bytes.
        range: (u64, u64),
    },
}

impl SyncTarget<'_> {
    /// The bytes named.
    pub fn range(&self) -> Range<u64> {
        match self {
            SyncTarget::Object { range, .. } | SyncTarget::Memory { range, .. } => range.0..range.1,
        }
    }
}

/// A bus above DMA devices: merges its limits into theirs, translates, maps, syncs.
///
/// A nexus that only passes physical addresses on writes [`info`](Self::info), [`alloc`](Self::alloc) and
/// [`free`](Self::free); it is not called when objects are bound.
///
/// # Implementation safety
///
/// - What [`info`](Self::info) says stays true for the life of the nexus.
/// - [`map`](Self::map) lets devices reach exactly the object's bytes (whole pages of them where the hardware knows no
///   less) at the extents that it returns, in object order, until [`unmap`](Self::unmap); after `unmap` returns, no
///   device reaches them.
/// - [`alloc`](Self::alloc) returns memory that nobody else uses, valid for reads and writes until
///   [`free`](Self::free), at bus addresses as requested; where addresses are virtual, no device reaches it after `free`
///   returns.
/// - [`sync`](Self::sync) changes no byte but those of the range, and those that a device itself wrote.
pub unsafe trait Nexus: Send + Sync + 'static {
    /// Tells what the nexus is.
    fn info(&self) -> NexusInfo;

    /// Tells what a slot lets its device do. Most buses have no slots in which DMA is not possible.
    fn slot(&self, _slot: u32) -> SlotKind {
        SlotKind::Master
    }

    /// Maps an object for a device; writes where the device finds it to `bus`.
    ///
    /// Only called where [`Addressing`] says that there are virtual addresses.
    ///
    /// # Errors
    ///
    /// The [`Shortage`] of map space, with nothing mapped.
    fn map(&self, request: &MapRequest<'_>, bus: &mut Vec<Extent>) -> Result<MapId, Shortage>;

    /// Takes a mapping away.
    ///
    /// # Safety
    ///
    /// `map` came from [`map`](Self::map) of this nexus and was not unmapped since.
    unsafe fn unmap(&self, map: MapId);

    /// Makes the CPU's and the devices' views of some bytes the same.
    fn sync(&self, request: &SyncRequest<'_>);

    /// Allocates contiguous memory that CPU and devices reach.
    ///
    /// # Errors
    ///
    /// The [`Shortage`] of memory, with nothing allocated.
    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage>;

    /// Takes memory back.
    ///
    /// # Safety
    ///
    /// `memory` came from [`alloc`](Self::alloc) of this nexus, was not freed since, and the CPU does not use it; neither does a
    /// device, where addresses are physical.
    unsafe fn free(&self, memory: NexusMemory);
}
