//! The ISA bus of this machine: 24 address lines, straight to physical memory.

use alloc::vec::Vec;
use core::ptr::NonNull;

use ddi_dma::{
    Addressing, BurstSizes, Coherence, DmaAttr, Extent, MapId, MapRequest, MemRequest, Nexus, NexusInfo,
    NexusMemory, Resource, Shortage, SyncRequest,
};

use crate::memory::{self, FrameRun, MappedRun, PAGE, RunRequest, SIXTEEN_MIB};

/// Highest address of the bus.
const LAST: u64 = SIXTEEN_MIB - 1;

/// Bursts that the bus carries: its transfers are of a byte or a word.
const BURSTS: BurstSizes = BurstSizes::B1.union(BurstSizes::B2);

/// The ISA bus.
#[derive(Debug)]
pub struct IsaNexus;

// SAFETY: `info` is constant; addresses are physical, so nothing is mapped; `alloc` gives frames that it took and mapped, as
// requested, and keeps them so until `free`; processor and devices see the same memory, so `sync` does nothing.
unsafe impl Nexus for IsaNexus {
    fn info(&self) -> NexusInfo {
        NexusInfo {
            limits: DmaAttr { addr_hi: LAST, burstsizes: BURSTS, ..DmaAttr::UNRESTRICTED },
            addressing: Addressing::Physical,
            coherence: Coherence::Coherent,
            page_size: PAGE,
        }
    }

    fn map(&self, request: &MapRequest<'_>, _bus: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        let asked = request.view.length().unwrap_or(u64::MAX);
        Err(Shortage { resource: Resource::MapSpace, asked, free: 0, largest: 0 })
    }

    unsafe fn unmap(&self, _map: MapId) {}

    fn sync(&self, _request: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        let MemRequest { size, align, seg, attr } = *request;
        let (lo, hi) = (attr.addr_lo, attr.addr_hi.min(LAST));
        let run = memory::take_run(&RunRequest { size, lo, hi, align, seg }).ok_or_else(|| {
            let (free, largest) = memory::free_within(lo, hi);
            Shortage { resource: Resource::CopyBuffer, asked: size, free, largest }
        })?;
        let cpu = NonNull::new(run.start()).expect("the window does not begin at zero");
        let FrameRun { start, size } = run.leak();
        Ok(NexusMemory { cpu, bus: start, size, id: MapId(start) })
    }

    unsafe fn free(&self, memory: NexusMemory) {
        let run = FrameRun { start: memory.bus, size: memory.size };
        // SAFETY: the memory came from `alloc`, which leaked this run, and was not freed since (the caller's promise).
        drop(unsafe { MappedRun::reclaim(run) });
    }
}
