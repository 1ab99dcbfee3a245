//! `doctor` and `devices` on machines made of files, and on the one that the tests run on.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::TempDir;

const NVME: &str = "sys/bus/pci/devices/0000:00:03.0";
const ETHERNET: &str = "sys/bus/pci/devices/0000:00:04.0";

fn file(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn link(root: &Path, path: &str, to: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&path);
    symlink(to, path).unwrap();
}

/// A machine with an IOMMU and VFIO, an NVMe controller of `driver` alone in group 3, and a network device of the kernel in
/// group 4.
fn machine(driver: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    let status =
        "Uid:\t4242 4242 4242 4242\nGid:\t4242 4242 4242 4242\nGroups:\t4242\nCapEff:\t0000000000000000\n";
    for (path, text) in [
        ("proc/sys/kernel/osrelease", "6.1.0\n"),
        ("proc/cmdline", "intel_iommu=on\n"),
        ("proc/interrupts", "24: 0 IR-PCI-MSI 0-edge nvme\n"),
        ("proc/self/status", status),
        ("proc/self/limits", "Max locked memory         8388608              8388608              bytes\n"),
        ("etc/passwd", "jo:x:4242:4242::/home/jo:/bin/sh\n"),
        ("sys/class/iommu/dmar0/x", ""),
        ("sys/module/vfio/initstate", "live\n"),
        ("sys/module/vfio_iommu_type1/initstate", "live\n"),
        ("sys/module/vfio_pci/initstate", "live\n"),
        ("dev/vfio/vfio", ""),
        ("dev/vfio/3", ""),
    ] {
        file(root, path, text);
    }
    for node in ["dev/vfio/vfio", "dev/vfio/3"] {
        fs::set_permissions(root.join(node), fs::Permissions::from_mode(0o666)).unwrap();
    }
    for (device, ids, class, driver, group) in
        [(NVME, "0x0010", "0x010802", driver, 3), (ETHERNET, "0x10d3", "0x020000", "e1000e", 4)]
    {
        file(root, &format!("{device}/vendor"), "0x1b36\n");
        file(root, &format!("{device}/device"), ids);
        file(root, &format!("{device}/class"), class);
        link(root, &format!("{device}/driver"), &format!("../../drivers/{driver}"));
        link(root, &format!("{device}/iommu_group"), &format!("../../../../kernel/iommu_groups/{group}"));
        let name = device.rsplit('/').next().unwrap();
        link(root, &format!("sys/kernel/iommu_groups/{group}/devices/{name}"), "x");
    }
    file(root, &format!("{NVME}/resource"), "0x00000000febd0000 0x00000000febd3fff 0x0000000000140204\n");
    directory
}

/// Runs the program on a machine: exit status and standard output.
fn run(machine: &TempDir, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    let output = command.args(arguments).arg("--root").arg(machine.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn where_vfio_can_be_used() {
    let machine = machine("vfio-pci");
    let (status, text) = run(&machine, &["doctor"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.starts_with("ok       kernel            Linux 6.1.0, started with intel_iommu=on\n"),
        "{text}"
    );
    assert!(
        text.contains("\nlimited  locked memory     devices may reach 8 MiB at once (RLIMIT_MEMLOCK)\n"),
        "{text}"
    );
    assert!(
        text.contains("                           $ sudo prlimit --pid $$ --memlock=unlimited:unlimited\n")
    );
    assert!(text.ends_with("\nVFIO can be used, with 0000:00:03.0\n"), "{text}");
    let (status, text) = run(&machine, &["doctor", "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &report["usable"], &report["devices"]), (0, &json!(true), &json!(["0000:00:03.0"])));
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["verdict"] != "bad"), "{text}");
    let (status, text) = run(&machine, &["devices", "0000:00:03.0"]);
    let expected = "0000:00:03.0  1b36:0010  NVM Express controller\n    \
                    driver vfio-pci, IOMMU group 3 alone\n    \
                    BAR 0 16 KiB memory\n    \
                    can be used: --nexus vfio:0000:00:03.0\n\n";
    assert_eq!((status, text.as_str()), (0, expected));
}

#[test]
fn what_it_takes_to_use_a_device() {
    let machine = machine("nvme");
    let (status, text) = run(&machine, &["doctor"]);
    assert_eq!(status, 1);
    assert!(
        text.contains(
            "bad      device            none is bound to vfio-pci, of 2 PCI devices that could be\n"
        ),
        "{text}"
    );
    assert!(text.ends_with("\nVFIO cannot be used here now: see the bad line\n"), "{text}");
    let (status, text) = run(&machine, &["devices"]);
    assert_eq!(status, 0);
    assert!(text.starts_with("Simulated devices\n\n device "), "{text}");
    let expected = "    to use it:\n      \
                    0000:00:03.0 is bound to nvme, and not to vfio-pci\n        \
                    $ echo vfio-pci | sudo tee /sys/bus/pci/devices/0000:00:03.0/driver_override\n        \
                    $ echo 0000:00:03.0 | sudo tee /sys/bus/pci/devices/0000:00:03.0/driver/unbind\n        \
                    $ echo 0000:00:03.0 | sudo tee /sys/bus/pci/drivers_probe\n";
    assert!(text.contains(expected), "{text}");
    let (_, text) = run(&machine, &["devices", "--json"]);
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(listed["simulated"][0]["name"], "isa-disk");
    let nvme = &listed["pci"][0];
    assert_eq!((&nvme["vendor"], &nvme["class"]), (&json!("0x1b36"), &json!("0x010802")));
    assert_eq!((&nvme["iommu_group"], &nvme["usable"]), (&json!(3), &json!(false)));
    assert_eq!(nvme["bars"], json!([{"number": 0, "kind": "memory", "bytes": 16384}]));
    let command = "echo vfio-pci | sudo tee /sys/bus/pci/devices/0000:00:03.0/driver_override";
    assert_eq!(nvme["hindrances"][0]["mends"][0], json!({ "command": command }));
}

#[test]
fn a_group_with_company() {
    let machine = machine("vfio-pci");
    link(machine.path(), &format!("{ETHERNET}/iommu_group"), "../../../../kernel/iommu_groups/3");
    link(machine.path(), "sys/kernel/iommu_groups/3/devices/0000:00:04.0", "x");
    let (status, text) = run(&machine, &["devices", "00:03.0"]);
    assert_eq!(status, 0);
    assert!(text.contains("IOMMU group 3 with 0000:00:04.0 (e1000e)\n"), "{text}");
    assert!(text.contains("bound to e1000e: a group is given away whole\n"), "{text}");
    assert_eq!(run(&machine, &["doctor"]).0, 1);
}

#[test]
fn this_machine_whatever_it_has() {
    let mut doctor = Command::cargo_bin("ddi-dma").unwrap();
    let output = doctor.args(["doctor", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let usable = report["usable"].as_bool().unwrap();
    assert_eq!(output.status.code(), Some(if usable { 0 } else { 1 }));
    let bad = report["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "bad");
    if !usable {
        assert!(bad.clone().count() > 0, "a reason is told: {report}");
    }
    // Whatever is bad has something that mends it.
    bad.for_each(|finding| assert_ne!(finding["mends"], json!([]), "{finding}"));
    let mut devices = Command::cargo_bin("ddi-dma").unwrap();
    devices.arg("devices").assert().success().stdout(contains("PCI devices of this machine"));
}

#[test]
fn bad_input() {
    let machine = machine("vfio-pci");
    let refused = |arguments: &[&str], status: i32, snippets: &[&str]| {
        let mut command = Command::cargo_bin("ddi-dma").unwrap();
        let mut assert = command.current_dir(machine.path()).args(arguments).assert().code(status).stdout("");
        for snippet in snippets {
            assert = assert.stderr(contains(*snippet));
        }
    };
    refused(&["devices", "3.0"], 2, &["\"3.0\" is no PCI address", "0000:00:03.0"]);
    let there = "0000:00:09.0: no PCI device is there: there are 0000:00:03.0, 0000:00:04.0";
    refused(&["devices", "00:09.0", "--root", "."], 1, &[there]);
    refused(&["doctor", "--root", "nowhere"], 1, &["--root nowhere", "no such directory"]);
    refused(&["doctor", "--json=yes"], 2, &["'--json'"]);
}
