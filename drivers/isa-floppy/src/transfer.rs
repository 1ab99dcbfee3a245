//! Objects to the disk and from it, in the nine steps of third-party DMA:
//!
//! 1. allocate a channel, 2. ask what it can do, 3. have the object where it stays (an object of the framework does),
//! 4. bind it: [`Transfer::prepare`];
//! 5. program the engine, and the device: [`Transfer::load`], [`Loaded::issue`], [`Issued::settle`], once a command;
//! 6. synchronise, which moving the window and unbinding do, 7. stop the engine, 8. unbind, 9. release the channel:
//!    [`Transfer::end`].

use core::fmt;
use core::time::Duration;

use ddi_dma::dmae::{Command, Request, ThirdParty};
use ddi_dma::plan::Explanation;
use ddi_dma::{BindFlags, Direction, DmaObject, Wait};

use crate::command;
use crate::fault::{Fault, Phase, Remedy};
use crate::floppy::Floppy;
use crate::geometry::{Chs, SECTOR};
use crate::outcome::{Report, TransferError, TransferErrorKind};
use crate::status::Status;

/// How often a command is tried in all.
pub const MOST_TRIES: u32 = 5;

/// How long a command may take: ten turns of the disk, and a motor that is slow today.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// From the disk.
    Read,
    /// To the disk.
    Write,
}

/// What is to be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Which way its bytes go.
    pub operation: Operation,
    /// The first sector, from 0.
    pub lba: u64,
    /// How it is bound.
    pub flags: BindFlags,
}

/// An object on its way: it holds the channel, and what binding took.
///
/// Dropping it ends the transfer and drops the object; the engine is stopped then.
pub struct Transfer<O: DmaObject> {
    engine: ThirdParty<O>,
    operation: Operation,
    /// First sector of the object.
    lba: u64,
    /// The window, the list in it and the bytes of that list that are next.
    window: usize,
    list: usize,
    done: u64,
    report: Report,
}

/// What one command moves.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// The list, and the bytes of it.
    list: usize,
    from: u64,
    to: u64,
    /// The first sector, and where it is.
    lba: u64,
    at: Chs,
    /// Where the sector behind the last one is.
    behind: Chs,
}

impl Part {
    fn sectors(&self) -> u64 {
        (self.to - self.from) / SECTOR
    }
}

/// What became of a step.
enum Step {
    Moved,
    Ended,
}

impl Operation {
    fn direction(self) -> Direction {
        match self {
            Operation::Read => Direction::FromDevice,
            Operation::Write => Direction::ToDevice,
        }
    }

    fn request(self) -> Request {
        Request::new(match self {
            Operation::Read => Command::FromDevice,
            Operation::Write => Command::ToDevice,
        })
    }
}

impl Order {
    /// Reads from a sector on, in as many windows as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::BindFlags;
    /// use isa_floppy::Order;
    ///
    /// // A promise to use all that comes: the copy buffer is not filled first.
    /// let order = Order { flags: BindFlags::PARTIAL | BindFlags::OVERWRITE, ..Order::read(18) };
    /// assert_eq!(order.lba, 18);
    /// ```
    pub const fn read(lba: u64) -> Self {
        Order { operation: Operation::Read, lba, flags: BindFlags::PARTIAL }
    }

    /// Writes from a sector on, in as many windows as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(isa_floppy::Order::write(0).operation, isa_floppy::Operation::Write);
    /// ```
    pub const fn write(lba: u64) -> Self {
        Order { operation: Operation::Write, ..Order::read(lba) }
    }
}

impl<O: DmaObject> Transfer<O> {
    /// Gets the channel, and binds the object with what the channel can do.
    ///
    /// The channel comes first: so whoever has copy buffer and could give some back has the channel already, and nobody
    /// waits for somebody who waits for him.
    pub(crate) fn prepare(
        floppy: &Floppy,
        order: &Order,
        object: O,
        wait: Wait<'_>,
    ) -> Result<Self, TransferError<O>> {
        let &Order { operation, lba, flags } = order;
        let length = object.view().length().unwrap_or(u64::MAX);
        let report = Report { length, ..Report::default() };
        if let Err(kind) = check_range(floppy, lba, length) {
            return Err(TransferError::new(kind, report, object));
        }
        let channel = match floppy.alloc_channel(wait) {
            Ok(channel) => channel,
            Err(error) => return Err(TransferError::new(error.into(), report, object)),
        };
        let handle = match floppy.device().alloc_handle(&Floppy::attributes(&channel.attributes()), wait) {
            Ok(handle) => handle,
            Err(error) => return Err(TransferError::new(error.into(), report, object)),
        };
        let binding = match handle.bind(object, operation.direction(), flags, wait) {
            Ok(binding) => binding,
            Err(error) => {
                let kind = TransferErrorKind::Bind(error.kind());
                let (_handle, object) = error.into_parts();
                return Err(TransferError::new(kind, report, object));
            }
        };
        let engine = channel.carry(binding.start());
        Ok(Transfer { engine, operation, lba, window: 0, list: 0, done: 0, report })
    }

    /// Moves all of the object, with the drive that prepared the transfer. A command that fails is given again, if that may
    /// help, up to [`MOST_TRIES`] times in all.
    ///
    /// # Errors
    ///
    /// [`TransferError`], which gives the object back.
    pub fn run(mut self, floppy: &mut Floppy) -> Result<(O, Report), TransferError<O>> {
        let mut tries = 1;
        loop {
            match self.step(floppy) {
                Ok(Step::Ended) => return Ok(self.end()),
                Ok(Step::Moved) => tries = 1,
                Err(kind) if kind.remedy() == Remedy::None || tries == MOST_TRIES => {
                    let (object, report) = self.end();
                    return Err(TransferError::new(kind, report, object));
                }
                Err(_) => {
                    tries += 1;
                    self.report.retries += 1;
                }
            }
        }
    }

    /// Makes the drive ready for the next command, and programs the engine for it; `None` where all of the object was
    /// moved. Behind an error it is the same command again.
    ///
    /// This and what follows are the pieces of [`run`](Self::run), for who wants to do something in between.
    ///
    /// # Errors
    ///
    /// [`TransferErrorKind`]; the transfer stays as it is.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(floppy: &mut isa_floppy::Floppy, object: ddi_dma_sim::Buffer) -> Result<(), Box<dyn std::error::Error>> {
    /// use ddi_dma::Wait;
    /// use isa_floppy::Order;
    ///
    /// let mut transfer = floppy.prepare(&Order::read(0), object, Wait::Sleep)?;
    /// while let Some(loaded) = transfer.load(floppy)? {
    ///     loaded.issue()?.settle()?;
    /// }
    /// let (object, report) = transfer.end();
    /// # drop(object); Ok(())
    /// # }
    /// ```
    pub fn load<'t>(
        &'t mut self,
        floppy: &'t mut Floppy,
    ) -> Result<Option<Loaded<'t, O>>, TransferErrorKind> {
        let Some(part) = self.next_part(floppy)? else { return Ok(None) };
        if let Err(fault) = floppy.make_ready(part.at.cylinder) {
            return Err(self.failed(&part, fault));
        }
        self.engine.program_part(&self.operation.request(), part.list, part.from..part.to)?;
        Ok(Some(Loaded { transfer: self, floppy, part }))
    }

    /// Stops the engine, unbinds the object, releases the channel, and gives the object back.
    pub fn end(self) -> (O, Report) {
        let (channel, binding) = self.engine.complete();
        let (handle, object) = binding.unbind();
        drop(handle);
        drop(channel);
        (object, self.report)
    }

    /// What it took so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Says what is copied and where cookies, lists and windows end, and why.
    pub fn explain(&self) -> Explanation {
        self.engine.explain()
    }

    /// Moves what one command moves.
    fn step(&mut self, floppy: &mut Floppy) -> Result<Step, TransferErrorKind> {
        let Some(loaded) = self.load(floppy)? else { return Ok(Step::Ended) };
        loaded.issue()?.settle()?;
        Ok(Step::Moved)
    }

    /// What the next command moves: what is left of the list, to the end of the cylinder at the most.
    fn next_part(&mut self, floppy: &Floppy) -> Result<Option<Part>, TransferErrorKind> {
        let geometry = floppy.geometry();
        while self.window < self.engine.window_count() {
            let window = self.engine.window(self.window)?;
            // Behind an error it is the same window once more.
            if self.report.windows == self.window {
                self.report.windows += 1;
                self.report.copied += window.copied_bytes();
            }
            let Some(list) = window.list(self.list) else {
                (self.window, self.list) = (self.window + 1, 0);
                continue;
            };
            if self.done == list.length() {
                (self.list, self.done) = (self.list + 1, 0);
                continue;
            }
            let lba = self.lba + (list.offset() + self.done) / SECTOR;
            let left = list.length() - self.done;
            let size = left.min(geometry.left_on_cylinder(lba) * SECTOR);
            let (Some(at), Some(behind)) = (geometry.locate(lba), geometry.locate(lba + size / SECTOR))
            else {
                return Err(out_of_range(floppy, lba, size));
            };
            let (from, to) = (self.done, self.done + size);
            return Ok(Some(Part { list: self.list, from, to, lba, at, behind }));
        }
        Ok(None)
    }

    /// Stops the engine where a command failed, and asks what it had still to move.
    fn failed(&mut self, part: &Part, fault: Fault) -> TransferErrorKind {
        self.engine.stop();
        // Where the engine was not programmed yet, all of it.
        let remaining = self.engine.remaining().unwrap_or(part.to - part.from);
        TransferErrorKind::Drive { fault, lba: part.lba, sectors: part.sectors(), remaining }
    }
}

/// A command that the drive is ready for, and the engine programmed; the device was told nothing yet.
pub struct Loaded<'t, O: DmaObject> {
    transfer: &'t mut Transfer<O>,
    floppy: &'t mut Floppy,
    part: Part,
}

impl<'t, O: DmaObject> Loaded<'t, O> {
    /// The engine.
    pub fn engine(&mut self) -> &mut ThirdParty<O> {
        &mut self.transfer.engine
    }

    /// Gives the controller the command.
    ///
    /// # Errors
    ///
    /// [`TransferErrorKind::Drive`]; the transfer stays as it is.
    pub fn issue(self) -> Result<Issued<'t, O>, TransferErrorKind> {
        let Loaded { transfer, floppy, part } = self;
        let config = floppy.config();
        let bytes = command::transfer(transfer.operation, config.drive, part.at, &config.geometry);
        match floppy.controller().start(&bytes) {
            Ok(()) => Ok(Issued { transfer, floppy, part }),
            Err(fault) => Err(transfer.failed(&part, floppy.noting(fault))),
        }
    }
}

/// A command that the controller works on.
#[must_use = "the controller works on a command, whose end nobody has seen yet"]
pub struct Issued<'t, O: DmaObject> {
    transfer: &'t mut Transfer<O>,
    floppy: &'t mut Floppy,
    part: Part,
}

impl<O: DmaObject> Issued<'_, O> {
    /// The engine.
    pub fn engine(&mut self) -> &mut ThirdParty<O> {
        &mut self.transfer.engine
    }

    /// Waits for the controller's interrupt, and checks what came of the command.
    ///
    /// # Errors
    ///
    /// [`TransferErrorKind::Drive`]; the transfer stays as it was before the command.
    pub fn settle(self) -> Result<(), TransferErrorKind> {
        let Issued { transfer, floppy, part } = self;
        let checked = match receive(floppy) {
            Ok(status) => {
                let remaining = transfer.engine.remaining()?;
                check(&status, remaining, part.behind)
            }
            Err(fault) => Err(fault),
        };
        if let Err(fault) = checked {
            return Err(transfer.failed(&part, floppy.noting(fault)));
        }
        transfer.done = part.to;
        let report = &mut transfer.report;
        report.commands += 1;
        report.moved += part.to - part.from;
        report.lists += usize::from(part.from == 0);
        Ok(())
    }
}

/// The result of a command, once its interrupt has come.
fn receive(floppy: &Floppy) -> Result<Status, Fault> {
    floppy.controller().wait_interrupt(Phase::Execution, COMMAND_TIMEOUT)?;
    Ok(Status::decode(floppy.controller().receive()?))
}

/// Whether a command did what it was to do: controller, engine and the place it ended at agree on that.
fn check(status: &Status, remaining: u64, behind: Chs) -> Result<(), Fault> {
    if let Some(cause) = status.cause() {
        return Err(Fault::Reported { cause, status: *status });
    }
    if remaining > 0 {
        return Err(Fault::Short { remaining });
    }
    if status.at != behind {
        return Err(Fault::Position { expected: behind, found: status.at });
    }
    Ok(())
}

/// Whether an object of so many bytes goes there.
fn check_range(floppy: &Floppy, lba: u64, length: u64) -> Result<(), TransferErrorKind> {
    if !length.is_multiple_of(SECTOR) {
        return Err(TransferErrorKind::Length { length });
    }
    match lba.checked_add(length / SECTOR) {
        Some(end) if end <= floppy.geometry().capacity() => Ok(()),
        _ => Err(out_of_range(floppy, lba, length)),
    }
}

fn out_of_range(floppy: &Floppy, lba: u64, bytes: u64) -> TransferErrorKind {
    TransferErrorKind::OutOfRange { lba, sectors: bytes / SECTOR, capacity: floppy.geometry().capacity() }
}

impl<O: DmaObject> fmt::Debug for Transfer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("engine", &self.engine).field("report", &self.report).finish()
    }
}

impl<O: DmaObject> fmt::Debug for Loaded<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("part", &self.part).finish_non_exhaustive()
    }
}

impl<O: DmaObject> fmt::Debug for Issued<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("part", &self.part).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::status::Cause;

    #[test]
    fn controller_engine_and_place_agree_or_it_failed() {
        let behind = Chs { cylinder: 2, head: 0, sector: 1 };
        let good = Status::decode([0x04, 0, 0, 2, 0, 1, 2]);
        assert_eq!(check(&good, 0, behind), Ok(()));
        assert_eq!(check(&good, 512, behind), Err(Fault::Short { remaining: 512 }));
        let expected = Chs { sector: 3, ..behind };
        let elsewhere = check(&good, 0, expected).unwrap_err();
        assert_eq!(elsewhere, Fault::Position { expected, found: behind });
        assert_eq!(elsewhere.to_string(), "the command ended at 2/0/1, which should have been 2/0/3");
        assert_eq!(elsewhere.remedy(), Remedy::Recalibrate);
        let deleted = Status::decode([0x04, 0, 0x40, 2, 0, 1, 2]);
        let Err(fault @ Fault::Reported { cause: Cause::Deleted, .. }) = check(&deleted, 512, behind) else {
            panic!("the data may be read, but it was deleted")
        };
        assert_eq!(fault.remedy(), Remedy::None);
    }
}
