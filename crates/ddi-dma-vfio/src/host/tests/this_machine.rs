//! The machine that the tests run on, whatever it has; and machines whose files are nonsense.

use std::fs;

use proptest::prelude::*;

use super::machine::Machine;
use crate::host::{Host, Verdict};

#[test]
fn it_is_told_of() {
    let host = Host::this();
    let examination = host.examine();
    let bad = examination.findings.iter().filter(|finding| finding.verdict == Verdict::Bad);
    if bad.clone().count() > 0 {
        assert!(examination.usable.is_empty());
        for finding in bad {
            println!("VFIO cannot be used here: {}: {}", finding.topic, finding.text);
        }
    }
    for device in host.pci_devices() {
        assert_eq!(host.pci_device(device.address).as_ref(), Some(&device));
        if examination.usable.contains(&device.address) {
            assert!(host.hindrances(&device).is_empty());
        }
    }
    assert!(!host.kernel().release.is_empty());
}

#[test]
fn an_empty_tree() {
    let empty = tempfile::TempDir::new().unwrap();
    let host = Host::at(empty.path());
    assert!(host.examine().usable.is_empty());
    assert!(host.pci_devices().is_empty() && host.groups().is_empty());
    assert!(Host::at(&empty.path().join("missing")).examine().usable.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nonsense_in_any_file_panics_nowhere(bytes in proptest::collection::vec(any::<u8>(), 0..80), which: prop::sample::Index) {
        let machine = Machine::intel()
            .file("sys/bus/pci/devices/0000:00:03.0/resource", "")
            .file("sys/bus/pci/devices/0000:00:03.0/config", "")
            .file("proc/self/mountinfo", "")
            .file("proc/swaps", "")
            .file("sys/kernel/iommu_groups/3/reserved_regions", "");
        let mut files = Vec::new();
        let mut directories = vec![machine.root()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap().flatten() {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() { directories.push(entry.path()) } else if kind.is_file() { files.push(entry.path()) }
            }
        }
        files.sort();
        fs::write(which.get(&files), bytes).unwrap();
        let host = machine.host();
        let _ = host.examine();
        for device in host.pci_devices() {
            let _ = host.hindrances(&device);
        }
    }
}
