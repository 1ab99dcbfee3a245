//! Registers as accesses meet them: by offset and width.

/// How wide an access is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Bits8,
    Bits16,
    Bits32,
    Bits64,
}

impl Width {
    /// Bytes of an access.
    pub(crate) const fn bytes(self) -> u64 {
        match self {
            Width::Bits8 => 1,
            Width::Bits16 => 2,
            Width::Bits32 => 4,
            Width::Bits64 => 8,
        }
    }

    /// What an access reads where nobody answers.
    pub(crate) const fn ones(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
}

/// A register set of a device. Values are in the byte order of the processor, for registers that are little endian.
///
/// What lies behind the set, or at an offset that is no multiple of the width, reads as all ones, and what is written
/// there is lost, as on a bus where nobody answers.
pub(crate) trait RegisterWindow: Send + Sync {
    /// Reads a register.
    fn load(&self, offset: u64, width: Width) -> u64;

    /// Writes a register.
    fn store(&self, offset: u64, width: Width, value: u64);

    /// Bytes of the set.
    fn length(&self) -> u64;
}
