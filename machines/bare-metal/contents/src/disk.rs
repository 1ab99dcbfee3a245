//! The floppy in drive A: 1.44 MB, each word of it telling where it belongs.

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// Sectors of the disk: 80 cylinders, two heads, 18 sectors of a track.
pub const SECTORS: usize = 80 * 2 * 18;

/// Bytes of the disk.
pub const BYTES: usize = SECTORS * SECTOR;

/// Spreads a word's number over its bits, differently for each.
const SPREAD: u32 = 0x9e37_79b1;

/// What the disk holds before a run, from a sector on.
///
/// Word `n`, counted from the first sector, is `n * 0x9e3779b1` modulo 2^32, its lowest byte first.
pub fn original(sector: usize) -> impl Iterator<Item = u8> {
    let words = (sector * SECTOR / 4) as u32..(BYTES / 4) as u32;
    words.flat_map(|number| number.wrapping_mul(SPREAD).to_le_bytes())
}

/// What a test writes to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The test's name.
    pub test: &'static str,
    /// The first sector.
    pub sector: usize,
    /// How many.
    pub sectors: usize,
    /// The seed of the [`pattern`](crate::pattern) that they hold afterwards.
    pub seed: u64,
}

impl Written {
    /// What a test writes.
    pub fn by(test: &str) -> Option<&'static Written> {
        WRITTEN.iter().find(|written| written.test == test)
    }

    /// Bytes.
    pub const fn bytes(&self) -> usize {
        self.sectors * SECTOR
    }
}

/// All that is written to the disk in a run of all tests. No two tests write to the same cylinder.
pub const WRITTEN: &[Written] = &[
    Written { test: "floppy-writes-a-sector", sector: 36 * 60 + 7, sectors: 1, seed: 0x601 },
    Written { test: "floppy-writes-from-the-heap", sector: 36 * 62 + 11, sectors: 40, seed: 0x602 },
    Written { test: "floppy-writes-across-64-kib", sector: 36 * 65 + 30, sectors: 20, seed: 0x603 },
    Written { test: "floppy-writes-in-windows", sector: 36 * 68, sectors: 50, seed: 0x604 },
];
