//! `ddi_dma_mem_alloc` and `ddi_dma_mem_free`: private DMA memory.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ddi_dma::{AccessAttr, DmaHandle, MemError, MemoryUse, PrivateMemory, Wait};

use super::{CHandle, DmaHandleRef, InUse, State, forget, of};
use crate::abi::ddi_device_acc_attr_t;
use crate::access::{self, AccHandleRef};
use crate::codes::{DDI_DMA_CONSISTENT, DDI_FAILURE, DDI_SUCCESS};
use crate::last_error;
use crate::memory::{self, ObjectRef, Region};
use crate::misuse::misuse;
use crate::waitfp::waiting;

/// Allocates memory that binds to the handle in one list, without copying (`ddi_dma_mem_alloc(9F)`).
///
/// # Safety
///
/// `accattrp` points to access attributes; `kaddrp`, `real_length` and `handlep` are valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_mem_alloc(
    handle: *mut DmaHandleRef,
    length: usize,
    accattrp: *const ddi_device_acc_attr_t,
    flags: c_uint,
    waitfp: *const c_void,
    arg: *mut c_char,
    kaddrp: *mut *mut c_char,
    real_length: *mut usize,
    handlep: *mut *mut AccHandleRef,
) -> c_int {
    const ME: &str = "ddi_dma_mem_alloc";
    if kaddrp.is_null() || real_length.is_null() || handlep.is_null() {
        misuse!(ME, "kaddrp, real_length or handlep is NULL: there is nowhere to put the result");
    }
    let mut handle = of(handle, ME);
    // SAFETY: NULL or access attributes (the caller's duty).
    let attr = match unsafe { accattrp.as_ref() }.map(ddi_device_acc_attr_t::attr) {
        Some(Ok(attr)) => attr,
        Some(Err(text)) => return refused(&handle, &text),
        None => return refused(&handle, &"accattrp is NULL: say how the words of the memory are accessed"),
    };
    let usage = match flags & DDI_DMA_CONSISTENT {
        0 => MemoryUse::Streaming,
        _ => MemoryUse::Consistent,
    };
    let mut last_callback = mem::take(&mut handle.last_callback);
    let wait = waiting(&handle.node, waitfp, arg, &mut last_callback, || handle.rest(), ME);
    let allocated = handle.alloc_memory(length as u64, usage, attr, wait);
    handle.last_callback = last_callback;
    let memory = match allocated {
        Ok(memory) => memory,
        Err(error) => return refused(&handle, &error),
    };
    let (start, length, way) = (memory.as_ptr(), memory.real_length(), memory.access());
    let region = memory::add(Region::private(&handle.node, memory));
    let Some(access) = access::insert_memory(way, region.start(), Arc::clone(&handle.node)) else {
        memory::remove(region.start());
        return refused(&handle, &"as many access handles are allocated as there can be: free some");
    };
    handle.node.allocated.fetch_add(1, Ordering::Relaxed);
    // SAFETY: not null, so valid (the caller's duty).
    unsafe {
        kaddrp.write(start.as_ptr().cast());
        real_length.write(length as usize);
        handlep.write(access);
    }
    DDI_SUCCESS
}

/// Frees memory of `ddi_dma_mem_alloc`, which must not be bound, and makes the handle NULL (`ddi_dma_mem_free(9F)`).
///
/// # Safety
///
/// `handlep` points to the access handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_mem_free(handlep: *mut *mut AccHandleRef) {
    const ME: &str = "ddi_dma_mem_free";
    if handlep.is_null() {
        misuse!(ME, "handlep is NULL: give the address of the access handle");
    }
    // SAFETY: not null, so valid (the caller's duty).
    let handle = unsafe { handlep.read() };
    let start = access::start_of_memory(handle, ME);
    if let Some(region) = memory::find(start)
        && forget(&region) == InUse::Yes
    {
        misuse!(ME, "access handle {handle:p}: the memory is bound: call ddi_dma_unbind_handle first");
    }
    memory::remove(start);
    let node = access::remove_memory(handle, ME);
    node.allocated.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { handlep.write(std::ptr::null_mut()) };
}

impl CHandle {
    /// Allocates for the engine of the handle, whether something is bound to it or not.
    fn alloc_memory(
        &self,
        length: u64,
        usage: MemoryUse,
        attr: AccessAttr,
        wait: Wait<'_>,
    ) -> Result<PrivateMemory, MemError> {
        if let State::Idle(idle) = &self.state {
            return idle.alloc_memory(length, usage, attr, wait);
        }
        let beside: DmaHandle<ObjectRef> = match self.node.device.alloc_handle(&self.attr, Wait::DontWait) {
            Ok(beside) => beside,
            // The attributes were good once: it is handles that are short.
            Err(error) => return Err(error.shortage().map_or(MemError::Empty, MemError::from)),
        };
        beside.alloc_memory(length, usage, attr, wait)
    }
}

#[cold]
fn refused(handle: &CHandle, why: &dyn std::fmt::Display) -> c_int {
    last_error::note(format_args!("ddi_dma_mem_alloc: {}: {why}", handle.node.name));
    DDI_FAILURE
}
