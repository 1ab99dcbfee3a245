//! `transfer`: files of awkward sizes to every device and back, the figures, and what is refused.

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, starts_with};
use serde_json::{Value, json};
use tempfile::TempDir;

const DEVICES: [&str; 8] =
    ["isa-disk", "isa-sg-disk", "pci-disk", "latch-disk", "pci64-disk", "sbus-disk", "isa-master", "floppy"];

/// A directory with a file of so many bytes, no two sectors of which are the same.
fn file(size: usize) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    let bytes: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 16).wrapping_mul(31)) as u8).collect();
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn transfer(file: &PathBuf, arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("ddi-dma").unwrap().arg("transfer").arg(file).args(arguments).assert()
}

fn transfer_json(file: &PathBuf, arguments: &[&str], status: i32) -> Value {
    let assert = transfer(file, &[arguments, &["--json"]].concat()).code(status);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

#[test]
fn every_size_goes_to_every_device() {
    for size in [1, 511, 512, 513, 4097, 300_001] {
        let (_directory, file) = file(size);
        for device in DEVICES {
            let shown = transfer_json(&file, &["--device", device, "--object", "100000"], 0);
            assert_eq!((&shown["verified"], &shown["bytes"]), (&json!(true), &json!(size)), "{device}");
            assert_eq!(shown["sha256"]["sent"], shown["sha256"]["received"]);
            let objects = size.div_ceil(100_000 / 512 * 512);
            assert_eq!(shown["write"]["objects"], json!(objects));
            assert!(shown["seconds"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn figures_of_one_byte() {
    let (_directory, file) = file(1);
    let shown = transfer_json(&file, &["--device", "pci64-disk"], 0);
    for (figure, both) in [("windows", 2), ("lists", 2), ("cookies", 2), ("copied_bytes", 0)] {
        assert_eq!(shown[figure], both, "{figure}");
        assert_eq!(shown["read"][figure], both / 2, "{figure}");
    }
    // The digest of a byte 0, so that it is that of the file and not of a sector.
    assert_eq!(shown["sha256"]["sent"], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

#[test]
fn what_an_engine_does_not_reach_is_copied_and_told() {
    let (_directory, file) = file(200_000);
    let isa = transfer_json(&file, &["--device", "isa-disk"], 0);
    let copied = isa["copied_bytes"].as_u64().unwrap();
    assert!(copied > 0);
    let reasons = &isa["reasons"]["copied"];
    assert_eq!(*reasons, json!({"out of reach: the engine accesses 0x0..=0xffffff": copied}));
    let with_iommu = transfer_json(&file, &["--device", "pci-disk", "--iommu", "on"], 0);
    assert_eq!((&with_iommu["copied_bytes"], &with_iommu["cookies"]), (&json!(0), &json!(2)));
}

#[test]
fn a_small_copy_buffer_takes_more_windows_or_an_error() {
    let (_directory, file) = file(200_000);
    let windows = |copy_buffer| {
        let arguments = ["--device", "isa-disk", "--copy-buffer", copy_buffer];
        transfer_json(&file, &arguments, 0)["windows"].as_u64().unwrap()
    };
    assert_eq!(windows("1M"), 2);
    assert!(windows("16K") > 4);
    let arguments = ["--device", "isa-disk", "--copy-buffer", "16K", "--flags", "streaming"];
    let refused = transfer_json(&file, &arguments, 1);
    assert_eq!(refused["verified"], false);
    assert!(refused["error"].as_str().unwrap().contains("bind with PARTIAL"), "{refused}");
    transfer(&file, &arguments)
        .code(1)
        .stdout("")
        .stderr(contains("must go through the copy buffer, which holds 16384"));
}

#[test]
fn a_seed_repeats_all_but_the_time() {
    let (_directory, file) = file(200_000);
    let run = |seed: &str| {
        let mut shown = transfer_json(&file, &["--device", "isa-sg-disk", "--seed", seed], 0);
        shown["seconds"] = Value::Null;
        shown["seed"] = Value::Null;
        shown
    };
    assert_eq!(run("3"), run("3"));
    assert_ne!(run("3"), run("4"));
}

#[test]
fn layouts_pages_and_offsets() {
    let (_directory, file) = file(100_000);
    for layout in ["contiguous", "scattered", "mixed"] {
        let arguments =
            ["--device", "latch-disk", "--layout", layout, "--page-size", "8k", "--offset", "8191"];
        assert_eq!(transfer_json(&file, &arguments, 0)["verified"], true, "{layout}");
    }
    let little = ["--device", "isa-disk", "--memory", "2M", "--copy-buffer", "64K"];
    assert_eq!(transfer_json(&file, &little, 0)["verified"], true);
}

#[test]
fn a_transfer_in_words() {
    let (_directory, file) = file(4097);
    transfer(&file, &["--device", "pci64-disk"])
        .success()
        .stdout(starts_with("pci64-disk: 4,097 bytes there and back: verified\n  sha256 sent      "))
        .stdout(contains("                  objects  windows  lists  cookies  bytes copied\n"))
        .stdout(contains(" to the device          1        1      1        2             0\n"))
        .stderr("");
}

#[test]
fn files_that_do_not_go() {
    let (directory, empty) = file(0);
    transfer(&empty, &["--device", "isa-disk"])
        .code(1)
        .stdout("")
        .stderr(contains("is empty: there is nothing to transfer"));
    let missing = directory.path().join("missing");
    transfer(&missing, &["--device", "isa-disk"])
        .code(1)
        .stderr(contains("cannot open").and(contains("missing")));
    transfer(&directory.path().to_path_buf(), &["--device", "isa-disk"])
        .code(1)
        .stderr(contains("is a directory"));
    let shown = transfer_json(&missing, &["--device", "isa-disk"], 1);
    assert_eq!((&shown["verified"], &shown["bytes"]), (&json!(false), &json!(0)));
}

#[test]
fn a_disk_in_a_directory_that_is_not_there() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("sparse");
    fs::File::create(&path).unwrap().set_len(65 << 20).unwrap();
    let nowhere = directory.path().join("nowhere");
    transfer(&path, &["--device", "pci64-disk", "--scratch", nowhere.to_str().unwrap()])
        .code(1)
        .stderr(contains("--scratch").and(contains("name one that exists")));
}

#[test]
fn each_mistake_is_told() {
    let (_directory, file) = file(10);
    let cases: [(&[&str], i32, &str); 6] = [
        (&[], 2, "--device <DEVICE>"),
        (
            &["--device", "tape"],
            2,
            "there is no device `tape`: there are isa-disk, isa-sg-disk, pci-disk, latch-disk, pci64-disk",
        ),
        (&["--device", "isa-disk", "--offset", "4096"], 1, "--offset 4096 is not inside the first page"),
        (&["--device", "isa-disk", "--memory", "0"], 1, "--memory 0: this is less than two pages"),
        (&["--device", "isa-disk", "--object", "511"], 1, "--object 511 is less than a sector"),
        (
            &["--device", "isa-disk", "--flags", "consistent,streaming"],
            1,
            "CONSISTENT and STREAMING exclude each other",
        ),
    ];
    for (arguments, status, message) in cases {
        transfer(&file, arguments).code(status).stdout("").stderr(contains(message));
    }
    let mut list = Command::cargo_bin("ddi-dma").unwrap();
    let assert = list.args(["transfer", "--list-devices"]).assert().success();
    let listed = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(DEVICES.iter().all(|device| listed.contains(device)), "{listed}");
}
