//! Time: clock ticks of a hundredth of a second, as the kernel counts them (`drv_usectohz(9F)`, `ddi_get_lbolt(9F)`).

use std::ffi::{c_long, c_longlong};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::misuse::misuse;
use crate::node::{Context, context};

const SECOND_NS: i64 = 1_000_000_000;
const TICKS_PER_SECOND: i64 = 100;
const TICK_NS: i64 = SECOND_NS / TICKS_PER_SECOND;
const TICK_US: i64 = TICK_NS / 1000;

/// When a tick begins.
pub(super) enum Moment {
    Past,
    At(Instant),
    /// Too far away for a clock.
    Never,
}

/// The moment at which a tick begins.
pub(super) fn moment(tick: c_long) -> Moment {
    let left = i128::from(tick) * i128::from(TICK_NS) - i128::from(nanoseconds());
    // Read later, so that the moment is not before the tick.
    let now = Instant::now();
    if left <= 0 {
        return Moment::Past;
    }
    match u64::try_from(left).ok().and_then(|left| now.checked_add(Duration::from_nanos(left))) {
        Some(moment) => Moment::At(moment),
        None => Moment::Never,
    }
}

/// Ticks since the machine started.
pub(super) fn ticks() -> c_long {
    nanoseconds() / TICK_NS
}

fn nanoseconds() -> i64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    tv_sec * SECOND_NS + tv_nsec
}

/// Gives nanoseconds since the machine started; they never go back.
#[unsafe(no_mangle)]
pub extern "C" fn gethrtime() -> c_longlong {
    nanoseconds()
}

/// Gives clock ticks since the machine started.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_lbolt() -> c_long {
    ticks()
}

/// Gives clock ticks since the machine started.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_lbolt64() -> i64 {
    ticks()
}

/// Gives seconds since 1970.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_time() -> c_long {
    clock_gettime(ClockId::Realtime).tv_sec
}

/// Gives the clock ticks that some microseconds take, a started one whole.
#[unsafe(no_mangle)]
pub extern "C" fn drv_usectohz(microsecs: c_long) -> c_long {
    let ticks = microsecs / TICK_US;
    if microsecs % TICK_US > 0 { ticks + 1 } else { ticks }
}

/// Gives the microseconds that some clock ticks take, and the most there are where they are more.
#[unsafe(no_mangle)]
pub extern "C" fn drv_hztousec(hertz: c_long) -> c_long {
    hertz.saturating_mul(TICK_US)
}

/// Lets at least some microseconds pass.
#[unsafe(no_mangle)]
pub extern "C" fn drv_usecwait(microsecs: c_long) {
    if let Ok(microsecs) = u64::try_from(microsecs) {
        thread::sleep(Duration::from_micros(microsecs));
    }
}

/// Lets at least some clock ticks pass. Interrupt handlers and callbacks cannot wait that long.
#[unsafe(no_mangle)]
pub extern "C" fn delay(ticks: c_long) {
    if context() == Context::Interrupt {
        misuse!(
            "delay",
            "called in interrupt context, which cannot sleep: use drv_usecwait, or leave it to a thread"
        );
    }
    if let Ok(ticks) = u64::try_from(ticks) {
        thread::sleep(Duration::from_nanos(ticks.saturating_mul(TICK_NS.unsigned_abs())));
    }
}
