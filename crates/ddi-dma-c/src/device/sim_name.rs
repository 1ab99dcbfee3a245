//! A simulated device by its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use ddi_dma::plan::Lists;
use ddi_dma::{Bus, Platform};
use ddi_dma_sim::{DeviceName, Machine, Model as Kind};

use super::model::Model;
use super::{Hardware, Opened, Sim};
use crate::node::ONE_LIST;

/// Builds the machine that a name asks for, and gives the device of it.
pub(super) fn open(text: &str, platform: Arc<dyn Platform>) -> Result<Opened, String> {
    let name: DeviceName = text.parse().map_err(|error: ddi_dma_sim::NameError| error.to_string())?;
    let machine = Arc::new(Machine::new(name.machine_config()).map_err(|error| error.to_string())?);
    let model = model(&machine, &name)?;
    let nexus = model.nexus();
    let bus = Bus::with_platform(machine.nexus(nexus), name.bus_config(), platform.clone());
    let (device, wires) = match name.slot() {
        Some(slot) => (bus.device_in_slot(text, slot), machine.device_bus_in_slot(nexus, slot)),
        None => (bus.device(text), machine.device_bus(nexus)),
    };
    let one_list = (name.lists() == Lists::One).then(|| (ONE_LIST.to_owned(), 1));
    let properties: BTreeMap<String, i32> = one_list.into_iter().collect();
    let hardware = Hardware::Sim(Box::new(Sim::new(machine, model, wires, text, platform)));
    Ok(Opened { hardware, bus, device, properties })
}

/// The device of the machine: its own, or one in the slot that the name says.
fn model(machine: &Machine, name: &DeviceName) -> Result<Model, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    Ok(match (name.model(), name.slot()) {
        (Kind::Disk(spec), Some(slot)) => {
            Model::Disk(machine.attach_in_slot(spec, slot).map_err(|error| told(&error))?)
        }
        (Kind::Disk(spec), None) => {
            Model::Disk(Arc::clone(machine.device(spec.name).map_err(|error| told(&error))?))
        }
        (Kind::Ether(spec), Some(slot)) => Model::Ether(machine.attach_ether_in_slot(spec, slot)),
        (Kind::Ether(spec), None) => {
            Model::Ether(Arc::clone(machine.ether(spec.name).map_err(|error| told(&error))?))
        }
        // The ISA bus knows no slots.
        (Kind::Floppy(_), _) => Model::Floppy(Arc::clone(machine.floppy()), machine.ports()),
    })
}
