//! Alignment and minxfer: joins what no engine could take on its own through the copy buffer.
//!
//! Afterwards every direct run starts aligned, and every run is at least minxfer bytes, unless the object has fewer.
//! One pass; a short copied run grows into whichever neighbour costs fewer bytes.

use alloc::vec::Vec;

use super::Engine;
use super::runs::{Run, Source, push_copied};

/// Shapes `raw` into `out`.
pub(super) fn shape(raw: &[Run], engine: &Engine, out: &mut Vec<Run>) {
    out.clear();
    let mut shaper = Shaper { engine, out };
    for run in raw {
        match run.source {
            Source::Copied => push_copied(shaper.out, run.offset, run.size),
            Source::Direct => shaper.fit(*run),
        }
    }
    while shaper.last_is_short() && shaper.out.len() > 1 {
        shaper.grow_left();
    }
}

struct Shaper<'a> {
    engine: &'a Engine,
    out: &'a mut Vec<Run>,
}

impl Shaper<'_> {
    /// Adds a direct run: what precedes its first aligned address is copied, and what is too short, and a tail that
    /// cannot be evened out.
    fn fit(&mut self, run: Run) {
        let align = self.engine.align_mask + 1;
        let head = (run.address.wrapping_neg() & self.engine.align_mask).min(run.size);
        let body = run.size - head;
        let tail = match body {
            _ if body < self.engine.min => body,
            _ if self.engine.leaves_tail(body, align) => body % self.engine.cookie_max,
            _ => 0,
        };
        if head > 0 {
            push_copied(self.out, run.offset, head);
        }
        if body > tail {
            self.direct(run.part(run.offset + head, run.end() - tail));
        }
        if tail > 0 {
            push_copied(self.out, run.end() - tail, tail);
        }
    }

    /// Adds an aligned run, once the copied run before it is long enough.
    fn direct(&mut self, mut run: Run) {
        while self.last_is_short() {
            let missing = self.missing();
            let whole = run.size;
            let wanted = missing.next_multiple_of(self.engine.align_mask + 1);
            let right = if whole.saturating_sub(wanted) < self.engine.min { whole } else { wanted };
            if self.left_cost(missing).is_some_and(|left| left < right) {
                self.grow_left();
                continue;
            }
            push_copied(self.out, run.offset, right);
            if right == whole {
                return;
            }
            run = run.part(run.offset + right, run.end());
        }
        self.out.push(run);
    }

    fn last_is_short(&self) -> bool {
        self.out.last().is_some_and(|run| run.source == Source::Copied && run.size < self.engine.min)
    }

    /// Bytes that the last run lacks to be a cookie.
    fn missing(&self) -> u64 {
        self.out.last().map_or(0, |run| self.engine.min.saturating_sub(run.size))
    }

    /// What growing to the left would copy, if there is something on the left.
    fn left_cost(&self, missing: u64) -> Option<u64> {
        let before = self.out.len().checked_sub(2).and_then(|i| self.out.get(i))?;
        Some(if before.size.saturating_sub(missing) < self.engine.min { before.size } else { missing })
    }

    /// Lets the last run, which is copied, take what it lacks from the direct run before it.
    fn grow_left(&mut self) {
        let missing = self.missing();
        let (Some(cost), Some(mut last)) = (self.left_cost(missing), self.out.pop()) else { return };
        last.offset -= cost;
        last.size += cost;
        if let Some(before) = self.out.last_mut() {
            before.size -= cost;
            if before.size == 0 {
                self.out.pop();
            }
        }
        push_copied(self.out, last.offset, last.size);
    }
}
