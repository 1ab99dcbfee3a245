//! One 8237A: four channels and the registers that they share.

use super::channel::{Again, Channel, Half, Mode, Service};
use super::{CHANNELS, FLOATING, TerminalCount};

/// The bit of the command register that makes transfers of channel 0 memory-to-memory.
const MEMORY_TO_MEMORY: u8 = 0x01;
/// The bit of the command register that disables the controller.
const DISABLE: u8 = 0x04;
/// The bit that sets, in a write to the request register or of a single mask.
const SET: u8 = 0x04;

/// A register, as the four address lines of the chip choose it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Register {
    Address(usize),
    Count(usize),
    /// Written: command. Read: status.
    Command,
    Request,
    SingleMask,
    Mode,
    ClearFlipFlop,
    /// Written: master clear. Read: temporary.
    MasterClear,
    ClearMask,
    AllMasks,
}

impl Register {
    /// The register at an offset, of which four bits count.
    pub(super) fn at(offset: u16) -> Self {
        let line = usize::from(offset >> 1) % CHANNELS;
        match offset & 0xF {
            0x8 => Register::Command,
            0x9 => Register::Request,
            0xA => Register::SingleMask,
            0xB => Register::Mode,
            0xC => Register::ClearFlipFlop,
            0xD => Register::MasterClear,
            0xE => Register::ClearMask,
            0xF => Register::AllMasks,
            even if even & 1 == 0 => Register::Address(line),
            _ => Register::Count(line),
        }
    }
}

/// An 8237A. Of the shared registers, each channel has a bit.
///
/// Priority, timing and the senses of DREQ and DACK are kept in the command register and change nothing: nobody
/// competes for the bus, a transfer takes no time, and the board would have to be rewired to suit other senses.
///
/// Memory-to-memory is refused: its transfers come without DACK, by which the board finds the page register, so that
/// their upper address lines belong to no channel. While it is enabled, channel 0 is not served; its request stays.
#[derive(Debug)]
pub(super) struct Chip {
    channels: [Channel; CHANNELS],
    command: u8,
    mask: u8,
    /// Terminal counts since status was last read.
    terminal: u8,
    /// Requests by software.
    software: u8,
    /// DREQ lines.
    hardware: u8,
    flip_flop: Half,
}

impl Default for Chip {
    fn default() -> Self {
        let mut chip = Chip {
            channels: Default::default(),
            command: 0,
            mask: 0,
            terminal: 0,
            software: 0,
            hardware: 0,
            flip_flop: Half::Low,
        };
        chip.master_clear();
        chip
    }
}

impl Chip {
    pub(super) fn mode(&self, line: usize) -> Mode {
        self.channels[line].mode
    }

    pub(super) fn address(&self, line: usize) -> u16 {
        self.channels[line].current_address()
    }

    /// DREQ rises.
    pub(super) fn raise(&mut self, line: usize) {
        self.hardware |= 1 << line;
    }

    /// DREQ falls.
    pub(super) fn lower(&mut self, line: usize) {
        self.hardware &= !(1 << line);
    }

    /// Whether HRQ is raised: a request waits that the controller would serve.
    pub(super) fn wants_bus(&self) -> bool {
        let hardware = |line| self.hardware >> line & 1 != 0 && self.acknowledges(line).is_some();
        (0..CHANNELS).any(|line| hardware(line) || self.serves_software(line))
    }

    /// The mode in which a DREQ would be served; none where it would not be.
    pub(super) fn acknowledges(&self, line: usize) -> Option<Mode> {
        let unmasked = self.mask >> line & 1 == 0;
        (unmasked && self.works(line)).then(|| self.mode(line))
    }

    /// Whether software has requested a transfer that the controller serves: in block mode, masked or not.
    pub(super) fn serves_software(&self, line: usize) -> bool {
        self.software >> line & 1 != 0 && self.mode(line).service() == Service::Block && self.works(line)
    }

    fn works(&self, line: usize) -> bool {
        let refused = self.command & MEMORY_TO_MEMORY != 0 && line == 0;
        self.command & DISABLE == 0 && !refused
    }

    /// A transfer has been made.
    pub(super) fn count(&mut self, line: usize) -> TerminalCount {
        let ended = self.channels[line].count();
        if ended == TerminalCount::Yes {
            self.terminal |= 1 << line;
            self.software &= !(1 << line);
            if self.channels[line].again() == Again::No {
                self.mask |= 1 << line;
            }
        }
        ended
    }

    pub(super) fn read(&mut self, register: Register) -> u8 {
        match register {
            Register::Address(line) => self.channels[line].address.read(self.next_half()),
            Register::Count(line) => self.channels[line].count.read(self.next_half()),
            Register::Command => {
                let status = (self.hardware | self.software) << 4 | self.terminal;
                self.terminal = 0;
                status
            }
            // The temporary register holds the last byte that went from memory to memory: none ever does.
            Register::MasterClear => 0,
            // The data sheet has no such read: the chip drives nothing.
            Register::Request
            | Register::SingleMask
            | Register::Mode
            | Register::ClearFlipFlop
            | Register::ClearMask
            | Register::AllMasks => FLOATING,
        }
    }

    pub(super) fn write(&mut self, register: Register, value: u8) {
        let line = usize::from(value) % CHANNELS;
        match register {
            Register::Address(line) => {
                let half = self.next_half();
                self.channels[line].address.write(half, value);
            }
            Register::Count(line) => {
                let half = self.next_half();
                self.channels[line].count.write(half, value);
            }
            Register::Command => self.command = value,
            Register::Request => assign(&mut self.software, line, value),
            Register::SingleMask => assign(&mut self.mask, line, value),
            Register::Mode => self.channels[line].set_mode(value),
            Register::ClearFlipFlop => self.flip_flop = Half::Low,
            Register::MasterClear => self.master_clear(),
            Register::ClearMask => self.mask = 0,
            Register::AllMasks => self.mask = value & 0xF,
        }
    }

    /// What the RESET line does too. Modes, addresses and counts stay.
    fn master_clear(&mut self) {
        (self.command, self.terminal, self.software) = (0, 0, 0);
        self.mask = 0xF;
        self.flip_flop = Half::Low;
    }

    /// The flip-flop that all address and count registers share goes over with each access.
    fn next_half(&mut self) -> Half {
        let other = match self.flip_flop {
            Half::Low => Half::High,
            Half::High => Half::Low,
        };
        std::mem::replace(&mut self.flip_flop, other)
    }
}

/// Sets or clears the bit of a channel, as a written value says.
fn assign(bits: &mut u8, line: usize, value: u8) {
    if value & SET != 0 {
        *bits |= 1 << line;
    } else {
        *bits &= !(1 << line);
    }
}
