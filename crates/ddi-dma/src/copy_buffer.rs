//! The copy buffer: reachable memory that stands in for bytes that an engine cannot reach. One pool a nexus.
//!
//! A handle takes one contiguous run for a binding and keeps it afterwards for the next, so that in the steady state
//! nobody allocates. A run that lies idle in its handle is taken back when another handle is short.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use spin::Mutex;

use crate::attr::DmaAttr;
use crate::error::{Resource, Shortage};
use crate::nexus::{MemRequest, Nexus, NexusMemory};

/// Where a handle keeps the run that it used last.
#[derive(Debug, Default)]
pub(crate) struct RunSlot {
    idle: Mutex<Option<NexusMemory>>,
}

/// The pool of one nexus.
pub(crate) struct CopyBuffer {
    nexus: Arc<dyn Nexus>,
    page_size: u64,
    /// Most bytes that one window may copy.
    limit: u64,
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    /// Bytes of all runs, in use or idle.
    taken: u64,
    slots: Vec<Weak<RunSlot>>,
}

impl CopyBuffer {
    pub(crate) fn new(nexus: Arc<dyn Nexus>, limit: u64) -> Self {
        let page_size = nexus.info().page_size;
        CopyBuffer { nexus, page_size, limit, pool: Mutex::default() }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn taken(&self) -> u64 {
        self.pool.lock().taken
    }

    pub(crate) fn open_slot(&self) -> Arc<RunSlot> {
        let slot = Arc::new(RunSlot::default());
        let mut pool = self.pool.lock();
        pool.slots.retain(|slot| slot.strong_count() > 0);
        pool.slots.push(Arc::downgrade(&slot));
        slot
    }

    /// Takes a run of `room` bytes: the one that the slot keeps, if it is large enough, or a new one.
    pub(crate) fn take(&self, slot: &RunSlot, room: u64, attr: &DmaAttr) -> Result<NexusMemory, Shortage> {
        let kept = slot.idle.lock().take();
        match kept {
            Some(run) if run.size >= room => return Ok(run),
            Some(run) => self.free(run),
            None => {}
        }
        let size = room.checked_next_multiple_of(self.page_size).unwrap_or(u64::MAX);
        let mut pool = self.pool.lock();
        self.make_room(&mut pool, size)?;
        let fresh = MemRequest { size, align: attr.align, seg: attr.seg, attr };
        let run = self.nexus.alloc(&fresh).or_else(|shortage| {
            // The nexus may be short because of what idle handles keep.
            if self.reclaim(&mut pool, u64::MAX) == 0 { Err(shortage) } else { self.nexus.alloc(&fresh) }
        })?;
        pool.taken += run.size;
        Ok(run)
    }

    /// Keeps a run for the slot's next binding.
    pub(crate) fn keep(&self, slot: &RunSlot, run: NexusMemory) {
        let before = slot.idle.lock().replace(run);
        before.into_iter().for_each(|run| self.free(run));
    }

    /// Gives the run that the slot keeps back to the nexus.
    pub(crate) fn close_slot(&self, slot: &RunSlot) {
        let kept = slot.idle.lock().take();
        kept.into_iter().for_each(|run| self.free(run));
    }

    /// Gives a run back to the nexus, which takes it away from devices.
    pub(crate) fn free(&self, run: NexusMemory) {
        let mut pool = self.pool.lock();
        self.free_locked(&mut pool, run);
    }

    fn free_locked(&self, pool: &mut Pool, run: NexusMemory) {
        pool.taken -= run.size;
        // SAFETY: every run comes from `alloc` in `take`, exists once (a slot or one binding holds it) and is given here
        // by its last holder.
        unsafe { self.nexus.free(run) }
    }

    /// Sees that `size` more bytes stay within the limit, in whole pages.
    fn make_room(&self, pool: &mut Pool, size: u64) -> Result<(), Shortage> {
        let limit = self.limit.checked_next_multiple_of(self.page_size).unwrap_or(u64::MAX);
        let free = limit.saturating_sub(pool.taken);
        let reclaimed = if free < size { self.reclaim(pool, size - free) } else { 0 };
        let free = free + reclaimed;
        if free >= size {
            return Ok(());
        }
        Err(Shortage { resource: Resource::CopyBuffer, asked: size, free, largest: free })
    }

    /// Frees idle runs until `wanted` bytes are found or none is left; returns what was found.
    fn reclaim(&self, pool: &mut Pool, wanted: u64) -> u64 {
        let slots: Vec<Arc<RunSlot>> = pool.slots.iter().filter_map(Weak::upgrade).collect();
        let mut found = 0;
        for slot in slots {
            if found >= wanted {
                break;
            }
            let idle = slot.idle.lock().take();
            if let Some(run) = idle {
                found += run.size;
                self.free_locked(pool, run);
            }
        }
        found
    }
}
