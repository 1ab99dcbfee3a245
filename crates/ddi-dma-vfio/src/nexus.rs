//! The nexus of VFIO: memory of the process, mapped for devices behind an IOMMU.

mod bus;
mod layout;
mod place;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ddi_dma::{
    Addressing, Coherence, Direction, DmaAttr, Extent, MapId, MapRequest, MemRequest, Nexus, NexusInfo,
    NexusMemory, Redzone, Resource, Shortage, SyncRequest, View,
};

pub use bus::VfioBus;
use layout::Layout;
use place::{Place, Segment};

use crate::iommu::{Access, Iommu, IommuInfo};
use crate::iova::{END, IovaSpace};
use crate::memory::pages::{HUGE, Pages, page_size};

/// What a [`VfioNexus`] has mapped now. All but the limit is 0 once nothing is bound or allocated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Maps of the IOMMU.
    pub maps: u64,
    /// How many there may be; `u64::MAX` where the kernel does not tell.
    pub most_maps: u64,
    /// Bytes that are mapped, which is what is locked.
    pub mapped_bytes: u64,
    /// Bytes of I/O addresses that are taken: those, and the pages behind them that stay unmapped.
    pub iova_bytes: u64,
}

/// The nexus of VFIO: maps memory of the process for the devices of one container.
///
/// An object becomes one range of I/O addresses, however scattered it lies, where its parts start and end at pages; else
/// as few as can be. What the direction does not ask for the device is not permitted to do. Memory that is mapped
/// beforehand binds without a system call: private memory ([`DmaHandle::alloc_memory`](ddi_dma::DmaHandle::alloc_memory)),
/// the copy buffer, and what comes from an [`Arena`](crate::Arena).
///
/// Running out of I/O addresses, of maps, or of memory that may be locked is a shortage like any other. Its figures are
/// bytes, whatever is short: those of the largest window that would go.
///
/// # Examples
///
/// ```no_run
/// use ddi_dma::{BusConfig, BindFlags, Direction, DmaAttr, Wait};
/// use ddi_dma_vfio::{HostBuffer, Type1, VfioNexus};
/// # fn container() -> std::fs::File { unreachable!() }
///
/// let nexus = std::sync::Arc::new(VfioNexus::new(Type1::new(container()))?);
/// let bus = nexus.bus(BusConfig::default());
/// let handle = bus.device("nvme").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
/// let binding = handle.bind(HostBuffer::new(0x10_0000)?, Direction::FromDevice, BindFlags::empty(), Wait::Sleep)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VfioNexus {
    iommu: Box<dyn Iommu>,
    page: u64,
    most_maps: u64,
    limits: DmaAttr,
    state: Mutex<State>,
}

/// # Invariants
///
/// What `mapped` and `memory` name is mapped, and taken from `space`.
struct State {
    space: IovaSpace,
    usage: Usage,
    /// Objects, by their first I/O address.
    mapped: HashMap<u64, Held>,
    /// Memory that was allocated, by its first I/O address.
    memory: HashMap<u64, (Pages, Held)>,
}

/// What a mapping takes.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Bytes that are mapped.
    size: u64,
    /// Bytes behind them that are not.
    behind: u64,
    maps: u64,
}

/// Why there is no nexus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NexusError {
    /// The kernel does not tell what the IOMMU can do.
    #[error("the IOMMU does not tell what it can do: is a device of the container open?")]
    Info(#[from] io::Error),
    /// There are no I/O addresses.
    #[error("the IOMMU allows no I/O addresses at all")]
    NoAddresses,
}

impl VfioNexus {
    /// Puts an IOMMU to use, of which nobody else fills the tables.
    ///
    /// # Errors
    ///
    /// [`NexusError`].
    pub fn new(iommu: impl Iommu) -> Result<Self, NexusError> {
        let info = iommu.info()?;
        // The kernel works in its own pages, even where the IOMMU has smaller ones.
        let page = page_size().max(info.page_sizes & info.page_sizes.wrapping_neg());
        let ranges = usable(&info, page);
        let first = ranges.iter().map(|range| *range.start()).min().ok_or(NexusError::NoAddresses)?;
        let last = ranges.iter().map(|range| *range.end()).max().ok_or(NexusError::NoAddresses)?;
        let limits = DmaAttr { addr_lo: first, addr_hi: last, ..DmaAttr::UNRESTRICTED };
        let state = State {
            space: IovaSpace::new(&ranges, page),
            usage: Usage::default(),
            mapped: HashMap::new(),
            memory: HashMap::new(),
        };
        let most_maps = info.most_maps.unwrap_or(u64::MAX);
        Ok(VfioNexus { iommu: Box::new(iommu), page, most_maps, limits, state: Mutex::new(state) })
    }

    /// What is mapped now.
    pub fn usage(&self) -> Usage {
        Usage { most_maps: self.most_maps, ..self.state().usage }
    }

    /// Asks the IOMMU again which I/O addresses are allowed: with another device in the container there may be fewer.
    ///
    /// What is mapped stays so. Addresses that are no longer allowed are not handed out again.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn refresh(&self) -> io::Result<()> {
        let ranges = usable(&self.iommu.info()?, self.page);
        self.state().space.restrict(&ranges);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ranges that are allowed, without page 0, whose address stands for "none" with many devices.
fn usable(info: &IommuInfo, page: u64) -> Vec<std::ops::RangeInclusive<u64>> {
    let whole = |range: &std::ops::RangeInclusive<u64>| {
        let start = (*range.start()).max(page).checked_next_multiple_of(page)?;
        let end = range.end().saturating_add(1).min(END);
        let end = end - end % page;
        (start < end).then(|| start..=end - 1)
    };
    info.ranges.iter().filter_map(whole).collect()
}

// SAFETY: `info` never changes. `map` maps the pages of the object and no others, at addresses that nothing else has,
// with the permissions of the direction, until `unmap` has seen the IOMMU take them away. Memory from `alloc` is mapped
// pages of its own, at such addresses, too, and unmapped before it is freed. `sync` touches nothing.
unsafe impl Nexus for VfioNexus {
    fn info(&self) -> NexusInfo {
        NexusInfo {
            limits: self.limits,
            addressing: Addressing::Virtual,
            coherence: Coherence::Coherent,
            page_size: self.page,
        }
    }

    fn map(&self, request: &MapRequest<'_>, bus: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        let asked = request.view.length().unwrap_or(u64::MAX);
        let Some(layout) = Layout::of(request.view, self.page) else {
            // Addresses that no process has.
            return Err(Shortage { resource: Resource::Memory, asked, free: 0, largest: 0 });
        };
        let behind = match request.redzone {
            Redzone::No => 0,
            Redzone::Yes => self.page,
        };
        // Where the object starts in the middle of a page, nothing aligns it further.
        let align = if layout.offset() == 0 { request.attr.align } else { self.page };
        let (attr, access) = (request.attr, Access::from(request.direction));
        let place = Place { attr, align, seg: attr.seg, segment: Segment::Wished, behind, access };
        let base =
            self.insert(&layout, &place).map_err(|refusal| self.shortage(refusal, asked, &layout, &place))?;
        let held = Held { size: layout.size, behind, maps: layout.runs.len() as u64 };
        self.state().mapped.insert(base, held);
        layout.extents(base, bus);
        Ok(MapId(base))
    }

    unsafe fn unmap(&self, map: MapId) {
        let held = self.state().mapped.remove(&map.0);
        if let Some(held) = held {
            self.remove(map.0, held);
        }
    }

    fn sync(&self, _request: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        let short = |_| Shortage { resource: Resource::Memory, asked: request.size, free: 0, largest: 0 };
        let size = request.size.max(1).checked_next_multiple_of(self.page).ok_or(()).map_err(short)?;
        let align = if size >= HUGE { HUGE } else { self.page };
        let pages = Pages::anonymous(size, align).map_err(|_| short(()))?;
        let extent = [Extent { address: pages.address(), size }];
        let layout = Layout::of(View::Extents(&extent), self.page).ok_or(()).map_err(short)?;
        let place = Place {
            attr: request.attr,
            align: request.align,
            seg: request.seg,
            segment: Segment::Kept,
            behind: 0,
            access: Access::from(Direction::Both),
        };
        let base =
            self.insert(&layout, &place).map_err(|refusal| self.shortage(refusal, size, &layout, &place))?;
        let memory = NexusMemory { cpu: pages.start(), bus: base, size, id: MapId(base) };
        self.state().memory.insert(base, (pages, Held { size, behind: 0, maps: 1 }));
        Ok(memory)
    }

    unsafe fn free(&self, memory: NexusMemory) {
        let freed = self.state().memory.remove(&memory.id.0);
        if let Some((pages, held)) = freed {
            self.remove(memory.id.0, held);
            // Only now: no device reaches them any more.
            drop(pages);
        }
    }
}

impl fmt::Debug for VfioNexus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VfioNexus").field("limits", &self.limits).field("usage", &self.usage()).finish()
    }
}
