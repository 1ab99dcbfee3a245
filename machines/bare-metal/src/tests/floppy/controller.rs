//! The floppy controller by its registers, for commands that the driver does not give.

use core::time::Duration;

use ddi_dma::PortIo;

use crate::ensure;
use crate::interrupts::{Irq, forget, now, wait};
use crate::tests::Failure;
use crate::tests::system::CountedPorts;

/// Whether a byte is wanted or to be had.
const STATUS: u16 = 0x3f4;
/// Commands and results.
const DATA: u16 = 0x3f5;

/// STATUS: the controller wants a byte.
const WANTS: u8 = 0x80;
/// STATUS: the controller has a byte.
const HAS: u8 = 0xc0;

/// How long a byte may take.
const BYTE_LIMIT: Duration = Duration::from_millis(100);
/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of a result.
const RESULT: usize = 7;

/// READ DATA, from the first sector of a track on.
#[derive(Debug, Clone, Copy)]
pub(in crate::tests) struct Read {
    pub(in crate::tests) cylinder: u8,
    pub(in crate::tests) first: u8,
    /// The last sector of a track.
    pub(in crate::tests) last: u8,
    pub(in crate::tests) sides: Sides,
}

/// Where a command goes on behind the last sector of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tests) enum Sides {
    /// Nowhere.
    First = 0x46,
    /// On the other side.
    Both = 0xc6,
}

/// The controller. The head is where the driver left it.
pub(in crate::tests) struct Controller<'a>(pub(in crate::tests) &'a CountedPorts);

impl Controller<'_> {
    /// Reads, and waits until the controller says that it is done.
    pub(in crate::tests) fn read(&self, read: &Read) -> Result<[u8; RESULT], Failure> {
        self.start(read)?;
        wait(Irq::Floppy, COMMAND_LIMIT)?;
        let mut result = [0; RESULT];
        for byte in &mut result {
            self.until(HAS)?;
            *byte = self.0.read(DATA);
        }
        ensure!(result[0] & 0xc0 == 0, "the controller answers {result:x?}");
        Ok(result)
    }

    /// Gives the command.
    fn start(&self, &Read { cylinder, first, last, sides }: &Read) -> Result<(), Failure> {
        forget(Irq::Floppy);
        for byte in [sides as u8, 0x00, cylinder, 0x00, first, 0x02, last, 0x1b, 0xff] {
            self.until(WANTS)?;
            self.0.write(DATA, byte);
        }
        Ok(())
    }

    /// Waits until the controller is ready for a byte this way.
    fn until(&self, wanted: u8) -> Result<(), Failure> {
        let deadline = now() + BYTE_LIMIT;
        while self.0.read(STATUS) & 0xc0 != wanted {
            ensure!(now() < deadline, "the controller stays at {:#x}", self.0.read(STATUS));
        }
        Ok(())
    }
}
