//! A device of the guest, opened.

use std::fs;
use std::sync::Arc;

use ddi_dma::{BusConfig, Cookie, DmaObject, InFlight, Interrupt};
use ddi_dma_vfio::{
    Bar, BusMaster, Container, EventInterrupt, InterruptKind, PciAddress, Region, Usage, VfioBus, VfioDevice,
};

use nvme_driver::{Config, Nvme};

use crate::failure::Failure;

/// A device in a container of its own, which may do DMA.
pub struct Opened {
    pub vfio: VfioDevice,
    pub bus: VfioBus,
}

impl Opened {
    /// Opens it.
    pub fn new(address: PciAddress) -> Result<Self, Failure> {
        let container = Container::new()?;
        let vfio = container.open(address)?;
        vfio.set_bus_master(BusMaster::On)?;
        let bus = container.nexus()?.bus(BusConfig::default());
        Ok(Opened { vfio, bus })
    }

    /// The driver of an NVMe controller, which has interrupts for its two queues.
    pub fn nvme(&self, config: Config) -> Result<Nvme, Failure> {
        let interrupts = self.vfio.interrupts(InterruptKind::MsiX, 2)?.into_iter();
        let interrupts = interrupts.map(|interrupt| Arc::new(interrupt) as Arc<dyn Interrupt>).collect();
        Ok(Nvme::attach(self.bus.device("nvme"), Arc::new(self.registers()?), interrupts, config)?)
    }

    /// What is mapped for it.
    pub fn usage(&self) -> Usage {
        self.bus.nexus().usage()
    }

    /// Its registers.
    pub fn registers(&self) -> Result<Region, Failure> {
        Ok(self.vfio.region(Bar::Bar0)?)
    }

    /// Its first interrupt of a kind.
    pub fn interrupt(&self, kind: InterruptKind) -> Result<EventInterrupt, Failure> {
        let first = self.vfio.interrupts(kind, 1)?.into_iter().next();
        first.ok_or_else(|| Failure::new(format!("there is no interrupt of the kind {kind:?}")))
    }
}

/// The first cookie of what is in flight.
pub fn first_cookie<O: DmaObject>(flight: &InFlight<O>) -> Result<Cookie, Failure> {
    let first = flight.current_window().and_then(|window| window.cookies().first().copied());
    first.ok_or_else(|| Failure::new("an object in flight without a cookie"))
}

/// What of this process could leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Locked memory, in KiB: what a container has mapped counts as such.
    pub locked: u64,
    /// Open files.
    pub files: usize,
    /// Mapped ranges of memory.
    pub ranges: usize,
}

impl Held {
    /// What is held now.
    pub fn now() -> Result<Self, Failure> {
        let status = fs::read_to_string("/proc/self/status")?;
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap_or_default();
        let locked = locked.trim().trim_end_matches(" kB").parse()?;
        let files = fs::read_dir("/proc/self/fd")?.count();
        let ranges = fs::read_to_string("/proc/self/maps")?.lines().count();
        Ok(Held { locked, files, ranges })
    }
}
