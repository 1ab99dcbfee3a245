//! What the floppy driver asks of the machine: an interrupt line and time.

use core::time::Duration;

use isa_floppy::{Board, TimedOut};

use crate::interrupts::{self, Irq};
use crate::ports::Port;

/// The floppy controller's line, and the timer.
#[derive(Debug, Clone, Copy)]
pub struct FloppyBoard;

impl Board for FloppyBoard {
    fn expect_interrupt(&self) {
        interrupts::forget(Irq::Floppy);
    }

    fn wait_interrupt(&self, timeout: Duration) -> Result<(), TimedOut> {
        interrupts::wait(Irq::Floppy, timeout).map_err(|_| TimedOut)
    }

    fn delay(&self, time: Duration) {
        if time < interrupts::TICK {
            delay_on_the_bus(time);
        } else {
            // The tick under way may end at once.
            let end = interrupts::now() + time + interrupts::TICK;
            while interrupts::now() < end {
                interrupts::rest();
            }
        }
    }
}

/// Lets some microseconds pass: an access to a port of an ISA bus takes one.
fn delay_on_the_bus(time: Duration) {
    // SAFETY: a page register that no channel has: it does nothing.
    let unused = unsafe { Port::new(0x80) };
    for _ in 0..time.as_micros() {
        unused.read();
    }
}
