//! The address sanitizer over the tests that handle raw memory.

use anyhow::Result;

use crate::run::cargo;

/// Runs the tests of the core and of the simulated machines with the address sanitizer.
///
/// Doc tests and compile-fail tests are left out: they gain nothing from it.
pub fn test() -> Result<()> {
    let tests = "test -p ddi-dma -p ddi-dma-sim --target x86_64-unknown-linux-gnu --target-dir target/asan \
                 --lib --test binding --test transfer";
    cargo(tests)
        // The sanitizer's switch is a nightly one; this lets the stable compiler take it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .run()
}
