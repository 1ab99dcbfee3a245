//! What is asked of the driver, and the requests that it is busy with.

use std::collections::VecDeque;

use ddi_dma::{BindFlags, Cookie};

use crate::command::{Command, Operation};
use crate::error::RequestErrorKind;
use crate::pointers::Style;
use crate::status::Status;

/// Blocks to read or to write.
///
/// # Examples
///
/// ```
/// use ddi_dma::BindFlags;
/// use nvme_driver::Request;
///
/// let request = Request::read(1, 2048).with_flags(BindFlags::ISOLATE);
/// assert_eq!(request.lba, 2048);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Which way.
    pub operation: Operation,
    /// Number of the namespace.
    pub namespace: u32,
    /// The first block; the object's length tells how many.
    pub lba: u64,
    /// How the object is bound. PARTIAL is added: objects that do not fit at once go window by window.
    pub flags: BindFlags,
}

impl Request {
    /// Reads blocks into an object.
    pub const fn read(namespace: u32, lba: u64) -> Self {
        Request { operation: Operation::Read, namespace, lba, flags: BindFlags::empty() }
    }

    /// Writes an object to blocks.
    pub const fn write(namespace: u32, lba: u64) -> Self {
        Request { operation: Operation::Write, ..Request::read(namespace, lba) }
    }

    /// Binds the object with these flags.
    #[must_use]
    pub const fn with_flags(self, flags: BindFlags) -> Self {
        Request { flags, ..self }
    }
}

/// A request that the driver is busy with, whatever it moves.
pub(crate) trait Job: Send {
    /// The next command to give, while so many are in flight.
    fn next(&mut self, in_flight: u32) -> Next<'_>;

    /// Takes note of a command that ended.
    fn ended(&mut self, portion: Portion, status: Result<(), Status>);

    /// Puts the outcome where the owner looks for it. None of the commands is in flight any more, or all were `cut`
    /// short.
    fn finish(self: Box<Self>, cut: Option<Cut>);
}

/// What a job wants.
pub(crate) enum Next<'a> {
    /// A command, with its data if it has some.
    Command { command: Command, data: Option<(&'a [Cookie], Style)>, portion: Portion },
    /// Commands that are in flight must end first.
    Nothing,
    /// It is done.
    Finished,
}

/// The part of a request that a command is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portion {
    pub(crate) lba: u64,
    pub(crate) blocks: u32,
    pub(crate) bytes: u64,
}

/// Why a request ends before its commands have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) why: RequestErrorKind,
    pub(crate) controller: Power,
}

/// Whether the controller may still reach memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    MaybeOn,
}

/// All requests that the driver is busy with.
pub(crate) struct Requests {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    /// Those that may have a command to give, in the order in which they do.
    ready: VecDeque<usize>,
}

pub(crate) struct Entry {
    pub(crate) job: Box<dyn Job>,
    pub(crate) in_flight: u32,
    waits: Waits,
}

/// Whether a request is among those that may have a command to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    ForCommands,
    ForTurn,
}

impl Requests {
    pub(crate) fn new(most: usize) -> Self {
        Requests {
            entries: (0..most).map(|_| None).collect(),
            free: (0..most).rev().collect(),
            ready: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Adds a request; who adds one has seen that there is room.
    pub(crate) fn add(&mut self, job: Box<dyn Job>) {
        let Some(number) = self.free.pop() else { return };
        if let Some(place) = self.entries.get_mut(number) {
            *place = Some(Entry { job, in_flight: 0, waits: Waits::ForTurn });
            self.ready.push_back(number);
        }
    }

    pub(crate) fn entry(&mut self, number: usize) -> Option<&mut Entry> {
        self.entries.get_mut(number)?.as_mut()
    }

    /// The request whose turn it is.
    pub(crate) fn next_turn(&mut self) -> Option<usize> {
        let number = self.ready.pop_front()?;
        if let Some(entry) = self.entry(number) {
            entry.waits = Waits::ForCommands;
        }
        Some(number)
    }

    /// Gives a request another turn, behind the others.
    pub(crate) fn queue(&mut self, number: usize) {
        if let Some(entry) = self.entry(number)
            && entry.waits == Waits::ForCommands
        {
            entry.waits = Waits::ForTurn;
            self.ready.push_back(number);
        }
    }

    /// Takes a request out, which is not among those that wait for a turn.
    pub(crate) fn remove(&mut self, number: usize) -> Option<Box<dyn Job>> {
        let entry = self.entries.get_mut(number)?.take()?;
        self.free.push(number);
        Some(entry.job)
    }

    /// Takes all requests out, each with its number.
    pub(crate) fn drain(&mut self) -> Vec<(usize, Box<dyn Job>)> {
        self.ready.clear();
        let numbers = 0..self.entries.len();
        numbers.filter_map(|number| Some((number, self.remove(number)?))).collect()
    }
}
