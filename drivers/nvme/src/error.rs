//! What can go wrong, with the values that make it understood.

use std::fmt;
use std::time::Duration;

use ddi_dma::{AccessError, AllocError, BindErrorKind, MemError, Shortage, SyncError, WindowError};

use crate::outcome::Report;
use crate::registers::ControllerStatus;
use crate::status::Status;

/// What is wrong with the controller, or with what the driver needs to run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Registers read as all ones.
    #[error(
        "the controller does not answer: its registers read as all ones (is its memory space on, is it still there?)"
    )]
    Absent,
    /// The controller cannot do what this driver needs of it.
    #[error("the controller is none for this driver: {0}")]
    Unsupported(Unsupported),
    /// The controller did not become ready, or did not stop, in the time that it names itself.
    #[error("the controller did not {goal} within {} ms (CSTS {:#x})", .within.as_millis(), .status.0)]
    NotReached {
        /// What it was told to do.
        goal: Goal,
        /// How long was waited.
        within: Duration,
        /// Its state then.
        status: ControllerStatus,
    },
    /// The controller reported a failure that only a reset ends.
    #[error("the controller reports a fatal state (CSTS {:#x})", .status.0)]
    Fatal {
        /// Its state.
        status: ControllerStatus,
    },
    /// An admin command failed.
    #[error("{command}: {status}")]
    Admin {
        /// Which.
        command: AdminCommand,
        /// What it came to.
        status: Status,
    },
    /// An admin command did not end in time.
    #[error("{command} did not end within {} ms", .within.as_millis())]
    AdminTimedOut {
        /// Which.
        command: AdminCommand,
        /// How long was waited.
        within: Duration,
    },
    /// A handle could not be had.
    #[error("cannot have a handle: {0}")]
    Handle(#[from] AllocError),
    /// Memory for queues or lists could not be had.
    #[error("cannot have memory for queues and lists: {0}")]
    Memory(#[from] MemError),
    /// Memory for queues or lists could not be bound.
    #[error("cannot bind memory for queues and lists: {0}")]
    Bind(BindErrorKind),
    /// Memory for queues or lists has no window.
    #[error("cannot map memory for queues and lists: {0}")]
    Window(#[from] WindowError),
    /// Memory for queues or lists is not in one run.
    #[error("memory for queues and lists lies in {cookies} pieces, and the controller takes one")]
    Scattered {
        /// How many pieces.
        cookies: usize,
    },
    /// An access to shared memory was refused.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A sync of shared memory was refused.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// A list of pages or descriptors does not fit the page that it has.
    #[error("a list of {bytes} bytes does not fit its page of {page}")]
    ListTooLong {
        /// Bytes of the list.
        bytes: u64,
        /// Bytes of the page.
        page: u64,
    },
    /// No slot of the queue is free.
    #[error("all slots of the queue are taken")]
    QueueFull,
}

/// What a controller lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// It does not take NVM commands (CAP.CSS).
    #[error("it does not take NVM commands")]
    CommandSet,
    /// Its registers are too short to hold the doorbells.
    #[error("its {length} bytes of registers do not hold the doorbells")]
    Doorbells {
        /// Bytes of the registers.
        length: u64,
    },
}

/// What a controller is told to do by CC, and says it has done in CSTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Goal {
    /// Become ready.
    Start,
    /// Stop.
    Stop,
    /// Complete an orderly shutdown.
    ShutDown,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Goal::Start => "become ready",
            Goal::Stop => "stop",
            Goal::ShutDown => "shut down",
        })
    }
}

/// The admin commands that this driver gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdminCommand {
    /// Identify.
    Identify,
    /// Set Features, Number of Queues.
    SetQueueCount,
    /// Create I/O Completion Queue.
    CreateCompletionQueue,
    /// Create I/O Submission Queue.
    CreateSubmissionQueue,
    /// Delete I/O Submission Queue.
    DeleteSubmissionQueue,
    /// Delete I/O Completion Queue.
    DeleteCompletionQueue,
}

impl fmt::Display for AdminCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AdminCommand::Identify => "Identify",
            AdminCommand::SetQueueCount => "Set Features (Number of Queues)",
            AdminCommand::CreateCompletionQueue => "Create I/O Completion Queue",
            AdminCommand::CreateSubmissionQueue => "Create I/O Submission Queue",
            AdminCommand::DeleteSubmissionQueue => "Delete I/O Submission Queue",
            AdminCommand::DeleteCompletionQueue => "Delete I/O Completion Queue",
        })
    }
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// The driver holds as many requests as it takes. Wait for one, then submit this again.
    #[error("{requests} requests are in flight, which is all that the driver takes: wait for one")]
    QueueFull {
        /// How many.
        requests: usize,
    },
    /// There is no such namespace.
    #[error("there is no namespace {namespace}")]
    NoNamespace {
        /// Its number.
        namespace: u32,
    },
    /// Blocks of the namespace have metadata, which this driver does not transfer.
    #[error("blocks of namespace {namespace} have {metadata} bytes of metadata: format it without")]
    Metadata {
        /// Its number.
        namespace: u32,
        /// Bytes of metadata.
        metadata: u16,
    },
    /// A block is more than the controller moves in a command.
    #[error("a block of {block} bytes is more than the {most} that a command moves")]
    BlockTooLarge {
        /// Bytes of a block.
        block: u32,
        /// Most bytes of a command.
        most: u64,
    },
    /// The object is no whole number of blocks, or has none.
    #[error("{length} bytes are no whole number of blocks of {block} bytes, at least one")]
    Length {
        /// Bytes of the object.
        length: u64,
        /// Bytes of a block.
        block: u32,
    },
    /// The namespace does not have these blocks.
    #[error("blocks {lba}..{} are not all in the namespace, which has {capacity}", .lba.saturating_add(*.blocks))]
    OutOfRange {
        /// The first block.
        lba: u64,
        /// How many.
        blocks: u64,
        /// How many the namespace has.
        capacity: u64,
    },
    /// The controller does not take this command.
    #[error("the controller cannot write zeroes by itself: write them from memory")]
    NoWriteZeroes,
    /// A handle could not be had.
    #[error("cannot have a handle: {0}")]
    Handle(#[from] AllocError),
    /// The object could not be bound.
    #[error("cannot bind: {0}")]
    Bind(BindErrorKind),
    /// The next window could not be had.
    #[error("cannot move the window: {0}")]
    Window(#[from] WindowError),
    /// A command failed.
    #[error("blocks {lba}..{}: {status}", .lba.saturating_add((*.blocks).into()))]
    Status {
        /// What it came to.
        status: Status,
        /// Its first block; 0 for a flush.
        lba: u64,
        /// Its blocks; 0 for a flush.
        blocks: u32,
    },
    /// A command did not end in time. The controller was reset.
    #[error(
        "a command did not end within {} ms ({interrupts} interrupts came meanwhile): the controller was reset",
        .within.as_millis()
    )]
    TimedOut {
        /// How long was waited.
        within: Duration,
        /// How many interrupts came while the driver waited for completions, and found none.
        interrupts: u64,
    },
    /// The controller was reset, or turned off, while the request was in flight.
    #[error("the controller was reset while the request was in flight")]
    Reset,
    /// The token stands for a request of another driver.
    #[error("the request is none of this controller: ask the driver that gave the token")]
    NotHere,
    /// The controller failed, and cannot be used before it is reset.
    #[error(transparent)]
    Controller(#[from] Fault),
}

impl RequestErrorKind {
    /// The resource that is short, where that is why.
    pub fn shortage(&self) -> Option<Shortage> {
        match self {
            RequestErrorKind::Handle(error) => error.shortage(),
            RequestErrorKind::Bind(kind)
            | RequestErrorKind::Window(WindowError::NotMapped { reason: kind, .. }) => kind.shortage(),
            _ => None,
        }
    }
}

/// A request that failed. It gives the object back, but where the controller could not be stopped.
#[derive(thiserror::Error)]
#[error("{}", self.kind())]
pub struct RequestError<O> {
    /// In a box, so that what goes well is not moved about in the room that this takes.
    failure: Box<(RequestErrorKind, Report)>,
    /// The object, with what was moved ahead of the error. `None` only where the controller might still reach it: it is
    /// kept from use then, until the controller is reset.
    pub object: Option<O>,
}

impl<O> RequestError<O> {
    pub(crate) fn new(kind: RequestErrorKind, report: Report, object: Option<O>) -> Self {
        RequestError { failure: Box::new((kind, report)), object }
    }

    /// A request that did not get as far as the controller.
    pub(crate) fn refused(kind: impl Into<RequestErrorKind>, object: O) -> Self {
        RequestError::new(kind.into(), Report::default(), Some(object))
    }

    /// Why it failed.
    pub fn kind(&self) -> RequestErrorKind {
        self.failure.0
    }

    /// What the request came to up to there.
    pub fn report(&self) -> &Report {
        &self.failure.1
    }
}

impl<O> fmt::Debug for RequestError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestError").field("kind", &self.kind()).field("report", self.report()).finish()
    }
}
