//! The sound card on a channel of words: what is sent is what is played. The wave file is looked at when the run is over.

pub(super) mod card;
mod play;
mod ring;

use super::{Failure, Test};

pub(super) const TESTS: &[Test] = &[
    ("sound-card-answers", card::answers),
    ("sound-card-interrupts", card::interrupts),
    (play::FROM_ABOVE, play::from_above_16_mib),
    (play::ACROSS, play::across_128_kib),
    (ring::RING, ring::ring),
];

/// The channel of the card for words.
const CHANNEL: u8 = 5;

/// Bytes of a sample.
const SAMPLE: usize = 2;

/// The bytes of samples.
fn bytes(samples: impl Iterator<Item = i16>) -> impl Iterator<Item = u8> {
    samples.flat_map(i16::to_le_bytes)
}
