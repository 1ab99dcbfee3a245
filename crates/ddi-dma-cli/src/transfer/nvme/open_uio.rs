//! An NVMe controller without an IOMMU. The only unsafe code of the program.

use std::sync::Arc;

use anyhow::anyhow;
use ddi_dma::BusConfig;
use ddi_dma_vfio::host::Host;
use ddi_dma_vfio::uio::{PhysicalBus, PoolConfig, UioDevice};
use ddi_dma_vfio::{Bar, BusMaster, PciAddress};
use nvme_driver::{Config, Nvme};

use super::open::{self, Opened};

/// Memory beside the copy buffer: queues, lists and answers of the controller.
const PRIVATE: u64 = 2 << 20;

/// Opens a controller over uio_pci_generic. Who calls it was told by --no-iommu that the device may reach all of memory.
pub(super) fn uio(address: PciAddress, config: BusConfig) -> anyhow::Result<Opened> {
    open::find(&Host::this(), address)?;
    let bytes = config.copy_buffer_limit.saturating_add(PRIVATE);
    // SAFETY: the kernel took the leave to do DMA from the device with its last driver, and this one resets the controller
    // ahead of all else. It gives it addresses of cookies in flight and of its private memory alone, ends a transfer when the
    // controller has, or was stopped, and releases the quarantine behind a reset only.
    let device = unsafe { UioDevice::open(address) }?;
    let bus = PhysicalBus::new(PoolConfig { bytes, ..PoolConfig::default() }, config)?;
    let (registers, interrupt) = (Arc::new(device.region(Bar::Bar0)?), Arc::new(device.interrupt()?));
    device.set_bus_master(BusMaster::On)?;
    let nvme = Nvme::attach(bus.bus().device("nvme"), registers, vec![interrupt], Config::default())
        .map_err(|fault| anyhow!("{address}: {fault}"))?;
    Ok(Opened { nvme, keep: Box::new((device, bus)) })
}
