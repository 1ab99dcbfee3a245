//! A disk as a character device: `read(9E)` and `write(9E)` of a driver, through `physio`.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use ddi_dma::{
    AddressSpace, BindFlags, Buf, BusConfig, Direction, Errno, PhysioError, PhysioRequest, Transferred, Uio,
    minphys, physio,
};

use crate::disk::{Disk, ErrorCode, SECTOR, Stepped};
use crate::driver::{AttachError, DiskDriver, Interrupt, Report, TransferError, TransferErrorKind};
use crate::machine::Machine;

/// A disk as a character device: it moves whole sectors between the disk and the memory of a process, which may lie
/// anywhere, and refuses a piece that is not made of whole sectors (`EINVAL`).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use ddi_dma::{AddressSpace, BusConfig, Iovec, Uio};
/// use ddi_dma_sim::{Machine, MachineConfig, Protection, RawDisk, UserSpace};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let process = UserSpace::new(&machine, 0);
/// let address = process.map(0x10_0000, Protection::ReadWrite)?;
/// process.write(address + 77, b"what the process wrote")?;
///
/// let mut disk = RawDisk::new(&machine, "isa-disk", BusConfig::default())?;
/// let space: Arc<dyn AddressSpace> = process.clone();
/// let iovecs = vec![Iovec { base: address + 77, length: 512 }, Iovec { base: address, length: 0x4_0000 }];
/// let mut uio = Uio::new(iovecs, 1024)?;
/// let done = disk.write(&space, &mut uio)?;
/// assert_eq!((done.transferred, done.resid), (512 + 0x4_0000, 0));
/// # let mut there = [0; 22];
/// # disk.disk().read_medium(1024, &mut there)?;
/// # assert_eq!(&there, b"what the process wrote");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RawDisk {
    driver: DiskDriver<Buf>,
    mincnt: Mincnt,
}

/// What lowers the bytes of a piece.
type Mincnt = Box<dyn FnMut(&mut PhysioRequest) + Send>;

impl RawDisk {
    /// Attaches a driver to a device, on a bus of its own.
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    pub fn new(machine: &Machine, name: &str, config: BusConfig) -> Result<Self, AttachError> {
        let mincnt = |request: &mut PhysioRequest| {
            minphys(request);
            request.round_down_to(SECTOR);
        };
        Ok(RawDisk { driver: DiskDriver::new(machine, name, config)?, mincnt: Box::new(mincnt) })
    }

    /// Says how many bytes one request may have, instead of what [`minphys`] allows.
    #[must_use]
    pub fn mincnt(self, routine: impl FnMut(&mut PhysioRequest) + Send + 'static) -> Self {
        RawDisk { mincnt: Box::new(routine), ..self }
    }

    /// The device.
    pub fn disk(&self) -> &Arc<Disk> {
        self.driver.disk()
    }

    /// Reads from the disk into the memory of a process (`read(9E)`).
    ///
    /// # Errors
    ///
    /// [`PhysioError`].
    pub fn read(&mut self, space: &Arc<dyn AddressSpace>, uio: &mut Uio) -> Result<Transferred, PhysioError> {
        self.transfer(space, uio, Direction::FromDevice)
    }

    /// Writes from the memory of a process to the disk (`write(9E)`).
    ///
    /// # Errors
    ///
    /// [`PhysioError`].
    pub fn write(
        &mut self,
        space: &Arc<dyn AddressSpace>,
        uio: &mut Uio,
    ) -> Result<Transferred, PhysioError> {
        self.transfer(space, uio, Direction::ToDevice)
    }

    fn transfer(
        &mut self,
        space: &Arc<dyn AddressSpace>,
        uio: &mut Uio,
        direction: Direction,
    ) -> Result<Transferred, PhysioError> {
        let driver = RefCell::new(&mut self.driver);
        let start = |buf| strategy(&mut driver.borrow_mut(), buf);
        let run = || run(&mut driver.borrow_mut());
        physio(start, space, uio, direction, &mut self.mincnt, run)
    }
}

impl fmt::Debug for RawDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawDisk").field("driver", &self.driver).finish_non_exhaustive()
    }
}

/// Starts a request (`strategy(9E)`), or ends it where it cannot be started.
fn strategy(driver: &mut DiskDriver<Buf>, buf: Buf) {
    if !buf.offset().is_multiple_of(SECTOR) || !buf.bcount().is_multiple_of(SECTOR) {
        return fail(buf, Errno::EINVAL);
    }
    let (block, direction) = (buf.blkno(), buf.direction());
    if let Err(error) = driver.start(block, buf, direction, BindFlags::PARTIAL) {
        let errno = errno(&error.kind);
        fail(error.object, errno);
    }
}

/// Lets the device run, and ends the request if it has.
fn run(driver: &mut DiskDriver<Buf>) {
    let stepped = driver.disk().step();
    let interrupt = driver.intr();
    match driver.ended() {
        Some(ended) => iodone(ended),
        None if stepped != Stepped::Done && interrupt == Interrupt::Unclaimed => driver.reset(),
        None => {}
    }
}

/// Ends a request with what the device made of it.
fn iodone(ended: Result<(Buf, Report), TransferError<Buf>>) {
    match ended {
        Ok((mut buf, report)) => {
            buf.set_resid(report.length - report.moved);
            buf.biodone();
        }
        Err(TransferError { kind, object: mut buf }) => {
            if let TransferErrorKind::Device { block, moved, .. } = kind {
                let ahead = (block - buf.blkno()) * SECTOR;
                buf.set_resid(buf.bcount() - ahead - moved);
            }
            fail(buf, errno(&kind));
        }
    }
}

fn fail(mut buf: Buf, errno: Errno) {
    buf.bioerror(errno);
    buf.biodone();
}

fn errno(kind: &TransferErrorKind) -> Errno {
    match kind {
        TransferErrorKind::Bind { kind, .. } if kind.shortage().is_some() => Errno::ENOMEM,
        TransferErrorKind::Device { code: ErrorCode::OutOfRange, .. } => Errno::ENXIO,
        _ => Errno::EIO,
    }
}
