//! The SBus: 32 address lines, an IOMMU behind the uppermost of them, and a streaming cache.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ddi_dma::{
    Addressing, AttrFlags, BurstSizes, Coherence, DmaAttr, Extent, MapId, MapRequest, MemRequest, Nexus,
    NexusInfo, NexusMemory, Shortage, SlotKind, SyncFor, SyncRequest, SyncTarget, View,
};

use super::copy_memory::CopyMemory;
use super::iommu::Mmu;
use super::stream_cache::{StreamCache, StreamCounters};
use super::{BusCounters, BusFault, Bytes, DeviceBus, FaultKind, Meter, access, straight};
use crate::config::{ConfigError, Physical, SbusConfig, StreamingCache};
use crate::memory::Memory;

/// Highest address of the bus.
const LAST: u64 = 0xFFFF_FFFF;

/// Bursts that the bus carries: 1 to 32 bytes.
const BURSTS: BurstSizes = BurstSizes::B1
    .union(BurstSizes::B2)
    .union(BurstSizes::B4)
    .union(BurstSizes::B8)
    .union(BurstSizes::B16)
    .union(BurstSizes::B32);

/// The SBus nexus: I/O virtual addresses in the DVMA window, and physical ones below it where these are honoured.
///
/// Whether an access is physical is told by the address where it starts; one that runs from below into the window is a
/// fault where the window starts. The cache stands before everything that the IOMMU maps, copy buffers included;
/// physical accesses pass it by.
#[derive(Debug)]
pub struct SbusNexus {
    memory: Arc<Memory>,
    copies: CopyMemory,
    mmu: Mmu,
    dvma: RangeInclusive<u64>,
    physical: Physical,
    slave_only: Vec<u32>,
    cache: Option<StreamCache>,
    meter: Meter,
}

impl SbusNexus {
    pub(crate) fn new(
        memory: Arc<Memory>,
        copy_buffer_limit: u64,
        config: &SbusConfig,
    ) -> Result<Self, ConfigError> {
        let SbusConfig { dvma, physical, cache, slave_only_slots: slave_only } = config.clone();
        let (start, end) = (*dvma.start(), *dvma.end());
        let refused = ConfigError::DvmaWindow { start, end };
        if end > LAST {
            return Err(refused);
        }
        let mmu = Mmu::new(&dvma, memory.page_size()).map_err(|_| refused)?;
        let under = memory.ranges().iter().find(|range| range.start <= end && start < range.end);
        if let (Physical::Honoured, Some(range)) = (physical, under) {
            return Err(ConfigError::DvmaOverMemory { memory: range.start, start, end });
        }
        let cache = match cache {
            StreamingCache::Off => None,
            StreamingCache::On => Some(StreamCache::default()),
        };
        let copies = CopyMemory::new(Arc::clone(&memory), copy_buffer_limit);
        Ok(SbusNexus { memory, copies, mmu, dvma, physical, slave_only, cache, meter: Meter::default() })
    }

    /// Bytes of copy buffers handed out.
    pub fn copy_buffer_used(&self) -> u64 {
        self.copies.used()
    }

    /// Bytes of DVMA space in use, red zones included.
    pub fn map_space_used(&self) -> u64 {
        self.mmu.used()
    }

    /// The slots in which a device never gets the bus.
    pub fn slave_only_slots(&self) -> &[u32] {
        &self.slave_only
    }

    /// The lowest slot in which a device can get the bus, as somebody would choose who puts one in.
    pub(crate) fn master_slot(&self) -> u32 {
        (0..u32::MAX).find(|slot| self.slot(*slot) == SlotKind::Master).unwrap_or(u32::MAX)
    }

    /// Counts an access that never got onto the bus.
    pub(super) fn count_fault(&self) {
        self.meter.fault();
    }

    /// What the streaming cache holds and did; zeros without one.
    pub fn stream_counters(&self) -> StreamCounters {
        self.cache.as_ref().map_or_else(StreamCounters::default, |cache| cache.lines().counters())
    }

    fn access(&self, address: u64, bytes: Bytes<'_>) -> Result<(), BusFault> {
        let wants = bytes.access();
        let carry = |physical, bytes: Bytes<'_>| straight(&self.memory, physical, bytes);
        if self.physical == Physical::Honoured && address < *self.dvma.start() {
            return access(&self.meter, address, bytes, |bus| self.below_window(bus), carry);
        }
        let _begun = self.mmu.begin_access();
        let translate = |bus| match bus {
            bus if bus > LAST => Err(FaultKind::OutOfReach),
            bus => self.mmu.translate(bus, wants),
        };
        let Some(cache) = &self.cache else {
            return access(&self.meter, address, bytes, translate, carry);
        };
        let mut lines = cache.lines();
        let carry = |physical, bytes: Bytes<'_>| lines.carry(&self.memory, physical, bytes);
        access(&self.meter, address, bytes, translate, carry)
    }

    /// Physical addresses end where the window starts.
    fn below_window(&self, address: u64) -> Result<(u64, u64), FaultKind> {
        match self.dvma.start().checked_sub(address) {
            None | Some(0) => Err(FaultKind::OutOfReach),
            Some(run) => Ok((address, run)),
        }
    }

    /// Takes a mapping away from the devices, and what they wrote out of the cache.
    fn revoke(&self, map: MapId) {
        let pages = self.mmu.unmap(map);
        let Some(cache) = &self.cache else { return };
        let mut lines = cache.lines();
        for page in pages {
            lines.evict(&self.memory, page..page + self.memory.page_size());
        }
    }

    /// The memory behind some bytes of what is synchronised, as far as devices reach it through the cache.
    fn cached(&self, what: &SyncTarget<'_>) -> Vec<Extent> {
        let range = what.range();
        match *what {
            SyncTarget::Object { view, map: Some(_), .. } => clip(view, range.start, range.end),
            // Bus addresses: those in the window are mapped already, the others are physical.
            SyncTarget::Object { view, map: None, .. } => {
                let bus = clip(view, range.start, range.end);
                bus.into_iter().flat_map(|extent| self.behind(extent.address, extent.size)).collect()
            }
            SyncTarget::Memory { memory, .. } => {
                self.behind(memory.bus.saturating_add(range.start), range.end.saturating_sub(range.start))
            }
        }
    }

    /// The memory behind DVMA addresses; none behind physical ones.
    fn behind(&self, bus: u64, size: u64) -> Vec<Extent> {
        if self.dvma.contains(&bus) { self.mmu.behind(bus, bus.saturating_add(size)) } else { Vec::new() }
    }
}

/// Bytes `from..to` of an object, as the extents where they lie.
fn clip(view: View<'_>, from: u64, to: u64) -> Vec<Extent> {
    let mut offset = 0u64;
    let mut clipped = Vec::new();
    for Extent { address, size } in view.extents() {
        let (start, end) = (offset.max(from), offset.saturating_add(size).min(to));
        if start < end {
            clipped.push(Extent { address: address + (start - offset), size: end - start });
        }
        offset = offset.saturating_add(size);
        if offset >= to {
            break;
        }
    }
    clipped
}

impl DeviceBus for SbusNexus {
    fn read(&self, address: u64, to: &mut [u8]) -> Result<(), BusFault> {
        self.access(address, Bytes::Read(to))
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), BusFault> {
        self.access(address, Bytes::Write(from))
    }

    fn counters(&self) -> BusCounters {
        self.meter.counters()
    }

    fn burst_sizes(&self) -> BurstSizes {
        BURSTS
    }
}

// SAFETY: `info` never changes; the IOMMU maps the pages of the object and no others, at addresses that no other
// mapping has, until `unmap` takes them away, has waited for accesses that run, and has emptied the lines that these
// left in the cache; memory from `alloc` comes from frames that nobody else has and is mapped until
// `free`; `sync` writes to memory only what a device wrote at the same place, and that within the lines that the range
// touches.
unsafe impl Nexus for SbusNexus {
    fn info(&self) -> NexusInfo {
        let (addressing, addr_lo, addr_hi) = match self.physical {
            Physical::Refused => (Addressing::Virtual, *self.dvma.start(), *self.dvma.end()),
            Physical::Honoured => (Addressing::Either, 0, LAST),
        };
        let coherence = if self.cache.is_some() { Coherence::NeedsSync } else { Coherence::Coherent };
        NexusInfo {
            limits: DmaAttr { addr_lo, addr_hi, burstsizes: BURSTS, ..DmaAttr::UNRESTRICTED },
            addressing,
            coherence,
            page_size: self.memory.page_size(),
        }
    }

    fn slot(&self, slot: u32) -> SlotKind {
        if self.slave_only.contains(&slot) { SlotKind::SlaveOnly } else { SlotKind::Master }
    }

    fn map(&self, request: &MapRequest<'_>, bus: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        self.mmu.map(request, bus)
    }

    unsafe fn unmap(&self, map: MapId) {
        self.revoke(map);
    }

    fn sync(&self, request: &SyncRequest<'_>) {
        let Some(cache) = &self.cache else { return };
        let extents = self.cached(&request.what);
        let mut lines = cache.lines();
        for Extent { address, size } in extents {
            let range = address..address.saturating_add(size);
            match request.sync_for {
                SyncFor::Device => lines.sync_for_device(range),
                SyncFor::Cpu | SyncFor::Kernel => lines.sync_for_cpu(&self.memory, range),
            }
        }
    }

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        let forced = request.attr.flags.contains(AttrFlags::FORCE_PHYSICAL);
        match self.physical {
            Physical::Honoured if forced => {
                self.copies.take_physical(request, self.dvma.start().saturating_sub(1))
            }
            _ => self.copies.take_mapped(request, &self.mmu),
        }
    }

    unsafe fn free(&self, memory: NexusMemory) {
        // A run is mapped from its first page on, and mappings are known by their first address. A physical address
        // names none.
        self.revoke(MapId(memory.bus));
        self.copies.give_back(memory.id);
    }
}
