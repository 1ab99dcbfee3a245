//! Map space: the I/O addresses of a nexus, and the queue of those who wait for some.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::error::{Resource, Shortage};
use crate::nexus::{MapId, MapRequest, Nexus};
use crate::object::Extent;
use crate::wait::{Refusal, Supply};

/// The map space of one nexus. How much there is, the nexus alone knows.
pub(crate) struct MapSpace {
    nexus: Arc<dyn Nexus>,
    /// Mappings that will come back.
    mappings: u64,
}

impl MapSpace {
    pub(crate) fn new(nexus: Arc<dyn Nexus>) -> Self {
        MapSpace { nexus, mappings: 0 }
    }

    pub(crate) fn map(&mut self, request: &MapRequest<'_>, bus: &mut Vec<Extent>) -> Result<MapId, Refusal> {
        bus.clear();
        match self.nexus.map(request, bus) {
            Ok(map) => {
                self.mappings += 1;
                Ok(map)
            }
            Err(shortage) if self.mappings > 0 => Err(Refusal::Later(shortage)),
            Err(shortage) => Err(Refusal::Never(shortage)),
        }
    }

    /// Takes a mapping away.
    ///
    /// # Safety
    ///
    /// `map` came from [`map`](Self::map) of this space and was not unmapped since.
    pub(crate) unsafe fn unmap(&mut self, map: MapId) {
        self.mappings -= 1;
        // SAFETY: the caller's promise, and every mapping of this space comes from the nexus.
        unsafe { self.nexus.unmap(map) }
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
        bus: &mut Vec<Extent>,
    ) -> Result<MapId, Refusal> {
        // SAFETY: the caller's promise.
        unsafe { self.unmap(before) };
        self.map(request, bus)
    }
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
