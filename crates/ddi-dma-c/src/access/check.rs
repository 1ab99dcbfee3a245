//! Whether an access handle is good (`ddi_check_acc_handle(9F)`).

use std::ffi::c_int;

use super::{AccHandleRef, of};
use crate::codes::DDI_SUCCESS;

/// Ends the process in the name of `function` where C means no handle.
pub(crate) fn check(handle: *mut AccHandleRef, function: &str) {
    drop(of(handle, function));
}

/// Tells whether an access with a handle failed: `DDI_SUCCESS`, since no bus here says so with the handle.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_check_acc_handle(handle: *mut AccHandleRef) -> c_int {
    check(handle, "ddi_check_acc_handle");
    DDI_SUCCESS
}
