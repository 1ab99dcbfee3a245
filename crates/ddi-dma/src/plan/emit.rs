//! From runs and cuts to cookies: each list's pieces, split where they are larger than a cookie may be.

use alloc::vec::Vec;

use super::cuts::{Cut, Cutter, Stuck};
use super::runs::{Run, Source, push_copied};
use super::{CopyPiece, ListSpan, Plan};
use crate::object::Cookie;

/// Writes cookies, copy pieces and lists of all cuts into the plan.
pub(super) fn emit(cutter: &Cutter<'_>, cuts: &[Cut], plan: &mut Plan) -> Result<(), Stuck> {
    plan.clear();
    let mut pieces = Vec::new();
    for cut in cuts {
        list_pieces(cutter, cut, &mut pieces);
        let first = plan.cookies.len();
        for piece in &pieces {
            split(cutter, piece, plan)?;
        }
        if (plan.cookies.len() - first) as u64 > cutter.engine.list_cookies {
            return Err(Stuck);
        }
        plan.lists.push(ListSpan {
            offset: cut.start.at,
            length: cut.end - cut.start.at,
            cookies_end: plan.cookies.len(),
            copies_end: plan.copies.len(),
        });
    }
    Ok(())
}

/// The stretches of one list, the join copied, copied neighbours in one.
fn list_pieces(cutter: &Cutter<'_>, cut: &Cut, pieces: &mut Vec<Run>) {
    pieces.clear();
    let runs = cutter.runs.get(cut.start.run..).unwrap_or(&[]);
    for run in runs.iter().take_while(|run| run.offset < cut.end) {
        let whole = run.part(cut.start.at, cut.end);
        let (from, to) =
            (cut.join.start.clamp(whole.offset, whole.end()), cut.join.end.clamp(whole.offset, whole.end()));
        if whole.source == Source::Copied || from >= to {
            push(pieces, whole);
            continue;
        }
        push(pieces, whole.part(whole.offset, from));
        push_copied(pieces, from, to - from);
        push(pieces, whole.part(to, whole.end()));
    }
}

fn push(pieces: &mut Vec<Run>, piece: Run) {
    match piece {
        Run { size: 0, .. } => {}
        Run { source: Source::Copied, offset, size, .. } => push_copied(pieces, offset, size),
        direct => pieces.push(direct),
    }
}

/// Splits a piece into cookies between minxfer and the largest; the last two share what is left over.
fn split(cutter: &Cutter<'_>, piece: &Run, plan: &mut Plan) -> Result<(), Stuck> {
    let engine = cutter.engine;
    let step = match piece.source {
        Source::Direct => engine.align_mask + 1,
        Source::Copied => 1,
    };
    let mut done = 0;
    while done < piece.size {
        let left = piece.size - done;
        let mut take = left.min(engine.cookie_max);
        let tail = left - take;
        if tail > 0 && tail < engine.min {
            take = (left - engine.min) & !(step - 1);
        }
        if take < engine.min || (take < left && !take.is_multiple_of(step)) {
            return Err(Stuck);
        }
        if piece.source == Source::Copied {
            plan.copies.push(CopyPiece {
                offset: piece.offset + done,
                size: take,
                place: 0,
                cookie: plan.cookies.len(),
            });
        }
        plan.cookies.push(Cookie { address: piece.address.wrapping_add(done), size: take });
        done += take;
    }
    Ok(())
}
