//! The card's processor: commands and their parameters, answers, and the block that plays.

use std::collections::VecDeque;

use super::{Channels, Coding, SoundFormat};

/// What the processor answers when it is ready after a reset.
const READY: u8 = 0xAA;
/// Its version: 4.05.
const VERSION: [u8; 2] = [4, 5];

/// A command that knows what it does; others are taken with their parameters, and do nothing.
mod command {
    pub(super) const OUTPUT_RATE: u8 = 0x41;
    pub(super) const PAUSE: u8 = 0xD5;
    pub(super) const CONTINUE: u8 = 0xD6;
    pub(super) const EXIT_AUTOINIT: u8 = 0xD9;
    pub(super) const VERSION: u8 = 0xE1;
}

/// In a command of the 0xB0 family: plays block after block.
const AUTOINIT: u8 = 0x04;
/// In a command of the 0xB0 family: records, which this card does not.
const RECORD: u8 = 0x08;
/// In the mode byte: two channels.
const STEREO: u8 = 0x20;
/// In the mode byte: samples have a sign.
const SIGNED: u8 = 0x10;

/// Whether samples are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    Yes,
    Paused,
}

/// A block of samples that plays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) coding: Coding,
    channels: Channels,
    /// Samples of the whole block.
    length: u32,
    /// Samples of it that are still to come.
    left: u32,
    then: Then,
}

/// What comes after a block.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// Silence.
    Stop,
    /// The same again.
    Again,
    /// A block of its own, given while an endless one played; silence after it.
    Last { coding: Coding, channels: Channels, length: u32 },
}

/// Whether a write of the reset port changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    Yes,
    No,
}

/// Whether a sample was its block's last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockEnd {
    Yes,
    No,
}

/// The processor.
#[derive(Debug)]
pub(super) struct Dsp {
    held: Held,
    /// The command whose parameters are awaited, and those that came.
    awaiting: Vec<u8>,
    answers: VecDeque<u8>,
    /// What the read port shows once more where no answer waits.
    last_answer: u8,
    rate: u16,
    block: Option<Block>,
    running: Running,
}

/// Whether the reset port holds the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

impl Dsp {
    pub(super) fn new() -> Self {
        Dsp {
            held: Held::No,
            awaiting: Vec::new(),
            answers: VecDeque::new(),
            last_answer: 0,
            rate: 0,
            block: None,
            running: Running::Yes,
        }
    }

    /// The reset port is written: bit 0 holds the processor, and it starts anew when that falls.
    pub(super) fn reset(&mut self, value: u8) -> Restart {
        match (self.held, value & 1) {
            (Held::No, 1) => *self = Dsp { held: Held::Yes, ..Dsp::new() },
            (Held::Yes, 0) => {
                self.held = Held::No;
                self.answers.push_back(READY);
            }
            _ => return Restart::No,
        }
        Restart::Yes
    }

    pub(super) fn answer(&mut self) -> u8 {
        self.last_answer = self.answers.pop_front().unwrap_or(self.last_answer);
        self.last_answer
    }

    pub(super) fn has_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The command port is written.
    pub(super) fn take(&mut self, byte: u8) {
        if self.held == Held::Yes {
            return;
        }
        self.awaiting.push(byte);
        if self.awaiting.len() > parameters(self.awaiting[0]) {
            let [command, parameters @ ..] = &*std::mem::take(&mut self.awaiting) else { return };
            self.execute(*command, parameters);
        }
    }

    fn execute(&mut self, command: u8, parameters: &[u8]) {
        match (command, parameters) {
            // High byte first, unlike the length of a block.
            (command::OUTPUT_RATE, &[high, low]) => self.rate = u16::from_be_bytes([high, low]),
            (0xB0..=0xBF, &[mode, low, high]) if command & RECORD == 0 => {
                let length = u32::from(u16::from_le_bytes([low, high])) + 1;
                self.play(command, mode, length);
            }
            (command::PAUSE, _) => self.running = Running::Paused,
            (command::CONTINUE, _) => self.running = Running::Yes,
            (command::EXIT_AUTOINIT, _) => {
                if let Some(Block { then: then @ Then::Again, .. }) = &mut self.block {
                    *then = Then::Stop;
                }
            }
            (command::VERSION, _) => self.answers.extend(VERSION),
            _ => {}
        }
    }

    /// A block is to be played: at once, or, where an endless one plays that this one ends, after its block.
    fn play(&mut self, command: u8, mode: u8, length: u32) {
        let coding = if mode & SIGNED != 0 { Coding::Signed } else { Coding::Unsigned };
        let channels = if mode & STEREO != 0 { Channels::Stereo } else { Channels::Mono };
        self.running = Running::Yes;
        match &mut self.block {
            Some(Block { then: then @ (Then::Again | Then::Last { .. }), .. }) if command & AUTOINIT == 0 => {
                *then = Then::Last { coding, channels, length };
            }
            block => {
                let then = if command & AUTOINIT != 0 { Then::Again } else { Then::Stop };
                *block = Some(Block { coding, channels, length, left: length, then });
            }
        }
    }

    /// The block that asks for samples.
    pub(super) fn asks(&self) -> Option<Block> {
        self.block.filter(|_| self.running == Running::Yes && self.held == Held::No)
    }

    /// A sample has come.
    pub(super) fn sample_taken(&mut self) -> BlockEnd {
        let Some(block) = &mut self.block else { return BlockEnd::No };
        block.left -= 1;
        if block.left > 0 {
            return BlockEnd::No;
        }
        match block.then {
            Then::Again => block.left = block.length,
            Then::Last { coding, channels, length } => {
                *block = Block { coding, channels, length, left: length, then: Then::Stop };
            }
            Then::Stop => self.block = None,
        }
        BlockEnd::Yes
    }

    pub(super) fn format(&self) -> Option<SoundFormat> {
        self.block.map(|block| SoundFormat {
            rate: self.rate,
            channels: block.channels,
            coding: block.coding,
        })
    }
}

/// How many parameters follow a command.
fn parameters(command: u8) -> usize {
    match command {
        0x10 | 0x38 | 0x40 | 0xE0 | 0xE2 | 0xE4 => 1,
        0x14 | 0x16 | 0x17 | 0x24 | 0x41 | 0x42 | 0x48 | 0x74..=0x77 | 0x80 => 2,
        0xB0..=0xCF => 3,
        _ => 0,
    }
}
