//! The ports that the DMA engine is reached by.

use ddi_dma::PortIo;

use super::{Failure, Test};
use crate::ensure;
use crate::ports::Ports;

pub(super) const TESTS: &[Test] = &[("ports", ports_lead_to_devices)];

/// The count register of channel 3, which no device here uses.
const COUNT: u16 = 0x07;
/// Writing here makes the next byte of a register its low one.
const CLEAR_FLIP_FLOP: u16 = 0x0c;
/// Nothing is there.
const NOWHERE: u16 = 0x2f0;

/// What is written to a register is read from it; a port that leads nowhere reads as 0xff.
fn ports_lead_to_devices() -> Result<(), Failure> {
    // SAFETY: no address is given to a controller.
    let ports = unsafe { Ports::new() };
    for word in [0x1234_u16, 0xfedc] {
        ports.write(CLEAR_FLIP_FLOP, 0);
        word.to_le_bytes().iter().for_each(|byte| ports.write(COUNT, *byte));
        ports.write(CLEAR_FLIP_FLOP, 0);
        let read = u16::from_le_bytes([ports.read(COUNT), ports.read(COUNT)]);
        ensure!(read == word, "{word:#x} was written, {read:#x} read");
    }
    ensure!(ports.read(NOWHERE) == 0xff, "a device at {NOWHERE:#x}");
    Ok(())
}
