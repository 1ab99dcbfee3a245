//! The disk behind the guest's NVMe controller.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use vfio_guest_contents::{DISK_BLOCKS, block};

/// Writes it as the guest expects it.
pub(super) fn write(path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    for number in 0..DISK_BLOCKS {
        file.write_all(&block(number))?;
    }
    file.flush().context("cannot write the guest's disk")
}
