//! The files through which the kernel shows a device that is bound to uio_pci_generic.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::error::UioError;
use crate::region::{Access, Layout};
use crate::{Bar, PciAddress};

/// Bits of a line of the file `resource`: I/O ports, or memory.
const PORTS: u64 = 0x100;
const MEMORY: u64 = 0x200;

/// Where the kernel shows a device, below `/` or a tree that looks like it.
#[derive(Debug)]
pub(super) struct Files {
    address: PciAddress,
    root: PathBuf,
    path: PathBuf,
}

impl Files {
    /// Finds a device that is bound to uio_pci_generic, and that nothing translates for.
    pub(super) fn find(root: &Path, address: PciAddress) -> Result<Self, UioError> {
        let path = root.join("sys/bus/pci/devices").join(address.to_string());
        if !path.exists() {
            return Err(UioError::NoSuchDevice { address });
        }
        // A group of the kind identity passes addresses on.
        let kind = fs::read_to_string(path.join("iommu_group/type"));
        if path.join("iommu_group").exists() && kind.ok().as_deref().map(str::trim) != Some("identity") {
            return Err(UioError::Translated { address });
        }
        match last_name(&path.join("driver")) {
            Some(driver) if driver == "uio_pci_generic" => Ok(Files { address, root: root.to_owned(), path }),
            driver => Err(UioError::OtherDriver { address, driver }),
        }
    }

    /// Opens the file of its interrupt, for this process alone.
    pub(super) fn open_uio(&self) -> Result<File, UioError> {
        let folder = self.path.join("uio");
        let name = fs::read_dir(&folder).and_then(|mut entries| match entries.next() {
            Some(entry) => Ok(entry?.file_name()),
            None => Err(io::ErrorKind::NotFound.into()),
        });
        let path = self.root.join("dev").join(name.map_err(|source| self.error(folder, source))?);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
        let file = options.open(&path).map_err(|source| self.error(path.clone(), source))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(UioError::InUse { address: self.address, file: path }),
            Err(errno) => Err(self.error(path, errno.into())),
        }
    }

    /// Opens its configuration space; tells how many bytes it has.
    pub(super) fn open_config(&self) -> Result<(File, u64), UioError> {
        let path = self.path.join("config");
        let opened = open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        opened.map(|(length, file)| (file, length)).map_err(|source| self.error(path, source))
    }

    /// Opens one of its regions, and tells how it is reached; `None` where the device does not have it.
    pub(super) fn open_region(&self, bar: Bar) -> io::Result<Option<(File, Layout)>> {
        let table = fs::read_to_string(self.path.join("resource"))?;
        let line = table.lines().nth(bar as usize).filter(|_| bar != Bar::Rom);
        let Some(Resource { length, kind }) = line.and_then(Resource::parse) else { return Ok(None) };
        let file = open(&self.path.join(format!("resource{}", bar as usize)))?;
        let areas = match kind & MEMORY {
            0 => Vec::new(),
            _ => std::iter::once(0..length).collect(),
        };
        Ok(Some((file, Layout { offset: 0, length, access: Access::ReadWrite, areas })))
    }

    /// Whether it has an interrupt line.
    pub(super) fn has_line(&self) -> bool {
        fs::read_to_string(self.path.join("irq")).is_ok_and(|number| number.trim() != "0")
    }

    /// Has the kernel reset it.
    pub(super) fn reset(&self) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .open(self.path.join("reset"))
            .and_then(|mut file| io::Write::write_all(&mut file, b"1"))
    }

    fn error(&self, file: PathBuf, source: io::Error) -> UioError {
        UioError::File { address: self.address, file, source }
    }
}

/// A line of the file `resource`.
#[derive(Debug, PartialEq, Eq)]
struct Resource {
    length: u64,
    kind: u64,
}

impl Resource {
    /// Reads first address, last address and kind; `None` where there is no region.
    fn parse(line: &str) -> Option<Self> {
        let mut numbers =
            line.split_whitespace().map(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
        let (first, last, kind) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let length = last.checked_sub(first)?.checked_add(1)?;
        (kind & (PORTS | MEMORY) != 0).then_some(Resource { length, kind })
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// The last name of what a link leads to.
fn last_name(link: &Path) -> Option<String> {
    Some(fs::read_link(link).ok()?.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read() {
        let memory = "0x00000000fea00000 0x00000000feafffff 0x0000000000040200";
        assert_eq!(Resource::parse(memory), Some(Resource { length: 0x10_0000, kind: 0x4_0200 }));
        let ports = "0x000000000000c000 0x000000000000c01f 0x0000000000040101";
        assert_eq!(Resource::parse(ports), Some(Resource { length: 0x20, kind: 0x4_0101 }));
        for line in ["0x0 0x0 0x0", "", "0x1 0x0 0x200", "0x0 0xffffffffffffffff 0x200", "a b", "g 1 0x200"] {
            assert_eq!(Resource::parse(line), None, "{line}");
        }
    }
}
