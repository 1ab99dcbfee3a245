//! The PCI bus: 64-bit addresses, physical ones or those of an IOMMU.

use std::sync::Arc;

use ddi_dma::{
    Addressing, Coherence, DmaAttr, Extent, MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory,
    Resource, Shortage, SyncRequest,
};

use super::copy_memory::CopyMemory;
use super::iommu::Mmu;
use super::{BusCounters, BusFault, Bytes, DeviceBus, Meter, access, straight};
use crate::config::{ConfigError, Iommu};
use crate::memory::Memory;

/// The PCI nexus.
#[derive(Debug)]
pub struct PciNexus {
    memory: Arc<Memory>,
    copies: CopyMemory,
    mmu: Option<Mmu>,
    meter: Meter,
}

impl PciNexus {
    pub(crate) fn new(
        memory: Arc<Memory>,
        copy_buffer_limit: u64,
        iommu: &Iommu,
    ) -> Result<Self, ConfigError> {
        let mmu = match iommu {
            Iommu::Off => None,
            Iommu::On { space } => Some(Mmu::new(space, memory.page_size())?),
        };
        let copies = CopyMemory::new(Arc::clone(&memory), copy_buffer_limit);
        Ok(PciNexus { memory, copies, mmu, meter: Meter::default() })
    }

    /// Bytes of copy buffers handed out.
    pub fn copy_buffer_used(&self) -> u64 {
        self.copies.used()
    }

    /// Bytes of I/O addresses in use; 0 without an IOMMU.
    pub fn map_space_used(&self) -> u64 {
        self.mmu.as_ref().map_or(0, Mmu::used)
    }

    fn access(&self, address: u64, bytes: Bytes<'_>) -> Result<(), BusFault> {
        let wants = bytes.access();
        let _begun = self.mmu.as_ref().map(Mmu::begin_access);
        let translate = |bus| match &self.mmu {
            None => Ok((bus, u64::MAX - bus)),
            Some(mmu) => mmu.translate(bus, wants),
        };
        let carry = |physical, bytes: Bytes<'_>| straight(&self.memory, physical, bytes);
        access(&self.meter, address, bytes, translate, carry)
    }
}

impl DeviceBus for PciNexus {
    fn read(&self, address: u64, to: &mut [u8]) -> Result<(), BusFault> {
        self.access(address, Bytes::Read(to))
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), BusFault> {
        self.access(address, Bytes::Write(from))
    }

    fn counters(&self) -> BusCounters {
        self.meter.counters()
    }
}

// SAFETY: `info` never changes; the IOMMU maps the pages of the object and no others, at addresses that no other
// mapping has, until `unmap` takes them away and has waited for accesses that run; memory from `alloc` comes from frames that nobody else has and is mapped
// until `free`; `sync` touches nothing.
unsafe impl Nexus for PciNexus {
    fn info(&self) -> NexusInfo {
        let addressing = if self.mmu.is_some() { Addressing::Virtual } else { Addressing::Physical };
        NexusInfo {
            limits: DmaAttr::UNRESTRICTED,
            addressing,
            coherence: Coherence::Coherent,
            page_size: self.memory.page_size(),
        }
    }

    fn map(&self, request: &MapRequest<'_>, bus: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        match &self.mmu {
            Some(mmu) => mmu.map(request, bus),
            None => {
                let asked = request.view.length().unwrap_or(u64::MAX);
                Err(Shortage { resource: Resource::MapSpace, asked, free: 0, largest: 0 })
            }
        }
    }

    unsafe fn unmap(&self, map: MapId) {
        if let Some(mmu) = &self.mmu {
            mmu.unmap(map);
        }
    }

    fn sync(&self, _request: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        match &self.mmu {
            None => self.copies.take_physical(request, u64::MAX),
            Some(mmu) => self.copies.take_mapped(request, mmu),
        }
    }

    unsafe fn free(&self, memory: NexusMemory) {
        if let Some(mmu) = &self.mmu {
            // A run is mapped from its first page on, and mappings are known by their first address.
            mmu.unmap(MapId(memory.bus));
        }
        self.copies.give_back(memory.id);
    }
}
