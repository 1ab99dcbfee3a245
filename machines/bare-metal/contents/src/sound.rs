//! What the sound card plays.

/// Samples of silence at the end of what a command plays: QEMU does not play on what its voice has not passed on when the
/// card stops, but mixes it with what the next command plays.
const SILENCE: usize = 0x800;

/// Samples a second.
pub const RATE: u16 = 44_100;

/// What a test plays with one command to the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// The test's name.
    pub test: &'static str,
    /// Samples of 16 bits, those of silence at the end included.
    pub samples: usize,
    /// Tells these samples from others.
    pub seed: u32,
}

impl Played {
    /// What a test plays, in this order.
    pub fn by(test: &str) -> impl Iterator<Item = &'static Played> {
        PLAYED.iter().filter(move |played| played.test == test)
    }

    /// The samples.
    pub fn samples(&self) -> impl Iterator<Item = i16> + use<> {
        self.audible().chain(core::iter::repeat_n(0, SILENCE))
    }

    /// The samples ahead of the silence. None is 0.
    pub fn audible(&self) -> impl Iterator<Item = i16> + use<> {
        let seed = self.seed;
        (0u32..).take(self.samples - SILENCE).map(move |index| {
            let mixed = (index + (seed << 20)).wrapping_mul(0x9e37_79b1);
            (mixed >> 16) as i16 | 1
        })
    }
}

/// All that is played in a run of all tests, in this order.
pub const PLAYED: &[Played] = &[
    Played { test: "sound-from-above-16-mib", samples: 0x1800, seed: 1 },
    Played { test: "sound-across-128-kib", samples: 0x1400, seed: 2 },
    Played { test: "sound-across-128-kib", samples: 0xc00, seed: 3 },
    Played { test: "sound-ring", samples: 0x6000, seed: 4 },
];
