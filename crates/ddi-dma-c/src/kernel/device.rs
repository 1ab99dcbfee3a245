//! What a driver asks about its device: instance, names, and the pointer that it keeps there.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use super::message::{self, Level};
use crate::node::{self, DevInfo, Node};

/// The driver's name and the address on the bus, of a device that was opened as "sim:isa-disk?seed=7" or
/// "vfio:0000:00:03.0".
fn names(node: &Node) -> (&str, &str) {
    let (scheme, device) = node.name.split_once(':').unwrap_or(("", &node.name));
    let (device, _options) = device.split_once('?').unwrap_or((device, ""));
    // A simulated device is the only one of its bus.
    if scheme == "vfio" { (scheme, device) } else { (device, "0") }
}

/// Name and instance as they begin a message: "isa-disk0".
pub(super) fn title(node: &Node) -> String {
    format!("{}{}", names(node).0, node.instance)
}

/// A string that lives as long as the process: C may look at a device's name until it closes it.
fn kept(text: &str) -> *mut c_char {
    static KEPT: Mutex<BTreeSet<CString>> = Mutex::new(BTreeSet::new());
    let text = CString::new(text).unwrap_or_default();
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = kept.get(&text) {
        return same.as_ptr().cast_mut();
    }
    // What a CString points to does not move with it.
    let start = text.as_ptr().cast_mut();
    kept.insert(text);
    start
}

/// Gives the device's number, which no other device of this process has.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_instance(dip: *mut DevInfo) -> c_int {
    node::of(dip, "ddi_get_instance").instance
}

/// Gives the name by which a driver is bound to the device.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_name(dip: *mut DevInfo) -> *mut c_char {
    kept(names(&node::of(dip, "ddi_get_name")).0)
}

/// Gives the name by which a driver is bound to the device.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_binding_name(dip: *mut DevInfo) -> *mut c_char {
    kept(names(&node::of(dip, "ddi_binding_name")).0)
}

/// Gives the device's own name.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_node_name(dip: *mut DevInfo) -> *mut c_char {
    kept(names(&node::of(dip, "ddi_node_name")).0)
}

/// Gives the driver's name.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_driver_name(dip: *mut DevInfo) -> *const c_char {
    kept(names(&node::of(dip, "ddi_driver_name")).0)
}

/// Gives the device's address on its bus.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_name_addr(dip: *mut DevInfo) -> *mut c_char {
    kept(names(&node::of(dip, "ddi_get_name_addr")).1)
}

/// Gives what `ddi_set_driver_private` kept; NULL before.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_driver_private(dip: *mut DevInfo) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(*node::of(dip, "ddi_get_driver_private").driver_private())
}

/// Keeps a pointer of the driver's with the device.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_set_driver_private(dip: *mut DevInfo, data: *mut c_void) {
    *node::of(dip, "ddi_set_driver_private").driver_private() = data.expose_provenance();
}

/// Says on standard error that the device is there.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_report_dev(dip: *mut DevInfo) {
    let node = node::of(dip, "ddi_report_dev");
    message::tell(Level::Continued, format_args!("{} is {}\n", title(&node), node.name));
}

/// The text of a name that C gives; `None` where it is none.
///
/// # Safety
///
/// `name` is null or a string.
pub(super) unsafe fn text<'a>(name: *const c_char) -> Option<&'a str> {
    // SAFETY: not null, so a string (the caller's duty).
    let name = unsafe { (!name.is_null()).then(|| CStr::from_ptr(name)) }?;
    name.to_str().ok().filter(|name| !name.is_empty())
}
