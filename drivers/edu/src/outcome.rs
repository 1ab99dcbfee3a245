//! What a transfer came to.

use alloc::boxed::Box;
use core::fmt;

use ddi_dma::{AllocError, BindErrorKind, WindowError};

use crate::config::BUFFER;
use crate::engine::End;
use crate::fault::Fault;

/// What a transfer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Bytes of the object; of each of the two, where they go round.
    pub length: u64,
    /// Bytes that have arrived: fewer than `length` where the transfer failed.
    pub moved: u64,
    /// DMAs that ended well.
    pub dmas: u64,
    /// Of these, DMAs that were to end with an interrupt, which did not come: the driver looks in between, so each took
    /// longer by some part of the time-out. Is the driver given the device's interrupt?
    pub unheard: u64,
    /// Windows that were moved to, those of both objects where they go round.
    pub windows: usize,
    /// Bytes that went through the copy buffer.
    pub copied: u64,
}

impl Report {
    /// Counts a DMA.
    pub(crate) fn count(&mut self, end: End) {
        self.dmas += 1;
        self.unheard += u64::from(end == End::Found);
    }
}

/// A transfer that failed.
///
/// `G` is what it gives back: `Option<O>`, or one such for each of two objects. An object is missing where the engine may
/// still reach it, and nowhere else: see [`TransferErrorKind::Abandoned`].
#[derive(thiserror::Error)]
#[error("{}", self.kind())]
pub struct TransferError<G> {
    /// In a box, so that what goes well is not moved about in the room that this takes.
    failure: Box<(TransferErrorKind, Report)>,
    /// The objects, with what was moved ahead of the error.
    pub given_back: G,
}

impl<G> TransferError<G> {
    pub(crate) fn new(kind: TransferErrorKind, report: Report, given_back: G) -> Self {
        TransferError { failure: Box::new((kind, report)), given_back }
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

impl<G> fmt::Debug for TransferError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferError").field("kind", &self.kind()).field("report", self.report()).finish()
    }
}

/// Why a transfer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferErrorKind {
    /// The device's buffer does not have these bytes.
    #[error("bytes {at:#x}..{:#x} are not all in the device's buffer, of which {BUFFER:#x} can be used", at.saturating_add(*length))]
    OutOfRange {
        /// Where in the buffer they were to start.
        at: u64,
        /// How many.
        length: u64,
    },
    /// What goes round comes back whole.
    #[error("{length} bytes are to come back into an object of {into}: both must have the same length")]
    Lengths {
        /// Bytes that go to the device.
        length: u64,
        /// Bytes that are to come back.
        into: u64,
    },
    /// The handle could not be had.
    #[error("cannot have a handle: {0}")]
    Handle(#[from] AllocError),
    /// The object could not be bound.
    #[error("cannot bind: {0}")]
    Bind(BindErrorKind),
    /// The next window could not be had.
    #[error("cannot move the window: {0}")]
    Window(#[from] WindowError),
    /// The device failed, and does not reach the object any more.
    #[error(transparent)]
    Device(#[from] Fault),
    /// The device failed and may still run, and cannot be reset. The object is not given back.
    #[error("{fault}. The object is not given back: {memory}")]
    Abandoned {
        /// What happened.
        fault: Fault,
        /// What became of its memory.
        memory: Memory,
    },
}

/// What became of memory that a device was told to reach, and may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Memory {
    /// The nexus took it away from the device, and the object was dropped.
    #[error("its memory was taken away from the device, and is free")]
    Revoked,
    /// Nothing keeps the device from it, so nobody else gets it.
    #[error(
        "{bytes} bytes of memory are in quarantine: release it (Device::release_quarantine) once the engine is stopped"
    )]
    Quarantined {
        /// Bytes, those of the copy buffer included.
        bytes: u64,
    },
}
