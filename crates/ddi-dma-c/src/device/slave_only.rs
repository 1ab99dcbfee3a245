//! `ddi_slaveonly`: whether a device can do DMA where it sits.

use std::ffi::c_int;

use crate::codes::{DDI_FAILURE, DDI_SUCCESS};
use crate::node::{self, DevInfo};

/// Tells whether the device is in a slot in which DMA is not possible: `DDI_SUCCESS` where it is
/// (`ddi_slaveonly(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_slaveonly(dip: *mut DevInfo) -> c_int {
    if node::of(dip, "ddi_slaveonly").device.slave_only() { DDI_SUCCESS } else { DDI_FAILURE }
}
