//! What must be installed, and how to get it.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

/// The program QEMU.
pub(super) const QEMU: &str = "qemu-system-x86_64";

/// Programs, what they are asked to show that they are there, and the packages that have them.
const TOOLS: [(&str, &str); 5] = [
    (QEMU, "qemu-system-x86"),
    ("xz", "xz-utils"),
    ("apt-get", "apt"),
    ("apt-cache", "apt"),
    ("dpkg-deb", "dpkg"),
];

/// Fails with one line that says what to install, where something is missing.
pub(super) fn check() -> Result<()> {
    let missing: Vec<_> = TOOLS.iter().filter(|(program, _)| !starts(program)).collect();
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    ensure!(
        missing.is_empty(),
        "{} is missing: apt-get install --no-install-recommends {}",
        programs.join(", "),
        packages.join(" ")
    );
    Ok(())
}

/// Whether a program is there.
fn starts(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}
