//! What can go wrong with the device.

use core::time::Duration;

use crate::engine::Engine;

/// What went wrong with the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The liveness register does not give the complement.
    #[error("the liveness register gave {read:#010x} for {wrote:#010x}, which should have been {:#010x}", !wrote)]
    Liveness {
        /// What was written.
        wrote: u32,
        /// What was read.
        read: u32,
    },
    /// The device still works on something that was started earlier and timed out. Nothing was started now.
    #[error("the device still works on {work} that was started earlier: try again when it has ended")]
    Busy {
        /// On what.
        work: Work,
    },
    /// It has not ended.
    #[error("{work} has not ended within {} ms: its register reads {register:#x}", limit.as_millis())]
    TimedOut {
        /// What was waited for.
        work: Work,
        /// How long.
        limit: Duration,
        /// The register that tells: DMA command, or status.
        register: u64,
    },
    /// Interrupts came, one after the other, and none of them was the end.
    #[error("{work} has not ended, and {interrupts} interrupts came meanwhile that tell of nothing")]
    Storm {
        /// What was waited for.
        work: Work,
        /// How many came.
        interrupts: u32,
    },
    /// All bits of a register are set: nobody answers.
    #[error(
        "the device answers no more, amid {work}: its registers read as all ones. Was it removed, or its memory decoding turned off?"
    )]
    Silent {
        /// What was waited for.
        work: Work,
    },
}

/// What the device works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Work {
    /// A DMA.
    #[error("a DMA")]
    Dma,
    /// A factorial.
    #[error("a factorial")]
    Factorial,
}

impl Fault {
    /// What the DMA engine does behind this fault, as far as the driver knows.
    pub fn engine(&self) -> Engine {
        match self {
            Fault::TimedOut { work: Work::Dma, .. }
            | Fault::Storm { work: Work::Dma, .. }
            | Fault::Busy { work: Work::Dma }
            | Fault::Silent { .. } => Engine::Running,
            _ => Engine::Stopped,
        }
    }
}
