//! Raw I/O: a process' request, cut into pieces that a driver takes, each locked while it runs (`physio(9F)`).

use alloc::sync::Arc;
use core::task::Waker;

use crate::buf::{Buf, BufLost, Errno, block_on};
use crate::flags::Direction;
use crate::iovec::Uio;
use crate::platform::Platform;
use crate::space::{AddressSpace, LockError};

/// Most bytes that [`minphys`] lets one request have: 56 KiB, as the DDI on x86.
pub const MAXPHYS: u64 = 56 << 10;

/// A piece of a [`Uio`] that is about to be locked and issued: what a `mincnt` routine looks at and makes smaller.
#[derive(Debug)]
pub struct PhysioRequest {
    address: u64,
    offset: u64,
    direction: Direction,
    bcount: u64,
}

impl PhysioRequest {
    /// Where the process finds the first byte.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Where on the device the piece starts, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Which way the bytes go.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Bytes: at first all that is left of the iovec (`b_bcount`).
    pub fn bcount(&self) -> u64 {
        self.bcount
    }

    /// Lowers the bytes to `most`, where they are more.
    pub fn lower_to(&mut self, most: u64) {
        self.bcount = self.bcount.min(most);
    }

    /// Lowers the bytes to a multiple of `unit`, such as a sector; a piece smaller than that stays as it is.
    ///
    /// So the end of an iovec that is not made of whole units reaches `strategy` by itself, and the driver decides.
    pub fn round_down_to(&mut self, unit: u64) {
        let rest = self.bcount.checked_rem(unit).unwrap_or(0);
        if rest < self.bcount {
            self.bcount -= rest;
        }
    }
}

/// The `mincnt` routine of a driver without limits of its own: lowers a piece to [`MAXPHYS`] bytes (`minphys(9F)`).
///
/// A driver that has limits calls it last in a routine of its own.
///
/// # Examples
///
/// ```
/// use ddi_dma::{PhysioRequest, minphys};
///
/// let mincnt = |request: &mut PhysioRequest| {
///     request.lower_to(64 * 512); // what the controller counts
///     minphys(request);
/// };
/// # let _ = mincnt;
/// ```
#[doc(alias = "mincnt")]
pub fn minphys(request: &mut PhysioRequest) {
    request.lower_to(MAXPHYS);
}

/// How a request of a process ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transferred {
    /// Bytes transferred.
    pub transferred: u64,
    /// Bytes that were not: more than 0 where the device stopped short.
    pub resid: u64,
}

/// Why a request of a process stopped. What was transferred ahead of the error counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, behind {transferred} bytes, with {resid} left")]
pub struct PhysioError {
    /// Why.
    pub kind: PhysioErrorKind,
    /// Bytes transferred.
    pub transferred: u64,
    /// Bytes that were not.
    pub resid: u64,
}

/// Why a request of a process stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhysioErrorKind {
    /// The memory cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The `mincnt` routine left no byte of a piece, so the request would never end (`EINVAL`).
    #[error("mincnt left no byte of the piece at {address:#x}")]
    Mincnt {
        /// Where the process finds the piece.
        address: u64,
    },
    /// The driver reports an error.
    #[error("the device reports {0}")]
    Device(Errno),
    /// The driver dropped the piece (`EIO`).
    #[error(transparent)]
    Lost(#[from] BufLost),
}

impl PhysioError {
    /// The error number that `read(2)` or `write(2)` returns.
    pub fn errno(&self) -> Errno {
        match self.kind {
            PhysioErrorKind::Lock(error) => error.errno(),
            PhysioErrorKind::Mincnt { .. } => Errno::EINVAL,
            PhysioErrorKind::Device(errno) => errno,
            PhysioErrorKind::Lost(BufLost) => Errno::EIO,
        }
    }
}

/// Makes the transfers of a process' request, one after the other (`physio(9F)`).
///
/// For each iovec, as long as something is left: `mincnt` lowers the bytes of the piece, its pages are locked, `strategy`
/// gets a [`Buf`] of it, whose end ([`Buf::biodone`]) is waited for, and the pages are unlocked. An error or a residual
/// stops. `uio` is moved on by exactly what was transferred.
///
/// A piece never holds bytes of two iovecs, and lengths need no alignment here: a driver that moves whole sectors
/// refuses others in `strategy`, with [`Buf::bioerror`].
///
/// `park` looks after the device, or only spins, and is called until a piece has ended. Nothing wakes it: it must return
/// by itself. [`physio_on`] lets a thread sleep, [`physio_async`] a task.
///
/// Pages that `physio` locks do not count against the process' limit.
///
/// # Errors
///
/// [`PhysioError`].
///
/// # Examples
///
/// A device that fills memory with ones:
///
/// ```
/// use std::sync::Arc;
/// use ddi_dma::{AddressSpace, Buf, Direction, Iovec, Uio, minphys, physio};
/// use ddi_dma_sim::{Machine, MachineConfig, Protection, UserSpace};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let process = UserSpace::new(&machine, 0);
/// let base = process.map(0x2_0000, Protection::ReadWrite)?;
/// let space: Arc<dyn AddressSpace> = process.clone();
///
/// let mut pieces = Vec::new();
/// let strategy = |mut buf: Buf| {
///     pieces.push(buf.bcount());
///     let ones = vec![1; buf.bcount() as usize];
///     buf.write(0, &ones).expect("inside");
///     buf.biodone();
/// };
/// let mut uio = Uio::new(vec![Iovec { base, length: 100_000 }, Iovec { base: base + 100_000, length: 7 }], 0)?;
/// let done = physio(strategy, &space, &mut uio, Direction::FromDevice, minphys, || ())?;
/// assert_eq!((done.transferred, done.resid), (100_007, 0));
/// assert_eq!(pieces, [57_344, 42_656, 7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn physio(
    strategy: impl FnMut(Buf),
    space: &Arc<dyn AddressSpace>,
    uio: &mut Uio,
    direction: Direction,
    mincnt: impl FnMut(&mut PhysioRequest),
    park: impl FnMut(),
) -> Result<Transferred, PhysioError> {
    block_on(physio_async(strategy, space, uio, direction, mincnt), Waker::noop(), park)
}

/// Does what [`physio`] does; meanwhile the thread rests as those of the platform do, until [`Buf::biodone`] wakes it.
///
/// # Errors
///
/// [`PhysioError`].
pub fn physio_on(
    strategy: impl FnMut(Buf),
    space: &Arc<dyn AddressSpace>,
    uio: &mut Uio,
    direction: Direction,
    mincnt: impl FnMut(&mut PhysioRequest),
    platform: &dyn Platform,
) -> Result<Transferred, PhysioError> {
    let future = physio_async(strategy, space, uio, direction, mincnt);
    block_on(future, &platform.waker(), || platform.park())
}

/// Does what [`physio`] does, as a future.
///
/// Dropping it starts no further piece and does not count the one that runs, which ends by itself; its pages are
/// unlocked then.
///
/// # Errors
///
/// [`PhysioError`].
#[doc(alias = "aphysio")]
pub async fn physio_async(
    mut strategy: impl FnMut(Buf),
    space: &Arc<dyn AddressSpace>,
    uio: &mut Uio,
    direction: Direction,
    mut mincnt: impl FnMut(&mut PhysioRequest),
) -> Result<Transferred, PhysioError> {
    let total = uio.resid();
    let stop = |uio: &Uio, kind| PhysioError { kind, transferred: total - uio.resid(), resid: uio.resid() };
    while let Some(iovec) = uio.front() {
        let mut request =
            PhysioRequest { address: iovec.base, offset: uio.offset(), direction, bcount: iovec.length };
        mincnt(&mut request);
        let PhysioRequest { address, offset, bcount, .. } = request;
        if bcount == 0 {
            return Err(stop(uio, PhysioErrorKind::Mincnt { address }));
        }
        let buf = Buf::lock(space, address, bcount, direction).map_err(|error| stop(uio, error.into()))?;
        let (buf, wait) = buf.on_device(offset).issue();
        strategy(buf);
        let buf = wait.await.map_err(|lost| stop(uio, lost.into()))?;
        uio.advance(bcount - buf.resid());
        if let Some(errno) = buf.error() {
            return Err(stop(uio, PhysioErrorKind::Device(errno)));
        }
        if buf.resid() > 0 {
            break;
        }
    }
    Ok(Transferred { transferred: total - uio.resid(), resid: uio.resid() })
}
