//! `ddi_dma_numwin` and `ddi_dma_getwin`: the window slides from list to list.

use std::ffi::{c_int, c_uint};

use super::cookies::give_first;
use super::{DmaHandleRef, of};
use crate::abi::ddi_dma_cookie_t;
use crate::codes::{DDI_DMA_PARTIAL, DDI_FAILURE, DDI_SUCCESS};
use crate::last_error;
use crate::misuse::misuse;

/// How many windows the bound object has; `DDI_FAILURE` where windows were not allowed (`ddi_dma_numwin(9F)`).
///
/// # Safety
///
/// `nwinp` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_numwin(handle: *mut DmaHandleRef, nwinp: *mut c_uint) -> c_int {
    const ME: &str = "ddi_dma_numwin";
    let mut handle = of(handle, ME);
    if nwinp.is_null() {
        misuse!(ME, "nwinp is NULL: there is nowhere to put the number of windows");
    }
    let flags = handle.flags;
    let count = match handle.bound() {
        Some(flight) if flags & DDI_DMA_PARTIAL != 0 => flight.window_count(),
        Some(_) => {
            last_error::note(
                "ddi_dma_numwin: the object was bound without DDI_DMA_PARTIAL: it has no windows",
            );
            return DDI_FAILURE;
        }
        None => {
            last_error::note("ddi_dma_numwin: nothing is bound to the handle");
            return DDI_FAILURE;
        }
    };
    // SAFETY: not null, so valid (the caller's duty).
    unsafe { nwinp.write(c_uint::try_from(count).unwrap_or(c_uint::MAX)) };
    DDI_SUCCESS
}

/// Moves to a window: the one before is synchronised for the CPU, the new one for the device (`ddi_dma_getwin(9F)`).
///
/// # Safety
///
/// The pointers to results are each NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_getwin(
    handle: *mut DmaHandleRef,
    win: c_uint,
    offp: *mut i64,
    lenp: *mut usize,
    cookiep: *mut ddi_dma_cookie_t,
    ccountp: *mut c_uint,
) -> c_int {
    let mut handle = of(handle, "ddi_dma_getwin");
    let handle = &mut *handle;
    let Some(flight) = handle.bound() else {
        last_error::note("ddi_dma_getwin: nothing is bound to the handle");
        return DDI_FAILURE;
    };
    let window = match flight.window(win as usize) {
        Ok(window) => window,
        Err(error) => {
            last_error::note(format_args!("ddi_dma_getwin: {error}"));
            return DDI_FAILURE;
        }
    };
    let (range, cookies) = (window.range(), window.cookies());
    // SAFETY: each is NULL or valid (the caller's duty).
    unsafe {
        if !offp.is_null() {
            offp.write(range.start.cast_signed());
        }
        if !lenp.is_null() {
            lenp.write((range.end - range.start) as usize);
        }
        give_first(cookies, cookiep, ccountp);
    }
    handle.rewind();
    DDI_SUCCESS
}
