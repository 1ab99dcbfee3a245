//! What runs in the guest: the tests, the program `ddi-dma`, and a driver in C.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::{cargo, program};

/// The compiler's target: with it named, options for the guest do not reach what runs while building.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The programs, which need no library of the guest.
#[derive(Debug)]
pub(super) struct Programs {
    /// The tests, and what starts them.
    pub(super) init: PathBuf,
    /// The program `ddi-dma`.
    pub(super) ddi_dma: PathBuf,
    /// The driver in C for the educational device.
    pub(super) edu_dma: PathBuf,
}

/// The package of the library for C.
const C_LIBRARY: &str = "crates/ddi-dma-c";

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
    let edu_dma = build_in_c("edu_dma", &target)?;
    Ok(Programs { init: built.join("vfio-guest"), ddi_dma: built.join("ddi-dma"), edu_dma })
}

/// Builds an example in C.
fn build_in_c(name: &str, target: &Path) -> Result<PathBuf> {
    cargo("build --quiet --profile guest --package ddi-dma-c --lib").path("--target-dir", target).run()?;
    let package = Path::new(C_LIBRARY);
    let built = target.join(name);
    // The linker warns of functions that ask the system's name service, which nobody calls here.
    program("cc", "-static -s -O1 -std=gnu11 -pthread")
        .path("-I", &package.join("include"))
        .path("-o", &built)
        .argument(&package.join("examples").join(name).with_extension("c"))
        .argument(&target.join("guest/libddi_dma.a"))
        .arguments("-lgcc_eh")
        .run()
        .with_context(|| format!("the guest's driver {name} does not build"))?;
    Ok(built)
}
