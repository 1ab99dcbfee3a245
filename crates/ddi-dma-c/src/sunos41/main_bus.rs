//! The main bus: `mbsetup`, `mballoc` and `mbrelse`, which find the map in `struct mb_hd`.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{offset_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicI16, AtomicPtr};

use super::alloc::{Waiting, free, map_buf, map_bytes};
use super::map::MapRef;
use crate::abi::buf::buf;
use crate::misuse::misuse;

/// `struct mb_hd`. Of its members the map alone is used.
#[repr(C)]
#[derive(Debug)]
pub struct MbHd {
    mh_actf: AtomicPtr<c_void>,
    mh_actl: AtomicPtr<c_void>,
    mh_map: AtomicPtr<MapRef>,
    mh_users: AtomicI16,
    mh_xclu: AtomicI16,
}

const _: () = {
    assert!(size_of::<MbHd>() == 32);
    assert!(offset_of!(MbHd, mh_map) == 16);
    assert!(offset_of!(MbHd, mh_users) == 24);
    assert!(offset_of!(MbHd, mh_xclu) == 26);
};

/// The main bus. The program says which map it has.
#[unsafe(no_mangle)]
pub static mb_hd: MbHd = MbHd {
    mh_actf: AtomicPtr::new(ptr::null_mut()),
    mh_actl: AtomicPtr::new(ptr::null_mut()),
    mh_map: AtomicPtr::new(ptr::null_mut()),
    mh_users: AtomicI16::new(0),
    mh_xclu: AtomicI16::new(0),
};

/// The map that drivers name. The program says which one it is.
#[unsafe(no_mangle)]
pub static dvmamap: AtomicPtr<MapRef> = AtomicPtr::new(ptr::null_mut());

/// Maps the memory of a buf, as `mb_mapalloc` does in the map of a main bus, and without a function (`mbsetup`).
///
/// # Safety
///
/// `mh` points to a main bus; `bp` to a buf, whose memory may be read and written until it is freed from the map.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbsetup(mh: *const MbHd, bp: *mut buf, flags: c_int) -> c_int {
    const ME: &str = "mbsetup";
    // SAFETY: the caller's duties are the same.
    unsafe { map_buf(map_of(mh, ME), bp, &without_function(flags), ME) }
}

/// Maps memory, as `mb_nbmapalloc` does in the map of a main bus, and without a function (`mballoc`).
///
/// # Safety
///
/// `mh` points to a main bus; `bcnt` bytes from `addr` on may be read and written until they are freed from the map.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mballoc(mh: *const MbHd, addr: *mut c_char, bcnt: c_int, flags: c_int) -> c_int {
    const ME: &str = "mballoc";
    // SAFETY: the caller's duties are the same.
    unsafe { map_bytes(map_of(mh, ME), addr, bcnt, &without_function(flags), ME) }
}

/// Frees what `*mbinfop` says from the map of a main bus, and makes it 0 (`mbrelse`).
///
/// # Safety
///
/// `mh` points to a main bus, `mbinfop` to what `mbsetup` or a function of its family returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbrelse(mh: *const MbHd, mbinfop: *mut c_int) {
    const ME: &str = "mbrelse";
    // SAFETY: the caller's duties are the same.
    unsafe { free(map_of(mh, ME), mbinfop, ME) }
}

/// # Safety
///
/// `mh` is NULL or points to a main bus.
unsafe fn map_of(mh: *const MbHd, function: &str) -> *mut MapRef {
    if mh.is_null() || !mh.is_aligned() {
        misuse!(function, "mh {mh:p}: give the address of a struct mb_hd, such as mb_hd");
    }
    // SAFETY: neither NULL nor unaligned, so valid (the caller's duty); C may write it any time.
    unsafe { (&raw const (*mh).mh_map).cast::<*mut MapRef>().read_volatile() }
}

fn without_function(flags: c_int) -> Waiting {
    Waiting { flags, waitfp: ptr::null(), arg: ptr::null_mut() }
}
