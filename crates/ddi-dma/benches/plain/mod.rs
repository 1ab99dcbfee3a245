//! A plain machine for measurements: bus addresses are numbers, the nexus adds nothing, objects are prepared lists.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::Arc;

use ddi_dma::{
    Addressing, BindFlags, Bus, BusConfig, Coherence, Direction, DmaAttr, DmaHandle, DmaObject, Extent,
    MapId, MapRequest, MemRequest, Nexus, NexusInfo, NexusMemory, PageList, Resource, Shortage, SyncRequest,
    View, Wait,
};

/// Size of the machine's pages.
pub(crate) const PAGE: u64 = 4096;

/// A nexus that passes physical addresses on.
pub(crate) struct PlainNexus;

// SAFETY: `alloc` hands out fresh heap memory until `free`; nothing is mapped.
unsafe impl Nexus for PlainNexus {
    fn info(&self) -> NexusInfo {
        NexusInfo {
            limits: DmaAttr::UNRESTRICTED,
            addressing: Addressing::Physical,
            coherence: Coherence::Coherent,
            page_size: PAGE,
        }
    }

    fn map(&self, _: &MapRequest<'_>, _: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        Err(Shortage { resource: Resource::MapSpace, asked: 0, free: 0, largest: 0 })
    }

    unsafe fn unmap(&self, _: MapId) {}

    fn sync(&self, _: &SyncRequest<'_>) {}

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        let short = Shortage { resource: Resource::CopyBuffer, asked: request.size, free: 0, largest: 0 };
        let layout = Layout::from_size_align(request.size as usize, PAGE as usize).map_err(|_| short)?;
        // SAFETY: the size is not zero.
        let cpu = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(short)?;
        let bus = request.attr.addr_lo.next_multiple_of(request.align.max(0x10_0000));
        Ok(NexusMemory { cpu, bus, size: request.size, id: MapId(0) })
    }

    unsafe fn free(&self, memory: NexusMemory) {
        let layout = Layout::from_size_align(memory.size as usize, PAGE as usize);
        // SAFETY: it was allocated with this layout, and the caller gives it up.
        layout.iter().for_each(|layout| unsafe { dealloc(memory.cpu.as_ptr(), *layout) });
    }
}

/// A bus on the plain nexus.
pub(crate) fn bus() -> Bus {
    Bus::new(Arc::new(PlainNexus), BusConfig::default())
}

/// Pages at made-up addresses with bytes of their own.
pub(crate) struct Pages {
    pages: Vec<u64>,
    bytes: Vec<PageBytes>,
}

/// A page's bytes, aligned as a page is.
#[derive(Clone, Copy)]
#[repr(align(4096))]
pub(crate) struct PageBytes(#[expect(dead_code, reason = "reached by pointer alone")] [u8; PAGE as usize]);

impl PageBytes {
    /// A page of zeroes.
    pub(crate) const ZERO: PageBytes = PageBytes([0; PAGE as usize]);
}

impl Pages {
    /// `count` pages from `base` on, no two of which touch.
    pub(crate) fn scattered(count: u64, base: u64) -> Self {
        Pages {
            pages: (0..count).map(|n| base + n * 2 * PAGE).collect(),
            bytes: vec![PageBytes::ZERO; count as usize],
        }
    }
}

// SAFETY: the vectors are never changed while the object lives; copies are checked against their bounds by the caller.
unsafe impl DmaObject for Pages {
    fn view(&self) -> View<'_> {
        match PageList::new(&self.pages, PAGE, 0, self.bytes.len() as u64 * PAGE) {
            Some(list) => View::Pages(list),
            None => View::Extents(&[]),
        }
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller names bytes of the object and memory of its own.
        unsafe {
            self.bytes.as_ptr().cast::<u8>().add(offset as usize).copy_to_nonoverlapping(to, length as usize)
        }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as above; no reference to the bytes is alive while they are bound.
        unsafe {
            self.bytes
                .as_ptr()
                .cast::<u8>()
                .cast_mut()
                .add(offset as usize)
                .copy_from_nonoverlapping(from, length as usize)
        }
    }
}

/// One run of memory that is only an address: for plans that copy nothing.
pub(crate) struct Run(pub(crate) [Extent; 1]);

// SAFETY: the extent never changes, and nothing is ever copied.
unsafe impl DmaObject for Run {
    fn view(&self) -> View<'_> {
        View::Extents(&self.0)
    }

    unsafe fn copy_out(&self, _: u64, _: *mut u8, _: u64) {}

    unsafe fn copy_in(&self, _: u64, _: *const u8, _: u64) {}
}

/// One transfer, without the device. Never inlined, so that all its callers measure the same.
#[inline(never)]
pub(crate) fn transfer<O: DmaObject>(handle: DmaHandle<O>, object: O) -> (DmaHandle<O>, O) {
    let bound = handle.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait);
    let mut flight = match bound {
        Ok(binding) => binding.start(),
        Err(error) => panic!("{error}"),
    };
    if let Ok(window) = flight.window(0) {
        black_box(window.cookies());
    }
    flight.complete().unbind()
}
