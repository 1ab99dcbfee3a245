//! What is on the disk is read: sectors, tracks, cylinders.

use super::{CYLINDER, Failure, SECTOR, System, TRACK, Test, read_checked};
use crate::ensure;
use crate::memory::Buffer;

pub(in crate::tests) const TESTS: &[Test] = &[
    ("floppy-reads-a-sector", || {
        expect(&[(0, 1, 1), (CYLINDER + TRACK - 1, 1, 1), (80 * CYLINDER - 1, 1, 1)])
    }),
    ("floppy-reads-a-track", || expect(&[(2 * CYLINDER, TRACK, 1), (2 * CYLINDER + TRACK, TRACK, 1)])),
    ("floppy-reads-a-cylinder", || expect(&[(3 * CYLINDER, CYLINDER, 1), (3 * CYLINDER + 9, TRACK, 1)])),
    ("floppy-reads-several-cylinders", || expect(&[(4 * CYLINDER + 30, 3 * CYLINDER, 4)])),
];

/// Reads from a sector on so many sectors, in so many commands: one a cylinder, whichever sides it is on.
fn expect(cases: &[(usize, usize, usize)]) -> Result<(), Failure> {
    for &(sector, sectors, commands) in cases {
        // Below 16 MiB and on one side of each boundary, so that memory cuts nothing.
        let buffer = Buffer::at(0x28_0000, sectors * SECTOR)?;
        let (_, report) = read_checked(&System::new(), sector, buffer)?;
        ensure!(report.moved == (sectors * SECTOR) as u64, "{report:?}");
        ensure!((report.commands, report.lists, report.copied) == (commands, 1, 0), "{report:?}");
    }
    Ok(())
}
