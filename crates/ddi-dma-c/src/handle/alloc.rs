//! `ddi_dma_alloc_handle`, `ddi_dma_free_handle`, and what a handle tells of its engine.

use std::ffi::{c_char, c_int, c_ulong, c_void};
use std::sync::atomic::Ordering;

use ddi_dma::AllocError;

use super::{CHandle, DmaHandleRef, HANDLES, State, of};
use crate::abi::ddi_dma_attr_t;
use crate::codes::{DDI_DMA_BADATTR, DDI_DMA_NORESOURCES, DDI_FAILURE, DDI_SUCCESS};
use crate::last_error;
use crate::memory::Place;
use crate::misuse::misuse;
use crate::node::{self, DevInfo};
use crate::waitfp::{LastCallback, waiting};

/// Allocates a DMA handle (`ddi_dma_alloc_handle(9F)`).
///
/// # Safety
///
/// `attr` is NULL or points to attributes; `handlep` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_alloc_handle(
    dip: *mut DevInfo,
    attr: *const ddi_dma_attr_t,
    waitfp: *const c_void,
    arg: *mut c_char,
    handlep: *mut *mut DmaHandleRef,
) -> c_int {
    const ME: &str = "ddi_dma_alloc_handle";
    let node = node::of(dip, ME);
    if handlep.is_null() {
        misuse!(ME, "handlep is NULL: there is nowhere to put the handle");
    }
    // SAFETY: NULL or attributes (the caller's duty).
    let Some(attr) = (unsafe { attr.as_ref() }).map(ddi_dma_attr_t::attr) else {
        last_error::note("ddi_dma_alloc_handle: attr is NULL: state what the engine can do");
        return DDI_DMA_BADATTR;
    };
    let mut last_callback = LastCallback::default();
    let wait = waiting(&node, waitfp, arg, &mut last_callback, || (), ME);
    let handle = match node.device.alloc_handle(&attr, wait) {
        Ok(handle) => handle,
        Err(error) => {
            last_error::note(format_args!("ddi_dma_alloc_handle: {}: {error}", node.name));
            return match error {
                AllocError::NoResources(_) | AllocError::Unobtainable(_) => DDI_DMA_NORESOURCES,
                _ => DDI_DMA_BADATTR,
            };
        }
    };
    node.hardware.stated(handle.attr());
    node.allocated.fetch_add(1, Ordering::Relaxed);
    let (burst_sizes, state) = (handle.burst_sizes(), State::Idle(handle));
    let handle = CHandle {
        state,
        next_cookie: 0,
        flags: 0,
        cookies: Vec::new(),
        place: Place::new(),
        last_callback,
        burst_sizes,
        attr,
        node,
    };
    let Some(handle) = HANDLES.insert(handle) else {
        last_error::note("ddi_dma_alloc_handle: as many handles are allocated as there can be: free some");
        return DDI_DMA_NORESOURCES;
    };
    // SAFETY: not null, so valid (the caller's duty).
    unsafe { handlep.write(handle.pointer()) };
    DDI_SUCCESS
}

/// Frees a DMA handle, which must not be bound (`ddi_dma_free_handle(9F)`).
///
/// # Safety
///
/// `handlep` points to the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_free_handle(handlep: *mut *mut DmaHandleRef) {
    const ME: &str = "ddi_dma_free_handle";
    if handlep.is_null() {
        misuse!(ME, "handlep is NULL: give the address of the handle");
    }
    // SAFETY: not null, so valid (the caller's duty).
    let handle = unsafe { handlep.read() };
    if of(handle, ME).bound().is_some() {
        misuse!(ME, "DMA handle {handle:p} is bound: call ddi_dma_unbind_handle first");
    }
    match HANDLES.remove(handle.addr() as u64) {
        Ok(freed) => {
            freed.node.allocated.fetch_sub(1, Ordering::Relaxed);
        }
        Err(bad) => super::refuse(handle, bad, ME),
    }
}

/// The burst sizes that engine and bus both support; 0 for NULL (`ddi_dma_burstsizes(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_burstsizes(handle: *mut DmaHandleRef) -> c_int {
    if handle.is_null() {
        return 0;
    }
    let sizes = of(handle, "ddi_dma_burstsizes").burst_sizes;
    // The bits are what counts: C has them in an int.
    sizes.bits().cast_signed()
}

/// Turns on 64-bit transfers of the SBus for a handle (`ddi_dma_set_sbus64(9F)`). No bus here has them: it always fails.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_set_sbus64(handle: *mut DmaHandleRef, _burstsizes: c_ulong) -> c_int {
    let handle = of(handle, "ddi_dma_set_sbus64");
    last_error::note(format_args!(
        "ddi_dma_set_sbus64: {}: the bus has no 64-bit transfers: use the sizes of ddi_dma_burstsizes",
        handle.node.name
    ));
    DDI_FAILURE
}
