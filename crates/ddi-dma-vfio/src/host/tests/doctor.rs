//! Verdicts and mends: what is told of machines that have everything, little, or nothing.

use super::machine::Machine;
use crate::host::{Examination, Mend, Module, Topic, Verdict};

const NVME: &str = "0000:00:03.0";

/// The findings of a topic: verdict, text, mends.
fn found(examination: &Examination, topic: Topic) -> Vec<(Verdict, String, Vec<String>)> {
    let of_topic = examination.findings.iter().filter(|finding| finding.topic == topic);
    of_topic
        .map(|finding| {
            let mends = finding.mends.iter().map(ToString::to_string).collect();
            (finding.verdict, finding.text.clone(), mends)
        })
        .collect()
}

/// The only finding of a topic.
fn one(examination: &Examination, topic: Topic) -> (Verdict, String, Vec<String>) {
    let mut all = found(examination, topic);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The topics that keep VFIO from working.
fn bad(examination: &Examination) -> Vec<Topic> {
    let bad = examination.findings.iter().filter(|finding| finding.verdict == Verdict::Bad);
    bad.map(|finding| finding.topic).collect()
}

/// What keeps a machine's NVMe controller from a driver, each hindrance with its mends.
fn hindrances(machine: &Machine) -> Vec<String> {
    let host = machine.host();
    let device = host.pci_device(NVME.parse().unwrap()).unwrap();
    host.hindrances(&device).iter().map(ToString::to_string).collect()
}

#[test]
fn an_intel_machine_with_everything() {
    let machine = Machine::intel();
    let examination = machine.host().examine();
    let expected: &[Topic] = &[];
    assert_eq!(bad(&examination), expected, "{:#?}", examination.findings);
    assert_eq!(examination.usable, [NVME.parse().unwrap()]);
    assert!(examination.findings.iter().all(|finding| finding.verdict == Verdict::Good));
    let (_, text, _) = one(&examination, Topic::Iommu);
    assert_eq!(text, "Intel VT-d (1 unit), 1 group");
    let (_, text, _) = one(&examination, Topic::Kernel);
    assert_eq!(text, "Linux 6.1.0-30-amd64, started with intel_iommu=on iommu=pt");
    let (_, text, _) = one(&examination, Topic::HugePages);
    assert_eq!(text, "60 of 64 free of 2 MiB each");
    assert!(hindrances(&machine).is_empty());
}

#[test]
fn an_amd_machine() {
    let machine = Machine::intel()
        .without("sys/class/iommu/dmar0")
        .without("sys/firmware/acpi/tables/DMAR")
        .file("sys/class/iommu/ivhd0/amd-iommu/cap", "")
        .file("sys/firmware/acpi/tables/IVRS", "")
        .file("proc/cmdline", "quiet\n");
    let examination = machine.host().examine();
    assert_eq!(one(&examination, Topic::Iommu).1, "AMD-Vi (1 unit), 1 group");
    assert_eq!(examination.usable, [NVME.parse().unwrap()]);
}

#[test]
fn no_iommu_at_all() {
    let machine = Machine::bare().device(NVME, "1b36", "0010", "010802", Some("nvme"), None);
    let examination = machine.host().examine();
    let (verdict, text, mends) = one(&examination, Topic::Iommu);
    assert_eq!(verdict, Verdict::Bad);
    assert!(text.starts_with("there is none"), "{text}");
    assert!(mends[0].contains("switch on VT-d"), "{mends:?}");
    assert!(examination.usable.is_empty());
    let told = hindrances(&machine);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("no IOMMU stands between 0000:00:03.0 and memory"), "{told:?}");
    // A guest asks its host.
    let guest = machine.file("proc/cpuinfo", "flags\t: hypervisor\n").host().examine();
    assert!(one(&guest, Topic::Iommu).2[0].contains("-device intel-iommu"));
}

#[test]
fn an_iommu_that_the_kernel_leaves_alone() {
    let machine = Machine::bare().file("sys/firmware/acpi/tables/DMAR", "");
    let (verdict, text, mends) = one(&machine.host().examine(), Topic::Iommu);
    assert_eq!(
        (verdict, text.as_str()),
        (Verdict::Bad, "the machine has one (Intel VT-d), and the kernel does not use it")
    );
    assert_eq!(mends, ["add intel_iommu=on to the kernel's parameters in the boot loader, and boot again"]);
    let machine = machine.file("usr/sbin/update-grub", "").file("etc/default/grub", "");
    let (_, _, mends) = one(&machine.host().examine(), Topic::Iommu);
    let expected = "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on /' /etc/default/grub && sudo update-grub && \
                    sudo reboot";
    assert_eq!(mends, [expected]);
    let machine = Machine::bare()
        .file("sys/firmware/acpi/tables/IVRS", "")
        .file("proc/cmdline", "amd_iommu=off")
        .file("sbin/grubby", "")
        .root_asks();
    let (_, _, mends) = one(&machine.host().examine(), Topic::Iommu);
    assert_eq!(mends, ["grubby --update-kernel=ALL --remove-args=amd_iommu=off && reboot"]);
}

#[test]
fn a_group_with_company() {
    let machine = Machine::intel()
        .device("0000:00:03.1", "8086", "10d3", "020000", Some("e1000e"), Some(3))
        .device("0000:00:03.2", "8086", "a110", "060400", Some("pcieport"), Some(3))
        .root_asks();
    let examination = machine.host().examine();
    let (verdict, text, mends) = one(&examination, Topic::Device);
    assert_eq!(verdict, Verdict::Bad);
    assert!(text.contains("0000:00:03.1 is in IOMMU group 3 as well, bound to e1000e"), "{text}");
    let expected = [
        "echo vfio-pci > /sys/bus/pci/devices/0000:00:03.1/driver_override",
        "echo 0000:00:03.1 > /sys/bus/pci/devices/0000:00:03.1/driver/unbind",
        "echo 0000:00:03.1 > /sys/bus/pci/drivers_probe",
    ];
    assert_eq!(mends, expected);
    assert!(examination.usable.is_empty());
    // With its company given away as well, it can be used.
    let machine = machine.device("0000:00:03.1", "8086", "10d3", "020000", Some("vfio-pci"), Some(3));
    assert_eq!(machine.host().examine().usable.len(), 2);
}

#[test]
fn a_driver_of_the_kernel() {
    let machine =
        Machine::intel().device(NVME, "1b36", "0010", "010802", Some("nvme"), Some(3)).without("dev/vfio/3");
    let told = hindrances(&machine);
    let expected = [
        "0000:00:03.0 is bound to nvme, and not to vfio-pci\
         \n  echo vfio-pci | sudo tee /sys/bus/pci/devices/0000:00:03.0/driver_override\
         \n  echo 0000:00:03.0 | sudo tee /sys/bus/pci/devices/0000:00:03.0/driver/unbind\
         \n  echo 0000:00:03.0 | sudo tee /sys/bus/pci/drivers_probe",
        "/dev/vfio/3, which appears with the driver, will belong to root and not to jo\
         \n  sudo chown jo /dev/vfio/3",
    ];
    assert_eq!(told, expected);
    let (verdict, text, _) = one(&machine.host().examine(), Topic::Device);
    assert_eq!(
        (verdict, text.as_str()),
        (Verdict::Bad, "none is bound to vfio-pci, of 1 PCI device that could be")
    );
}

#[test]
fn no_permission() {
    let machine = Machine::intel().node("dev/vfio/3", 0o600).node("dev/vfio/vfio", 0o600);
    let examination = machine.host().examine();
    assert_eq!(bad(&examination), [Topic::Container, Topic::Device]);
    assert_eq!(one(&examination, Topic::Container).2, ["sudo chmod 0666 /dev/vfio/vfio"]);
    let (_, text, mends) = one(&examination, Topic::Device);
    assert!(text.contains("jo may not open /dev/vfio/3 (mode 0600, user "), "{text}");
    assert_eq!(mends, ["sudo chown jo /dev/vfio/3"]);
    assert_eq!(machine.root_asks().host().examine().usable.len(), 1);
}

#[test]
fn a_device_that_cannot_be_opened_hinders_no_other() {
    let machine = Machine::intel()
        .device("0000:00:04.0", "8086", "10d3", "020000", Some("vfio-pci"), Some(4))
        .node("dev/vfio/4", 0o600);
    let examination = machine.host().examine();
    let verdicts: Vec<Verdict> = found(&examination, Topic::Device).iter().map(|found| found.0).collect();
    assert_eq!(verdicts, [Verdict::Good, Verdict::Limited]);
    assert_eq!(examination.usable, [NVME.parse().unwrap()]);
}

#[test]
fn users_without_names() {
    let machine = Machine::intel().without("etc/passwd").node("dev/vfio/vfio", 0o600);
    let (_, text, mends) = one(&machine.host().examine(), Topic::Container);
    assert!(text.starts_with("user 4242 may not open /dev/vfio/vfio (mode 0600, user "), "{text}");
    assert_eq!(mends, ["sudo chmod 0666 /dev/vfio/vfio"]);
    let (_, text, _) = one(&machine.root_asks().host().examine(), Topic::Container);
    assert_eq!(text, "root may open it");
}

#[test]
fn little_locked_memory() {
    let told = |soft: &str, hard: &str| {
        one(&Machine::intel().memlock(soft, hard).host().examine(), Topic::LockedMemory)
    };
    let (verdict, text, mends) = told("8388608", "8388608");
    assert_eq!(
        (verdict, text.as_str()),
        (Verdict::Limited, "devices may reach 8 MiB at once (RLIMIT_MEMLOCK)")
    );
    assert_eq!(mends[0], "sudo prlimit --pid $$ --memlock=unlimited:unlimited");
    assert!(mends[1].contains("`jo - memlock unlimited`"), "{mends:?}");
    assert_eq!(told("4096", "unlimited").0, Verdict::Bad);
    assert_eq!(told("65536", "unlimited").2, ["ulimit -l unlimited"]);
    assert_eq!(told("65536", "134217728").2, ["ulimit -l 131072"]);
    assert_eq!(told("134217728", "134217728").0, Verdict::Good);
    // CAP_IPC_LOCK
    let machine = Machine::intel().memlock("0", "0").user("0000000000004000");
    assert_eq!(one(&machine.host().examine(), Topic::LockedMemory).0, Verdict::Good);
}

#[test]
fn modules_that_are_not_there() {
    let machine = Machine::intel()
        .without("sys/module/vfio_pci")
        .without("sys/module/vfio")
        .without("dev/vfio")
        .device(NVME, "1b36", "0010", "010802", None, Some(3));
    let unlisted = one(&machine.host().examine(), Topic::Module(Module::VfioPci));
    assert!(unlisted.1.contains("no list of modules in /lib/modules/6.1.0-30-amd64"), "{}", unlisted.1);
    let list = "lib/modules/6.1.0-30-amd64/modules.dep";
    let machine = machine.file(list, "kernel/drivers/vfio/pci/vfio-pci.ko:\n");
    let examination = machine.host().examine();
    let loadable = one(&examination, Topic::Module(Module::VfioPci));
    assert_eq!(
        (loadable.1.as_str(), loadable.2),
        ("vfio-pci is not loaded", vec!["sudo modprobe vfio-pci".to_owned()])
    );
    let absent = one(&examination, Topic::Module(Module::Vfio));
    assert_eq!(absent.1, "this kernel (6.1.0-30-amd64) has no vfio");
    assert!(absent.2[0].contains("CONFIG_VFIO=m"), "{:?}", absent.2);
    assert_eq!(one(&examination, Topic::Container).0, Verdict::Bad);
    assert!(hindrances(&machine)[0].starts_with("vfio-pci is not loaded\n  sudo modprobe vfio-pci"));
}

#[test]
fn interrupts_that_nothing_checks() {
    let machine = Machine::intel().file("proc/interrupts", " 24:  0  PCI-MSI 49152-edge  nvme0q0\n");
    let (verdict, _, mends) = one(&machine.host().examine(), Topic::Interrupts);
    assert_eq!(verdict, Verdict::Bad);
    let path = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";
    assert_eq!(mends[1], format!("echo Y | sudo tee {path}"));
    let machine = machine.file(path.trim_start_matches('/'), "Y\n");
    let examination = machine.host().examine();
    assert_eq!(one(&examination, Topic::Interrupts).0, Verdict::Limited);
    assert_eq!(examination.usable.len(), 1);
}

#[test]
fn firmware_that_keeps_a_device() {
    let regions = "0x00000000000e0000 0x00000000000fffff direct\n";
    let machine = Machine::intel().file("sys/kernel/iommu_groups/3/reserved_regions", regions);
    let examination = machine.host().examine();
    assert!(one(&examination, Topic::Device).1.contains("0xe0000..=0xfffff always (RMRR)"));
    assert!(examination.usable.is_empty());
}

#[test]
fn few_maps_and_no_huge_pages() {
    let machine = Machine::intel()
        .file("sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "16\n")
        .file("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
    let examination = machine.host().examine();
    assert_eq!(one(&examination, Topic::Maps).0, Verdict::Limited);
    let (verdict, _, mends) = one(&examination, Topic::HugePages);
    let expected = "echo 64 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
    assert_eq!((verdict, mends), (Verdict::Limited, vec![expected.to_owned()]));
    assert_eq!(examination.usable.len(), 1, "both are limits, and hinder nobody");
}

#[test]
fn bridges_and_iommus_stay_with_the_kernel() {
    for (class, what) in [("060400", "is a bridge"), ("080600", "is an IOMMU")] {
        let machine = Machine::intel().device(NVME, "8086", "a110", class, None, Some(3));
        let host = machine.host();
        let told = host.hindrances(&host.pci_device(NVME.parse().unwrap()).unwrap());
        assert_eq!(told.len(), 1);
        assert!(told[0].text.contains(what));
        assert_eq!(told[0].mends, Vec::<Mend>::new());
    }
}
