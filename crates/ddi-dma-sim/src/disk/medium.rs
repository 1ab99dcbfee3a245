//! What a disk keeps its sectors on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::MemfdFlags;

use super::catalog::SECTOR;
use crate::config::{Backing, ConfigError, MediumConfig};

/// The sectors of a disk: a sparse file without a name.
#[derive(Debug)]
pub(super) struct Medium {
    file: File,
    size: u64,
}

impl Medium {
    pub(super) fn new(config: &MediumConfig) -> Result<Self, ConfigError> {
        let size = config.size;
        if size == 0 || !size.is_multiple_of(SECTOR) || size > 1 << 62 {
            return Err(ConfigError::Medium { size, sector: SECTOR });
        }
        let create = || -> io::Result<File> {
            let file = match &config.backing {
                Backing::Memory => {
                    File::from(rustix::fs::memfd_create("ddi-dma-sim medium", MemfdFlags::CLOEXEC)?)
                }
                Backing::File(directory) => tempfile::tempfile_in(directory)?,
            };
            file.set_len(size)?;
            Ok(file)
        };
        let file = create().map_err(|source| ConfigError::Host { what: "medium of a disk", source })?;
        Ok(Medium { file, size })
    }

    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Reads bytes, all of which are on the medium.
    pub(super) fn read(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(to, offset)
    }

    /// Writes bytes, all of which are on the medium.
    pub(super) fn write(&self, offset: u64, from: &[u8]) -> io::Result<()> {
        self.file.write_all_at(from, offset)
    }
}
