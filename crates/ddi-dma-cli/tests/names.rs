//! Devices by the names that programs in C open: what a name says is what options say.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

fn ground() -> TempDir {
    let directory = TempDir::new().unwrap();
    let bytes: Vec<u8> = (0..100_000u32).map(|n| ((n * 31) >> 3) as u8).collect();
    fs::write(directory.path().join("f"), bytes).unwrap();
    directory
}

/// Runs the program in a directory; its status, standard output and standard error.
fn run(directory: &Path, line: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("ddi-dma").unwrap();
    let output = command.current_dir(directory).args(line.split(' ')).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What the program prints as JSON, but for the time that it took.
fn shown(directory: &Path, line: &str) -> Value {
    let (status, stdout, stderr) = run(directory, &format!("{line} --json"));
    assert_eq!((status, &*stderr), (0, ""), "{line}");
    let mut shown: Value = serde_json::from_str(&stdout).expect(line);
    timeless(&mut shown);
    shown
}

fn timeless(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("seconds");
            members.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        _ => {}
    }
}

#[test]
fn a_name_says_what_options_say() {
    let ground = ground();
    for (name, options) in [
        ("sim:isa-disk", "isa-disk"),
        ("sim:pci-disk?seed=7&copy_buffer=4096", "pci-disk --seed 7 --copy-buffer 4096"),
        ("sim:isa-sg-disk?copy_buffer=64K&memory=64M", "isa-sg-disk --memory 64M --copy-buffer 64K"),
        ("sim:pci64-disk?page_size=8K", "pci64-disk --page-size 8k"),
        ("sim:latch-disk?iommu=on", "latch-disk --iommu on"),
        ("sim:pci-disk?iommu=on&dvma=128K&seed=3", "pci-disk --iommu on --dvma 128K --seed 3"),
        ("sim:sbus-disk?dvma=64K", "sbus-disk --dvma 64K"),
        ("sim:sbus-ether?page_size=4096&dvma=16K", "sbus-ether --page-size 4k --dvma 16K"),
        ("sim:isa-master?seed=0x10", "isa-master --seed 16"),
        ("sim:floppy?copy_buffer=4K", "floppy --copy-buffer 4K"),
        // Both ways at once, and each a part.
        ("sim:pci-disk?seed=7 --seed 0x7 --copy-buffer 4K", "pci-disk --seed 7 --copy-buffer 4096"),
    ] {
        let named = shown(ground.path(), &format!("transfer f --device {name}"));
        let given = shown(ground.path(), &format!("transfer f --device {options}"));
        assert_eq!((&named["verified"], &named), (&json!(true), &given), "{name}");
    }
    // Another seed is another machine.
    let [one, other] =
        ["7", "8"].map(|seed| shown(ground.path(), &format!("transfer f --device sim:pci-disk?seed={seed}")));
    assert_ne!(one["copied_bytes"], other["copied_bytes"]);
}

#[test]
fn what_names_alone_say_is_there() {
    let ground = ground();
    let object = "--object 16K --layout scattered";
    let cached = shown(ground.path(), &format!("transfer f --device sim:sbus-disk {object}"));
    for name in [
        "sim:sbus-disk?streaming_cache=off",
        "sim:sbus-disk?physical=honoured",
        "sim:sbus-disk?slave_only_slots=0,1&slot=2",
        "sim:sbus-disk?frame_limit=2M&dma_pool=0",
        "sim:sbus-disk?handle_limit=1",
        "sim:sbus-disk?one_list=off",
    ] {
        let named = shown(ground.path(), &format!("transfer f --device {name} {object}"));
        assert_eq!(named["verified"], json!(true), "{name}");
        assert_eq!(named["cookies"], cached["cookies"], "{name}");
    }
    for (name, told) in [
        ("sim:sbus-disk?slave_only_slots=0,1&slot=1", "the slot has no bus grant"),
        ("sim:isa-disk?handle_limit=0", "handles"),
        ("sim:isa-disk?frame_limit=8K", "of which the machine's limit allows 8192"),
        ("sim:isa-disk?one_list=on", "ONE_LIST allows one"),
        ("sim:isa-disk?one_list=on --flags streaming", "ONE_LIST allows one"),
    ] {
        let (status, _, stderr) =
            run(ground.path(), &format!("transfer f --device {name} {object} --wait dontwait"));
        assert_eq!(status, 1, "{name}");
        assert!(stderr.contains(told), "{name}: {stderr}");
    }
}

#[test]
fn a_plan_takes_what_it_knows_of_a_name() {
    let ground = ground();
    for (name, options) in [
        ("sim:isa-disk", "isa-disk"),
        ("sim:isa-sg-disk?seed=5&memory=32M", "isa-sg-disk --seed 5 --memory 32M"),
        ("sim:pci-disk?page_size=8192", "pci-disk --page-size 8k"),
        ("sim:isa-disk?copy_buffer=16K --flags partial", "isa-disk --copy-buffer 16384 --flags partial"),
        ("sim:pci-disk?one_list=on", "pci-disk --flags one-list"),
        ("sim:sbus-disk?slot=2&streaming_cache=off&handle_limit=1", "sbus-disk"),
        ("sim:pci-disk?iommu=off&frame_limit=1M&dma_pool=0", "pci-disk"),
    ] {
        let named = shown(ground.path(), &format!("plan --length 64K --device {name}"));
        assert_eq!(named, shown(ground.path(), &format!("plan --length 64K --device {options}")), "{name}");
    }
    let named = run(ground.path(), "check --device sim:isa-disk?seed=7");
    assert_eq!(named, run(ground.path(), "check --device isa-disk"));
    assert_eq!(named.0, 0);
}

#[test]
fn names_and_options_that_contradict_each_other() {
    let ground = ground();
    for (line, status, snippets) in [
        (
            "transfer f --device sim:pci-disk?seed=7 --seed 8",
            1,
            &["--seed 8: --device sim:pci-disk?seed=7 says seed=7: leave one out"][..],
        ),
        (
            "transfer f --device sim:pci-disk?copy_buffer=4K --copy-buffer 8K",
            1,
            &["--copy-buffer 8192: ", "says copy_buffer=4096"],
        ),
        ("transfer f --device sim:pci-disk?memory=1G --memory 2G", 1, &["--memory 2147483648: "]),
        (
            "transfer f --device sim:pci-disk?page_size=4K --page-size 8k",
            1,
            &["--page-size 8192: ", "page_size=4096"],
        ),
        ("transfer f --device sim:pci-disk?iommu=on --iommu off", 1, &["--iommu off: ", "says iommu=on"]),
        ("transfer f --device sim:sbus-disk?dvma=1M --dvma 2M", 1, &["--dvma 2097152: ", "dvma=1048576"]),
        (
            "transfer f --device sim:isa-disk?one_list=off --flags one-list",
            1,
            &["--flags one-list: ", "says one_list=off"],
        ),
        ("plan --length 1 --device sim:isa-disk?seed=7 --seed 8", 1, &["--seed 8: ", "says seed=7"]),
        (
            "plan --length 1 --device sim:pci-disk?page_size=8192 --page-size 4k",
            1,
            &["--page-size 4096: ", "page_size=8192"],
        ),
        // What one says does not go with what the other says.
        (
            "transfer f --device sim:pci-disk?page_size=8K --iommu on --dvma 4K",
            1,
            &["--dvma 4096: ", "at least 8192"],
        ),
        (
            "transfer f --device sim:isa-disk?dma_pool=2M --memory 1M",
            1,
            &["--device sim:isa-disk?dma_pool=2097152: dma_pool=2097152: ", "at most 1048576"],
        ),
        // What is no name.
        ("transfer f --device sim:tape", 2, &["--device <DEVICE>", "no device `tape`", "isa-disk", "floppy"]),
        (
            "transfer f --device sim:pci-disk?colour=red",
            2,
            &["--device <DEVICE>", "no key `colour`", "copy_buffer"],
        ),
        ("transfer f --device sim:isa-disk?iommu=on", 2, &["iommu=on: isa-disk", "take a PCI device"]),
        ("transfer f --device pci-disk?seed=7", 2, &["`pci-disk?seed=7`", "write sim:pci-disk?seed=7"]),
        ("check --device sim:pci-disk?seed=x", 2, &["seed=x", "`x` is no number"]),
        ("plan --length 1 --device sim:nvme", 2, &["no device `nvme`"]),
        ("plan --length 1 --device vfio:00:03.0", 2, &["no device `vfio:00:03.0`"]),
        (
            "plan --length 1 --device sim:pci-disk?iommu=on",
            1,
            &["--device sim:pci-disk?iommu=on: iommu is not for plan", "leave it out"],
        ),
        ("plan --length 1 --device sim:sbus-disk?dvma=64K", 1, &["dvma is not for plan"]),
    ] {
        let (code, stdout, stderr) = run(ground.path(), line);
        assert_eq!((code, &*stdout), (status, ""), "{line}\n{stderr}");
        for snippet in snippets {
            assert!(stderr.contains(snippet), "{line}: no {snippet:?} in\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{line}\n{stderr}");
    }
}

#[test]
fn a_real_device_by_its_name() {
    let ground = ground();
    // No machine has a device there.
    let nowhere = "fffe:ff:1f.7";
    for (line, status, snippets) in [
        (
            format!("f --device vfio:{nowhere} --lba 0"),
            1,
            &["ddi-dma: fffe:ff:1f.7: no PCI device is there: there "][..],
        ),
        (
            format!("f --device vfio:{nowhere} --nexus vfio:{nowhere} --lba 0 --overwrite"),
            1,
            &["fffe:ff:1f.7: no PCI device is there"],
        ),
        (
            format!("f --device uio:{nowhere} --no-iommu --lba 0 --object 64K --copy-buffer 64K"),
            1,
            &["fffe:ff:1f.7: no PCI device is there"],
        ),
        (format!("f --device uio:{nowhere} --lba 0"), 1, &["--nexus uio:fffe:ff:1f.7", "add --no-iommu"]),
        (
            format!("f --device vfio:{nowhere} --no-iommu --lba 0"),
            1,
            &["--no-iommu: vfio:fffe:ff:1f.7 is behind an IOMMU", "leave it out"],
        ),
        (
            format!("f --device vfio:{nowhere} --nexus vfio:00:03.0 --lba 0"),
            1,
            &["--nexus vfio:0000:00:03.0: --device vfio:fffe:ff:1f.7 is another device: leave one out"],
        ),
        (
            format!("f --device vfio:{nowhere} --nexus uio:{nowhere} --lba 0"),
            1,
            &["--nexus uio:fffe:ff:1f.7: --device vfio:fffe:ff:1f.7"],
        ),
        (format!("f --device vfio:{nowhere}"), 2, &["--lba <BLOCK>", "required", "Usage: ddi-dma transfer"]),
        (
            format!("f --device vfio:{nowhere} --lba 0 --seed 1"),
            2,
            &["'--device <DEVICE>'", "cannot be used with", "'--seed <NUMBER>'", "Usage: ddi-dma transfer"],
        ),
        (format!("f --device vfio:{nowhere} --lba 0 --parallel 1"), 2, &["'--parallel <N>'"]),
        (format!("f --device vfio:{nowhere} --lba 0 --iommu on"), 2, &["'--iommu <STATE>'"]),
        ("f --device vfio:0.3 --lba 0".to_owned(), 2, &["\"0.3\" is no PCI address", "0000:00:03.0"]),
        ("f --device vfio: --lba 0".to_owned(), 2, &["\"\" is no PCI address"]),
        ("f --device isa-disk --lba 0".to_owned(), 2, &["--nexus <NEXUS>", "required"]),
        ("f --device sim:isa-disk --overwrite".to_owned(), 2, &["--nexus <NEXUS>", "required"]),
    ] {
        let (code, stdout, stderr) = run(ground.path(), &format!("transfer {line}"));
        assert_eq!((code, &*stdout), (status, ""), "{line}\n{stderr}");
        for snippet in snippets {
            assert!(stderr.contains(snippet), "{line}: no {snippet:?} in\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{line}\n{stderr}");
    }
    // As with the option, the report says which nexus it was.
    let (_, stdout, _) = run(ground.path(), &format!("transfer f --device vfio:{nowhere} --lba 0 --json"));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&report["nexus"], &report["verified"]), (&json!("vfio:fffe:ff:1f.7"), &json!(false)));
}

#[test]
fn the_help_tells_of_names() {
    let ground = ground();
    let (_, help, _) = run(ground.path(), "transfer --help");
    for told in [
        "sim:DEVICE?KEY=VALUE&KEY=VALUE",
        "vfio:ADDRESS for nvme with --nexus",
        "--device 'sim:pci-disk?seed=7&copy_buffer=4096'",
        "slave_only_slots",
        "[default: 6G]",
        "[default: 1052672]",
        "[default: 1]",
    ] {
        assert!(help.contains(told), "no {told:?} in\n{help}");
    }
    let (_, help, _) = run(ground.path(), "plan --help");
    for told in ["sim:isa-disk?seed=7", "[default: 64M]", "[default: 4k]"] {
        assert!(help.contains(told), "no {told:?} in\n{help}");
    }
}
