//! A bus and a DMA engine, for a test and its driver.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use ddi_dma::{Bus, BusConfig, Dmae, PortIo};

use crate::nexus::IsaNexus;
use crate::platform::Resting;
use crate::ports::Ports;

/// What a driver attaches to.
pub(super) struct System {
    pub(super) ports: Arc<CountedPorts>,
    pub(super) dmae: Dmae,
    pub(super) bus: Bus,
}

impl System {
    /// One whose bus has so many bytes for copying.
    pub(super) fn with_copy_buffer(copy_buffer_limit: u64) -> Self {
        // SAFETY: the drivers program the engine through the framework, with cookies of transfers in flight alone, and the
        // tests write to the ports of the floppy controller and of the sound card besides.
        let ports = Arc::new(CountedPorts { ports: unsafe { Ports::new() }, writes: AtomicU64::new(0) });
        let dmae = Dmae::with_platform(ports.clone(), Arc::new(Resting));
        let config = BusConfig { copy_buffer_limit, ..BusConfig::default() };
        let bus = Bus::with_platform(Arc::new(IsaNexus), config, Arc::new(Resting));
        System { ports, dmae, bus }
    }

    /// One whose copy buffer holds whatever the tests transfer.
    pub(super) fn new() -> Self {
        Self::with_copy_buffer(1 << 20)
    }
}

/// All ports, and how often something was written to one.
pub(super) struct CountedPorts {
    ports: Ports,
    writes: AtomicU64,
}

impl CountedPorts {
    /// Writes so far.
    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }
}

impl PortIo for CountedPorts {
    fn read(&self, port: u16) -> u8 {
        self.ports.read(port)
    }

    fn write(&self, port: u16, value: u8) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.ports.write(port, value);
    }
}
