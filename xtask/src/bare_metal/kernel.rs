//! The kernel as a cargo project: a workspace of its own, for a target of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::tools::TARGET;
use crate::run::{Run, cargo};

/// Builds it and tells where the ELF file is.
pub(super) fn build() -> Result<PathBuf> {
    let target = target()?;
    at_home(cargo(&format!("build --quiet --target {TARGET}")))?.path("--target-dir", &target).run()?;
    Ok(target.join(TARGET).join("debug/bare-metal"))
}

/// Formatting and lints, warnings as errors.
pub(super) fn lint() -> Result<()> {
    at_home(cargo("fmt --check"))?.run()?;
    let clippy = at_home(cargo(&format!("clippy --target {TARGET}")))?.path("--target-dir", &target()?);
    clippy.arguments("-- -D warnings").run()
}

/// Makes a command one for the kernel's project.
fn at_home(command: Run) -> Result<Run> {
    Ok(command.path("--manifest-path", &root()?.join("machines/bare-metal/Cargo.toml")))
}

/// Where it is built: beside what the workspace builds, so that neither waits for the other.
fn target() -> Result<PathBuf> {
    let shared = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(shared) => std::path::absolute(shared)?,
        None => root()?.join("target"),
    };
    Ok(shared.join("bare-metal"))
}

/// The workspace of this program.
fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")
}
