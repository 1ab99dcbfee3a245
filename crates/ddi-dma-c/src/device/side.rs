//! What a test does in the place of a simulated device: `ddi_dma_sim_read` and its family.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::sync::Arc;

use super::Hardware;
use super::model::Mishap;
use super::sim::Sim;
use crate::last_error;
use crate::misuse::misuse;
use crate::node::{self, Context, DevInfo, Node, context};

/// What the functions return.
const DONE: c_int = 0;
const REFUSED: c_int = -1;

/// `DDI_DMA_SIM_SHORT_TRANSFER` and its like.
const SHORT_TRANSFER: c_int = 1;
const MEDIUM_ERROR: c_int = 2;
const LOST_INTERRUPT: c_int = 3;

/// `struct ddi_dma_sim_counters`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SimCounters {
    bytes_read: u64,
    bytes_written: u64,
    faults: u64,
}

/// Reads memory from a bus address on, as the device does. -1 where the device does not reach the address or nothing
/// answers there; `ddi_dma_last_error` says which.
///
/// # Safety
///
/// `buffer` is valid for writing `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_sim_read(
    dip: *mut DevInfo,
    address: u64,
    buffer: *mut c_void,
    length: usize,
) -> c_int {
    on_sim(dip, "ddi_dma_sim_read", |sim, me| {
        // SAFETY: the caller's duty is the same.
        unsafe { filled(buffer, length, me, |to| sim.read(address, to)) }
    })
}

/// Writes memory from a bus address on, as the device does; see [`ddi_dma_sim_read`].
///
/// # Safety
///
/// `buffer` is valid for reading `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_sim_write(
    dip: *mut DevInfo,
    address: u64,
    buffer: *const c_void,
    length: usize,
) -> c_int {
    on_sim(dip, "ddi_dma_sim_write", |sim, me| {
        // SAFETY: the caller's duty is the same.
        let from = unsafe { copied(buffer, length, me) };
        sim.write(address, &from).map_err(|error| error.to_string())
    })
}

/// Reads the medium of a disk, past its engine.
///
/// # Safety
///
/// `buffer` is valid for writing `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_sim_read_medium(
    dip: *mut DevInfo,
    offset: u64,
    buffer: *mut c_void,
    length: usize,
) -> c_int {
    on_sim(dip, "ddi_dma_sim_read_medium", |sim, me| {
        // SAFETY: the caller's duty is the same.
        unsafe { filled(buffer, length, me, |to| sim.read_medium(offset, to)) }
    })
}

/// Writes the medium of a disk, past its engine.
///
/// # Safety
///
/// `buffer` is valid for reading `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_sim_write_medium(
    dip: *mut DevInfo,
    offset: u64,
    buffer: *const c_void,
    length: usize,
) -> c_int {
    on_sim(dip, "ddi_dma_sim_write_medium", |sim, me| {
        // SAFETY: the caller's duty is the same.
        let from = unsafe { copied(buffer, length, me) };
        sim.write_medium(offset, &from).map_err(|error| error.to_string())
    })
}

/// Has the next transfer of the device meet a mishap: `DDI_DMA_SIM_SHORT_TRANSFER`, `DDI_DMA_SIM_MEDIUM_ERROR` (both
/// after so many bytes) or `DDI_DMA_SIM_LOST_INTERRUPT`.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_sim_inject(dip: *mut DevInfo, mishap: c_int, after: u64) -> c_int {
    on_sim(dip, "ddi_dma_sim_inject", |sim, _| {
        let mishap = match mishap {
            SHORT_TRANSFER => Mishap::ShortTransfer { after },
            MEDIUM_ERROR => Mishap::MediumError { after },
            LOST_INTERRUPT => Mishap::LostInterrupt,
            other => {
                return Err(format!(
                    "mishap {other} is unknown: DDI_DMA_SIM_SHORT_TRANSFER (1) to DDI_DMA_SIM_LOST_INTERRUPT (3)"
                ));
            }
        };
        sim.inject(mishap).map_err(|error| error.to_string())
    })
}

/// Tells what devices have done on the bus of this one.
///
/// # Safety
///
/// `counters` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_sim_counters(dip: *mut DevInfo, counters: *mut SimCounters) -> c_int {
    on_sim(dip, "ddi_dma_sim_counters", |sim, me| {
        if counters.is_null() {
            misuse!(me, "counters is NULL: it says where the result goes");
        }
        let now = sim.counters();
        let (bytes_read, bytes_written, faults) = (now.bytes_read, now.bytes_written, now.faults);
        // SAFETY: not null, so valid for writing (the caller's duty).
        unsafe { counters.write(SimCounters { bytes_read, bytes_written, faults }) };
        Ok(())
    })
}

/// Returns when the device is idle, or waits for somebody, and no handler or callback runs or is about to.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_sim_settle(dip: *mut DevInfo) {
    const ME: &str = "ddi_dma_sim_settle";
    let node = node::of(dip, ME);
    if context() == Context::Interrupt {
        misuse!(ME, "called from a handler or callback, for whose end it would wait: call it from elsewhere");
    }
    match &node.hardware {
        Hardware::Sim(sim) => loop {
            let touches = sim.runner().settle();
            node.soft.settle();
            // What ran meanwhile may have touched the device, and the device may have given more to do.
            if sim.runner().touches() == touches {
                return;
            }
        },
        Hardware::Vfio(_) => node.soft.settle(),
    }
}

/// Does something with a simulated device; a refusal is noted.
fn on_sim(
    dip: *mut DevInfo,
    function: &'static str,
    work: impl FnOnce(&Sim, &'static str) -> Result<(), String>,
) -> c_int {
    let node = node::of(dip, function);
    let done = match &node.hardware {
        Hardware::Sim(sim) => work(sim, function),
        Hardware::Vfio(_) => Err("this is no device of a simulated machine".to_owned()),
    };
    match done {
        Ok(()) => DONE,
        Err(text) => refuse(&node, function, text),
    }
}

#[cold]
fn refuse(node: &Arc<Node>, function: &str, text: impl fmt::Display) -> c_int {
    last_error::note(format_args!("{function}: {}: {text}", node.name));
    REFUSED
}

/// Copies the bytes of a buffer: it may itself be what the device accesses.
///
/// # Safety
///
/// `buffer` is valid for reading `length` bytes.
unsafe fn copied(buffer: *const c_void, length: usize, function: &str) -> Vec<u8> {
    check(buffer, length, function);
    let mut bytes = vec![0; length];
    // SAFETY: `check` has refused NULL, so so many bytes are there (the caller's duty); the vector is new.
    unsafe { buffer.cast::<u8>().copy_to_nonoverlapping(bytes.as_mut_ptr(), length) };
    bytes
}

/// Fills a buffer with what `read` gives; leaves it as it is where that fails.
///
/// # Safety
///
/// `buffer` is valid for writing `length` bytes.
unsafe fn filled<E: fmt::Display>(
    buffer: *mut c_void,
    length: usize,
    function: &str,
    read: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<(), String> {
    check(buffer, length, function);
    let mut bytes = vec![0; length];
    read(&mut bytes).map_err(|error| error.to_string())?;
    // SAFETY: `check` has refused NULL, so there is room for so many bytes (the caller's duty); the vector is new.
    unsafe { buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), length) };
    Ok(())
}

fn check(buffer: *const c_void, length: usize, function: &str) {
    if buffer.is_null() && length > 0 {
        misuse!(function, "buffer is NULL: give one of {length} bytes");
    }
}
