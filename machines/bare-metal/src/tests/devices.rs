//! The devices that the DMA engine serves are there, and their interrupts arrive.

use core::time::Duration;

use ddi_dma::PortIo;

use super::{Failure, Test};
use crate::ensure;
use crate::interrupts::{Irq, forget, now, rest, wait};
use crate::ports::Ports;

pub(super) const TESTS: &[Test] = &[
    ("floppy-controller-interrupts", floppy_controller_interrupts),
    ("sound-card-interrupts", sound_card_interrupts),
];

/// How long a device may take for what it does at once.
const LIMIT: Duration = Duration::from_millis(500);

/// The floppy controller's registers.
mod floppy {
    /// Which drive is selected, which motors turn, and the reset line.
    pub const OUTPUT: u16 = 0x3f2;
    /// Whether a byte is wanted or to be had.
    pub const STATUS: u16 = 0x3f4;
    /// Commands and results.
    pub const DATA: u16 = 0x3f5;

    /// OUTPUT: reset.
    pub const RESET: u8 = 0x00;
    /// OUTPUT: not reset, interrupts and DMA on.
    pub const RUN: u8 = 0x0c;
    /// STATUS: the controller wants a byte.
    pub const WANTS: u8 = 0x80;
    /// STATUS: the controller has a byte.
    pub const HAS: u8 = 0xc0;
    /// The bits of STATUS that say so.
    pub const READY: u8 = 0xc0;
    /// Asks what an interrupt was for: answered by a status byte and a cylinder.
    pub const SENSE_INTERRUPT: u8 = 0x08;
    /// The status byte of drive 0 behind a reset.
    pub const AFTER_RESET: u8 = 0xc0;
}

/// The sound card's registers.
mod sound {
    /// The reset line of its processor.
    pub const RESET: u16 = 0x226;
    /// What the processor answers.
    pub const ANSWER: u16 = 0x22a;
    /// Commands; the highest bit is set while none is taken.
    pub const COMMAND: u16 = 0x22c;
    /// Whether there is an answer; reading it withdraws the interrupt.
    pub const STATUS: u16 = 0x22e;

    /// The answer to a reset.
    pub const AFTER_RESET: u8 = 0xaa;
    /// Asks for an interrupt.
    pub const INTERRUPT: u8 = 0xf2;
    /// COMMAND and STATUS: not ready, or ready.
    pub const BUSY: u8 = 0x80;
}

/// The floppy controller interrupts when it comes out of reset, and has four drives to tell of.
fn floppy_controller_interrupts() -> Result<(), Failure> {
    let ports = ports();
    ports.write(floppy::OUTPUT, floppy::RESET);
    forget(Irq::Floppy);
    ports.write(floppy::OUTPUT, floppy::RUN);
    wait(Irq::Floppy, LIMIT)?;
    for drive in 0..4 {
        until(&ports, floppy::STATUS, floppy::READY, floppy::WANTS)?;
        ports.write(floppy::DATA, floppy::SENSE_INTERRUPT);
        let mut answer = [0; 2];
        for byte in &mut answer {
            until(&ports, floppy::STATUS, floppy::READY, floppy::HAS)?;
            *byte = ports.read(floppy::DATA);
        }
        ensure!(answer[0] == floppy::AFTER_RESET | drive, "drive {drive} answers {answer:x?}");
    }
    Ok(())
}

/// The sound card answers a reset, and interrupts when asked to.
fn sound_card_interrupts() -> Result<(), Failure> {
    let ports = ports();
    ports.write(sound::RESET, 1);
    rest();
    ports.write(sound::RESET, 0);
    until(&ports, sound::STATUS, sound::BUSY, sound::BUSY)?;
    let answer = ports.read(sound::ANSWER);
    ensure!(answer == sound::AFTER_RESET, "a reset is answered by {answer:#x}");
    until(&ports, sound::COMMAND, sound::BUSY, 0)?;
    forget(Irq::Sound);
    ports.write(sound::COMMAND, sound::INTERRUPT);
    wait(Irq::Sound, LIMIT)?;
    ports.read(sound::STATUS);
    Ok(())
}

/// All ports.
fn ports() -> Ports {
    // SAFETY: only registers of the floppy controller and of the sound card are written, and neither is told to transfer.
    unsafe { Ports::new() }
}

/// Waits until a register's bits in `mask` are `wanted`.
fn until(ports: &Ports, register: u16, mask: u8, wanted: u8) -> Result<(), Failure> {
    let deadline = now() + LIMIT;
    while ports.read(register) & mask != wanted {
        ensure!(now() < deadline, "register {register:#x} stays {:#x}", ports.read(register));
    }
    Ok(())
}
