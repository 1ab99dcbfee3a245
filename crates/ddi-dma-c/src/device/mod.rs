//! What a device is beside DMA: registers, interrupts, and the machine around it.

mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use ddi_dma::{Bus, BusConfig, Device, Platform};
use ddi_dma_sim::{Disk, Machine, MachineConfig};
pub(crate) use window::{RegisterWindow, Width};

/// What stands behind a `dev_info_t`.
pub(crate) enum Hardware {
    /// A device of a simulated machine.
    Sim(SimHardware),
}

/// A device of a simulated machine that is its own.
pub(crate) struct SimHardware {
    pub(crate) machine: Arc<Machine>,
    pub(crate) disk: Arc<Disk>,
}

/// A device that was opened, with the bus that it is on.
pub(crate) struct Opened {
    pub(crate) hardware: Hardware,
    pub(crate) bus: Bus,
    pub(crate) device: Device,
    /// Integer properties that its name gives it.
    pub(crate) properties: BTreeMap<String, i32>,
}

impl Hardware {
    /// Opens a device by its name.
    pub(crate) fn open(name: &str, platform: Arc<dyn Platform>) -> Result<Opened, String> {
        let Some(model) = name.strip_prefix("sim:") else {
            return Err(format!("{name:?} is no device: write sim:isa-disk, or vfio:0000:00:03.0"));
        };
        let machine = Arc::new(Machine::new(MachineConfig::default()).map_err(|error| error.to_string())?);
        let disk = Arc::clone(machine.device(model).map_err(|error| error.to_string())?);
        let nexus = machine.nexus(disk.spec().nexus);
        let bus = Bus::with_platform(nexus, BusConfig::default(), platform);
        let device = bus.device(model);
        let hardware = Hardware::Sim(SimHardware { machine, disk });
        Ok(Opened { hardware, bus, device, properties: BTreeMap::new() })
    }

    /// The simulated machine, if it is one.
    pub(crate) fn machine(&self) -> Option<&Arc<Machine>> {
        let Hardware::Sim(sim) = self;
        Some(&sim.machine)
    }

    /// Ends the threads of the device. No handler of it runs afterwards.
    pub(crate) fn stop(&self) {}
}
