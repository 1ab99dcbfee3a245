//! One channel of an 8237A: its mode, and addresses and counts that count.

use super::TerminalCount;

/// What the mode register of a channel says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mode(u8);

/// The bit of [`Mode`] that counts addresses down.
const DECREMENT: u8 = 0x20;
/// The bit of [`Mode`] that starts again at terminal count.
const AUTOINITIALISE: u8 = 0x10;

/// Which way a channel moves bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Not at all: addresses and counts run, but no read or write line is driven. The data sheet calls the fourth
    /// code illegal; here it does the same.
    Verify,
    /// To memory.
    FromDevice,
    /// From memory.
    ToDevice,
}

/// How a channel serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// As long as the device asks, or a transfer for each time that it asks. A device that asks for each of its units,
    /// as all here do, sees no difference.
    PerRequest,
    /// To the terminal count, once the device has asked. One that goes on asking sees no difference either, and one that
    /// stops is served no further here. Software is served in this mode alone.
    Block,
    /// It only passes the bus on.
    Cascade,
}

impl Mode {
    pub(super) fn way(self) -> Way {
        match self.0 >> 2 & 3 {
            1 => Way::FromDevice,
            2 => Way::ToDevice,
            _ => Way::Verify,
        }
    }

    pub(super) fn service(self) -> Service {
        match self.0 >> 6 {
            2 => Service::Block,
            3 => Service::Cascade,
            _ => Service::PerRequest,
        }
    }
}

/// Address and count, as written and as they have become.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair {
    base: u16,
    current: u16,
}

/// Which byte of a 16-bit register a port shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Half {
    /// Bits 0 to 7.
    #[default]
    Low,
    /// Bits 8 to 15.
    High,
}

impl Pair {
    /// The current value is read.
    pub(super) fn read(self, half: Half) -> u8 {
        let [low, high] = self.current.to_le_bytes();
        match half {
            Half::Low => low,
            Half::High => high,
        }
    }

    /// Base and current value are written together.
    pub(super) fn write(&mut self, half: Half, value: u8) {
        for register in [&mut self.base, &mut self.current] {
            let [low, high] = register.to_le_bytes();
            *register = u16::from_le_bytes(match half {
                Half::Low => [value, high],
                Half::High => [low, value],
            });
        }
    }
}

/// A channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Channel {
    pub(super) mode: Mode,
    pub(super) address: Pair,
    /// Transfers minus one.
    pub(super) count: Pair,
}

/// Whether a channel starts again by itself after its terminal count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It does.
    Yes,
    /// It masks itself.
    No,
}

impl Channel {
    pub(super) fn set_mode(&mut self, value: u8) {
        self.mode = Mode(value);
    }

    pub(super) fn current_address(&self) -> u16 {
        self.address.current
    }

    pub(super) fn again(&self) -> Again {
        if self.mode.0 & AUTOINITIALISE != 0 { Again::Yes } else { Again::No }
    }

    /// A transfer has been made. The count behind 0 is the terminal one.
    pub(super) fn count(&mut self) -> TerminalCount {
        let step = if self.mode.0 & DECREMENT != 0 { u16::MAX } else { 1 };
        self.address.current = self.address.current.wrapping_add(step);
        self.count.current = self.count.current.wrapping_sub(1);
        if self.count.current != u16::MAX {
            return TerminalCount::No;
        }
        if self.again() == Again::Yes {
            self.address.current = self.address.base;
            self.count.current = self.count.base;
        }
        TerminalCount::Yes
    }
}
