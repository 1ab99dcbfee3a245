//! Entry points for drivers that have none of their own.

use std::ffi::{c_int, c_short, c_void};

use rustix::io::Errno;

use crate::codes::{DDI_FAILURE, DDI_SUCCESS};
use crate::node::DevInfo;

/// Stands for an entry point that there is not: `ENXIO`, whatever the arguments.
#[unsafe(no_mangle)]
pub extern "C" fn nodev() -> c_int {
    Errno::NXIO.raw_os_error()
}

/// Stands for an entry point that does nothing: 0, whatever the arguments.
#[unsafe(no_mangle)]
pub extern "C" fn nulldev() -> c_int {
    0
}

/// Stands for `chpoll(9E)` of a device that cannot be polled: `ENXIO`.
#[unsafe(no_mangle)]
pub extern "C" fn nochpoll(
    _dev: u64,
    _events: c_short,
    _anyyet: c_int,
    _reventsp: *mut c_short,
    _phpp: *mut *mut c_void,
) -> c_int {
    Errno::NXIO.raw_os_error()
}

/// Stands for `getinfo(9E)` of a driver that does not know: `DDI_FAILURE`.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_no_info(
    _dip: *mut DevInfo,
    _infocmd: c_int,
    _arg: *mut c_void,
    _result: *mut *mut c_void,
) -> c_int {
    DDI_FAILURE
}

/// Stands for `quiesce(9E)` of a device that has nothing to stop: `DDI_SUCCESS`.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_quiesce_not_needed(_dip: *mut DevInfo) -> c_int {
    DDI_SUCCESS
}

/// Stands for `quiesce(9E)` of a driver that cannot stop its device: `DDI_FAILURE`.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_quiesce_not_supported(_dip: *mut DevInfo) -> c_int {
    DDI_FAILURE
}

/// Tells whether the system panics: 0, since who asks still runs.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_in_panic() -> c_int {
    0
}
