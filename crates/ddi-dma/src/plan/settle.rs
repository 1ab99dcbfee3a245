//! What must be copied whatever the plan: bytes that no legal cookie could name where they lie.
//!
//! A cookie starts aligned, so what precedes the first aligned address of a run is copied, and so is a run that is then
//! shorter than minxfer. An engine without a list takes one cookie a request, so there a cookie also starts and ends
//! on a granule. What is left mostly suits the engine as it is, and needs no search.

use alloc::vec::Vec;

use super::Engine;
use super::cuts::first_common;
use super::runs::{Run, Source, push_copied};

/// Writes the runs to `out`, with what cannot go as it lies copied.
pub(super) fn settle(raw: &[Run], engine: &Engine, length: u64, out: &mut Vec<Run>) {
    out.clear();
    for run in raw {
        let direct = match run.source {
            Source::Direct => direct_part(run, engine, length),
            Source::Copied => None,
        };
        let (from, to) = direct.unwrap_or((run.end(), run.end()));
        copy(out, run.offset, from);
        if from < to {
            out.push(run.part(from, to));
        }
        copy(out, to, run.end());
    }
}

fn copy(out: &mut Vec<Run>, from: u64, to: u64) {
    if from < to {
        push_copied(out, from, to - from);
    }
}

/// The part of a direct run in which cookies can lie.
fn direct_part(run: &Run, engine: &Engine, length: u64) -> Option<(u64, u64)> {
    let Engine { granule, min, align_mask, list_cookies, .. } = *engine;
    let grid = if list_cookies == 1 { granule } else { 1 };
    let from = first_common(grid, run, align_mask + 1, run.offset)?;
    let to = if run.end() == length { length } else { run.end() - run.end() % grid };
    (from.checked_add(min)? <= to).then_some((from, to))
}
