//! The driver: a controller, its I/O queues, and the requests in flight.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ddi_dma::{Device, DmaObject, Interrupt, Registers, Wait};

use crate::config::{Config, Pointers};
use crate::controller::{Controller, Woken};
use crate::error::{Fault, RequestError, RequestErrorKind};
use crate::identify::{ControllerInfo, Namespace, SglSupport, Support};
use crate::memory::Shared;
use crate::outcome::{Outcome, Report, Token};
use crate::plain::Plain;
use crate::pointers::{ListPages, Shape, Style};
use crate::queue::{Found, MOST_ENTRIES, Queue};
use crate::registers::ControllerStatus;
use crate::request::{Cut, Job, Next, Portion, Power, Request, Requests};
use crate::transfer::{Target, Transfer};

/// The number of the I/O queues. Queues of number 0 are for admin commands.
const IO_QUEUE: u16 = 1;

/// An NVMe controller in use.
///
/// Requests are submitted, and end in any order while somebody [`poll`](Self::poll)s, [`serve`](Self::serve)s or
/// [`wait`](Self::wait)s. Dropping the driver resets the controller: requests in flight fail, and give their objects back.
pub struct Nvme {
    controller: Controller,
    info: ControllerInfo,
    namespaces: Vec<Namespace>,
    config: Config,
    io: Queue<Given>,
    lists: ListPages,
    requests: Requests,
    state: State,
    counts: Counts,
    /// When the state of the controller was looked at.
    looked: Instant,
    /// Interrupts that came since the last completion.
    idle_interrupts: u64,
}

/// Whether the controller takes commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// It does not, since this happened.
    Failed(Fault),
}

/// What a command in flight belongs to.
#[derive(Debug, Clone, Copy)]
struct Given {
    request: usize,
    portion: Portion,
}

/// What the driver counted since it was attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// I/O commands that were given to the controller.
    pub commands: u64,
    /// Of these, commands that ended.
    pub completions: u64,
    /// Completions of commands that were not in flight. A controller that works makes none.
    pub strays: u64,
    /// Interrupts that came while the driver waited.
    pub interrupts: u64,
    /// Resets, behind the one at attach.
    pub resets: u64,
}

impl Nvme {
    /// Attaches the driver: resets the controller, and asks what it is and which namespaces it has.
    ///
    /// `device` is the controller on its bus, and `registers` are its own (BAR 0). The device may do DMA (bus master).
    /// Interrupts are on before this is called, since controllers may take notice of MSI-X only while they are off: one, or
    /// two of which the second is for I/O. Without any, completions are looked for, by whoever waits, without rest.
    ///
    /// # Errors
    ///
    /// The [`Fault`].
    ///
    /// # Examples
    ///
    /// With the registers and interrupts of a port to some machine:
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use ddi_dma::{Device, DmaObject, Interrupt, Registers, Wait};
    /// use nvme_driver::{Config, Nvme, Request};
    ///
    /// fn first_blocks<O: DmaObject>(
    ///     device: Device,
    ///     registers: Arc<dyn Registers>,
    ///     interrupts: Vec<Arc<dyn Interrupt>>,
    ///     buffer: O,
    /// ) -> Result<O, Box<dyn std::error::Error>> {
    ///     let mut nvme = Nvme::attach(device, registers, interrupts, Config::default())?;
    ///     println!("{} {}", nvme.controller().model, nvme.controller().serial);
    ///     let token = nvme.submit(&Request::read(1, 0), buffer, Wait::Sleep).map_err(|error| error.kind())?;
    ///     let (buffer, report) = nvme.wait(token).map_err(|error| error.kind())?;
    ///     println!("{} bytes in {} commands", report.moved, report.commands);
    ///     nvme.shutdown()?;
    ///     Ok(buffer)
    /// }
    /// ```
    pub fn attach(
        device: Device,
        registers: Arc<dyn Registers>,
        interrupts: Vec<Arc<dyn Interrupt>>,
        config: Config,
    ) -> Result<Self, Fault> {
        let mut controller = Controller::attach(device, registers, interrupts, config)?;
        let info = controller.info()?;
        let namespaces = controller.namespaces(&info)?;
        let most_entries = controller.controls().capabilities().most_entries().min(MOST_ENTRIES);
        let entries = u32::from(config.entries).clamp(2, most_entries.max(2)) as u16;
        let (device, page) = (controller.device().clone(), controller.page());
        let io = Queue::allocate(&device, controller.controls(), page, IO_QUEUE, entries)?;
        let lists = Shared::allocate(&device, page, page * (u64::from(entries) - 1))?;
        controller.create_queues(&io)?;
        Ok(Nvme {
            lists: ListPages::new(lists, page),
            requests: Requests::new(usize::from(entries) - 1),
            controller,
            info,
            namespaces,
            config,
            io,
            state: State::Running,
            counts: Counts::default(),
            looked: Instant::now(),
            idle_interrupts: 0,
        })
    }

    /// What the controller tells of itself.
    pub fn controller(&self) -> &ControllerInfo {
        &self.info
    }

    /// The active namespaces, in ascending order of their numbers.
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The namespace of this number.
    pub fn namespace(&self, number: u32) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.number == number)
    }

    /// The device as the bus knows it.
    pub fn device(&self) -> &Device {
        self.controller.device()
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.requests.len()
    }

    /// How many requests can be in flight at once.
    pub fn capacity(&self) -> usize {
        usize::from(self.io.entries()) - 1
    }

    /// Most bytes that one command moves.
    pub fn most_bytes(&self) -> u64 {
        let page = self.controller.page();
        let told = self.info.most_bytes.unwrap_or(u64::MAX);
        told.min(self.config.most_bytes).min(ListPages::most_bytes(page)).max(page)
    }

    /// Begins to move an object, waiting in this way where a resource is short. The request owns the object until it ends.
    ///
    /// An object that takes several commands is not moved in one piece: others may read some blocks before and some after
    /// they were written.
    ///
    /// # Errors
    ///
    /// [`RequestError`], which gives the object back.
    pub fn submit<O: DmaObject>(
        &mut self,
        request: &Request,
        object: O,
        wait: Wait<'_>,
    ) -> Result<Token<O>, RequestError<O>> {
        let target = match self.target(request, object.view().length().unwrap_or(0)) {
            Ok(target) => target,
            Err(kind) => return Err(RequestError::refused(kind, object)),
        };
        let (transfer, token) = Transfer::begin(request, target, object, wait)?;
        self.begin(Box::new(transfer));
        Ok(token)
    }

    /// Begins to have all that was written to a namespace put where it survives a loss of power. What is in flight is not
    /// waited for.
    ///
    /// # Errors
    ///
    /// [`RequestError`], where no request can be taken now.
    pub fn submit_flush(&mut self, namespace: u32) -> Result<Token<()>, RequestError<()>> {
        self.admit().map_err(|kind| RequestError::refused(kind, ()))?;
        let (flush, token) = Plain::flush(namespace);
        self.begin(Box::new(flush));
        Ok(token)
    }

    /// Begins to fill blocks with zeros, without sending any.
    ///
    /// # Errors
    ///
    /// [`RequestError`], where the controller or the namespace cannot.
    pub fn submit_write_zeroes(
        &mut self,
        namespace: u32,
        lba: u64,
        blocks: u64,
    ) -> Result<Token<()>, RequestError<()>> {
        let block = self.admit().and_then(|()| {
            if self.info.write_zeroes == Support::No {
                return Err(RequestErrorKind::NoWriteZeroes);
            }
            Ok(self.blocks(namespace, lba, blocks)?.block_size)
        });
        let block = block.map_err(|kind| RequestError::refused(kind, ()))?;
        let (zeroes, token) = Plain::write_zeroes(namespace, lba, blocks, block);
        self.begin(Box::new(zeroes));
        Ok(token)
    }

    /// Reads blocks into an object, and waits for them.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn read<O: DmaObject>(&mut self, namespace: u32, lba: u64, object: O) -> Outcome<O> {
        let token = self.submit(&Request::read(namespace, lba), object, Wait::Sleep)?;
        self.wait(token)
    }

    /// Writes an object to blocks, and waits until the controller has it.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn write<O: DmaObject>(&mut self, namespace: u32, lba: u64, object: O) -> Outcome<O> {
        let token = self.submit(&Request::write(namespace, lba), object, Wait::Sleep)?;
        self.wait(token)
    }

    /// Has all that was written put where it survives a loss of power, and waits for it.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn flush(&mut self, namespace: u32) -> Result<Report, RequestError<()>> {
        let token = self.submit_flush(namespace)?;
        self.wait(token).map(|((), report)| report)
    }

    /// Fills blocks with zeros, and waits for it.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn write_zeroes(
        &mut self,
        namespace: u32,
        lba: u64,
        blocks: u64,
    ) -> Result<Report, RequestError<()>> {
        let token = self.submit_write_zeroes(namespace, lba, blocks)?;
        self.wait(token).map(|((), report)| report)
    }

    /// Drives the controller until a request has ended.
    ///
    /// # Errors
    ///
    /// [`RequestError`], which gives the object back but in the worst case.
    pub fn wait<O>(&mut self, mut token: Token<O>) -> Outcome<O> {
        loop {
            token = match token.take() {
                Ok(outcome) => return outcome,
                Err(token) => token,
            };
            if self.requests.len() == 0 && !token.is_done() {
                return Err(RequestError::new(RequestErrorKind::NotHere, Report::default(), None));
            }
            self.serve(self.config.look_interval);
        }
    }

    /// Rests until a request has ended, at the longest for this time (and not longer than [`Config::look_interval`] at
    /// once); tells how many have.
    pub fn serve(&mut self, limit: Duration) -> usize {
        let ended = self.poll();
        if ended > 0 || self.requests.len() == 0 {
            return ended;
        }
        let signals = self.controller.signals();
        if signals.rest(signals.of_io(), limit.min(self.config.look_interval)) == Woken::ByInterrupt {
            self.counts.interrupts += 1;
            self.idle_interrupts += 1;
        }
        self.poll()
    }

    /// Looks for commands that have ended, without rest, and gives further ones; tells how many requests have ended. A
    /// controller that failed, or took longer than [`Config::timeout`], is reset.
    pub fn poll(&mut self) -> usize {
        let before = self.requests.len();
        if let Err(fault) = self.take_completions().and_then(|()| self.give_commands()) {
            self.recover(None, RequestErrorKind::Controller(fault));
        } else {
            self.watch();
        }
        before - self.requests.len()
    }

    /// Resets the controller: requests in flight fail, and give their objects back.
    ///
    /// # Errors
    ///
    /// The [`Fault`], where the controller does not take commands behind it.
    pub fn reset(&mut self) -> Result<(), Fault> {
        self.recover(None, RequestErrorKind::Reset);
        match self.state {
            State::Running => Ok(()),
            State::Failed(fault) => Err(fault),
        }
    }

    /// Ends in an orderly way: waits for requests in flight, deletes the I/O queues, has the controller write its caches, and
    /// turns it off.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; the controller is turned off all the same.
    pub fn shutdown(mut self) -> Result<(), Fault> {
        while self.requests.len() > 0 {
            self.serve(self.config.look_interval);
        }
        if let State::Failed(fault) = self.state {
            return Err(fault);
        }
        let within = self.info.shutdown_within.unwrap_or(self.config.timeout).max(self.config.timeout);
        let deleted = self.controller.delete_queues(&self.io);
        let shut_down = self.controller.shut_down(within);
        let stopped = self.controller.stop().map(|_| ());
        deleted.and(shut_down).and(stopped)
    }

    /// Whether a request can be taken.
    fn admit(&self) -> Result<(), RequestErrorKind> {
        match self.state {
            State::Failed(fault) => Err(fault.into()),
            State::Running if self.requests.is_full() => {
                Err(RequestErrorKind::QueueFull { requests: self.requests.len() })
            }
            State::Running => Ok(()),
        }
    }

    /// The namespace, where it has these blocks.
    fn blocks(&self, number: u32, lba: u64, blocks: u64) -> Result<&Namespace, RequestErrorKind> {
        let namespace = self.namespace(number).ok_or(RequestErrorKind::NoNamespace { namespace: number })?;
        let capacity = namespace.blocks;
        match lba.checked_add(blocks) {
            Some(behind) if behind <= capacity => Ok(namespace),
            _ => Err(RequestErrorKind::OutOfRange { lba, blocks, capacity }),
        }
    }

    /// What an object of this length is bound for.
    fn target(&self, request: &Request, length: u64) -> Result<Target, RequestErrorKind> {
        self.admit()?;
        let number = request.namespace;
        let namespace = self.namespace(number).ok_or(RequestErrorKind::NoNamespace { namespace: number })?;
        let Namespace { block_size: block, metadata, .. } = *namespace;
        if metadata != 0 {
            return Err(RequestErrorKind::Metadata { namespace: number, metadata });
        }
        if length == 0 || !length.is_multiple_of(block.into()) {
            return Err(RequestErrorKind::Length { length, block });
        }
        self.blocks(number, request.lba, length / u64::from(block))?;
        let most = self.most_bytes();
        if u64::from(block) > most {
            return Err(RequestErrorKind::BlockTooLarge { block, most });
        }
        let sgl = self.info.sgl == SglSupport::Any;
        let styles = match self.config.pointers {
            Pointers::Sgl if sgl => (Style::Sgl, Style::Sgl),
            Pointers::Automatic if sgl => (Style::Prp, Style::Sgl),
            _ => (Style::Prp, Style::Runs),
        };
        let shape = Shape { page: self.controller.page(), block, most };
        Ok(Target { device: self.device().clone(), shape, styles })
    }

    /// Takes a request, and gives its first commands.
    fn begin(&mut self, job: Box<dyn Job>) {
        self.requests.add(job);
        if let Err(fault) = self.give_commands() {
            self.recover(None, RequestErrorKind::Controller(fault));
        }
    }

    /// Gives commands as long as there are slots and requests that have some, each request one in turn.
    fn give_commands(&mut self) -> Result<(), Fault> {
        let before = self.counts.commands;
        while let Some(slot) = self.io.next_slot() {
            let Some(request) = self.requests.next_turn() else { break };
            let Some(entry) = self.requests.entry(request) else { continue };
            match entry.job.next(entry.in_flight) {
                Next::Command { mut command, data, portion } => {
                    if let Some((cookies, style)) = data {
                        self.lists.point(&mut command, slot, cookies, style)?;
                    }
                    self.io.put(command, Given { request, portion })?;
                    entry.in_flight += 1;
                    self.counts.commands += 1;
                    self.requests.queue(request);
                }
                Next::Nothing => {}
                Next::Finished => {
                    if let Some(job) = self.requests.remove(request) {
                        job.finish(None);
                    }
                }
            }
        }
        if self.counts.commands != before {
            self.io.ring();
        }
        Ok(())
    }

    /// Takes all completions that came.
    fn take_completions(&mut self) -> Result<(), Fault> {
        let before = (self.counts.completions, self.counts.strays);
        loop {
            match self.io.take()? {
                Found::Nothing => break,
                Found::Stray => self.counts.strays += 1,
                Found::Ended(ended) => {
                    self.counts.completions += 1;
                    let Given { request, portion } = ended.owner;
                    if let Some(entry) = self.requests.entry(request) {
                        entry.in_flight -= 1;
                        entry.job.ended(portion, ended.status);
                    }
                    self.requests.queue(request);
                }
            }
        }
        if before != (self.counts.completions, self.counts.strays) {
            self.io.acknowledge();
            self.idle_interrupts = 0;
        }
        Ok(())
    }

    /// Resets the controller where a command takes too long, or where its state says that it failed.
    fn watch(&mut self) {
        let within = self.config.timeout;
        if let Some((since, given)) = self.io.oldest()
            && since.elapsed() >= within
        {
            let (request, interrupts) = (given.request, self.idle_interrupts);
            self.recover(Some(request), RequestErrorKind::TimedOut { within, interrupts });
        } else if self.io.in_flight() > 0 && self.looked.elapsed() >= self.config.look_interval {
            self.looked = Instant::now();
            match self.controller.controls().status() {
                status if status.absent() => self.recover(None, Fault::Absent.into()),
                status if status.fatal() => self.recover(None, Fault::Fatal { status }.into()),
                ControllerStatus(_) => {}
            }
        }
    }

    /// Resets the controller, and ends all requests: the one that is the cause, or all where it is none, for this reason.
    fn recover(&mut self, cause: Option<usize>, why: RequestErrorKind) {
        self.counts.resets += 1;
        self.looked = Instant::now();
        self.idle_interrupts = 0;
        let stopped = self.controller.stop();
        let controller = if stopped.is_ok() { Power::Off } else { Power::MaybeOn };
        for (request, job) in self.requests.drain() {
            let why = if cause.is_none_or(|cause| cause == request) { why } else { RequestErrorKind::Reset };
            job.finish(Some(Cut { why, controller }));
        }
        self.state = match stopped.and_then(|_| self.restart()) {
            Ok(()) => State::Running,
            Err(fault) => State::Failed(fault),
        };
    }

    /// Turns a controller on that is off, with queues as new.
    fn restart(&mut self) -> Result<(), Fault> {
        self.io.renew()?;
        self.controller.start()?;
        self.controller.create_queues(&self.io)
    }
}

impl Drop for Nvme {
    fn drop(&mut self) {
        let stopped = self.controller.stop();
        let controller = if stopped.is_ok() { Power::Off } else { Power::MaybeOn };
        for (_, job) in self.requests.drain() {
            job.finish(Some(Cut { why: RequestErrorKind::Reset, controller }));
        }
        if controller == Power::Off {
            self.io.retire();
            self.lists.retire();
        }
    }
}

impl fmt::Debug for Nvme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nvme")
            .field("info", &self.info)
            .field("state", &self.state)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
