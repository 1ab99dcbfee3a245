//! The controller: turning it on and off, and admin commands, one at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ddi_dma::{Device, Interrupt, Registers};

use crate::command::{Command, Identify, Signal};
use crate::config::Config;
use crate::error::{AdminCommand, Fault, Goal, Unsupported};
use crate::identify::{ControllerInfo, IDENTIFY_BYTES, Identified, Namespace};
use crate::memory::Shared;
use crate::quarantine;
use crate::queue::{Found, Queue};
use crate::registers::{ControllerStatus, Controls, ShutdownStatus};

/// Entries of the admin queues.
const ADMIN_ENTRIES: u16 = 16;

/// Most namespaces that are asked for, whatever the controller tells.
const MOST_NAMESPACES: u32 = 4096;

/// The version of the specification that introduced namespace lists.
const VERSION_1_1: u32 = 0x1_0100;

/// The controller is off: it was told to be, and said that it is. Made where that was seen.
pub(crate) struct Stopped(());

/// How completions are told: by two interrupts, by one for both, or by none.
pub(crate) struct Signals {
    interrupts: Vec<Arc<dyn Interrupt>>,
}

/// Why a rest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    ByInterrupt,
    ByTime,
}

impl Signals {
    /// The vector of the I/O queues.
    pub(crate) fn of_io(&self) -> Signal {
        match self.interrupts.len() {
            0 => Signal::None,
            1 => Signal::Vector(0),
            _ => Signal::Vector(1),
        }
    }

    /// Rests until a vector interrupts, at the longest for this time; without interrupts it lets others run.
    pub(crate) fn rest(&self, signal: Signal, limit: Duration) -> Woken {
        let interrupt = match signal {
            Signal::None => None,
            Signal::Vector(number) => self.interrupts.get(usize::from(number)),
        };
        match interrupt.map(|interrupt| interrupt.wait(limit)) {
            Some(Ok(())) => Woken::ByInterrupt,
            Some(Err(_)) => Woken::ByTime,
            None => {
                std::thread::yield_now();
                Woken::ByTime
            }
        }
    }
}

/// A controller with its admin queues. Dropping it turns it off.
pub(crate) struct Controller {
    controls: Controls,
    device: Device,
    config: Config,
    signals: Signals,
    page: u64,
    ready_within: Duration,
    admin: Queue<()>,
    /// Where the controller writes what it tells of itself.
    told: Shared,
}

impl Controller {
    /// Resets the controller, and makes it take admin commands.
    pub(crate) fn attach(
        device: Device,
        registers: Arc<dyn Registers>,
        interrupts: Vec<Arc<dyn Interrupt>>,
        config: Config,
    ) -> Result<Self, Fault> {
        let controls = Controls::new(registers);
        if controls.status().absent() {
            return Err(Fault::Absent);
        }
        let capabilities = controls.capabilities();
        if !capabilities.has_nvm_commands() {
            return Err(Fault::Unsupported(Unsupported::CommandSet));
        }
        if !controls.has_doorbells(1) {
            return Err(Fault::Unsupported(Unsupported::Doorbells { length: controls.length() }));
        }
        let page = capabilities.least_page();
        let ready_within = capabilities.ready_within();
        // Firmware may have left it on, with queues of its own.
        stop(&controls, &device, ready_within)?;
        let admin = Queue::allocate(&device, &controls, page, 0, ADMIN_ENTRIES)?;
        let told = Shared::allocate(&device, page, IDENTIFY_BYTES as u64)?;
        let signals = Signals { interrupts };
        let mut controller =
            Controller { controls, device, config, signals, page, ready_within, admin, told };
        controller.start()?;
        Ok(controller)
    }

    pub(crate) fn controls(&self) -> &Controls {
        &self.controls
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Bytes of a page.
    pub(crate) fn page(&self) -> u64 {
        self.page
    }

    /// Turns the controller on, with admin queues as new.
    pub(crate) fn start(&mut self) -> Result<(), Fault> {
        self.admin.renew()?;
        let (submission, completion) = (self.admin.submission_address(), self.admin.completion_address());
        self.controls.set_admin_queues(submission, completion, ADMIN_ENTRIES);
        self.controls.turn_on(self.page);
        reach(&self.controls, Goal::Start, self.ready_within, ControllerStatus::ready)
    }

    /// Turns the controller off. All commands end, all queues are gone, and quarantined memory is free again.
    pub(crate) fn stop(&mut self) -> Result<Stopped, Fault> {
        stop(&self.controls, &self.device, self.ready_within)
    }

    /// Has caches written to the medium, and waits for it.
    pub(crate) fn shut_down(&mut self, within: Duration) -> Result<(), Fault> {
        self.controls.announce_shutdown();
        let complete = |status: ControllerStatus| status.shutdown() == ShutdownStatus::Complete;
        reach(&self.controls, Goal::ShutDown, within, complete)
    }

    /// Gives an admin command, and waits for what it answers.
    fn command(&mut self, name: AdminCommand, command: Command) -> Result<u32, Fault> {
        self.admin.put(command, ())?;
        self.admin.ring();
        let (since, within) = (Instant::now(), self.config.timeout);
        let signal = match self.signals.of_io() {
            Signal::None => Signal::None,
            Signal::Vector(_) => Signal::Vector(0),
        };
        loop {
            match self.admin.take()? {
                Found::Ended(ended) => {
                    self.admin.acknowledge();
                    ended.status.map_err(|status| Fault::Admin { command: name, status })?;
                    return Ok(ended.result);
                }
                Found::Stray => self.admin.acknowledge(),
                Found::Nothing => {}
            }
            let waited = since.elapsed();
            if waited >= within {
                return Err(Fault::AdminTimedOut { command: name, within });
            }
            self.signals.rest(signal, self.config.look_interval.min(within - waited));
        }
    }

    fn identify(&mut self, what: Identify) -> Result<Identified, Fault> {
        self.command(AdminCommand::Identify, Command::identify(what, self.told.address()))?;
        let mut bytes = Box::new([0; IDENTIFY_BYTES]);
        self.told.look(0, IDENTIFY_BYTES as u64)?;
        self.told.access().read(0, &mut *bytes)?;
        Ok(Identified(bytes))
    }

    /// Asks what the controller is.
    pub(crate) fn info(&mut self) -> Result<ControllerInfo, Fault> {
        let version = self.controls.version();
        Ok(ControllerInfo::read(&self.identify(Identify::Controller)?, version, self.page))
    }

    /// Asks for all active namespaces, in ascending order.
    pub(crate) fn namespaces(&mut self, info: &ControllerInfo) -> Result<Vec<Namespace>, Fault> {
        let numbers = match info.version {
            ..VERSION_1_1 => (1..=info.namespaces.min(MOST_NAMESPACES)).collect(),
            _ => self.active_namespaces()?,
        };
        let mut namespaces = Vec::new();
        for number in numbers {
            let told = self.identify(Identify::Namespace(number))?;
            namespaces.extend(Namespace::read(&told, number));
        }
        Ok(namespaces)
    }

    fn active_namespaces(&mut self) -> Result<Vec<u32>, Fault> {
        const IN_A_LIST: usize = IDENTIFY_BYTES / 4;
        let mut numbers: Vec<u32> = Vec::new();
        loop {
            let last = numbers.last().copied().unwrap_or(0);
            let told = self.identify(Identify::NamespacesAbove(last))?;
            let before = numbers.len();
            // A list that does not ascend would never end.
            let ascending = told.numbers().scan(last, |last, number| {
                let goes_on = number > *last;
                *last = number;
                goes_on.then_some(number)
            });
            numbers.extend(ascending);
            if numbers.len() - before < IN_A_LIST || numbers.len() >= MOST_NAMESPACES as usize {
                return Ok(numbers);
            }
        }
    }

    /// Creates a pair of I/O queues: first the completion queue, to which the submission queue refers.
    pub(crate) fn create_queues<T>(&mut self, queue: &Queue<T>) -> Result<(), Fault> {
        let (number, entries, signal) = (queue.number(), queue.entries(), self.signals.of_io());
        self.command(AdminCommand::SetQueueCount, Command::set_queue_count(1))?;
        let create = Command::create_completion_queue(number, entries, queue.completion_address(), signal);
        self.command(AdminCommand::CreateCompletionQueue, create)?;
        let create = Command::create_submission_queue(number, entries, queue.submission_address());
        self.command(AdminCommand::CreateSubmissionQueue, create)?;
        Ok(())
    }

    /// Deletes a pair of I/O queues: first the submission queue, which refers to the completion queue.
    pub(crate) fn delete_queues<T>(&mut self, queue: &Queue<T>) -> Result<(), Fault> {
        let number = queue.number();
        self.command(AdminCommand::DeleteSubmissionQueue, Command::delete_submission_queue(number))?;
        self.command(AdminCommand::DeleteCompletionQueue, Command::delete_completion_queue(number))?;
        Ok(())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // Where it cannot be stopped, what it may still reach stays in flight, and is kept from use.
        if self.stop().is_ok() {
            self.admin.retire();
            self.told.retire();
        }
    }
}

fn stop(controls: &Controls, device: &Device, within: Duration) -> Result<Stopped, Fault> {
    controls.turn_off();
    reach(controls, Goal::Stop, within, |status| !status.ready())?;
    let stopped = Stopped(());
    quarantine::release(device, &stopped);
    Ok(stopped)
}

/// Waits until the state of the controller is as it should be.
fn reach(
    controls: &Controls,
    goal: Goal,
    within: Duration,
    reached: impl Fn(ControllerStatus) -> bool,
) -> Result<(), Fault> {
    let since = Instant::now();
    loop {
        let status = controls.status();
        if status.absent() {
            return Err(Fault::Absent);
        }
        if reached(status) {
            return Ok(());
        }
        if status.fatal() && goal == Goal::Start {
            return Err(Fault::Fatal { status });
        }
        if since.elapsed() >= within {
            return Err(Fault::NotReached { goal, within, status });
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}
