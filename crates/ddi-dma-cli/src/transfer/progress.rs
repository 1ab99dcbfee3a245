//! A progress bar, once a transfer takes longer than a second and somebody looks on.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long nobody needs a bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Progress of all streams over so many bytes.
pub(super) struct Progress {
    total: u64,
    started: Instant,
    state: Mutex<State>,
}

struct State {
    done: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        Progress { total, started: Instant::now(), state: Mutex::new(State { done: 0, bar: None }) }
    }

    /// Tells that `bytes` more are done.
    pub(super) fn advance(&self, bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += bytes;
        if state.bar.is_none() && self.started.elapsed() >= PATIENCE {
            state.bar = Some(bar(self.total, self.started));
        }
        if let Some(bar) = &state.bar {
            bar.set_position(state.done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &state.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar on the standard error, which draws nothing where that is no terminal.
fn bar(total: u64, started: Instant) -> ProgressBar {
    let bar = ProgressBar::new(total).with_elapsed(started.elapsed());
    let style = ProgressStyle::with_template("{wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
