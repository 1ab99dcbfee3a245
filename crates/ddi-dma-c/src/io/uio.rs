//! `struct uio`: what a request of a process has left, and moving it on.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use ddi_dma::{Iovec, UmemFlags};

use crate::abi::uio::{iovec_t, uio};
use crate::last_error::note;
use crate::misuse::misuse;

use super::process::check;
use super::raw::pointer;

/// Values of `uio_segflg`: whose addresses the iovecs have.
const UIO_SYSSPACE: c_int = 1;

/// `UIO_READ`: bytes go into the memory of the request.
const UIO_READ: c_int = 0;
const UIO_WRITE: c_int = 1;

const EFAULT: c_int = 14;
const EINVAL: c_int = 22;

/// A request of C's.
///
/// # Invariants
///
/// C says that it is one, with `uio_iovcnt` iovecs at `uio_iov`, and leaves it alone while a function that it gave it to
/// has not returned.
#[derive(Clone, Copy)]
pub(super) struct Request(NonNull<uio>);

impl Request {
    /// The request that C gave to `function`; a mistake ends the process in its name.
    ///
    /// # Safety
    ///
    /// Where it is not NULL and lies where a request can, it is one as the invariant says.
    pub(super) unsafe fn new(uiop: *mut uio, function: &str) -> Request {
        match NonNull::new(uiop).filter(|uiop| uiop.is_aligned()) {
            // INVARIANT: the caller promises it.
            Some(uiop) => Request(uiop),
            None => misuse!(function, "uio {uiop:p} is no request: give a struct uio"),
        }
    }

    /// Bytes that are left (`uio_resid`).
    pub(super) fn resid(self) -> isize {
        // SAFETY: the invariant.
        unsafe { (&raw const (*self.0.as_ptr()).uio_resid).read() }
    }

    /// Where on the device the next byte is (`uio_loffset`).
    pub(super) fn offset(self) -> i64 {
        // SAFETY: the invariant.
        unsafe { (&raw const (*self.0.as_ptr()).uio_loffset).read() }
    }

    /// Whether the addresses are the driver's own.
    pub(super) fn of_system(self) -> bool {
        // SAFETY: the invariant.
        unsafe { (&raw const (*self.0.as_ptr()).uio_segflg).read() == UIO_SYSSPACE }
    }

    fn iovecs(self) -> (*mut iovec_t, c_int) {
        let uio = self.0.as_ptr();
        // SAFETY: the invariant.
        unsafe { ((&raw const (*uio).uio_iov).read(), (&raw const (*uio).uio_iovcnt).read()) }
    }

    /// The first address range that has bytes left; those ahead of it are left behind.
    fn front(self) -> Option<Iovec> {
        if self.resid() <= 0 {
            return None;
        }
        self.skip();
        let (iov, 1..) = self.iovecs() else { return None };
        // SAFETY: there is an iovec (invariant).
        let iovec_t { iov_base, iov_len } = unsafe { iov.read() };
        let length = iov_len.min(self.resid().unsigned_abs());
        Some(Iovec { base: iov_base.expose_provenance() as u64, length: length as u64 })
    }

    fn next(self) {
        let (uio, (iov, count)) = (self.0.as_ptr(), self.iovecs());
        // SAFETY: the invariant; behind the last iovec nothing is read.
        unsafe {
            (&raw mut (*uio).uio_iov).write(iov.wrapping_add(1));
            (&raw mut (*uio).uio_iovcnt).write(count - 1);
        }
    }

    /// All that is left, no more than `uio_resid` bytes.
    pub(super) fn left(self) -> Vec<Iovec> {
        let (iov, count) = self.iovecs();
        let mut left = self.resid().max(0).unsigned_abs();
        let count = if iov.is_null() { 0 } else { count.max(0).unsigned_abs() as usize };
        (0..count)
            .map(|index| {
                // SAFETY: there are so many (invariant).
                let iovec_t { iov_base, iov_len } = unsafe { iov.add(index).read() };
                let length = iov_len.min(left);
                left -= length;
                Iovec { base: iov_base.expose_provenance() as u64, length: length as u64 }
            })
            .collect()
    }

    /// Counts bytes as moved, and leaves iovecs behind that have none left.
    pub(super) fn advance(self, mut bytes: usize) {
        while let Some(Iovec { base, length }) = self.front() {
            let moved = bytes.min(length as usize);
            if moved == 0 {
                return;
            }
            let (uio, (iov, _)) = (self.0.as_ptr(), self.iovecs());
            // SAFETY: `front` found an iovec (invariant).
            unsafe {
                (&raw mut (*iov).iov_base).write(pointer((base as usize).wrapping_add(moved)));
                (&raw mut (*iov).iov_len).write((*iov).iov_len - moved);
                (&raw mut (*uio).uio_resid).write((*uio).uio_resid - moved as isize);
                (&raw mut (*uio).uio_loffset).write((*uio).uio_loffset.wrapping_add(moved as i64));
            }
            bytes -= moved;
            self.skip();
        }
    }

    /// Leaves iovecs behind that have no bytes left.
    fn skip(self) {
        while let (iov, 1..) = self.iovecs() {
            // SAFETY: there is an iovec (invariant).
            if unsafe { (&raw const (*iov).iov_len).read() } > 0 {
                return;
            }
            self.next();
        }
    }

    /// Refuses a request that makes no sense.
    pub(super) fn check(self) -> Result<(), String> {
        let (iov, count) = self.iovecs();
        let (resid, offset) = (self.resid(), self.offset());
        if resid < 0 || offset < 0 || offset.checked_add(resid as i64).is_none() {
            return Err(format!("uio_resid {resid} and uio_loffset {offset} name no bytes of a device"));
        }
        if count < 0 || (count > 0 && (iov.is_null() || !iov.is_aligned())) {
            return Err(format!("uio_iovcnt {count} and uio_iov {iov:p} name no iovecs"));
        }
        Ok(())
    }
}

/// Moves bytes between `address` and a request, and moves the request on: 0, or `EFAULT` where its memory is not there
/// or does not permit it, `EINVAL` where it makes no sense (`uiomove(9F)`). It moves as many bytes as both have.
///
/// # Safety
///
/// `nbytes` at `address` are there, to be read for `UIO_READ` and to be written for `UIO_WRITE`; `uio_p` is a request.
/// With `UIO_SYSSPACE`, its memory is the driver's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uiomove(
    address: *mut c_void,
    nbytes: usize,
    rwflag: c_int,
    uio_p: *mut uio,
) -> c_int {
    const ME: &str = "uiomove";
    // SAFETY: the caller promises a request.
    let request = unsafe { Request::new(uio_p, ME) };
    if rwflag != UIO_READ && rwflag != UIO_WRITE {
        misuse!(ME, "rwflag {rwflag} is neither UIO_READ nor UIO_WRITE");
    }
    if let Err(text) = request.check() {
        note(format_args!("{ME}: {text}"));
        return EINVAL;
    }
    let mut done = 0;
    while done < nbytes
        && let Some(Iovec { base, length }) = request.front()
    {
        let (theirs, bytes) = (base as usize, (length as usize).min(nbytes - done));
        let access = if rwflag == UIO_READ { UmemFlags::WRITE } else { UmemFlags::READ };
        if !request.of_system()
            && let Err(error) = check(theirs, bytes, access)
        {
            note(format_args!("{ME}: {error}"));
            return EFAULT;
        }
        let (ours, theirs) = (address.cast::<c_char>().wrapping_add(done), pointer(theirs));
        // SAFETY: the caller promises `nbytes` here; memory of a process was checked there, memory of the driver it
        // promises. They may overlap.
        unsafe {
            match rwflag {
                UIO_READ => ptr::copy(ours, theirs, bytes),
                _ => ptr::copy(theirs, ours, bytes),
            }
        }
        request.advance(bytes);
        done += bytes;
    }
    0
}
