//! What mends a hindrance: commands as they are typed, and what no command does.

use core::fmt;

use super::{Host, Iommu, IommuKind, Kernel, MachineKind, Process};
use crate::PciAddress;

/// Something that mends a hindrance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mend {
    /// A command for a shell.
    Command(String),
    /// What is done otherwise, in words.
    ByHand(String),
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mend::Command(text) | Mend::ByHand(text) => f.write_str(text),
        }
    }
}

impl Mend {
    pub(super) fn by_hand(text: impl Into<String>) -> Mend {
        Mend::ByHand(text.into())
    }
}

/// Writes commands as the user of this process has to type them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typist<'a>(pub(super) &'a Process);

impl Typist<'_> {
    /// A command that root must run.
    pub(super) fn as_root(self, command: impl fmt::Display) -> Mend {
        Mend::Command(if self.0.is_root() { command.to_string() } else { format!("sudo {command}") })
    }

    /// Writing a word to a file of root's.
    pub(super) fn write(self, word: impl fmt::Display, path: impl fmt::Display) -> Mend {
        Mend::Command(if self.0.is_root() {
            format!("echo {word} > {path}")
        } else {
            format!("echo {word} | sudo tee {path}")
        })
    }

    /// Taking a device away from its driver, if any, and giving it to VFIO.
    pub(super) fn bind(self, device: PciAddress, driver: Option<&str>) -> Vec<Mend> {
        let directory = format!("/sys/bus/pci/devices/{device}");
        let mut mends = vec![self.write("vfio-pci", format!("{directory}/driver_override"))];
        if driver.is_some() {
            mends.push(self.write(device, format!("{directory}/driver/unbind")));
        }
        mends.push(self.write(device, "/sys/bus/pci/drivers_probe"));
        mends
    }

    /// Giving the node of a group to the user.
    pub(super) fn own(self, node: impl fmt::Display) -> Mend {
        self.as_root(format_args!("chown {} {node}", self.0.name()))
    }
}

impl Host {
    /// What gives the machine an IOMMU that the kernel uses.
    pub(super) fn iommu_mends(&self, iommu: &Iommu, kernel: &Kernel, typist: Typist<'_>) -> Vec<Mend> {
        let off = ["intel_iommu=off", "amd_iommu=off", "iommu=off"];
        let switched_off = kernel.parameters.iter().find(|word| off.contains(&word.as_str()));
        let mut mends = Vec::new();
        if let Some(word) = switched_off {
            mends.push(self.without_parameter(word, typist));
        }
        match (iommu.offered, iommu.machine) {
            (Some(IommuKind::Intel), _) if kernel.parameter("intel_iommu") != Some("on") => {
                mends.push(self.with_parameter("intel_iommu=on", typist));
            }
            (Some(_), _) if switched_off.is_some() => {}
            (Some(kind), _) => mends.push(Mend::by_hand(format!(
                "the firmware tells of {kind} and the kernel does not use it: `dmesg | grep -i -e iommu -e dmar` says why"
            ))),
            (None, MachineKind::Virtual) => mends.push(Mend::by_hand(
                "this is a virtual machine: its host has to give it an IOMMU (QEMU: -machine q35 -device \
                 intel-iommu,intremap=on, and intel_iommu=on for the kernel)",
            )),
            (None, MachineKind::Metal) => mends.push(Mend::by_hand(
                "the firmware tells of none: switch on VT-d, AMD-Vi or the SMMU in its set-up, where the machine has it",
            )),
        }
        mends
    }

    fn with_parameter(&self, word: &str, typist: Typist<'_>) -> Mend {
        match self.boot_loader() {
            BootLoader::Grubby => {
                typist.as_root(format_args!("grubby --update-kernel=ALL --args={word} && reboot"))
            }
            BootLoader::UpdateGrub => grub(format!("s/^GRUB_CMDLINE_LINUX=\"/&{word} /"), typist),
            BootLoader::Unknown => Mend::by_hand(format!(
                "add {word} to the kernel's parameters in the boot loader, and boot again"
            )),
        }
    }

    fn without_parameter(&self, word: &str, typist: Typist<'_>) -> Mend {
        match self.boot_loader() {
            BootLoader::Grubby => {
                typist.as_root(format_args!("grubby --update-kernel=ALL --remove-args={word} && reboot"))
            }
            BootLoader::UpdateGrub => grub(format!("/^GRUB_CMDLINE_LINUX/s/\\b{word}\\b//"), typist),
            BootLoader::Unknown => Mend::by_hand(format!(
                "take {word} from the kernel's parameters in the boot loader, and boot again"
            )),
        }
    }

    fn boot_loader(&self) -> BootLoader {
        let has = |program: &str| {
            ["/usr/sbin", "/sbin"].iter().any(|place| self.tree.exists(&format!("{place}/{program}")))
        };
        if has("grubby") {
            BootLoader::Grubby
        } else if has("update-grub") && self.tree.exists("/etc/default/grub") {
            BootLoader::UpdateGrub
        } else {
            BootLoader::Unknown
        }
    }
}

/// A word as a shell takes it for one.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// How the kernel's parameters are changed on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BootLoader {
    Grubby,
    UpdateGrub,
    Unknown,
}

/// An edit of GRUB's defaults that takes effect.
fn grub(edit: String, typist: Typist<'_>) -> Mend {
    let [sed, update, reboot] =
        [format!("sed -i '{edit}' /etc/default/grub"), "update-grub".into(), "reboot".into()]
            .map(|command: String| typist.as_root(command).to_string());
    Mend::Command(format!("{sed} && {update} && {reboot}"))
}
