//! The bits of the registers and of the result bytes, named as the 82077AA's data sheet names them.

/// The digital output register.
pub(super) mod dor {
    /// Which drive.
    pub const SELECT: u8 = 0x03;
    /// Low: the controller is held in reset.
    pub const NOT_RESET: u8 = 0x04;
    /// Lets the request for DMA and the interrupt out.
    pub const GATE: u8 = 0x08;
    /// The motor of drive 0; those of the other drives lie above.
    pub const MOTOR: u8 = 0x10;
}

/// The data rate select register.
pub(super) mod dsr {
    /// Which rate, as in the configuration control register.
    pub const RATE: u8 = 0x03;
    /// Resets the controller and falls by itself.
    pub const RESET: u8 = 0x80;
}

/// The digital input register.
pub(super) mod dir {
    /// The disk was changed, or there is none.
    pub const CHANGED: u8 = 0x80;
    /// Lines that belong to the fixed disk of an AT, and float where there is none.
    pub const FLOATING: u8 = 0x7F;
}

/// The main status register.
pub(super) mod msr {
    /// The first drive seeks, or its seek was not sensed yet; the other drives lie above.
    pub const DRIVE_BUSY: u8 = 0x01;
    /// A command is in progress.
    pub const BUSY: u8 = 0x10;
    /// Bytes are exchanged with the processor, not by DMA.
    pub const NON_DMA: u8 = 0x20;
    /// The data register holds a byte for the processor; low, it takes one.
    pub const TO_PROCESSOR: u8 = 0x40;
    /// The data register may be used.
    pub const REQUEST: u8 = 0x80;
}

/// Status register 0.
pub(super) mod st0 {
    /// Track 0 was not found.
    pub const EQUIPMENT_CHECK: u8 = 0x10;
    /// A seek ended.
    pub const SEEK_END: u8 = 0x20;
    /// The command was started and did not end well.
    pub const ABNORMAL: u8 = 0x40;
    /// There is no such command.
    pub const INVALID: u8 = 0x80;
    /// What polling finds after a reset.
    pub const POLLED: u8 = 0xC0;
}

/// Status register 1.
pub(super) mod st1 {
    /// There is no address mark.
    pub const MISSING_MARK: u8 = 0x01;
    /// The disk is write-protected.
    pub const NOT_WRITABLE: u8 = 0x02;
    /// The sector was not found.
    pub const NO_DATA: u8 = 0x04;
    /// The byte did not come or go in time.
    pub const OVERRUN: u8 = 0x10;
    /// The check bytes do not match.
    pub const DATA_ERROR: u8 = 0x20;
    /// The last sector of the track passed without terminal count.
    pub const END_OF_TRACK: u8 = 0x80;
}

/// Status register 2.
pub(super) mod st2 {
    /// The track is marked as bad: its sectors say cylinder 0xff.
    pub const BAD_CYLINDER: u8 = 0x02;
    /// The sectors say another cylinder than the command.
    pub const WRONG_CYLINDER: u8 = 0x10;
    /// The check bytes that do not match are those of the data.
    pub const IN_DATA: u8 = 0x20;
    /// The sector carries the other kind of data mark.
    pub const CONTROL_MARK: u8 = 0x40;
}

/// Status register 3.
pub(super) mod st3 {
    /// Bits that always read as one.
    pub const ALWAYS: u8 = 0x28;
    /// The head is above track 0.
    pub const TRACK_0: u8 = 0x10;
    /// The disk is write-protected.
    pub const PROTECTED: u8 = 0x40;
}
