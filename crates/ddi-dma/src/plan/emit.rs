//! From runs and cuts to cookies: each list's pieces, split where they are larger than a cookie may be.

use super::cuts::{Cut, Cutter, Stuck};
use super::join::Joined;
use super::runs::{Run, Source};
use super::{CopyPiece, ListSpan, Plan};
use crate::object::Cookie;

/// Writes cookies, copy pieces and lists of all cuts into the plan.
pub(super) fn emit(cutter: &Cutter<'_>, cuts: &[Cut], plan: &mut Plan) -> Result<(), Stuck> {
    plan.clear();
    for cut in cuts {
        let first = plan.cookies.len();
        let runs = cutter.runs.get(cut.start.run..).unwrap_or(&[]);
        for run in runs.iter().take_while(|run| run.offset < cut.end) {
            split(cutter, &run.part(cut.start.at, cut.end), plan)?;
        }
        if (plan.cookies.len() - first) as u64 > cutter.engine.list_cookies {
            return Err(Stuck);
        }
        plan.end_list(cut.start.at, cut.end);
    }
    Ok(())
}

/// Writes the cookies of a search into the plan.
pub(super) fn emit_joined(cutter: &Cutter<'_>, joined: &[Joined], plan: &mut Plan) {
    plan.clear();
    let mut next = joined.iter().skip(1);
    for cookie in joined {
        let run = cutter.runs.get(cookie.run);
        let address = run.map_or(0, |run| run.address.wrapping_add(cookie.at - run.offset));
        plan.add_cookie(Run { offset: cookie.at, size: cookie.size, address, source: cookie.source });
        if next.next().is_none_or(|next| next.list != cookie.list) {
            plan.end_list(cookie.list, cookie.at + cookie.size);
        }
    }
}

impl Plan {
    fn end_list(&mut self, start: u64, end: u64) {
        self.lists.push(ListSpan {
            offset: start,
            length: end - start,
            cookies_end: self.cookies.len(),
            copies_end: self.copies.len(),
        });
    }

    fn add_cookie(&mut self, cookie: Run) {
        let Run { offset, size, address, source } = cookie;
        if source == Source::Copied {
            self.copies.push(CopyPiece { offset, size, place: 0, cookie: self.cookies.len() });
        }
        self.cookies.push(Cookie { address, size });
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
        plan.add_cookie(piece.part(piece.offset + done, piece.offset + done + take));
        done += take;
    }
    Ok(())
}
