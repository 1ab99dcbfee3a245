//! `ksema_t`: a count that is waited for where it is 0 (`semaphore(9F)`).
//!
//! The first word of a semaphore is its count, or [`WAITERS`], which is set and taken away under the lock of the queue, in
//! one step with it: it is there exactly while threads sleep. Then `sema_v` hands what it has to the first of them, in
//! such a step too. So none is forgotten, and none overtaken.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::{align_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN};

use crate::misuse::misuse;

/// `ksema_t`. All zeroes are one whose count is 0.
#[repr(C)]
pub(super) struct Semaphore {
    word: AtomicU64,
    /// A semaphore has two words, and needs one.
    spare: AtomicU64,
}

const _: () = assert!(size_of::<Semaphore>() == 16 && align_of::<Semaphore>() == 8);

/// Threads sleep; the count is 0.
const WAITERS: u64 = 1 << 63;
/// What `sema_destroy` leaves.
const DESTROYED: u64 = 0x5EAD_DEAD_DEAD_DEAD;

impl Semaphore {
    /// The semaphore that C means; a mistake ends the process in the name of `function`.
    ///
    /// # Safety
    ///
    /// `sp` is null or valid for as long as the semaphore is used.
    unsafe fn of<'a>(sp: *const Semaphore, function: &str) -> &'a Semaphore {
        if sp.is_null() || !sp.is_aligned() {
            misuse!(function, "sp is {sp:p}: give the address of a ksema_t");
        }
        // SAFETY: neither null nor unaligned, so valid (the caller's duty); its words are changed atomically only.
        unsafe { &*sp }
    }

    fn word(&self, function: &str) -> u64 {
        let word = self.word.load(Ordering::Relaxed);
        if word == DESTROYED {
            misuse!(function, "semaphore {self:p} was destroyed: call sema_init before it is used again");
        }
        if word != WAITERS && word > u64::from(u32::MAX) {
            misuse!(function, "there is no semaphore at {self:p}: call sema_init before it is used");
        }
        word
    }

    fn try_take(&self, function: &str) -> bool {
        loop {
            let word = self.word(function);
            if word == 0 || word == WAITERS {
                return false;
            }
            if self.word.compare_exchange_weak(word, word - 1, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
    }

    fn take(&self, function: &str) {
        while !self.try_take(function) {
            // Under the queue's lock: whoever finds WAITERS finds this thread.
            let waits = || {
                let noted = self.word.compare_exchange(0, WAITERS, Ordering::Relaxed, Ordering::Relaxed);
                noted.is_ok() || noted == Err(WAITERS)
            };
            // SAFETY: the key is the semaphore's own address; the closures neither panic nor park.
            let result = unsafe {
                parking_lot_core::park(self.key(), waits, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, None)
            };
            if result.is_unparked() {
                return;
            }
        }
    }

    fn give(&self, function: &str) {
        loop {
            let word = self.word(function);
            if word == WAITERS {
                if self.hand_on() {
                    return;
                }
                continue;
            }
            if word == u64::from(u32::MAX) {
                misuse!(function, "semaphore {self:p} counts {word} already, the most that it can");
            }
            if self.word.compare_exchange_weak(word, word + 1, Ordering::Release, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    /// Gives one to the first that waits; `false`, and nothing given, where others did so in the meantime.
    fn hand_on(&self) -> bool {
        let mut given = false;
        // SAFETY: the key is the semaphore's own address; the closure neither panics nor calls this library.
        unsafe {
            parking_lot_core::unpark_one(self.key(), |result| {
                given = result.unparked_threads > 0;
                if !result.have_more_threads && self.word.load(Ordering::Relaxed) == WAITERS {
                    self.word.store(0, Ordering::Release);
                }
                DEFAULT_UNPARK_TOKEN
            });
        }
        given
    }

    fn key(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

/// Makes a semaphore with a count. Its name and type make no difference here.
///
/// # Safety
///
/// `sp` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sema_init(
    sp: *mut Semaphore,
    val: c_uint,
    _name: *const c_char,
    _type: c_int,
    _arg: *mut c_void,
) {
    // SAFETY: the caller's duty. The memory may hold anything: it is written only.
    let semaphore = unsafe { Semaphore::of(sp, "sema_init") };
    semaphore.word.store(u64::from(val), Ordering::Relaxed);
    semaphore.spare.store(0, Ordering::Relaxed);
}

/// Ends a semaphore that nobody waits for.
///
/// # Safety
///
/// `sp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sema_destroy(sp: *mut Semaphore) {
    const FUNCTION: &str = "sema_destroy";
    // SAFETY: the caller's duty.
    let semaphore = unsafe { Semaphore::of(sp, FUNCTION) };
    if semaphore.word(FUNCTION) == WAITERS {
        misuse!(FUNCTION, "threads wait for semaphore {sp:p}: wake them by sema_v before");
    }
    semaphore.word.store(DESTROYED, Ordering::Relaxed);
}

/// Takes one of the count; sleeps where it is 0.
///
/// # Safety
///
/// `sp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sema_p(sp: *mut Semaphore) {
    // SAFETY: the caller's duty.
    unsafe { Semaphore::of(sp, "sema_p") }.take("sema_p");
}

/// `sema_p`; returns 0, since no signal ends a wait here.
///
/// # Safety
///
/// `sp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sema_p_sig(sp: *mut Semaphore) -> c_int {
    // SAFETY: the caller's duty.
    unsafe { Semaphore::of(sp, "sema_p_sig") }.take("sema_p_sig");
    0
}

/// Adds one to the count, or wakes one thread that waits.
///
/// # Safety
///
/// `sp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sema_v(sp: *mut Semaphore) {
    // SAFETY: the caller's duty.
    unsafe { Semaphore::of(sp, "sema_v") }.give("sema_v");
}

/// Takes one of the count unless it is 0; tells, by other than 0, that it did.
///
/// # Safety
///
/// `sp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sema_tryp(sp: *mut Semaphore) -> c_int {
    // SAFETY: the caller's duty.
    c_int::from(unsafe { Semaphore::of(sp, "sema_tryp") }.try_take("sema_tryp"))
}

/// Tells, by other than 0, that the count is 0.
///
/// # Safety
///
/// `sp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sema_held(sp: *mut Semaphore) -> c_int {
    // SAFETY: the caller's duty.
    let word = unsafe { Semaphore::of(sp, "sema_held") }.word("sema_held");
    c_int::from(word == 0 || word == WAITERS)
}
