//! `ddi_add_intr` and its family: the interrupt of a device.

use std::ffi::{c_char, c_int, c_uint, c_ushort, c_void};

use super::line::{Handler, HandlerFunction};
use crate::codes::{DDI_FAILURE, DDI_SUCCESS};
use crate::last_error;
use crate::misuse::misuse;
use crate::node::{self, Argument, DevInfo, Node};

/// `DDI_INTR_NOTFOUND`.
const NOT_FOUND: c_int = 1;

/// What stands for the priority of every interrupt here: handlers are threads, and mutexes know no priorities.
const PRIORITY: c_ushort = 5;

/// `ddi_idevice_cookie_t`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct IdeviceCookie {
    vector: c_ushort,
    priority: c_ushort,
}

const _: () = assert!(size_of::<IdeviceCookie>() == 4);

/// Gives what the mutexes of a handler are made with (`ddi_get_iblock_cookie(9F)`).
///
/// # Safety
///
/// `iblock_cookiep` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_get_iblock_cookie(
    dip: *mut DevInfo,
    inumber: c_uint,
    iblock_cookiep: *mut *mut c_void,
) -> c_int {
    const ME: &str = "ddi_get_iblock_cookie";
    let node = node::of(dip, ME);
    if iblock_cookiep.is_null() {
        misuse!(ME, "iblock_cookiep is NULL: it says where the cookie goes");
    }
    if let Err(text) = there(&node, inumber) {
        return refuse(&node, ME, text, DDI_FAILURE);
    }
    // SAFETY: not null, so valid for writing (the caller's duty).
    unsafe { iblock_cookiep.write(iblock_cookie()) };
    DDI_SUCCESS
}

/// Adds the handler of an interrupt, which may be called from now on, even before this returns (`ddi_add_intr(9F)`).
///
/// # Safety
///
/// `iblock_cookiep` and `idevice_cookiep` are NULL or valid for writing; `int_handler` may be called with
/// `int_handler_arg` from another thread until it is removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_add_intr(
    dip: *mut DevInfo,
    inumber: c_uint,
    iblock_cookiep: *mut *mut c_void,
    idevice_cookiep: *mut IdeviceCookie,
    int_handler: Option<HandlerFunction>,
    int_handler_arg: *mut c_char,
) -> c_int {
    const ME: &str = "ddi_add_intr";
    let node = node::of(dip, ME);
    let Some(function) = int_handler else { misuse!(ME, "int_handler is NULL: give a function") };
    if let Err(text) = there(&node, inumber) {
        return refuse(&node, ME, text, NOT_FOUND);
    }
    // Ahead of the handler, which may use them.
    // SAFETY: NULL or valid for writing (the caller's duty).
    unsafe {
        if !iblock_cookiep.is_null() {
            iblock_cookiep.write(iblock_cookie());
        }
        if !idevice_cookiep.is_null() {
            let vector = c_ushort::try_from(inumber).unwrap_or(c_ushort::MAX);
            idevice_cookiep.write(IdeviceCookie { vector, priority: PRIORITY });
        }
    }
    let handler = Handler { function, argument: Argument::new(int_handler_arg.cast()) };
    match node.hardware.add_handler(handler) {
        Ok(()) => DDI_SUCCESS,
        Err(text) => refuse(&node, ME, text, DDI_FAILURE),
    }
}

/// Removes the handler of an interrupt. When this returns it does not run and will not, unless it is the handler
/// itself that calls (`ddi_remove_intr(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_remove_intr(dip: *mut DevInfo, inumber: c_uint, _iblock_cookie: *mut c_void) {
    const ME: &str = "ddi_remove_intr";
    let node = node::of(dip, ME);
    if let Err(text) = there(&node, inumber) {
        misuse!(ME, "{}: {text}", node.name);
    }
    if node.hardware.line().remove().is_none() {
        misuse!(ME, "{}: interrupt {inumber} has no handler, or it was removed before", node.name);
    }
}

/// Tells how many interrupts a device has (`ddi_dev_nintrs(9F)`).
///
/// # Safety
///
/// `resultp` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dev_nintrs(dip: *mut DevInfo, resultp: *mut c_int) -> c_int {
    const ME: &str = "ddi_dev_nintrs";
    let node = node::of(dip, ME);
    if resultp.is_null() {
        misuse!(ME, "resultp is NULL: it says where the result goes");
    }
    // SAFETY: not null, so valid for writing (the caller's duty).
    unsafe { resultp.write(node.hardware.interrupts() as c_int) };
    DDI_SUCCESS
}

/// Tells whether a handler runs where no mutex can be waited for: none does (`ddi_intr_hilevel(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_intr_hilevel(dip: *mut DevInfo, inumber: c_uint) -> c_int {
    const ME: &str = "ddi_intr_hilevel";
    let node = node::of(dip, ME);
    if let Err(text) = there(&node, inumber) {
        last_error::note(format_args!("{ME}: {}: {text}", node.name));
    }
    0
}

/// Whether a device has an interrupt of this number.
fn there(node: &Node, inumber: c_uint) -> Result<(), String> {
    match node.hardware.interrupts() {
        0 => Err("the device has no interrupt".to_owned()),
        count if inumber as usize >= count => {
            Err(format!("there is no interrupt {inumber}: the device has number 0 alone"))
        }
        _ => Ok(()),
    }
}

fn iblock_cookie() -> *mut c_void {
    std::ptr::without_provenance_mut(usize::from(PRIORITY))
}

fn refuse(node: &Node, function: &str, text: impl std::fmt::Display, code: c_int) -> c_int {
    last_error::note(format_args!("{function}: {}: {text}", node.name));
    code
}
