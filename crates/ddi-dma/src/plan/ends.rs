//! Where the next cookie may end: the few places that a good plan needs.

use super::cuts::{Cutter, first_common, last_common};
use super::join::Way;
use super::runs::{Run, Source};
use super::{Engine, layout};

/// Candidate ends of one cookie, in no order.
pub(super) struct Ends {
    ends: [u64; Self::MOST],
    count: usize,
    /// The shortest and the longest cookie end here.
    low: u64,
    high: u64,
}

impl Ends {
    const MOST: usize = 40;

    /// The ends of a cookie of this kind behind `way`.
    pub(super) fn of(cutter: &Cutter<'_>, way: &Way, source: Source) -> Ends {
        let Engine { min, cookie_max, list_max, .. } = *cutter.engine;
        let low = way.at.saturating_add(min);
        let high =
            way.at.saturating_add(cookie_max).min(way.list.saturating_add(list_max)).min(cutter.length);
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
        if self.high == run.end() && undemanding(cutter, way, run) {
            return;
        }
        // Not the whole run: go on in it, aligned, with enough left for a cookie.
        let on = behind.saturating_sub(way.at) & !align_mask;
        self.add(Some(way.at + on));
        // Where few sizes are legal, the smallest makes the difference that the largest cannot.
        if cutter.engine.cookie_max.min(cutter.engine.list_max) < min.saturating_mul(4) {
            self.add(self.low.checked_next_multiple_of(granule));
            self.add(Some(way.at + min.next_multiple_of(step)));
        }
        // The list ends here: on the last granule, or where the next list needs no join, or a short one.
        self.add(Some(high - high % granule));
        self.add(Some(behind - behind % granule));
        self.add(last_common(granule, way.at, step, behind));
        let start = way.at + ((high - way.at) & !align_mask);
        self.add(Some(start - start % granule));
        if min > 1 {
            self.leave_to_next(cutter, way, run);
        }
    }

    /// Adds ends that leave to a copied cookie behind this one just what it lacks.
    fn leave_to_next(&mut self, cutter: &Cutter<'_>, way: &Way, run: &Run) {
        let Engine { granule, min, list_max, .. } = *cutter.engine;
        let length = cutter.length;
        let nearest = run.end().max(self.low.saturating_add(min));
        let behind = cutter.runs.get(way.run + 1..).unwrap_or(&[]);
        for next in behind.iter().take(4).take_while(|next| next.offset < nearest.saturating_add(min)) {
            self.leave(first_start(next, nearest, cutter.engine), min, granule);
            self.leave(Some(next.end()), min, granule);
            self.leave(Some(next.end()), 2 * min, granule);
        }
        self.leave(Some(length), min, granule);
        self.leave(Some(length), 2 * min, granule);
        self.leave(self.high.checked_next_multiple_of(granule), min, granule);
        self.leave(Some(way.list.saturating_add(list_max)), min, granule);
    }

    /// Adds the end `min` bytes before `stop`, and the granule before it.
    fn leave(&mut self, stop: Option<u64>, min: u64, granule: u64) {
        let end = stop.and_then(|stop| stop.checked_sub(min));
        self.add(end);
        self.add(end.map(|end| end - end % granule));
    }

    fn copied(&mut self, cutter: &Cutter<'_>, way: &Way, run: &Run) {
        let Engine { granule, min, align_mask, .. } = *cutter.engine;
        let address = run.address.wrapping_add(way.at - run.offset);
        let left = run.end() - way.at;
        let goes = run.source == Source::Direct && address & align_mask == 0;
        if self.high < self.low || goes && left >= 2 * min && left > granule {
            return;
        }
        let most = (self.high - way.at).min(cutter.budget.bytes - way.buffered);
        self.high = way.at + layout::fit(way.end, most, cutter.budget.room, cutter.engine);
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
        for run in cutter.runs.get(first..).unwrap_or(&[]).iter().take(8) {
            let start = first_start(run, low, cutter.engine);
            self.add(start);
            self.add(Some(run.end()));
            self.add(run.end().checked_sub(min));
            if run.source == Source::Direct {
                self.add(first_common(granule, run, align_mask + 1, low.max(run.offset)));
            }
            // Here bytes can go as they lie again.
            if start.is_some_and(|start| run.end() - start >= 2 * min.max(granule)) {
                break;
            }
        }
    }
}

/// Whether nothing is gained by ending before the end of this run: the list has room for what follows, and that
/// needs nothing from this run.
fn undemanding(cutter: &Cutter<'_>, way: &Way, run: &Run) -> bool {
    let Engine { granule, min, align_mask, list_cookies, list_max, .. } = *cutter.engine;
    let Some(next) = cutter.runs.get(way.run + 1) else { return true };
    let period =
        granule.saturating_mul((align_mask + 1) / (granule & granule.wrapping_neg()).min(align_mask + 1));
    let suits = next.size >= 2 * min && next.address & align_mask == 0;
    let whole = next.size.max(period).saturating_add(min);
    let fits = run.end() - way.list <= list_max.saturating_sub(whole);
    let buffered = next.source == Source::Copied
        && cutter.budget.bytes.saturating_sub(way.buffered) < next.size.saturating_add(min);
    suits && fits && !buffered && next.size >= period && list_cookies - way.used > 2
}

/// The first place in the run, not before `low`, at which a direct cookie may start.
fn first_start(run: &Run, low: u64, engine: &Engine) -> Option<u64> {
    let at = low.max(run.offset);
    let address = run.address.wrapping_add(at - run.offset);
    let start = at + (address.wrapping_neg() & engine.align_mask);
    (run.source == Source::Direct && start < run.end()).then_some(start)
}
