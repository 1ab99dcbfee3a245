//! The bytes of commands.

use crate::config::Drive;
use crate::geometry::{Chs, DataRate, Geometry};
use crate::transfer::Operation;

/// Both sides of a cylinder, one after the other.
const MULTI_TRACK: u8 = 0x80;
/// Recorded as all disks are today.
const MFM: u8 = 0x40;

/// The size code of a sector of 512 bytes.
const SIZE_CODE: u8 = 2;
/// Takes the place of the size where the size code tells it.
const NO_LENGTH: u8 = 0xFF;

/// From one step pulse to the next; from the end of a command to the lifting of the head; and from its lowering to the
/// first byte: milliseconds.
const STEP: u32 = 3;
const UNLOAD: u32 = 240;
const LOAD: u32 = 16;

pub(crate) const SENSE_INTERRUPT: [u8; 1] = [0x08];
pub(crate) const VERSION: [u8; 1] = [0x10];

/// SPECIFY: the drive's times, and that bytes go by DMA.
///
/// The controller counts these times in bits: at 500 kbit/s in units of 1, 16 and 2 ms.
pub(crate) fn specify(rate: DataRate) -> [u8; 3] {
    let units = |milliseconds: u32, unit: u32| (milliseconds * rate.kbps()).div_ceil(500 * unit);
    let step = 16u32.saturating_sub(units(STEP, 1)) as u8;
    let unload = units(UNLOAD, 16).min(15) as u8;
    let load = units(LOAD, 2).min(127) as u8;
    [0x03, step << 4 | unload, load << 1]
}

pub(crate) fn recalibrate(drive: Drive) -> [u8; 2] {
    [0x07, drive.number()]
}

pub(crate) fn seek(drive: Drive, cylinder: u8) -> [u8; 3] {
    [0x0F, drive.number(), cylinder]
}

/// READ DATA or WRITE DATA, from a sector on until terminal count.
pub(crate) fn transfer(operation: Operation, drive: Drive, from: Chs, geometry: &Geometry) -> [u8; 9] {
    let code = match operation {
        Operation::Read => 0x06,
        Operation::Write => 0x05,
    };
    let sides = if geometry.heads == 2 { MULTI_TRACK } else { 0 };
    let Chs { cylinder, head, sector } = from;
    [
        sides | MFM | code,
        head << 2 | drive.number(),
        cylinder,
        head,
        sector,
        SIZE_CODE,
        geometry.sectors,
        geometry.gap,
        NO_LENGTH,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_in_bits() {
        assert_eq!(specify(DataRate::Kbps500), [0x03, 0xDF, 0x10]);
        // Half the rate: a unit lasts twice as long.
        assert_eq!(specify(DataRate::Kbps250), [0x03, 0xE8, 0x08]);
        assert_eq!(specify(DataRate::Mbps1), [0x03, 0xAF, 0x20]);
    }

    #[test]
    fn a_transfer_names_its_first_sector_and_the_last_of_a_track() {
        let from = Chs { cylinder: 79, head: 1, sector: 17 };
        let read = transfer(Operation::Read, Drive::B, from, &Geometry::MB_1_44);
        assert_eq!(read, [0xC6, 0x05, 79, 1, 17, 2, 18, 0x1B, 0xFF]);
        let one_side = Geometry { heads: 1, ..Geometry::KB_720 };
        let write = transfer(Operation::Write, Drive::A, Chs { head: 0, ..from }, &one_side);
        assert_eq!(write, [0x45, 0x00, 79, 0, 17, 2, 9, 0x2A, 0xFF]);
    }
}
