//! `ddi_dma_sync`.

use std::ffi::{c_int, c_uint};

use ddi_dma::SyncFor;

use super::{DmaHandleRef, of};
use crate::codes::{DDI_FAILURE, DDI_SUCCESS};
use crate::last_error;

/// Makes views of some bytes of the current window the same (`ddi_dma_sync(9F)`).
///
/// The range counts from the start of the object. A length of 0 is everything up to the window's end, and with an offset
/// of 0 the whole window.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_sync(
    handle: *mut DmaHandleRef,
    off: i64,
    length: usize,
    sync_type: c_uint,
) -> c_int {
    let mut handle = of(handle, "ddi_dma_sync");
    let Some(flight) = handle.bound() else {
        return refused("nothing is bound to the handle");
    };
    let sync_for = match sync_type {
        0 => SyncFor::Device,
        1 => SyncFor::Cpu,
        2 => SyncFor::Kernel,
        _ => {
            return refused(
                "the type is none of DDI_DMA_SYNC_FORDEV, DDI_DMA_SYNC_FORCPU, DDI_DMA_SYNC_FORKERNEL",
            );
        }
    };
    let Ok(from) = u64::try_from(off) else {
        return refused("the offset is negative: it counts from the start of the object");
    };
    let done = match (from, length) {
        (0, 0) => flight.sync(.., sync_for),
        (from, 0) => flight.sync(from.., sync_for),
        (from, length) => flight.sync(from..from.saturating_add(length as u64), sync_for),
    };
    match done {
        Ok(()) => DDI_SUCCESS,
        Err(error) => refused(error),
    }
}

#[cold]
fn refused(why: impl std::fmt::Display) -> c_int {
    last_error::note(format_args!("ddi_dma_sync: {why}"));
    DDI_FAILURE
}
