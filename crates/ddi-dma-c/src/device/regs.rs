//! `ddi_regs_map_setup` and its family: the register sets of a device.

use std::ffi::{c_char, c_int, c_long, c_longlong, c_uint};
use std::sync::Arc;

use super::mapped::Mapped;
use super::window::RegisterWindow;
use crate::abi::ddi_device_acc_attr_t;
use crate::access::{self, AccHandleRef};
use crate::codes::{DDI_FAILURE, DDI_SUCCESS};
use crate::last_error;
use crate::misuse::misuse;
use crate::node::{self, DevInfo, Node};

/// `DDI_ME_NORESOURCES` and `DDI_ME_RNUMBER_RANGE`.
const NO_RESOURCES: c_int = -3;
const RNUMBER_RANGE: c_int = -6;

/// Maps a register set of a device, or a part of it, for the access functions: `len` bytes from `offset` on, or all
/// behind `offset` where `len` is 0 (`ddi_regs_map_setup(9F)`).
///
/// # Safety
///
/// `addrp` and `handlep` are valid for writing, `accattrp` is NULL or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_regs_map_setup(
    dip: *mut DevInfo,
    rnumber: c_uint,
    addrp: *mut *mut c_char,
    offset: c_longlong,
    len: c_longlong,
    accattrp: *mut ddi_device_acc_attr_t,
    handlep: *mut *mut AccHandleRef,
) -> c_int {
    const ME: &str = "ddi_regs_map_setup";
    let node = node::of(dip, ME);
    if addrp.is_null() || handlep.is_null() {
        misuse!(
            ME,
            "addrp {addrp:p}, handlep {handlep:p}: both say where a result goes, and must not be NULL"
        );
    }
    // SAFETY: NULL or valid for reading (the caller's duty).
    let Some(attr) = (unsafe { accattrp.as_ref() }) else {
        return refuse(&node, ME, "the access attributes are NULL: give them", DDI_FAILURE);
    };
    let attr = match attr.attr() {
        Ok(attr) => attr,
        Err(text) => return refuse(&node, ME, text, DDI_FAILURE),
    };
    let mapped = match map(&node, rnumber, offset, len) {
        Ok(mapped) => mapped,
        Err((text, code)) => return refuse(&node, ME, text, code),
    };
    let base = mapped.base();
    let Some(handle) = access::insert_registers(Arc::new(mapped), base, attr) else {
        return refuse(&node, ME, "a million access handles are there: free some", NO_RESOURCES);
    };
    // SAFETY: not null, so valid for writing (the caller's duty).
    unsafe {
        addrp.write(std::ptr::without_provenance_mut(base));
        handlep.write(handle);
    }
    DDI_SUCCESS
}

fn map(node: &Node, rnumber: c_uint, offset: c_longlong, len: c_longlong) -> Result<Mapped, (String, c_int)> {
    let window = set(node, rnumber).map_err(|text| (text, RNUMBER_RANGE))?;
    let bytes = window.length();
    let range = || {
        let offset = u64::try_from(offset).ok()?;
        let rest = bytes.checked_sub(offset)?;
        let length = if len == 0 { rest } else { u64::try_from(len).ok()? };
        (length > 0 && length <= rest).then_some((offset, length))
    };
    let (start, length) = range().ok_or_else(|| {
        let text = format!(
            "{len:#x} bytes at offset {offset:#x} are not inside register set {rnumber}, which has {bytes:#x}: give 0 and 0 for all of it"
        );
        (text, DDI_FAILURE)
    })?;
    Mapped::new(window, start, length)
        .map_err(|error| (format!("the system has no addresses left for registers: {error}"), NO_RESOURCES))
}

/// Ends a mapping of registers; the handle becomes NULL (`ddi_regs_map_free(9F)`).
///
/// # Safety
///
/// `handlep` is valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_regs_map_free(handlep: *mut *mut AccHandleRef) {
    const ME: &str = "ddi_regs_map_free";
    if handlep.is_null() {
        misuse!(ME, "handlep is NULL: give the address of the handle");
    }
    // SAFETY: not null, so valid (the caller's duty).
    unsafe {
        access::remove_registers(handlep.read(), ME);
        handlep.write(std::ptr::null_mut());
    }
}

/// Tells how many bytes a register set has (`ddi_dev_regsize(9F)`).
///
/// # Safety
///
/// `resultp` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dev_regsize(dip: *mut DevInfo, rnumber: c_uint, resultp: *mut c_long) -> c_int {
    const ME: &str = "ddi_dev_regsize";
    let node = node::of(dip, ME);
    if resultp.is_null() {
        misuse!(ME, "resultp is NULL: it says where the result goes");
    }
    match set(&node, rnumber) {
        Ok(window) => {
            // SAFETY: not null, so valid for writing (the caller's duty).
            unsafe { resultp.write(c_long::try_from(window.length()).unwrap_or(c_long::MAX)) };
            DDI_SUCCESS
        }
        Err(text) => refuse(&node, ME, text, DDI_FAILURE),
    }
}

/// Tells how many register sets a device has (`ddi_dev_nregs(9F)`).
///
/// # Safety
///
/// `resultp` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dev_nregs(dip: *mut DevInfo, resultp: *mut c_int) -> c_int {
    const ME: &str = "ddi_dev_nregs";
    let node = node::of(dip, ME);
    if resultp.is_null() {
        misuse!(ME, "resultp is NULL: it says where the result goes");
    }
    // SAFETY: not null, so valid for writing (the caller's duty).
    unsafe { resultp.write(c_int::try_from(node.hardware.register_sets()).unwrap_or(c_int::MAX)) };
    DDI_SUCCESS
}

/// A register set of a device.
fn set(node: &Node, rnumber: c_uint) -> Result<Arc<dyn RegisterWindow>, String> {
    node.hardware.registers(rnumber as usize)
}

fn refuse(node: &Node, function: &str, text: impl std::fmt::Display, code: c_int) -> c_int {
    last_error::note(format_args!("{function}: {}: {text}", node.name));
    code
}
