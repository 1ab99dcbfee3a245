//! Callers' mistakes that have no return code: a message that names function and mistake, and the end of the process.

use std::fmt;
use std::io::Write;

/// Ends the process, as a kernel's panic ends the machine.
#[cold]
#[inline(never)]
pub(crate) fn end(function: &str, mistake: fmt::Arguments<'_>) -> ! {
    // One write, so that threads that end at once do not mix their lines. A closed standard error changes nothing.
    let line = format!("panic: {function}: {mistake}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    std::process::abort()
}

/// Ends the process with `panic: FUNCTION: MISTAKE` on standard error.
macro_rules! misuse {
    ($function:expr, $($mistake:tt)+) => {
        $crate::misuse::end($function, format_args!($($mistake)+))
    };
}
pub(crate) use misuse;
