//! What a transfer came to.

use std::fmt;

use ddi_dma::dmae::ChannelError;
use ddi_dma::plan::Explanation;
use ddi_dma::{AllocError, BindErrorKind, WindowError};

use crate::disk::ErrorCode;
use crate::machine::UnknownDevice;
use crate::nexus::BusFault;

/// What a transfer took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Bytes of the object.
    pub length: u64,
    /// Bytes that the device moved: fewer than `length` where it stopped short.
    pub moved: u64,
    /// Windows that the object took.
    pub windows: usize,
    /// Lists that the engine was given: requests.
    pub lists: usize,
    /// Cookies in them.
    pub cookies: usize,
    /// Bytes of the object that went through the copy buffer.
    pub copied: u64,
    /// Why the object was copied and cut as it was, where the driver was told to say.
    pub explanation: Option<Explanation>,
}

/// Whether a driver says why an object was copied and cut as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Explain {
    /// It does not.
    #[default]
    No,
    /// It does, in [`Report::explanation`].
    Yes,
}

/// Why a driver does not attach.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// There is no such device.
    #[error(transparent)]
    Unknown(#[from] UnknownDevice),
    /// The nexus does not take the engine's attributes.
    #[error(transparent)]
    Alloc(#[from] AllocError),
    /// The device gets the bus by a channel of the system's DMA engine, and the driver was given no engine.
    #[error("{device} gets the bus by DMA channel {channel}: attach it with the machine's DMA engine")]
    NoEngine {
        /// Name of the device.
        device: &'static str,
        /// Its channel.
        channel: u8,
    },
}

/// Why a transfer failed. It gives the object back.
#[derive(thiserror::Error)]
#[error("{kind}")]
pub struct TransferError<O> {
    /// Why.
    pub kind: TransferErrorKind,
    /// The object, with what was moved ahead of the error.
    pub object: O,
}

impl<O> fmt::Debug for TransferError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransferError").field(&self.kind).finish()
    }
}

/// Why a transfer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferErrorKind {
    /// The driver has a transfer running.
    #[error("{device}: a transfer is running: wait for its interrupt")]
    Busy {
        /// Name of the device.
        device: &'static str,
    },
    /// The device's DMA channel could not be had.
    #[error("{device}: cannot have its channel: {error}")]
    Channel {
        /// Name of the device.
        device: &'static str,
        /// Why.
        error: ChannelError,
    },
    /// The object could not be bound.
    #[error("{device}: cannot bind: {kind}")]
    Bind {
        /// Name of the device.
        device: &'static str,
        /// Why.
        kind: BindErrorKind,
    },
    /// The next window could not be had.
    #[error("{device}: cannot move the window: {error}")]
    Window {
        /// Name of the device.
        device: &'static str,
        /// Why.
        error: WindowError,
    },
    /// The device reports an error.
    #[error(
        "{device}: the request of {length} bytes at block {block} failed behind {moved} bytes: {}",
        describe(*code, fault)
    )]
    Device {
        /// Name of the device.
        device: &'static str,
        /// What its error register says.
        code: ErrorCode,
        /// The bus fault, if it met one.
        fault: Option<BusFault>,
        /// First sector of the request.
        block: u64,
        /// Bytes of the request.
        length: u64,
        /// Bytes of the request that were moved.
        moved: u64,
    },
    /// The device is idle and no interrupt came.
    #[error("{device}: no interrupt came, and the device is idle: it was reset")]
    NoInterrupt {
        /// Name of the device.
        device: &'static str,
    },
}

fn describe(code: ErrorCode, fault: &Option<BusFault>) -> String {
    match (code, fault) {
        (_, Some(fault)) => fault.to_string(),
        (ErrorCode::None, None) => "the device gives no reason".to_owned(),
        (ErrorCode::BadList, None) => "the list has no entry, or more than fit".to_owned(),
        (ErrorCode::BusFault, None) => "bus fault".to_owned(),
        (ErrorCode::OutOfRange, None) => "the disk ends before it".to_owned(),
        (ErrorCode::BadBurst, None) => "engine or bus does not have the burst".to_owned(),
        (ErrorCode::Medium, None) => "the medium failed".to_owned(),
    }
}
