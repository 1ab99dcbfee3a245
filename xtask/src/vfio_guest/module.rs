//! The kernel's modules that the guest needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use vfio_guest_contents::{DRIVER_MODULES, VFIO_MODULES};

/// A module: where it lies below the folder of all modules, and which others it needs.
struct Module {
    path: PathBuf,
    needs: Vec<String>,
}

/// Copies the modules that the guest needs from a package's folder, with the lists that a system keeps of them.
pub(super) fn keep(all: &Path, kept: &Path) -> Result<()> {
    let mut modules = Vec::new();
    for name in VFIO_MODULES.iter().chain(&DRIVER_MODULES) {
        let path = find(all, &format!("{name}.ko"))?.with_context(|| format!("the kernel has no {name}"))?;
        let bytes = fs::read(&path)?;
        let path = path.strip_prefix(all)?.to_owned();
        fs::create_dir_all(kept.join(&path).parent().context("a module is in a folder")?)?;
        fs::write(kept.join(&path), &bytes)?;
        modules.push(Module { path, needs: needs(&bytes) });
    }
    fs::copy(all.join("modules.builtin"), kept.join("modules.builtin"))?;
    // A package has no such list: it is made where the package is installed.
    fs::write(kept.join("modules.dep"), dependencies(&modules)).context("cannot write modules.dep")
}

/// Finds a file by its name.
fn find(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if let Some(path) = find(&entry.path(), name)? {
                return Ok(Some(path));
            }
        } else if entry.file_name() == name {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// The names of the modules that a module says it needs.
fn needs(module: &[u8]) -> Vec<String> {
    let says = module.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"depends="));
    let names = String::from_utf8_lossy(says.unwrap_or_default()).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The list `modules.dep`: a module, and all that it needs, what is inserted last first.
fn dependencies(modules: &[Module]) -> String {
    let line = |module: &Module| {
        let mut needed: Vec<&Module> = Vec::new();
        let mut open = vec![module];
        while let Some(next) = open.pop() {
            for needs in modules.iter().filter(|other| next.needs.iter().any(|name| other.is(name))) {
                needed.retain(|known| known.path != needs.path);
                needed.push(needs);
                open.push(needs);
            }
        }
        let needed: String = needed.iter().map(|needs| format!(" {}", needs.path.display())).collect();
        format!("{}:{needed}\n", module.path.display())
    };
    modules.iter().map(line).collect()
}

impl Module {
    /// Whether this is its name, in which a dash is as good as an underscore.
    fn is(&self, name: &str) -> bool {
        let own = self.path.file_stem().unwrap_or_default().to_string_lossy();
        own.replace('-', "_") == name.replace('-', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, needs: &[&str]) -> Module {
        Module { path: path.into(), needs: needs.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn what_a_module_needs_is_read_from_it() {
        assert_eq!(
            needs(b"\x7fELF\0license=GPL\0depends=vfio-pci-core,vfio\0name=vfio_pci\0"),
            ["vfio-pci-core", "vfio"]
        );
        assert!(needs(b"\x7fELF\0depends=\0name=vfio\0").is_empty());
        assert!(needs(b"").is_empty());
    }

    #[test]
    fn all_that_a_module_needs_is_listed_before_what_needs_it() {
        let modules = [
            module("kernel/vfio.ko", &[]),
            module("kernel/pci/vfio-pci-core.ko", &["vfio"]),
            module("kernel/pci/vfio-pci.ko", &["vfio", "vfio_pci_core"]),
        ];
        assert_eq!(
            dependencies(&modules),
            "kernel/vfio.ko:\n\
             kernel/pci/vfio-pci-core.ko: kernel/vfio.ko\n\
             kernel/pci/vfio-pci.ko: kernel/pci/vfio-pci-core.ko kernel/vfio.ko\n"
        );
    }
}
