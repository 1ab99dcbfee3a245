//! Bad input to the program, kind by kind: the exit status, and a message that names the argument or member with its
//! value and says what to do.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory with a file to transfer, `f`, and what else the cases name.
fn ground() -> TempDir {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("f"), [7; 9000]).unwrap();
    fs::write(at("empty"), []).unwrap();
    fs::File::create(at("large")).unwrap().set_len(1_474_561).unwrap();
    fs::write(at("binary"), [0xFF, 0xFE, 0x00]).unwrap();
    fs::create_dir(at("dir")).unwrap();
    directory
}

/// Runs the program in a directory; its status, standard output and standard error.
fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::cargo_bin("ddi-dma").unwrap().current_dir(directory).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A command line, its exit status, and what its message must have: name, value, what to do.
type Case<'a> = (&'a str, i32, &'a [&'a str]);

/// Runs cases; each message says all that it must, nothing is printed as if it had gone well, and nobody panicked.
fn assert_refused(directory: &Path, cases: &[Case<'_>]) {
    for (line, status, snippets) in cases {
        // `_` in a case is a word without characters.
        let words: Vec<&str> = line.split(' ').map(|word| if word == "_" { "" } else { word }).collect();
        let (code, stdout, stderr) = run(directory, &words);
        assert_eq!(code, *status, "{line}\n{stderr}");
        assert_eq!(stdout, "", "{line}");
        for snippet in *snippets {
            assert!(stderr.contains(snippet), "{line}: no {snippet:?} in\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{line}\n{stderr}");
    }
}

#[test]
fn command_lines() {
    let ground = ground();
    assert_refused(
        ground.path(),
        &[
            ("", 2, &["unrecognized subcommand ''", "--help"]),
            ("tranfser f", 2, &["'tranfser'", "'transfer'"]),
            ("transfer", 2, &["--device <DEVICE>", "<FILE>"]),
            ("transfer f", 2, &["--device <DEVICE>", "required"]),
            ("transfer --device isa-disk", 2, &["<FILE>", "required"]),
            ("transfer f --device isa-disk --paralel 2", 2, &["'--paralel'", "'--parallel'"]),
            ("transfer f --device isa-disk --json=yes", 2, &["'yes'", "'--json'", "no more"]),
            ("transfer f --device isa-disk --device pci-disk", 2, &["'--device <DEVICE>'", "multiple times"]),
            ("check", 2, &["--device <DEVICE>|--attr <FILE>", "required"]),
            (
                "check --device isa-disk --attr a",
                2,
                &["'--device <DEVICE>'", "'--attr <FILE>'", "cannot be used"],
            ),
            ("plan --jsonl f --length 1", 2, &["'--jsonl <FILE>'", "'--length <BYTES>'", "cannot be used"]),
            ("plan --length 1", 1, &["no attributes", "--device", "--attr"]),
            ("plan --device isa-disk", 1, &["--length"]),
        ],
    );
}

#[test]
fn names_and_numbers() {
    let ground = ground();
    let names =
        "isa-disk, isa-sg-disk, pci-disk, latch-disk, pci64-disk, sbus-disk, isa-master, sbus-ether, floppy";
    assert_refused(
        ground.path(),
        &[
            ("transfer f --device tape", 2, &["--device <DEVICE>", "`tape`", names]),
            ("check --device ISA-DISK", 2, &["--device <DEVICE>", "`ISA-DISK`", names]),
            ("plan --device _ --length 1", 2, &["--device <DEVICE>", "``", names]),
            ("plan --device isa-disk --length 5apples", 2, &["--length", "`5apples`", "write 65536"]),
            ("plan --device isa-disk --length 1.5", 2, &["--length", "`1.5`", "write 65536"]),
            ("plan --device isa-disk --length -1", 2, &["--length", "`-1` is negative", "write 0 or more"]),
            ("plan --device isa-disk --length _", 2, &["--length", "``", "write 65536"]),
            ("plan --device isa-disk --length 0x", 2, &["--length", "`0x`", "0x10000"]),
            ("plan --device isa-disk --length 16777216T", 2, &["--length", "`16777216T`", "2^64 - 1"]),
            ("plan --device isa-disk --length 1 --rows many", 2, &["--rows", "`many`", "write 65536"]),
            ("transfer f --device isa-disk --seed abc", 2, &["--seed", "`abc`", "write 65536"]),
            ("transfer f --device isa-disk --seed -1", 2, &["--seed", "`-1` is negative", "0 or more"]),
            (
                "transfer f --device isa-disk --offset 18446744073709551616",
                2,
                &["--offset", "is too large", "2^64 - 1"],
            ),
            ("transfer f --device isa-disk --copy-buffer 64Q", 2, &["--copy-buffer", "`64Q`", "write 65536"]),
            ("transfer f --device isa-disk --parallel 0", 2, &["--parallel", "0 is not in 1..=256"]),
            ("transfer f --device isa-disk --parallel 257", 2, &["--parallel", "257 is not in 1..=256"]),
            ("transfer f --device isa-disk --parallel two", 2, &["--parallel", "`two`", "write 65536"]),
            (
                "transfer f --device isa-disk --wait forever",
                2,
                &["--wait", "'forever'", "dontwait, sleep, callback"],
            ),
            ("transfer f --device isa-disk --page-size 16k", 2, &["--page-size", "'16k'", "4k, 8k"]),
            ("plan --device isa-disk --length 1 --page-size 0", 2, &["--page-size", "'0'", "4k, 8k"]),
            (
                "transfer f --device isa-disk --layout spiral",
                2,
                &["--layout", "'spiral'", "contiguous, scattered, mixed"],
            ),
            ("transfer f --device pci-disk --iommu maybe", 2, &["--iommu", "'maybe'", "on, off"]),
            (
                "transfer f --device isa-disk --flags fast",
                2,
                &["--flags", "'fast'", "partial, one-list, consistent"],
            ),
            ("plan --device isa-disk --length 1 --flags partial,", 2, &["--flags", "partial, one-list"]),
        ],
    );
}

#[test]
fn options_that_do_not_go_together() {
    let ground = ground();
    assert_refused(
        ground.path(),
        &[
            ("transfer f --device isa-disk --dvma 64K", 1, &["--dvma", "isa-disk", "leave it out"]),
            ("transfer f --device pci-disk --dvma 64K", 1, &["--dvma", "add --iommu on"]),
            ("transfer f --device pci-disk --iommu off --dvma 64K", 1, &["--dvma", "add --iommu on"]),
            ("transfer f --device sbus-disk --dvma 0", 1, &["--dvma 0", "at least", "8192"]),
            ("transfer f --device sbus-disk --dvma 8191", 1, &["--dvma 8191", "at least", "8192"]),
            ("transfer f --device sbus-disk --dvma 17M", 1, &["--dvma 17825792", "at most 16777216"]),
            (
                "transfer f --device pci-disk --iommu on --dvma 1000T",
                1,
                &["--dvma 1099511627776000", "at most"],
            ),
            ("transfer f --device isa-disk --iommu on", 1, &["--iommu on", "isa-disk", "take a PCI device"]),
            ("transfer f --device sbus-disk --iommu off", 1, &["--iommu off", "sbus-disk", "leave it out"]),
            ("transfer f --device sbus-ether --flags partial", 1, &["--flags", "sbus-ether", "leave it out"]),
            (
                "transfer f --device sbus-ether --object 65537",
                1,
                &["--object 65537", "sbus-ether", "1 to 65536"],
            ),
            ("transfer f --device sbus-ether --object 0", 1, &["--object 0", "1 to 65536"]),
            ("transfer f --device isa-disk --object 511", 1, &["--object 511", "512", "at least"]),
            (
                "transfer f --device isa-disk --flags consistent,streaming",
                1,
                &["--flags", "CONSISTENT and STREAMING", "say how"],
            ),
            (
                "plan --device isa-disk --length 1 --flags streaming,consistent",
                1,
                &["--flags", "exclude each other"],
            ),
            ("transfer f --device isa-disk --offset 4096", 1, &["--offset 4096", "below 4096"]),
            ("transfer f --device sbus-ether --offset 8192", 1, &["--offset 8192", "below 8192"]),
            (
                "transfer f --device isa-disk --memory 9000 --parallel 9",
                1,
                &["8192 bytes of memory", "give more", "--memory", "--parallel"],
            ),
            (
                "transfer f --device isa-disk --memory 8191",
                1,
                &["--memory 8191", "two pages", "at least 8192"],
            ),
            (
                "transfer f --device isa-disk --memory 0xffffffffffffffff",
                1,
                &["--memory 18446744073709551615", "at most"],
            ),
            (
                "transfer f --device isa-disk --copy-buffer 0xffffffffffffffff",
                1,
                &["--copy-buffer 18446744073709551615", "give at most"],
            ),
            ("transfer f --device isa-disk --copy-buffer 0", 1, &["isa-disk", "holds 0", "--copy-buffer"]),
            (
                "transfer f --device isa-disk --copy-buffer 512 --flags streaming",
                1,
                &["holds 512", "PARTIAL"],
            ),
            (
                "transfer f --device isa-disk --scratch nowhere",
                1,
                &["--scratch nowhere", "name one that exists"],
            ),
            ("transfer f --device isa-disk --scratch f", 1, &["--scratch f", "name one that exists"]),
            ("plan --device isa-disk --length 1 --address 0", 1, &["--address", "add --layout contiguous"]),
            (
                "plan --device isa-disk --length 2 --layout contiguous --address 0xffffffffffffffff",
                1,
                &["--length 2", "--address 0xffffffffffffffff", "take a lower"],
            ),
            ("plan --device isa-disk --length 0", 1, &["isa-disk, 0 bytes", "no bytes"]),
            ("plan --device isa-disk --length 1G", 1, &["1073741824 bytes", "--memory", "--length"]),
            ("plan --device isa-disk --length 1 --memory 0", 1, &["1 bytes", "--memory"]),
            (
                "plan --device pci64-disk --length 100T --memory 200T",
                1,
                &["--length 109951162777600", "--layout contiguous"],
            ),
            ("plan --device isa-disk --length 1 --offset 4096", 1, &["--offset 4096", "below 4096"]),
            (
                "plan --device isa-disk --length 1M --copy-buffer 4096",
                1,
                &["isa-disk", "holds 4096", "PARTIAL"],
            ),
            ("plan --device isa-disk --length 1M --flags one-list", 1, &["ONE_LIST", "bind without it"]),
        ],
    );
}

#[test]
fn what_a_floppy_disk_does_not_have() {
    let ground = ground();
    assert_refused(
        ground.path(),
        &[
            ("transfer f --device floppy --object 0", 1, &["--object 0", "512", "at least"]),
            ("transfer f --device floppy --iommu on", 1, &["--iommu on", "floppy", "take a PCI device"]),
            ("transfer f --device floppy --dvma 64K", 1, &["--dvma", "floppy", "leave it out"]),
            (
                "transfer f --device floppy --flags one-list --layout scattered",
                1,
                &["floppy", "ONE_LIST", "bind without it"],
            ),
            ("transfer f --device floppy --copy-buffer 0", 1, &["floppy", "holds 0", "--copy-buffer"]),
            (
                "transfer f --device floppy --flags streaming --copy-buffer 512",
                1,
                &["floppy", "holds 512", "PARTIAL"],
            ),
            ("transfer f --device sim:floppy?slot=1", 2, &["slot=1", "the ISA bus", "leave it out"]),
            ("transfer f --device floppy0", 2, &["--device <DEVICE>", "`floppy0`", "floppy"]),
            ("transfer f --device floppy --parallel 257", 2, &["--parallel", "257 is not in 1..=256"]),
        ],
    );
}

#[test]
fn files_that_cannot_be_used() {
    let ground = ground();
    assert_refused(
        ground.path(),
        &[
            ("transfer nowhere --device isa-disk", 1, &["cannot open nowhere", "No such file"]),
            ("transfer empty --device isa-disk", 1, &["empty is empty", "nothing to transfer"]),
            ("transfer dir --device sbus-disk", 1, &["dir is a directory", "give a file"]),
            (
                "transfer /dev/null --device sbus-ether",
                1,
                &["/dev/null is no regular file", "copy what it gives"],
            ),
            (
                "transfer large --device floppy",
                1,
                &["large has 1474561 bytes", "floppy holds 1474560", "give a smaller file", "isa-disk"],
            ),
            ("transfer f/g --device isa-disk", 1, &["cannot open f/g", "Not a directory"]),
            ("plan --attr nowhere --length 1", 1, &["cannot read attributes from nowhere", "No such file"]),
            ("plan --attr dir --length 1", 1, &["cannot read attributes from dir", "directory"]),
            ("check --attr binary", 1, &["cannot read attributes from binary", "UTF-8"]),
            (
                "plan --device isa-disk --layout nowhere",
                1,
                &["--layout is contiguous, scattered or a file", "nowhere"],
            ),
            ("plan --device isa-disk --layout dir", 1, &["--layout", "a file dir", "directory"]),
            ("plan --device isa-disk --layout binary", 1, &["--layout", "binary", "UTF-8"]),
            ("plan --device isa-disk --layout empty", 1, &["empty has no extents", "ADDRESS LENGTH"]),
            ("plan --jsonl nowhere", 1, &["cannot open nowhere", "No such file"]),
            ("plan --jsonl dir", 1, &["dir is a directory", "give a file"]),
        ],
    );
    // Of two files that are not there both are told.
    let (status, stdout, stderr) = run(ground.path(), &["transfer", "a", "b", "--device", "isa-disk"]);
    assert_eq!(status, 1);
    assert!(
        stdout.contains("NOT VERIFIED") && stderr.contains("stream 1: cannot open a"),
        "{stdout}{stderr}"
    );
    assert!(stderr.contains("stream 2: cannot open b"), "{stderr}");
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let ground = ground();
    let path = ground.path().join("f");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // Who runs the test may read everything.
    }
    let denied: &[&str] = &["f", "Permission denied"];
    assert_refused(
        ground.path(),
        &[
            ("transfer f --device isa-disk", 1, denied),
            ("check --attr f", 1, denied),
            ("plan --device isa-disk --layout f", 1, denied),
            ("plan --jsonl f", 1, denied),
        ],
    );
}

#[test]
fn attribute_files() {
    let cases: [(&str, &[&str]); 29] = [
        ("addr_high = 1", &["`addr_high`", "members are version, addr_lo"]),
        ("dma_attr_align_ = 1", &["`dma_attr_align_`", "members are"]),
        ("[attr]\nseg = 1", &["`attr`", "members are"]),
        ("seg = 1\nseg = 2", &["line 2", "seg = 2", "duplicate key"]),
        ("seg = 1\ndma_attr_seg = 2", &["`seg` is given twice"]),
        ("seg =", &["line 1, column 6", "seg ="]),
        ("addr_hi = 99999999999999999999", &["line 1", "addr_hi = 99999999999999999999"]),
        ("addr_hi = \"0x10000000000000000\"", &["addr_hi", "`0x10000000000000000`", "0xffffffffffffffff"]),
        ("addr_lo = \"low\"", &["addr_lo", "`low`", "write 65536"]),
        ("align = true", &["align true", "a boolean", "write a number"]),
        ("count_max = 1.5", &["count_max 1.5", "a float", "write a number"]),
        ("granular = [512]", &["granular [512]", "an array", "write a number"]),
        ("seg = -1", &["seg -1", "negative", "0xffffffffffffffff"]),
        ("minxfer = -4", &["minxfer -4", "negative", "write 0 or more"]),
        ("minxfer = 0x1_0000_0000", &["minxfer 0x100000000", "at most 0xffffffff"]),
        ("burstsizes = 0x1_0000_0000", &["burstsizes 0x100000000", "at most 0xffffffff"]),
        ("flags = [\"FAST\"]", &["flags", "\"FAST\"", "FORCE_PHYSICAL, FLAGERR"]),
        ("flags = 1.5", &["flags 1.5", "a float", "FORCE_PHYSICAL"]),
        ("version = 7", &["version 7", "set it to 0"]),
        ("addr_lo = 0x2000\naddr_hi = 0x1FFF", &["addr_lo 0x2000", "addr_hi 0x1fff", "lo <= hi"]),
        ("count_max = 0x10000", &["count_max 0x10000", "minus one: 0xffff"]),
        ("seg = 0x1234", &["seg 0x1234", "0xfff and 0x1fff"]),
        ("align = 511", &["align 0x1ff", "0x200"]),
        ("align = 24", &["align 0x18", "0x10"]),
        ("maxxfer = 0", &["maxxfer is 0", "at least 1"]),
        ("sgllen = 0", &["sgllen is 0", "at least 1"]),
        ("granular = 4096\nmaxxfer = 512", &["maxxfer 0x200", "granular 0x1000", "raise maxxfer"]),
        ("minxfer = 4096\ncount_max = 0xFF", &["minxfer 0x1000", "count_max", "lower minxfer"]),
        ("addr_lo = 1\naddr_hi = 0xFFF\nalign = 0x1000", &["align 0x1000", "0x1..=0xfff", "lower align"]),
    ];
    let directory = TempDir::new().unwrap();
    for (text, snippets) in cases {
        fs::write(directory.path().join("engine.toml"), text).unwrap();
        let arguments = ["plan", "--attr", "engine.toml", "--length", "512"];
        let (status, stdout, stderr) = run(directory.path(), &arguments);
        assert_eq!((status, stdout.as_str()), (1, ""), "{text}\n{stderr}");
        // `check` finds the same, in its table where the file can be read.
        let (status, findings, told) = run(directory.path(), &["check", "--attr", "engine.toml"]);
        assert_eq!(status, 1, "{text}\n{findings}");
        for snippet in snippets {
            assert!(stderr.contains(snippet), "{text}: no {snippet:?} in\n{stderr}");
            assert!(
                (findings.clone() + &told).contains(snippet),
                "{text}: no {snippet:?} in\n{findings}{told}"
            );
        }
    }
}

#[test]
fn layout_files() {
    let cases: [(&str, &[&str]); 10] = [
        ("0x1000 0x1000\nhello", &["layout, line 2", "`hello`", "write 65536"]),
        ("1 2 3", &["line 1", "`1 2 3`", "ADDRESS LENGTH"]),
        ("0x1000 0", &["line 1", "`0x1000 0`", "at least 1"]),
        ("0x1000 -1", &["line 1", "`-1` is negative"]),
        ("0xffffffffffffffff 2", &["line 1", "`0xffffffffffffffff 2`", "smaller LENGTH"]),
        ("# a comment\n0x10000000000000", &["line 2", "page frame 0x10000000000000", "divided by 4096"]),
        ("# nothing", &["has no extents", "page frame number"]),
        ("0 0xffffffffffffffff\n0 0xffffffffffffffff", &["more than 2^64 - 1 bytes"]),
        ("0 512", &["--length 1000", "512 bytes"]),
        ("0 16", &["--length 1000", "16 bytes"]),
    ];
    let directory = TempDir::new().unwrap();
    for (text, snippets) in cases {
        fs::write(directory.path().join("layout"), text).unwrap();
        let arguments = ["plan", "--device", "isa-disk", "--layout", "layout", "--length", "1000"];
        let (status, stdout, stderr) = run(directory.path(), &arguments);
        assert_eq!((status, stdout.as_str()), (1, ""), "{text}\n{stderr}");
        for snippet in snippets {
            assert!(stderr.contains(snippet), "{text}: no {snippet:?} in\n{stderr}");
        }
    }
    fs::write(directory.path().join("layout"), "0 512").unwrap();
    let beyond = ["plan", "--device", "isa-disk", "--layout", "layout", "--offset", "513"];
    assert!(run(directory.path(), &beyond).2.contains("--offset 513 is behind the layout's end: it has 512"));
}

/// Lines that are no cases: each is answered with its number and what is wrong with which member.
#[test]
fn json_lines() {
    let good = json!({
        "attr": {
            "addr_lo": 0, "addr_hi": 0xFF_FFFF, "count_max": 0xFFFF, "align": 1, "minxfer": 1, "maxxfer": 65536,
            "seg": 0xFFFF, "sgllen": 17, "granular": 1
        },
        "object": {"offset": 0, "len": 512, "pfns": [5]},
        "flags": ["READ"],
    });
    let change = |pointer: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        bad.to_string()
    };
    let without = |section: &str, member: &str| {
        let mut bad = good.clone();
        let section = if section.is_empty() { &mut bad } else { &mut bad[section] };
        section.as_object_mut().unwrap().remove(member);
        bad.to_string()
    };
    let cases: [(String, &[&str]); 16] = [
        ("{".to_owned(), &["not JSON"]),
        ("7".to_owned(), &["a case is an object with attr, object and flags"]),
        (without("", "attr"), &["no member attr"]),
        (without("", "object"), &["no member object"]),
        (without("", "flags"), &["no member flags", "READ or WRITE"]),
        (without("attr", "seg"), &["attr has no member seg"]),
        (without("object", "len"), &["object has no member len"]),
        (change("/attr/seg", json!("all")), &["attr.seg", "a string", "integer"]),
        (change("/attr/sgllen", json!(1.5)), &["attr.sgllen", "integer"]),
        (change("/object", json!([])), &["object is an array", "object"]),
        (change("/object/len", json!(-1)), &["object.len -1", "0..=2^64-1"]),
        (change("/object/offset", json!(4096)), &["object.offset 4096", "below 4096"]),
        (change("/object/pfns", json!(5)), &["object.pfns", "array"]),
        (change("/object/len", json!(8192)), &["object.pfns has 1 pages", "8192", "take 2"]),
        (change("/flags", json!("READ")), &["flags is a string", "array"]),
        (change("/flags", json!(["FAST"])), &["\"FAST\"", "flags are READ, WRITE"]),
    ];
    let lines: Vec<&str> = cases.iter().map(|(line, _)| line.as_str()).collect();
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    let assert = command.args(["plan", "--jsonl", "-"]).write_stdin(lines.join("\n")).assert().code(1);
    let output = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert_eq!(output.lines().count(), cases.len());
    for ((answer, (line, snippets)), number) in output.lines().zip(&cases).zip(1..) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer["line"], number, "{line}");
        let error = answer["error"].as_str().unwrap();
        for snippet in *snippets {
            assert!(error.contains(snippet), "{line}: no {snippet:?} in {error}");
        }
    }
}

#[test]
fn bad_input_as_json() {
    let ground = ground();
    for arguments in [
        &["transfer", "nowhere", "--device", "isa-disk", "--json"][..],
        &["transfer", "f", "--device", "isa-disk", "--dvma", "64K", "--json"],
        &["transfer", "f", "--device", "isa-disk", "--copy-buffer", "0", "--json"],
    ] {
        let (status, stdout, stderr) = run(ground.path(), arguments);
        let shown: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((status, &shown["verified"]), (1, &json!(false)));
        assert!(stderr.contains(shown["error"].as_str().unwrap()), "{stderr}");
    }
}
