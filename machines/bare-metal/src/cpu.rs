//! Instructions of the processor that Rust has no words for.

use core::arch::asm;

/// Stops for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: a processor that rests with interrupts off does nothing.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}
