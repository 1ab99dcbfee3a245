//! What is read from a machine's files.

use super::machine::Machine;
use crate::host::{
    Access, BarInfo, BarKind, HugePages, InterruptRemapping, IommuKind, LockRule, MachineKind, Messages,
    Module, ModuleState, Protection, Role, Stance, SystemUse, UnsafeInterrupts,
};

const NVME: &str = "0000:00:03.0";

#[test]
fn a_pci_device_with_all_it_has() {
    let mut space = [0u8; 256];
    space[0x06] = 0x10;
    space[0x34] = 0x40;
    space[0x40..0x44].copy_from_slice(&[0x11, 0, 0x40, 0x80]);
    let directory = format!("sys/bus/pci/devices/{NVME}");
    let machine = Machine::bare()
        .device(NVME, "1b36", "0010", "010802", Some("nvme"), Some(7))
        .bytes(&format!("{directory}/config"), &space)
        .file(
            &format!("{directory}/resource"),
            "0x00000000febd0000 0x00000000febd3fff 0x0000000000140204\n\
             0x0000000000000000 0x0000000000000000 0x0000000000000000\n\
             0x000000000000c000 0x000000000000c03f 0x0000000000040101\n\
             0x0000380000000000 0x00003800000fffff 0x000000000014220c\n\
             0x0000000000000000 0x0000000000000000 0x0000000000000000\n\
             nonsense\n",
        )
        .file(&format!("{directory}/numa_node"), "1\n")
        .file(&format!("{directory}/driver_override"), "vfio-pci\n")
        .file(&format!("{directory}/reset_method"), "flr bus\n");
    let host = machine.host();
    let device = host.pci_device(NVME.parse().unwrap()).unwrap();
    assert_eq!((device.vendor, device.device, device.class), (0x1b36, 0x0010, 0x01_0802));
    assert_eq!((device.class_name(), device.role()), ("NVM Express controller", Role::Endpoint));
    assert_eq!(device.driver.as_deref(), Some("nvme"));
    assert_eq!(device.driver_override.as_deref(), Some("vfio-pci"));
    assert_eq!((device.group, device.numa_node), (Some(7), Some(1)));
    assert_eq!(device.messages, Some(Messages { msi: None, msi_x: Some(65) }));
    assert_eq!(device.resets, ["flr", "bus"]);
    let bar = |number, kind, length| BarInfo { number, kind, length };
    let expected = [
        bar(0, BarKind::Memory, 0x4000),
        bar(2, BarKind::Ports, 0x40),
        bar(3, BarKind::Prefetchable, 0x10_0000),
    ];
    assert_eq!(device.bars, expected);
    assert!(device.uses.is_empty());
    assert_eq!(host.pci_devices(), [device]);
    assert_eq!(host.pci_device("00:04.0".parse().unwrap()), None);
}

#[test]
fn groups_and_who_keeps_them() {
    let machine = Machine::bare()
        .device("0000:00:1f.0", "8086", "2918", "060100", Some("lpc_ich"), Some(9))
        .device("0000:00:1f.2", "8086", "2922", "010601", Some("vfio-pci"), Some(9))
        .device("0000:00:1f.3", "8086", "2930", "0c0500", None, Some(9))
        .device("0000:00:1c.0", "8086", "a110", "060400", Some("pcieport"), Some(10))
        .file("sys/kernel/iommu_groups/10/devices/INT33:00/uevent", "")
        .file("sys/kernel/iommu_groups/11/name", "vfio-noiommu\n")
        .file(
            "sys/kernel/iommu_groups/9/reserved_regions",
            "0x00000000000e0000 0x00000000000fffff direct\n\
             0x00000000fee00000 0x00000000feefffff msi\n\
             0x000000007d800000 0x000000007fffffff direct-relaxable\n",
        );
    let groups = machine.host().groups();
    assert_eq!(groups.iter().map(|group| group.number).collect::<Vec<_>>(), [9, 10, 11]);
    let stances = |index: usize| groups[index].members.iter().map(|member| member.stance).collect::<Vec<_>>();
    assert_eq!(stances(0), [Stance::Taken, Stance::Given, Stance::Idle]);
    assert_eq!(stances(1), [Stance::Idle, Stance::Idle]);
    let company: Vec<&str> =
        groups[0].company("00:1f.2".parse().unwrap()).map(|member| member.name.as_str()).collect();
    assert_eq!(company, ["0000:00:1f.0"]);
    assert_eq!(groups[0].firmware_memory, [(0xe_0000, 0xf_ffff)]);
    let protections = [Protection::Translated, Protection::Translated, Protection::None];
    assert_eq!(groups.iter().map(|group| group.protection).collect::<Vec<_>>(), protections);
}

#[test]
fn iommus_by_their_names() {
    let bare = Machine::bare();
    let iommu = bare.host().iommu();
    assert_eq!((iommu.kinds(), iommu.offered), (vec![], None));
    assert_eq!((iommu.remapping, iommu.machine), (InterruptRemapping::Off, MachineKind::Metal));
    let both = bare
        .file("sys/class/iommu/ivhd0/x", "")
        .file("sys/class/iommu/ivhd1/x", "")
        .file("sys/class/iommu/smmu3.0x0000000009050000/x", "")
        .file("sys/firmware/acpi/tables/IVRS", "")
        .file("proc/cpuinfo", "flags\t: fpu hypervisor sse2\n")
        .without("proc/interrupts");
    let iommu = both.host().iommu();
    assert_eq!(iommu.kinds(), [IommuKind::Amd, IommuKind::Smmu]);
    assert_eq!((iommu.units.len(), iommu.offered), (3, Some(IommuKind::Amd)));
    assert_eq!((iommu.remapping, iommu.machine), (InterruptRemapping::Unknown, MachineKind::Virtual));
}

#[test]
fn modules_in_all_their_states() {
    let host = Machine::bare();
    // No list of modules: nobody knows.
    assert_eq!(host.host().module(Module::VfioPci), ModuleState::Unlisted);
    let lists = host
        .file("lib/modules/6.1.0-30-amd64/modules.builtin", "kernel/drivers/uio/uio.ko\n")
        .file(
            "lib/modules/6.1.0-30-amd64/modules.dep",
            "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\n\
             kernel/drivers/vfio/vfio.ko.xz:\n",
        )
        .file("sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "100\n")
        .file("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n")
        .loaded("vfio");
    let states = Module::ALL.map(|module| lists.host().module(module));
    let expected = [
        ModuleState::Loaded,
        ModuleState::BuiltIn,
        ModuleState::Loadable,
        ModuleState::BuiltIn,
        ModuleState::Absent,
    ];
    assert_eq!(states, expected);
    let told = lists.host().type1_parameters();
    assert_eq!((told.most_maps, told.unsafe_interrupts), (Some(100), Some(UnsafeInterrupts::Allowed)));
    // A kernel that loads none, and a driver that is there without its module being told of.
    let monolith = Machine::bare().without("proc/modules").file("sys/bus/pci/drivers/vfio-pci/bind", "");
    assert_eq!(monolith.host().module(Module::VfioPci), ModuleState::BuiltIn);
    assert_eq!(monolith.host().module(Module::Vfio), ModuleState::Absent);
}

#[test]
fn a_process_and_its_limits() {
    let machine = Machine::bare().memlock("65536", "131072");
    let process = machine.host().process();
    assert_eq!((process.user, process.name().as_str(), process.is_root()), (4242, "jo", false));
    assert_eq!(process.groups, [4242, 4343, 4344]);
    assert_eq!(process.locked_memory.most(), Some(65536));
    assert_eq!(process.locked_memory.hard_limit, Some(131_072));
    // CAP_IPC_LOCK is bit 14.
    let process = machine.user("0000000000004000").host().process();
    assert_eq!((process.locked_memory.rule, process.locked_memory.most()), (LockRule::Exempt, None));
}

#[test]
fn nodes_and_who_may_open_them() {
    let machine =
        Machine::bare().node("dev/vfio/vfio", 0o660).node("dev/vfio/3", 0o666).node("dev/vfio/4", 0o604);
    let (host, process) = (machine.host(), machine.host().process());
    assert!(matches!(host.container_access(&process), Access::Denied { mode: 0o660, .. }));
    assert_eq!(host.group_access(3, &process), Access::Allowed);
    assert!(matches!(host.group_access(4, &process), Access::Denied { mode: 0o604, .. }));
    assert_eq!(host.group_access(5, &process), Access::Missing);
    // CAP_DAC_OVERRIDE is bit 1.
    let machine = machine.user("0000000000000002");
    assert_eq!(machine.host().container_access(&machine.host().process()), Access::Allowed);
}

#[test]
fn huge_pages_of_every_size() {
    let pages = |name: &str, what: &str| format!("sys/kernel/mm/hugepages/{name}/{what}");
    let machine = Machine::bare()
        .file(&pages("hugepages-2048kB", "nr_hugepages"), "8\n")
        .file(&pages("hugepages-2048kB", "free_hugepages"), "3\n")
        .file(&pages("hugepages-1048576kB", "nr_hugepages"), "1\n")
        .file(&pages("hugepages-1048576kB", "free_hugepages"), "0\n")
        .file(&pages("hugepages-nonsense", "nr_hugepages"), "1\n");
    let expected =
        [HugePages { size: 2 << 20, total: 8, free: 3 }, HugePages { size: 1 << 30, total: 1, free: 0 }];
    assert_eq!(machine.host().huge_pages(), expected);
}

#[test]
fn what_the_system_would_lose() {
    let machine = Machine::bare()
        .device(NVME, "1b36", "0010", "010802", Some("nvme"), Some(3))
        .device("0000:00:04.0", "8086", "10d3", "020000", Some("e1000e"), Some(4))
        .file("sys/devices/pci0000:00/0000:00:03.0/nvme/nvme0/nvme0n1/dev", "259:0\n")
        .link("sys/class/block/nvme0n1", "../../devices/pci0000:00/0000:00:03.0/nvme/nvme0/nvme0n1")
        .file("sys/devices/virtual/block/dm-0/dev", "254:0\n")
        .link("sys/class/block/dm-0", "../../devices/virtual/block/dm-0")
        .file("sys/devices/pci0000:00/0000:00:03.0/nvme/nvme0/nvme0n1/holders/dm-0", "")
        .file(
            "proc/self/mountinfo",
            "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/dm-0 rw\n\
             23 22 0:44 / /with\\040space rw - btrfs /dev/nvme0n1 rw\n\
             24 22 0:21 / /proc rw - proc proc rw\n",
        )
        .file("proc/swaps", "Filename Type Size Used Priority\n/dev/nvme0n1 partition 1 0 -2\n")
        .file("sys/devices/pci0000:00/0000:00:04.0/net/eth0/operstate", "up\n")
        .link("sys/class/net/eth0", "../../devices/pci0000:00/0000:00:04.0/net/eth0")
        .file("sys/devices/virtual/net/lo/operstate", "up\n")
        .link("sys/class/net/lo", "../../devices/virtual/net/lo");
    let devices = machine.host().pci_devices();
    let mounted = |block: &str, at: &str| SystemUse::Mounted { block: block.into(), at: at.into() };
    let expected = [
        mounted("nvme0n1", "/with space"),
        SystemUse::Swap { block: "nvme0n1".into() },
        mounted("dm-0", "/"),
    ];
    assert_eq!(devices[0].uses, expected);
    assert_eq!(devices[1].uses, [SystemUse::Network { interface: "eth0".into() }]);
    let told: Vec<String> = machine.host().hindrances(&devices[0]).iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "the system uses it: nvme0n1 is mounted at /with space\n  sudo umount '/with space'");
    assert_eq!(told[1], "the system uses it: nvme0n1 is swap space\n  sudo swapoff /dev/nvme0n1");
    assert!(told[2].ends_with("(the system runs from it: take another device)"), "{}", told[2]);
}

#[test]
fn parameters_end_where_those_of_init_begin() {
    let machine = Machine::bare().file("proc/cmdline", "a intel_iommu=off intel_iommu=on b -- iommu=off\n");
    let kernel = machine.host().kernel();
    assert_eq!(kernel.parameters, ["a", "intel_iommu=off", "intel_iommu=on", "b"]);
    assert_eq!((kernel.parameter("intel_iommu"), kernel.parameter("iommu")), (Some("on"), None));
}
