//! The kernel's image, and the disk that Bochs starts it from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSegment};

/// Bytes of a sector.
const SECTOR: usize = 512;

/// Where the boot sector wants to be told what to load; see `machines/bare-metal/src/boot/sector.rs`.
const ENTRY: usize = 0x100;
const LOAD: usize = 0x104;
const SECTORS: usize = 0x108;
const COMMAND: std::ops::Range<usize> = 0x150..0x1fe;

/// The kernel, as a loader sees it.
#[derive(Debug)]
pub(super) struct Image {
    /// The ELF file, which QEMU starts.
    pub(super) path: PathBuf,
    entry: u32,
    load: u32,
    /// What is to be at `load`.
    payload: Vec<u8>,
    boot_sector: Vec<u8>,
}

/// A disk's geometry, and so its size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) cylinders: usize,
    pub(super) heads: usize,
    pub(super) sectors: usize,
}

impl Image {
    /// Reads what a loader needs of the kernel.
    pub(super) fn read(path: PathBuf) -> Result<Self> {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let elf = object::File::parse(&*bytes).with_context(|| format!("{} is no ELF", path.display()))?;
        let section = elf.section_by_name(".boot_sector").context("the image has no boot sector")?;
        let boot_sector = section.data()?.to_vec();
        ensure!(boot_sector.len() == SECTOR, "the boot sector has {} bytes", boot_sector.len());
        let load = elf.segments().map(|segment| segment.address()).min().context("an empty image")?;
        let mut payload = Vec::new();
        for segment in elf.segments() {
            let (start, data) = ((segment.address() - load) as usize, segment.data()?);
            payload.resize(payload.len().max(start + data.len()), 0);
            payload[start..start + data.len()].copy_from_slice(data);
        }
        Ok(Image { entry: elf.entry().try_into()?, load: load.try_into()?, payload, boot_sector, path })
    }

    /// Writes a disk whose boot sector loads the kernel and gives it a command line.
    pub(super) fn write_disk(&self, path: &Path, command: &str) -> Result<Geometry> {
        let sectors = self.payload.len().div_ceil(SECTOR);
        let mut disk = self.boot_sector.clone();
        let mut put = |at: usize, word: u32| disk[at..at + 4].copy_from_slice(&word.to_le_bytes());
        put(ENTRY, self.entry);
        put(LOAD, self.load);
        put(SECTORS, sectors.try_into()?);
        ensure!(command.len() < COMMAND.len(), "the boot sector has no room for {command:?}");
        disk[COMMAND][..command.len()].copy_from_slice(command.as_bytes());
        disk.extend(&self.payload);
        let mut geometry = Geometry { cylinders: 0, heads: 16, sectors: 63 };
        geometry.cylinders = disk.len().div_ceil(geometry.cylinder());
        disk.resize(geometry.cylinders * geometry.cylinder(), 0);
        fs::write(path, disk).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(geometry)
    }
}

impl Geometry {
    /// Bytes of a cylinder.
    fn cylinder(self) -> usize {
        self.heads * self.sectors * SECTOR
    }
}
