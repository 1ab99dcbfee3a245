//! A slot of the SBus as the device in it sees the bus.

use std::sync::Arc;

use ddi_dma::{BurstSizes, Nexus, SlotKind};

use super::{BusCounters, BusFault, DeviceAccess, DeviceBus, FaultKind, SbusNexus};

/// The wires of one slot: those of the bus, but in a slave-only slot none for a grant.
#[derive(Debug)]
pub(crate) struct SbusSlot {
    nexus: Arc<SbusNexus>,
    slot: u32,
}

impl SbusSlot {
    pub(crate) fn new(nexus: Arc<SbusNexus>, slot: u32) -> Self {
        SbusSlot { nexus, slot }
    }

    /// Asks for the bus. Without a grant the device gives up, as after a time-out, and nothing has moved.
    fn granted(&self, address: u64, length: usize, access: DeviceAccess) -> Result<(), BusFault> {
        match self.nexus.slot(self.slot) {
            SlotKind::Master => Ok(()),
            SlotKind::SlaveOnly => {
                self.nexus.count_fault();
                let kind = FaultKind::NoGrant;
                Err(BusFault { address, start: address, length: length as u64, access, kind })
            }
        }
    }
}

impl DeviceBus for SbusSlot {
    fn read(&self, address: u64, to: &mut [u8]) -> Result<(), BusFault> {
        self.granted(address, to.len(), DeviceAccess::Read)?;
        self.nexus.read(address, to)
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), BusFault> {
        self.granted(address, from.len(), DeviceAccess::Write)?;
        self.nexus.write(address, from)
    }

    fn counters(&self) -> BusCounters {
        self.nexus.counters()
    }

    fn burst_sizes(&self) -> BurstSizes {
        self.nexus.burst_sizes()
    }
}
