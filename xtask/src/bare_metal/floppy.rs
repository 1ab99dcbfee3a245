//! The floppy in drive A: 1.44 MB, each word of it telling where it belongs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Words of four bytes on the disk: 80 cylinders, two heads, 18 sectors of 512 bytes.
const WORDS: u32 = 80 * 2 * 18 * 512 / 4;

/// Spreads a word's number over its bits, differently for each.
const SPREAD: u32 = 0x9e37_79b1;

/// Writes the disk: word `n`, counted from the first sector, is `n * 0x9e3779b1` modulo 2^32, its lowest byte first.
pub(super) fn write(path: &Path) -> Result<()> {
    let bytes: Vec<u8> = (0..WORDS).flat_map(|number| number.wrapping_mul(SPREAD).to_le_bytes()).collect();
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
