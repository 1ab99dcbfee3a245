//! A buf of C's, member by member.
//!
//! A buf belongs to C: drivers, interrupt handlers and this library use its members in turn, so no reference to it is
//! ever made. Its flags are changed atomically, since `B_DONE` is what a waiting thread looks at.

use std::ffi::{c_char, c_int};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::abi::buf::b_flags::{B_DONE, B_ERROR};
use crate::abi::buf::buf;
use crate::misuse::misuse;

/// `b_iodone`.
pub(super) type Iodone = unsafe extern "C" fn(*mut buf) -> c_int;

/// `EIO`: what `geterror` gives where a driver says that there is an error, and not which.
const EIO: c_int = 5;

/// A buf of C's.
///
/// # Invariants
///
/// C says that it is a buf, and keeps it while a function that it gave it to has not returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bp(NonNull<buf>);

/// Reads members of a [`Bp`] that are plain values.
macro_rules! get {
    ($bp:expr, $member:ident) => {{
        let bp: *mut $crate::abi::buf::buf = $bp.as_ptr();
        // SAFETY: the buf is there (invariant of Bp), and no reference to it exists.
        unsafe { (&raw const (*bp).$member).read() }
    }};
}
pub(super) use get;

/// Writes members of a [`Bp`] that are plain values.
macro_rules! set {
    ($bp:expr, $($member:ident: $value:expr),+ $(,)?) => {{
        let bp: *mut $crate::abi::buf::buf = $bp.as_ptr();
        $(
            let value = $value;
            // SAFETY: the buf is there (invariant of Bp), and no reference to it exists.
            unsafe { (&raw mut (*bp).$member).write(value) };
        )+
    }};
}
pub(super) use set;

impl Bp {
    /// The buf that C gave to `function`; a mistake ends the process in its name.
    ///
    /// # Safety
    ///
    /// Where it is not NULL and lies where a buf can, it is one, until the caller's use of the value ends.
    #[inline]
    pub(super) unsafe fn new(bp: *mut buf, function: &str) -> Bp {
        match NonNull::new(bp) {
            // INVARIANT: the caller promises a buf.
            Some(bp) if bp.is_aligned() => Bp(bp),
            Some(bp) => {
                misuse!(function, "bp {bp:p} is no buf: its address is odd; give what getrbuf returned")
            }
            None => misuse!(function, "bp is NULL: give a buf, such as getrbuf returns"),
        }
    }

    #[inline]
    pub(super) fn as_ptr(self) -> *mut buf {
        self.0.as_ptr()
    }

    /// Where it lies.
    pub(super) fn address(self) -> usize {
        self.0.addr().get()
    }

    /// `b_flags`, to be changed while a thread waits.
    #[inline]
    pub(super) fn flags(&self) -> &AtomicI32 {
        // SAFETY: the member is there, aligned, and in every language 4 bytes that may be accessed atomically.
        unsafe { AtomicI32::from_ptr(&raw mut (*self.as_ptr()).b_flags) }
    }

    /// Whether all these flags are set.
    #[inline]
    pub(super) fn has(&self, flags: c_int) -> bool {
        self.flags().load(Ordering::Relaxed) & flags == flags
    }

    /// Whether the request has ended. What its driver did before can be seen then.
    #[inline]
    pub(super) fn done(&self) -> bool {
        self.flags().load(Ordering::Acquire) & B_DONE != 0
    }

    /// Says that the request failed, or with 0, that it did not.
    pub(super) fn set_error(&self, error: c_int) {
        set!(self, b_error: error);
        if error == 0 {
            self.flags().fetch_and(!B_ERROR, Ordering::Relaxed);
        } else {
            self.flags().fetch_or(B_ERROR, Ordering::Relaxed);
        }
    }

    /// Why the request failed; 0 where it did not.
    pub(super) fn error(&self) -> c_int {
        match (self.has(B_ERROR), get!(self, b_error)) {
            (false, _) => 0,
            (true, 0) => EIO,
            (true, error) => error,
        }
    }

    /// `b_un.b_addr`, as a number from which pointers can be made.
    pub(super) fn data(&self) -> usize {
        get!(self, b_addr).expose_provenance()
    }
}

/// A pointer of C's type from a number.
pub(super) fn pointer(address: usize) -> *mut c_char {
    std::ptr::with_exposed_provenance_mut(address)
}
