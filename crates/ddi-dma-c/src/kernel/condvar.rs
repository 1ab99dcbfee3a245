//! `kcondvar_t`: waiting for what another thread says under a mutex (`condvar(9F)`).
//!
//! A waiter is in the queue of the variable's address before it exits the mutex, so that whoever says something under
//! that mutex afterwards finds it there: no wake-up is lost. Nobody who was woken touches the variable's memory again.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem::{align_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult};

use super::mutex::Mutex;
use super::time;
use crate::misuse::misuse;

/// `kcondvar_t`. All zeroes are one that nobody waits for. Who waits is in a queue by its address, not in its memory.
#[repr(C)]
pub(super) struct Condvar {
    word: AtomicU16,
}

const _: () = assert!(size_of::<Condvar>() == 2 && align_of::<Condvar>() == 2);

const READY: u16 = 0;
/// What `cv_destroy` leaves.
const DESTROYED: u16 = 0xDEAD;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Signalled,
    TimedOut,
}

impl Condvar {
    /// The variable that C means; a mistake ends the process in the name of `function`.
    ///
    /// # Safety
    ///
    /// `cvp` is null or valid for as long as the variable is used.
    unsafe fn of<'a>(cvp: *const Condvar, function: &str) -> &'a Condvar {
        if cvp.is_null() || !cvp.is_aligned() {
            misuse!(function, "cvp is {cvp:p}: give the address of a kcondvar_t");
        }
        // SAFETY: neither null nor unaligned, so valid (the caller's duty); its word is changed atomically only.
        unsafe { &*cvp }
    }

    fn check(&self, function: &str) {
        if self.word.load(Ordering::Relaxed) == DESTROYED {
            misuse!(
                function,
                "condition variable {self:p} was destroyed: call cv_init before it is used again"
            );
        }
    }

    fn wait(&self, mutex: &Mutex, until: Option<Instant>, function: &str) -> Ended {
        self.check(function);
        if !mutex.is_mine() {
            misuse!(function, "the caller does not hold mutex {mutex:p}: enter it before");
        }
        let exit = || mutex.exit(function);
        // SAFETY: the key is the variable's own address; what is called under the queue's lock does nothing, and the
        // mutex, which is held, is exited without parking.
        let result = unsafe {
            parking_lot_core::park(self.key(), || true, exit, |_, _| {}, DEFAULT_PARK_TOKEN, until)
        };
        mutex.enter(function);
        if result == ParkResult::TimedOut { Ended::TimedOut } else { Ended::Signalled }
    }

    fn key(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

/// Makes a condition variable. Its name and type make no difference here.
///
/// # Safety
///
/// `cvp` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_init(cvp: *mut Condvar, _name: *const c_char, _type: c_int, _arg: *mut c_void) {
    // SAFETY: the caller's duty. The memory may hold anything: it is written only.
    unsafe { Condvar::of(cvp, "cv_init") }.word.store(READY, Ordering::Relaxed);
}

/// Ends a condition variable that nobody waits for.
///
/// # Safety
///
/// `cvp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_destroy(cvp: *mut Condvar) {
    const FUNCTION: &str = "cv_destroy";
    // SAFETY: the caller's duty.
    let cv = unsafe { Condvar::of(cvp, FUNCTION) };
    cv.check(FUNCTION);
    let mut waiters = 0_usize;
    let count = |_| {
        waiters += 1;
        FilterOp::Skip
    };
    // SAFETY: the key is the variable's own address; the closures neither panic nor call this library.
    unsafe { parking_lot_core::unpark_filter(cv.key(), count, |_| DEFAULT_UNPARK_TOKEN) };
    if waiters > 0 {
        misuse!(FUNCTION, "{waiters} threads wait for condition variable {cvp:p}: wake them before");
    }
    cv.word.store(DESTROYED, Ordering::Relaxed);
}

/// Exits a mutex and waits to be woken, in one step; has the mutex again when it returns.
///
/// # Safety
///
/// `cvp` and `mp` are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_wait(cvp: *mut Condvar, mp: *mut Mutex) {
    // SAFETY: the caller's duty.
    let (cv, mutex) = unsafe { (Condvar::of(cvp, "cv_wait"), Mutex::of(mp, "cv_wait")) };
    cv.wait(mutex, None, "cv_wait");
}

/// `cv_wait`; returns 1, since no signal ends a wait here.
///
/// # Safety
///
/// As for `cv_wait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_wait_sig(cvp: *mut Condvar, mp: *mut Mutex) -> c_int {
    // SAFETY: the caller's duty.
    let (cv, mutex) = unsafe { (Condvar::of(cvp, "cv_wait_sig"), Mutex::of(mp, "cv_wait_sig")) };
    cv.wait(mutex, None, "cv_wait_sig");
    1
}

/// `cv_wait` until a time of `ddi_get_lbolt`: -1 where it came first, otherwise the ticks that were left, and no less
/// than 1. A time that is past lets the mutex be held throughout.
///
/// # Safety
///
/// As for `cv_wait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_timedwait(cvp: *mut Condvar, mp: *mut Mutex, timeout: c_long) -> c_long {
    // SAFETY: the caller's duty.
    unsafe { timed_wait(cvp, mp, timeout, "cv_timedwait") }
}

/// `cv_timedwait`: no signal ends a wait here.
///
/// # Safety
///
/// As for `cv_wait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_timedwait_sig(cvp: *mut Condvar, mp: *mut Mutex, timeout: c_long) -> c_long {
    // SAFETY: the caller's duty.
    unsafe { timed_wait(cvp, mp, timeout, "cv_timedwait_sig") }
}

/// `cv_timedwait` with a time from now on. It is exact to the tick, however inexact it might be.
///
/// # Safety
///
/// As for `cv_wait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_reltimedwait(
    cvp: *mut Condvar,
    mp: *mut Mutex,
    delta: c_long,
    _res: c_int,
) -> c_long {
    // SAFETY: the caller's duty.
    unsafe { timed_wait(cvp, mp, from_now(delta), "cv_reltimedwait") }
}

/// `cv_reltimedwait`: no signal ends a wait here.
///
/// # Safety
///
/// As for `cv_wait`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_reltimedwait_sig(
    cvp: *mut Condvar,
    mp: *mut Mutex,
    delta: c_long,
    _res: c_int,
) -> c_long {
    // SAFETY: the caller's duty.
    unsafe { timed_wait(cvp, mp, from_now(delta), "cv_reltimedwait_sig") }
}

/// The tick that is `delta` from now: the one that runs has begun already and does not count.
fn from_now(delta: c_long) -> c_long {
    if delta <= 0 { time::ticks() } else { time::ticks().saturating_add(delta).saturating_add(1) }
}

/// # Safety
///
/// As for `cv_wait`.
unsafe fn timed_wait(cvp: *mut Condvar, mp: *mut Mutex, until: c_long, function: &str) -> c_long {
    // SAFETY: the caller's duty.
    let (cv, mutex) = unsafe { (Condvar::of(cvp, function), Mutex::of(mp, function)) };
    let ended = match time::moment(until) {
        time::Moment::Past => {
            cv.check(function);
            if !mutex.is_mine() {
                misuse!(function, "the caller does not hold mutex {mutex:p}: enter it before");
            }
            Ended::TimedOut
        }
        time::Moment::At(moment) => cv.wait(mutex, Some(moment), function),
        time::Moment::Never => cv.wait(mutex, None, function),
    };
    match ended {
        Ended::TimedOut => -1,
        Ended::Signalled => until.saturating_sub(time::ticks()).max(1),
    }
}

/// Wakes one thread that waits, if there is any.
///
/// # Safety
///
/// `cvp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_signal(cvp: *mut Condvar) {
    // SAFETY: the caller's duty.
    let cv = unsafe { Condvar::of(cvp, "cv_signal") };
    cv.check("cv_signal");
    // SAFETY: the key is the variable's own address; the closure neither panics nor calls this library.
    unsafe { parking_lot_core::unpark_one(cv.key(), |_| DEFAULT_UNPARK_TOKEN) };
}

/// Wakes all threads that wait.
///
/// # Safety
///
/// `cvp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cv_broadcast(cvp: *mut Condvar) {
    // SAFETY: the caller's duty.
    let cv = unsafe { Condvar::of(cvp, "cv_broadcast") };
    cv.check("cv_broadcast");
    // SAFETY: the key is the variable's own address.
    unsafe { parking_lot_core::unpark_all(cv.key(), DEFAULT_UNPARK_TOKEN) };
}
