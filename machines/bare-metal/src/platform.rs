//! How the kernel rests while it waits for a resource.

use core::task::Waker;

use ddi_dma::Platform;

use crate::interrupts;

/// One thread, which rests until the next interrupt: only what a handler releases can come while it waits, and the timer
/// ends each rest soon.
#[derive(Debug, Clone, Copy)]
pub struct Resting;

impl Platform for Resting {
    fn current(&self) -> u64 {
        0
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn park(&self) {
        interrupts::rest();
    }
}
