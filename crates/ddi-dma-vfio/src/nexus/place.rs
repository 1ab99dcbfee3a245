//! Placing a layout in I/O addresses, taking it away, and what is short where that cannot be.

use ddi_dma::{DmaAttr, Resource, Shortage};

use super::layout::{Layout, Room};
use super::{Held, VfioNexus};
use crate::iommu::{Access, IommuError};
use crate::iova::Request;
use crate::memory::pages::HUGE;

/// How often another place is tried where the kernel refuses one: somebody else has it, or it is no longer allowed.
const TRIES: u32 = 16;

/// The last address for which an IOMMU's tables have three levels. Above it some grow, and every walk takes longer.
const NEAR: u64 = (1 << 39) - 1;

/// Where a layout may lie.
pub(super) struct Place<'a> {
    /// Its reach.
    pub(super) attr: &'a DmaAttr,
    /// A power of two.
    pub(super) align: u64,
    /// Boundaries: multiples of this plus one.
    pub(super) seg: u64,
    pub(super) segment: Segment,
    /// Bytes that stay unmapped behind it.
    pub(super) behind: u64,
    pub(super) access: Access,
}

/// What boundaries are for a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    /// It crosses none.
    Kept,
    /// It crosses none where there is such a place.
    Wished,
}

impl Place<'_> {
    /// What is asked of the space for so many bytes.
    fn request(&self, size: u64) -> Request {
        let DmaAttr { addr_lo: lo, addr_hi: hi, .. } = *self.attr;
        Request { size, behind: self.behind, lo, hi, align: self.align, seg: self.seg }
    }

    /// The request that is met whatever else is not.
    fn least(&self, size: u64) -> Request {
        match self.segment {
            Segment::Kept => self.request(size),
            Segment::Wished => Request { seg: u64::MAX, ..self.request(size) },
        }
    }
}

/// Why a layout has no place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// There are no I/O addresses for it.
    Space,
    /// There are only so many maps left.
    Maps {
        /// How many.
        free: u64,
    },
    /// The kernel refused.
    Kernel(IommuError),
}

impl VfioNexus {
    /// Maps all runs of a layout side by side; returns the first address. Nothing is mapped where it fails.
    pub(super) fn insert(&self, layout: &Layout, place: &Place<'_>) -> Result<u64, Refusal> {
        let held = Held { size: layout.size, behind: place.behind, maps: layout.runs.len() as u64 };
        let mut tries = 0;
        loop {
            tries += 1;
            let base = self.reserve(layout, place, held)?;
            let (mapped, maps, error) = match self.map_runs(layout, base, place.access) {
                Ok(()) => return Ok(base),
                Err(refused) => refused,
            };
            if mapped > 0 {
                self.take_away(base, mapped);
            }
            if error == IommuError::Exists && tries < TRIES {
                // Somebody else has it: it is never given back, and another place may be free.
                self.give_up(held);
                continue;
            }
            self.release(base, held);
            match error {
                // It is no longer allowed, where another device has joined.
                IommuError::Invalid if tries < TRIES && self.refresh().is_ok() => {}
                IommuError::Maps => return Err(Refusal::Maps { free: maps }),
                other => return Err(Refusal::Kernel(other)),
            }
        }
    }

    /// Takes a mapping away: first from devices, then from the books.
    pub(super) fn remove(&self, base: u64, held: Held) {
        self.take_away(base, held.size);
        self.release(base, held);
    }

    /// Takes maps and I/O addresses.
    fn reserve(&self, layout: &Layout, place: &Place<'_>, held: Held) -> Result<u64, Refusal> {
        let mut state = self.state();
        let free = self.most_maps.saturating_sub(state.usage.maps);
        if held.maps > free {
            return Err(Refusal::Maps { free });
        }
        let request = place.request(held.size);
        // One entry of the IOMMU's tables stands for a huge page that starts at a multiple of its size on both sides.
        let huge = layout.runs.first().is_some_and(|run| run.size >= HUGE && run.address % HUGE == 0);
        let wished = huge.then(|| Request { align: request.align.max(HUGE), ..request });
        let requests = wished.into_iter().chain([request, place.least(held.size)]);
        let near = |request: Request| Request { hi: request.hi.min(NEAR), ..request };
        let mut requests = requests.flat_map(|request| [near(request), request]);
        let base = requests.find_map(|request| state.space.take(&request)).ok_or(Refusal::Space)?;
        state.usage.maps += held.maps;
        state.usage.mapped_bytes += held.size;
        state.usage.iova_bytes += held.size + held.behind;
        Ok(base)
    }

    /// Gives back what [`reserve`](Self::reserve) took.
    fn release(&self, base: u64, held: Held) {
        self.give_up(held);
        self.state().space.give_back(base, held.size + held.behind);
    }

    /// Strikes what [`reserve`](Self::reserve) took off the books, but keeps the addresses from use.
    fn give_up(&self, held: Held) {
        let usage = &mut self.state().usage;
        usage.maps -= held.maps;
        usage.mapped_bytes -= held.size;
        usage.iova_bytes -= held.size + held.behind;
    }

    /// Maps the runs; where one is refused, tells how many bytes and maps are there already, and why.
    fn map_runs(&self, layout: &Layout, base: u64, access: Access) -> Result<(), (u64, u64, IommuError)> {
        let mut done = 0;
        for (maps, run) in (0..).zip(&layout.runs) {
            // SAFETY: the memory is that of an object, or of an allocation, whose owner unmaps it before it is anybody
            // else's; both are reached by copies alone.
            let mapped = unsafe { self.iommu.map(base + done, run.address, run.size, access) };
            mapped.map_err(|error| (done, maps, error))?;
            done += run.size;
        }
        Ok(())
    }

    /// Takes a range away from devices.
    ///
    /// # Aborts
    ///
    /// Ends the process where an IOMMU that is still there does not do it: memory that devices reach for ever would be
    /// used for something else.
    fn take_away(&self, base: u64, size: u64) {
        if let Err(error) = self.iommu.unmap(base, size)
            && self.iommu.info().is_ok()
        {
            eprintln!(
                "the kernel does not take {size:#x} bytes at I/O address {base:#x} away from devices: {error}"
            );
            std::process::abort();
        }
    }

    /// What is short, in figures that let a window be chosen that goes.
    pub(super) fn shortage(
        &self,
        refusal: Refusal,
        asked: u64,
        layout: &Layout,
        place: &Place<'_>,
    ) -> Shortage {
        // Whoever cuts a window takes these off what is free: the page behind it, and the partial pages at its ends.
        let extra = place.behind + if layout.offset() == 0 { 0 } else { self.page };
        let short = |resource, free, widest: u64| {
            let largest = if widest == 0 { 0 } else { widest.saturating_add(extra) };
            Shortage { resource, asked, free, largest }
        };
        match refusal {
            Refusal::Space => {
                let state = self.state();
                let (free, _) = state.space.free(place.attr.addr_lo, place.attr.addr_hi);
                let room = state.space.largest(&place.least(self.page));
                short(Resource::MapSpace, free, layout.widest(Room::Bytes(room)))
            }
            Refusal::Maps { free } => {
                let widest = layout.widest(Room::Maps(free));
                short(Resource::IommuMaps, widest, widest)
            }
            Refusal::Kernel(IommuError::Memory) => match self.iommu.locked_memory().free() {
                Some(free) if free < layout.size => {
                    let room = free - free % self.page;
                    short(Resource::LockedMemory, free, layout.widest(Room::Bytes(room)))
                }
                _ => short(Resource::Memory, 0, 0),
            },
            Refusal::Kernel(IommuError::Exists | IommuError::Invalid) => short(Resource::MapSpace, 0, 0),
            Refusal::Kernel(_) => short(Resource::Memory, 0, 0),
        }
    }
}
