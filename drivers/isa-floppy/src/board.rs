//! What the driver asks of the machine beside ports and memory: an interrupt line and a clock.

use core::time::Duration;

/// The interrupt line of one controller, and time.
///
/// A kernel implements it with its interrupt handler: the handler notes that the interrupt came, and wakes whoever waits.
pub trait Board: Send + Sync + 'static {
    /// Forgets an interrupt that came, so that the next [`wait_interrupt`](Self::wait_interrupt) is for one that comes from
    /// here on. Called ahead of everything that the controller answers with an interrupt.
    fn expect_interrupt(&self);

    /// Rests until the controller's interrupt comes, or has come since it was expected.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] where it does not come in that time.
    fn wait_interrupt(&self, timeout: Duration) -> Result<(), TimedOut>;

    /// Rests for at least so long: from microseconds between two looks at a register to the half second of a motor.
    fn delay(&self, time: Duration);
}

/// The interrupt did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the interrupt did not come in time")]
pub struct TimedOut;
