//! Interrupts: how they are counted and waited for.

mod pic;
mod stubs;
mod table;
mod timer;

pub use stubs::Frame;

use core::arch::asm;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use crate::exit::{Outcome, exit};
use crate::{cpu, println, watchdog};

/// A line of the interrupt controllers that the kernel listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Irq {
    /// The timer, [`TICKS_PER_SECOND`] times a second.
    Timer = 0,
    /// The Sound Blaster.
    Sound = 5,
    /// The floppy controller.
    Floppy = 6,
}

/// Lines that the kernel listens to.
const LISTENED: [Irq; 3] = [Irq::Timer, Irq::Sound, Irq::Floppy];

/// Lines of the two controllers.
const LINES: usize = 16;

/// Where the lines begin in the interrupt table, behind the exceptions.
const FIRST_LINE: u64 = 32;

/// How often the timer interrupts.
pub const TICKS_PER_SECOND: u32 = timer::TICKS_PER_SECOND;

/// From one interrupt of the timer to the next.
pub const TICK: Duration = Duration::from_nanos(1_000_000_000 / TICKS_PER_SECOND as u64);

/// Interrupts that arrived, a line each.
static ARRIVED: [AtomicU64; LINES] = [const { AtomicU64::new(0) }; LINES];
/// Of these, how many somebody waited for or forgot.
static TAKEN: [AtomicU64; LINES] = [const { AtomicU64::new(0) }; LINES];
/// Interrupts that a controller announced and then knew nothing of.
static SPURIOUS: AtomicU64 = AtomicU64::new(0);

/// An interrupt that did not arrive in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut {
    /// Its line.
    pub irq: Irq,
    /// How long was waited.
    pub limit: Duration,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {:?} interrupt within {:?}", self.irq, self.limit)
    }
}

impl core::error::Error for TimedOut {}

/// Loads the interrupt table, starts the timer and lets interrupts in.
///
/// # Safety
///
/// Called once.
pub unsafe fn init() {
    // SAFETY: called once (the caller's promise); the stubs save what they use and return to where they came from.
    unsafe { table::load() }
    pic::init(FIRST_LINE as u8, &LISTENED);
    timer::init();
    // SAFETY: the table was just loaded.
    unsafe { cpu::enable_interrupts() }
}

/// Interrupts of a line since the start.
pub fn count(irq: Irq) -> u64 {
    ARRIVED[irq as usize].load(Ordering::Relaxed)
}

/// Spurious interrupts since the start.
pub fn spurious() -> u64 {
    SPURIOUS.load(Ordering::Relaxed)
}

/// Interrupts as a controller does that forgot why: on its last line, with no device behind it.
pub fn feign_spurious() {
    const LAST_OF_FIRST: u64 = FIRST_LINE + 7;
    // SAFETY: the vector has a stub, which saves what it uses.
    unsafe { asm!("int {}", const LAST_OF_FIRST, options(nostack)) }
}

/// Forgets interrupts of a line that arrived and that nobody waited for.
///
/// To be called before a device is told to do something at whose end it interrupts.
pub fn forget(irq: Irq) {
    TAKEN[irq as usize].store(count(irq), Ordering::Relaxed);
}

/// Rests until an interrupt of the line arrives, or takes one that arrived already and that nobody waited for.
///
/// # Errors
///
/// [`TimedOut`].
pub fn wait(irq: Irq, limit: Duration) -> Result<(), TimedOut> {
    let deadline = now() + limit;
    loop {
        cpu::disable_interrupts();
        let taken = take(irq);
        if taken || now() >= deadline {
            // SAFETY: the kernel waits only after `init`.
            unsafe { cpu::enable_interrupts() }
            return if taken { Ok(()) } else { Err(TimedOut { irq, limit }) };
        }
        // SAFETY: as above.
        unsafe { cpu::enable_interrupts_and_rest() }
    }
}

/// Rests until some interrupt arrives, the next tick of the timer at the latest.
pub fn rest() {
    // SAFETY: the kernel rests only after `init`.
    unsafe { cpu::enable_interrupts_and_rest() }
}

/// Time since the timer was started, by its ticks.
pub fn now() -> Duration {
    Duration::from_secs(count(Irq::Timer)) / TICKS_PER_SECOND
}

/// Takes an interrupt that nobody waited for.
fn take(irq: Irq) -> bool {
    let taken = TAKEN[irq as usize].load(Ordering::Relaxed);
    let waiting = taken < count(irq);
    if waiting {
        TAKEN[irq as usize].store(taken + 1, Ordering::Relaxed);
    }
    waiting
}

/// Whatever interrupts comes here.
extern "C" fn interrupted(frame: &Frame) {
    match frame.vector.checked_sub(FIRST_LINE) {
        Some(line) => line_interrupted(line as usize, frame),
        None => exception(frame),
    }
}

fn line_interrupted(line: usize, frame: &Frame) {
    if pic::acknowledge(line as u8) == pic::Cause::Spurious {
        SPURIOUS.fetch_add(1, Ordering::Relaxed);
        return;
    }
    ARRIVED[line].fetch_add(1, Ordering::Relaxed);
    if line == Irq::Timer as usize {
        watchdog::look(now(), frame);
    }
}

fn exception(frame: &Frame) -> ! {
    println!("exception {}, address {:#x}", frame.vector, cpu::faulting_address());
    println!("{frame}");
    exit(Outcome::Exception)
}
