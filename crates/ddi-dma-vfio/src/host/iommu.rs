//! The IOMMU: whether there is one, of which kind, and whether interrupts are remapped.

use core::fmt;

use super::Host;

/// What is known of the machine's IOMMUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iommu {
    /// Those that the kernel uses.
    pub units: Vec<IommuUnit>,
    /// The kind that the firmware tells of, whether or not the kernel uses it.
    pub offered: Option<IommuKind>,
    /// Whether interrupts of devices are remapped.
    pub remapping: InterruptRemapping,
    /// Whether the machine is a virtual one, whose IOMMU is its host's affair.
    pub machine: MachineKind,
}

/// An IOMMU that the kernel uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IommuUnit {
    /// Its name, as in `/sys/class/iommu`.
    pub name: String,
    /// What it is.
    pub kind: IommuKind,
}

/// A kind of IOMMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IommuKind {
    /// Intel's VT-d.
    Intel,
    /// AMD-Vi.
    Amd,
    /// Arm's SMMU.
    Smmu,
    /// The one of virtual machines.
    Virtio,
    /// RISC-V's.
    RiscV,
    /// Another one.
    Other,
}

/// Whether interrupts of devices are remapped. Where they are not, a device can raise any interrupt by writing to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InterruptRemapping {
    /// They are.
    On,
    /// They are not.
    Off,
    /// The kernel does not tell.
    Unknown,
}

/// Whether a machine is made of metal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MachineKind {
    /// It is, as far as one can see.
    Metal,
    /// It is a guest.
    Virtual,
}

impl Iommu {
    /// The kinds of the units, each once.
    pub fn kinds(&self) -> Vec<IommuKind> {
        let mut kinds: Vec<IommuKind> = Vec::new();
        for unit in &self.units {
            if !kinds.contains(&unit.kind) {
                kinds.push(unit.kind);
            }
        }
        kinds
    }
}

impl IommuKind {
    fn of_unit(name: &str) -> IommuKind {
        let prefixes = [
            ("dmar", IommuKind::Intel),
            ("ivhd", IommuKind::Amd),
            ("smmu", IommuKind::Smmu),
            ("virtio", IommuKind::Virtio),
            ("riscv-iommu", IommuKind::RiscV),
        ];
        let found = prefixes.iter().find(|(prefix, _)| name.starts_with(prefix));
        found.map_or(IommuKind::Other, |(_, kind)| *kind)
    }
}

impl fmt::Display for IommuKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IommuKind::Intel => "Intel VT-d",
            IommuKind::Amd => "AMD-Vi",
            IommuKind::Smmu => "Arm SMMU",
            IommuKind::Virtio => "virtio-iommu",
            IommuKind::RiscV => "RISC-V IOMMU",
            IommuKind::Other => "an IOMMU of another kind",
        })
    }
}

impl Host {
    /// Tells what is known of the machine's IOMMUs.
    pub fn iommu(&self) -> Iommu {
        let names = self.tree.names("/sys/class/iommu").into_iter();
        let units = names.map(|name| IommuUnit { kind: IommuKind::of_unit(&name), name }).collect();
        Iommu {
            units,
            offered: self.offered_iommu(),
            remapping: self.interrupt_remapping(),
            machine: self.machine_kind(),
        }
    }

    /// What the firmware's tables tell of.
    fn offered_iommu(&self) -> Option<IommuKind> {
        let tables = [
            ("DMAR", IommuKind::Intel),
            ("IVRS", IommuKind::Amd),
            ("VIOT", IommuKind::Virtio),
            ("IORT", IommuKind::Smmu),
        ];
        let told = |table: &str| self.tree.exists(&format!("/sys/firmware/acpi/tables/{table}"));
        tables.into_iter().find(|(table, _)| told(table)).map(|(_, kind)| kind)
    }

    /// Interrupts that are remapped have chips of their own: `IR-PCI-MSI`, `IR-IO-APIC`.
    fn interrupt_remapping(&self) -> InterruptRemapping {
        let Some(interrupts) = self.tree.text("/proc/interrupts") else { return InterruptRemapping::Unknown };
        let mut chips = interrupts.split_whitespace();
        if chips.any(|word| word.starts_with("IR-")) {
            InterruptRemapping::On
        } else if interrupts.contains("IO-APIC") || interrupts.contains("PCI-MSI") {
            InterruptRemapping::Off
        } else {
            InterruptRemapping::Unknown
        }
    }

    fn machine_kind(&self) -> MachineKind {
        let processor = self.tree.text("/proc/cpuinfo").unwrap_or_default();
        let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        if flags.split_whitespace().any(|flag| flag == "hypervisor") {
            MachineKind::Virtual
        } else {
            MachineKind::Metal
        }
    }
}
