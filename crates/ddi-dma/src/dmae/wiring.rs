//! How a PC/AT wires its two 8237As: which channel is reached by which ports, and what it counts.

use crate::attr::{BurstSizes, DmaAttr};

/// Highest address that a page register and an address register make.
pub(super) const LAST: u64 = 0xFF_FFFF;

/// The channel that joins the two controllers.
pub(super) const JOINT: u8 = 4;

/// What a channel moves in a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Width {
    /// Bytes: channels 0 to 3.
    Bytes,
    /// Words of two bytes: channels 5 to 7.
    Words,
}

impl Width {
    /// Bytes of a cycle.
    pub(super) const fn unit(self) -> u64 {
        match self {
            Width::Bytes => 1,
            Width::Words => 2,
        }
    }

    /// Bytes that 16 bits of address and of count reach: a transfer crosses no multiple of it.
    pub(super) const fn reach(self) -> u64 {
        0x1_0000 * self.unit()
    }

    /// What the engine can do on such a channel.
    pub(super) const fn attributes(self) -> DmaAttr {
        DmaAttr {
            version: DmaAttr::VERSION_0,
            addr_lo: 0,
            addr_hi: LAST,
            count_max: self.reach() - 1,
            align: self.unit(),
            burstsizes: match self {
                Width::Bytes => BurstSizes::B1,
                Width::Words => BurstSizes::B2,
            },
            minxfer: self.unit() as u32,
            maxxfer: 0xFFFF_FFFF,
            seg: self.reach() - 1,
            sgllen: 1,
            granular: self.unit() as u32,
            ..DmaAttr::UNRESTRICTED
        }
    }
}

/// The registers of one controller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ControllerPorts {
    /// Written: the command. Read: the status, which is what reached terminal count and who asks for service.
    pub(super) command: u16,
    /// Requests by software.
    pub(super) request: u16,
    /// Masks one channel, or unmasks it.
    pub(super) mask: u16,
    pub(super) mode: u16,
    /// Whatever is written here, the next byte of an address or a count is its low one.
    pub(super) clear_flip_flop: u16,
}

/// The two controllers: the one for bytes, and the one for words.
pub(super) static CONTROLLERS: [ControllerPorts; 2] = [
    ControllerPorts { command: 0x08, request: 0x09, mask: 0x0A, mode: 0x0B, clear_flip_flop: 0x0C },
    ControllerPorts { command: 0xD0, request: 0xD2, mask: 0xD4, mode: 0xD6, clear_flip_flop: 0xD8 },
];

/// The registers of one channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChannelPorts {
    /// Its number, 0 to 3 or 5 to 7.
    pub(super) number: u8,
    pub(super) width: Width,
    pub(super) address: u16,
    pub(super) count: u16,
    pub(super) page: u16,
}

impl ChannelPorts {
    /// The channel of this number, if a device can have it.
    pub(super) fn find(number: u8) -> Option<&'static ChannelPorts> {
        CHANNELS.iter().find(|channel| channel.number == number)
    }

    /// Which controller it belongs to.
    pub(super) fn controller(&self) -> usize {
        usize::from(self.number >= JOINT)
    }

    /// Its number within its controller.
    pub(super) fn line(&self) -> u8 {
        self.number % 4
    }
}

/// The channels that devices can have.
pub(super) static CHANNELS: [ChannelPorts; 7] = [
    ChannelPorts { number: 0, width: Width::Bytes, address: 0x00, count: 0x01, page: 0x87 },
    ChannelPorts { number: 1, width: Width::Bytes, address: 0x02, count: 0x03, page: 0x83 },
    ChannelPorts { number: 2, width: Width::Bytes, address: 0x04, count: 0x05, page: 0x81 },
    ChannelPorts { number: 3, width: Width::Bytes, address: 0x06, count: 0x07, page: 0x82 },
    ChannelPorts { number: 5, width: Width::Words, address: 0xC4, count: 0xC6, page: 0x8B },
    ChannelPorts { number: 6, width: Width::Words, address: 0xC8, count: 0xCA, page: 0x89 },
    ChannelPorts { number: 7, width: Width::Words, address: 0xCC, count: 0xCE, page: 0x8A },
];
