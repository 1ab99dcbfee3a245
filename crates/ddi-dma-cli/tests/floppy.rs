//! `transfer --device floppy`: a disk of one size, and one DMA channel for all streams.

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, starts_with};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory with a file of so many bytes.
fn file(size: usize) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("image");
    let bytes: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 15).wrapping_mul(29)) as u8).collect();
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn transfer(file: &PathBuf, arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    command.arg("transfer").arg(file).args(["--device", "floppy"]).args(arguments).assert()
}

fn transfer_json(file: &PathBuf, arguments: &[&str], status: i32) -> Value {
    let assert = transfer(file, &[arguments, &["--json"]].concat()).code(status);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_file_as_large_as_the_disk() {
    let (_directory, image) = file(1_474_560);
    let shown = transfer_json(&image, &[], 0);
    assert_eq!((&shown["verified"], &shown["bytes"]), (&json!(true), &json!(1_474_560)));
    assert_eq!(shown["sha256"]["sent"], shown["sha256"]["received"]);
    // An object is a cylinder.
    assert_eq!((&shown["write"]["objects"], &shown["read"]["objects"]), (&json!(80), &json!(80)));
    let whole = transfer_json(&image, &["--object", "2M"], 0);
    assert_eq!((&whole["write"]["objects"], &whole["verified"]), (&json!(1), &json!(true)));
    assert_eq!(whole["reasons"]["copied"].as_object().unwrap().len(), 1, "{whole}");
}

#[test]
fn a_larger_file_is_refused_with_both_sizes() {
    let (_directory, image) = file(1_474_561);
    transfer(&image, &[]).code(1).stdout("").stderr(
        contains("image has 1474561 bytes, and the disk in floppy holds 1474560: give a smaller file, or")
            .and(contains("isa-disk")),
    );
    // Beside one that fits, it fails alone.
    let (_other, small) = file(100);
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    let assert =
        command.arg("transfer").args([&image, &small]).args(["--device", "floppy", "--json"]).assert();
    let shown: Value = serde_json::from_slice(&assert.code(1).get_output().stdout).unwrap();
    assert_eq!(
        (&shown["streams"][0]["verified"], &shown["streams"][1]["verified"]),
        (&json!(false), &json!(true))
    );
    assert!(shown["error"].as_str().unwrap().starts_with("1 of 2 streams failed:\n  stream 1: "), "{shown}");
}

#[test]
fn windows_offsets_and_flags() {
    let (_directory, image) = file(100_001);
    for arguments in [
        &["--copy-buffer", "4096"][..],
        &["--copy-buffer", "512", "--object", "512"],
        &["--offset", "4095", "--layout", "mixed"],
        &["--layout", "contiguous", "--memory", "8M"],
        &["--page-size", "8k", "--flags", "partial,overwrite"],
        &["--object", "5000", "--offset", "100", "--flags", "consistent"],
    ] {
        let shown = transfer_json(&image, arguments, 0);
        assert_eq!(shown["verified"], true, "{arguments:?}");
        assert_eq!(shown["stats"]["quarantined_bytes"], 0);
    }
    let reachable = transfer_json(&image, &["--layout", "contiguous", "--memory", "8M"], 0);
    assert_eq!(reachable["copied_bytes"], 0);
}

#[test]
fn streams_wait_for_the_channel() {
    let (_directory, image) = file(120_000);
    for (wait, called) in [("sleep", false), ("callback", true)] {
        let shown = transfer_json(&image, &["--parallel", "6", "--wait", wait], 0);
        assert_eq!(shown["verified"], true);
        assert_eq!(shown["streams"].as_array().unwrap().len(), 6);
        let channels = &shown["stats"]["dma_channels"];
        assert!(number(&channels["waits"]) > 0, "{wait}: {channels}");
        assert_eq!(number(&channels["callbacks"]) > 0, called, "{wait}: {channels}");
        // Whoever has the channel finds the copy buffer free.
        assert_eq!(shown["stats"]["waits"], 0, "{}", shown["stats"]);
    }
    // Windows slide through one page meanwhile.
    let short = ["--parallel", "4", "--wait", "callback", "--copy-buffer", "4096"];
    assert_eq!(transfer_json(&image, &short, 0)["verified"], true);
}

#[test]
fn who_does_not_wait_is_told_that_the_channel_is_taken() {
    let (_directory, image) = file(400_000);
    let shown = transfer_json(&image, &["--parallel", "8", "--wait", "dontwait"], 1);
    let streams = shown["streams"].as_array().unwrap();
    assert!(streams.iter().any(|stream| stream["verified"] == true), "one has the channel");
    let failed: Vec<&Value> = streams.iter().filter(|stream| stream["verified"] == false).collect();
    assert!(!failed.is_empty());
    for stream in failed {
        let error = stream["error"].as_str().unwrap();
        assert!(error.contains("floppy: cannot have the channel: DMA channel 2"), "{error}");
        assert!(error.contains("--wait sleep"), "{error}");
    }
    assert_eq!(shown["stats"]["dma_channels"], json!({"waits": 0, "callbacks": 0, "passes": 0}));
}

#[test]
fn in_words() {
    let (_directory, image) = file(40_000);
    transfer(&image, &["--parallel", "2"])
        .success()
        .stdout(starts_with("floppy: 2 streams, 80,000 bytes there and back: verified\n"))
        .stdout(contains("\n  DMA channels: waits "));
}

#[test]
fn plans_and_checks_know_it() {
    let plan = |arguments: &[&str]| {
        let mut command = Command::cargo_bin("ddi-dma").unwrap();
        let assert =
            command.args(["plan", "--device", "floppy"]).args(arguments).arg("--json").assert().success();
        serde_json::from_slice::<Value>(&assert.get_output().stdout).unwrap()
    };
    // No cookie crosses 64 KiB, and there is one a list.
    let shown = plan(&["--length", "128K", "--layout", "contiguous", "--address", "0x1F000"]);
    let lists = shown["windows"][0]["lists"].as_array().unwrap();
    let sizes: Vec<&Value> = lists.iter().map(|list| &list["cookies"][0][1]).collect();
    assert_eq!(sizes, [0x1000, 0x1_0000, 0xF000], "{shown}");
    let run = |command: &str| {
        let assert = Command::cargo_bin("ddi-dma").unwrap().args(command.split(' ')).assert().success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    assert!(run("devices").contains("\n floppy       0x0..=0xffffff            0xffff      0xffff "));
    assert!(run("check --device floppy").contains("nothing to object to"));
}
