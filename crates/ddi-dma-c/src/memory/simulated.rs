//! `ddi_dma_sim_alloc` and `ddi_dma_sim_free`: memory of a simulated machine, in pages all over it.

use std::ffi::c_void;
use std::ptr;

use ddi_dma_sim::{BufferSpec, SharedBuffer};

use super::region::{Region, add, find, remove};
use crate::handle::{InUse, forget};
use crate::last_error;
use crate::misuse::misuse;
use crate::node::{self, DevInfo};

/// Allocates memory of a device's simulated machine: contiguous for the program, in scattered pages for devices, all
/// zero. NULL where there is none; `ddi_dma_last_error` says why.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_sim_alloc(dip: *mut DevInfo, size: usize) -> *mut c_void {
    const ME: &str = "ddi_dma_sim_alloc";
    let node = node::of(dip, ME);
    let Some(machine) = node.hardware.machine() else {
        last_error::note(format_args!(
            "{ME}: {} is no device of a simulated machine: use kmem_alloc",
            node.name
        ));
        return ptr::null_mut();
    };
    match machine.buffer(&BufferSpec::new(size as u64)) {
        Ok(buffer) => {
            let region =
                add(Region::simulated(&node, SharedBuffer::new(buffer), machine.memory().page_size()));
            ptr::with_exposed_provenance_mut(region.start())
        }
        Err(error) => {
            last_error::note(format_args!("{ME}: {}: {error}", node.name));
            ptr::null_mut()
        }
    }
}

/// Frees memory of `ddi_dma_sim_alloc`, which must not be bound. NULL is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_sim_free(dip: *mut DevInfo, memory: *mut c_void) {
    const ME: &str = "ddi_dma_sim_free";
    let node = node::of(dip, ME);
    if memory.is_null() {
        return;
    }
    let start = memory.addr();
    let region = find(start).filter(|region| region.start() == start && region.is_simulated_for(&node));
    let Some(region) = region else {
        misuse!(ME, "{memory:p} is no memory of ddi_dma_sim_alloc for this device, or was freed")
    };
    if forget(&region) == InUse::Yes {
        misuse!(ME, "the memory at {memory:p} is bound: call ddi_dma_unbind_handle first");
    }
    remove(start);
}
