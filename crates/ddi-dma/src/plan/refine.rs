//! Fewest cookies among the plans of fewest lists.
//!
//! Cutting greedily gives the fewest lists, but may cut cookies in two that a shorter list would have left whole. The
//! k-th cut of any plan with as few lists lies between the earliest place from which the remaining lists reach the
//! end, and the greedy cut. In between, of the places that cost the same number of cookies the farthest is best, so
//! that a small set of places for each cut suffices.

use alloc::vec::Vec;

use super::cuts::{Cut, Cutter, Place};

/// Steps after which the search is given up and the greedy cuts stand: some tens of milliseconds.
const MOST_STEPS: usize = 1_000_000;

/// A way to cover the object up to a place.
#[derive(Clone, Copy)]
struct Reached {
    place: Place,
    cookies: u64,
    /// Index of the place that it came from, in the level before.
    from: usize,
}

/// Replaces greedy cuts by cuts that give as few lists and the fewest cookies.
pub(super) fn refine(cutter: &Cutter<'_>, cuts: &mut [Cut]) {
    let engine = cutter.engine;
    let least: u64 = cutter.runs.iter().map(|run| engine.cookies_for(run.size)).sum();
    if cuts.len() < 2 || engine.list_cookies == 1 || greedy_cookies(cutter, cuts) == least {
        return;
    }
    let starts = earliest(cutter, cuts);
    if let Some(levels) = search(cutter, &starts) {
        trace_back(&levels, cutter.length, cuts);
    }
}

fn greedy_cookies(cutter: &Cutter<'_>, cuts: &[Cut]) -> u64 {
    cuts.iter().map(|cut| cookies_between(cutter, cut.start, cut.end)).sum()
}

/// Cookies of the list `start..end`.
fn cookies_between(cutter: &Cutter<'_>, start: Place, end: u64) -> u64 {
    let runs = cutter.runs.get(start.run..).unwrap_or(&[]);
    let parts = runs.iter().take_while(|run| run.offset < end).map(|run| run.part(start.at, end));
    parts.map(|part| cutter.engine.cookies_for(part.size)).sum()
}

/// For each cut but the first, the earliest place at which it can lie.
fn earliest(cutter: &Cutter<'_>, cuts: &[Cut]) -> Vec<u64> {
    let mut end = Place { at: cutter.length, run: cutter.runs.len().saturating_sub(1) };
    let mut starts: Vec<u64> = Vec::with_capacity(cuts.len());
    starts.push(cutter.length);
    for _ in 1..cuts.len() {
        let at = cutter.earliest_start(end);
        starts.push(at);
        end = Place { at, run: cutter.runs.partition_point(|run| run.end() < at) };
    }
    starts.reverse();
    starts
}

/// Each level holds the places that one list more can reach, the farthest for each number of cookies.
fn search(cutter: &Cutter<'_>, starts: &[u64]) -> Option<Vec<Vec<Reached>>> {
    let mut levels = Vec::with_capacity(starts.len() + 1);
    levels.push(Vec::from([Reached { place: Place { at: 0, run: 0 }, cookies: 0, from: 0 }]));
    let mut steps = 0;
    for &earliest in starts {
        let mut reached: Vec<Reached> = Vec::new();
        for (from, state) in levels.last()?.iter().enumerate() {
            let start = state.place;
            for (n, limit) in (1..).zip(cutter.frontier(start)) {
                steps += 1;
                if limit.at < earliest {
                    continue;
                }
                let Some(place) = cutter.last_free_cut(start, limit) else { continue };
                if place.at >= earliest {
                    reached.push(Reached { place, cookies: state.cookies + n, from });
                }
            }
            if steps > MOST_STEPS {
                return None;
            }
        }
        reached.sort_by_key(|r| (r.cookies, core::cmp::Reverse(r.place.at)));
        let mut farthest = 0;
        reached.retain(|r| {
            let farther = r.place.at > farthest;
            farthest = farthest.max(r.place.at);
            farther
        });
        levels.push(reached);
    }
    Some(levels)
}

fn trace_back(levels: &[Vec<Reached>], length: u64, cuts: &mut [Cut]) {
    let last = levels.last().and_then(|level| level.iter().position(|r| r.place.at == length));
    let Some(mut index) = last else { return };
    let mut end = length;
    for (cut, pair) in cuts.iter_mut().zip(levels.windows(2)).rev() {
        let [before, after] = pair else { return };
        let Some(start) = after.get(index).and_then(|r| before.get(r.from).map(|s| (r.from, s.place))) else {
            return;
        };
        index = start.0;
        *cut = Cut { start: start.1, end };
        end = start.1.at;
    }
}
