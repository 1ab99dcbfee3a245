//! The IOMMU: page tables from I/O addresses to frames, with permissions.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use ddi_dma::{Direction, Extent, MapId, MapRequest, Redzone, Resource, Shortage, View};

use super::iova::IovaSpace;
use super::{DeviceAccess, FaultKind};
use crate::config::ConfigError;
use crate::memory::RunRequest;

/// The IOMMU of a nexus.
#[derive(Debug)]
pub(super) struct Mmu {
    page: u64,
    state: Mutex<State>,
    /// Held by accesses from the translation on until their bytes have moved.
    accesses: RwLock<()>,
}

#[derive(Debug)]
struct State {
    space: IovaSpace,
    used: u64,
    /// By the first I/O address.
    tables: BTreeMap<u64, Table>,
}

/// The pages of one mapping, side by side in I/O addresses.
#[derive(Debug)]
struct Table {
    pages: Vec<u64>,
    direction: Direction,
    /// Bytes of I/O addresses that the mapping holds: its pages, and the red zone behind them.
    held: u64,
}

impl Mmu {
    pub(super) fn new(space: &RangeInclusive<u64>, page: u64) -> Result<Self, ConfigError> {
        let space = IovaSpace::new(space, page)?;
        let state = Mutex::new(State { space, used: 0, tables: BTreeMap::new() });
        Ok(Mmu { page, state, accesses: RwLock::new(()) })
    }

    /// Bytes of I/O addresses in use.
    pub(super) fn used(&self) -> u64 {
        self.state().used
    }

    /// Maps an object page by page, side by side; writes where its bytes are to `bus`.
    ///
    /// An object that fits a segment crosses no boundary while there is such a place; else it may.
    pub(super) fn map(&self, request: &MapRequest<'_>, bus: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        let layout = Layout::of(request.view, self.page);
        let start = self
            .insert(&layout, request, request.attr.seg)
            .or_else(|_| self.insert(&layout, request, u64::MAX))?;
        bus.clear();
        bus.extend(layout.extents.iter().map(|extent| Extent { address: start + extent.address, ..*extent }));
        Ok(MapId(start))
    }

    /// Maps memory that is one run, at an address that keeps `align` and `seg` whatever it takes.
    pub(super) fn map_strictly(&self, request: &MapRequest<'_>) -> Result<u64, Shortage> {
        self.insert(&Layout::of(request.view, self.page), request, request.attr.seg)
    }

    /// Takes a mapping away, and waits for accesses that were translated by it; returns the pages that it mapped. An
    /// id that names none is no mapping to take away.
    pub(super) fn unmap(&self, map: MapId) -> Vec<u64> {
        let mut state = self.state();
        let Some(table) = state.tables.remove(&map.0) else { return Vec::new() };
        state.space.give_back(map.0, table.held);
        state.used -= table.held;
        drop(state);
        drop(self.accesses.write().unwrap_or_else(PoisonError::into_inner));
        table.pages
    }

    /// Begins an access, which holds on to what it gets until its bytes have moved.
    pub(super) fn begin_access(&self) -> RwLockReadGuard<'_, ()> {
        self.accesses.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the memory behind an I/O address, and how many bytes follow it side by side. Part of an access that
    /// [`begin_access`](Self::begin_access) began.
    pub(super) fn translate(&self, address: u64, access: DeviceAccess) -> Result<(u64, u64), FaultKind> {
        let (direction, physical, run) = self.find(address).ok_or(FaultKind::Unmapped)?;
        let allowed = match access {
            DeviceAccess::Read => direction.device_reads(),
            DeviceAccess::Write => direction.device_writes(),
        };
        if allowed { Ok((physical, run)) } else { Err(FaultKind::Forbidden) }
    }

    /// The memory behind a run of I/O addresses, page by page; nothing for those that are not mapped.
    pub(super) fn behind(&self, start: u64, end: u64) -> Vec<Extent> {
        let mut extents = Vec::new();
        let mut at = start;
        while at < end {
            let size = (self.page - at % self.page).min(end - at);
            let found = self.find(at).map(|(_, address, _)| Extent { address, size });
            extents.extend(found);
            at += size;
        }
        extents
    }

    /// What a mapping allows, the memory behind an I/O address, and how many bytes follow it.
    fn find(&self, address: u64) -> Option<(Direction, u64, u64)> {
        let state = self.state();
        let (start, table) = state.tables.range(..=address).next_back()?;
        let (index, within) = (((address - start) / self.page) as usize, address % self.page);
        let page = table.pages.get(index)?;
        Some((table.direction, page + within, self.page - within))
    }

    fn insert(&self, layout: &Layout, request: &MapRequest<'_>, seg: u64) -> Result<u64, Shortage> {
        // The red zone is held like a page of the object, and nothing is mapped in it.
        let redzone = u64::from(request.redzone == Redzone::Yes);
        let size = (layout.pages.len() as u64).max(1) + redzone;
        let attr = request.attr;
        let run = RunRequest {
            size: size * self.page,
            lo: attr.addr_lo,
            hi: attr.addr_hi,
            align: attr.align.max(self.page),
            seg: seg.max(self.page - 1),
        };
        let mut state = self.state();
        let Some(start) = state.space.take(&run) else {
            let (free, largest) = state.space.free(attr.addr_lo, attr.addr_hi);
            return Err(Shortage { resource: Resource::MapSpace, asked: run.size, free, largest });
        };
        state.used += run.size;
        let (pages, direction) = (layout.pages.clone(), request.direction);
        state.tables.insert(start, Table { pages, direction, held: run.size });
        Ok(start)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an object's pages lie side by side, and where in them its bytes are.
#[derive(Debug, Default)]
struct Layout {
    pages: Vec<u64>,
    /// Addresses counted from the start of the first page.
    extents: Vec<Extent>,
}

impl Layout {
    fn of(view: View<'_>, page: u64) -> Self {
        let mut layout = Layout::default();
        // Where the last extent ended, in physical memory.
        let mut behind = None;
        for extent in view.extents() {
            layout.add(extent, behind, page);
            behind = Some(extent.address.wrapping_add(extent.size));
        }
        layout
    }

    /// Adds an extent. It goes on where the last one ended if both edges are page edges, or the same address.
    fn add(&mut self, extent: Extent, behind: Option<u64>, page: u64) {
        let within = extent.address % page;
        let end = within + extent.size;
        let first = extent.address - within;
        let goes_on = behind == Some(extent.address) && within != 0;
        let skip = u64::from(goes_on);
        let at = (self.pages.len() as u64 - skip) * page + within;
        self.pages.extend((skip..end.div_ceil(page)).map(|n| first + n * page));
        match self.extents.last_mut() {
            Some(last) if last.address + last.size == at => last.size += extent.size,
            _ => self.extents.push(Extent { address: at, size: extent.size }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(extents: &[(u64, u64)]) -> (Vec<u64>, Vec<(u64, u64)>) {
        let extents: Vec<Extent> =
            extents.iter().map(|(address, size)| Extent { address: *address, size: *size }).collect();
        let layout = Layout::of(View::Extents(&extents), 0x1000);
        (layout.pages, layout.extents.iter().map(|extent| (extent.address, extent.size)).collect())
    }

    #[test]
    fn scattered_pages_become_one_extent() {
        let (pages, extents) = layout(&[(0x5200, 0xE00), (0x9000, 0x1000), (0x3000, 0x80)]);
        assert_eq!(pages, [0x5000, 0x9000, 0x3000]);
        assert_eq!(extents, [(0x200, 0x1E80)]);
    }

    #[test]
    fn inner_edges_within_pages_keep_their_place() {
        let (pages, extents) = layout(&[(0x5200, 0x100), (0x9800, 0x900)]);
        assert_eq!(pages, [0x5000, 0x9000, 0xA000]);
        assert_eq!(extents, [(0x200, 0x100), (0x1800, 0x900)]);
    }

    #[test]
    fn neighbours_within_a_page_share_it() {
        let (pages, extents) = layout(&[(0x5200, 0x100), (0x5300, 0x1000), (0x6300, 0xD00), (0x7000, 1)]);
        assert_eq!(pages, [0x5000, 0x6000, 0x7000]);
        assert_eq!(extents, [(0x200, 0x1E01)]);
    }
}
