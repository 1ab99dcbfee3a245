//! Registers side by side, as a bus shows them: which of them an access reaches.

/// How many bits an access to a register block moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessWidth {
    /// A byte.
    Bits8,
    /// Two bytes.
    Bits16,
    /// Four bytes.
    Bits32,
    /// Eight bytes.
    Bits64,
}

impl AccessWidth {
    /// Bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            AccessWidth::Bits8 => 1,
            AccessWidth::Bits16 => 2,
            AccessWidth::Bits32 => 4,
            AccessWidth::Bits64 => 8,
        }
    }

    /// What is read where nobody answers: all ones.
    pub const fn floating(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
}

/// Where a register lies in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its first byte, a multiple of its bytes.
    pub(crate) offset: u64,
    pub(crate) width: AccessWidth,
}

impl Place {
    pub(crate) const fn new(offset: u64, width: AccessWidth) -> Self {
        Place { offset, width }
    }

    /// The part of the register that an access reaches: all of it, or a half of one of 64 bits. Others reach nothing.
    pub(crate) fn reached(self, offset: u64, width: AccessWidth) -> Option<Part> {
        let ahead = offset.checked_sub(self.offset)?;
        let shift = match (self.width, width, ahead) {
            (AccessWidth::Bits64, AccessWidth::Bits32, 4) => 32,
            (AccessWidth::Bits64, AccessWidth::Bits32, 0) => 0,
            (own, width, 0) if own == width => 0,
            _ => return None,
        };
        Some(Part { shift, mask: width.floating() })
    }
}

/// A part of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    shift: u32,
    mask: u64,
}

impl Part {
    /// The part of what the register shows.
    pub(crate) fn of(self, whole: u64) -> u64 {
        whole >> self.shift & self.mask
    }

    /// What the register is to hold where this part of it is written.
    pub(crate) fn within(self, whole: u64, value: u64) -> u64 {
        whole & !(self.mask << self.shift) | (value & self.mask) << self.shift
    }
}

#[cfg(test)]
mod tests {
    use AccessWidth::*;

    use super::*;

    #[test]
    fn only_a_whole_register_or_a_half_of_64_bits_is_reached() {
        for own in [Bits8, Bits16, Bits32, Bits64] {
            let place = Place::new(0x20, own);
            for width in [Bits8, Bits16, Bits32, Bits64] {
                for offset in 0x10..0x38 {
                    let whole = offset == 0x20 && own == width;
                    let half = own == Bits64 && width == Bits32 && (offset == 0x20 || offset == 0x24);
                    let reached = place.reached(offset, width);
                    assert_eq!(reached.is_some(), whole || half, "{own:?}: {width:?} at {offset:#x}");
                }
            }
        }
    }

    #[test]
    fn parts_are_taken_and_put_where_they_are() {
        let place = Place::new(8, Bits64);
        let (low, high) = (place.reached(8, Bits32).unwrap(), place.reached(12, Bits32).unwrap());
        let whole = 0x1122_3344_5566_7788;
        assert_eq!((low.of(whole), high.of(whole)), (0x5566_7788, 0x1122_3344));
        assert_eq!(low.within(whole, 0xF_AABB_CCDD), 0x1122_3344_AABB_CCDD);
        assert_eq!(high.within(whole, 0xF_AABB_CCDD), 0xAABB_CCDD_5566_7788);
        assert_eq!(
            [Bits8, Bits16, Bits32, Bits64].map(AccessWidth::floating),
            [0xFF, 0xFFFF, 0xFFFF_FFFF, u64::MAX]
        );
    }
}
