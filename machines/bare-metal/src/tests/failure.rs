//! Why a test failed.

use alloc::string::{String, ToString};
use core::error::Error;
use core::fmt;

/// Why a test failed, in words. Any error becomes one by `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// Says why.
    pub fn new(why: impl Into<String>) -> Self {
        Failure(why.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(error.to_string())
    }
}

/// Fails the test, with a message in the manner of `format!`, unless something holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err($crate::tests::Failure::new(alloc::format!($($message)+)));
        }
    };
}
