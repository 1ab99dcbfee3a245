//! Statistics of a nexus: counted where the work is done, summed when somebody asks.
//!
//! Each handle counts in a block of its own that only it writes, so that binding writes to no memory that another
//! processor writes.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::lock::Mutex;
use portable_atomic::{AtomicU64, Ordering};

use crate::error::{Resource, Shortage};
use crate::wait::WaitCounts;

/// What happened on a nexus since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Objects bound.
    pub binds: u64,
    /// Of these, objects that took more than one window.
    pub partial_binds: u64,
    /// Bytes moved into and out of the copy buffer.
    pub bytes_copied: u64,
    /// Requests for copy buffer that were refused; a bind that sleeps until it has what it needs is none.
    pub copy_buffer_shortages: u64,
    /// Requests for map space, or for what a mapping takes, that were refused.
    pub map_space_shortages: u64,
    /// Allocations that found too little memory.
    pub memory_shortages: u64,
    /// Handles that could not be had.
    pub handle_shortages: u64,
    /// Requests that were queued to wait for a resource.
    pub waits: u64,
    /// Calls of resource callbacks.
    pub callbacks: u64,
    /// How often somebody who waited was passed by somebody else.
    pub passes: u64,
    /// Bytes that are kept from use because a device may still reach them.
    pub quarantined_bytes: u64,
    /// Bytes that copy runs take now, those kept by idle handles included.
    pub copy_buffer_taken: u64,
}

impl Stats {
    /// Adds what happened at a gate.
    pub(crate) fn count_waits(&mut self, counts: WaitCounts) {
        self.waits += counts.waits;
        self.callbacks += counts.callbacks;
        self.passes += counts.passes;
    }
}

/// Counters of one handle.
///
/// # Invariants
///
/// Only the handle that owns the block writes it, so a plain load and store make an increment.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Counters {
    binds: AtomicU64,
    partial_binds: AtomicU64,
    bytes_copied: AtomicU64,
}

impl Counters {
    #[inline]
    pub(crate) fn count_bind(&self) {
        add(&self.binds, 1);
    }

    pub(crate) fn count_partial(&self) {
        add(&self.partial_binds, 1);
    }

    pub(crate) fn count_copied(&self, bytes: u64) {
        add(&self.bytes_copied, bytes);
    }

    fn add_to(&self, stats: &mut Stats) {
        stats.binds += self.binds.load(Ordering::Relaxed);
        stats.partial_binds += self.partial_binds.load(Ordering::Relaxed);
        stats.bytes_copied += self.bytes_copied.load(Ordering::Relaxed);
    }
}

#[inline]
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// The counters of all handles of a nexus, and what is counted on slow paths alone.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    inner: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Totals {
    handles: Vec<Arc<Counters>>,
    /// Slow-path counts, and those of handles that are gone.
    closed: Stats,
}

impl Ledger {
    pub(crate) fn open(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        self.inner.lock().handles.push(counters.clone());
        counters
    }

    /// Keeps the counts of a handle that goes away.
    pub(crate) fn close(&self, counters: &Arc<Counters>) {
        let mut inner = self.inner.lock();
        counters.add_to(&mut inner.closed);
        inner.handles.retain(|other| !Arc::ptr_eq(other, counters));
    }

    pub(crate) fn count_shortage(&self, shortage: &Shortage) {
        let closed = &mut self.inner.lock().closed;
        match shortage.resource {
            Resource::CopyBuffer => closed.copy_buffer_shortages += 1,
            Resource::MapSpace | Resource::IommuMaps | Resource::LockedMemory => {
                closed.map_space_shortages += 1;
            }
            Resource::Memory => closed.memory_shortages += 1,
            Resource::Handles => closed.handle_shortages += 1,
            // Not a bus' to give out.
            Resource::DmaChannel(_) => {}
        }
    }

    pub(crate) fn quarantine(&self, bytes: u64) {
        self.inner.lock().closed.quarantined_bytes += bytes;
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.inner.lock().closed.quarantined_bytes -= bytes;
    }

    pub(crate) fn sum(&self) -> Stats {
        let inner = self.inner.lock();
        let mut stats = inner.closed;
        inner.handles.iter().for_each(|counters| counters.add_to(&mut stats));
        stats
    }
}
