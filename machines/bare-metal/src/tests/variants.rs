//! What is broken on purpose. Each must be noticed, and each in a way of its own.

use alloc::vec::Vec;
use core::hint::{self, black_box};

use super::{Failure, Test, broken};
use crate::cpu;
use crate::memory::{FRAME_WINDOW, HEAP_SIZE};

/// All variants.
pub(super) const VARIANTS: &[Test] = &[
    ("failure", || Err(Failure::new("this test always fails"))),
    ("panic", || panic!("on purpose")),
    ("exception", exception),
    ("out-of-memory", out_of_memory),
    ("broken-boundary", broken::boundary),
    ("broken-boundary-words", broken::boundary_of_words),
    ("triple-fault", || cpu::triple_fault()),
    ("time-out", || {
        loop {
            hint::spin_loop();
        }
    }),
];

/// Reads where nothing is mapped.
fn exception() -> Result<(), Failure> {
    let nowhere = black_box(FRAME_WINDOW - 8) as usize as *const u64;
    // SAFETY: nothing is mapped there, so that the processor raises an exception, whose handler ends the run.
    let read = unsafe { nowhere.read_volatile() };
    Err(Failure::new(alloc::format!("read {read:#x} where nothing is mapped")))
}

/// Allocates what the heap does not have.
fn out_of_memory() -> Result<(), Failure> {
    let block: Vec<u8> = Vec::with_capacity(black_box(2 * HEAP_SIZE as usize));
    Err(Failure::new(alloc::format!("the heap has {} bytes", block.capacity())))
}
