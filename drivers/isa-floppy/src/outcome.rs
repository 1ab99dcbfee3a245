//! What a transfer came to.

use alloc::boxed::Box;
use core::fmt;

use ddi_dma::dmae::{ChannelError, DmaeError};
use ddi_dma::{AllocError, BindErrorKind, Shortage, WindowError};

use crate::fault::{Fault, Remedy};
use crate::geometry::Geometry;

/// What a transfer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Bytes of the object.
    pub length: u64,
    /// Bytes that commands moved which ended well: fewer than `length` where the transfer failed.
    pub moved: u64,
    /// Windows that the object took.
    pub windows: usize,
    /// Lists that it took, each of one cookie.
    pub lists: usize,
    /// Commands that ended well.
    pub commands: usize,
    /// Commands that did not, and were given again.
    pub retries: u32,
    /// Bytes of the object that went through the copy buffer.
    pub copied: u64,
}

/// Why the driver does not attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// No disk is like this.
    #[error(
        "no disk has the geometry {geometry:?}: it has 1 to 254 cylinders, 1 or 2 heads, and 1 sector or more"
    )]
    Geometry {
        /// What the driver was told.
        geometry: Geometry,
    },
    /// There is no such channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The controller does not answer as it should.
    #[error(transparent)]
    Drive(#[from] Fault),
}

/// A transfer that failed. It gives the object back.
#[derive(thiserror::Error)]
#[error("{}", self.kind())]
pub struct TransferError<O> {
    /// In a box, so that what goes well is not moved about in the room that this takes.
    failure: Box<(TransferErrorKind, Report)>,
    /// The object, with what was moved ahead of the error.
    pub object: O,
}

impl<O> TransferError<O> {
    pub(crate) fn new(kind: TransferErrorKind, report: Report, object: O) -> Self {
        TransferError { failure: Box::new((kind, report)), object }
    }

    /// Why it failed.
    pub fn kind(&self) -> TransferErrorKind {
        self.failure.0
    }

    /// What the transfer took up to there.
    pub fn report(&self) -> &Report {
        &self.failure.1
    }
}

impl<O> fmt::Debug for TransferError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferError").field("kind", &self.kind()).field("report", self.report()).finish()
    }
}

/// Why a transfer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferErrorKind {
    /// The object is no whole number of sectors.
    #[error("{length} bytes are no whole number of sectors of 512 bytes")]
    Length {
        /// Bytes of the object.
        length: u64,
    },
    /// The disk does not have these sectors.
    #[error("sectors {lba}..{} are not all on the disk, which has {capacity}", lba.saturating_add(*sectors))]
    OutOfRange {
        /// The first sector.
        lba: u64,
        /// How many.
        sectors: u64,
        /// How many the disk has.
        capacity: u64,
    },
    /// The channel could not be had.
    #[error("cannot have the channel: {0}")]
    Channel(#[from] ChannelError),
    /// The handle could not be had.
    #[error("cannot have a handle: {0}")]
    Handle(#[from] AllocError),
    /// The object could not be bound.
    #[error("cannot bind: {0}")]
    Bind(BindErrorKind),
    /// The next window could not be had.
    #[error("cannot move the window: {0}")]
    Window(#[from] WindowError),
    /// The engine refuses.
    #[error("cannot program the engine: {0}")]
    Engine(#[from] DmaeError),
    /// The drive failed.
    #[error("sectors {lba}..{}: {fault}", lba + sectors)]
    Drive {
        /// What happened.
        fault: Fault,
        /// First sector of the command.
        lba: u64,
        /// Its sectors.
        sectors: u64,
        /// Bytes of the command that the engine had not moved (`ddi_dmae_getcnt(9F)`).
        remaining: u64,
    },
}

impl TransferErrorKind {
    /// The resource that is short, where that is why.
    pub fn shortage(&self) -> Option<Shortage> {
        match self {
            TransferErrorKind::Channel(ChannelError::NoResources(shortage)) => Some(*shortage),
            TransferErrorKind::Handle(error) => error.shortage(),
            TransferErrorKind::Bind(kind) => kind.shortage(),
            _ => None,
        }
    }

    /// What the drive says about it, and may help.
    pub fn remedy(&self) -> Remedy {
        match self {
            TransferErrorKind::Drive { fault, .. } => fault.remedy(),
            _ => Remedy::None,
        }
    }
}
