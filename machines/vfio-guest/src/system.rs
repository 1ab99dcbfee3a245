//! What a system's start does elsewhere: file systems, kernel modules, devices.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};
use rustix::system::finit_module;
use vfio_guest_contents::{DRIVER_MODULES, VFIO_MODULES};

use crate::failure::Failure;
use crate::guest::Guest;
use crate::pci;

/// What is mounted where.
const FILE_SYSTEMS: [(&str, &str); 5] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("hugetlbfs", "/dev/hugepages"),
    ("tmpfs", "/tmp"),
];

/// Makes the system ready for all tests: the devices belong to their driver.
pub fn set_up() -> Result<(), Failure> {
    for (kind, place) in FILE_SYSTEMS {
        fs::create_dir_all(place)?;
        mount(kind, place, kind, MountFlags::empty(), None)
            .map_err(|error| Failure::new(format!("cannot mount {kind} at {place}: {error}")))?;
    }
    // The kernel's messages would stand in the middle of a result's line; only its death is worth that.
    fs::write("/proc/sys/kernel/printk", "1")?;
    for module in VFIO_MODULES.iter().chain(&DRIVER_MODULES) {
        insert(module)?;
    }
    let guest = Guest::look()?;
    for address in [guest.edu, guest.nvme] {
        pci::bind(address, guest.iommu.driver())?;
    }
    Ok(())
}

/// Inserts a module of the running kernel.
fn insert(name: &str) -> Result<(), Failure> {
    let why = |error: std::io::Error| Failure::new(format!("cannot insert the module {name}: {error}"));
    let place = Path::new("/lib/modules").join(release()?);
    let path = find(&place, &format!("{name}.ko")).map_err(why)?;
    let path = path.ok_or_else(|| Failure::new(format!("no module {name} in {}", place.display())))?;
    finit_module(File::open(path).map_err(why)?, c"", 0).map_err(|error| why(error.into()))
}

/// The running kernel's version, by which its modules' folder is named.
fn release() -> Result<String, Failure> {
    Ok(fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned())
}

/// Finds a file by its name.
fn find(folder: &Path, name: &str) -> std::io::Result<Option<PathBuf>> {
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
