//! What runs in the guest: the tests, and the program `ddi-dma`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::run::cargo;

/// The compiler's target: with it named, options for the guest do not reach what runs while building.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The programs, which need no library of the guest.
#[derive(Debug)]
pub(super) struct Programs {
    /// The tests, and what starts them.
    pub(super) init: PathBuf,
    /// The program `ddi-dma`.
    pub(super) ddi_dma: PathBuf,
}

/// Builds them.
pub(super) fn build() -> Result<Programs> {
    let target = super::kernel::target()?;
    cargo(&format!(
        "build --quiet --profile guest --package vfio-guest --package ddi-dma-cli --target {TARGET}"
    ))
    .path("--target-dir", &target)
    .env("RUSTFLAGS", "-C target-feature=+crt-static")
    .run()
    .context("the guest's programs do not build")?;
    let built = target.join(TARGET).join("guest");
    Ok(Programs { init: built.join("vfio-guest"), ddi_dma: built.join("ddi-dma") })
}
