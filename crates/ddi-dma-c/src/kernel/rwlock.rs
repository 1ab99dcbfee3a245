//! `krwlock_t`: many readers or one writer (`rwlock(9F)`).
//!
//! The word of a lock is [`WAITERS`], [`WRITER`], and above them the number of readers or of the thread that writes:
//!
//! 1. [`WAITERS`] is added and taken away under the lock of the queue alone, in one step with the queue: it is there
//!    exactly while threads sleep. So none is forgotten.
//! 2. Who leaves last hands the lock on to the first that sleeps, a writer or all readers before the next writer, in
//!    such a step too: whoever is woken has it. Nobody can come between, as long as there are waiters.
//! 3. Neither a reader nor a writer on the word [`WAITERS`] alone: the last reader is on its way to hand on.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{align_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot_core::{DEFAULT_UNPARK_TOKEN, FilterOp, ParkToken};

use super::thread;
use crate::misuse::misuse;

/// `krwlock_t`. All zeroes are a lock that is free.
#[repr(C)]
pub(super) struct RwLock {
    word: AtomicU64,
}

const _: () = assert!(size_of::<RwLock>() == 8 && align_of::<RwLock>() == 8);

const FREE: u64 = 0;
/// Threads sleep until the lock is handed to them.
const WAITERS: u64 = 1;
/// What is above [`SHIFT`] is the thread that writes; otherwise it is the number of readers.
const WRITER: u64 = 2;
const SHIFT: u32 = 2;
const READER: u64 = 1 << SHIFT;
/// More readers than this there cannot be.
const READERS: u64 = 1 << 32;
/// What `rw_destroy` leaves: a writer that no thread is.
const DESTROYED: u64 = 0xDEAD_DEAD_DEAD_DEAC | WRITER;

/// How a thread enters. Its own number goes with it where it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enter {
    Writer,
    Reader,
    /// A reader that does not heed waiting writers.
    Overtaking,
}

impl Enter {
    /// `krw_t`
    fn of(enter_type: c_int, function: &str) -> Enter {
        match enter_type {
            0 => Enter::Writer,
            1 => Enter::Reader,
            2 => Enter::Overtaking,
            _ => misuse!(function, "enter type {enter_type} is unknown: give RW_WRITER (0) or RW_READER (1)"),
        }
    }
}

/// A reader that waits; a writer is its thread's number, which is never 0.
const WAITING_READER: ParkToken = ParkToken(0);

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Free,
    Readers(u64),
    Writer(u64),
    /// Free, and about to be handed on.
    Passing,
}

fn held(word: u64) -> Held {
    match (word & WRITER != 0, word >> SHIFT) {
        (true, thread) => Held::Writer(thread),
        (false, 0) if word & WAITERS != 0 => Held::Passing,
        (false, 0) => Held::Free,
        (false, readers) => Held::Readers(readers),
    }
}

/// The word once a thread has entered; `None` where it must wait.
fn entered(word: u64, how: Enter) -> Option<u64> {
    match (held(word), how) {
        (Held::Free, Enter::Writer) => Some(thread::current() << SHIFT | WRITER),
        (Held::Free, Enter::Reader | Enter::Overtaking) => Some(READER),
        (Held::Readers(_), Enter::Reader) if word & WAITERS == 0 => Some(word + READER),
        (Held::Readers(_), Enter::Overtaking) => Some(word + READER),
        _ => None,
    }
}

impl RwLock {
    /// The lock that C means; a mistake ends the process in the name of `function`.
    ///
    /// # Safety
    ///
    /// `rwlp` is null or valid for as long as the lock is used.
    unsafe fn of<'a>(rwlp: *const RwLock, function: &str) -> &'a RwLock {
        if rwlp.is_null() || !rwlp.is_aligned() {
            misuse!(function, "rwlp is {rwlp:p}: give the address of a krwlock_t");
        }
        // SAFETY: neither null nor unaligned, so valid (the caller's duty); its word is changed atomically only.
        unsafe { &*rwlp }
    }

    /// The word of a lock that was made.
    fn word(&self, function: &str) -> u64 {
        let word = self.word.load(Ordering::Relaxed);
        if word & !WAITERS == DESTROYED {
            misuse!(function, "lock {self:p} was destroyed: call rw_init before it is used again");
        }
        let sound = match held(word) {
            Held::Writer(thread) => thread::is_known(thread),
            Held::Readers(readers) => readers < READERS,
            Held::Free | Held::Passing => true,
        };
        if !sound {
            misuse!(function, "there is no lock at {self:p}: call rw_init before it is used");
        }
        word
    }

    /// Takes the lock unless it would have to wait.
    fn try_enter(&self, how: Enter, function: &str) -> bool {
        loop {
            let word = self.word(function);
            let Some(entered) = entered(word, how) else { return false };
            if self.word.compare_exchange_weak(word, entered, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
    }

    fn enter(&self, how: Enter, function: &str) {
        let me = thread::current();
        while !self.try_enter(how, function) {
            if held(self.word(function)) == Held::Writer(me) {
                misuse!(function, "lock {self:p} is held by this thread for writing: exit it before");
            }
            let token = if how == Enter::Writer { ParkToken(me as usize) } else { WAITING_READER };
            let waits = || self.note_waiter(how);
            // SAFETY: the key is the lock's own address; the closures neither panic nor park.
            let result = unsafe { parking_lot_core::park(self.key(), waits, || {}, |_, _| {}, token, None) };
            if result.is_unparked() {
                // Who woke it gave it the lock; what was written under it is seen through the queue's lock.
                return;
            }
        }
    }

    /// Adds [`WAITERS`] unless a thread that enters need not wait; tells whether it must. Called under the queue's lock.
    fn note_waiter(&self, how: Enter) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while entered(word, how).is_none() {
            if word & WAITERS != 0 {
                return true;
            }
            let noted = word | WAITERS;
            match self.word.compare_exchange_weak(word, noted, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    fn exit(&self, function: &str) {
        loop {
            let word = self.word(function);
            let left = match held(word) {
                Held::Free | Held::Passing => misuse!(function, "lock {self:p} is not held: enter it before"),
                Held::Writer(thread) if thread != thread::current() => {
                    misuse!(function, "lock {self:p} is held by another thread, which alone can exit it")
                }
                Held::Writer(_) if word & WAITERS != 0 => return self.hand_on(0),
                Held::Writer(_) => FREE,
                Held::Readers(_) => word - READER,
            };
            // Who hands on does so for the readers before it too.
            if self.word.compare_exchange_weak(word, left, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                if held(left) == Held::Passing {
                    self.hand_on(0);
                }
                return;
            }
        }
    }

    /// Gives the lock to the first that waits, where `readers` have it already to readers only.
    ///
    /// The word is the caller's alone: it is a writer with waiters, or [`Held::Passing`] by its exit (rule 3).
    fn hand_on(&self, readers: u64) {
        let (mut readers, mut writer) = (readers, 0);
        let given = std::cell::Cell::new((readers, writer));
        let filter = |token: ParkToken| {
            if writer != 0 || (token != WAITING_READER && readers > 0) {
                return FilterOp::Stop;
            }
            if token == WAITING_READER {
                readers += 1;
            } else {
                writer = token.0 as u64;
            }
            given.set((readers, writer));
            FilterOp::Unpark
        };
        // SAFETY: the key is the lock's own address; the closures neither panic nor call this library.
        unsafe {
            parking_lot_core::unpark_filter(self.key(), filter, |result| {
                let waiters = if result.have_more_threads { WAITERS } else { 0 };
                let word = match given.get() {
                    (readers, 0) => readers << SHIFT,
                    (_, writer) => writer << SHIFT | WRITER,
                };
                self.word.store(word | waiters, Ordering::Release);
                DEFAULT_UNPARK_TOKEN
            });
        }
    }

    fn downgrade(&self, function: &str) {
        let word = self.word(function);
        if held(word) != Held::Writer(thread::current()) {
            misuse!(
                function,
                "lock {self:p} is not held by this thread for writing: enter it as RW_WRITER before"
            );
        }
        // Nobody but this thread takes the writer out of the word.
        if self.word.compare_exchange(word & !WAITERS, READER, Ordering::Release, Ordering::Relaxed).is_err()
        {
            self.hand_on(1);
        }
    }

    fn try_upgrade(&self, function: &str) -> bool {
        match held(self.word(function)) {
            Held::Readers(_) => {}
            Held::Free | Held::Passing | Held::Writer(_) => {
                misuse!(function, "lock {self:p} is not held for reading: enter it as RW_READER before")
            }
        }
        // One reader, who is the caller, and nobody who waits.
        let mine = thread::current() << SHIFT | WRITER;
        self.word.compare_exchange(READER, mine, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn key(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

/// Makes a lock. Its name, its type and the interrupt that takes it make no difference here.
///
/// # Safety
///
/// `rwlp` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_init(rwlp: *mut RwLock, _name: *const c_char, _type: c_int, _arg: *mut c_void) {
    // SAFETY: the caller's duty. The memory may hold anything: it is written only.
    unsafe { RwLock::of(rwlp, "rw_init") }.word.store(FREE, Ordering::Relaxed);
}

/// Ends a lock that nobody holds.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_destroy(rwlp: *mut RwLock) {
    const FUNCTION: &str = "rw_destroy";
    // SAFETY: the caller's duty.
    let lock = unsafe { RwLock::of(rwlp, FUNCTION) };
    match held(lock.word(FUNCTION)) {
        Held::Free => lock.word.store(DESTROYED, Ordering::Relaxed),
        Held::Readers(readers) => {
            misuse!(FUNCTION, "lock {rwlp:p} has {readers} readers: let them exit before")
        }
        Held::Writer(_) | Held::Passing => {
            misuse!(FUNCTION, "lock {rwlp:p} is held for writing: exit it before")
        }
    }
}

/// Takes a lock; sleeps while that is not possible.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_enter(rwlp: *mut RwLock, enter_type: c_int) {
    let how = Enter::of(enter_type, "rw_enter");
    // SAFETY: the caller's duty.
    unsafe { RwLock::of(rwlp, "rw_enter") }.enter(how, "rw_enter");
}

/// Takes a lock where it need not wait for that; tells, by other than 0, that it did.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_tryenter(rwlp: *mut RwLock, enter_type: c_int) -> c_int {
    let how = Enter::of(enter_type, "rw_tryenter");
    // SAFETY: the caller's duty.
    c_int::from(unsafe { RwLock::of(rwlp, "rw_tryenter") }.try_enter(how, "rw_tryenter"))
}

/// Gives a lock back.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_exit(rwlp: *mut RwLock) {
    // SAFETY: the caller's duty.
    unsafe { RwLock::of(rwlp, "rw_exit") }.exit("rw_exit");
}

/// Makes the writer a reader, and lets readers in that wait before the next writer.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_downgrade(rwlp: *mut RwLock) {
    // SAFETY: the caller's duty.
    unsafe { RwLock::of(rwlp, "rw_downgrade") }.downgrade("rw_downgrade");
}

/// Makes the reader the writer where there is no other and nobody waits; tells, by other than 0, that it did.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_tryupgrade(rwlp: *mut RwLock) -> c_int {
    // SAFETY: the caller's duty.
    c_int::from(unsafe { RwLock::of(rwlp, "rw_tryupgrade") }.try_upgrade("rw_tryupgrade"))
}

/// Tells, by other than 0, that a lock which the caller holds is held for reading.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_read_locked(rwlp: *mut RwLock) -> c_int {
    const FUNCTION: &str = "rw_read_locked";
    // SAFETY: the caller's duty.
    match held(unsafe { RwLock::of(rwlp, FUNCTION) }.word(FUNCTION)) {
        Held::Readers(_) => 1,
        Held::Writer(thread) if thread == thread::current() => 0,
        Held::Writer(_) | Held::Free | Held::Passing => {
            misuse!(FUNCTION, "lock {rwlp:p} is not held by the caller: enter it before")
        }
    }
}

/// Tells, by other than 0, that readers hold a lock.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_read_held(rwlp: *mut RwLock) -> c_int {
    const FUNCTION: &str = "rw_read_held";
    // SAFETY: the caller's duty.
    c_int::from(matches!(held(unsafe { RwLock::of(rwlp, FUNCTION) }.word(FUNCTION)), Held::Readers(_)))
}

/// Tells, by other than 0, that the calling thread holds a lock for writing.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_write_held(rwlp: *mut RwLock) -> c_int {
    const FUNCTION: &str = "rw_write_held";
    // SAFETY: the caller's duty.
    let word = unsafe { RwLock::of(rwlp, FUNCTION) }.word(FUNCTION);
    c_int::from(held(word) == Held::Writer(thread::current()))
}

/// Tells, by other than 0, that readers hold a lock, or the calling thread for writing.
///
/// # Safety
///
/// `rwlp` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rw_lock_held(rwlp: *mut RwLock) -> c_int {
    const FUNCTION: &str = "rw_lock_held";
    // SAFETY: the caller's duty.
    let held = held(unsafe { RwLock::of(rwlp, FUNCTION) }.word(FUNCTION));
    c_int::from(matches!(held, Held::Readers(_)) || held == Held::Writer(thread::current()))
}
