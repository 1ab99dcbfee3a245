//! A toy machine for tests of the framework alone: a stretch of memory whose physical addresses count from 0, a nexus
//! that notes what it is asked, and a device's view of memory by bus address.

#![allow(dead_code, reason = "each test uses its part of the machine")]

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use ddi_dma::{
    Addressing, Bus, BusConfig, Coherence, DmaAttr, DmaObject, Extent, MapId, MapRequest, MemRequest, Nexus,
    NexusInfo, NexusMemory, PageList, Resource, Shortage, SyncFor, SyncRequest, SyncTarget, View,
};

pub const PAGE: u64 = 4096;
/// Behind the last byte of memory: 64 pages.
pub const TOP: u64 = 64 * PAGE;
/// Copy runs come from the lowest 16 pages.
pub const COPY_PAGES: u64 = 16;
/// Mappings of the toy's IOMMU start here.
pub const IOVA: u64 = 0x1000_0000;

/// Memory, reached by raw pointers alone.
pub struct Ram {
    base: NonNull<u8>,
}

// SAFETY: the tests touch bytes from one thread at a time.
unsafe impl Send for Ram {}
// SAFETY: as above.
unsafe impl Sync for Ram {}

impl Ram {
    fn new() -> Self {
        let bytes = Box::leak(vec![0u8; TOP as usize].into_boxed_slice());
        Ram { base: NonNull::from(bytes).cast() }
    }

    fn at(&self, address: u64) -> *mut u8 {
        assert!(address < TOP, "nothing at {address:#x}");
        self.base.as_ptr().wrapping_add(address as usize)
    }

    pub fn read(&self, address: u64, length: usize) -> Vec<u8> {
        // SAFETY: each address is checked; nobody holds a reference to the memory.
        (address..).take(length).map(|at| unsafe { self.at(at).read() }).collect()
    }

    pub fn write(&self, address: u64, bytes: &[u8]) {
        // SAFETY: as above.
        (address..).zip(bytes).for_each(|(at, byte)| unsafe { self.at(at).write(*byte) });
    }
}

impl Drop for Ram {
    fn drop(&mut self) {
        let bytes = std::ptr::slice_from_raw_parts_mut(self.base.as_ptr(), TOP as usize);
        // SAFETY: the slice was leaked in `new` and nothing else points to it any more.
        drop(unsafe { Box::from_raw(bytes) });
    }
}

/// What the nexus was asked, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Map { bytes: u64 },
    Unmap,
    Alloc { size: u64 },
    Free { size: u64 },
    SyncObject { range: (u64, u64), sync_for: SyncFor },
    SyncRun { range: (u64, u64), sync_for: SyncFor },
}

pub struct Toy {
    pub ram: Arc<Ram>,
    info: NexusInfo,
    events: Mutex<Vec<Event>>,
    free: Mutex<Vec<u64>>,
    maps: Mutex<BTreeMap<u64, Vec<Extent>>>,
    /// Pages that all mappings of objects together may take.
    map_limit: Mutex<u64>,
}

impl Toy {
    pub fn new(addressing: Addressing, coherence: Coherence) -> Arc<Self> {
        let info = NexusInfo { limits: DmaAttr::UNRESTRICTED, addressing, coherence, page_size: PAGE };
        Arc::new(Toy {
            ram: Arc::new(Ram::new()),
            info,
            events: Mutex::default(),
            free: Mutex::new((0..COPY_PAGES).rev().collect()),
            maps: Mutex::default(),
            map_limit: Mutex::new(u64::MAX),
        })
    }

    pub fn plain() -> Arc<Self> {
        Self::new(Addressing::Physical, Coherence::Coherent)
    }

    pub fn bus(self: &Arc<Self>, copy_buffer_limit: u64) -> Bus {
        Bus::new(self.clone(), BusConfig { copy_buffer_limit, ..BusConfig::default() })
    }

    /// Lets objects be mapped on so many pages at once.
    pub fn limit_map_pages(&self, pages: u64) {
        *self.map_limit.lock().unwrap() = pages;
    }

    /// Pages that mappings of objects take.
    pub fn mapped_pages(&self) -> u64 {
        self.maps.lock().unwrap().values().map(|extents| pages_of(extents)).sum()
    }

    /// The events so far, which are forgotten.
    pub fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// An object on these pages, from `offset` in the first.
    pub fn object(self: &Arc<Self>, pages: &[u64], offset: u64, length: u64) -> Memory {
        let pages: Vec<u64> = pages.iter().map(|page| page * PAGE).collect();
        assert!(PageList::new(&pages, PAGE, offset, length).is_some());
        Memory { ram: self.ram.clone(), pages, offset, length, dropped: Arc::default() }
    }

    /// What a device sees at a bus address.
    pub fn device_read(&self, address: u64, length: u64) -> Result<Vec<u8>, String> {
        (address..address + length).map(|at| Ok(self.ram.read(self.translate(at, 1)?, 1)[0])).collect()
    }

    pub fn device_write(&self, address: u64, bytes: &[u8]) -> Result<(), String> {
        (address..).zip(bytes).try_for_each(|(at, byte)| {
            self.ram.write(self.translate(at, 1)?, &[*byte]);
            Ok(())
        })
    }

    fn translate(&self, address: u64, length: u64) -> Result<u64, String> {
        let fault = || format!("bus fault at {address:#x}");
        if self.info.addressing == Addressing::Physical {
            return if address + length <= TOP { Ok(address) } else { Err(fault()) };
        }
        let maps = self.maps.lock().unwrap();
        let (base, extents) = maps.range(..=address).next_back().ok_or_else(fault)?;
        let mut at = *base + extents.first().map_or(0, |extent| extent.address % PAGE);
        for extent in extents {
            if address >= at && address + length <= at + extent.size {
                return Ok(extent.address + (address - at));
            }
            at += extent.size;
        }
        Err(fault())
    }

    fn note(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn insert(&self, extents: Vec<Extent>) -> u64 {
        let mut maps = self.maps.lock().unwrap();
        let base = IOVA + maps.keys().next_back().map_or(0, |last| last - IOVA + 0x10_0000);
        maps.insert(base, extents);
        base
    }
}

// SAFETY: pages of the copy range are handed out once until freed; mappings are looked up on each device access.
unsafe impl Nexus for Toy {
    fn info(&self) -> NexusInfo {
        self.info
    }

    fn map(&self, request: &MapRequest<'_>, bus: &mut Vec<Extent>) -> Result<MapId, Shortage> {
        let extents: Vec<Extent> = request.view.extents().collect();
        let bytes = extents.iter().map(|extent| extent.size).sum();
        self.note(Event::Map { bytes });
        let first = extents.first().map_or(0, |extent| extent.address % PAGE);
        let (asked, limit) = (pages_of(&extents), *self.map_limit.lock().unwrap());
        let free = limit.saturating_sub(self.mapped_pages()).saturating_mul(PAGE);
        if asked * PAGE > free {
            return Err(Shortage { resource: Resource::MapSpace, asked: asked * PAGE, free, largest: free });
        }
        let base = self.insert(extents);
        bus.push(Extent { address: base + first, size: bytes });
        Ok(MapId(base))
    }

    unsafe fn unmap(&self, map: MapId) {
        self.note(Event::Unmap);
        assert!(self.maps.lock().unwrap().remove(&map.0).is_some(), "unmapped twice");
    }

    fn sync(&self, request: &SyncRequest<'_>) {
        let sync_for = request.sync_for;
        self.note(match request.what {
            SyncTarget::Object { range, .. } => Event::SyncObject { range, sync_for },
            SyncTarget::Memory { range, .. } => Event::SyncRun { range, sync_for },
        });
    }

    fn alloc(&self, request: &MemRequest<'_>) -> Result<NexusMemory, Shortage> {
        let mut free = self.free.lock().unwrap();
        let count = request.size / PAGE;
        free.sort_unstable_by(|a, b| b.cmp(a));
        let run = free.windows(count as usize).rposition(|run| {
            let first = run[run.len() - 1] * PAGE;
            run[0] - run[run.len() - 1] + 1 == count
                && first.is_multiple_of(request.align)
                && first >= request.attr.addr_lo
                && first + request.size - 1 <= request.attr.addr_hi
        });
        let largest = free.len() as u64 * PAGE;
        let short = Shortage { resource: Resource::CopyBuffer, asked: request.size, free: largest, largest };
        let at = run.ok_or(short)?;
        let pages: Vec<u64> = free.drain(at..at + count as usize).collect();
        let first = pages[pages.len() - 1] * PAGE;
        self.note(Event::Alloc { size: request.size });
        let bus = match self.info.addressing {
            Addressing::Physical => first,
            _ => self.insert(vec![Extent { address: first, size: request.size }]),
        };
        let cpu = NonNull::new(self.ram.at(first)).ok_or(short)?;
        Ok(NexusMemory { cpu, bus, size: request.size, id: MapId(first) })
    }

    unsafe fn free(&self, memory: NexusMemory) {
        self.note(Event::Free { size: memory.size });
        self.maps.lock().unwrap().remove(&memory.bus);
        let first = memory.id.0 / PAGE;
        self.free.lock().unwrap().extend(first..first + memory.size / PAGE);
    }
}

/// Pages that an object takes when its extents are put side by side.
fn pages_of(extents: &[Extent]) -> u64 {
    let first = extents.first().map_or(0, |extent| extent.address % PAGE);
    (first + extents.iter().map(|extent| extent.size).sum::<u64>()).div_ceil(PAGE)
}

/// An object: pages of the toy's memory.
pub struct Memory {
    ram: Arc<Ram>,
    pages: Vec<u64>,
    offset: u64,
    length: u64,
    /// Counts drops, for tests of quarantine.
    pub dropped: Arc<Mutex<u32>>,
}

impl Memory {
    fn address(&self, at: u64) -> u64 {
        let at = self.offset + at;
        self.pages[(at / PAGE) as usize] + at % PAGE
    }

    pub fn set(&self, bytes: &[u8]) {
        bytes.iter().zip(0..).for_each(|(byte, at)| self.ram.write(self.address(at), &[*byte]));
    }

    pub fn get(&self) -> Vec<u8> {
        (0..self.length).map(|at| self.ram.read(self.address(at), 1)[0]).collect()
    }

    pub fn fill(&self, byte: u8) {
        self.set(&vec![byte; self.length as usize]);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        *self.dropped.lock().unwrap() += 1;
    }
}

// SAFETY: the pages never change; bytes are copied one by one through raw pointers.
unsafe impl DmaObject for Memory {
    fn view(&self) -> View<'_> {
        match PageList::new(&self.pages, PAGE, self.offset, self.length) {
            Some(list) => View::Pages(list),
            None => View::Extents(&[]),
        }
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        for at in 0..length {
            // SAFETY: the caller's `to` takes `length` bytes.
            unsafe { to.add(at as usize).write(self.ram.at(self.address(offset + at)).read()) }
        }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        for at in 0..length {
            // SAFETY: the caller's `from` has `length` bytes.
            unsafe { self.ram.at(self.address(offset + at)).write(from.add(at as usize).read()) }
        }
    }
}
