//! `transfer --device nvme` where it cannot be: command lines that make no sense, and machines without VFIO or such a disk.

use std::fs;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An address at which no machine has a device.
const NOWHERE: &str = "vfio:fffe:ff:1f.7";

fn ground() -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("f"), [7; 9000]).unwrap();
    fs::write(directory.path().join("empty"), []).unwrap();
    directory
}

fn transfer(ground: &TempDir, line: &str) -> Command {
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    command.current_dir(ground.path()).arg("transfer").args(line.split(' '));
    command
}

#[test]
fn command_lines_that_make_no_sense() {
    let ground = ground();
    for (line, status, snippets) in [
        ("f --device nvme", 1, &["--nexus vfio:ADDRESS", "--lba BLOCK", "NVM Express controller"][..]),
        ("f --device nvme --nexus vfio:00:03.0", 2, &["--lba <BLOCK>", "required"]),
        ("f --device nvme --lba 0", 2, &["--nexus <NEXUS>", "required"]),
        ("f --device nvme --overwrite", 2, &["--nexus <NEXUS>", "required"]),
        (
            "f --device nvme --nexus vfio:3.0 --lba 0",
            2,
            &["--nexus", "\"3.0\" is no PCI address", "0000:00:03.0"],
        ),
        (
            "f --device nvme --nexus 0000:00:03.0 --lba 0",
            2,
            &["--nexus", "is no nexus", "write vfio:0000:00:03.0"],
        ),
        ("f --device nvme --nexus vfio:00:03.0 --lba -1", 2, &["--lba", "`-1` is negative"]),
        (
            "f --device nvme --nexus vfio:00:03.0 --lba 0 --namespace 0",
            2,
            &["--namespace", "0 is not in 1..="],
        ),
        (
            "f --device nvme --nexus vfio:00:03.0 --lba 0 --memory 1G",
            2,
            &["'--nexus <NEXUS>'", "'--memory <BYTES>'"],
        ),
        (
            "f --device nvme --nexus vfio:00:03.0 --lba 0 --parallel 2",
            2,
            &["'--parallel <N>'", "cannot be used"],
        ),
        (
            "f --device isa-disk --nexus vfio:00:03.0 --lba 0",
            1,
            &["--nexus vfio:0000:00:03.0", "isa-disk is simulated"],
        ),
        ("f f --device nvme --nexus vfio:00:03.0 --lba 5", 1, &["--lba 5", "one FILE, and not for 2"]),
        ("empty --device nvme --nexus vfio:00:03.0 --lba 5", 1, &["empty is empty"]),
        ("missing --device nvme --nexus vfio:00:03.0 --lba 5", 1, &["cannot open missing"]),
        ("f --device nvme --nexus vfio:00:03.0 --lba 0 --offset 1M", 1, &["--offset 1048576"]),
        (
            "f --device nvme --nexus uio:00:03.0 --lba 5",
            1,
            &["--nexus uio:0000:00:03.0", "add --no-iommu", "vfio:0000:00:03.0"],
        ),
        (
            "f --device nvme --nexus vfio:00:03.0 --lba 5 --no-iommu",
            1,
            &["--no-iommu", "behind an IOMMU", "leave it out"],
        ),
        ("f --device nvme --no-iommu", 2, &["--nexus <NEXUS>", "required"]),
        ("f --device tape", 2, &["`tape`", "floppy, and nvme"]),
    ] {
        let mut assert = transfer(&ground, line).assert().code(status).stdout(is_empty());
        for snippet in snippets {
            assert = assert.stderr(contains(*snippet));
        }
        assert.stderr(contains("panicked").not());
    }
}

#[test]
fn a_device_that_is_not_there() {
    let ground = ground();
    let line = format!("f --device nvme --nexus {NOWHERE} --lba 0 --overwrite");
    let told = "ddi-dma: fffe:ff:1f.7: no PCI device is there: there ";
    transfer(&ground, &line).assert().code(1).stdout(is_empty()).stderr(contains(told));
    let output = transfer(&ground, &format!("{line} --json")).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["verified"], &report["written"]), (&json!(false), &json!(false)));
    assert_eq!(report["nexus"], NOWHERE);
    assert!(report["error"].as_str().unwrap().starts_with("fffe:ff:1f.7: no PCI device is there"));
    let line = "f --device nvme --nexus uio:fffe:ff:1f.7 --no-iommu --lba 0 --overwrite";
    transfer(&ground, line).assert().code(1).stdout(is_empty()).stderr(contains(told));
}

#[test]
fn a_device_of_another_kind() {
    let ground = ground();
    let output = Command::cargo_bin("ddi-dma").unwrap().args(["devices", "--json"]).output().unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let other = listed["pci"].as_array().unwrap().iter().find(|device| device["class"] != "0x010802");
    let Some(address) = other.and_then(|device| device["address"].as_str()) else {
        println!("skipped: this machine has no PCI device");
        return;
    };
    let line = format!("f --device nvme --nexus vfio:{address} --lba 0 --overwrite");
    let told = format!("{address} is no NVM Express controller (");
    transfer(&ground, &line).assert().code(1).stdout(is_empty()).stderr(contains(told));
}
