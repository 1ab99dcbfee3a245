//! An NVMe controller, opened with its driver attached.

use std::any::Any;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use ddi_dma::{BusConfig, Interrupt};
use ddi_dma_vfio::host::{Host, PciDevice};
use ddi_dma_vfio::{Bar, BusMaster, Container, InterruptKind, OpenError, PciAddress, ResetError, VfioDevice};
use nvme_driver::{Config, Nvme};

use crate::machine;

/// A driver, and the device that it drives.
pub(super) struct Opened {
    pub(super) nvme: Nvme,
    /// What the driver works with, dropped behind it.
    pub(super) keep: Box<dyn Any>,
}

/// Opens a controller over VFIO.
pub(super) fn vfio(address: PciAddress, config: BusConfig) -> anyhow::Result<Opened> {
    let host = Host::this();
    let found = find(&host, address)?;
    let opened = Container::new().and_then(|container| Ok((container.open(address)?, container)));
    let (device, container) = opened.map_err(|error| refused(&host, &found, error))?;
    match device.reset() {
        Ok(()) | Err(ResetError::None { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let bus = container.nexus()?.bus(config);
    let registers = Arc::new(device.region(Bar::Bar0)?);
    device.set_bus_master(BusMaster::On)?;
    let interrupts = interrupts(&device)?;
    let nvme = Nvme::attach(bus.device("nvme"), registers, interrupts, Config::default())
        .map_err(|fault| anyhow!("{address}: {fault}"))?;
    Ok(Opened { nvme, keep: Box::new(device) })
}

/// Finds the controller at an address.
pub(super) fn find(host: &Host, address: PciAddress) -> anyhow::Result<PciDevice> {
    let found = host.pci_device(address);
    let device = found.with_context(|| {
        format!("{address}: no PCI device is there: there {}", machine::devices::what_is_there(host))
    })?;
    ensure!(
        device.class == machine::devices::NVM_EXPRESS,
        "{address} is no NVM Express controller ({:04x}:{:04x}, {}): there {}",
        device.vendor,
        device.device,
        device.class_name(),
        machine::devices::nvme_there(host)
    );
    Ok(device)
}

/// What keeps the device from this program, as the machine shows it, or else as the kernel says.
fn refused(host: &Host, device: &PciDevice, error: OpenError) -> anyhow::Error {
    let hindrances: Vec<String> = host.hindrances(device).iter().map(ToString::to_string).collect();
    if hindrances.is_empty() {
        return error.into();
    }
    anyhow!(
        "cannot have {}:\n{}\n(`ddi-dma doctor` looks at the whole machine)",
        device.address,
        hindrances.join("\n")
    )
}

/// Turns interrupts on, one for the controller and one for the disk where there are two: by message if possible.
fn interrupts(device: &VfioDevice) -> anyhow::Result<Vec<Arc<dyn Interrupt>>> {
    for (kind, most) in [(InterruptKind::MsiX, 2), (InterruptKind::Msi, 1), (InterruptKind::IntX, 1)] {
        let count = device.interrupt_count(kind).min(most);
        if count > 0 {
            let interrupts = device.interrupts(kind, count)?;
            return Ok(interrupts
                .into_iter()
                .map(|interrupt| Arc::new(interrupt) as Arc<dyn Interrupt>)
                .collect());
        }
    }
    bail!("{} has no interrupts", device.address())
}
