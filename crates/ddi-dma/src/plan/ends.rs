//! Where the next cookie may end: the few places that a good plan needs.

use super::Engine;
use super::cuts::{Cutter, first_common, last_common};
use super::join::Way;
use super::runs::{Run, Source};

/// Candidate ends of one cookie, in no order.
pub(super) struct Ends {
    ends: [u64; Self::MOST],
    count: usize,
    /// The shortest and the longest cookie end here.
    low: u64,
    high: u64,
}

impl Ends {
    const MOST: usize = 24;

    /// The ends of a cookie of this kind behind `way`.
    pub(super) fn of(cutter: &Cutter<'_>, way: &Way, source: Source) -> Ends {
        let Engine { min, cookie_max, list_max, .. } = *cutter.engine;
        let low = way.at.saturating_add(min);
        let high = way.at.saturating_add(cookie_max).min(way.list.saturating_add(list_max)).min(cutter.length);
        let mut ends = Ends { ends: [0; Self::MOST], count: 0, low, high };
        let Some(run) = cutter.runs.get(way.run) else { return ends };
        match source {
            Source::Direct => ends.direct(cutter, way, run),
            Source::Copied => ends.copied(cutter, way, run),
        }
        ends
    }

    pub(super) fn as_slice(&self) -> &[u64] {
        self.ends.get(..self.count).unwrap_or(&[])
    }

    fn add(&mut self, end: Option<u64>) {
        let Some(end) = end.filter(|end| (self.low..=self.high).contains(end)) else { return };
        if self.as_slice().contains(&end) {
            return;
        }
        if let Some(slot) = self.ends.get_mut(self.count) {
            *slot = end;
            self.count += 1;
        }
    }

    fn direct(&mut self, cutter: &Cutter<'_>, way: &Way, run: &Run) {
        let Engine { granule, min, align_mask, .. } = *cutter.engine;
        let address = run.address.wrapping_add(way.at - run.offset);
        if run.source == Source::Copied || address & align_mask != 0 {
            return;
        }
        let step = align_mask + 1;
        self.high = self.high.min(run.end());
        self.add(Some(self.high));
        let high = self.high;
        let behind = run.end().saturating_sub(min).min(high);
        // Not the whole run: go on in it, aligned, with enough left for a cookie.
        let on = behind.saturating_sub(way.at) & !align_mask;
        self.add(Some(way.at + on));
        // The list ends here: on the last granule, or where the next list needs no join.
        self.add(Some(high - high % granule));
        self.add(Some(behind - behind % granule));
        self.add(last_common(granule, way.at, step, behind));
        // Something is left to what follows, so that it is long enough.
        self.leave_for_next(cutter, way, run);
        self.add(cutter.length.checked_sub(min));
        self.add(way.list.saturating_add(cutter.engine.list_max).checked_sub(min));
    }

    /// Ends that leave the copied cookie behind this run just what it lacks.
    fn leave_for_next(&mut self, cutter: &Cutter<'_>, way: &Way, run: &Run) {
        let Engine { granule, min, .. } = *cutter.engine;
        if min > 1 {
            let next = cutter.runs.get(way.run + 1);
            let start = next.and_then(|next| first_start(next, run.end(), cutter.engine));
            self.add(start.and_then(|start| start.checked_sub(min)));
            self.add(next.and_then(|next| next.end().checked_sub(min)));
            self.add(run.end().checked_next_multiple_of(granule).and_then(|end| end.checked_sub(min)));
        }
    }

    fn copied(&mut self, cutter: &Cutter<'_>, way: &Way, run: &Run) {
        let Engine { granule, min, align_mask, .. } = *cutter.engine;
        let address = run.address.wrapping_add(way.at - run.offset);
        let left = run.end() - way.at;
        let goes = run.source == Source::Direct && address & align_mask == 0;
        if goes && left >= min && left > granule {
            return;
        }
        self.high = self.high.min(way.at.saturating_add(cutter.budget.bytes - way.buffered));
        if self.high < self.low {
            return;
        }
        let (low, high) = (self.low, self.high);
        self.add(Some(high));
        self.add(Some(high - high % granule));
        self.add(low.checked_next_multiple_of(granule));
        self.add(Some(low));
        self.add(cutter.length.checked_sub(min));
        let first = if low < run.end() { way.run } else { cutter.place(low).run };
        for run in cutter.runs.get(first..).unwrap_or(&[]).iter().take(3) {
            self.add(first_start(run, low, cutter.engine));
            self.add(Some(run.end()));
            self.add(run.end().checked_sub(min));
            if run.source == Source::Direct {
                let start = low.max(run.offset);
                self.add(first_common(granule, run, align_mask + 1, start));
            }
        }
    }
}

/// The first place in the run, not before `low`, at which a direct cookie may start.
fn first_start(run: &Run, low: u64, engine: &Engine) -> Option<u64> {
    let at = low.max(run.offset);
    let address = run.address.wrapping_add(at - run.offset);
    let start = at + (address.wrapping_neg() & engine.align_mask);
    (run.source == Source::Direct && start < run.end()).then_some(start)
}
