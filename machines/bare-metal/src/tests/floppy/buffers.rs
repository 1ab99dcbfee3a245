//! Wherever a buffer lies, the disk's bytes arrive in it, and no more is copied than must be.

use super::{CYLINDER, Failure, SECTOR, System, Test, read_checked};
use crate::ensure;
use crate::memory::{Buffer, SIXTEEN_MIB};

pub(in crate::tests) const TESTS: &[Test] = &[
    ("floppy-into-the-heap", into_the_heap),
    ("floppy-across-64-kib", across_64_kib),
    ("floppy-sector-across-64-kib", sector_across_64_kib),
    ("floppy-contiguous-above-16-mib", contiguous_above_16_mib),
    ("floppy-unaligned", unaligned),
    ("floppy-windows", windows),
];

/// A buffer on the heap lies above 16 MiB: all of it is copied.
fn into_the_heap() -> Result<(), Failure> {
    let (_, report) = read_checked(&System::new(), 10 * CYLINDER, Buffer::on_heap(20 * SECTOR, 0))?;
    ensure!(report.copied == report.length && report.windows == 1, "{report:?}");
    Ok(())
}

/// A buffer that crosses a boundary of 64 KiB between two sectors is cut there, and nothing is copied.
fn across_64_kib() -> Result<(), Failure> {
    let buffer = Buffer::at(0x28_0000 - 0x2000, CYLINDER * SECTOR)?;
    let (_, report) = read_checked(&System::new(), 11 * CYLINDER, buffer)?;
    ensure!((report.lists, report.commands, report.copied) == (2, 2, 0), "{report:?}");
    Ok(())
}

/// Of a buffer that crosses a boundary of 64 KiB within a sector, that sector is copied.
fn sector_across_64_kib() -> Result<(), Failure> {
    let buffer = Buffer::at(0x28_0000 - 0x2100, CYLINDER * SECTOR)?;
    let (_, report) = read_checked(&System::new(), 12 * CYLINDER, buffer)?;
    ensure!((report.lists, report.copied) == (3, SECTOR as u64), "{report:?}");
    Ok(())
}

/// A contiguous buffer above 16 MiB is copied, and what lies at its address without the highest bits stays as it is.
fn contiguous_above_16_mib() -> Result<(), Failure> {
    // The kernel's image lies at the addresses that the lowest of them would be taken for.
    let above = (0x130..0x200).find_map(|unit| Buffer::at(unit * 0x1_0000, 8 * SECTOR).ok());
    let above = above.ok_or_else(|| Failure::new("there are no free frames in a row"))?;
    let alias = above.frames()[0] % SIXTEEN_MIB;
    let mut below = Buffer::at(alias, 8 * SECTOR)?;
    below.fill(0xa11a5);
    let (_, report) = read_checked(&System::new(), 13 * CYLINDER, above)?;
    ensure!(report.copied == report.length, "{report:?}");
    ensure!(below.first_difference(0xa11a5).is_none(), "the memory at {alias:#x} was overwritten");
    Ok(())
}

/// A buffer that starts at an odd address is used as it lies, where the engine reaches it.
fn unaligned() -> Result<(), Failure> {
    let (_, report) = read_checked(&System::new(), 14 * CYLINDER, Buffer::at(0x28_0123, 9 * SECTOR)?)?;
    ensure!((report.lists, report.copied) == (1, 0), "{report:?}");
    let (_, report) = read_checked(&System::new(), 14 * CYLINDER, Buffer::on_heap(9 * SECTOR, 0xfff))?;
    ensure!(report.copied == report.length, "{report:?}");
    Ok(())
}

/// A large object goes through a small copy buffer, window by window.
fn windows() -> Result<(), Failure> {
    let (limit, length) = (0x8000, 0x4_0000);
    let system = System::with_copy_buffer(limit);
    let (_, report) = read_checked(&system, 16 * CYLINDER, Buffer::on_heap(length, 0))?;
    ensure!(report.windows >= length / limit as usize, "{report:?}");
    ensure!(report.copied == length as u64, "{report:?}");
    let taken = system.bus.stats().copy_buffer_taken;
    ensure!(taken <= limit, "the copy buffer has {taken:#x} bytes");
    Ok(())
}
