//! `transfer` where resources are short: several streams on one bus, windows that slide through DVMA, each way of
//! waiting, and the figures that tell of it.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, starts_with};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Files of these sizes, no two of which are alike.
fn files(sizes: &[usize]) -> (TempDir, Vec<PathBuf>) {
    let directory = TempDir::new().unwrap();
    let write = |(number, size): (usize, &usize)| {
        let path = directory.path().join(format!("file-{number}"));
        let bytes: Vec<u8> = (0..*size).map(|at| (at ^ (at >> 8) ^ (number * 77)) as u8).collect();
        fs::write(&path, bytes).unwrap();
        path
    };
    let paths = sizes.iter().enumerate().map(write).collect();
    (directory, paths)
}

fn transfer(files: &[impl AsRef<Path>], arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    command.arg("transfer").args(files.iter().map(AsRef::as_ref)).args(arguments).assert()
}

fn transfer_json(files: &[impl AsRef<Path>], arguments: &[&str], status: i32) -> Value {
    let assert = transfer(files, &[arguments, &["--json"]].concat()).code(status);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// All streams came through, each by itself, and nothing is left behind.
fn assert_all_verified(shown: &Value, streams: usize) {
    assert_eq!(shown["verified"], true, "{shown}");
    let each = shown["streams"].as_array().unwrap();
    assert_eq!(each.len(), streams);
    for (stream, index) in each.iter().zip(1..) {
        assert_eq!((&stream["stream"], &stream["verified"]), (&json!(index), &json!(true)));
        assert_eq!(stream["sha256"]["sent"], stream["sha256"]["received"]);
        assert!(stream["sha256"]["sent"].is_string());
    }
    assert_eq!(shown["stats"]["quarantined_bytes"], 0);
}

#[test]
fn eight_streams_share_one_page_of_copy_buffer() {
    let (_directory, file) = files(&[600_000]);
    let short = ["--device", "isa-disk", "--parallel", "8", "--copy-buffer", "4096"];
    for (wait, calls) in [("sleep", false), ("callback", true)] {
        let shown = transfer_json(&file, &[&short[..], &["--wait", wait]].concat(), 0);
        assert_all_verified(&shown, 8);
        let stats = &shown["stats"];
        assert_eq!(stats["binds"], 16, "each stream binds an object each way");
        assert!(number(&stats["waits"]) > 0, "{wait}: {stats}");
        assert_eq!(number(&stats["callbacks"]) > 0, calls, "{wait}: {stats}");
        assert_eq!(stats["shortages"]["map_space"], 0);
    }
}

#[test]
fn sleep_is_how_streams_wait_unless_told_otherwise() {
    let (_directory, file) = files(&[600_000]);
    let shown = transfer_json(
        &file,
        &["--device", "isa-disk", "--parallel", "4", "--copy-buffer", "4096", "--flags", "partial"],
        0,
    );
    assert_all_verified(&shown, 4);
    assert_eq!(shown["stats"]["callbacks"], 0);
}

#[test]
fn who_does_not_wait_is_told_by_number_and_the_others_go_on() {
    let (_directory, file) = files(&[600_000]);
    let short = ["--device", "isa-disk", "--parallel", "8", "--copy-buffer", "4096", "--wait", "dontwait"];
    let shown = transfer_json(&file, &short, 1);
    assert_eq!(shown["verified"], false);
    let each = shown["streams"].as_array().unwrap();
    assert!(each.iter().any(|stream| stream["verified"] == true), "one has the page");
    let failed: Vec<&Value> = each.iter().filter(|stream| stream["verified"] == false).collect();
    assert!(!failed.is_empty());
    let error = shown["error"].as_str().unwrap();
    assert!(error.starts_with(&format!("{} of 8 streams failed:", failed.len())), "{error}");
    for stream in failed {
        assert!(error.contains(&format!("stream {}: ", stream["stream"])), "{error}");
        let own = stream["error"].as_str().unwrap();
        assert!(own.contains("copy buffer: 4096 asked") && own.contains("--wait sleep"), "{own}");
    }
    assert!(number(&shown["stats"]["shortages"]["copy_buffer"]) > 0);
    assert_eq!((&shown["stats"]["waits"], &shown["stats"]["callbacks"]), (&json!(0), &json!(0)));
}

#[test]
fn dvma_smaller_than_an_object_slides() {
    let (_directory, file) = files(&[200_000]);
    for (device, arguments) in [
        ("sbus-disk", &["--dvma", "64K"][..]),
        ("sbus-disk", &["--dvma", "8K"]),
        ("sbus-disk", &["--dvma", "16K", "--page-size", "4k", "--offset", "511"]),
        ("pci-disk", &["--dvma", "32K", "--iommu", "on"]),
        ("pci64-disk", &["--dvma", "8K", "--iommu", "on", "--page-size", "8k"]),
    ] {
        let shown = transfer_json(&file, &[&["--device", device], arguments].concat(), 0);
        let objects = number(&shown["write"]["objects"]) + number(&shown["read"]["objects"]);
        assert!(number(&shown["windows"]) > objects, "{device} {arguments:?}: {shown}");
        assert_eq!(shown["stats"]["partial_binds"], json!(objects));
        assert_eq!(shown["copied_bytes"], 0, "an IOMMU needs no copies");
    }
    let whole = transfer_json(&file, &["--device", "sbus-disk", "--dvma", "1M"], 0);
    assert_eq!((&whole["windows"], &whole["stats"]["partial_binds"]), (&json!(2), &json!(0)));
}

#[test]
fn dvma_that_may_not_slide_is_an_error() {
    let (_directory, file) = files(&[200_000]);
    let arguments = ["--device", "sbus-disk", "--dvma", "64K", "--flags", "streaming"];
    transfer(&file, &arguments).code(1).stdout("").stderr(
        contains("map space: 204800 asked, 65536 free")
            .and(contains("--flags partial"))
            .and(contains("--dvma")),
    );
    // Nothing is out that could come back, so nobody waits for ever.
    for wait in ["sleep", "callback"] {
        for streams in ["1", "3"] {
            let arguments = [&arguments[..], &["--wait", wait, "--parallel", streams]].concat();
            let shown = transfer_json(&file, &arguments, 1);
            assert!(shown["streams"].as_array().unwrap().iter().all(|stream| stream["error"].is_string()));
        }
    }
}

#[test]
fn streams_share_dvma() {
    let (_directory, file) = files(&[100_000, 50_001, 3]);
    for device in ["sbus-disk", "sbus-ether"] {
        for wait in ["sleep", "callback"] {
            let arguments = ["--device", device, "--parallel", "6", "--dvma", "8K", "--wait", wait];
            let shown = transfer_json(&file, &arguments, 0);
            assert_all_verified(&shown, 6);
            assert_eq!(shown["bytes"], 2 * (100_000 + 50_001 + 3));
            // A frame is bound for a moment only: whether streams meet there is up to the host.
            assert!(
                device == "sbus-ether" || number(&shown["stats"]["waits"]) > 0,
                "{wait}: {}",
                shown["stats"]
            );
        }
    }
}

#[test]
fn a_file_goes_over_the_wire_in_frames() {
    let (_directory, file) = files(&[4501]);
    let frames = |arguments: &[&str]| {
        let shown = transfer_json(&file, &[&["--device", "sbus-ether"], arguments].concat(), 0);
        assert_all_verified(&shown, 1);
        assert_eq!(shown["write"]["objects"], shown["read"]["objects"]);
        number(&shown["write"]["objects"])
    };
    assert_eq!(frames(&[]), 4);
    assert_eq!(frames(&["--object", "1"]), 4501);
    assert_eq!(frames(&["--object", "64K", "--offset", "8191"]), 1);
    assert_eq!(frames(&["--page-size", "4k", "--layout", "contiguous"]), 4);
}

#[test]
fn several_files_go_two_at_a_time() {
    let (directory, mut paths) = files(&[1, 513, 70_000, 9, 4096]);
    let shown = transfer_json(&paths, &["--device", "pci-disk", "--parallel", "2"], 0);
    assert_all_verified(&shown, 5);
    assert_eq!((&shown["bytes"], &shown["sha256"]), (&json!(1 + 513 + 70_000 + 9 + 4096), &Value::Null));
    let named = |index: usize| shown["streams"][index]["file"].as_str().unwrap().to_owned();
    assert!(named(2).ends_with("file-2") && named(4).ends_with("file-4"));
    // One that is not there fails alone.
    paths[1] = directory.path().join("nowhere");
    let shown = transfer_json(&paths, &["--device", "pci-disk"], 1);
    let verified: Vec<bool> =
        shown["streams"].as_array().unwrap().iter().map(|stream| stream["verified"] == true).collect();
    assert_eq!(verified, [true, false, true, true, true]);
    transfer(&paths, &["--device", "pci-disk"])
        .code(1)
        .stdout(starts_with("pci-disk: 5 streams, 74,106 bytes there and back: NOT VERIFIED"))
        .stdout(contains("FAILED"))
        .stderr(contains("1 of 5 streams failed").and(contains("stream 2: cannot open")));
}

#[test]
fn members_of_the_json_object() {
    let (_directory, file) = files(&[5000]);
    let shown = transfer_json(&file, &["--device", "isa-disk"], 0);
    let mut names: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "bytes",
        "cookies",
        "copied_bytes",
        "device",
        "lists",
        "objects",
        "read",
        "reasons",
        "seconds",
        "seed",
        "sha256",
        "stats",
        "streams",
        "verified",
        "windows",
        "write",
    ];
    assert_eq!(names, expected);
    let stats = json!({
        "binds": 2, "partial_binds": 0, "bytes_copied": shown["stats"]["bytes_copied"], "waits": 0,
        "callbacks": 0, "passes": 0, "shortages": {"copy_buffer": 0, "map_space": 0, "handles": 0},
        "quarantined_bytes": 0, "dma_channels": {"waits": 0, "callbacks": 0, "passes": 0},
    });
    assert_eq!(shown["stats"], stats);
    assert!(number(&stats["bytes_copied"]) >= number(&shown["copied_bytes"]));
}

#[test]
fn stats_in_words() {
    let (_directory, file) = files(&[5000]);
    transfer(&file, &["--device", "sbus-disk", "--parallel", "3"])
        .success()
        .stdout(starts_with("sbus-disk: 3 streams, 15,000 bytes there and back: verified\n"))
        .stdout(contains("\nstats\n  binds 6, partial 0; bytes copied 0\n  waits 0, callbacks 0, passes 0\n"))
        .stdout(contains("  shortages: copy buffer 0, map space 0, handles 0\n  bytes in quarantine 0\n"))
        .stdout(contains("\n  DMA channels: waits 0, callbacks 0, passes 0\n"));
}

#[test]
fn an_sbus_machine_has_pages_of_8_kib() {
    let (_directory, file) = files(&[100]);
    let refused = |device: &str, arguments: &[&str]| {
        let arguments = [&["--device", device, "--offset", "4096"], arguments].concat();
        transfer(&file, &arguments)
    };
    refused("sbus-disk", &[]).success();
    refused("sbus-ether", &[]).success();
    refused("sbus-disk", &["--page-size", "4k"]).code(1);
    refused("pci-disk", &[]).code(1);
    refused("pci-disk", &["--page-size", "8k"]).success();
}
