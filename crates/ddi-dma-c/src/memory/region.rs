//! Memory that came from this library, by its addresses.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use ddi_dma::{Addresses, DmaObject, NexusMemory, PageList, PrivateMemory, View};
use ddi_dma_sim::{BufferPart, SharedBuffer};

use crate::node::Node;

/// Memory that was allocated for a device.
pub(crate) struct Region {
    start: usize,
    length: usize,
    /// `Node::instance` of the device.
    instance: i32,
    what: What,
}

enum What {
    Simulated {
        buffer: SharedBuffer,
        /// Bytes of a page, a power of two.
        page_size: u64,
    },
    Private {
        memory: PrivateMemory,
        /// Where devices find the first byte.
        bus: u64,
    },
}

/// How bytes of a region lie for devices.
pub(super) enum Layout {
    /// In one run of the machine's addresses, from here on.
    Run(u64),
    /// In one run of bus addresses, from here on.
    Private(u64),
    /// In several pages.
    Pages,
}

/// All regions, by their first address. None overlap.
static REGIONS: RwLock<BTreeMap<usize, Arc<Region>>> = RwLock::new(BTreeMap::new());

impl Region {
    /// Memory of the simulated machine of a device.
    pub(crate) fn simulated(node: &Node, buffer: SharedBuffer, page_size: u64) -> Region {
        let start = buffer.as_ptr().as_ptr().expose_provenance();
        let length = buffer.len() as usize;
        Region { start, length, instance: node.instance, what: What::Simulated { buffer, page_size } }
    }

    /// Private DMA memory of a device.
    pub(crate) fn private(node: &Node, memory: PrivateMemory) -> Region {
        let start = memory.as_ptr().as_ptr().expose_provenance();
        let length = memory.real_length() as usize;
        let bus = memory.view().extents().next().map_or(0, |extent| extent.address);
        Region { start, length, instance: node.instance, what: What::Private { memory, bus } }
    }

    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Behind the last byte.
    pub(crate) fn end(&self) -> usize {
        self.start + self.length
    }

    /// How bytes lie for a device; `None` where they are not all inside, or there is none, or the region is another device's.
    #[inline(always)]
    pub(super) fn layout(&self, instance: i32, address: usize, length: usize) -> Option<Layout> {
        if !self.holds(address, length) || self.instance != instance {
            return None;
        }
        let offset = (address - self.start) as u64;
        Some(match &self.what {
            What::Private { bus, .. } => Layout::Private(bus + offset),
            What::Simulated { buffer, page_size } => {
                // The CPU's addresses of simulated memory start with a page.
                let into = offset & (page_size - 1);
                match buffer.pages().get((offset >> page_size.trailing_zeros()) as usize) {
                    Some(page) if length as u64 <= page_size - into => Layout::Run(page + into),
                    _ => Layout::Pages,
                }
            }
        })
    }

    /// Whether bytes are all inside, and there is one.
    #[inline(always)]
    pub(crate) fn holds(&self, address: usize, length: usize) -> bool {
        let offset = address.wrapping_sub(self.start);
        offset < self.length && length > 0 && length <= self.length - offset
    }

    /// The pages of bytes that are inside.
    pub(super) fn pages(&self, offset: u64, length: u64) -> View<'_> {
        let What::Simulated { buffer, page_size } = &self.what else { return View::Extents(&[]) };
        let first = (offset / page_size) as usize;
        let pages = buffer.pages().get(first..).unwrap_or(&[]);
        PageList::new(pages, *page_size, offset % page_size, length).map_or(View::Extents(&[]), View::Pages)
    }

    /// Bytes of a simulated machine's memory as a piece of something.
    ///
    /// # Safety
    ///
    /// That of [`SharedBuffer::part`].
    pub(super) unsafe fn piece(&self, instance: i32, address: usize, length: usize) -> Option<BufferPart> {
        match &self.what {
            What::Simulated { buffer, .. } if self.instance == instance && self.holds(address, length) => {
                // SAFETY: the caller's duties are the same.
                unsafe { buffer.part((address - self.start) as u64, length as u64) }
            }
            _ => None,
        }
    }

    /// Whose addresses those of private memory are.
    pub(super) fn addresses(&self) -> Addresses {
        match &self.what {
            What::Simulated { .. } => Addresses::Machine,
            What::Private { memory, .. } => memory.addresses(),
        }
    }

    /// What the nexus knows private memory by.
    pub(super) fn nexus_memory(&self) -> Option<&NexusMemory> {
        match &self.what {
            What::Simulated { .. } => None,
            What::Private { memory, .. } => memory.nexus_memory().map(|(memory, _)| memory),
        }
    }

    /// Whether `ddi_dma_sim_alloc` gave it for a device.
    pub(crate) fn is_simulated_for(&self, node: &Node) -> bool {
        matches!(self.what, What::Simulated { .. }) && self.instance == node.instance
    }
}

/// Makes a region known.
pub(crate) fn add(region: Region) -> Arc<Region> {
    let region = Arc::new(region);
    let mut regions = REGIONS.write().unwrap_or_else(PoisonError::into_inner);
    regions.insert(region.start, Arc::clone(&region));
    region
}

/// The region that an address lies in.
pub(crate) fn find(address: usize) -> Option<Arc<Region>> {
    let regions = REGIONS.read().unwrap_or_else(PoisonError::into_inner);
    let (_, region) = regions.range(..=address).next_back()?;
    (address - region.start < region.length).then(|| Arc::clone(region))
}

/// Forgets the region that starts at an address.
pub(crate) fn remove(start: usize) -> Option<Arc<Region>> {
    REGIONS.write().unwrap_or_else(PoisonError::into_inner).remove(&start)
}
