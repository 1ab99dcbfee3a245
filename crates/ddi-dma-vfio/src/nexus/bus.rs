//! A bus of this nexus.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use ddi_dma::{Bus, BusConfig};

use super::VfioNexus;

/// A [`Bus`] that is known to be one of this nexus, so that memory can be mapped for it beforehand: see
/// [`Arena`](crate::Arena). It is used like any bus.
#[derive(Clone)]
pub struct VfioBus {
    nexus: Arc<VfioNexus>,
    bus: Bus,
}

impl VfioNexus {
    /// Puts the nexus to use.
    pub fn bus(self: &Arc<Self>, config: BusConfig) -> VfioBus {
        VfioBus { nexus: self.clone(), bus: Bus::new(self.clone(), config) }
    }
}

impl VfioBus {
    /// The nexus.
    pub fn nexus(&self) -> &Arc<VfioNexus> {
        &self.nexus
    }
}

impl Deref for VfioBus {
    type Target = Bus;

    fn deref(&self) -> &Bus {
        &self.bus
    }
}

impl fmt::Debug for VfioBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VfioBus").field("nexus", &self.nexus).field("bus", &self.bus).finish()
    }
}
