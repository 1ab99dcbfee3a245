//! The life of a request: issued, waited for, ended.
//!
//! `B_DONE` says that a request has ended. Who waits sleeps in a queue whose key is the address of the flags; who ends
//! it sets the flag first and wakes the queue then, without looking at the buf again, which the waiter may have freed.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::Ordering;

use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp};

use crate::abi::buf::b_flags::{B_ASYNC, B_DONE, B_REMAPPED};
use crate::abi::buf::buf;
use crate::misuse::misuse;
use crate::node::{Context, context};

use super::copy;
use super::live::InPhysio;
use super::raw::{Bp, get, set};

/// Makes a buf of memory that may hold anything.
pub(super) fn clear(bp: Bp) {
    // `b_sem` and `b_io` are semaphores whose count is 0 then: a buf is its owner's, and has not ended.
    // SAFETY: the memory of a buf is there (invariant of Bp); all of its members may be zero.
    unsafe { ptr::write_bytes(bp.as_ptr(), 0, 1) };
    set!(bp, b_offset: -1);
}

/// Makes sure that nobody waits for a buf that is about to end.
pub(super) fn finish(bp: Bp, function: &str) {
    if waited_for(bp) {
        misuse!(function, "bp {:p} is in use: a thread waits for it in biowait", bp.as_ptr());
    }
}

/// Waits until a request has ended.
pub(super) fn wait(bp: Bp, function: &str) {
    if !bp.done() && context() == Context::Interrupt {
        misuse!(function, "bp {:p} has not ended, and a handler or callback cannot wait", bp.as_ptr());
    }
    while !bp.done() {
        // SAFETY: the flags of a buf are nobody's key but this module's, and the closures neither panic nor park.
        // `biodone` sets the flag ahead of waking the queue, and this looks at it with the queue locked, so that either
        // it is seen here, or the queue with this thread in it is woken.
        unsafe {
            parking_lot_core::park(key(bp), || !bp.done(), || (), |_, _| (), DEFAULT_PARK_TOKEN, None);
        }
    }
}

/// Whether a thread sleeps until the request has ended.
fn waited_for(bp: Bp) -> bool {
    let mut found = false;
    let look = |_| {
        found = true;
        FilterOp::Stop
    };
    // SAFETY: the key is this module's, and the closures neither panic nor park.
    unsafe { parking_lot_core::unpark_filter(key(bp), look, |_| DEFAULT_UNPARK_TOKEN) };
    found
}

fn key(bp: Bp) -> usize {
    bp.address()
}

/// Waits until a request has ended, and tells its error; 0 where there is none (`biowait(9F)`).
///
/// # Safety
///
/// `bp` is a buf, which stays until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn biowait(bp: *mut buf) -> c_int {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "biowait") };
    wait(bp, "biowait");
    if bp.has(B_REMAPPED) && !bp.has(B_ASYNC) {
        copy::map_out(bp);
    }
    bp.error()
}

/// Ends a request: calls its `b_iodone` where it has one, and wakes who waits for it otherwise (`biodone(9F)`).
///
/// # Safety
///
/// `bp` is a buf, which its driver does not use any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn biodone(bp: *mut buf) {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "biodone") };
    if let Some(iodone) = get!(bp, b_iodone) {
        // SAFETY: who issued the request gave the function to be called with it.
        unsafe { iodone(bp.as_ptr()) };
        return;
    }
    if bp.flags().fetch_or(B_DONE, Ordering::Release) & B_DONE != 0 {
        misuse!("biodone", "bp {:p} has ended already: call biodone once for each request", bp.as_ptr());
    }
    // SAFETY: the key is this module's.
    unsafe { parking_lot_core::unpark_all(key(bp), DEFAULT_UNPARK_TOKEN) };
}

/// Says that a request failed, or with 0, that it did not (`bioerror(9F)`).
///
/// # Safety
///
/// `bp` is a buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bioerror(bp: *mut buf, error: c_int) {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "bioerror") };
    if error < 0 {
        misuse!("bioerror", "error {error} is none: give an error number, or 0 for none");
    }
    bp.set_error(error);
}

/// Why a request failed; 0 where it did not, `EIO` where its driver does not say why (`geterror(9F)`).
///
/// # Safety
///
/// `bp` is a buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn geterror(bp: *mut buf) -> c_int {
    // SAFETY: the caller promises a buf.
    unsafe { Bp::new(bp, "geterror") }.error()
}

/// Makes a buf of memory of the driver's (`bioinit(9F)`).
///
/// # Safety
///
/// `bp` points to memory for a buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bioinit(bp: *mut buf) {
    // SAFETY: the caller promises memory for a buf.
    clear(unsafe { Bp::new(bp, "bioinit") });
}

/// Ends a buf that `bioinit` made; its memory stays the driver's (`biofini(9F)`).
///
/// # Safety
///
/// `bp` is a buf, which nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn biofini(bp: *mut buf) {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "biofini") };
    refuse_in_physio(bp, "biofini");
    finish(bp, "biofini");
}

/// Makes a buf ready to be used again (`bioreset(9F)`).
///
/// # Safety
///
/// `bp` is a buf, which nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bioreset(bp: *mut buf) {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "bioreset") };
    reset(bp, "bioreset");
}

/// Does what `bioreset` does, in the name of `function`.
pub(super) fn reset(bp: Bp, function: &str) {
    refuse_in_physio(bp, function);
    finish(bp, function);
    clear(bp);
}

fn refuse_in_physio(bp: Bp, function: &str) {
    if InPhysio::has(bp) {
        misuse!(function, "bp {:p} is in use: physio has not returned yet", bp.as_ptr());
    }
}

/// Bytes of a buf (`biosize(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn biosize() -> usize {
    size_of::<buf>()
}
