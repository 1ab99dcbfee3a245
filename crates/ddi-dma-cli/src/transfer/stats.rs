//! What happened on the bus, as a section of a report.

use std::fmt;

use ddi_dma::Stats;
use serde::Serialize;

use crate::number::grouped;

/// The counters of a bus and of the DMA engine on it.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct StatsSection {
    binds: u64,
    partial_binds: u64,
    bytes_copied: u64,
    waits: u64,
    callbacks: u64,
    passes: u64,
    shortages: Shortages,
    quarantined_bytes: u64,
    dma_channels: ChannelWaits,
}

/// How often somebody waited for a channel of the system's DMA engine.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct ChannelWaits {
    waits: u64,
    callbacks: u64,
    passes: u64,
}

/// How often something was short.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Shortages {
    copy_buffer: u64,
    map_space: u64,
    handles: u64,
}

impl StatsSection {
    /// Those of a bus and of an engine.
    pub(super) fn new(stats: Stats, engine: Stats) -> Self {
        StatsSection {
            binds: stats.binds,
            partial_binds: stats.partial_binds,
            bytes_copied: stats.bytes_copied,
            waits: stats.waits,
            callbacks: stats.callbacks,
            passes: stats.passes,
            shortages: Shortages {
                copy_buffer: stats.copy_buffer_shortages,
                map_space: stats.map_space_shortages,
                handles: stats.handle_shortages,
            },
            quarantined_bytes: stats.quarantined_bytes,
            dma_channels: ChannelWaits {
                waits: engine.waits,
                callbacks: engine.callbacks,
                passes: engine.passes,
            },
        }
    }
}

impl fmt::Display for StatsSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [binds, partial, copied] = [self.binds, self.partial_binds, self.bytes_copied].map(grouped);
        let [waits, callbacks, passes] = [self.waits, self.callbacks, self.passes].map(grouped);
        let Shortages { copy_buffer, map_space, handles } = self.shortages;
        let [copy_buffer, map_space, handles] = [copy_buffer, map_space, handles].map(grouped);
        writeln!(f, "stats")?;
        writeln!(f, "  binds {binds}, partial {partial}; bytes copied {copied}")?;
        writeln!(f, "  waits {waits}, callbacks {callbacks}, passes {passes}")?;
        writeln!(f, "  shortages: copy buffer {copy_buffer}, map space {map_space}, handles {handles}")?;
        writeln!(f, "  bytes in quarantine {}", grouped(self.quarantined_bytes))?;
        let ChannelWaits { waits, callbacks, passes } = self.dma_channels;
        let [waits, callbacks, passes] = [waits, callbacks, passes].map(grouped);
        writeln!(f, "  DMA channels: waits {waits}, callbacks {callbacks}, passes {passes}")
    }
}
