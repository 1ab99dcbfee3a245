//! Map space: the I/O addresses of a nexus, and the queue of those who wait for some.

use alloc::sync::Arc;
use alloc::vec::Vec;

use portable_atomic::{AtomicU64, Ordering};

use crate::copy_buffer::{CopyBuffer, RunSlot};
use crate::error::{Resource, Shortage};
use crate::nexus::{MapId, MapRequest, Nexus};
use crate::object::Extent;
use crate::wait::{Refusal, Supply};

/// The map space of one nexus. How much there is, the nexus alone knows.
pub(crate) struct MapSpace {
    nexus: Arc<dyn Nexus>,
    /// What is out of the nexus, and so comes back.
    out: Arc<AtomicU64>,
}

impl MapSpace {
    pub(crate) fn new(nexus: Arc<dyn Nexus>, out: Arc<AtomicU64>) -> Self {
        MapSpace { nexus, out }
    }

    /// Maps something. The nexus may be short only because of what other handles keep for copying.
    pub(crate) fn map(
        &mut self,
        request: &MapRequest<'_>,
        (copy_buffer, slot): (&CopyBuffer, &RunSlot),
        bus: &mut Vec<Extent>,
    ) -> Result<MapId, Refusal> {
        // Looked at first: what comes back meanwhile was worth waiting for.
        let comes_back = self.out.load(Ordering::Acquire) > 0;
        bus.clear();
        let mapped =
            self.nexus.map(request, bus).or_else(|shortage| match copy_buffer.reclaim_others(slot) {
                0 => Err(shortage),
                _ => {
                    bus.clear();
                    self.nexus.map(request, bus)
                }
            });
        match mapped {
            Ok(map) => {
                self.out.fetch_add(1, Ordering::AcqRel);
                Ok(map)
            }
            Err(shortage) if comes_back && fits(request, &shortage) => Err(Refusal::Later(shortage)),
            Err(shortage) => Err(Refusal::Never(shortage)),
        }
    }

    /// Takes a mapping away.
    ///
    /// # Safety
    ///
    /// `map` came from [`map`](Self::map) of this space and was not unmapped since.
    pub(crate) unsafe fn unmap(&mut self, map: MapId) {
        // SAFETY: the caller's promise, and every mapping of this space comes from the nexus.
        unsafe { self.nexus.unmap(map) }
        self.out.fetch_sub(1, Ordering::AcqRel);
    }

    /// Maps something in the place of another mapping.
    ///
    /// # Safety
    ///
    /// That of [`unmap`](Self::unmap) for `before`.
    pub(crate) unsafe fn exchange(
        &mut self,
        before: MapId,
        request: &MapRequest<'_>,
        (copy_buffer, slot): (&CopyBuffer, &RunSlot),
        bus: &mut Vec<Extent>,
    ) -> Result<MapId, Refusal> {
        // SAFETY: the caller's promise.
        unsafe { self.unmap(before) };
        self.map(request, (copy_buffer, slot), bus)
    }
}

/// Whether what was asked for fits the addresses that the engine reaches, were all of them free.
fn fits(request: &MapRequest<'_>, shortage: &Shortage) -> bool {
    let reach = (request.attr.addr_hi - request.attr.addr_lo).saturating_add(1);
    let asked = match shortage.resource {
        Resource::MapSpace => shortage.asked,
        _ => 0,
    };
    asked.max(request.view.length().unwrap_or(u64::MAX)) <= reach
}

impl Supply for MapSpace {
    fn promises(&self, _: u64) -> bool {
        true
    }

    fn shortage(&self, asked: u64) -> Shortage {
        // It is kept for somebody who waits; who asks now gets nothing of it.
        Shortage { resource: Resource::MapSpace, asked, free: 0, largest: 0 }
    }
}
