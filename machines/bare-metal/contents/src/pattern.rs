//! Bytes that tell where they belong.

/// Endless bytes that tell where they belong: no two sectors, pages or 64 KiB of one seed are alike.
pub fn pattern(seed: u64) -> impl Iterator<Item = u8> {
    (0u64..).map(move |index| {
        let mixed = (index / 8 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32).to_le_bytes()[index as usize % 4] ^ index as u8
    })
}
