//! `check`: each member's verdict, in words and as JSON.

use std::io::Write;

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn check(text: &str) -> assert_cmd::assert::Assert {
    let file = file(text);
    Command::cargo_bin("ddi-dma").unwrap().args(["check", "--attr"]).arg(file.path()).assert()
}

fn check_json(text: &str, status: i32) -> Value {
    let file = file(text);
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    let assert = command.args(["check", "--json", "--attr"]).arg(file.path()).assert().code(status);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn member<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["members"].as_array().unwrap().iter().find(|member| member["member"] == name).unwrap()
}

const GOOD: &str = r#"
version = 0
dma_attr_addr_lo = 0
dma_attr_addr_hi = 0x00FF_FFFF
count_max = 0xFFFF
align = 1
burstsizes = 7
minxfer = 1
maxxfer = "0xffffffff"
seg = 0x000F_FFFF
sgllen = 17
granular = 512
flags = 0
"#;

#[test]
fn a_good_structure() {
    let lines = "\
version     0           ok
addr_lo     0x0         ok
addr_hi     0xffffff    ok
count_max   0xffff      ok
align       0x1         ok
burstsizes  0x7         ok
minxfer     1           ok
maxxfer     0xffffffff  ok       without significance: sgllen 17 cookies hold 0x110000 bytes at most
seg         0xfffff     ok
sgllen      17          ok
granular    512         ok
flags       0x0         ok
nothing to object to
";
    check(GOOD).success().stdout(lines);
}

#[test]
fn a_wrong_structure_says_what_was_probably_meant() {
    let report = check_json("count_max = 0x10000\nalign = 511\nsgllen = 0\nminxfer = 0x1_0000_0000", 1);
    assert_eq!((&report["verdict"], &report["wrong"]), (&json!("wrong"), &json!(4)));
    let note = |name: &str| member(&report, name)["notes"][0].as_str().unwrap().to_owned();
    assert_eq!(
        note("count_max"),
        "count_max 0x10000 is not one less than a power of two: it is used as a bit mask; it looks like a number of \
         bytes, and count_max is that minus one: 0xffff"
    );
    assert!(note("align").ends_with("it looks like a mask, and align is a number of bytes: 0x200"));
    assert_eq!(note("sgllen"), "sgllen is 0: it must be at least 1");
    assert_eq!(
        note("minxfer"),
        "minxfer 0x100000000 is too large: the member has 32 bits, so at most 0xffffffff"
    );
    assert_eq!(
        *member(&report, "seg"),
        json!({"member": "seg", "value": null, "verdict": "ok", "notes": []})
    );
}

#[test]
fn a_contradiction_between_members_is_wrong() {
    let report = check_json("granular = 4096\nmaxxfer = 512", 1);
    assert_eq!(member(&report, "maxxfer")["verdict"], "wrong");
    let report = check_json("addr_lo = 0x2000\naddr_hi = 0x1FFF", 1);
    assert_eq!(member(&report, "addr_lo")["verdict"], "wrong");
}

#[test]
fn a_dubious_structure_passes_with_advice() {
    let report = check_json(
        "addr_hi = 0x100_0000\ncount_max = 0xFFFF\nseg = 0xFFF\nsgllen = 1\ngranular = 0x2000\nmaxxfer = 0x9000\nburstsizes = 0",
        0,
    );
    assert_eq!(
        (&report["verdict"], &report["wrong"], &report["dubious"]),
        (&json!("dubious"), &json!(0), &json!(5))
    );
    let dubious = |name: &str, text: &str| {
        let member = member(&report, name);
        assert_eq!(member["verdict"], "dubious", "{name}");
        assert!(
            member["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains(text)),
            "{member}"
        );
    };
    dubious("addr_hi", "the last byte below it is 0xffffff");
    dubious("burstsizes", "no burst at all");
    dubious("seg", "count_max 0xffff has no effect");
    dubious("sgllen", "1 cookies hold 0x1000 bytes, less than granular 0x2000");
    dubious("maxxfer", "no multiple of granular 8192: rounded down to 0x8000");
}

#[test]
fn an_unlimited_sgllen_and_the_largest_number() {
    let report = check_json("sgllen = -1\naddr_hi = \"0xffffffffffffffff\"", 0);
    assert_eq!(member(&report, "sgllen")["value"], -1);
    assert_eq!(member(&report, "addr_hi")["value"], u64::MAX);
    assert_eq!(report["verdict"], "ok");
}

#[test]
fn every_device_is_beyond_doubt_but_for_remarks() {
    for device in
        ["isa-disk", "isa-sg-disk", "pci-disk", "latch-disk", "pci64-disk", "sbus-disk", "sbus-ether"]
    {
        let mut command = Command::cargo_bin("ddi-dma").unwrap();
        command
            .args(["check", "--device", device])
            .assert()
            .success()
            .stdout(contains("nothing to object to"));
    }
}

#[test]
fn files_that_cannot_be_read() {
    check("addr_high = 1").code(1).stdout("").stderr(contains(
        "`addr_high` is no member of the structure: members are version, addr_lo, addr_hi, count_max",
    ));
    check("addr_hi = ").code(1).stderr(contains("is no attribute file: TOML parse error at line 1"));
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    command
        .args(["check", "--attr", "/nowhere/engine.toml"])
        .assert()
        .code(1)
        .stderr(contains("cannot read attributes from /nowhere/engine.toml"));
}
