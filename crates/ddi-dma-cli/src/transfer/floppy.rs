//! The floppy drive with its driver, which knows neither this program nor the simulation.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ddi_dma::plan::Explanation;
use ddi_dma::{BindFlags, Bus, Direction, Dmae, Wait};
use ddi_dma_sim::{Buffer, FloppyController, Machine, Report, SECTOR, Stepped};
use isa_floppy::{Board, Config, Floppy, Order, TimedOut, Transfer, TransferErrorKind};

use super::engine::{Cause, Done, Refused, Request, cause};

/// A driver that is attached to a controller of its own, and what it is about to move.
#[derive(Debug)]
pub(super) struct FloppyEngine {
    name: &'static str,
    floppy: Floppy,
    flags: BindFlags,
    prepared: Option<(Transfer<Buffer>, Explanation)>,
}

/// A controller that works while its driver waits, and a clock that stands still.
struct SimBoard(Arc<FloppyController>);

impl Board for SimBoard {
    fn expect_interrupt(&self) {}

    fn wait_interrupt(&self, _: Duration) -> Result<(), TimedOut> {
        while self.0.step() == Stepped::Done {
            // While a device works, the processor is the other streams'.
            thread::yield_now();
        }
        if self.0.interrupting() { Ok(()) } else { Err(TimedOut) }
    }

    fn delay(&self, _: Duration) {}
}

impl FloppyEngine {
    /// Attaches a driver to a further controller.
    pub(super) fn attach(
        machine: &Machine,
        bus: &Bus,
        dmae: &Dmae,
        flags: BindFlags,
    ) -> anyhow::Result<Self> {
        let controller =
            machine.attach_floppy().map_err(|error| anyhow!("cannot build the drive: {error}"))?;
        let name = controller.spec().name;
        let (base, channel) = (controller.base(), controller.channel().number());
        let config = Config { base, channel, ..Config::default() };
        let board = Arc::new(SimBoard(controller));
        let floppy = Floppy::attach(config, machine.ports(), board, dmae, bus)
            .map_err(|error| anyhow!("cannot attach {name}: {error}"))?;
        Ok(FloppyEngine { name, floppy, flags, prepared: None })
    }

    /// Gets what a request needs, waiting in this way where a resource is short.
    pub(super) fn start(&mut self, request: Request, wait: Wait<'_>) -> Result<(), Refused> {
        let Request { at, buffer, direction } = request;
        let order = match direction {
            Direction::FromDevice => Order::read(at / SECTOR),
            Direction::ToDevice | Direction::Both => Order::write(at / SECTOR),
        };
        match self.floppy.prepare(&Order { flags: self.flags, ..order }, buffer, wait) {
            Ok(transfer) => {
                let explanation = transfer.explain();
                self.prepared = Some((transfer, explanation));
                Ok(())
            }
            Err(failed) => {
                let cause = match (failed.kind(), failed.kind().shortage()) {
                    (_, Some(shortage)) => Cause::Shortage(shortage.resource),
                    (TransferErrorKind::Bind(kind), None) => cause(&kind),
                    _ => Cause::Other,
                };
                let error = anyhow!("{}: {failed}", self.name);
                Err(Refused { request: Request { at, buffer: failed.object, direction }, cause, error })
            }
        }
    }

    /// Moves what was prepared.
    pub(super) fn finish(&mut self) -> anyhow::Result<Done> {
        let (transfer, explanation) = self.prepared.take().context("no transfer was prepared")?;
        let (buffer, report) =
            transfer.run(&mut self.floppy).map_err(|failed| anyhow!("{}: {failed}", self.name))?;
        let isa_floppy::Report { length, moved, windows, lists, copied, .. } = report;
        // The engine has no list: each has one cookie.
        let explanation = Some(explanation);
        Ok((buffer, Report { length, moved, windows, lists, cookies: lists, copied, explanation }))
    }
}
