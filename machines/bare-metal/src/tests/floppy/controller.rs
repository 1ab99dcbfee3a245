//! The floppy controller by its registers, for what the driver does not do.

use core::time::Duration;

use ddi_dma::PortIo;

use crate::ensure;
use crate::interrupts::{Irq, forget, now, wait};
use crate::tests::system::{CountedPorts, System};
use crate::tests::{Failure, Test};

pub(in crate::tests) const TESTS: &[Test] = &[("floppy-controller-interrupts", interrupts)];

/// Which drive is selected, which motors turn, and the reset line.
const OUTPUT: u16 = 0x3f2;
/// Whether a byte is wanted or to be had.
const STATUS: u16 = 0x3f4;
/// Commands and results.
const DATA: u16 = 0x3f5;

/// OUTPUT: reset.
const RESET: u8 = 0x00;
/// OUTPUT: not reset, interrupts and DMA on.
const RUN: u8 = 0x0c;
/// STATUS: the controller wants a byte.
const WANTS: u8 = 0x80;
/// STATUS: the controller has a byte.
const HAS: u8 = 0xc0;
/// The bits of STATUS that say so.
const READY: u8 = 0xc0;

/// How long a byte may take.
const BYTE_LIMIT: Duration = Duration::from_millis(100);
/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);

/// Asks what an interrupt was for: answered by a status byte and a cylinder.
const SENSE_INTERRUPT: u8 = 0x08;
/// The status byte of drive 0 behind a reset.
const AFTER_RESET: u8 = 0xc0;
/// Bytes of the result of a transfer.
const RESULT: usize = 7;

/// READ DATA, from a sector of the first side on.
#[derive(Debug, Clone, Copy)]
pub(in crate::tests) struct Read {
    pub(in crate::tests) cylinder: u8,
    /// The first sector.
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
    pub(in crate::tests) fn read(&self, read: &Read) -> Result<(), Failure> {
        let &Read { cylinder, first, last, sides } = read;
        forget(Irq::Floppy);
        self.send(&[sides as u8, 0x00, cylinder, 0x00, first, 0x02, last, 0x1b, 0xff])?;
        wait(Irq::Floppy, COMMAND_LIMIT)?;
        let result: [u8; RESULT] = self.receive()?;
        ensure!(result[0] & 0xc0 == 0, "the controller answers {result:x?}");
        Ok(())
    }

    /// Sends the bytes of a command.
    fn send(&self, bytes: &[u8]) -> Result<(), Failure> {
        for byte in bytes {
            self.until(WANTS)?;
            self.0.write(DATA, *byte);
        }
        Ok(())
    }

    /// Receives the bytes of a result.
    fn receive<const N: usize>(&self) -> Result<[u8; N], Failure> {
        let mut result = [0; N];
        for byte in &mut result {
            self.until(HAS)?;
            *byte = self.0.read(DATA);
        }
        Ok(result)
    }

    /// Waits until the controller is ready for a byte this way.
    fn until(&self, wanted: u8) -> Result<(), Failure> {
        let deadline = now() + BYTE_LIMIT;
        while self.0.read(STATUS) & READY != wanted {
            ensure!(now() < deadline, "the controller stays at {:#x}", self.0.read(STATUS));
        }
        Ok(())
    }
}

/// The controller interrupts when it comes out of reset, and has four drives to tell of.
fn interrupts() -> Result<(), Failure> {
    let system = System::new();
    let controller = Controller(&system.ports);
    controller.0.write(OUTPUT, RESET);
    forget(Irq::Floppy);
    controller.0.write(OUTPUT, RUN);
    wait(Irq::Floppy, COMMAND_LIMIT)?;
    for drive in 0..4 {
        controller.send(&[SENSE_INTERRUPT])?;
        let answer: [u8; 2] = controller.receive()?;
        ensure!(answer[0] == AFTER_RESET | drive, "drive {drive} answers {answer:x?}");
    }
    Ok(())
}
