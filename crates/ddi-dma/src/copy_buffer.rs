//! The copy buffer: reachable memory that stands in for bytes that an engine cannot reach. One pool a nexus.
//!
//! A handle takes one contiguous run for a binding and keeps it afterwards for the next, so that in the steady state
//! nobody allocates. A run that lies idle in its handle is taken back when another handle is short.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use portable_atomic::{AtomicU64, Ordering};

use crate::attr::DmaAttr;
use crate::error::{Resource, Shortage};
use crate::lock::Mutex;
use crate::map_space::MapSpace;
use crate::mem::MemoryPool;
use crate::nexus::{MemRequest, Nexus, NexusMemory};
use crate::platform::Platform;
use crate::wait::{Gate, Patience, Refusal, Supply, Ticket};

/// Where a handle keeps the run that it used last.
#[derive(Debug, Default)]
pub(crate) struct RunSlot {
    idle: Mutex<Option<NexusMemory>>,
}

impl RunSlot {
    /// Takes the idle run, if it has so many bytes.
    fn take(&self, room: u64) -> Option<NexusMemory> {
        self.idle.lock().take_if(|run| run.size >= room)
    }
}

/// The pool of one nexus.
pub(crate) struct CopyBuffer {
    gate: Arc<Gate<Pool>>,
    sharers: Sharers,
    page_size: u64,
    /// Most bytes that one window may copy.
    limit: u64,
}

/// What else comes from the nexus' memory and addresses: those who may wait for what is freed here.
pub(crate) struct Sharers {
    pub(crate) memory: Arc<Gate<MemoryPool>>,
    pub(crate) map_space: Arc<Gate<MapSpace>>,
}

pub(crate) struct Pool {
    nexus: Arc<dyn Nexus>,
    /// The limit in whole pages.
    limit: u64,
    /// Bytes of all runs, in use or idle.
    taken: u64,
    slots: Vec<Weak<RunSlot>>,
    /// What is out of the nexus, and so comes back.
    out: Arc<AtomicU64>,
}

impl CopyBuffer {
    pub(crate) fn new(
        nexus: Arc<dyn Nexus>,
        limit: u64,
        sharers: Sharers,
        platform: Arc<dyn Platform>,
    ) -> Self {
        let page_size = nexus.info().page_size;
        let whole = limit.checked_next_multiple_of(page_size).unwrap_or(u64::MAX);
        let out = sharers.memory.look(MemoryPool::out);
        let pool = Pool { nexus, limit: whole, taken: 0, slots: Vec::new(), out };
        CopyBuffer { gate: Gate::new(pool, platform), sharers, page_size, limit }
    }

    pub(crate) fn gate(&self) -> &Arc<Gate<Pool>> {
        &self.gate
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn taken(&self) -> u64 {
        self.gate.look(|pool| pool.taken)
    }

    pub(crate) fn open_slot(&self) -> Arc<RunSlot> {
        let slot = Arc::new(RunSlot::default());
        let weak = Arc::downgrade(&slot);
        self.gate.change(|pool| {
            pool.slots.retain(|slot| slot.strong_count() > 0);
            pool.slots.push(weak);
        });
        slot
    }

    /// Takes a run of `room` bytes: the one that the slot keeps, if it is large enough and nobody waits, or a new one.
    pub(crate) fn take(
        &self,
        slot: &RunSlot,
        room: u64,
        attr: &DmaAttr,
        patience: Patience<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Result<NexusMemory, Refusal> {
        if !self.gate.is_crowded()
            && let Some(run) = slot.take(room)
        {
            return Ok(run);
        }
        // Nothing is given back here: callbacks would run inside a bind, whose caller may hold locks that they want.
        let size = room.checked_next_multiple_of(self.page_size).unwrap_or(u64::MAX);
        self.gate.obtain(size, patience, ticket, |pool| match slot.take(room) {
            Some(run) => Ok(run),
            None => pool.take(size, attr),
        })
    }

    /// Keeps a run for the slot's next binding, or gives it back where somebody waits for one.
    pub(crate) fn keep(&self, slot: &RunSlot, run: NexusMemory) {
        if self.is_crowded() {
            return self.free(run);
        }
        let before = slot.idle.lock().replace(run);
        before.into_iter().for_each(|run| self.free(run));
        // Somebody may have begun to wait since, and found nothing idle.
        if self.is_crowded() {
            self.close_slot(slot);
        }
    }

    /// Gives the run that the slot keeps back to the nexus.
    pub(crate) fn close_slot(&self, slot: &RunSlot) {
        let kept = slot.idle.lock().take();
        kept.into_iter().for_each(|run| self.free(run));
    }

    /// Gives the runs that idle handles keep back to the nexus; returns their bytes.
    pub(crate) fn reclaim_idle(&self) -> u64 {
        self.gate.change(|pool| pool.reclaim(u64::MAX, None))
    }

    /// Gives the runs that other handles than the slot's keep back to the nexus; returns their bytes.
    pub(crate) fn reclaim_others(&self, slot: &RunSlot) -> u64 {
        self.gate.change(|pool| pool.reclaim(u64::MAX, Some(slot)))
    }

    /// Gives a run back to the nexus, which takes it away from devices.
    pub(crate) fn free(&self, run: NexusMemory) {
        self.gate.give(|pool| pool.free(run));
        self.sharers.memory.serve();
        self.sharers.map_space.serve();
    }

    /// Whether somebody waits for what a run takes.
    fn is_crowded(&self) -> bool {
        self.gate.is_crowded() || self.sharers.memory.is_crowded() || self.sharers.map_space.is_crowded()
    }
}

impl Pool {
    fn take(&mut self, size: u64, attr: &DmaAttr) -> Result<NexusMemory, Refusal> {
        let free = self.limit.saturating_sub(self.taken);
        if free < size {
            self.reclaim(size - free, None);
        }
        if self.limit.saturating_sub(self.taken) < size {
            let shortage = self.shortage(size);
            let comes_back = self.taken > 0 && size <= self.limit;
            return Err(if comes_back { Refusal::Later(shortage) } else { Refusal::Never(shortage) });
        }
        // Looked at first: what comes back meanwhile was worth waiting for.
        let comes_back = self.out.load(Ordering::Acquire) > 0;
        let fresh = MemRequest { size, align: attr.align, seg: attr.seg, attr };
        let run = self.nexus.alloc(&fresh).or_else(|shortage| {
            // The nexus may be short because of what idle handles keep.
            if self.reclaim(u64::MAX, None) == 0 { Err(shortage) } else { self.nexus.alloc(&fresh) }
        });
        let refusal = if comes_back { Refusal::Later } else { Refusal::Never };
        let run = run.map_err(refusal)?;
        self.taken += run.size;
        self.out.fetch_add(run.size, Ordering::AcqRel);
        Ok(run)
    }

    fn free(&mut self, run: NexusMemory) {
        self.taken -= run.size;
        self.out.fetch_sub(run.size, Ordering::AcqRel);
        // SAFETY: every run comes from `alloc` in `take`, exists once (a slot or one binding holds it) and is given here
        // by its last holder.
        unsafe { self.nexus.free(run) }
    }

    /// Frees idle runs until `wanted` bytes are found or none is left; returns what was found.
    fn reclaim(&mut self, wanted: u64, except: Option<&RunSlot>) -> u64 {
        let mut slots: Vec<Arc<RunSlot>> = self.slots.iter().filter_map(Weak::upgrade).collect();
        slots.retain(|slot| !except.is_some_and(|kept| core::ptr::eq(&**slot, kept)));
        let mut found = 0;
        for slot in slots {
            if found >= wanted {
                break;
            }
            let idle = slot.idle.lock().take();
            if let Some(run) = idle {
                found += run.size;
                self.free(run);
            }
        }
        found
    }
}

impl Supply for Pool {
    fn promises(&self, asked: u64) -> bool {
        self.limit.saturating_sub(self.taken) >= asked
    }

    fn shortage(&self, asked: u64) -> Shortage {
        let free = self.limit.saturating_sub(self.taken);
        Shortage { resource: Resource::CopyBuffer, asked, free, largest: free }
    }
}
