//! `struct uio`: a request of a process (`uio(9S)`).

use std::ffi::{c_char, c_int};
use std::mem::{offset_of, size_of};

/// An address range (`iovec(9S)`).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct iovec_t {
    pub(crate) iov_base: *mut c_char,
    pub(crate) iov_len: usize,
}

/// A request as C has it.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct uio {
    pub(crate) uio_iov: *mut iovec_t,
    pub(crate) uio_iovcnt: c_int,
    /// `uio_loffset`, `uio_offset`.
    pub(crate) uio_loffset: i64,
    pub(crate) uio_segflg: c_int,
    pub(crate) uio_fmode: u16,
    pub(crate) uio_extflg: u16,
    /// `uio_llimit`, `uio_limit`.
    pub(crate) uio_llimit: i64,
    pub(crate) uio_resid: isize,
}

const _: () = {
    assert!(size_of::<iovec_t>() == 16);
    assert!(size_of::<uio>() == 48);
    assert!(offset_of!(uio, uio_iovcnt) == 8);
    assert!(offset_of!(uio, uio_loffset) == 16);
    assert!(offset_of!(uio, uio_segflg) == 24);
    assert!(offset_of!(uio, uio_fmode) == 28);
    assert!(offset_of!(uio, uio_extflg) == 30);
    assert!(offset_of!(uio, uio_llimit) == 32);
    assert!(offset_of!(uio, uio_resid) == 40);
};
