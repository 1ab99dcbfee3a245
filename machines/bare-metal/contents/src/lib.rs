//! What the kernel of `machines/bare-metal` finds on its disk, what its tests write to the disk, and what they play.
//!
//! The kernel and `cargo xtask bare-metal` share it: the one does it, the other looks at disk and wave file afterwards.
#![no_std]

mod disk;
mod pattern;
mod sound;

pub use disk::{BYTES, SECTOR, SECTORS, WRITTEN, Written, original};
pub use pattern::pattern;
pub use sound::{PLAYED, Played, RATE};
