//! Where private memory comes from, and the queue of those who wait for some.

use alloc::sync::Arc;

use portable_atomic::{AtomicU64, Ordering};

use crate::copy_buffer::CopyBuffer;
use crate::error::{Resource, Shortage};
use crate::nexus::{MemRequest, Nexus, NexusMemory};
use crate::wait::{Refusal, Supply};

/// The private memory of one nexus. How much there is, the nexus alone knows.
pub(crate) struct MemoryPool {
    nexus: Arc<dyn Nexus>,
    /// What is out of the nexus, and so comes back: private memory, copy runs, mappings.
    out: Arc<AtomicU64>,
}

impl MemoryPool {
    pub(crate) fn new(nexus: Arc<dyn Nexus>) -> Self {
        MemoryPool { nexus, out: Arc::default() }
    }

    /// What counts all that is out of the nexus.
    pub(crate) fn out(&self) -> Arc<AtomicU64> {
        self.out.clone()
    }

    /// Takes memory from the nexus, which may be short only because of what idle handles keep for copying.
    pub(super) fn take(
        &mut self,
        request: &MemRequest<'_>,
        copy_buffer: &CopyBuffer,
    ) -> Result<NexusMemory, Refusal> {
        // Looked at first: what comes back meanwhile was worth waiting for.
        let comes_back = self.out.load(Ordering::Acquire) > 0;
        let taken = self.nexus.alloc(request).or_else(|shortage| match copy_buffer.reclaim_idle() {
            0 => Err(shortage),
            _ => self.nexus.alloc(request),
        });
        match taken {
            Ok(memory) => {
                self.out.fetch_add(memory.size, Ordering::AcqRel);
                Ok(memory)
            }
            Err(shortage) if comes_back => Err(Refusal::Later(of_memory(shortage))),
            Err(shortage) => Err(Refusal::Never(of_memory(shortage))),
        }
    }

    /// Gives memory back to the nexus, which takes it away from devices.
    ///
    /// # Safety
    ///
    /// `memory` came from [`take`](Self::take) of this pool and was not given back since; that of
    /// [`Nexus::free`](crate::Nexus::free).
    pub(super) unsafe fn give_back(&mut self, memory: NexusMemory) {
        // SAFETY: the caller's promise.
        unsafe { self.nexus.free(memory) }
        self.out.fetch_sub(memory.size, Ordering::AcqRel);
    }
}

/// What is short for somebody who asked for private memory.
fn of_memory(shortage: Shortage) -> Shortage {
    match shortage.resource {
        Resource::CopyBuffer => Shortage { resource: Resource::Memory, ..shortage },
        _ => shortage,
    }
}

impl Supply for MemoryPool {
    fn promises(&self, _: u64) -> bool {
        true
    }

    fn shortage(&self, asked: u64) -> Shortage {
        // It is kept for somebody who waits; who asks now gets nothing of it.
        Shortage { resource: Resource::Memory, asked, free: 0, largest: 0 }
    }
}
