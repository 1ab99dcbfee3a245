//! What SPECIFY, CONFIGURE, PERPENDICULAR MODE and LOCK have set.

use super::command::Lock;

const NON_DMA: u8 = 0x01;
const IMPLIED_SEEK: u8 = 0x40;
const NO_FIFO: u8 = 0x20;
const FIFO_THRESHOLD: u8 = 0x0F;

/// The drives' bits of PERPENDICULAR MODE, and the bit that lets them be written.
const PERPENDICULAR_DRIVES: u8 = 0x3C;
const PERPENDICULAR_GAP: u8 = 0x03;
const PERPENDICULAR_OVERWRITE: u8 = 0x80;

/// The settings. Those of times, gaps and thresholds are kept and change nothing, since nothing here takes time.
#[derive(Debug)]
pub(super) struct Setup {
    /// The two bytes of SPECIFY.
    times: [u8; 2],
    configuration: u8,
    precompensation: u8,
    perpendicular: u8,
    lock: Lock,
    /// The sector count of the last FORMAT TRACK, or the last sector of the last transfer.
    pub(super) count: u8,
}

/// How bytes reach memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Dma,
    NonDma,
}

/// Whether transfers begin with a seek.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeekFirst {
    No,
    Yes,
}

impl Setup {
    pub(super) fn new() -> Self {
        Setup {
            times: [0; 2],
            configuration: NO_FIFO,
            precompensation: 0,
            perpendicular: 0,
            lock: Lock::Off,
            count: 0,
        }
    }

    /// Does what a reset by register does: SPECIFY stays, and of CONFIGURE what is locked.
    pub(super) fn reset(&mut self) {
        self.perpendicular &= !PERPENDICULAR_GAP;
        self.configuration &= NO_FIFO | FIFO_THRESHOLD;
        if self.lock == Lock::Off {
            (self.configuration, self.precompensation) = (NO_FIFO, 0);
        }
    }

    pub(super) fn specify(&mut self, times: [u8; 2]) {
        self.times = times;
    }

    /// Takes the three bytes of CONFIGURE, of which the first is zero.
    pub(super) fn configure(&mut self, [_, configuration, precompensation]: [u8; 3]) {
        (self.configuration, self.precompensation) = (configuration & 0x7F, precompensation);
    }

    pub(super) fn perpendicular(&mut self, byte: u8) {
        let writable = match byte & PERPENDICULAR_OVERWRITE {
            0 => PERPENDICULAR_GAP,
            _ => PERPENDICULAR_GAP | PERPENDICULAR_DRIVES,
        };
        self.perpendicular = self.perpendicular & !writable | byte & writable;
    }

    /// Sets the lock, and gives the result byte.
    pub(super) fn lock(&mut self, lock: Lock) -> u8 {
        self.lock = lock;
        match lock {
            Lock::Off => 0,
            Lock::On => 0x10,
        }
    }

    pub(super) fn mode(&self) -> Mode {
        if self.times[1] & NON_DMA != 0 { Mode::NonDma } else { Mode::Dma }
    }

    pub(super) fn seek_first(&self) -> SeekFirst {
        if self.configuration & IMPLIED_SEEK != 0 { SeekFirst::Yes } else { SeekFirst::No }
    }

    /// What DUMPREG gives behind the cylinders.
    pub(super) fn dump(&self) -> [u8; 6] {
        let lock = match self.lock {
            Lock::Off => 0,
            Lock::On => 0x80,
        };
        let [first, second] = self.times;
        let modes = lock | self.perpendicular;
        [first, second, self.count, modes, self.configuration, self.precompensation]
    }
}
