//! Copies between a driver and its user, who here are one process (`ddi_copyin(9F)`).

use std::ffi::{c_int, c_void};

/// What both return for an address where there is nothing.
const FAULT: c_int = -1;

/// Copies from the user's memory to the driver's; -1 for NULL.
///
/// # Safety
///
/// `buf` is null or valid for reading `cn` bytes, `driverbuf` null or valid for writing them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_copyin(
    buf: *const c_void,
    driverbuf: *mut c_void,
    cn: usize,
    _flags: c_int,
) -> c_int {
    // SAFETY: the caller's duty.
    unsafe { copy(buf, driverbuf, cn) }
}

/// Copies from the driver's memory to the user's; -1 for NULL.
///
/// # Safety
///
/// `driverbuf` is null or valid for reading `cn` bytes, `buf` null or valid for writing them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_copyout(
    driverbuf: *const c_void,
    buf: *mut c_void,
    cn: usize,
    _flags: c_int,
) -> c_int {
    // SAFETY: the caller's duty.
    unsafe { copy(driverbuf, buf, cn) }
}

/// # Safety
///
/// `from` is null or valid for reading `length` bytes, `to` null or valid for writing them.
unsafe fn copy(from: *const c_void, to: *mut c_void, length: usize) -> c_int {
    if length == 0 {
        return 0;
    }
    if from.is_null() || to.is_null() {
        return FAULT;
    }
    // SAFETY: both are valid (the caller's duty). In one process they may overlap.
    unsafe { to.cast::<u8>().copy_from(from.cast::<u8>(), length) };
    0
}
