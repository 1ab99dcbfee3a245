//! What must be installed, and how to get it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::Model;

/// The compiler's target of the kernel.
pub(super) const TARGET: &str = "x86_64-unknown-none";

/// The program QEMU.
pub(super) const QEMU: &str = "qemu-system-x86_64";

/// The program Bochs, as Debian calls the one that is no script.
pub(super) const BOCHS: &str = "bochs-bin";

/// The BIOS and the video BIOS that Bochs starts with.
pub(super) const BOCHS_FILES: [&str; 2] =
    ["/usr/share/bochs/BIOS-bochs-latest", "/usr/share/vgabios/vgabios.bin"];

/// Fails with one line that says what to install, where something is missing for one of these models.
pub(super) fn check(models: impl Iterator<Item = Model>) -> Result<()> {
    for model in models {
        match model {
            Model::Qemu if !starts(QEMU, "--version") => {
                bail!("{QEMU} is missing: apt-get install qemu-system-x86")
            }
            Model::Bochs
                if !starts(BOCHS, "--help") || BOCHS_FILES.iter().any(|file| !Path::new(file).exists()) =>
            {
                bail!("Bochs or its BIOS is missing: apt-get install bochs bochs-term bochsbios vgabios")
            }
            Model::Qemu | Model::Bochs => {}
        }
    }
    if !has_target() {
        bail!("the compiler has no {TARGET}: rustup target add {TARGET}");
    }
    Ok(())
}

/// Whether a program is there.
fn starts(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Whether the compiler has the target's libraries.
fn has_target() -> bool {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists())
}
