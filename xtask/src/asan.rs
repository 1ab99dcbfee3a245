//! The address sanitizer over the tests that handle raw memory.

use anyhow::Result;

use crate::run::cargo;

/// Runs the tests of the core and of the simulated machines with the address sanitizer.
///
/// Doc tests and compile-fail tests are left out: they gain nothing from it.
pub fn test() -> Result<()> {
    sanitized("test -p ddi-dma --lib --test binding --test memory")?;
    sanitized("test -p ddi-dma-sim --lib --tests")
}

fn sanitized(tests: &str) -> Result<()> {
    cargo(&format!("{tests} --target x86_64-unknown-linux-gnu --target-dir target/asan"))
        // The sanitizer's switch is a nightly one; this lets the stable compiler take it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .run()
}
