//! A Sound Blaster 16 by its registers.

use core::time::Duration;

use bare_metal_contents::RATE;
use ddi_dma::PortIo;

use crate::ensure;
use crate::interrupts::{Irq, TICK, forget, now, rest, wait};
use crate::model::Model;
use crate::tests::Failure;
use crate::tests::system::{CountedPorts, System};

const MIXER_REGISTER: u16 = 0x224;
const MIXER_DATA: u16 = 0x225;
/// The reset line of the card's processor.
const RESET: u16 = 0x226;
/// What the processor answers.
const ANSWER: u16 = 0x22a;
/// Commands; the highest bit is set while none is taken.
const COMMAND: u16 = 0x22c;
/// The highest bit is set while there is an answer. Reading it withdraws the interrupt of bytes.
const STATUS: u16 = 0x22e;
/// Reading it withdraws the interrupt of words.
const ACKNOWLEDGE: u16 = 0x22f;

/// COMMAND and STATUS: not ready, or ready.
const READY_BIT: u8 = 0x80;

/// The answer to a reset.
const AFTER_RESET: u8 = 0xaa;

/// Loud enough that samples are played as they are: master and voice, left and right.
const VOLUMES: [(u8, u8); 4] = [(0x30, 0xf8), (0x31, 0xf8), (0x32, 0xf8), (0x33, 0xf8)];
/// Bytes by channel 1, words by channel 5.
const CHANNELS: (u8, u8) = (0x81, 0x22);

const SET_RATE: u8 = 0x41;
const END_RING: u8 = 0xd9;
const VERSION: u8 = 0xe1;
/// Asks for an interrupt.
const INTERRUPT: u8 = 0xf2;
/// Behind the command to play: samples have a sign, one channel.
const SIGNED_MONO: u8 = 0x10;

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_millis(100);

/// How samples are played, by the command that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tests) enum Mode {
    /// Once, with an interrupt at the end.
    Once = 0xb0,
    /// Over and over, with an interrupt at the end of each block.
    Ring = 0xb6,
}

/// The card.
pub(in crate::tests) struct Card<'a>(&'a CountedPorts);

impl<'a> Card<'a> {
    /// Resets it, and sets it up.
    pub(in crate::tests) fn reset(system: &'a System) -> Result<Self, Failure> {
        let card = Card(&system.ports);
        card.0.write(RESET, 1);
        rest();
        card.0.write(RESET, 0);
        let answer = card.answer()?;
        ensure!(answer == AFTER_RESET, "a reset is answered by {answer:#x}");
        for (register, value) in VOLUMES.into_iter().chain([CHANNELS]) {
            card.0.write(MIXER_REGISTER, register);
            card.0.write(MIXER_DATA, value);
        }
        let [low, high] = RATE.to_le_bytes();
        card.command(&[SET_RATE, high, low])?;
        Ok(card)
    }

    /// Starts to play blocks of so many samples.
    pub(in crate::tests) fn play(&self, mode: Mode, samples: usize) -> Result<(), Failure> {
        forget(Irq::Sound);
        let [low, high, ..] = (samples as u32 - 1).to_le_bytes();
        self.command(&[mode as u8, SIGNED_MONO, low, high])
    }

    /// Has a ring end with the block that is played.
    pub(super) fn end_ring(&self) -> Result<(), Failure> {
        self.command(&[END_RING])
    }

    /// Waits until a block of so many samples was played, and withdraws the interrupt.
    pub(in crate::tests) fn wait(&self, samples: usize) -> Result<(), Failure> {
        let length = Duration::from_secs(samples as u64) / u32::from(RATE);
        wait(Irq::Sound, 10 * length + 1000 * TICK)?;
        self.0.read(ACKNOWLEDGE);
        Ok(())
    }

    /// Waits until the model has written to its wave file what was played.
    pub(super) fn be_heard(&self) {
        if Model::detect() == Model::Bochs {
            // It writes ten times a second, and forgets what is left when the machine is switched off.
            let end = now() + Duration::from_millis(400);
            while now() < end {
                rest();
            }
        }
    }

    fn command(&self, bytes: &[u8]) -> Result<(), Failure> {
        for byte in bytes {
            self.until(COMMAND, 0)?;
            self.0.write(COMMAND, *byte);
        }
        Ok(())
    }

    fn answer(&self) -> Result<u8, Failure> {
        self.until(STATUS, READY_BIT)?;
        Ok(self.0.read(ANSWER))
    }

    fn until(&self, register: u16, wanted: u8) -> Result<(), Failure> {
        let deadline = now() + ANSWER_LIMIT;
        while self.0.read(register) & READY_BIT != wanted {
            ensure!(now() < deadline, "register {register:#x} stays {:#x}", self.0.read(register));
        }
        Ok(())
    }
}

/// The card is a Sound Blaster 16, and its mixer keeps what it is told.
pub(super) fn answers() -> Result<(), Failure> {
    let system = System::new();
    let card = Card::reset(&system)?;
    card.command(&[VERSION])?;
    let version = [card.answer()?, card.answer()?];
    ensure!(version == [4, 5], "version {version:?}");
    for (register, value) in VOLUMES.into_iter().chain([CHANNELS]) {
        card.0.write(MIXER_REGISTER, register);
        let kept = card.0.read(MIXER_DATA);
        ensure!(kept == value, "mixer register {register:#x} is {kept:#x}");
    }
    Ok(())
}

/// The card interrupts when asked to.
pub(super) fn interrupts() -> Result<(), Failure> {
    let system = System::new();
    let card = Card::reset(&system)?;
    forget(Irq::Sound);
    card.command(&[INTERRUPT])?;
    wait(Irq::Sound, ANSWER_LIMIT)?;
    card.0.read(STATUS);
    Ok(())
}
