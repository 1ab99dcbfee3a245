//! A nexus whose memory is the test's heap: bus addresses are numbers, as awkward as what is asked allows.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

use ddi_dma::{
    Addressing, Coherence, DmaAttr, Extent, MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory,
    Resource, Shortage, SyncRequest,
};

pub const PAGE: u64 = 4096;
/// Bytes of the largest piece.
pub const LARGEST: u64 = 1 << 20;

/// Where in reach memory is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Lowest,
    Highest,
}

pub struct Heap {
    place: Place,
}

impl Heap {
    pub fn new(place: Place) -> Arc<Self> {
        Arc::new(Heap { place })
    }
}

fn layout(size: u64) -> Layout {
    Layout::from_size_align(size as usize, PAGE as usize).unwrap()
}

/// A legal bus address for the request, or `None` where there is none.
fn place(request: &MemRequest<'_>, place: Place) -> Option<u64> {
    let MemRequest { size, align, seg, attr } = *request;
    let fits = size - 1 <= seg;
    let step = if fits { align.max(PAGE) } else { align.max(PAGE).max(seg + 1) };
    let crossed = |start: u64| {
        (fits && (start ^ (start + (size - 1))) & !seg != 0).then(|| (start + (size - 1)) & !seg)
    };
    let start = match place {
        Place::Lowest => {
            let start = attr.addr_lo.checked_next_multiple_of(step)?;
            start.checked_add(size - 1)?;
            crossed(start).map_or(Some(start), |boundary| boundary.checked_next_multiple_of(step))?
        }
        Place::Highest => {
            let start = attr.addr_hi.checked_sub(size - 1)?;
            let start = start - start % step;
            let below = |boundary: u64| boundary.checked_sub(size).map(|start| start - start % step);
            crossed(start).map_or(Some(start), below)?
        }
    };
    let last = start.checked_add(size - 1)?;
    (start >= attr.addr_lo && last <= attr.addr_hi && crossed(start).is_none()).then_some(start)
}

// SAFETY: memory comes from the heap and stays until it is freed. No device reaches it by these bus addresses.
unsafe impl Nexus for Heap {
    fn info(&self) -> NexusInfo {
        NexusInfo {
            limits: DmaAttr::UNRESTRICTED,
            addressing: Addressing::Physical,
            coherence: Coherence::Coherent,
            page_size: PAGE,
        }
    }

    fn map(&self, _: &MapRequest<'_>, _: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        unreachable!("addresses are physical")
    }

    unsafe fn unmap(&self, _: MapId) {}

    fn sync(&self, _: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        assert!(request.size > 0 && request.size.is_multiple_of(PAGE));
        let free = if request.size > LARGEST { LARGEST } else { 0 };
        let short = Shortage { resource: Resource::CopyBuffer, asked: request.size, free, largest: free };
        if request.size > LARGEST {
            return Err(short);
        }
        let bus = place(request, self.place).ok_or(short)?;
        // SAFETY: the size is not 0. The bytes are somebody's, for as far as the caller knows.
        let cpu = unsafe { std::alloc::alloc(layout(request.size)) };
        let cpu = NonNull::new(cpu).ok_or(short)?;
        // SAFETY: so many bytes were allocated.
        unsafe { cpu.as_ptr().write_bytes(0x5E, request.size as usize) };
        Ok(NexusMemory { cpu, bus, size: request.size, id: MapId(0) })
    }

    unsafe fn free(&self, memory: NexusMemory) {
        // SAFETY: the memory came from `alloc` with this layout.
        unsafe { std::alloc::dealloc(memory.cpu.as_ptr(), layout(memory.size)) }
    }
}
