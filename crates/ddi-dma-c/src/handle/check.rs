//! Whether a DMA handle is good (`ddi_check_dma_handle(9F)`).

use std::ffi::c_int;

use super::{DmaHandleRef, of};
use crate::codes::DDI_SUCCESS;

/// Ends the process in the name of `function` where C means no handle.
pub(crate) fn check(handle: *mut DmaHandleRef, function: &str) {
    drop(of(handle, function));
}

/// Tells whether a transfer with a handle failed: `DDI_SUCCESS`, since no bus here says so with the handle.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_check_dma_handle(handle: *mut DmaHandleRef) -> c_int {
    check(handle, "ddi_check_dma_handle");
    DDI_SUCCESS
}
