//! `ddi_dma_open` and `ddi_dma_close`: a device by its name.

use std::ffi::{CStr, c_char};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::soft::Soft;
use super::{DevInfo, Node, SoftInterrupts};
use crate::device::Hardware;
use crate::last_error;

/// Opens a device: of a simulated machine of its own ("sim:isa-disk"), or a PCI device of this one
/// ("vfio:0000:00:03.0"). NULL where it is not to be had; `error` then has the reason, cut to `error_size` bytes.
///
/// # Safety
///
/// `name` is NULL or a string; `error` is NULL or valid for writing `error_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_open(
    name: *const c_char,
    error: *mut c_char,
    error_size: usize,
) -> *mut DevInfo {
    // SAFETY: NULL or a string (the caller's duty).
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) });
    match open(name) {
        Ok(dip) => dip,
        Err(reason) => {
            last_error::note(&reason);
            if !error.is_null() && error_size > 0 {
                let most = reason.len().min(error_size - 1);
                let length = (0..=most).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or(0);
                // SAFETY: valid for `error_size` bytes (the caller's duty), of which these and the terminator are.
                unsafe {
                    error.copy_from_nonoverlapping(reason.as_ptr().cast(), length);
                    error.add(length).write(0);
                }
            }
            std::ptr::null_mut()
        }
    }
}

fn open(name: Option<&CStr>) -> Result<*mut DevInfo, String> {
    let name = name.ok_or("the name is NULL: name a device, such as sim:isa-disk")?;
    let name = name.to_str().map_err(|_| "the name is not UTF-8: name a device, such as sim:isa-disk")?;
    let soft = Arc::new(SoftInterrupts::default());
    let opened = Hardware::open(name, Arc::new(Soft { interrupts: Arc::clone(&soft) }))?;
    let node = Node::new(name, opened, soft);
    super::publish(node).ok_or_else(|| "a million devices are open: close some".to_owned())
}

/// Closes a device: its threads end, callbacks that wait are not called any more. What is still allocated for it stays
/// as it is, and is told on standard error.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_close(dip: *mut DevInfo) {
    let node = super::withdraw(dip, "ddi_dma_close");
    let left = node.allocated.load(Ordering::Relaxed);
    if left > 0 {
        eprintln!(
            "WARNING: {}: closed with {left} DMA handles and pieces of private memory not freed",
            node.name
        );
    }
    node.callbacks.cancel();
    node.hardware.stop();
    node.soft.stop();
}
