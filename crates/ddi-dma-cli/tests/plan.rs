//! `plan` of one object: tables, JSON, layouts, and what is refused.

use std::io::Write;

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

fn plan(arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("ddi-dma").unwrap().arg("plan").args(arguments).assert()
}

fn plan_json(arguments: &[&str], status: i32) -> Value {
    let assert = plan(&[arguments, &["--json"]].concat()).code(status);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn a_table_with_reasons() {
    let engine = file("addr_hi = 0xFF_FFFF\ncount_max = 0xFFFF\nseg = 0xFFFF\nsgllen = 2\ngranular = 512");
    let engine = engine.path().to_str().unwrap();
    let object = ["--length", "0x28000", "--layout", "contiguous", "--address", "0xFE8000"];
    let table = format!(
        "{engine}: 163,840 bytes in 1 extent

 window  list  cookie   offset   address   bytes  why
      0     0       0      0x0  0xfe8000  32,768  cookie ends: a multiple of 0x10000 (seg)
                    1   0x8000  0xff0000  65,536  list ends: the list holds 2 cookies (sgllen)
            1       0  0x18000       0x0  65,536  65,536 copied: out of reach: the engine accesses 0x0..=0xffffff

1 window, 2 lists, 3 cookies; 65,536 bytes copied, a copy run of 65,536
  65,536 bytes copied: out of reach: the engine accesses 0x0..=0xffffff
  1 list ends: the list holds 2 cookies (sgllen)
  1 cookie ends: a multiple of 0x10000 (seg)
"
    );
    plan(&[&["--attr", engine][..], &object].concat()).success().stdout(table);
}

#[test]
fn a_plan_as_json() {
    let layout = file("# pages of an object\n0x10\n0x1000   # out of reach\n");
    let layout = layout.path().to_str().unwrap();
    let shown = plan_json(&["--device", "isa-sg-disk", "--layout", layout], 0);
    let expected = json!({
        "result": "mapped", "device": "isa-sg-disk", "length": 8192, "extents": 2,
        "copied_bytes": 4096, "copy_run": 4096,
        "windows": [{"offset": 0, "length": 8192, "lists": [
            {"offset": 0, "length": 8192, "cookies": [[0x10000, 4096, false], [0, 4096, true]]},
        ]}],
        "reasons": [
            {"what": "cookie_cut", "offset": 4096, "why": "copied and uncopied bytes meet"},
            {"what": "copied", "offset": 4096, "length": 4096,
             "why": "out of reach: the engine accesses 0x0..=0xffffff"},
        ],
    });
    assert_eq!(shown, expected);
}

#[test]
fn extents_of_a_file_are_cut_by_offset_and_length() {
    let layout = file("0x1000 0x800\n0x9000 16K\n");
    let layout = layout.path().to_str().unwrap();
    let shown = plan_json(
        &["--device", "pci64-disk", "--layout", layout, "--offset", "0x600", "--length", "4608"],
        0,
    );
    let cookies = &shown["windows"][0]["lists"][0]["cookies"];
    assert_eq!(*cookies, json!([[0x1600, 0x200, false], [0x9000, 4096, false]]));
    plan(&["--device", "pci64-disk", "--layout", layout, "--length", "1M"])
        .code(1)
        .stderr(contains("--length 1048576 from --offset 0 is more than the layout has: 18432 bytes"));
}

#[test]
fn a_seed_scatters_the_same_way_each_time() {
    let seeded = |seed| plan_json(&["--device", "pci64-disk", "--length", "64K", "--seed", seed], 0);
    assert_eq!(seeded("5"), seeded("5"));
    assert_ne!(seeded("5"), seeded("6"));
    let shown = plan_json(&["--device", "pci64-disk", "--length", "64K", "--page-size", "8k"], 0);
    assert_eq!(shown["windows"][0]["lists"][0]["cookies"].as_array().unwrap().len(), 8);
}

#[test]
fn windows_slide_where_partial_lets_them() {
    let object = ["--device", "isa-sg-disk", "--length", "64K", "--layout", "contiguous", "--address", "16M"];
    let small = [&object[..], &["--copy-buffer", "16K"]].concat();
    let refused = plan_json(&small, 1);
    assert_eq!(refused["result"], "too_big");
    assert!(refused["reason"].as_str().unwrap().contains("bind with PARTIAL"));
    plan(&small)
        .code(1)
        .stdout("")
        .stderr(contains("65536 bytes must go through the copy buffer, which holds 16384"));
    let slid = plan_json(&[&small[..], &["--flags", "partial,streaming"]].concat(), 0);
    assert_eq!(slid["result"], "partial_map");
    assert_eq!(slid["windows"].as_array().unwrap().len(), 4);
    assert_eq!(slid["copy_run"], 16384);
}

#[test]
fn a_long_table_is_cut_on_request() {
    plan(&["--device", "pci64-disk", "--length", "64K", "--rows", "3"])
        .success()
        .stdout(contains("... and 13 more cookies: --rows 0 shows all"));
}

#[test]
fn each_mistake_is_told() {
    let engine = ["--device", "isa-disk"];
    let cases: [(&[&str], i32, &str); 11] = [
        (&["--length", "1"], 1, "no attributes: name a device with --device or a file with --attr"),
        (&["--device", "tape"], 2, "there is no device `tape`: there are isa-disk, isa-sg-disk, pci-disk"),
        (&["--device", "isa-disk", "--attr", "x.toml"], 2, "cannot be used with"),
        (&engine, 1, "how long is the object? Give --length"),
        (&["--device", "isa-disk", "--length", "0"], 1, "the object has no bytes"),
        (&["--device", "isa-disk", "--length", "5 apples"], 2, "`5 apples` is no number"),
        (&["--device", "isa-disk", "--length", "1G"], 1, "give more with --memory"),
        (
            &["--device", "isa-disk", "--length", "1", "--offset", "4096"],
            1,
            "--offset 4096 is not inside the first page",
        ),
        (&["--device", "isa-disk", "--length", "1", "--layout", "nowhere"], 1, "cannot read a file nowhere"),
        (&["--device", "isa-disk", "--length", "1", "--address", "0"], 1, "add --layout contiguous"),
        (
            &["--device", "isa-disk", "--length", "1", "--flags", "consistent,streaming"],
            1,
            "exclude each other",
        ),
    ];
    for (arguments, status, message) in cases {
        plan(arguments).code(status).stdout("").stderr(contains(message));
    }
    plan(&["--device", "isa-disk", "--flags", "fast"])
        .code(2)
        .stderr(contains("partial, one-list, consistent"));
    plan(&["--jsonl", "-", "--length", "1"]).code(2).stderr(contains("cannot be used with"));
}

#[test]
fn attributes_that_no_engine_has_are_refused() {
    let engine = file("seg = 0x10000");
    let engine = engine.path().to_str().unwrap();
    plan(&["--attr", engine, "--length", "512"])
        .code(1)
        .stderr(contains("seg 0x10000 is not one less than a power of two"));
    assert_eq!(plan_json(&["--attr", engine, "--length", "512"], 1)["result"], "bad_attr");
}

#[test]
fn help_is_worth_reading() {
    let help = |arguments: &[&str]| {
        let assert = Command::cargo_bin("ddi-dma").unwrap().args(arguments).assert().success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    assert!(help(&["--help"]).contains("Exit status: 0 where all is well"));
    assert!(help(&["plan", "--help"]).contains("ddi-dma plan --jsonl cases.jsonl > plans.jsonl"));
    assert!(help(&["check", "--help"]).contains("addr_hi = 0x00FF_FFFF            # inclusive"));
    assert!(help(&["devices"]).contains("isa-sg-disk"));
}
