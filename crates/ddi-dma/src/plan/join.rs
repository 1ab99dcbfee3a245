//! Lists where pieces must be joined: for alignment, minxfer or a granule in too many pieces.
//!
//! A search from left to right. A [`Way`] is one way to cover the object up to a position; from there the next cookie
//! ends at one of the few places that [`ends`](super::ends) names. At each position the ways that are worse in
//! every respect are dropped, and those that lag behind one that is farther already; of the rest the best few stay:
//! the cost is linear in the number of runs.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::cuts::{Cutter, Stuck};
use super::ends::Ends;
use super::runs::Source;
use super::{Engine, layout};

/// Ways that are kept at one position.
const MOST_WAYS: usize = 8;

/// A cookie that the search found, and whether it starts a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) at: u64,
    pub(super) size: u64,
    pub(super) run: usize,
    pub(super) source: Source,
    /// Where its list starts.
    pub(super) list: u64,
}

/// One way to cover the object from its start up to a position; its last cookie ends there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) at: u64,
    /// The run that holds the byte at the position.
    pub(super) run: usize,
    /// Where the list of the last cookie starts, its cookies, and its copied bytes.
    pub(super) list: u64,
    pub(super) used: u64,
    pub(super) buffered: u64,
    /// The end of what these take of the copy run.
    pub(super) end: u64,
    cost: Cost,
    source: Source,
    /// The way that this one prolongs.
    from: usize,
}

/// What plans are compared by, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    copied: u64,
    lists: u64,
    cookies: u64,
}

impl Way {
    const START: Way = Way {
        at: 0,
        run: 0,
        list: 0,
        used: 0,
        buffered: 0,
        end: 0,
        cost: Cost { copied: 0, lists: 1, cookies: 0 },
        source: Source::Direct,
        from: 0,
    };

    /// The way as it goes on in a new list.
    fn relisted(mut self) -> Way {
        (self.list, self.used, self.buffered, self.end) = (self.at, 0, 0, 0);
        self.cost.lists += 1;
        self
    }

    /// Whether another way, at least as far, is so much cheaper that this one will hardly catch up.
    fn lags(&self, leader: &Cost, patience: &Cost) -> bool {
        let (mine, other) = (&self.cost, leader);
        mine.copied > other.copied.saturating_add(patience.copied)
            || (mine.copied >= other.copied && mine.lists > other.lists + patience.lists)
            || (mine.copied >= other.copied
                && mine.lists >= other.lists
                && mine.cookies > other.cookies + patience.cookies)
    }

    /// Whether whatever `other` can still become, this one can become as cheaply.
    fn beats(&self, other: &Way, granule: u64) -> bool {
        let roomier = self.used <= other.used && self.list >= other.list && self.buffered <= other.buffered;
        let anew = self.at.is_multiple_of(granule) && self.relisted().cost <= other.cost;
        anew || (roomier && self.cost <= other.cost)
    }
}

/// Finds cookies for runs that do not suit the engine as they are.
pub(super) fn join(cutter: &Cutter<'_>, cookies: &mut Vec<Joined>) -> Result<(), Stuck> {
    cookies.clear();
    let mut search = Search::new(cutter);
    let mut here: Vec<Way> = Vec::new();
    while let Some(Reverse((at, _))) = search.open.peek().copied() {
        search.meet(at, &mut here);
        if at == cutter.length {
            search.trace_back(here.first().ok_or(Stuck)?, cookies);
            return Ok(());
        }
        for way in &here {
            search.prolong(way);
        }
        search.forget();
    }
    Err(Stuck)
}

struct Search<'a> {
    cutter: &'a Cutter<'a>,
    ways: Vec<Way>,
    /// Ways that end at positions not yet looked at, nearest first.
    open: BinaryHeap<Reverse<(u64, usize)>>,
    /// The costs of all open ways, lowest first, with where they end; and of some that are open no more.
    costs: BinaryHeap<Reverse<(Cost, u64)>>,
    /// What one join copies at the most, or nearly.
    join: u64,
    /// When this many ways are remembered, those that lead nowhere are forgotten.
    keep: usize,
}

impl<'a> Search<'a> {
    fn new(cutter: &'a Cutter<'a>) -> Self {
        let Engine { min, granule, align_mask, .. } = *cutter.engine;
        Search {
            cutter,
            ways: Vec::from([Way::START]),
            open: BinaryHeap::from([Reverse((0, 0))]),
            costs: BinaryHeap::from([Reverse((Way::START.cost, 0))]),
            join: 2 * min.max(granule).max(align_mask.saturating_add(1).min(1 << 32)),
            keep: 1 << 14,
        }
    }

    /// Collects the ways that lead to this position, the best first; each stands for itself in `from`.
    fn meet(&mut self, at: u64, here: &mut Vec<Way>) {
        let granule = self.cutter.engine.granule;
        here.clear();
        while self.costs.peek().is_some_and(|Reverse((_, end))| *end < at) {
            self.costs.pop();
        }
        let leader = self.costs.peek().map_or(Way::START.cost, |Reverse((cost, _))| *cost);
        let patience = self.patience();
        while let Some(Reverse((_, index))) = self.open.peek().copied().filter(|Reverse((p, _))| *p == at) {
            self.open.pop();
            let way = self.ways.get(index).filter(|way| !way.lags(&leader, &patience));
            here.extend(way.map(|way| Way { from: index, ..*way }));
        }
        here.sort_by_key(|way| (way.cost, way.used, Reverse(way.list), way.buffered, way.end));
        let mut kept = 0;
        for index in 0..here.len() {
            let (better, rest) = here.split_at(index);
            let Some(way) = rest.first().copied() else { break };
            if better.iter().take(kept).any(|other| other.beats(&way, granule)) {
                continue;
            }
            // Behind the few best the last stays, which has the most room in its list.
            let slot = kept.min(MOST_WAYS - 1);
            if let Some(place) = here.get_mut(slot) {
                *place = way;
            }
            kept = slot + 1;
        }
        here.truncate(kept);
    }

    /// How far a way may lag behind before it is dropped: the less, the more ways there are.
    fn patience(&self) -> Cost {
        let crowd = self.open.len() / 128;
        let shift = u32::try_from(crowd).unwrap_or(u32::MAX);
        let few = |most: u64| most.saturating_sub(crowd as u64);
        Cost { copied: self.join.checked_shr(shift).unwrap_or(0), lists: few(1), cookies: few(3) }
    }

    /// Adds all ways that have one cookie more, in the same list or in a new one.
    fn prolong(&mut self, way: &Way) {
        if way.at > 0 && way.at.is_multiple_of(self.cutter.engine.granule) {
            self.prolong_list(&way.relisted());
        }
        self.prolong_list(way);
    }

    fn prolong_list(&mut self, way: &Way) {
        if way.used >= self.cutter.engine.list_cookies {
            return;
        }
        for source in [Source::Direct, Source::Copied] {
            for end in Ends::of(self.cutter, way, source).as_slice() {
                self.add(way, *end, source);
            }
        }
    }

    fn add(&mut self, way: &Way, end: u64, source: Source) {
        let engine = self.cutter.engine;
        let copied = if source == Source::Copied { end - way.at } else { 0 };
        let room = self.cutter.budget.room;
        let taken = match source {
            Source::Copied if room != u64::MAX => {
                layout::slot(way.end, copied, engine).saturating_add(copied)
            }
            _ => way.end,
        };
        if taken > room {
            return;
        }
        let mut run = way.run;
        if self.cutter.runs.get(run).is_some_and(|run| run.end() <= end) {
            run += 1;
        }
        if self.cutter.runs.get(run).is_some_and(|run| run.end() <= end) {
            run = self.cutter.place(end).run;
        }
        let unlimited = engine.list_cookies >= self.cutter.length;
        let next = Way {
            at: end,
            run,
            list: way.list,
            used: if unlimited { 0 } else { way.used + 1 },
            buffered: if self.cutter.budget.bytes == u64::MAX { 0 } else { way.buffered + copied },
            end: taken,
            cost: Cost {
                copied: way.cost.copied + copied,
                lists: way.cost.lists,
                cookies: way.cost.cookies + 1,
            },
            source,
            from: way.from,
        };
        if end < self.cutter.length && next.used >= engine.list_cookies && !end.is_multiple_of(engine.granule)
        {
            return;
        }
        self.open.push(Reverse((end, self.ways.len())));
        self.costs.push(Reverse((next.cost, end)));
        self.ways.push(next);
    }

    /// Forgets the ways from which no open way comes.
    fn forget(&mut self) {
        if self.ways.len() < self.keep {
            return;
        }
        const DEAD: usize = usize::MAX;
        let mut renumbered = alloc::vec![DEAD; self.ways.len()];
        for Reverse((_, index)) in &self.open {
            let mut index = *index;
            // Up to an ancestor that is marked already.
            while let Some(mark) = renumbered.get_mut(index).filter(|mark| **mark == DEAD) {
                *mark = 0;
                index = self.ways.get(index).map_or(0, |way| way.from);
            }
        }
        let mut kept = 0;
        for (mark, index) in renumbered.iter_mut().zip(0..self.ways.len()) {
            if *mark != DEAD {
                *mark = kept;
                self.ways.swap(kept, index);
                kept += 1;
            }
        }
        self.ways.truncate(kept);
        let number = |old: usize| renumbered.get(old).copied().unwrap_or(0);
        for way in &mut self.ways {
            way.from = number(way.from);
        }
        self.open = self.open.drain().map(|Reverse((at, index))| Reverse((at, number(index)))).collect();
        self.keep = 2 * kept + (1 << 14);
    }

    /// Writes the cookies of the way that reached the end.
    fn trace_back(&self, way: &Way, cookies: &mut Vec<Joined>) {
        let mut index = way.from;
        while let Some(way) = self.ways.get(index).filter(|way| way.at > 0) {
            let Some(before) = self.ways.get(way.from) else { break };
            cookies.push(Joined {
                at: before.at,
                size: way.at - before.at,
                run: before.run,
                source: way.source,
                list: way.list,
            });
            index = way.from;
        }
        cookies.reverse();
    }
}
