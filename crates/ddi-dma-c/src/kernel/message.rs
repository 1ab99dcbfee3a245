//! Messages and panics (`cmn_err(9F)`), and assertions that fail.
//!
//! Standard error is console and log at once. So a message for one of them alone, whose format begins with `!`, `^` or
//! `?`, appears there like any other, without that character. Formats are those of the C library, and `%b`.

use std::arch::naked_asm;
use std::ffi::{CStr, c_char, c_int, c_ulong};
use std::fmt;
use std::io::Write;

use super::device;
use crate::misuse::misuse;
use crate::node::DevInfo;

/// Levels of messages: `CE_CONT` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Continued,
    Notice,
    Warning,
    Panic,
    Ignore,
}

impl Level {
    fn of(level: c_int, text: &str) -> Level {
        match level {
            0 => Level::Continued,
            1 => Level::Notice,
            2 => Level::Warning,
            3 => Level::Panic,
            4 => Level::Ignore,
            _ => misuse!(
                "cmn_err",
                "level {level} is unknown, of the message \"{text}\": give CE_CONT (0) to CE_IGNORE (4)"
            ),
        }
    }
}

/// Writes a message.
pub(super) fn tell(level: Level, message: impl fmt::Display) {
    let line = match level {
        Level::Continued => message.to_string(),
        Level::Notice => format!("NOTICE: {message}\n"),
        Level::Warning => format!("WARNING: {message}\n"),
        Level::Panic => end(message),
        Level::Ignore => return,
    };
    // One write, so that lines of several threads do not mix. A closed standard error changes nothing.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Ends the process as a panic ends the machine.
fn end(message: impl fmt::Display) -> ! {
    let _ = std::io::stderr().write_all(format!("panic: {message}\n").as_bytes());
    std::process::abort()
}

/// Takes a formatted message from C.
///
/// # Safety
///
/// `text` is a string.
#[unsafe(no_mangle)]
unsafe extern "C" fn ddi_dma_c_message(level: c_int, text: *const c_char) {
    // SAFETY: the caller's duty.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    tell(Level::of(level, &text), text);
}

/// Takes a formatted message of a device from C.
///
/// # Safety
///
/// `text` is a string.
#[unsafe(no_mangle)]
unsafe extern "C" fn ddi_dma_c_device_message(dip: *mut DevInfo, level: c_int, text: *const c_char) {
    let node = crate::node::of(dip, "dev_err");
    // SAFETY: the caller's duty.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    tell(Level::of(level, &text), format_args!("{}: {text}", device::title(&node)));
}

/// Ends the process: an assertion does not hold.
///
/// # Safety
///
/// `expression` and `file` are strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn assfail(expression: *const c_char, file: *const c_char, line: c_int) -> c_int {
    // SAFETY: the caller's duty.
    let (expression, file) = unsafe { (CStr::from_ptr(expression), CStr::from_ptr(file)) };
    let (expression, file) = (expression.to_string_lossy(), file.to_string_lossy());
    end(format_args!("assertion failed: {expression}, {file}:{line}"))
}

/// Ends the process: an assertion about two values does not hold.
///
/// # Safety
///
/// `expression`, `op` and `file` are strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn assfail3(
    expression: *const c_char,
    left: c_ulong,
    op: *const c_char,
    right: c_ulong,
    file: *const c_char,
    line: c_int,
) {
    // SAFETY: the caller's duty.
    let [expression, op, file] =
        [expression, op, file].map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy());
    end(format_args!("assertion failed: {expression} ({left:#x} {op} {right:#x}), {file}:{line}"))
}

unsafe extern "C" {
    fn ddi_dma_c_cmn_err();
    fn ddi_dma_c_vcmn_err();
    fn ddi_dma_c_dev_err();
    fn ddi_dma_c_vdev_err();
    fn ddi_dma_c_panic();
    fn ddi_dma_c_vpanic();
}

/// A jump to a function written in C, which finds its arguments as the caller left them.
///
/// Rust cannot define a function with variable arguments, and a shared library shows no symbols but Rust's.
macro_rules! jump {
    ($(#[$doc:meta])* $name:ident => $target:ident) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub extern "C" fn $name() {
            #[cfg(target_arch = "x86_64")]
            naked_asm!("jmp {}", sym $target);
            #[cfg(target_arch = "aarch64")]
            naked_asm!("b {}", sym $target);
        }
    };
}

jump! {
    /// Writes a message, or ends the process with one: `cmn_err(level, format, ...)`.
    cmn_err => ddi_dma_c_cmn_err
}
jump! {
    /// `cmn_err` with a list of arguments.
    vcmn_err => ddi_dma_c_vcmn_err
}
jump! {
    /// `cmn_err` with a device's name and instance before the message.
    dev_err => ddi_dma_c_dev_err
}
jump! {
    /// `dev_err` with a list of arguments.
    vdev_err => ddi_dma_c_vdev_err
}
jump! {
    /// Ends the process with a message: `panic(format, ...)`.
    panic => ddi_dma_c_panic
}
jump! {
    /// `panic` with a list of arguments.
    vpanic => ddi_dma_c_vpanic
}
