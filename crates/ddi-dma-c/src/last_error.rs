//! The text of a thread's last refusal: return codes say that something failed, this says what, and what to do.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::fmt;

thread_local! {
    static TEXT: RefCell<CString> = RefCell::default();
}

/// Keeps a refusal's text for `ddi_dma_last_error`.
#[cold]
pub(crate) fn note(refusal: impl fmt::Display) {
    let mut text = refusal.to_string();
    text.retain(|c| c != '\0');
    // A thread that ends asks no more.
    let _ = TEXT.try_with(|kept| *kept.borrow_mut() = CString::new(text).unwrap_or_default());
}

/// Tells why the last call of this thread was refused; the empty string where none was. It is good until the next
/// refusal on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_last_error() -> *const c_char {
    TEXT.try_with(|kept| kept.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}
