//! Instructions of the processor that Rust has no words for.

use core::arch::asm;

/// Stops for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: a processor that rests with interrupts off does nothing.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}

/// Lets no interrupt in any more.
pub fn disable_interrupts() {
    // SAFETY: what an interrupt handler would have done comes later.
    unsafe { asm!("cli", options(nostack)) }
}

/// Lets interrupts in.
///
/// # Safety
///
/// The interrupt table is loaded.
pub unsafe fn enable_interrupts() {
    // SAFETY: the caller's promise.
    unsafe { asm!("sti", options(nostack)) }
}

/// Lets interrupts in and rests until one came. None can come in between: `sti` takes effect behind the next instruction.
///
/// # Safety
///
/// The interrupt table is loaded.
pub unsafe fn enable_interrupts_and_rest() {
    // SAFETY: the caller's promise.
    unsafe { asm!("sti", "hlt", options(nostack)) }
}

/// The address whose access faulted last.
pub fn faulting_address() -> u64 {
    let address;
    // SAFETY: reading the register changes nothing.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) }
    address
}

/// Makes the processor give up: an interrupt, no gate for it, and no gate for the fault that this is.
pub fn triple_fault() -> ! {
    let no_gates = [0u16; 5];
    // SAFETY: the machine starts anew or is stopped.
    unsafe { asm!("lidt [{}]", "int3", in(reg) &no_gates, options(noreturn, nostack)) }
}
