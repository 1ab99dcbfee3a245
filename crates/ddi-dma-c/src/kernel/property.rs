//! Properties of devices (`ddi_prop_update(9F)`, `ddi_prop_get_int(9F)`), which here are integers. There is no parent to
//! ask where a device has none.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::size_of;

use super::device::text;
use super::kmem::{self, Contents};
use crate::misuse::misuse;
use crate::node::{self, DevInfo, Number, Wanted};

const DDI_PROP_SUCCESS: c_int = 0;
const DDI_PROP_NOT_FOUND: c_int = 1;
const DDI_PROP_NO_MEMORY: c_int = 3;
const DDI_PROP_INVAL_ARG: c_int = 4;
const DDI_PROP_BUF_TOO_SMALL: c_int = 5;

/// `DDI_DEV_T_NONE` and `DDI_DEV_T_ANY`.
const NONE: u64 = u64::MAX;
const ANY: u64 = u64::MAX - 1;

/// What `prop_op(9E)` is asked for: `PROP_LEN` and so on.
const PROP_LEN: c_int = 0;
const PROP_LEN_AND_VAL_BUF: c_int = 1;
const PROP_LEN_AND_VAL_ALLOC: c_int = 2;
const PROP_EXISTS: c_int = 3;

fn wanted(dev: u64) -> Wanted {
    match dev {
        ANY => Wanted::Any,
        NONE => Wanted::For(Number::None),
        dev => Wanted::For(Number::Of(dev)),
    }
}

/// The number that a property is set for; `None` for `DDI_DEV_T_ANY`, which is none.
fn number(dev: u64) -> Option<Number> {
    match wanted(dev) {
        Wanted::Any => None,
        Wanted::For(number) => Some(number),
    }
}

/// Sets a property: `DDI_PROP_INVAL_ARG` for `DDI_DEV_T_ANY` and for a name that is none.
///
/// # Safety
///
/// `name` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_prop_update_int(
    dev: u64,
    dip: *mut DevInfo,
    name: *const c_char,
    data: c_int,
) -> c_int {
    let node = node::of(dip, "ddi_prop_update_int");
    // SAFETY: the caller's duty.
    let (Some(number), Some(name)) = (number(dev), unsafe { text(name) }) else { return DDI_PROP_INVAL_ARG };
    node.change_properties(|properties| properties.set(number, name, data));
    DDI_PROP_SUCCESS
}

/// Gives a property, or `defvalue` where there is none.
///
/// # Safety
///
/// `name` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_prop_get_int(
    match_dev: u64,
    dip: *mut DevInfo,
    _flags: c_uint,
    name: *const c_char,
    defvalue: c_int,
) -> c_int {
    let node = node::of(dip, "ddi_prop_get_int");
    // SAFETY: the caller's duty.
    let name = unsafe { text(name) };
    name.and_then(|name| node.property(wanted(match_dev), name)).unwrap_or(defvalue)
}

/// Tells, by 1, that there is a property.
///
/// # Safety
///
/// `name` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_prop_exists(
    match_dev: u64,
    dip: *mut DevInfo,
    _flags: c_uint,
    name: *const c_char,
) -> c_int {
    let node = node::of(dip, "ddi_prop_exists");
    // SAFETY: the caller's duty.
    let name = unsafe { text(name) };
    c_int::from(name.and_then(|name| node.property(wanted(match_dev), name)).is_some())
}

/// Takes away a property that the driver set: `DDI_PROP_NOT_FOUND` where it set none.
///
/// # Safety
///
/// `name` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_prop_remove(dev: u64, dip: *mut DevInfo, name: *const c_char) -> c_int {
    let node = node::of(dip, "ddi_prop_remove");
    // SAFETY: the caller's duty.
    let (Some(number), Some(name)) = (number(dev), unsafe { text(name) }) else { return DDI_PROP_INVAL_ARG };
    match node.change_properties(|properties| properties.remove(number, name)) {
        Some(_) => DDI_PROP_SUCCESS,
        None => DDI_PROP_NOT_FOUND,
    }
}

/// Takes away all properties that the driver set.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_prop_remove_all(dip: *mut DevInfo) {
    node::of(dip, "ddi_prop_remove_all").change_properties(|properties| properties.remove_all());
}

/// Gives a property's length and value, as a driver's `prop_op(9E)` does for its device.
///
/// # Safety
///
/// `name` is null or a string; `lengthp` is valid for reading and writing; `valuep` is valid for writing as many bytes
/// as `*lengthp` says, or a pointer where the value is to be allocated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_prop_op(
    dev: u64,
    dip: *mut DevInfo,
    prop_op: c_int,
    _mod_flags: c_int,
    name: *const c_char,
    valuep: *mut c_void,
    lengthp: *mut c_int,
) -> c_int {
    const FUNCTION: &str = "ddi_prop_op";
    const LENGTH: c_int = size_of::<c_int>() as c_int;
    let node = node::of(dip, FUNCTION);
    // SAFETY: the caller's duty.
    let Some(name) = (unsafe { text(name) }) else { return DDI_PROP_INVAL_ARG };
    let Some(value) = node.property(wanted(dev), name) else { return DDI_PROP_NOT_FOUND };
    if prop_op == PROP_EXISTS {
        return DDI_PROP_SUCCESS;
    }
    if !(PROP_LEN..=PROP_EXISTS).contains(&prop_op) {
        misuse!(FUNCTION, "operation {prop_op} is unknown: give PROP_LEN (0) to PROP_EXISTS (3)");
    }
    if lengthp.is_null() || (prop_op != PROP_LEN && valuep.is_null()) {
        misuse!(FUNCTION, "the address of the length or of the value is NULL");
    }
    // SAFETY: not null, so valid (the caller's duty).
    let room = unsafe { lengthp.replace(LENGTH) };
    let place = match prop_op {
        PROP_LEN => return DDI_PROP_SUCCESS,
        PROP_LEN_AND_VAL_BUF if room < LENGTH => return DDI_PROP_BUF_TOO_SMALL,
        PROP_LEN_AND_VAL_BUF => valuep,
        PROP_LEN_AND_VAL_ALLOC => {
            let memory = kmem::allocate(size_of::<c_int>(), Contents::Any);
            if memory.is_null() {
                return DDI_PROP_NO_MEMORY;
            }
            // SAFETY: the address of the driver's pointer (the caller's duty).
            unsafe { valuep.cast::<*mut c_void>().write_unaligned(memory) };
            memory
        }
        _ => unreachable!("the operation was checked"),
    };
    // SAFETY: room for an int: memory of this size, or the caller's.
    unsafe { place.cast::<c_int>().write_unaligned(value) };
    DDI_PROP_SUCCESS
}
