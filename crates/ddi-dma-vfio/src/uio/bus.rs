//! The bus of devices without an IOMMU.

use std::sync::Arc;

use ddi_dma::{Bus, BusConfig};

use super::nexus::{PhysicalNexus, PoolConfig, PoolError};

/// A [`Bus`] whose devices use physical addresses, and the nexus above it: what a [`LockedBuffer`](super::LockedBuffer) is
/// allocated on.
#[derive(Debug, Clone)]
pub struct PhysicalBus {
    nexus: Arc<PhysicalNexus>,
    bus: Arc<Bus>,
}

impl PhysicalBus {
    /// Takes memory for the pool, and puts the nexus to use.
    ///
    /// # Errors
    ///
    /// Those of [`PhysicalNexus::new`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use ddi_dma::BusConfig;
    /// use ddi_dma_vfio::uio::{LockedBuffer, PhysicalBus, PoolConfig};
    ///
    /// let bus = PhysicalBus::new(PoolConfig::default(), BusConfig::default())?;
    /// let device = bus.bus().device("nvme");
    /// let buffer = LockedBuffer::new(&bus, 1 << 20)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(pool: PoolConfig, config: BusConfig) -> Result<Self, PoolError> {
        Ok(Self::with_nexus(PhysicalNexus::new(pool)?, config))
    }

    pub(super) fn with_nexus(nexus: Arc<PhysicalNexus>, config: BusConfig) -> Self {
        let bus = Arc::new(Bus::new(nexus.clone(), config));
        PhysicalBus { nexus, bus }
    }

    /// The bus, for its devices and its statistics.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The nexus, for the use of its pool.
    pub fn nexus(&self) -> &PhysicalNexus {
        &self.nexus
    }
}
