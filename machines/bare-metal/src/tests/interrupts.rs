//! Interrupts arrive, are waited for, and do not arrive.

use core::time::Duration;

use super::{Failure, Test};
use crate::ensure;
use crate::interrupts::{Irq, TICKS_PER_SECOND, count, feign_spurious, forget, now, spurious, wait};

pub(super) const TESTS: &[Test] = &[
    ("timer-interrupts", timer_interrupts),
    ("wait-times-out", wait_times_out),
    ("spurious-interrupt", spurious_interrupt),
];

/// The timer's interrupts arrive, each waited for once.
fn timer_interrupts() -> Result<(), Failure> {
    forget(Irq::Timer);
    let before = count(Irq::Timer);
    for _ in 0..20 {
        wait(Irq::Timer, Duration::from_secs(1))?;
    }
    let arrived = count(Irq::Timer) - before;
    ensure!(arrived >= 20, "20 waits ended after {arrived} interrupts");
    Ok(())
}

/// A wait for what does not come ends when its time is over.
fn wait_times_out() -> Result<(), Failure> {
    let limit = Duration::from_millis(30);
    forget(Irq::Floppy);
    let before = now();
    let Err(timed_out) = wait(Irq::Floppy, limit) else {
        return Err(Failure::new("an idle floppy controller interrupted"));
    };
    let waited = now() - before;
    ensure!(timed_out.limit == limit && timed_out.irq == Irq::Floppy, "{timed_out}");
    ensure!(waited >= limit, "{limit:?} were over after {waited:?}");
    ensure!(waited < limit * 10, "{limit:?} took {waited:?}, {TICKS_PER_SECOND} ticks a second");
    Ok(())
}

/// An interrupt that no device stands behind is told from one that a device made.
fn spurious_interrupt() -> Result<(), Failure> {
    let before = spurious();
    feign_spurious();
    ensure!(spurious() == before + 1, "{} were counted", spurious() - before);
    // Had it been taken for a device's, the end of some other interrupt would have been told.
    forget(Irq::Timer);
    wait(Irq::Timer, Duration::from_secs(1))?;
    Ok(())
}
