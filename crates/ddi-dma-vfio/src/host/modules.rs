//! Modules of the kernel.

use core::fmt;

use super::Host;

/// A module that VFIO, or a driver in user space without an IOMMU, is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Module {
    /// `vfio`: containers and groups.
    Vfio,
    /// `vfio_iommu_type1`: maps for an IOMMU.
    Type1,
    /// `vfio-pci`: the driver that gives PCI devices to user space.
    VfioPci,
    /// `uio`: devices in user space, without any protection.
    Uio,
    /// `uio_pci_generic`: the same for PCI devices.
    UioPciGeneric,
}

impl Module {
    /// All of them.
    pub const ALL: [Module; 5] =
        [Module::Vfio, Module::Type1, Module::VfioPci, Module::Uio, Module::UioPciGeneric];

    /// Its name, as `modprobe` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Module::Vfio => "vfio",
            Module::Type1 => "vfio_iommu_type1",
            Module::VfioPci => "vfio-pci",
            Module::Uio => "uio",
            Module::UioPciGeneric => "uio_pci_generic",
        }
    }

    /// The option that a kernel is built with to have it.
    pub const fn option(self) -> &'static str {
        match self {
            Module::Vfio => "CONFIG_VFIO",
            Module::Type1 => "CONFIG_VFIO_IOMMU_TYPE1",
            Module::VfioPci => "CONFIG_VFIO_PCI",
            Module::Uio => "CONFIG_UIO",
            Module::UioPciGeneric => "CONFIG_UIO_PCI_GENERIC",
        }
    }

    /// What is there once it works, also where it is built in and `/sys/module` does not tell of it.
    const fn trace(self) -> &'static str {
        match self {
            Module::Vfio => "/sys/class/misc/vfio",
            Module::Type1 => "/sys/module/vfio_iommu_type1",
            Module::VfioPci => "/sys/bus/pci/drivers/vfio-pci",
            Module::Uio => "/sys/class/uio",
            Module::UioPciGeneric => "/sys/bus/pci/drivers/uio_pci_generic",
        }
    }
}

/// Whether a module works, or could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModuleState {
    /// It is part of the kernel.
    BuiltIn,
    /// It was loaded.
    Loaded,
    /// `modprobe` would load it.
    Loadable,
    /// The kernel has no such module.
    Absent,
    /// It is not loaded, and no list tells which modules the kernel has: `/lib/modules` has none for its release.
    Unlisted,
}

impl ModuleState {
    /// Whether it works now.
    pub fn works(self) -> bool {
        matches!(self, ModuleState::BuiltIn | ModuleState::Loaded)
    }
}

impl fmt::Display for ModuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModuleState::BuiltIn => "is built in",
            ModuleState::Loaded => "is loaded",
            ModuleState::Absent => "is not part of this kernel",
            ModuleState::Loadable | ModuleState::Unlisted => "is not loaded",
        })
    }
}

/// What `vfio_iommu_type1` was told, where it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Type1Parameters {
    /// The most maps of one container (`dma_entry_limit`).
    pub most_maps: Option<u64>,
    /// Whether devices are given away though their interrupts are not remapped (`allow_unsafe_interrupts`).
    pub unsafe_interrupts: Option<UnsafeInterrupts>,
}

/// Whether a device may be given away whose interrupts are not remapped: it could raise those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnsafeInterrupts {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

impl Host {
    /// Tells whether a module works, or could.
    pub fn module(&self, module: Module) -> ModuleState {
        let name = plain(module.name());
        // Only what was loaded has a state there; what is built in has its parameters alone.
        if self.tree.exists(&format!("/sys/module/{name}/initstate")) {
            return ModuleState::Loaded;
        }
        if self.tree.exists(&format!("/sys/module/{name}")) || self.tree.exists(module.trace()) {
            return ModuleState::BuiltIn;
        }
        let directory = format!("/lib/modules/{}", self.kernel().release);
        let listed = |list: &str| {
            let list = self.tree.text(&format!("{directory}/{list}"))?;
            Some(list.lines().any(|line| file_is(line, &name)))
        };
        match (listed("modules.builtin"), listed("modules.dep")) {
            (Some(true), _) => ModuleState::BuiltIn,
            (_, Some(true)) => ModuleState::Loadable,
            (_, Some(false)) => ModuleState::Absent,
            (_, None) if !self.tree.exists("/proc/modules") && self.tree.exists("/proc/version") => {
                // A kernel that loads no modules has what is built in, and that was not found.
                ModuleState::Absent
            }
            (_, None) => ModuleState::Unlisted,
        }
    }

    /// Tells what `vfio_iommu_type1` was told.
    pub fn type1_parameters(&self) -> Type1Parameters {
        let parameter =
            |name: &str| self.tree.text(&format!("/sys/module/vfio_iommu_type1/parameters/{name}"));
        Type1Parameters {
            most_maps: parameter("dma_entry_limit").and_then(|text| text.parse().ok()),
            unsafe_interrupts: parameter("allow_unsafe_interrupts").map(|text| match text.as_str() {
                "Y" | "1" => UnsafeInterrupts::Allowed,
                _ => UnsafeInterrupts::Refused,
            }),
        }
    }
}

/// A module's name as `/sys/module` writes it.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// Whether a line of `modules.dep` or `modules.builtin` is about a module: `kernel/drivers/vfio/vfio.ko.xz: …`.
fn file_is(line: &str, name: &str) -> bool {
    let path = line.split(':').next().unwrap_or(line);
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split_once(".ko").is_some_and(|(stem, _)| plain(stem) == name)
}
