//! A PCI device of this machine, over VFIO.

mod registers;
mod server;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::{Bus, BusConfig, Platform};
use ddi_dma_vfio::{BusMaster, Container, InterruptKind, ResetError, VfioDevice};

use super::line::{Handler, Line};
use super::window::RegisterWindow;
use registers::register_sets;
use server::Server;

/// How a device interrupts, as it is tried: `ddi_add_intr` is for interrupts of a fixed kind, which is the line.
const KINDS: [InterruptKind; 3] = [InterruptKind::IntX, InterruptKind::Msi, InterruptKind::MsiX];

/// A PCI device.
pub(crate) struct Vfio {
    sets: Vec<Arc<dyn RegisterWindow>>,
    line: Arc<Line>,
    /// Waits for the interrupt, once there was a handler.
    server: Mutex<Option<Server>>,
    /// Keeps it open.
    device: Arc<VfioDevice>,
}

impl Vfio {
    /// Takes a device from the kernel, resets it where it can be reset, and lets it do DMA.
    pub(super) fn open(address: &str, platform: Arc<dyn Platform>) -> Result<(Self, Bus), String> {
        let told = |error: &dyn std::error::Error| error.to_string();
        let address = address.parse().map_err(|error| told(&error))?;
        let container = Container::new().map_err(|error| told(&error))?;
        let device = Arc::new(container.open(address).map_err(|error| told(&error))?);
        match device.reset() {
            // Its driver finds it as it was left, as on any machine.
            Ok(()) | Err(ResetError::None { .. }) => {}
            Err(error) => return Err(told(&error)),
        }
        let sets = register_sets(&device).map_err(|error| told(&error))?;
        let nexus = container.nexus().map_err(|error| told(&error))?;
        let bus = Bus::with_platform(nexus, BusConfig::default(), platform);
        // Last: from here on a device that was not reset may reach what is mapped, which is nothing yet.
        device.set_bus_master(BusMaster::On).map_err(|error| told(&error))?;
        let line = Arc::new(Line::new(&address.to_string()));
        Ok((Vfio { sets, line, server: Mutex::new(None), device }, bus))
    }

    pub(super) fn sets(&self) -> &[Arc<dyn RegisterWindow>] {
        &self.sets
    }

    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// Interrupts of the device: one, of the first kind that it has.
    pub(super) fn interrupts(&self) -> usize {
        usize::from(self.kind().is_some())
    }

    /// Adds the handler, and waits for interrupts from now on.
    pub(super) fn add_handler(&self, handler: Handler) -> Result<(), String> {
        let mut server = self.server();
        if server.is_none() {
            let kind = self.kind().ok_or("the device has no interrupt")?;
            let interrupts = self.device.interrupts(kind, 1).map_err(|error| error.to_string())?;
            let interrupt = interrupts.into_iter().next().ok_or("the system gave no interrupt")?;
            *server =
                Some(Server::start(interrupt, Arc::clone(&self.line)).map_err(|error| {
                    format!("the system gives no thread to wait for interrupts: {error}")
                })?);
        }
        self.line.add(handler).map_err(|_| super::HANDLED.to_owned())?;
        server.iter().for_each(Server::look);
        Ok(())
    }

    /// Ends the thread that waits for interrupts, and the device's DMA.
    pub(super) fn stop(&self) {
        let server = self.server().take();
        if let Some(server) = server {
            server.stop();
        }
        // A device that has gone does none.
        let _ = self.device.set_bus_master(BusMaster::Off);
    }

    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind(&self) -> Option<InterruptKind> {
        KINDS.into_iter().find(|kind| self.device.interrupt_count(*kind) > 0)
    }
}
