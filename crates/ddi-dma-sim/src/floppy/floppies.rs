//! The floppy disk controllers of a machine, and the ports that they get.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::FloppyController;
use super::catalog::FLOPPIES;
use crate::config::MachineConfig;
use crate::isa_dma::{DmaChannel, DmaControllers};
use crate::ports::IsaPorts;

/// The channel that every controller is wired to.
pub(super) const CHANNEL: DmaChannel = DmaChannel::Dma2;

/// Ports of the first controller, of the second one, and of the others one after the other.
const FIRST: u16 = 0x3F0;
const SECOND: u16 = 0x370;
const FURTHER: u16 = 0x600;

/// Ports from one base to the next.
const PORTS: u16 = 8;

/// Controllers for which there are ports.
const MOST: u16 = 2 + (0xFFFF - FURTHER) / PORTS;

/// The controllers.
#[derive(Debug)]
pub(crate) struct Floppies {
    built_in: Arc<FloppyController>,
    count: AtomicU16,
}

/// No ports are left for another floppy disk controller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the machine has {controllers} floppy disk controllers, and no ports for another one")]
pub struct NoPortsLeft {
    /// Controllers that there are.
    pub controllers: u16,
}

impl Floppies {
    pub(crate) fn new(config: &MachineConfig, dma: &Arc<DmaControllers>, ports: &IsaPorts) -> Self {
        Floppies { built_in: controller(FIRST, config, dma, ports), count: AtomicU16::new(1) }
    }

    /// The controller that every machine has.
    pub(crate) fn built_in(&self) -> &Arc<FloppyController> {
        &self.built_in
    }

    /// Makes a further controller.
    pub(crate) fn attach(
        &self,
        config: &MachineConfig,
        dma: &Arc<DmaControllers>,
        ports: &IsaPorts,
    ) -> Result<Arc<FloppyController>, NoPortsLeft> {
        let another = |count: u16| (count < MOST).then_some(count + 1);
        match self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, another) {
            Ok(1) => Ok(controller(SECOND, config, dma, ports)),
            Ok(others) => Ok(controller(FURTHER + (others - 2) * PORTS, config, dma, ports)),
            Err(controllers) => Err(NoPortsLeft { controllers }),
        }
    }
}

/// Makes a controller and puts it on its ports.
fn controller(
    base: u16,
    config: &MachineConfig,
    dma: &Arc<DmaControllers>,
    ports: &IsaPorts,
) -> Arc<FloppyController> {
    let line = dma.line(CHANNEL);
    let controller = FloppyController::new(&FLOPPIES[0], base, line, config);
    controller.claim(ports);
    controller
}
