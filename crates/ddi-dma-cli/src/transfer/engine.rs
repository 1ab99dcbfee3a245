//! A device with its driver, of whatever kind: one object in, the object and what it took out.

use std::thread;

use anyhow::{Context, anyhow};
use ddi_dma::dmae::ChannelError;
use ddi_dma::plan::TooBig;
use ddi_dma::{BindErrorKind, BindFlags, Bus, Direction, Dmae, Resource, Wait};
use ddi_dma_sim::{
    AttachError, Buffer, DiskDriver, EtherDriver, EtherErrorKind, Explain, Interrupt, Machine, Model, Report,
    SECTOR, Stepped, TransferError, TransferErrorKind,
};

use super::floppy::FloppyEngine;

/// One object on its way.
#[derive(Debug)]
pub(super) struct Request {
    /// Its first byte in the file.
    pub(super) at: u64,
    pub(super) buffer: Buffer,
    pub(super) direction: Direction,
}

/// A request that was not started. It is whole.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) request: Request,
    pub(super) cause: Cause,
    pub(super) error: anyhow::Error,
}

/// Whether waiting may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// This is short.
    Shortage(Resource),
    /// The object is too big for what there is in all.
    TooBig,
    /// Anything else.
    Other,
}

/// What an object took.
pub(super) type Done = (Buffer, Report);

/// Where devices are attached: on a bus and with a DMA engine that they share with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) machine: &'a Machine,
    pub(super) bus: &'a Bus,
    pub(super) dmae: &'a Dmae,
    /// The slot of the SBus, where it is not the first that gets the bus.
    pub(super) slot: Option<u32>,
}

/// A driver that is attached to a device of its own.
#[derive(Debug)]
pub(super) enum Engine {
    Disk {
        driver: Box<DiskDriver>,
        flags: BindFlags,
    },
    Ether {
        driver: Box<EtherDriver>,
        /// A frame that has gone over, until somebody asks.
        ended: Option<Done>,
    },
    Floppy(Box<FloppyEngine>),
}

impl Engine {
    /// Attaches a driver to a further device of a model.
    pub(super) fn attach(place: Place<'_>, model: Model, flags: BindFlags) -> anyhow::Result<Self> {
        let Place { machine, bus, dmae, slot } = place;
        let refused = |error: AttachError| anyhow!("cannot attach {}: {error}", model.name());
        Ok(match model {
            Model::Disk(spec) => {
                let disk = match slot {
                    Some(slot) => machine.attach_in_slot(spec, slot),
                    None => machine.attach(spec),
                };
                let disk = disk.map_err(|error| anyhow!("cannot build the disk: {error}"))?;
                let driver = DiskDriver::on_engine(&disk, bus, dmae).map_err(refused)?;
                let driver = driver.explaining(Explain::Yes);
                Engine::Disk { driver: Box::new(driver), flags }
            }
            Model::Ether(spec) => {
                let ether = match slot {
                    Some(slot) => machine.attach_ether_in_slot(spec, slot),
                    None => machine.attach_ether(spec),
                };
                let driver = EtherDriver::on_bus(&ether, bus).map_err(refused)?;
                Engine::Ether { driver: Box::new(driver), ended: None }
            }
            Model::Floppy(_) => Engine::Floppy(Box::new(FloppyEngine::attach(machine, bus, dmae, flags)?)),
        })
    }

    /// Starts a request, waiting in this way where a resource is short.
    pub(super) fn start(&mut self, request: Request, wait: Wait<'_>) -> Result<(), Refused> {
        let Request { at, buffer, direction } = request;
        let refused = |buffer, cause, error| {
            let request = Request { at, buffer, direction };
            Err(Refused { request, cause, error })
        };
        match self {
            Engine::Disk { driver, flags } => {
                match driver.start_waiting(at / SECTOR, buffer, direction, *flags, wait) {
                    Ok(()) => Ok(()),
                    Err(TransferError { kind, object }) => {
                        let cause = match kind {
                            TransferErrorKind::Bind { kind, .. } => cause(&kind),
                            TransferErrorKind::Channel {
                                error: ChannelError::NoResources(short), ..
                            } => Cause::Shortage(short.resource),
                            _ => Cause::Other,
                        };
                        refused(object, cause, kind.into())
                    }
                }
            }
            Engine::Ether { driver, ended } => {
                let asked = buffer.len();
                let exchanged = match direction {
                    Direction::FromDevice => driver.receive_waiting(buffer, wait),
                    Direction::ToDevice | Direction::Both => {
                        driver.send_waiting(buffer, wait).map(|frame| (frame, asked))
                    }
                };
                match exchanged {
                    Ok((buffer, moved)) => {
                        *ended = Some((buffer, frame(asked, moved)));
                        Ok(())
                    }
                    Err(error) => {
                        let cause = match &error.kind {
                            EtherErrorKind::Bind { kind, .. } => cause(kind),
                            _ => Cause::Other,
                        };
                        refused(error.object, cause, error.kind.into())
                    }
                }
            }
            Engine::Floppy(engine) => engine.start(Request { at, buffer, direction }, wait),
        }
    }

    /// Lets the device run until the request that was started has ended.
    pub(super) fn finish(&mut self) -> anyhow::Result<Done> {
        match self {
            Engine::Disk { driver, .. } => loop {
                let (stepped, interrupt) = (driver.disk().step(), driver.intr());
                if let Some(ended) = driver.ended() {
                    return ended.map_err(|failed| failed.kind.into());
                }
                if (stepped, interrupt) == (Stepped::Idle, Interrupt::Unclaimed) {
                    driver.reset();
                }
                // While a device works, the processor is the other streams'.
                thread::yield_now();
            },
            Engine::Ether { ended, .. } => ended.take().context("no frame was started"),
            Engine::Floppy(engine) => engine.finish(),
        }
    }
}

/// What a frame takes: its driver binds it for one list, and the engine has no more than one cookie a list.
fn frame(length: u64, moved: u64) -> Report {
    Report { length, moved, windows: 1, lists: 1, cookies: 1, ..Report::default() }
}

/// Whether waiting helps, or a larger copy buffer, where an object could not be bound.
pub(super) fn cause(kind: &BindErrorKind) -> Cause {
    match kind {
        BindErrorKind::NoResources(shortage) | BindErrorKind::Unobtainable(shortage) => {
            Cause::Shortage(shortage.resource)
        }
        BindErrorKind::TooBig(TooBig::Room { .. } | TooBig::Granule { .. }) => Cause::TooBig,
        _ => Cause::Other,
    }
}
