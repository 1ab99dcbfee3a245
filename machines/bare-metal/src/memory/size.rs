//! How much memory the machine has, as the BIOS' set-up left it in the clock's battery-backed memory.

use super::SIXTEEN_MIB;
use crate::ports::Port;

/// Bytes above 16 MiB, in units of 64 KiB.
const ABOVE_16_MIB: (u8, u8) = (0x34, 0x35);

/// The end of physical memory below 4 GiB. The machines here have more than 16 MiB.
pub(super) fn physical() -> u64 {
    let units = u16::from_le_bytes([read(ABOVE_16_MIB.0), read(ABOVE_16_MIB.1)]);
    SIXTEEN_MIB + u64::from(units) * 0x1_0000
}

/// Reads a byte of that memory.
fn read(index: u8) -> u8 {
    // SAFETY: the clock does no DMA.
    let (select, data) = unsafe { (Port::new(0x70), Port::new(0x71)) };
    select.write(index);
    data.read()
}
