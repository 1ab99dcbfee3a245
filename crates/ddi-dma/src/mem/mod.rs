//! Private memory: allocated for a handle, shared with its device, and always fit to be bound to it.

mod access;
mod block;
mod fit;
mod part;
mod pool;
mod ring;

use alloc::sync::Arc;
use core::fmt;
use core::ptr::NonNull;

pub use access::{Access, AccessAttr, AccessError, AccessOrder, Endian, Word};
use block::Block;
pub use part::MemoryPart;
pub(crate) use pool::MemoryPool;
pub use ring::{Iopb, Ring};

use crate::device::BusShared;
use crate::error::{RangeError, Shortage};
use crate::nexus::{MemRequest, NexusMemory};
use crate::object::{Addresses, BusId, DmaObject, Extent, View};
use crate::plan::{Budget, Engine, Lists, Plan, Sliding};
use crate::wait::{Patience, Refusal, Ticket};

/// How device and CPU use private memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoryUse {
    /// In small pieces, in no order, at the same time: rings, I/O parameter blocks (`DDI_DMA_CONSISTENT`). Padded only as
    /// far as the smallest cookie asks for.
    Consistent,
    /// In order, in blocks, one after the other: buffers (`DDI_DMA_STREAMING`). Padded to whole cache lines and whole
    /// granules where the engine takes them.
    Streaming,
}

/// Why private memory could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemError {
    /// No bytes were asked for.
    #[error("no bytes were asked for")]
    Empty,
    /// The engine takes no such length in one list as it lies. More is not to be had by waiting.
    #[error("{length} bytes do not go in one list of one run: {member} allows {most} at most")]
    Limits {
        /// Bytes asked for.
        length: u64,
        /// The member of the merged attributes that allows least.
        member: &'static str,
        /// The greatest length that would go, in bytes; 0 where none does.
        most: u64,
    },
    /// Memory is short now (`DDI_DMA_NORESOURCES`): who waits gets it when others give theirs back.
    #[error(transparent)]
    NoResources(#[from] Shortage),
    /// Memory is short for good: nothing is out that could be given back, so that nobody waits for it.
    #[error("{0}; nothing is in use that could come back: ask for less, or give the machine more")]
    Unobtainable(Shortage),
    /// The nexus gave memory that is not what it was asked for.
    #[error("the nexus gave {size} bytes at bus address {address:#x}, which is not what it was asked for")]
    Misplaced {
        /// Bus address of the memory.
        address: u64,
        /// Its bytes.
        size: u64,
    },
}

impl MemError {
    /// What is short, now or for good.
    pub fn shortage(&self) -> Option<Shortage> {
        match self {
            MemError::NoResources(shortage) | MemError::Unobtainable(shortage) => Some(*shortage),
            _ => None,
        }
    }
}

impl From<Refusal> for MemError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Later(shortage) => MemError::NoResources(shortage),
            Refusal::Never(shortage) => MemError::Unobtainable(shortage),
        }
    }
}

/// Memory that was allocated for a handle, and always binds to it: in one list, without copying.
///
/// It is a memory object like any other: bind it, and the device reaches it until it is unbound; drop a transfer in
/// flight, and its memory is kept from use. What is different is that the CPU may go on to use it meanwhile, through an
/// [`Access`].
///
/// Dropping it frees it (`ddi_dma_mem_free(9F)`), but not as long as a binding holds it or an [`Access`] is left.
///
/// See *Writing Device Drivers*, section "Allocating Private DMA Buffers"; this is its example 9-3:
///
/// # Examples
///
/// ```
/// use ddi_dma::{AccessAttr, BindFlags, Bus, BusConfig, Direction, DmaHandle, MemoryUse, PrivateMemory, Wait};
/// use ddi_dma_sim::{ISA_DISK_ATTR, Machine, MachineConfig, NexusKind};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
/// let iopb_handle: DmaHandle<PrivateMemory> =
///     bus.device("isa-disk").alloc_handle(&ISA_DISK_ATTR, Wait::DontWait)?;
/// let iopb = iopb_handle.alloc_memory(64, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)?;
/// let access = iopb.access();
/// let mut flight =
///     iopb_handle.bind(iopb, Direction::Both, BindFlags::CONSISTENT, Wait::DontWait)?.start();
/// access.put32(0, 0x600D)?; // while the device may read it
/// let window = flight.next_window()?.expect("a binding has a window");
/// assert_eq!(window.list_count(), 1);
/// # let (_, _) = flight.complete().unbind();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ddi_dma_mem_free")]
pub struct PrivateMemory {
    block: Arc<Block>,
    usage: MemoryUse,
    attr: AccessAttr,
    bus: BusId,
}

impl PrivateMemory {
    /// Bytes that can be used and are bound: at least what was asked for (`real_length`).
    pub fn real_length(&self) -> u64 {
        self.block.length()
    }

    /// Where the CPU finds the first byte; the others follow it. Code that is not Rust works with the address: a driver in
    /// C.
    ///
    /// The memory is there until the value, every binding of it and every [`Access`] are gone. Device and CPU share it:
    /// whoever reads or writes through the address does so by raw, volatile accesses, and makes no reference.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.block.memory().cpu
    }

    /// How it is used.
    pub fn memory_use(&self) -> MemoryUse {
        self.usage
    }

    /// A way to the bytes, before, while and after the memory is bound.
    ///
    /// Whether the device sees what is written, and the CPU what the device wrote, is a matter of sync, as for any
    /// object; on coherent machines it is at once.
    pub fn access(&self) -> Access {
        Access::new(self.block.clone(), self.attr)
    }
}

impl PrivateMemory {
    /// A part of the memory as an object of its own: bound by itself, or several at once, overlapping or not.
    ///
    /// The memory is freed when it, all its parts and every [`Access`] are gone. A part that starts at an address that the
    /// engine's attributes forbid goes through the copy buffer, as any object does.
    ///
    /// # Errors
    ///
    /// [`RangeError`] where the memory does not have all these bytes.
    ///
    /// # Examples
    ///
    /// A driver gives each half of its memory to the device in turn:
    ///
    /// ```
    /// use ddi_dma::{AccessAttr, BindFlags, Bus, BusConfig, Direction, DmaHandle, MemoryPart, MemoryUse, Wait};
    /// use ddi_dma_sim::{ISA_DISK_ATTR, Machine, MachineConfig, NexusKind};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
    /// let handle: DmaHandle<MemoryPart> = bus.device("isa-disk").alloc_handle(&ISA_DISK_ATTR, Wait::DontWait)?;
    /// let memory = handle.alloc_memory(8192, MemoryUse::Streaming, AccessAttr::default(), Wait::DontWait)?;
    /// let half = memory.part(4096, 4096)?;
    /// let binding = handle.bind(half, Direction::Both, BindFlags::empty(), Wait::DontWait)?;
    /// # let (_, _) = binding.unbind();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn part(&self, offset: u64, length: u64) -> Result<MemoryPart, RangeError> {
        RangeError::check(offset, length, self.real_length())?;
        Ok(MemoryPart::new(self.block.clone(), self.bus, offset, length))
    }
}

impl fmt::Debug for PrivateMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateMemory")
            .field("real_length", &self.real_length())
            .field("memory_use", &self.usage)
            .field("attr", &self.attr)
            .finish()
    }
}

// SAFETY: the block shows one extent that never changes, of memory that is its own until it is dropped; no reference into
// it exists; the block's copies touch the bytes named alone.
unsafe impl DmaObject for PrivateMemory {
    #[inline]
    fn view(&self) -> View<'_> {
        View::Extents(core::slice::from_ref(self.block.extent()))
    }

    #[inline]
    fn addresses(&self) -> Addresses {
        Addresses::Bus(self.bus)
    }

    fn nexus_memory(&self) -> Option<(&NexusMemory, u64)> {
        Some((self.block.memory(), 0))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's duties are the same.
        unsafe { self.block.copy_out(offset, to, length) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller's duties are the same.
        unsafe { self.block.copy_in(offset, from, length) }
    }
}

/// What is asked of [`allocate`].
pub(crate) struct Request {
    pub(crate) length: u64,
    pub(crate) usage: MemoryUse,
    pub(crate) attr: AccessAttr,
}

/// Allocates memory for an engine on a bus, and makes sure that it binds as it lies.
pub(crate) fn allocate(
    bus: &Arc<BusShared>,
    id: BusId,
    engine: &Engine,
    request: &Request,
    patience: Patience<'_>,
    ticket: &mut Option<Ticket>,
) -> Result<PrivateMemory, MemError> {
    let attr = engine.attr();
    let fit = fit::fit(request.length, request.usage, attr, bus.info.page_size)?;
    let asked = MemRequest { size: fit.size, align: attr.align, seg: attr.seg, attr };
    let take = |pool: &mut MemoryPool| pool.take(&asked, &bus.copy_buffer);
    let memory = bus
        .memory
        .obtain(fit.size, patience, ticket, take)
        .inspect_err(|refusal| bus.ledger.count_shortage(&refusal.shortage()))?;
    // SAFETY: the pool has just given the memory, here alone.
    let block = unsafe { Block::new(memory, fit.real_length, bus.clone()) };
    if block.length() < fit.real_length || !goes_as_it_lies(block.extent(), engine) {
        return Err(MemError::Misplaced { address: memory.bus, size: memory.size });
    }
    Ok(PrivateMemory { block: Arc::new(block), usage: request.usage, attr: request.attr, bus: id })
}

/// Whether a run goes in one list without copying.
fn goes_as_it_lies(extent: &Extent, engine: &Engine) -> bool {
    let (mut plan, view) = (Plan::new(), View::Extents(core::slice::from_ref(extent)));
    let nothing = Budget::contiguous(0);
    plan.make(view, engine, nothing, Sliding::No, Lists::One).is_ok() && plan.copied_bytes() == 0
}
