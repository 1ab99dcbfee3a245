//! The module that a driver is (`mod_install(9F)`). It is linked with the program: nothing is loaded.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{offset_of, size_of};
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::io::Errno;

/// `struct modlinkage`
#[repr(C)]
pub(super) struct Modlinkage {
    ml_rev: c_int,
    /// Its parts, of which a null pointer is the end.
    ml_linkage: [*const Part; 7],
}

/// What `struct modldrv` and `struct modlmisc` begin with.
#[repr(C)]
struct Part {
    modops: *const c_void,
    linkinfo: *const c_char,
}

/// `struct modinfo`
#[repr(C)]
pub(super) struct Modinfo {
    mi_info: c_int,
    mi_state: c_int,
    mi_id: c_int,
    mi_nextid: c_int,
    mi_base: *mut c_char,
    mi_size: usize,
    mi_rev: c_int,
    mi_loadcnt: c_int,
    mi_name: [u8; 32],
    mi_msinfo: [PartInfo; 10],
}

/// `struct modspecific_info`
#[repr(C)]
#[derive(Clone, Copy)]
struct PartInfo {
    msi_linkinfo: [u8; 32],
    msi_p0: c_int,
}

const _: () = {
    assert!(size_of::<Modlinkage>() == 64 && offset_of!(Modlinkage, ml_linkage) == 8);
    assert!(size_of::<Modinfo>() == 432);
    assert!(offset_of!(Modinfo, mi_rev) == 32 && offset_of!(Modinfo, mi_msinfo) == 72);
};

const MODREV_1: c_int = 1;

/// What `modldrv.drv_modops` points to: what a module is, told by the address alone.
#[unsafe(no_mangle)]
pub static mod_driverops: [u8; 8] = [0; 8];

/// What `modlmisc.misc_modops` points to.
#[unsafe(no_mangle)]
pub static mod_miscops: [u8; 8] = [0; 8];

/// The module that is installed.
static INSTALLED: AtomicPtr<Modlinkage> = AtomicPtr::new(std::ptr::null_mut());

/// The parts of a module; `None` where it is no module.
///
/// # Safety
///
/// `modlinkage` is null or valid, and what it points to is too.
unsafe fn parts<'a>(modlinkage: *const Modlinkage) -> Option<Vec<&'a Part>> {
    // SAFETY: null or valid (the caller's duty).
    let linkage = unsafe { modlinkage.as_ref() }.filter(|linkage| linkage.ml_rev == MODREV_1)?;
    let parts = linkage.ml_linkage.iter().take_while(|part| !part.is_null());
    // SAFETY: not null, so valid (the caller's duty).
    let parts: Vec<&Part> = parts.map(|part| unsafe { &**part }).collect();
    (!parts.is_empty()).then_some(parts)
}

/// Installs the module: 0, `EINVAL` where it is none, `EBUSY` where one is installed.
///
/// # Safety
///
/// `modlinkage` is null or valid, and what it points to is too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mod_install(modlinkage: *mut Modlinkage) -> c_int {
    // SAFETY: the caller's duty.
    if unsafe { parts(modlinkage) }.is_none() {
        return Errno::INVAL.raw_os_error();
    }
    let none = std::ptr::null_mut();
    match INSTALLED.compare_exchange(none, modlinkage, Ordering::AcqRel, Ordering::Relaxed) {
        Ok(_) => 0,
        Err(_) => Errno::BUSY.raw_os_error(),
    }
}

/// Takes the module away: 0, `EINVAL` where another or none is installed.
#[unsafe(no_mangle)]
pub extern "C" fn mod_remove(modlinkage: *mut Modlinkage) -> c_int {
    let none = std::ptr::null_mut();
    if modlinkage.is_null()
        || INSTALLED.compare_exchange(modlinkage, none, Ordering::AcqRel, Ordering::Relaxed).is_err()
    {
        return Errno::INVAL.raw_os_error();
    }
    0
}

/// Tells what a module is: 1, or 0 where it is none.
///
/// # Safety
///
/// `modlinkage` is null or valid, and what it points to is too; `modinfo` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mod_info(modlinkage: *mut Modlinkage, modinfo: *mut Modinfo) -> c_int {
    // SAFETY: the caller's duty.
    let Some(parts) = (unsafe { parts(modlinkage) }) else { return 0 };
    if modinfo.is_null() {
        return 0;
    }
    let mut told = [PartInfo { msi_linkinfo: [0; 32], msi_p0: -1 }; 10];
    for (info, part) in told.iter_mut().zip(parts) {
        if !part.linkinfo.is_null() {
            // SAFETY: not null, so a string (the caller's duty).
            let text = unsafe { CStr::from_ptr(part.linkinfo) }.to_bytes();
            let length = text.len().min(info.msi_linkinfo.len() - 1);
            info.msi_linkinfo[..length].copy_from_slice(&text[..length]);
        }
    }
    // SAFETY: not null, so valid for writing (the caller's duty); the members may hold anything, and are written only.
    unsafe {
        (&raw mut (*modinfo).mi_rev).write(MODREV_1);
        (&raw mut (*modinfo).mi_msinfo).write(told);
    }
    1
}
