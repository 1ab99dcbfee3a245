//! The entries of completion queues (section 4.6).

use zerocopy::byteorder::{LE, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A completion queue entry: 16 bytes. The controller writes it, so its values may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Completion {
    /// What the command answers.
    pub(crate) result: U32<LE>,
    reserved: U32<LE>,
    pub(crate) submission_head: U16<LE>,
    pub(crate) submission_queue: U16<LE>,
    /// The last of four words: identifier, phase bit and status. It tells whether the entry is new.
    pub(crate) last: U32<LE>,
}

/// The last word of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastWord(pub(crate) u32);

impl LastWord {
    /// Which command ended.
    pub(crate) fn identifier(self) -> u16 {
        self.0 as u16
    }

    /// Inverted by the controller each time it comes around the queue.
    pub(crate) fn phase(self) -> Phase {
        if self.0 >> 16 & 1 == 1 { Phase::One } else { Phase::Zero }
    }

    /// The status field, without the phase bit.
    pub(crate) fn status(self) -> u16 {
        (self.0 >> 17) as u16
    }
}

/// The phase bit of entries that are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Zero,
    One,
}

impl Phase {
    /// That of the next time around.
    pub(crate) fn inverted(self) -> Self {
        match self {
            Phase::Zero => Phase::One,
            Phase::One => Phase::Zero,
        }
    }
}
