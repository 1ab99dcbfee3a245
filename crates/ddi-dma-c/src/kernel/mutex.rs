//! `kmutex_t`: mutual exclusion (`mutex(9F)`).
//!
//! The word of a mutex is twice the number of the thread that holds it, 0 where none does, and [`WAITERS`]:
//!
//! 1. The holder alone takes its number out of the word; others only add [`WAITERS`] to it.
//! 2. A thread sleeps only where, under the lock of the queue, the word is held and has [`WAITERS`]. Who exits such a
//!    mutex changes the word and wakes a sleeper under the same lock, so that none is forgotten.
//! 3. Once a mutex is free again, who freed it does not touch its memory: whoever takes it may end it.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{align_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, SpinWait};

use super::thread;
use crate::misuse::misuse;

/// `kmutex_t`. All zeroes are a mutex that is free.
#[repr(C)]
pub(super) struct Mutex {
    word: AtomicU64,
}

const _: () = assert!(size_of::<Mutex>() == 8 && align_of::<Mutex>() == 8);

const FREE: u64 = 0;
/// Threads sleep until the mutex is free.
const WAITERS: u64 = 1;
/// What `mutex_destroy` leaves: a holder that no thread is.
const DESTROYED: u64 = 0xDEAD_DEAD_DEAD_DEAC;

impl Mutex {
    /// The mutex that C means; a mistake ends the process in the name of `function`.
    ///
    /// # Safety
    ///
    /// `mp` is null or valid for as long as the mutex is used.
    pub(super) unsafe fn of<'a>(mp: *const Mutex, function: &str) -> &'a Mutex {
        if mp.is_null() || !mp.is_aligned() {
            misuse!(function, "mp is {mp:p}: give the address of a kmutex_t");
        }
        // SAFETY: neither null nor unaligned, so valid (the caller's duty); its word is changed atomically only.
        unsafe { &*mp }
    }

    /// Whether the calling thread holds it.
    pub(super) fn is_mine(&self) -> bool {
        self.word.load(Ordering::Relaxed) & !WAITERS == thread::current() << 1
    }

    #[inline]
    pub(super) fn enter(&self, function: &str) {
        let me = thread::current() << 1;
        if self.word.compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait(me, function);
        }
    }

    #[inline]
    pub(super) fn exit(&self, function: &str) {
        let me = thread::current() << 1;
        if self.word.compare_exchange(me, FREE, Ordering::Release, Ordering::Relaxed).is_err() {
            self.wake(me, function);
        }
    }

    fn try_enter(&self, function: &str) -> bool {
        let me = thread::current() << 1;
        let mut word = self.word.load(Ordering::Relaxed);
        while word & !WAITERS == FREE {
            match self.word.compare_exchange(word, me | word, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        self.check_holder(word & !WAITERS, function);
        false
    }

    #[cold]
    fn wait(&self, me: u64, function: &str) {
        let mut spin = SpinWait::new();
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let holder = word & !WAITERS;
            if holder == FREE {
                // Sleepers that this one overtakes stay noted.
                match self.word.compare_exchange_weak(word, me | word, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return,
                    Err(now) => word = now,
                }
                continue;
            }
            self.check_holder(holder, function);
            if holder == me {
                misuse!(function, "mutex {self:p} is held by this thread already: exit it before");
            }
            if word & WAITERS == 0 {
                if spin.spin() {
                    word = self.word.load(Ordering::Relaxed);
                    continue;
                }
                let noted = word | WAITERS;
                if let Err(now) =
                    self.word.compare_exchange(word, noted, Ordering::Relaxed, Ordering::Relaxed)
                {
                    word = now;
                    continue;
                }
            }
            self.sleep();
            spin.reset();
            word = self.word.load(Ordering::Relaxed);
        }
    }

    fn sleep(&self) {
        let still_held = || {
            let word = self.word.load(Ordering::Relaxed);
            word & WAITERS != 0 && word & !WAITERS != FREE
        };
        // SAFETY: the key is the mutex' own address; the closures neither panic nor park.
        unsafe {
            parking_lot_core::park(self.key(), still_held, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, None);
        }
    }

    #[cold]
    fn wake(&self, me: u64, function: &str) {
        let holder = self.word.load(Ordering::Relaxed) & !WAITERS;
        self.check_holder(holder, function);
        if holder == FREE {
            misuse!(function, "mutex {self:p} is not held: enter it before");
        }
        if holder != me {
            misuse!(function, "mutex {self:p} is held by another thread, which alone can exit it");
        }
        // The word is this thread's with WAITERS, so that nobody else changes it now (rule 1).
        // SAFETY: the key is the mutex' own address; the closure does not panic, nor call this library.
        unsafe {
            parking_lot_core::unpark_one(self.key(), |result| {
                let left = if result.have_more_threads { WAITERS } else { FREE };
                self.word.store(left, Ordering::Release);
                DEFAULT_UNPARK_TOKEN
            });
        }
    }

    /// Ends the process where the holder is none that ever was.
    fn check_holder(&self, holder: u64, function: &str) {
        if holder == DESTROYED {
            misuse!(function, "mutex {self:p} was destroyed: call mutex_init before it is used again");
        }
        if holder != FREE && !thread::is_known(holder >> 1) {
            misuse!(function, "there is no mutex at {self:p}: call mutex_init before it is used");
        }
    }

    fn key(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

/// Makes a mutex. Its name, its type and the interrupt that takes it make no difference here.
///
/// # Safety
///
/// `mp` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mutex_init(mp: *mut Mutex, _name: *const c_char, _type: c_int, _arg: *mut c_void) {
    // SAFETY: the caller's duty. The memory may hold anything: it is written only.
    unsafe { Mutex::of(mp, "mutex_init") }.word.store(FREE, Ordering::Relaxed);
}

/// Ends a mutex that nobody holds.
///
/// # Safety
///
/// `mp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mutex_destroy(mp: *mut Mutex) {
    const FUNCTION: &str = "mutex_destroy";
    // SAFETY: the caller's duty.
    let mutex = unsafe { Mutex::of(mp, FUNCTION) };
    let holder = mutex.word.load(Ordering::Relaxed) & !WAITERS;
    mutex.check_holder(holder, FUNCTION);
    if holder != FREE {
        let whose = if mutex.is_mine() { "this thread" } else { "another thread" };
        misuse!(FUNCTION, "mutex {mp:p} is held by {whose}: exit it before");
    }
    mutex.word.store(DESTROYED, Ordering::Relaxed);
}

/// Takes a mutex; sleeps while another thread holds it.
///
/// # Safety
///
/// `mp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mutex_enter(mp: *mut Mutex) {
    // SAFETY: the caller's duty.
    unsafe { Mutex::of(mp, "mutex_enter") }.enter("mutex_enter");
}

/// Takes a mutex unless somebody holds it; tells, by other than 0, that it did.
///
/// # Safety
///
/// `mp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mutex_tryenter(mp: *mut Mutex) -> c_int {
    // SAFETY: the caller's duty.
    c_int::from(unsafe { Mutex::of(mp, "mutex_tryenter") }.try_enter("mutex_tryenter"))
}

/// Gives a mutex back.
///
/// # Safety
///
/// `mp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mutex_exit(mp: *mut Mutex) {
    // SAFETY: the caller's duty.
    unsafe { Mutex::of(mp, "mutex_exit") }.exit("mutex_exit");
}

/// Tells, by other than 0, that the calling thread holds a mutex.
///
/// # Safety
///
/// `mp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mutex_owned(mp: *const Mutex) -> c_int {
    // SAFETY: the caller's duty.
    c_int::from(unsafe { Mutex::of(mp, "mutex_owned") }.is_mine())
}
