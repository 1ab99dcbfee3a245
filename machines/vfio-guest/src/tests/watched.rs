//! Memory that is looked at past every binding: a mapped file, read by its name.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;

use ddi_dma_vfio::{FileAccess, FileBuffer};

use crate::failure::Failure;

pub(super) const PAGE: u64 = 4096;

/// What memory holds that no device is to change.
pub(super) const KEPT: u8 = 0x77;

/// A file whose bytes can be looked at whoever has them mapped.
pub(super) struct Watched {
    path: PathBuf,
    file: File,
    pages: u64,
}

impl Watched {
    pub(super) fn new(pages: u64) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join("watched");
        fs::write(&path, kept(pages))?;
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(Watched { path, file, pages })
    }

    pub(super) fn object(&self, from: u64, length: u64) -> Result<FileBuffer, Failure> {
        Ok(FileBuffer::new(&self.file, from, length, FileAccess::ReadWrite)?)
    }

    /// Its bytes as they are now.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        Ok(fs::read(&self.path)?)
    }

    /// How many bytes are not what they were.
    pub(super) fn changed(&self) -> Result<usize, Failure> {
        Ok(self.bytes()?.into_iter().filter(|byte| *byte != KEPT).count())
    }

    /// Makes all bytes what they were.
    pub(super) fn restore(&self) -> Result<(), Failure> {
        Ok(fs::write(&self.path, kept(self.pages))?)
    }
}

fn kept(pages: u64) -> Vec<u8> {
    vec![KEPT; (pages * PAGE) as usize]
}
