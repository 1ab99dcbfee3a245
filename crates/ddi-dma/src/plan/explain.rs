//! Why: a reason for each stretch that is copied and for each cut.
//!
//! Reasons are worked out after the fact from the object, the attributes and the plan, so that planning pays nothing
//! for them.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::runs::{self, Copying, Run};
use super::{Engine, List, Lists, Piece, Plan, Source};
use crate::object::{UNMAPPED, View};

/// All reasons of one plan, in object order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The reasons.
    pub notes: Vec<Note>,
}

/// One thing that a plan does to an object, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// These bytes go through the copy buffer.
    Copied {
        /// Where they start in the object.
        offset: u64,
        /// How many.
        length: u64,
        /// Why.
        reason: CopyReason,
    },
    /// One cookie ends here and the next begins, in the same list.
    CookieCut {
        /// Where in the object.
        offset: u64,
        /// Why.
        reason: CutReason,
    },
    /// One list ends here and the next begins.
    ListCut {
        /// Where in the object.
        offset: u64,
        /// Why.
        reason: CutReason,
    },
    /// One window ends here and the next begins.
    WindowCut {
        /// Where in the object.
        offset: u64,
        /// Why.
        reason: CutReason,
    },
}

/// Why bytes are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyReason {
    /// The page is not all the object's, and the device is to reach no byte outside it (ISOLATE).
    Isolated,
    /// They lie outside the addresses that the engine reaches.
    OutOfReach {
        /// Lowest address that it reaches.
        addr_lo: u64,
        /// Highest.
        addr_hi: u64,
    },
    /// A cookie would have to start here, and the address is no multiple of align.
    Misaligned {
        /// The alignment.
        align: u64,
    },
    /// The stretch, or its copied neighbour, would be shorter than minxfer.
    Short {
        /// The smallest cookie.
        minxfer: u32,
    },
    /// A granule lies in more pieces than one list holds.
    Granule {
        /// The granule.
        granular: u32,
        /// Most cookies of a list.
        sgllen: u32,
    },
    /// The object lies so awkwardly that all of it is copied.
    Whole,
}

/// Why a cookie, a list or a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutReason {
    /// The next byte has an address elsewhere.
    Scattered,
    /// Here copied bytes and bytes that go as they lie meet.
    CopyEdge,
    /// A multiple of seg + 1.
    Boundary {
        /// The boundary, minus one.
        seg: u64,
    },
    /// The counter is exhausted.
    Count {
        /// The largest count, minus one.
        count_max: u64,
    },
    /// The last cookies share their bytes so that none is shorter than minxfer.
    Evened {
        /// The smallest cookie.
        minxfer: u32,
    },
    /// The list has all the cookies that it may have.
    ListFull {
        /// Most cookies of a list.
        sgllen: u32,
    },
    /// The list has all the bytes that it may have.
    MaxXfer {
        /// Most bytes of a list.
        maxxfer: u64,
    },
    /// A list must end on a granule, at an aligned address, and another granule would have been too much.
    Granular {
        /// The granule.
        granular: u32,
    },
    /// A list that ends here leaves the cookies behind it whole.
    WholeCookies,
    /// The copy buffer is full.
    CopyBuffer,
}

impl fmt::Display for CopyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CopyReason::OutOfReach { addr_lo, addr_hi } => {
                write!(f, "out of reach: the engine accesses {addr_lo:#x}..={addr_hi:#x}")
            }
            CopyReason::Misaligned { align } => {
                write!(f, "misaligned: a cookie starts at a multiple of {align:#x}")
            }
            CopyReason::Short { minxfer } => {
                write!(f, "too short: no cookie is smaller than {minxfer} bytes")
            }
            CopyReason::Granule { granular, sgllen } => {
                write!(f, "a granule of {granular} bytes lies in more pieces than the list holds ({sgllen})")
            }
            CopyReason::Isolated => {
                f.write_str("isolated: part of a page, which an IOMMU would map as a whole")
            }
            CopyReason::Whole => f.write_str("the object lies too awkwardly: all of it is copied"),
        }
    }
}

impl fmt::Display for CutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CutReason::Scattered => f.write_str("the next byte lies elsewhere"),
            CutReason::CopyEdge => f.write_str("copied and uncopied bytes meet"),
            CutReason::Boundary { seg } => write!(f, "a multiple of {:#x} (seg)", u128::from(*seg) + 1),
            CutReason::Count { count_max } => {
                write!(f, "the counter's {:#x} bytes (count_max)", u128::from(*count_max) + 1)
            }
            CutReason::Evened { minxfer } => {
                write!(f, "evened out: the last cookie needs {minxfer} bytes (minxfer)")
            }
            CutReason::ListFull { sgllen: 1 } => f.write_str("the list holds 1 cookie (sgllen)"),
            CutReason::ListFull { sgllen } => write!(f, "the list holds {sgllen} cookies (sgllen)"),
            CutReason::MaxXfer { maxxfer } => write!(f, "a request moves {maxxfer:#x} bytes (maxxfer)"),
            CutReason::Granular { granular } => {
                write!(f, "the next granule of {granular} bytes does not fit (granular)")
            }
            CutReason::WholeCookies => f.write_str("the next cookie stays whole"),
            CutReason::CopyBuffer => f.write_str("the copy buffer is full"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Copied { offset, length, reason } => {
                write!(f, "{offset:#x}: {length} bytes copied: {reason}")
            }
            Note::CookieCut { offset, reason } => write!(f, "{offset:#x}: cookie ends: {reason}"),
            Note::ListCut { offset, reason } => write!(f, "{offset:#x}: list ends: {reason}"),
            Note::WindowCut { offset, reason } => write!(f, "{offset:#x}: window ends: {reason}"),
        }
    }
}

impl Plan {
    /// Says why this plan copies what it copies and cuts where it cuts.
    ///
    /// `view` and `engine` are those that the plan was made for.
    pub fn explain(&self, view: View<'_>, engine: &Engine) -> Explanation {
        let mut raw = Vec::new();
        let known = runs::collect(view, engine, Copying::Unreachable, &mut raw).is_ok();
        let mut notes = Vec::new();
        if !known {
            return Explanation { notes };
        }
        raw.iter_mut().for_each(|run| run.offset += self.base);
        let hidden = hidden(view, self.base);
        let attr = engine.attr();
        let all = raw.iter().map(|run| run.size).sum::<u64>();
        // Why bytes are copied that the engine could take by themselves.
        let joined = match self.copied_bytes() {
            copied if copied == all => CopyReason::Whole,
            _ => CopyReason::Granule { granular: attr.granular, sgllen: attr.sgllen },
        };
        let mut before: Option<(List<'_>, Piece)> = None;
        for window in self.windows() {
            for (index, list) in window.lists().enumerate() {
                let offset = list.offset();
                if let Some((ended, _)) = before {
                    notes.push(match index {
                        0 => Note::WindowCut { offset, reason: self.window_reason(&ended, &raw, engine) },
                        _ => Note::ListCut { offset, reason: list_reason(&ended, &raw, engine) },
                    });
                }
                let mut last: Option<Piece> = None;
                for piece in list.pieces() {
                    if let Some(last) = last {
                        let reason = cookie_reason(&last, &piece, engine);
                        notes.push(Note::CookieCut { offset: piece.offset, reason });
                    }
                    copy_notes(&piece, &list, &raw, (engine, &hidden), joined, &mut notes);
                    last = Some(piece);
                }
                before = last.map(|piece| (list, piece));
            }
        }
        Explanation { notes }
    }

    /// Why a window ended with this list.
    fn window_reason(&self, ended: &List<'_>, raw: &[Run], engine: &Engine) -> CutReason {
        let copied = ended.pieces().filter(|piece| piece.source == Source::Copied);
        let copied: u64 = copied.map(|piece| piece.cookie.size).sum();
        let full = copied + engine.granule > self.budget.bytes.min(self.budget.room);
        match (self.window_lists, list_reason(ended, raw, engine)) {
            (Lists::One, reason @ (CutReason::MaxXfer { .. } | CutReason::ListFull { .. })) => reason,
            (Lists::One, reason) if !full => reason,
            _ => CutReason::CopyBuffer,
        }
    }
}

/// Which bytes of the object are not mapped, so that the device does not reach what lies beside them.
fn hidden(view: View<'_>, base: u64) -> Vec<Range<u64>> {
    let mut at = base;
    let ranges = view.extents().map(|extent| {
        at += extent.size;
        (extent.address, at - extent.size..at)
    });
    ranges.filter(|(address, _)| *address == UNMAPPED).map(|(_, range)| range).collect()
}

/// Why one cookie ends where the next begins.
fn cookie_reason(last: &Piece, next: &Piece, engine: &Engine) -> CutReason {
    let attr = engine.attr();
    let touching = last.cookie.address.wrapping_add(last.cookie.size) == next.cookie.address;
    match (last.source, next.source) {
        (a, b) if a != b => CutReason::CopyEdge,
        (Source::Direct, _) if !touching => CutReason::Scattered,
        (Source::Direct, _) if next.cookie.address & attr.seg == 0 => CutReason::Boundary { seg: attr.seg },
        _ if last.cookie.size < engine.cookie_max => CutReason::Evened { minxfer: attr.minxfer },
        _ if attr.seg < attr.count_max => CutReason::Boundary { seg: attr.seg },
        _ => CutReason::Count { count_max: attr.count_max },
    }
}

/// Why a list ended.
fn list_reason(ended: &List<'_>, raw: &[Run], engine: &Engine) -> CutReason {
    let attr = engine.attr();
    let end = ended.offset() + ended.length();
    match () {
        () if ended.length() + engine.granule > engine.list_max => {
            CutReason::MaxXfer { maxxfer: attr.maxxfer }
        }
        () if ended.cookies().len() as u64 >= engine.list_cookies => {
            CutReason::ListFull { sgllen: attr.sgllen }
        }
        () if raw.iter().any(|run| run.offset == end) => CutReason::WholeCookies,
        () => CutReason::Granular { granular: attr.granular },
    }
}

/// Adds a reason for each stretch of a copied piece.
fn copy_notes(
    piece: &Piece,
    list: &List<'_>,
    raw: &[Run],
    (engine, hidden): (&Engine, &[Range<u64>]),
    joined: CopyReason,
    notes: &mut Vec<Note>,
) {
    if piece.source == Source::Direct {
        return;
    }
    let (from, to) = (piece.offset, piece.offset + piece.cookie.size);
    let first = raw.partition_point(|run| run.end() <= from);
    for run in raw.iter().skip(first).take_while(|run| run.offset < to) {
        let part = run.part(from, to);
        let reason = copy_reason(run, &part, list, (engine, hidden), joined);
        match notes.last_mut() {
            Some(Note::Copied { offset, length, reason: same })
                if *same == reason && *offset + *length == part.offset =>
            {
                *length += part.size;
            }
            _ => notes.push(Note::Copied { offset: part.offset, length: part.size, reason }),
        }
    }
}

fn copy_reason(
    run: &Run,
    part: &Run,
    list: &List<'_>,
    (engine, hidden): (&Engine, &[Range<u64>]),
    joined: CopyReason,
) -> CopyReason {
    let attr = engine.attr();
    let starts = part.offset == run.offset || part.offset == list.offset();
    match run.source {
        Source::Copied if hidden.iter().any(|range| range.contains(&part.offset)) => CopyReason::Isolated,
        Source::Copied => CopyReason::OutOfReach { addr_lo: attr.addr_lo, addr_hi: attr.addr_hi },
        Source::Direct if starts && part.address & engine.align_mask != 0 => {
            CopyReason::Misaligned { align: attr.align }
        }
        Source::Direct if run.size < engine.min || part.size < engine.min => {
            CopyReason::Short { minxfer: attr.minxfer }
        }
        Source::Direct => joined,
    }
}
