//! A device of a simulated machine, which is its own.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ddi_dma::{DmaAttr, Platform};
use ddi_dma_sim::{BusCounters, BusFault, DeviceBus, Machine, NexusKind};

use super::line::Line;
use super::model::{Mishap, Model};
use super::reach::Reach;
use super::runner::Runner;
use super::sim_registers::SimRegisters;
use super::window::RegisterWindow;
use crate::dmae::Engine;

/// A device of a simulated machine.
pub(crate) struct Sim {
    pub(crate) machine: Arc<Machine>,
    /// The bus as the device sees it.
    bus: Arc<dyn DeviceBus>,
    runner: Arc<Runner>,
    /// The system's DMA engine, where the bus has one.
    engine: Option<Engine>,
    reach: Reach,
}

/// Why an access in the device's place failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAccess {
    #[error(
        "{length} bytes at {address:#x} are not all in {:#x}..={:#x}, which the engine of the device reaches",
        reach.start(), reach.end()
    )]
    Reach { address: u64, length: usize, reach: RangeInclusive<u64> },
    #[error(transparent)]
    Fault(#[from] BusFault),
}

impl Sim {
    pub(super) fn new(
        machine: Arc<Machine>,
        model: Model,
        bus: Arc<dyn DeviceBus>,
        name: &str,
        platform: Arc<dyn Platform>,
    ) -> Self {
        let engine = (model.nexus() == NexusKind::Isa).then(|| Engine::new(machine.ports(), platform));
        let runner = Runner::new(model, Arc::new(Line::new(name)));
        Sim { machine, bus, runner, engine, reach: Reach::default() }
    }

    pub(super) fn registers(&self) -> Arc<dyn RegisterWindow> {
        Arc::new(SimRegisters { runner: Arc::clone(&self.runner) })
    }

    pub(super) fn line(&self) -> &Line {
        self.runner.line()
    }

    pub(super) fn runner(&self) -> &Arc<Runner> {
        &self.runner
    }

    pub(super) fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    pub(super) fn stated(&self, attr: &DmaAttr) {
        self.reach.state(attr);
    }

    /// Reads memory as the device does.
    pub(super) fn read(&self, address: u64, to: &mut [u8]) -> Result<(), NoAccess> {
        self.check(address, to.len())?;
        Ok(self.bus.read(address, to)?)
    }

    /// Writes memory as the device does.
    pub(super) fn write(&self, address: u64, from: &[u8]) -> Result<(), NoAccess> {
        self.check(address, from.len())?;
        Ok(self.bus.write(address, from)?)
    }

    pub(super) fn read_medium(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.runner.model().read_medium(offset, to)
    }

    pub(super) fn write_medium(&self, offset: u64, from: &[u8]) -> io::Result<()> {
        self.runner.model().write_medium(offset, from)
    }

    pub(super) fn inject(&self, mishap: Mishap) -> io::Result<()> {
        self.runner.model().inject(mishap)
    }

    pub(super) fn counters(&self) -> BusCounters {
        self.machine.counters(self.runner.model().nexus())
    }

    /// Refuses what the engine does not reach: as its handles stated, or as the model is built where none was allocated.
    fn check(&self, address: u64, length: usize) -> Result<(), NoAccess> {
        let built = || self.runner.model().attr().map(|attr| attr.addr_lo..=attr.addr_hi);
        let Some(reach) = self.reach.stated().or_else(built) else { return Ok(()) };
        let last = address.checked_add((length as u64).saturating_sub(1));
        match last {
            Some(last) if reach.contains(&address) && reach.contains(&last) => Ok(()),
            _ => Err(NoAccess::Reach { address, length, reach }),
        }
    }
}
