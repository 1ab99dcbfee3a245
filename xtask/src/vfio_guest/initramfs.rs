//! The guest's files, all in memory: the programs, and the kernel's modules.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cpio::newc::{Builder, ModeFileType};

use super::kernel::Kernel;
use super::program::Programs;

/// The guest's files.
#[derive(Debug)]
pub(super) struct Initramfs {
    /// The archive.
    pub(super) path: PathBuf,
}

/// An archive that is being written.
struct Archive {
    file: BufWriter<File>,
    /// The number of the last entry; no two have the same.
    last: u32,
}

impl Initramfs {
    /// Writes the archive.
    pub(super) fn write(path: &Path, kernel: &Kernel, programs: &Programs) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut archive = Archive { file: BufWriter::new(file), last: 0 };
        let modules = format!("lib/modules/{}", kernel.release);
        for folder in ["bin", "lib", "lib/modules", &modules] {
            archive.folder(folder)?;
        }
        archive.file("init", 0o755, &read(&programs.init)?)?;
        archive.file("bin/ddi-dma", 0o755, &read(&programs.ddi_dma)?)?;
        archive.file("bin/edu_dma", 0o755, &read(&programs.edu_dma)?)?;
        archive.tree(&kernel.modules, &modules)?;
        cpio::newc::trailer(archive.file)?.flush()?;
        Ok(Initramfs { path: path.to_owned() })
    }
}

impl Archive {
    fn folder(&mut self, name: &str) -> Result<()> {
        self.entry(name, ModeFileType::Directory, 0o755, &[])
    }

    /// Adds what is in a folder.
    fn tree(&mut self, folder: &Path, name: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.folder(&name)?;
                self.tree(&entry.path(), &name)?;
            } else {
                self.file(&name, 0o644, &read(&entry.path())?)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, mode: u32, contents: &[u8]) -> Result<()> {
        self.entry(name, ModeFileType::Regular, mode, contents)
    }

    fn entry(&mut self, name: &str, kind: ModeFileType, mode: u32, contents: &[u8]) -> Result<()> {
        self.last += 1;
        let entry = Builder::new(name).ino(self.last).mode(mode).set_mode_file_type(kind);
        let mut writer = entry.write(&mut self.file, contents.len().try_into()?);
        writer.write_all(contents)?;
        writer.finish()?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
