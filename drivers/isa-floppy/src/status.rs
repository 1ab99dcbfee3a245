//! The bytes of results: three status registers, and where the command ended.

use bitflags::bitflags;

use crate::geometry::Chs;

bitflags! {
    /// Status register 0. Its two highest bits together tell how the command ended.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct St0: u8 {
        /// With [`ABNORMAL`](Self::ABNORMAL): the drive's ready line changed. Alone: there is no such command.
        const INVALID = 0x80;
        /// The command was started and did not end well.
        const ABNORMAL = 0x40;
        /// A seek has ended.
        const SEEK_END = 0x20;
        /// Track 0 was not found, or the drive reports a fault.
        const EQUIPMENT_CHECK = 0x10;
        /// The drive is not ready.
        const NOT_READY = 0x08;
        /// The head.
        const HEAD = 0x04;
        const _ = !0;
    }
}

bitflags! {
    /// Status register 1.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct St1: u8 {
        /// The last sector of the track passed without terminal count.
        const END_OF_TRACK = 0x80;
        /// Check bytes do not match, of an address or of data.
        const DATA_ERROR = 0x20;
        /// A byte did not come or go in time.
        const OVERRUN = 0x10;
        /// The sector was not found.
        const NO_DATA = 0x04;
        /// The disk is write-protected.
        const NOT_WRITABLE = 0x02;
        /// There is no address mark.
        const MISSING_MARK = 0x01;
        const _ = !0;
    }
}

bitflags! {
    /// Status register 2.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct St2: u8 {
        /// A sector with the mark of deleted data came, and the command ended with it.
        const CONTROL_MARK = 0x40;
        /// The check bytes that do not match are those of data.
        const IN_DATA = 0x20;
        /// The sectors of the track say another cylinder.
        const WRONG_CYLINDER = 0x10;
        /// They say that the track is bad.
        const BAD_CYLINDER = 0x02;
        /// There is no data mark.
        const MISSING_DATA_MARK = 0x01;
        const _ = !0;
    }
}

/// What the controller tells at the end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// Status register 0.
    pub st0: St0,
    /// Status register 1.
    pub st1: St1,
    /// Status register 2.
    pub st2: St2,
    /// The sector behind the last one, or the one that the command failed at.
    pub at: Chs,
}

/// Why a command failed, as the status registers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// ST0.
    #[error("the controller does not know the command")]
    InvalidCommand,
    /// ST0.
    #[error("the drive is not ready")]
    NotReady,
    /// ST0.
    #[error("equipment check: the drive reports a fault")]
    EquipmentCheck,
    /// ST1.
    #[error("the disk is write-protected")]
    WriteProtected,
    /// ST1.
    #[error("overrun: a byte did not pass in time")]
    Overrun,
    /// ST1 and ST2.
    #[error("CRC error in the data of a sector")]
    DataCrc,
    /// ST1 without ST2.
    #[error("CRC error in the address of a sector")]
    AddressCrc,
    /// ST1 and ST2.
    #[error("the sectors under the head say another cylinder")]
    WrongCylinder,
    /// ST1.
    #[error("the sector was not found")]
    SectorNotFound,
    /// ST1.
    #[error("no address mark: the disk is not formatted like this")]
    MissingAddressMark,
    /// ST2.
    #[error("no data mark behind the address of a sector")]
    MissingDataMark,
    /// ST1.
    #[error("the track ended without terminal count")]
    EndOfTrack,
    /// ST2.
    #[error("a sector is marked as deleted")]
    Deleted,
    /// It says that something failed, and not what.
    #[error("the controller gives no reason")]
    Unexplained,
}

impl Status {
    /// Takes the seven bytes of a result apart.
    pub(crate) fn decode([st0, st1, st2, cylinder, head, sector, _size]: [u8; 7]) -> Self {
        Status {
            st0: St0::from_bits_retain(st0),
            st1: St1::from_bits_retain(st1),
            st2: St2::from_bits_retain(st2),
            at: Chs { cylinder, head, sector },
        }
    }

    /// Why the command failed; `None` where it ended well.
    ///
    /// Controllers set several bits at once: the one that says most comes first.
    ///
    /// # Examples
    ///
    /// ```
    /// use isa_floppy::{Cause, Chs, St0, St1, St2, Status};
    ///
    /// let at = Chs { cylinder: 0, head: 0, sector: 7 };
    /// let good = Status { st0: St0::empty(), st1: St1::empty(), st2: St2::empty(), at };
    /// let bad = Status { st0: St0::ABNORMAL, st1: St1::DATA_ERROR, st2: St2::IN_DATA, at };
    /// assert_eq!((good.cause(), bad.cause()), (None, Some(Cause::DataCrc)));
    /// ```
    pub fn cause(&self) -> Option<Cause> {
        let Status { st0, st1, st2, .. } = *self;
        if !st0.intersects(St0::INVALID | St0::ABNORMAL) {
            return st2.contains(St2::CONTROL_MARK).then_some(Cause::Deleted);
        }
        let causes = [
            (st0.contains(St0::INVALID) && !st0.contains(St0::ABNORMAL), Cause::InvalidCommand),
            (st1.contains(St1::NOT_WRITABLE), Cause::WriteProtected),
            (st0.intersects(St0::NOT_READY | St0::INVALID), Cause::NotReady),
            (st0.contains(St0::EQUIPMENT_CHECK), Cause::EquipmentCheck),
            (st1.contains(St1::OVERRUN), Cause::Overrun),
            (st2.contains(St2::IN_DATA), Cause::DataCrc),
            (st1.contains(St1::DATA_ERROR), Cause::AddressCrc),
            (st2.intersects(St2::WRONG_CYLINDER | St2::BAD_CYLINDER), Cause::WrongCylinder),
            (st2.contains(St2::MISSING_DATA_MARK), Cause::MissingDataMark),
            (st1.contains(St1::MISSING_MARK), Cause::MissingAddressMark),
            (st1.contains(St1::NO_DATA), Cause::SectorNotFound),
            (st1.contains(St1::END_OF_TRACK), Cause::EndOfTrack),
        ];
        let found = causes.into_iter().find(|(bits, _)| *bits);
        Some(found.map_or(Cause::Unexplained, |(_, cause)| cause))
    }
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Status { st0, st1, st2, at } = self;
        write!(f, "ST0 {:#04x}, ST1 {:#04x}, ST2 {:#04x} at {at}", st0.bits(), st1.bits(), st2.bits())
    }
}
