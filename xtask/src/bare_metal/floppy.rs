//! The floppy in drive A: written before a run, looked at behind it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bare_metal_contents::{BYTES, SECTOR, WRITTEN, Written, original, pattern};

/// Writes the disk.
pub(super) fn write(path: &Path) -> Result<()> {
    let bytes: Vec<u8> = original(0).collect();
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Fails unless the disk holds what these tests have written, and everywhere else what it held before.
pub(super) fn check(path: &Path, passed: &[&str]) -> Result<()> {
    let disk = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    check_bytes(&disk, passed)
}

fn check_bytes(disk: &[u8], passed: &[&str]) -> Result<()> {
    ensure!(disk.len() == BYTES, "the disk has {} bytes instead of {BYTES}", disk.len());
    let mut expected: Vec<u8> = original(0).collect();
    for written in WRITTEN.iter().filter(|written| passed.contains(&written.test)) {
        let bytes: Vec<u8> = pattern(written.seed).take(written.bytes()).collect();
        let start = written.sector * SECTOR;
        expected[start..start + bytes.len()].copy_from_slice(&bytes);
    }
    match disk.iter().zip(&expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(byte) => {
            let (sector, offset) = (byte / SECTOR, byte % SECTOR);
            let holds =
                |written: &&Written| (written.sector..written.sector + written.sectors).contains(&sector);
            let whose = WRITTEN.iter().find(holds).map_or("nobody writes", |written| written.test);
            anyhow::bail!("the disk differs from byte {offset:#x} of sector {sector} on, where: {whose}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The disk, with one test's bytes on it.
    fn disk(written: &Written) -> Vec<u8> {
        let mut disk: Vec<u8> = original(0).collect();
        let bytes = pattern(written.seed).take(written.bytes());
        disk[written.sector * SECTOR..].iter_mut().zip(bytes).for_each(|(byte, value)| *byte = value);
        disk
    }

    #[test]
    fn what_was_written_must_be_there_and_nothing_else() {
        let [first, second, ..] = WRITTEN else { panic!("two tests write") };
        let written = disk(first);
        assert!(check_bytes(&written, &[first.test]).is_ok());
        assert!(check_bytes(&written, &[]).is_err());
        assert!(check_bytes(&written, &[first.test, second.test]).is_err());
        let behind = (first.sector + first.sectors) * SECTOR;
        for place in [0, first.sector * SECTOR - 1, first.sector * SECTOR, behind - 1, behind, BYTES - 1] {
            let mut changed = written.clone();
            changed[place] ^= 0x10;
            assert!(check_bytes(&changed, &[first.test]).is_err(), "byte {place:#x}");
        }
    }
}
