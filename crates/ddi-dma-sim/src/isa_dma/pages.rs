//! The page registers: the upper address lines of the channels.

use super::Place;

/// The first of their ports.
const FIRST: u16 = 0x80;

/// Sixteen latches of eight bits, seven of which belong to channels; the others only keep what is written.
///
/// The one at 0x8f belongs to memory refresh, which uses the place of channel 4.
#[derive(Debug, Default)]
pub(super) struct Pages([u8; 16]);

/// Which latch belongs to which channel.
const LATCHES: [[usize; 4]; 2] = [[0x7, 0x3, 0x1, 0x2], [0xF, 0xB, 0x9, 0xA]];

impl Pages {
    /// The latch at a port, if one is there.
    pub(super) fn index(port: u16) -> Option<usize> {
        let index = usize::from(port.checked_sub(FIRST)?);
        (index < 16).then_some(index)
    }

    pub(super) fn get(&self, index: usize) -> u8 {
        self.0[index]
    }

    pub(super) fn put(&mut self, index: usize, value: u8) {
        self.0[index] = value;
    }

    /// The page of a channel.
    pub(super) fn of(&self, place: Place) -> u8 {
        self.0[LATCHES[place.chip][place.line]]
    }
}
