//! The tests that need a machine with an IOMMU and devices: `cargo xtask vfio-guest` boots one and runs them there.

use std::process::Command;

#[test]
#[ignore = "boots QEMU, which takes a minute and some packages: run `cargo xtask vfio-guest`"]
fn all_tests_pass_in_the_guest() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo).args(["xtask", "vfio-guest"]).status().unwrap();
    assert!(status.success(), "{status}");
}
