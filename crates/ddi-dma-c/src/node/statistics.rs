//! What happened on a device's bus, for C.

use ddi_dma::Stats;

use super::DevInfo;
use crate::misuse::misuse;

/// `struct ddi_dma_statistics`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DdiDmaStatistics {
    binds: u64,
    partial_binds: u64,
    bytes_copied: u64,
    copy_buffer_shortages: u64,
    map_space_shortages: u64,
    memory_shortages: u64,
    handle_shortages: u64,
    waits: u64,
    callbacks: u64,
    passes: u64,
    quarantined_bytes: u64,
    copy_buffer_taken: u64,
}

impl From<Stats> for DdiDmaStatistics {
    fn from(stats: Stats) -> Self {
        DdiDmaStatistics {
            binds: stats.binds,
            partial_binds: stats.partial_binds,
            bytes_copied: stats.bytes_copied,
            copy_buffer_shortages: stats.copy_buffer_shortages,
            map_space_shortages: stats.map_space_shortages,
            memory_shortages: stats.memory_shortages,
            handle_shortages: stats.handle_shortages,
            waits: stats.waits,
            callbacks: stats.callbacks,
            passes: stats.passes,
            quarantined_bytes: stats.quarantined_bytes,
            copy_buffer_taken: stats.copy_buffer_taken,
        }
    }
}

/// Tells what happened on the bus of a device since it was opened.
///
/// # Safety
///
/// `statistics` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_statistics(dip: *mut DevInfo, statistics: *mut DdiDmaStatistics) {
    let node = super::of(dip, "ddi_dma_statistics");
    if statistics.is_null() {
        misuse!("ddi_dma_statistics", "statistics is NULL");
    }
    // SAFETY: not null, so valid (the caller's duty).
    unsafe { statistics.write(node.bus.stats().into()) }
}
