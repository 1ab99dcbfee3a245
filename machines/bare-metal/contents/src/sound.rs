//! What the sound card plays.

/// Samples a second.
pub const RATE: u16 = 44_100;

/// What a test plays with one command to the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// The test's name.
    pub test: &'static str,
    /// Samples of 16 bits.
    pub samples: usize,
    /// The seed of the [`samples`].
    pub seed: u32,
}

impl Played {
    /// What a test plays, in this order.
    pub fn by(test: &str) -> impl Iterator<Item = &'static Played> {
        PLAYED.iter().filter(move |played| played.test == test)
    }
}

/// All that is played in a run of all tests, in this order.
pub const PLAYED: &[Played] = &[
    Played { test: "sound-from-above-16-mib", samples: 0x2000, seed: 1 },
    Played { test: "sound-across-128-kib", samples: 0x1800, seed: 2 },
    Played { test: "sound-across-128-kib", samples: 0x1000, seed: 3 },
    Played { test: "sound-ring", samples: 0x6000, seed: 4 },
];

/// Endless samples that tell where they belong. None is 0, so that what is heard is told from silence.
pub fn samples(seed: u32) -> impl Iterator<Item = i16> {
    (0u32..).map(move |index| {
        let mixed = (index + (seed << 20)).wrapping_mul(0x9e37_79b1);
        (mixed >> 16) as i16 | 1
    })
}
