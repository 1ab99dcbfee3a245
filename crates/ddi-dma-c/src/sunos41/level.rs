//! Interrupt priority levels: what a driver of SunOS 4.1 has instead of mutexes.
//!
//! There was one CPU, and who had raised its level was not interrupted by handlers of that level and of those below it.
//! Here handlers are threads. So there is one lock, and a thread above level 0 has it: all levels from 1 on exclude each
//! other, whichever they are.

use std::cell::Cell;
use std::ffi::c_int;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::misuse::misuse;

/// The levels of a SPARC.
const LEVELS: RangeInclusive<c_int> = 0..=15;

/// The highest level at which a driver does DMA, as far as `adddma` was told.
#[unsafe(no_mangle)]
pub static SPLMB: AtomicI32 = AtomicI32::new(0);

static CPU: Mutex<Cpu> = Mutex::new(Cpu::Free);
static FREED: Condvar = Condvar::new();

thread_local! {
    /// The level of this thread, which has the CPU where it is above 0.
    static LEVEL: Cell<c_int> = const { Cell::new(0) };
}

/// Whether a thread is above level 0.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cpu {
    Free,
    Taken,
}

/// Says that a driver does DMA at an interrupt level (`adddma`). The highest is kept, for `splvm`.
#[unsafe(no_mangle)]
pub extern "C" fn adddma(intlevel: c_int) {
    SPLMB.fetch_max(checked(intlevel, "adddma"), Ordering::Relaxed);
}

/// Raises the level, and gives the one before. A lower one changes nothing (`splr`).
#[unsafe(no_mangle)]
pub extern "C" fn splr(level: c_int) -> c_int {
    raise(checked(level, "splr"))
}

/// Raises the level to the highest at which a driver does DMA (`splvm`).
#[unsafe(no_mangle)]
pub extern "C" fn splvm() -> c_int {
    raise(SPLMB.load(Ordering::Relaxed).max(1))
}

/// Goes back to a level, and gives the one before (`splx`).
#[unsafe(no_mangle)]
pub extern "C" fn splx(level: c_int) -> c_int {
    set(checked(level, "splx"))
}

/// Runs something as `splvm` has it.
pub(crate) fn at_splvm<T>(work: impl FnOnce() -> T) -> T {
    at(raise_to(SPLMB.load(Ordering::Relaxed).max(1)), work)
}

/// Runs something that may rest, at level 0: others go on meanwhile, as the kernel's own sleep let them.
pub(super) fn lowered<T>(work: impl FnOnce() -> T) -> T {
    at(0, work)
}

fn at<T>(level: c_int, work: impl FnOnce() -> T) -> T {
    let before = set(level);
    let done = work();
    set(before);
    done
}

fn raise(level: c_int) -> c_int {
    set(raise_to(level))
}

fn raise_to(level: c_int) -> c_int {
    level.max(LEVEL.get())
}

/// Makes a level this thread's, and gives the one before.
fn set(level: c_int) -> c_int {
    let before = LEVEL.replace(level);
    match (before, level) {
        (0, 1..) => {
            let free = FREED.wait_while(cpu(), |cpu| *cpu == Cpu::Taken);
            *free.unwrap_or_else(PoisonError::into_inner) = Cpu::Taken;
        }
        (1.., 0) => {
            *cpu() = Cpu::Free;
            FREED.notify_one();
        }
        _ => {}
    }
    before
}

fn cpu() -> MutexGuard<'static, Cpu> {
    CPU.lock().unwrap_or_else(PoisonError::into_inner)
}

fn checked(level: c_int, function: &str) -> c_int {
    if !LEVELS.contains(&level) {
        misuse!(function, "level {level} is none: give one from {} to {}", LEVELS.start(), LEVELS.end());
    }
    level
}
