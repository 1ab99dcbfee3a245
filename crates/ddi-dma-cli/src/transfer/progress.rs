//! A progress bar, once a transfer takes longer than a second and somebody looks on.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long nobody needs a bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Progress over so many bytes.
pub(super) struct Progress {
    total: u64,
    done: u64,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        Progress { total, done: 0, started: Instant::now(), bar: None }
    }

    /// Tells that `bytes` more are done.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.bar.is_none() && self.started.elapsed() >= PATIENCE {
            self.bar = Some(bar(self.total, self.started));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
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
