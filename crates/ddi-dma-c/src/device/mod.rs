//! What a device is beside DMA: registers, interrupts, and the machine around it.

mod intr;
mod line;
mod mapped;
mod model;
mod reach;
mod regs;
mod runner;
mod side;
mod sim;
mod sim_name;
mod sim_registers;
mod slave_only;
mod vfio;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use ddi_dma::{Bus, Device, DmaAttr, Platform};
use ddi_dma_sim::Machine;

use crate::dmae::Engine;
use line::{Handler, Line};
pub(crate) use sim::Sim;
pub(crate) use vfio::Vfio;
pub(crate) use window::{RegisterWindow, Width};

/// What stands behind a `dev_info_t`.
pub(crate) enum Hardware {
    /// A device of a simulated machine.
    Sim(Box<Sim>),
    /// A PCI device of this machine.
    Vfio(Vfio),
}

/// A device that was opened, with the bus that it is on.
pub(crate) struct Opened {
    pub(crate) hardware: Hardware,
    pub(crate) bus: Bus,
    pub(crate) device: Device,
    /// Integer properties that its name gives it.
    pub(crate) properties: BTreeMap<String, i32>,
}

/// Why a handler is not added.
const HANDLED: &str = "interrupt 0 has a handler already: remove it by ddi_remove_intr first";

impl Hardware {
    /// Opens a device by its name.
    pub(crate) fn open(name: &str, platform: Arc<dyn Platform>) -> Result<Opened, String> {
        if let Some(address) = name.strip_prefix("vfio:") {
            let (vfio, bus) = Vfio::open(address, platform)?;
            let device = bus.device(name);
            return Ok(Opened { hardware: Hardware::Vfio(vfio), bus, device, properties: BTreeMap::new() });
        }
        if name.starts_with("sim:") {
            return sim_name::open(name, platform);
        }
        Err(format!(
            "{name:?} is no device: name one of a simulated machine, such as sim:isa-disk, or a PCI device, such as vfio:0000:00:03.0"
        ))
    }

    /// The simulated machine, if it is one.
    pub(crate) fn machine(&self) -> Option<&Arc<Machine>> {
        match self {
            Hardware::Sim(sim) => Some(&sim.machine),
            Hardware::Vfio(_) => None,
        }
    }

    /// Takes note of the attributes that a handle was allocated with.
    pub(crate) fn stated(&self, attr: &DmaAttr) {
        match self {
            Hardware::Sim(sim) => sim.stated(attr),
            Hardware::Vfio(_) => {}
        }
    }

    /// The system's DMA engine, where the device's bus has one.
    pub(crate) fn engine(&self) -> Option<&Engine> {
        match self {
            Hardware::Sim(sim) => sim.engine(),
            Hardware::Vfio(_) => None,
        }
    }

    /// Has a simulated device look around: what it waited for may be there.
    pub(crate) fn touch(&self) {
        match self {
            Hardware::Sim(sim) => sim.runner().touch(),
            Hardware::Vfio(_) => {}
        }
    }

    /// Ends the threads of the device. No handler of it runs afterwards.
    pub(crate) fn stop(&self) {
        match self {
            Hardware::Sim(sim) => sim.runner().stop(),
            Hardware::Vfio(vfio) => vfio.stop(),
        }
    }

    /// Register sets of the device.
    fn register_sets(&self) -> usize {
        match self {
            Hardware::Sim(_) => 1,
            Hardware::Vfio(vfio) => vfio.sets().len(),
        }
    }

    /// A register set by its number, or the text of a refusal.
    fn registers(&self, number: usize) -> Result<Arc<dyn RegisterWindow>, String> {
        let set = match self {
            Hardware::Sim(sim) => (number == 0).then(|| sim.registers()),
            Hardware::Vfio(vfio) => vfio.sets().get(number).cloned(),
        };
        set.ok_or_else(|| {
            format!("there is no register set {number}: the device has {} from 0 on", self.register_sets())
        })
    }

    /// Interrupts of the device.
    fn interrupts(&self) -> usize {
        match self {
            Hardware::Sim(_) => 1,
            Hardware::Vfio(vfio) => vfio.interrupts(),
        }
    }

    fn line(&self) -> &Line {
        match self {
            Hardware::Sim(sim) => sim.line(),
            Hardware::Vfio(vfio) => vfio.line(),
        }
    }

    /// Adds a handler, or tells why not.
    fn add_handler(&self, handler: Handler) -> Result<(), String> {
        match self {
            Hardware::Sim(sim) => {
                sim.line().add(handler).map_err(|_| HANDLED.to_owned())?;
                // The line may be raised already.
                sim.runner().touch();
                Ok(())
            }
            Hardware::Vfio(vfio) => vfio.add_handler(handler),
        }
    }
}
