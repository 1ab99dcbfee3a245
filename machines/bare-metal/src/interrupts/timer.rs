//! The clock: channel 0 of the 8254 timer.

use crate::ports::Port;

/// How often it interrupts.
pub(super) const TICKS_PER_SECOND: u32 = 1000;

/// What the timer counts down at, in Hz.
const INPUT: u32 = 1_193_182;

/// Channel 0, both bytes of the count, a square wave.
const SQUARE_WAVE: u8 = 0x36;

/// Starts it.
pub(super) fn init() {
    // SAFETY: the timer does no DMA; its interrupt has a handler.
    let (command, channel) = unsafe { (Port::new(0x43), Port::new(0x40)) };
    let [low, high, ..] = (INPUT / TICKS_PER_SECOND).to_le_bytes();
    command.write(SQUARE_WAVE);
    channel.write(low);
    channel.write(high);
}
