//! Why a test failed.

use std::error::Error;
use std::fmt;

/// Why a test failed, in words. Any error becomes one by `?`, with the errors that led to it.
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
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // Some errors already say what led to them.
            if !why.contains(&cause.to_string()) {
                why += &format!(": {cause}");
            }
            source = cause.source();
        }
        Failure(why)
    }
}

/// Fails the test, with a message in the manner of `format!`, unless something holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err($crate::failure::Failure::new(format!($($message)+)));
        }
    };
}
