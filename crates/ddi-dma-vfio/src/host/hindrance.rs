//! What stands between a device and a driver in user space.

use core::fmt;

use super::in_use;
use super::mend::{Typist, quoted};
use super::{
    Access, Host, InterruptRemapping, IommuGroup, Mend, Module, ModuleState, PciDevice, Process, Protection,
    Role, SystemUse, UnsafeInterrupts,
};

/// Something that keeps a device from user space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    /// What it is.
    pub text: String,
    /// What mends it, in order; nothing where nothing does.
    pub mends: Vec<Mend>,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.mends.iter().try_for_each(|mend| match mend {
            Mend::Command(command) => write!(f, "\n  {command}"),
            Mend::ByHand(text) => write!(f, "\n  ({text})"),
        })
    }
}

impl Host {
    /// Tells what keeps a device from VFIO, in the order in which it is mended; nothing where it can be opened.
    ///
    /// What the system does with the device comes first: it would lose that.
    pub fn hindrances(&self, device: &PciDevice) -> Vec<Hindrance> {
        let kept = match device.role() {
            Role::Endpoint => None,
            Role::Bridge => Some("is a bridge: the kernel needs it for what is behind it"),
            Role::Iommu => Some("is an IOMMU: the kernel itself drives it"),
        };
        if let Some(kept) = kept {
            return vec![Hindrance { text: format!("{} {kept}", device.address), mends: Vec::new() }];
        }
        let process = self.process();
        let typist = Typist(&process);
        let mut found: Vec<Hindrance> = device.uses.iter().map(|used| system_use(used, typist)).collect();
        match device.group.and_then(|number| self.group(number)) {
            None => found.push(self.without_iommu(device, typist)),
            Some(group) if group.protection == Protection::None => {
                found.push(self.without_iommu(device, typist))
            }
            Some(group) => {
                found.extend(firmware_memory(&group));
                found.extend(self.module_hindrance(Module::VfioPci, typist));
                found.extend(self.module_hindrance(Module::Type1, typist));
                found.extend(self.open_interrupts(typist));
                if !device.is_given() {
                    found.push(not_bound(device, typist));
                }
                found.extend(self.company(device, &group, typist));
                if self.module(Module::Vfio).works() {
                    found.extend(self.container_hindrance(&process));
                }
                found.extend(self.locked_out(group.number, &process));
            }
        }
        found
    }

    fn without_iommu(&self, device: &PciDevice, typist: Typist<'_>) -> Hindrance {
        let text = format!("no IOMMU stands between {} and memory", device.address);
        Hindrance { text, mends: self.iommu_mends(&self.iommu(), &self.kernel(), typist) }
    }

    /// What is wrong with a module.
    pub(super) fn module_hindrance(&self, module: Module, typist: Typist<'_>) -> Option<Hindrance> {
        let (name, option) = (module.name(), module.option());
        let release = self.kernel().release;
        let (text, mend) = match self.module(module) {
            ModuleState::BuiltIn | ModuleState::Loaded => return None,
            ModuleState::Loadable => {
                (format!("{name} is not loaded"), typist.as_root(format_args!("modprobe {name}")))
            }
            ModuleState::Absent => (
                format!("this kernel ({release}) has no {name}"),
                Mend::by_hand(format!("run a kernel that is built with {option}=m or =y")),
            ),
            ModuleState::Unlisted => (
                format!("{name} is not loaded, and there is no list of modules in /lib/modules/{release}"),
                Mend::by_hand(format!(
                    "install the modules of kernel {release}; if it has none of this name, take one that is built with \
                     {option}=m or =y"
                )),
            ),
        };
        Some(Hindrance { text, mends: vec![mend] })
    }

    /// What keeps this process from containers.
    pub(super) fn container_hindrance(&self, process: &Process) -> Option<Hindrance> {
        let node = "/dev/vfio/vfio";
        let typist = Typist(process);
        let (text, mends) = match self.container_access(process) {
            Access::Allowed => return None,
            Access::Denied { mode, owner, group } => (
                format!(
                    "{} may not open {node} (mode {mode:04o}, user {owner}, group {group})",
                    process.who()
                ),
                vec![typist.as_root(format_args!("chmod 0666 {node}"))],
            ),
            Access::Missing if self.module(Module::Vfio).works() => (
                // An initial file system without udev, or a container that was given no such node.
                format!("{node} is not there, though the kernel has VFIO"),
                vec![
                    typist.as_root("mkdir -p /dev/vfio"),
                    typist.as_root(format_args!("mknod -m 0666 {node} c 10 196")),
                ],
            ),
            Access::Missing => {
                (format!("{node} is not there"), vec![Mend::by_hand("it appears with the module vfio")])
            }
        };
        Some(Hindrance { text, mends })
    }

    /// Interrupts that nothing checks, where that is not allowed.
    pub(super) fn open_interrupts(&self, typist: Typist<'_>) -> Option<Hindrance> {
        let allowed = self.type1_parameters().unsafe_interrupts == Some(UnsafeInterrupts::Allowed);
        if allowed || self.iommu().remapping != InterruptRemapping::Off {
            return None;
        }
        let text =
            "interrupts are not remapped, so a device could raise any of them, and VFIO refuses".to_owned();
        let mends = vec![
            Mend::by_hand(
                "switch interrupt remapping on, in the firmware's set-up or for QEMU by intremap=on; or, where \
                the device is trusted:",
            ),
            typist.write("Y", "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"),
        ];
        Some(Hindrance { text, mends })
    }

    /// Other devices of the group that drivers of the kernel have, and what the system does with them.
    pub(super) fn company(
        &self,
        device: &PciDevice,
        group: &IommuGroup,
        typist: Typist<'_>,
    ) -> Vec<Hindrance> {
        let mut found = Vec::new();
        for member in group.company(device.address) {
            let driver = member.driver.as_deref().unwrap_or("a driver");
            let uses = member.address.map(|address| in_use::uses(&self.tree, address)).unwrap_or_default();
            found.extend(uses.iter().map(|used| system_use(used, typist)));
            let text = format!(
                "{} is in IOMMU group {} as well, bound to {driver}: a group is given away whole",
                member.name, group.number
            );
            let mends = match member.address {
                Some(address) => typist.bind(address, Some(driver)),
                None => vec![Mend::by_hand("it is no PCI device: unbind its driver, or take another device")],
            };
            found.push(Hindrance { text, mends });
        }
        found
    }

    /// A node of a group that this process may not open. Before the device is bound there is none.
    pub(super) fn locked_out(&self, group: u32, process: &Process) -> Option<Hindrance> {
        let node = format!("/dev/vfio/{group}");
        let typist = Typist(process);
        let text = match self.group_access(group, process) {
            Access::Allowed => return None,
            Access::Missing if process.is_root() => return None,
            Access::Missing => {
                format!(
                    "{node}, which appears with the driver, will belong to root and not to {}",
                    process.who()
                )
            }
            Access::Denied { mode, owner, group } => {
                let user = process.who();
                format!("{user} may not open {node} (mode {mode:04o}, user {owner}, group {group})")
            }
        };
        Some(Hindrance { text, mends: vec![typist.own(node)] })
    }
}

fn system_use(used: &SystemUse, typist: Typist<'_>) -> Hindrance {
    let mend = match used {
        SystemUse::Mounted { at, .. } if matches!(at.as_str(), "/" | "/usr" | "/boot" | "/nix" | "/var") => {
            Mend::by_hand("the system runs from it: take another device")
        }
        SystemUse::Mounted { at, .. } => typist.as_root(format_args!("umount {}", quoted(at))),
        SystemUse::Swap { block } => typist.as_root(format_args!("swapoff /dev/{block}")),
        SystemUse::Network { interface } => typist.as_root(format_args!("ip link set {interface} down")),
    };
    Hindrance { text: format!("the system uses it: {used}"), mends: vec![mend] }
}

/// Memory that the firmware keeps for a group.
pub(super) fn firmware_memory(group: &IommuGroup) -> Option<Hindrance> {
    let (first, last) = group.firmware_memory.first()?;
    let text = format!(
        "the firmware wants the devices of IOMMU group {} to reach {first:#x}..={last:#x} always (RMRR), so the kernel \
         gives none of them away",
        group.number
    );
    Some(Hindrance { text, mends: vec![Mend::by_hand("take another device, or other firmware settings")] })
}

fn not_bound(device: &PciDevice, typist: Typist<'_>) -> Hindrance {
    let driver = device.driver.as_deref();
    let text = match driver {
        Some(driver) => format!("{} is bound to {driver}, and not to vfio-pci", device.address),
        None => format!("{} is bound to no driver, and not to vfio-pci", device.address),
    };
    Hindrance { text, mends: typist.bind(device.address, driver) }
}
