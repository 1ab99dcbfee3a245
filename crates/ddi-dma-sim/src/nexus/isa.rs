//! The ISA bus: 24 address lines, straight to physical memory.

use std::sync::Arc;

use ddi_dma::{
    Addressing, BurstSizes, Coherence, DmaAttr, Extent, MapId, MapRequest, MemRequest, Nexus, NexusInfo,
    NexusMemory, Resource, Shortage, SyncRequest,
};

use super::copy_memory::CopyMemory;
use super::{BusCounters, BusFault, Bytes, DeviceBus, FaultKind, Meter, access, straight};
use crate::memory::Memory;

/// Highest address of the bus.
const LAST: u64 = 0xFF_FFFF;

/// Bursts that the bus carries.
const BURSTS: BurstSizes = BurstSizes::B1.union(BurstSizes::B2).union(BurstSizes::B4);

/// The ISA nexus: bus address = physical address, and nothing above 16 MiB.
#[derive(Debug)]
pub struct IsaNexus {
    memory: Arc<Memory>,
    copies: CopyMemory,
    meter: Meter,
}

impl IsaNexus {
    pub(crate) fn new(memory: Arc<Memory>, copy_buffer_limit: u64) -> Self {
        let copies = CopyMemory::new(Arc::clone(&memory), copy_buffer_limit);
        IsaNexus { memory, copies, meter: Meter::default() }
    }

    /// Bytes of copy buffers handed out.
    pub fn copy_buffer_used(&self) -> u64 {
        self.copies.used()
    }

    fn access(&self, address: u64, bytes: Bytes<'_>) -> Result<(), BusFault> {
        let carry = |physical, bytes: Bytes<'_>| straight(&self.memory, physical, bytes);
        access(&self.meter, address, bytes, Self::translate, carry)
    }

    /// The bus is straight: only its 24 lines limit an address.
    fn translate(address: u64) -> Result<(u64, u64), FaultKind> {
        if address > LAST { Err(FaultKind::OutOfReach) } else { Ok((address, LAST + 1 - address)) }
    }
}

impl DeviceBus for IsaNexus {
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

// SAFETY: `info` is constant; nothing is mapped, since addresses are physical; memory from `alloc` comes from frames
// that nobody else has and is mapped until `free`; `sync` touches nothing.
unsafe impl Nexus for IsaNexus {
    fn info(&self) -> NexusInfo {
        NexusInfo {
            limits: DmaAttr { addr_hi: LAST, burstsizes: BURSTS, ..DmaAttr::UNRESTRICTED },
            addressing: Addressing::Physical,
            coherence: Coherence::Coherent,
            page_size: self.memory.page_size(),
        }
    }

    fn map(&self, request: &MapRequest<'_>, _bus: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        let asked = request.view.length().unwrap_or(u64::MAX);
        Err(Shortage { resource: Resource::MapSpace, asked, free: 0, largest: 0 })
    }

    unsafe fn unmap(&self, _map: MapId) {}

    fn sync(&self, _request: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        self.copies.take_physical(request, LAST)
    }

    unsafe fn free(&self, memory: NexusMemory) {
        self.copies.give_back(memory.id);
    }
}
