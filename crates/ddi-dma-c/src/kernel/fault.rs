//! Errors of a device's bus as a driver asks for them (`ddi_fm_dma_err_get(9F)`).
//!
//! No bus here reports an error with a handle: what a simulated device did wrong is found in the machine's record, and
//! a real one's fault goes to the IOMMU's log. So no capability is left to a driver that asks, and each status is
//! `DDI_FM_OK`.

use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};
use std::ptr;

use super::device;
use super::message::{self, Level};
use crate::access::{self, AccHandleRef};
use crate::handle::{self, DmaHandleRef};
use crate::misuse::misuse;
use crate::node::{self, DevInfo};

/// `ddi_fm_error_t`. Version 0 ends before `fme_bus_type`.
#[repr(C)]
pub(super) struct FmError {
    fme_version: c_int,
    fme_status: c_int,
    fme_flag: c_int,
    fme_ena: u64,
    fme_acc_handle: *mut c_void,
    fme_dma_handle: *mut c_void,
    fme_bus_specific: *mut c_void,
    fme_bus_type: c_int,
}

const _: () = {
    assert!(size_of::<FmError>() == 56);
    assert!(offset_of!(FmError, fme_ena) == 16);
    assert!(offset_of!(FmError, fme_bus_type) == 48);
};

const DDI_FM_OK: c_int = 0;
const DDI_FM_NOT_CAPABLE: c_int = 0;
const DDI_FM_ERR_UNEXPECTED: c_int = 0;
const DDI_FME_BUS_TYPE_DFLT: c_int = 0;
/// `DDI_FME_VER0` and `DDI_FME_VER1`.
const VERSIONS: [c_int; 2] = [0, 1];

impl FmError {
    /// Fills in that there was no error.
    ///
    /// # Safety
    ///
    /// `error` is null or valid for writing as much as its version has.
    unsafe fn fill(
        error: *mut FmError,
        version: c_int,
        acc_handle: *mut c_void,
        dma_handle: *mut c_void,
        function: &str,
    ) {
        check_version(version, function);
        if error.is_null() {
            misuse!(function, "the address of the ddi_fm_error_t is NULL");
        }
        // SAFETY: not null, so valid for the members of its version (the caller's duty).
        unsafe {
            (&raw mut (*error).fme_version).write(version);
            (&raw mut (*error).fme_status).write(DDI_FM_OK);
            (&raw mut (*error).fme_flag).write(DDI_FM_ERR_UNEXPECTED);
            (&raw mut (*error).fme_ena).write(0);
            (&raw mut (*error).fme_acc_handle).write(acc_handle);
            (&raw mut (*error).fme_dma_handle).write(dma_handle);
            (&raw mut (*error).fme_bus_specific).write(ptr::null_mut());
            if version > 0 {
                (&raw mut (*error).fme_bus_type).write(DDI_FME_BUS_TYPE_DFLT);
            }
        }
    }
}

fn check_version(version: c_int, function: &str) {
    if !VERSIONS.contains(&version) {
        misuse!(function, "version {version} is unknown: give DDI_FME_VERSION (1)");
    }
}

/// Tells a driver which of its capabilities the system has too: none.
///
/// # Safety
///
/// `fm_capability` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_fm_init(dip: *mut DevInfo, fm_capability: *mut c_int, _ibcp: *mut c_void) {
    node::of(dip, "ddi_fm_init");
    if fm_capability.is_null() {
        misuse!("ddi_fm_init", "fm_capability is NULL");
    }
    // SAFETY: not null, so valid (the caller's duty).
    unsafe { fm_capability.write(DDI_FM_NOT_CAPABLE) };
}

/// Ends what `ddi_fm_init` began, which is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_fm_fini(dip: *mut DevInfo) {
    node::of(dip, "ddi_fm_fini");
}

/// Tells the capabilities that a device has: none.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_fm_capable(dip: *mut DevInfo) -> c_int {
    node::of(dip, "ddi_fm_capable");
    DDI_FM_NOT_CAPABLE
}

/// Tells the error of a DMA handle: none.
///
/// # Safety
///
/// `de` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_fm_dma_err_get(handle: *mut DmaHandleRef, de: *mut FmError, version: c_int) {
    const FUNCTION: &str = "ddi_fm_dma_err_get";
    handle::check(handle, FUNCTION);
    // SAFETY: the caller's duty.
    unsafe { FmError::fill(de, version, ptr::null_mut(), handle.cast(), FUNCTION) };
}

/// Tells the error of an access handle: none.
///
/// # Safety
///
/// `de` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_fm_acc_err_get(handle: *mut AccHandleRef, de: *mut FmError, version: c_int) {
    const FUNCTION: &str = "ddi_fm_acc_err_get";
    access::check(handle, FUNCTION);
    // SAFETY: the caller's duty.
    unsafe { FmError::fill(de, version, handle.cast(), ptr::null_mut(), FUNCTION) };
}

/// Forgets the error of a DMA handle.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_fm_dma_err_clear(handle: *mut DmaHandleRef, version: c_int) {
    handle::check(handle, "ddi_fm_dma_err_clear");
    check_version(version, "ddi_fm_dma_err_clear");
}

/// Forgets the error of an access handle.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_fm_acc_err_clear(handle: *mut AccHandleRef, version: c_int) {
    access::check(handle, "ddi_fm_acc_err_clear");
    check_version(version, "ddi_fm_acc_err_clear");
}

/// Says on standard error what an error did to a device's service.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_fm_service_impact(dip: *mut DevInfo, impact: c_int) {
    let node = node::of(dip, "ddi_fm_service_impact");
    let what = match impact {
        -32 => "lost",
        -16 => "degraded",
        0 => "unaffected",
        16 => "restored",
        _ => misuse!(
            "ddi_fm_service_impact",
            "impact {impact} is unknown: give DDI_SERVICE_LOST (-32), DEGRADED (-16), UNAFFECTED (0) or RESTORED (16)"
        ),
    };
    message::tell(Level::Notice, format_args!("{}: service {what}", device::title(&node)));
}
