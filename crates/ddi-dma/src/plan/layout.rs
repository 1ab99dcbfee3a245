//! Windows: which lists share the copy buffer, and where in it each copied cookie stands.

use super::{Budget, Engine, Lists, Plan, PlanError, Sliding, TooBig, WindowSpan};

/// Groups lists into windows whose copies fit the plan's budget, and places the copies of each window from its start.
/// Where a window may have one list only and the object may slide, each list is a window.
///
/// A copied cookie starts aligned and crosses no boundary, counted from the start of the copy run; the run itself
/// starts at a multiple of both, or crosses no boundary at all.
pub(super) fn windows(plan: &mut Plan, engine: &Engine, sliding: Sliding) -> Result<(), PlanError> {
    let (budget, each_list) = (plan.budget, sliding == Sliding::Yes && plan.window_lists == Lists::One);
    let copied: u64 = plan.copies.iter().map(|copy| copy.size).sum();
    if sliding == Sliding::No && copied > budget.bytes {
        return Err(TooBig::Copy { copied, budget: budget.bytes }.into());
    }
    let mut window = Open::at(0);
    let mut copies_start = 0;
    for index in 0..plan.lists.len() {
        let Some(list) = plan.lists.get(index).copied() else { break };
        let copies = copies_start..list.copies_end;
        let mut grown = window.with(plan, engine, copies.clone());
        if (each_list || grown.exceeds(budget)) && window.first_list < index {
            if sliding == Sliding::No {
                return Err(TooBig::Room { room: grown.end, budget: budget.room }.into());
            }
            plan.close(&window, index, copies_start);
            window = Open::at(index);
            grown = window.with(plan, engine, copies);
        }
        if grown.exceeds(budget) {
            return Err(TooBig::Room { room: grown.end, budget: budget.room }.into());
        }
        window = grown;
        copies_start = list.copies_end;
    }
    plan.close(&window, plan.lists.len(), copies_start);
    Ok(())
}

/// Where in the copy run a copied cookie stands, if the bytes before `end` are taken.
pub(super) fn slot(end: u64, size: u64, engine: &Engine) -> u64 {
    let boundary = engine.attr().seg;
    let place = end.saturating_add(engine.align_mask) & !engine.align_mask;
    if (place ^ place.saturating_add(size.saturating_sub(1))) & !boundary == 0 {
        return place;
    }
    (place | boundary | engine.align_mask).saturating_add(1)
}

/// The most bytes, up to `size`, that one copied cookie can take of the room behind `end`.
pub(super) fn fit(end: u64, size: u64, room: u64, engine: &Engine) -> u64 {
    if room == u64::MAX {
        return size;
    }
    let whole = size.min(room.saturating_sub(slot(end, size, engine)));
    if whole > 0 {
        return whole;
    }
    // Not behind the next boundary, but maybe before it.
    let place = slot(end, 1, engine);
    size.min(room.saturating_sub(place))
        .min((engine.attr().seg - (place & engine.attr().seg)).saturating_add(1))
}

/// A window that may still take lists.
#[derive(Clone, Copy)]
struct Open {
    first_list: usize,
    copied: u64,
    /// First free byte of the copy run.
    end: u64,
}

impl Open {
    fn at(first_list: usize) -> Self {
        Open { first_list, copied: 0, end: 0 }
    }

    /// The window with these copies added, which are placed behind those that it has.
    fn with(mut self, plan: &mut Plan, engine: &Engine, copies: core::ops::Range<usize>) -> Self {
        for copy in plan.copies.get_mut(copies).unwrap_or(&mut []) {
            let place = slot(self.end, copy.size, engine);
            copy.place = place;
            self.end = place.saturating_add(copy.size);
            self.copied += copy.size;
        }
        self
    }

    fn exceeds(&self, budget: Budget) -> bool {
        self.copied > budget.bytes || self.end > budget.room
    }
}

impl Plan {
    fn close(&mut self, window: &Open, lists_end: usize, copies_end: usize) {
        let lists = self.lists.get(window.first_list..lists_end).unwrap_or(&[]);
        let (Some(first), Some(last)) = (lists.first(), lists.last()) else { return };
        let (offset, length) = (first.offset, last.offset + last.length - first.offset);
        self.windows.push(WindowSpan { offset, length, lists_end, copies_end });
        self.room = self.room.max(window.end);
    }
}
