//! Memory for copy buffers: contiguous frames with a mapping for the CPU, within a limit.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::{
    Direction, DmaAttr, Extent, MapId, MapRequest, MemRequest, NexusMemory, Redzone, Resource, Shortage, View,
};

use super::iommu::Mmu;
use crate::memory::{FileRun, Mapping, Memory, RunRequest};

/// What a nexus has handed out.
#[derive(Debug)]
pub(super) struct CopyMemory {
    memory: Arc<Memory>,
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    next: u64,
    runs: HashMap<u64, Run>,
}

#[derive(Debug)]
struct Run {
    mapping: Mapping,
    frames: FileRun,
}

/// A run that was handed out.
#[derive(Debug, Clone, Copy)]
struct Taken {
    id: MapId,
    cpu: NonNull<u8>,
    physical: u64,
    size: u64,
}

impl CopyMemory {
    pub(super) fn new(memory: Arc<Memory>, limit: u64) -> Self {
        CopyMemory { memory, limit, state: Mutex::default() }
    }

    /// Takes memory for devices that use physical addresses, `last` the highest of them.
    pub(super) fn take_physical(&self, request: &MemRequest<'_>, last: u64) -> Result<NexusMemory, Shortage> {
        let MemRequest { size, align, seg, attr } = *request;
        let (lo, hi) = (attr.addr_lo, attr.addr_hi.min(last));
        let taken = self.take(&RunRequest { size, lo, hi, align, seg })?;
        Ok(NexusMemory { cpu: taken.cpu, bus: taken.physical, size: taken.size, id: taken.id })
    }

    /// Takes memory for devices behind an IOMMU, mapped from its first page on.
    pub(super) fn take_mapped(&self, request: &MemRequest<'_>, mmu: &Mmu) -> Result<NexusMemory, Shortage> {
        let MemRequest { size, align, seg, attr } = *request;
        // Any frames will do: the IOMMU's addresses are what the engine must reach.
        let taken = self.take(&RunRequest { size, lo: 0, hi: u64::MAX, align: 1, seg: u64::MAX })?;
        let frames = [Extent { address: taken.physical, size: taken.size }];
        let attr = DmaAttr { align, seg, ..*attr };
        let mapped = mmu.map_strictly(&MapRequest {
            view: View::Extents(&frames),
            attr: &attr,
            direction: Direction::Both,
            redzone: Redzone::No,
        });
        match mapped {
            Ok(bus) => Ok(NexusMemory { cpu: taken.cpu, bus, size: taken.size, id: taken.id }),
            Err(shortage) => {
                self.give_back(taken.id);
                Err(shortage)
            }
        }
    }

    /// Takes a run of at least `request.size` bytes.
    fn take(&self, request: &RunRequest) -> Result<Taken, Shortage> {
        let page = self.memory.page_size();
        let mut state = self.state();
        let short = |used: u64| {
            let (free, largest) = self.memory.free_for_pool(request.lo..=request.hi);
            let left = self.limit.saturating_sub(used);
            let (free, largest) = (free.min(left), largest.min(left));
            Shortage { resource: Resource::CopyBuffer, asked: request.size, free, largest }
        };
        let size = request.size.max(1).checked_next_multiple_of(page);
        let size = size.filter(|size| *size <= self.limit.saturating_sub(state.used));
        let request = RunRequest { size: size.ok_or_else(|| short(state.used))?, ..*request };
        let start = self.memory.take_pool_run(&request).ok_or_else(|| short(state.used))?;
        let frames = FileRun { start, size: request.size };
        let Ok(mapping) = self.memory.map(&[frames]) else {
            self.memory.release(frames);
            return Err(short(state.used));
        };
        let (id, cpu) = (state.next, mapping.start());
        state.next += 1;
        state.used += request.size;
        state.runs.insert(id, Run { mapping, frames });
        Ok(Taken { id: MapId(id), cpu, physical: start, size: request.size })
    }

    /// Takes a run back. An id that was never handed out names nothing.
    pub(super) fn give_back(&self, id: MapId) {
        let mut state = self.state();
        let Some(run) = state.runs.remove(&id.0) else { return };
        state.used -= run.frames.size;
        drop(run.mapping);
        self.memory.release(run.frames);
    }

    /// Bytes handed out.
    pub(super) fn used(&self) -> u64 {
        self.state().used
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
