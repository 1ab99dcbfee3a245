//! `struct buf`: a request of block I/O (`buf(9S)`).

use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem::{offset_of, size_of};

/// A buf as C has it. Drivers and this library share its members.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct buf {
    pub(crate) b_flags: c_int,
    pub(crate) b_forw: *mut buf,
    pub(crate) b_back: *mut buf,
    pub(crate) av_forw: *mut buf,
    pub(crate) av_back: *mut buf,
    pub(crate) b_dev: i16,
    pub(crate) b_bcount: usize,
    /// `b_un.b_addr`.
    pub(crate) b_addr: *mut c_char,
    /// `b_lblkno`, which is `b_blkno` on 64-bit machines.
    pub(crate) b_lblkno: i64,
    pub(crate) b_obs1: c_char,
    pub(crate) b_resid: usize,
    pub(crate) b_start: c_long,
    pub(crate) b_proc: *mut c_void,
    pub(crate) b_pages: *mut c_void,
    pub(crate) b_obs2: c_long,
    pub(crate) b_bufsize: usize,
    pub(crate) b_iodone: Option<unsafe extern "C" fn(*mut buf) -> c_int>,
    pub(crate) b_vp: *mut c_void,
    pub(crate) b_chain: *mut buf,
    pub(crate) b_obs3: c_int,
    pub(crate) b_error: c_int,
    pub(crate) b_private: *mut c_void,
    pub(crate) b_edev: u64,
    pub(crate) b_sem: [*mut c_void; 2],
    pub(crate) b_io: [*mut c_void; 2],
    pub(crate) b_list: *mut buf,
    pub(crate) b_shadow: *mut *mut c_void,
    pub(crate) b_dip: *mut c_void,
    pub(crate) b_file: *mut c_void,
    pub(crate) b_offset: i64,
}

const _: () = {
    assert!(size_of::<buf>() == 248);
    assert!(offset_of!(buf, b_forw) == 8);
    assert!(offset_of!(buf, b_back) == 16);
    assert!(offset_of!(buf, av_forw) == 24);
    assert!(offset_of!(buf, av_back) == 32);
    assert!(offset_of!(buf, b_dev) == 40);
    assert!(offset_of!(buf, b_bcount) == 48);
    assert!(offset_of!(buf, b_addr) == 56);
    assert!(offset_of!(buf, b_lblkno) == 64);
    assert!(offset_of!(buf, b_obs1) == 72);
    assert!(offset_of!(buf, b_resid) == 80);
    assert!(offset_of!(buf, b_start) == 88);
    assert!(offset_of!(buf, b_proc) == 96);
    assert!(offset_of!(buf, b_pages) == 104);
    assert!(offset_of!(buf, b_obs2) == 112);
    assert!(offset_of!(buf, b_bufsize) == 120);
    assert!(offset_of!(buf, b_iodone) == 128);
    assert!(offset_of!(buf, b_vp) == 136);
    assert!(offset_of!(buf, b_chain) == 144);
    assert!(offset_of!(buf, b_obs3) == 152);
    assert!(offset_of!(buf, b_error) == 156);
    assert!(offset_of!(buf, b_private) == 160);
    assert!(offset_of!(buf, b_edev) == 168);
    assert!(offset_of!(buf, b_sem) == 176);
    assert!(offset_of!(buf, b_io) == 192);
    assert!(offset_of!(buf, b_list) == 208);
    assert!(offset_of!(buf, b_shadow) == 216);
    assert!(offset_of!(buf, b_dip) == 224);
    assert!(offset_of!(buf, b_file) == 232);
    assert!(offset_of!(buf, b_offset) == 240);
};

/// Bits of `b_flags` that this library looks at or sets.
pub(crate) mod b_flags {
    use std::ffi::c_int;

    pub(crate) const B_BUSY: c_int = 0x0001;
    pub(crate) const B_DONE: c_int = 0x0002;
    pub(crate) const B_ERROR: c_int = 0x0004;
    pub(crate) const B_PAGEIO: c_int = 0x0010;
    pub(crate) const B_PHYS: c_int = 0x0020;
    pub(crate) const B_READ: c_int = 0x0040;
    pub(crate) const B_WANTED: c_int = 0x0080;
    pub(crate) const B_WRITE: c_int = 0x0100;
    pub(crate) const B_ASYNC: c_int = 0x0400;
    pub(crate) const B_REMAPPED: c_int = 0x4000;
    pub(crate) const B_SHADOW: c_int = 0x20_0000;
    pub(crate) const B_FAILFAST: c_int = 0x100_0000;
    pub(crate) const B_ABRWRITE: c_int = 0x400_0000;
}
