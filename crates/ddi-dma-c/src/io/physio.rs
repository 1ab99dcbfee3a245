//! `physio(9F)`: a request of a process, piece by piece, through a driver's `strategy(9E)`.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use ddi_dma::{Buf, Direction, Errno, MAXPHYS, PhysioError, PhysioErrorKind, PhysioRequest, Uio};

use crate::abi::buf::b_flags::{B_BUSY, B_PHYS, B_READ, B_SHADOW, B_WANTED, B_WRITE};
use crate::abi::buf::buf;
use crate::abi::uio::uio;
use crate::last_error::note;
use crate::misuse::misuse;
use crate::node::{Context, context};

use super::bio;
use super::live::{self, InPhysio};
use super::process::SPACE;
use super::raw::{Bp, get, pointer, set};
use super::uio::Request;

type Strategy = unsafe extern "C" fn(*mut buf) -> c_int;
type Mincnt = unsafe extern "C" fn(*mut buf);

const ME: &str = "physio";

const EINVAL: c_int = 22;

/// Most bytes that `minphys` lets one request have. A program may set it.
#[unsafe(no_mangle)]
pub static maxphys: AtomicI32 = AtomicI32::new(MAXPHYS as i32);

/// Lowers the bytes of a request to `maxphys` (`minphys(9F)`).
///
/// # Safety
///
/// `bp` is a buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn minphys(bp: *mut buf) {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "minphys") };
    let most = maxphys.load(Ordering::Relaxed).max(0).unsigned_abs() as usize;
    if get!(bp, b_bcount) > most {
        set!(bp, b_bcount: most);
    }
}

/// What `b_proc` holds where memory is a process': this one. Nothing is there to look at.
pub(super) fn process() -> *mut c_void {
    static THIS: u64 = 0;
    (&raw const THIS).cast_mut().cast()
}

/// Makes the transfers of a request, one after the other, and moves `uio` on by what was transferred (`physio(9F)`).
///
/// 0, or the error of the driver, `EFAULT`, `EACCES` or `ENOMEM` where the memory of the request cannot be locked,
/// `EINVAL` where the request makes no sense or `mincnt` leaves no byte of a piece. An error or a residual stops. A
/// driver that reports an error and leaves `b_resid` at 0 has transferred nothing of that piece.
///
/// # Safety
///
/// `strat` and `mincnt` are functions for bufs; `bp` is NULL or a buf that nobody uses; `uio` is a request, whose
/// memory stays mapped until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn physio(
    strat: Option<Strategy>,
    bp: *mut buf,
    dev: u64,
    rw: c_int,
    mincnt: Option<Mincnt>,
    uio: *mut uio,
) -> c_int {
    // SAFETY: the caller promises a request.
    let request = unsafe { Request::new(uio, ME) };
    let Some((strategy, mincnt)) = strat.zip(mincnt) else {
        misuse!(ME, "strat or mincnt is NULL: give the driver's strategy routine, and minphys");
    };
    if context() == Context::Interrupt {
        misuse!(ME, "called by a handler or callback, which cannot wait");
    }
    let way = match rw {
        B_READ => Direction::FromDevice,
        // B_WRITE was 0 once.
        B_WRITE | 0 => Direction::ToDevice,
        _ => return refuse(format_args!("rw {rw:#x} is neither B_READ nor B_WRITE")),
    };
    if let Err(text) = request.check() {
        return refuse(format_args!("{text}"));
    }
    let own = if bp.is_null() { live::allocate(0, ME) } else { None };
    // SAFETY: the caller promises a buf; `allocate` gives one, and none where it is not asked.
    let bp = own.unwrap_or_else(|| unsafe { Bp::new(bp, ME) });
    let piece = Piece {
        bp,
        dev,
        rw,
        strategy,
        mincnt,
        process: if request.of_system() { ptr::null_mut() } else { process() },
    };
    let error = {
        let _in_use = InPhysio::new(bp);
        piece.transfer(request, way)
    };
    if let Some(own) = own {
        // SAFETY: it was allocated here, and the driver has ended its use of it.
        unsafe { live::freerbuf(own.as_ptr()) };
    }
    error
}

#[cold]
fn refuse(text: std::fmt::Arguments<'_>) -> c_int {
    note(format_args!("{ME}: {text}"));
    EINVAL
}

/// How each piece of a request is made.
struct Piece {
    bp: Bp,
    dev: u64,
    rw: c_int,
    strategy: Strategy,
    mincnt: Mincnt,
    process: *mut c_void,
}

impl Piece {
    /// Makes all pieces of a request; 0, or an error number.
    fn transfer(&self, request: Request, way: Direction) -> c_int {
        let left = request.left();
        let Ok(mut uio) = Uio::new(left, request.offset().unsigned_abs()) else {
            return refuse(format_args!("uio_resid {} passes the last offset of a device", request.resid()));
        };
        let total = uio.resid();
        set!(self.bp, b_resid: 0, b_file: ptr::null_mut(), b_dip: ptr::null_mut(), b_offset: -1);
        let issue = |buf| self.issue(buf);
        // A piece has always ended when `issue` returns, so that nothing is left to rest for.
        let ended =
            ddi_dma::physio(issue, &SPACE, &mut uio, way, |piece| self.cut(piece), std::thread::yield_now);
        self.bp.flags().fetch_and(!(B_BUSY | B_WANTED | B_PHYS | B_SHADOW), Ordering::Relaxed);
        request.advance((total - uio.resid()) as usize);
        ended.map_or_else(|error| self.failed(&error), |_| 0)
    }

    /// Fills the buf for a piece, and has the driver say how many bytes of it it takes.
    fn cut(&self, piece: &mut PhysioRequest) {
        let data = pointer(piece.address() as usize);
        let blkno = i64::try_from(piece.offset() / ddi_dma::DEV_BSIZE).unwrap_or(i64::MAX);
        set!(self.bp,
            b_flags: B_BUSY | B_PHYS | self.rw,
            b_error: 0,
            b_resid: 0,
            b_proc: self.process,
            b_edev: self.dev,
            b_lblkno: blkno,
            b_addr: data,
            b_bcount: piece.bcount() as usize,
        );
        // SAFETY: the caller of `physio` gave the function to be called with a buf.
        unsafe { (self.mincnt)(self.bp.as_ptr()) };
        piece.lower_to(get!(self.bp, b_bcount) as u64);
        // It lowers the bytes, and says nothing else.
        set!(self.bp, b_addr: data, b_bcount: piece.bcount() as usize);
    }

    /// Gives a piece to the driver, and waits for its end.
    fn issue(&self, mut piece: Buf) {
        // SAFETY: as in `cut`; its pages are locked.
        unsafe { (self.strategy)(self.bp.as_ptr()) };
        bio::wait(self.bp, ME);
        let (error, resid) = (self.bp.error(), get!(self.bp, b_resid));
        if error != 0 {
            piece.bioerror(Errno(u16::try_from(error).unwrap_or(Errno::EIO.0)));
        }
        if error == 0 || resid > 0 {
            piece.set_resid(resid as u64);
        }
        piece.biodone();
    }

    #[cold]
    fn failed(&self, error: &PhysioError) -> c_int {
        let number = c_int::from(error.errno().0);
        note(format_args!("{ME}: {error}"));
        if !matches!(error.kind, PhysioErrorKind::Device(_)) {
            self.bp.set_error(number);
        }
        number
    }
}
