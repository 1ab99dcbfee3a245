//! The examination of a machine: all that VFIO needs, one finding each, with what mends it.

use core::fmt;

use super::hindrance::{Hindrance, firmware_memory};
use super::mend::Typist;
use super::{
    Access, Host, InterruptRemapping, Iommu, LockRule, LockedMemory, Mend, Module, PciDevice, Process,
    Protection, Role, UnsafeInterrupts,
};
use crate::PciAddress;

/// Locked memory that drivers get along with: rings, a copy buffer and some objects in flight.
const LOCKED_MEMORY_ENOUGH: u64 = 64 << 20;

/// The least that a driver needs: its rings.
const LOCKED_MEMORY_LEAST: u64 = 64 << 10;

/// What was found on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The findings, in an order in which they can be mended.
    pub findings: Vec<Finding>,
    /// The devices that this process can open now; nothing where VFIO cannot be used.
    pub usable: Vec<PciAddress>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub topic: Topic,
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// What there is.
    pub text: String,
    /// What mends it, in order.
    pub mends: Vec<Mend>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The kernel's release.
    Kernel,
    /// Whether there is an IOMMU.
    Iommu,
    /// Whether interrupts are remapped.
    Interrupts,
    /// A module that VFIO needs.
    Module(Module),
    /// How many maps a container has.
    Maps,
    /// The node that containers are made by.
    Container,
    /// A device that is bound to `vfio-pci`, or that none is.
    Device,
    /// How much memory may be locked.
    LockedMemory,
    /// Huge pages.
    HugePages,
    /// What drivers use where there is no IOMMU.
    WithoutIommu,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Kernel => f.pad("kernel"),
            Topic::Iommu => f.pad("IOMMU"),
            Topic::Interrupts => f.pad("interrupts"),
            Topic::Module(module) => f.pad(module.name()),
            Topic::Maps => f.pad("maps"),
            Topic::Container => f.pad("/dev/vfio/vfio"),
            Topic::Device => f.pad("device"),
            Topic::LockedMemory => f.pad("locked memory"),
            Topic::HugePages => f.pad("huge pages"),
            Topic::WithoutIommu => f.pad("without IOMMU"),
        }
    }
}

/// What is to be thought of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is as it should be, or is told for information alone.
    Good,
    /// VFIO works with it, but slowly or with less.
    Limited,
    /// VFIO does not work before it is mended.
    Bad,
}

impl Finding {
    fn new(topic: Topic, verdict: Verdict, text: impl Into<String>) -> Self {
        Finding { topic, verdict, text: text.into(), mends: Vec::new() }
    }

    fn bad(topic: Topic, hindrance: Hindrance) -> Self {
        Finding { topic, verdict: Verdict::Bad, text: hindrance.text, mends: hindrance.mends }
    }

    fn mended_by(self, mends: impl IntoIterator<Item = Mend>) -> Self {
        Finding { mends: mends.into_iter().collect(), ..self }
    }
}

impl Host {
    /// Looks at all that VFIO needs, and at what it is the better for.
    ///
    /// ```
    /// use ddi_dma_vfio::host::{Host, Verdict};
    ///
    /// let examination = Host::this().examine();
    /// for finding in examination.findings.iter().filter(|finding| finding.verdict == Verdict::Bad) {
    ///     println!("{}: {}", finding.topic, finding.text);
    ///     finding.mends.iter().for_each(|mend| println!("  {mend}"));
    /// }
    /// ```
    pub fn examine(&self) -> Examination {
        let process = self.process();
        let typist = Typist(&process);
        let mut findings = vec![self.examine_kernel(), self.examine_iommu(typist)];
        findings.push(self.examine_interrupts(typist));
        findings.extend(
            [Module::Vfio, Module::Type1, Module::VfioPci].map(|module| self.examine_module(module, typist)),
        );
        findings.extend(self.examine_maps());
        findings.push(self.examine_container(&process));
        findings.push(examine_locked_memory(&process));
        findings.push(self.examine_huge_pages(typist));
        let ready = findings.iter().all(|finding| finding.verdict != Verdict::Bad);
        let (devices, open) = self.examine_devices(&process);
        findings.extend(devices);
        findings.push(self.examine_uio());
        Examination { findings, usable: if ready { open } else { Vec::new() } }
    }

    fn examine_kernel(&self) -> Finding {
        let kernel = self.kernel();
        if kernel.release.is_empty() {
            let finding =
                Finding::new(Topic::Kernel, Verdict::Bad, "/proc does not tell the kernel's release");
            return finding.mended_by([Mend::Command("mount -t proc proc /proc".into())]);
        }
        let parameters: Vec<&str> =
            kernel.parameters.iter().map(String::as_str).filter(|word| word.contains("iommu")).collect();
        let text = match &parameters[..] {
            [] => format!("Linux {}, no parameters about IOMMUs", kernel.release),
            some => format!("Linux {}, started with {}", kernel.release, some.join(" ")),
        };
        Finding::new(Topic::Kernel, Verdict::Good, text)
    }

    fn examine_iommu(&self, typist: Typist<'_>) -> Finding {
        let iommu = self.iommu();
        let groups = self.groups();
        let translated = groups.iter().filter(|group| group.protection == Protection::Translated).count();
        if translated > 0 {
            let text = format!("{}, {}", units(&iommu), counted(translated, "group"));
            return Finding::new(Topic::Iommu, Verdict::Good, text);
        }
        let text = match (iommu.offered, iommu.units.is_empty()) {
            (_, false) => format!("{}, but no device is behind it", units(&iommu)),
            (Some(kind), true) => format!("the machine has one ({kind}), and the kernel does not use it"),
            (None, true) => "there is none: no groups in /sys/kernel/iommu_groups".to_owned(),
        };
        let mends = self.iommu_mends(&iommu, &self.kernel(), typist);
        Finding::new(Topic::Iommu, Verdict::Bad, text).mended_by(mends)
    }

    fn examine_interrupts(&self, typist: Typist<'_>) -> Finding {
        let topic = Topic::Interrupts;
        let allowed = self.type1_parameters().unsafe_interrupts == Some(UnsafeInterrupts::Allowed);
        match self.iommu().remapping {
            InterruptRemapping::On => {
                Finding::new(topic, Verdict::Good, "remapped: a device raises its own and no others")
            }
            InterruptRemapping::Unknown => {
                Finding::new(topic, Verdict::Good, "the kernel does not tell whether they are remapped")
            }
            InterruptRemapping::Off if allowed => Finding::new(
                topic,
                Verdict::Limited,
                "not remapped, and allowed all the same: a device could raise any of them",
            ),
            InterruptRemapping::Off => {
                let has_groups = !self.groups().is_empty();
                match self.open_interrupts(typist) {
                    Some(hindrance) if has_groups => Finding::bad(topic, hindrance),
                    _ => {
                        Finding::new(topic, Verdict::Limited, "not remapped, as there is no IOMMU that would")
                    }
                }
            }
        }
    }

    fn examine_module(&self, module: Module, typist: Typist<'_>) -> Finding {
        let topic = Topic::Module(module);
        match self.module_hindrance(module, typist) {
            Some(hindrance) => Finding::bad(topic, hindrance),
            None => Finding::new(topic, Verdict::Good, format!("{}", self.module(module))),
        }
    }

    fn examine_maps(&self) -> Option<Finding> {
        const USUAL: u64 = 65_535;
        let most = self.type1_parameters().most_maps?;
        let text = format!("{most} at once in a container (dma_entry_limit)");
        if most >= USUAL {
            return Some(Finding::new(Topic::Maps, Verdict::Good, text));
        }
        let mend = Mend::by_hand(format!(
            "take dma_entry_limit={most} from the options of vfio_iommu_type1 in /etc/modprobe.d, and load it again"
        ));
        Some(Finding::new(Topic::Maps, Verdict::Limited, text).mended_by([mend]))
    }

    fn examine_container(&self, process: &Process) -> Finding {
        match self.container_hindrance(process) {
            Some(hindrance) => Finding::bad(Topic::Container, hindrance),
            None => Finding::new(Topic::Container, Verdict::Good, format!("{} may open it", process.who())),
        }
    }

    /// Looks at the devices that are bound to `vfio-pci`; those among them that this process can open.
    fn examine_devices(&self, process: &Process) -> (Vec<Finding>, Vec<PciAddress>) {
        let devices = self.pci_devices();
        let given: Vec<&PciDevice> = devices.iter().filter(|device| device.is_given()).collect();
        if given.is_empty() {
            return (vec![no_device(&devices)], Vec::new());
        }
        let mut open = Vec::new();
        let mut findings = Vec::new();
        for device in given {
            let name = format!("{} ({})", device.address, device.class_name());
            let hindrances = self.device_hindrances(device, process);
            if hindrances.is_empty() {
                open.push(device.address);
                let group = device.group.map_or_else(String::new, |group| format!(", IOMMU group {group}"));
                findings.push(Finding::new(
                    Topic::Device,
                    Verdict::Good,
                    format!("{name}{group}: can be opened"),
                ));
            }
            findings.extend(hindrances.into_iter().map(|Hindrance { text, mends }| {
                Finding::new(Topic::Device, Verdict::Bad, format!("{name}: {text}")).mended_by(mends)
            }));
        }
        if !open.is_empty() {
            // What keeps some devices away hinders none of the others.
            findings.iter_mut().for_each(|finding| finding.verdict = finding.verdict.min(Verdict::Limited));
        }
        (findings, open)
    }

    /// What keeps a device that is bound to `vfio-pci` from being opened, beside what all devices need.
    fn device_hindrances(&self, device: &PciDevice, process: &Process) -> Vec<Hindrance> {
        let typist = Typist(process);
        let group = device.group.and_then(|number| self.group(number));
        let Some(group) = group.filter(|group| group.protection == Protection::Translated) else {
            let text = "no IOMMU stands between it and memory".to_owned();
            return vec![Hindrance { text, mends: Vec::new() }];
        };
        let mut found: Vec<Hindrance> = firmware_memory(&group).into_iter().collect();
        found.extend(self.company(device, &group, typist));
        found.extend(match self.group_access(group.number, process) {
            Access::Missing => Some(Hindrance {
                text: format!("/dev/vfio/{} is not there", group.number),
                mends: vec![Mend::by_hand("see that udev runs, or that the container is given the node")],
            }),
            _ => self.locked_out(group.number, process),
        });
        found
    }

    fn examine_huge_pages(&self, typist: Typist<'_>) -> Finding {
        let topic = Topic::HugePages;
        let sizes = self.huge_pages();
        let Some(smallest) = sizes.first() else {
            return Finding::new(
                topic,
                Verdict::Limited,
                "this kernel has none: every map is made of small pages",
            );
        };
        let told: Vec<String> = sizes
            .iter()
            .filter(|pages| pages.total > 0)
            .map(|pages| format!("{} of {} free of {} each", pages.free, pages.total, size(pages.size)))
            .collect();
        let mend = || {
            let path = format!("/sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages", smallest.size / 1024);
            typist.write(smallest.total + 64, path)
        };
        if told.is_empty() {
            let text = "none are reserved: large buffers are mapped by small pages";
            return Finding::new(topic, Verdict::Limited, text).mended_by([mend()]);
        }
        let free = sizes.iter().any(|pages| pages.free > 0);
        let verdict = if free { Verdict::Good } else { Verdict::Limited };
        Finding::new(topic, verdict, told.join(", ")).mended_by((!free).then(mend))
    }

    fn examine_uio(&self) -> Finding {
        let module = Module::UioPciGeneric;
        let text = format!(
            "{} {}; drivers over it reach all of memory, so they are opened by an explicit word only",
            module.name(),
            self.module(module)
        );
        Finding::new(Topic::WithoutIommu, Verdict::Good, text)
    }
}

/// That no device was given to VFIO, and how many could be.
fn no_device(devices: &[PciDevice]) -> Finding {
    let endpoints = devices.iter().filter(|device| device.role() == Role::Endpoint).count();
    let text = match endpoints {
        0 => "this machine has no PCI device for a driver".to_owned(),
        some => format!("none is bound to vfio-pci, of {} that could be", counted(some, "PCI device")),
    };
    let finding = Finding::new(Topic::Device, Verdict::Bad, text);
    let mend = Mend::by_hand("`ddi-dma devices` shows them, and for each the commands that bind it");
    finding.mended_by((endpoints > 0).then_some(mend))
}

fn examine_locked_memory(process: &Process) -> Finding {
    let topic = Topic::LockedMemory;
    let LockedMemory { rule, limit, hard_limit } = process.locked_memory;
    let limit = match (rule, limit) {
        (LockRule::Exempt, _) => {
            return Finding::new(topic, Verdict::Good, "without limit: this process has CAP_IPC_LOCK");
        }
        (LockRule::Limited, None) => return Finding::new(topic, Verdict::Good, "without limit"),
        (LockRule::Limited, Some(limit)) => limit,
    };
    let text = format!("devices may reach {} at once (RLIMIT_MEMLOCK)", size(limit));
    let verdict = match limit {
        LOCKED_MEMORY_ENOUGH.. => return Finding::new(topic, Verdict::Good, text),
        LOCKED_MEMORY_LEAST.. => Verdict::Limited,
        _ => Verdict::Bad,
    };
    let mut mends = Vec::new();
    if hard_limit.is_none_or(|hard| hard >= LOCKED_MEMORY_ENOUGH) {
        let raised = hard_limit.map_or_else(|| "unlimited".to_owned(), |hard| (hard / 1024).to_string());
        mends.push(Mend::Command(format!("ulimit -l {raised}")));
    } else {
        mends.push(Typist(process).as_root("prlimit --pid $$ --memlock=unlimited:unlimited"));
        mends.push(Mend::by_hand(format!(
            "for good: a line `{} - memlock unlimited` in /etc/security/limits.d/vfio.conf",
            process.name()
        )));
    }
    Finding::new(topic, verdict, text).mended_by(mends)
}

fn units(iommu: &Iommu) -> String {
    let kinds: Vec<String> = iommu.kinds().iter().map(ToString::to_string).collect();
    match iommu.units.len() {
        0 => "one that /sys/class/iommu does not name".to_owned(),
        number => format!("{} ({})", kinds.join(" and "), counted(number, "unit")),
    }
}

/// A number of things: `1 group`, `2 groups`.
fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Bytes, in the largest unit of 1024 that leaves no rest.
fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units.iter().find(|(_, shift)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    whole.map_or_else(|| format!("{bytes} bytes"), |(unit, shift)| format!("{} {unit}", bytes >> shift))
}
