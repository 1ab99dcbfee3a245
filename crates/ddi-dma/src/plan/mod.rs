//! The planner: a pure function from extents, attributes and a copy-buffer budget to windows, lists and cookies.
//!
//! It knows no nexus, no handle and no memory: only numbers. The stages stand in files of their own, in this order:
//! `fast` merges an object that goes as it lies; `runs` tells what is out of reach and `settle` what else must be copied;
//! `cuts` cuts lists and `refine` moves the cuts where that saves cookies; `join` plans what alignment, minxfer or
//! granularity forbid to go as it lies, with the candidates of `ends`; `emit` writes the cookies; `layout` groups lists
//! into windows; `explain` says why.
//!
//! Fewest bytes are copied, then fewest lists made, then fewest cookies. Where an object lies so awkwardly that no
//! such plan is found, all of it is copied, window by window.

mod cuts;
mod emit;
mod ends;
mod engine;
mod explain;
mod fast;
mod join;
mod layout;
mod refine;
mod runs;
mod settle;
mod view;

use alloc::vec::Vec;

use crate::object::{Cookie, View};
use cuts::{Cut, Cutter, Stuck};
pub use engine::Engine;
pub use explain::{CopyReason, CutReason, Explanation, Note};
use join::Joined;
pub use runs::Source;
use runs::{Copying, Run};
pub use view::{List, Piece, Window};

/// How much may be copied at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Most bytes of the object that one window copies.
    pub bytes: u64,
    /// Most bytes of contiguous reachable memory that they may take, padding included.
    pub room: u64,
}

impl Budget {
    /// A copy buffer of so many contiguous bytes.
    pub const fn contiguous(bytes: u64) -> Self {
        Budget { bytes, room: bytes }
    }
}

/// Whether the object may be mapped window by window (`DDI_DMA_PARTIAL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sliding {
    /// One window holds the whole object.
    No,
    /// As many windows as it takes.
    Yes,
}

/// How many lists a window may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lists {
    /// As many as it takes: the driver gives them to the engine one by one.
    #[default]
    Many,
    /// One. Where the object may slide, a window ends with its list; otherwise more than one list is an error.
    One,
}

/// Why an object cannot be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The object has no bytes.
    #[error("the object has no bytes: there is nothing to map")]
    Empty,
    /// An extent's addresses, or the object's length, pass the end of the address space.
    #[error("the extent of {size:#x} bytes at {address:#x} passes the end of the address space")]
    Wraps {
        /// Where the extent starts.
        address: u64,
        /// Its bytes.
        size: u64,
    },
    /// The object is smaller than the smallest cookie.
    #[error("the object has {length} bytes and the engine moves no fewer than minxfer, {minxfer}")]
    TooSmall {
        /// Bytes of the object.
        length: u64,
        /// The smallest cookie.
        minxfer: u32,
    },
    /// The object needs more than the caller allows.
    #[error(transparent)]
    TooBig(#[from] TooBig),
    /// No cutting and no copying makes lists of these bytes that the engine could take.
    #[error(
        "{length} bytes cannot be made into lists of at most {sgllen} cookies of {minxfer}..={cookie_max} bytes, each list a multiple of granular {granular:#x}"
    )]
    NoMapping {
        /// Bytes of the object.
        length: u64,
        /// Most cookies of a list.
        sgllen: u32,
        /// Smallest cookie.
        minxfer: u32,
        /// Largest cookie.
        cookie_max: u64,
        /// The granule.
        granular: u32,
    },
}

/// What an object needs more of than the caller allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TooBig {
    /// More bytes must be copied than the copy buffer holds.
    #[error(
        "{copied} bytes must go through the copy buffer, which holds {budget}: bind with PARTIAL to slide through windows, or give it more"
    )]
    Copy {
        /// Bytes to copy.
        copied: u64,
        /// Bytes that may be copied at once.
        budget: u64,
    },
    /// What must be copied at once takes more room than there is.
    #[error("{room} bytes of the copy buffer are needed at once, padding included, and it has {budget}")]
    Room {
        /// Bytes needed.
        room: u64,
        /// Bytes there are.
        budget: u64,
    },
    /// One granule at the least must be copied at once.
    #[error("at least {least} bytes must be copied at once, and the copy buffer holds {budget}")]
    Granule {
        /// Bytes needed.
        least: u64,
        /// Bytes there are.
        budget: u64,
    },
    /// A window has more than one list, and ONE_LIST was asked for.
    #[error(
        "the window at offset {offset} takes {lists} lists, and ONE_LIST allows one: bind with PARTIAL and move from window to window, or bind without it and give the engine list after list"
    )]
    Lists {
        /// Lists that it takes.
        lists: usize,
        /// Where the window starts.
        offset: u64,
    },
}

/// Windows, lists and cookies of one object, and the storage to plan the next without allocating.
///
/// # Examples
///
/// A page that the engine cannot reach goes through the copy buffer:
///
/// ```
/// use ddi_dma::plan::{Budget, Engine, Lists, Plan, Sliding};
/// use ddi_dma::{DmaAttr, Extent, View};
///
/// let engine = Engine::new(&DmaAttr { addr_hi: 0xFF_FFFF, sgllen: 17, ..DmaAttr::UNRESTRICTED })?;
/// let object = [Extent { address: 0x8000, size: 4096 }, Extent { address: 0x200_0000, size: 4096 }];
/// let mut plan = Plan::new();
/// plan.make(View::Extents(&object), &engine, Budget::contiguous(65536), Sliding::No, Lists::Many)?;
/// plan.place(0x10_0000);
/// let window = plan.windows().next().unwrap();
/// let list = window.lists().next().unwrap();
/// let addresses: Vec<u64> = list.cookies().iter().map(|cookie| cookie.address).collect();
/// assert_eq!(addresses, [0x8000, 0x10_0000]);
/// assert_eq!(plan.copied_bytes(), 4096);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Plan {
    pub(crate) cookies: Vec<Cookie>,
    pub(crate) copies: Vec<CopyPiece>,
    lists: Vec<ListSpan>,
    windows: Vec<WindowSpan>,
    /// Bytes of the copy run that the largest window takes.
    room: u64,
    /// What decided where windows end.
    budget: Budget,
    window_lists: Lists,
    /// Bytes of an object that goes as it lies, in one window of one list; 0 where `lists` and `windows` tell.
    whole: u64,
    /// Where what was planned starts in the object, and the number of its first window.
    base: u64,
    first_window: usize,
    scratch: Scratch,
}

/// What planning works with, kept for the next object.
#[derive(Debug, Default)]
struct Scratch {
    raw: Vec<Run>,
    settled: Vec<Run>,
    cuts: Vec<Cut>,
    joined: Vec<Joined>,
}

/// A copied cookie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyPiece {
    /// Where its bytes are in the object.
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// Where they stand in the window's copy run.
    pub(crate) place: u64,
    cookie: usize,
}

#[derive(Debug, Clone, Copy)]
struct ListSpan {
    offset: u64,
    length: u64,
    cookies_end: usize,
    copies_end: usize,
}

#[derive(Debug, Clone, Copy)]
struct WindowSpan {
    offset: u64,
    length: u64,
    lists_end: usize,
    copies_end: usize,
}

impl Plan {
    /// An empty plan.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ddi_dma::plan::Plan::new().windows().count(), 0);
    /// ```
    pub const fn new() -> Self {
        Plan {
            cookies: Vec::new(),
            copies: Vec::new(),
            lists: Vec::new(),
            windows: Vec::new(),
            room: 0,
            budget: Budget::contiguous(0),
            window_lists: Lists::Many,
            whole: 0,
            base: 0,
            first_window: 0,
            scratch: Scratch { raw: Vec::new(), settled: Vec::new(), cuts: Vec::new(), joined: Vec::new() },
        }
    }

    /// Plans an object, replacing the plan that was here.
    ///
    /// Copied cookies have no address until [`place`](Self::place) gives the copy run's.
    ///
    /// # Errors
    ///
    /// [`PlanError`]; the plan is then empty.
    #[inline(always)]
    pub fn make(
        &mut self,
        view: View<'_>,
        engine: &Engine,
        budget: Budget,
        sliding: Sliding,
        lists: Lists,
    ) -> Result<(), PlanError> {
        self.room = 0;
        if let Some(length) = fast::merge(view, engine, &mut self.cookies) {
            self.whole = length;
            return Ok(());
        }
        self.clear();
        if let Some(length) = fast::one_copy(view, engine, budget) {
            self.copy_whole(length);
            return Ok(());
        }
        let made = self.make_carefully(view, engine, budget, sliding, lists);
        if made.is_err() {
            self.clear();
        }
        made
    }

    /// Whether the plan is that of one run which goes as it lies, and this is that run again: for the same engine, it need
    /// not be made anew.
    #[inline(always)]
    pub(crate) fn is_of_run(&self, view: View<'_>) -> bool {
        match (view, self.cookies.as_slice()) {
            (View::Extents([run]), [cookie]) => {
                run.size > 0
                    && self.whole == run.size
                    && (cookie.address, cookie.size) == (run.address, run.size)
            }
            _ => false,
        }
    }

    /// One window of one list of one cookie, all of it copied.
    fn copy_whole(&mut self, length: u64) {
        self.cookies.push(Cookie { address: 0, size: length });
        self.copies.push(CopyPiece { offset: 0, size: length, place: 0, cookie: 0 });
        self.lists.push(ListSpan { offset: 0, length, cookies_end: 1, copies_end: 1 });
        self.windows.push(WindowSpan { offset: 0, length, lists_end: 1, copies_end: 1 });
        self.room = length;
    }

    /// Plans an object that needs cutting or copying.
    #[cold]
    #[inline(never)]
    fn make_carefully(
        &mut self,
        view: View<'_>,
        engine: &Engine,
        budget: Budget,
        sliding: Sliding,
        lists: Lists,
    ) -> Result<(), PlanError> {
        let mut scratch = core::mem::take(&mut self.scratch);
        (self.budget, self.window_lists) = (budget, lists);
        let as_it_lies = self.attempt(view, engine, sliding, Copying::Unreachable, &mut scratch);
        let made = match as_it_lies {
            Err(Failure::Stuck(_)) | Err(Failure::Plan(PlanError::TooBig(TooBig::Room { .. }))) => {
                self.attempt(view, engine, sliding, Copying::Everything, &mut scratch)
            }
            other => other,
        };
        self.scratch = scratch;
        self.judge(made, engine)
    }

    /// Plans an object in one window of one list, all of it copied: what goes wherever the object lies.
    ///
    /// # Errors
    ///
    /// [`PlanError`] where so many bytes are more than a list or the budget; the plan is then empty.
    #[cold]
    pub(crate) fn make_copied(
        &mut self,
        view: View<'_>,
        engine: &Engine,
        budget: Budget,
    ) -> Result<(), PlanError> {
        self.clear();
        let mut scratch = core::mem::take(&mut self.scratch);
        (self.budget, self.window_lists) = (budget, Lists::One);
        let made = self.attempt(view, engine, Sliding::No, Copying::Everything, &mut scratch);
        self.scratch = scratch;
        let made = self.judge(made, engine);
        if made.is_err() {
            self.clear();
        }
        made
    }

    /// Says what came of an attempt.
    fn judge(&self, made: Result<(), Failure>, engine: &Engine) -> Result<(), PlanError> {
        made.map_err(|failure| match failure {
            Failure::Plan(error) => error,
            Failure::Stuck(length) => stuck(length, engine, self.budget),
        })?;
        let crowded =
            self.windows().map(|window| (window.offset(), window.list_count())).find(|(_, n)| *n > 1);
        match (self.window_lists, crowded) {
            (Lists::One, Some((offset, lists))) => Err(TooBig::Lists { lists, offset }.into()),
            _ => Ok(()),
        }
    }

    fn attempt(
        &mut self,
        view: View<'_>,
        engine: &Engine,
        sliding: Sliding,
        copying: Copying,
        scratch: &mut Scratch,
    ) -> Result<(), Failure> {
        let Scratch { raw, settled, cuts, joined } = scratch;
        let length = runs::collect(view, engine, copying, raw).map_err(Failure::Plan)?;
        let minxfer = engine.attr().minxfer;
        if length == 0 {
            return Err(Failure::Plan(PlanError::Empty));
        }
        if length < u64::from(minxfer) {
            return Err(Failure::Plan(PlanError::TooSmall { length, minxfer }));
        }
        let list_budget = match sliding {
            Sliding::Yes => self.budget,
            Sliding::No => Budget { bytes: u64::MAX, room: u64::MAX },
        };
        settle::settle(raw, engine, length, settled);
        let cutter = Cutter { runs: settled, engine, budget: list_budget, length };
        self.cut(&cutter, cuts)
            .or_else(|Stuck| self.join(&cutter, joined))
            .map_err(|Stuck| Failure::Stuck(length))?;
        layout::windows(self, engine, sliding).map_err(Failure::Plan)
    }

    /// Makes lists of runs that suit the engine as they are.
    fn cut(&mut self, cutter: &Cutter<'_>, cuts: &mut Vec<Cut>) -> Result<(), Stuck> {
        if !cutter.suits() {
            return Err(Stuck);
        }
        cutter.greedy(cuts)?;
        refine::refine(cutter, cuts);
        emit::emit(cutter, cuts, self)
    }

    /// Makes lists of runs that must be joined.
    fn join(&mut self, cutter: &Cutter<'_>, joined: &mut Vec<Joined>) -> Result<(), Stuck> {
        join::join(cutter, joined)?;
        emit::emit_joined(cutter, joined, self);
        Ok(())
    }

    /// Gives the copied cookies their addresses: those of a copy run that starts at this bus address.
    ///
    /// The run starts at a multiple of the attributes' align, and either at a multiple of seg + 1 or without crossing
    /// one; see [`room`](Self::room) for its size.
    pub fn place(&mut self, base: u64) {
        for copy in if self.whole > 0 { &[][..] } else { &self.copies } {
            if let Some(cookie) = self.cookies.get_mut(copy.cookie) {
                cookie.address = base.wrapping_add(copy.place);
            }
        }
    }

    /// Makes this the plan of a part of an object, which starts at `base` and whose first window has this number.
    ///
    /// That lasts: who goes on to plan whole objects calls [`clear`](Self::clear) first.
    #[cold]
    pub(crate) fn rebase(&mut self, base: u64, first_window: usize) {
        // Where the object goes as it lies, lists and copies are those of an earlier plan.
        if self.whole == 0 {
            self.copies.iter_mut().for_each(|copy| copy.offset += base);
            self.lists.iter_mut().for_each(|list| list.offset += base);
            self.windows.iter_mut().for_each(|window| window.offset += base);
        }
        self.base = base;
        self.first_window = first_window;
    }

    /// Bytes of contiguous reachable memory that the copies of the largest window take; 0 where nothing is copied.
    #[inline]
    pub fn room(&self) -> u64 {
        self.room
    }

    /// Whether the object goes as it lies, in one window of one list.
    #[inline]
    pub(crate) fn goes_whole(&self) -> bool {
        self.whole > 0
    }

    /// Bytes of the object that go through the copy buffer, in all windows together.
    pub fn copied_bytes(&self) -> u64 {
        self.copies().iter().map(|copy| copy.size).sum()
    }

    /// Number of windows (`ddi_dma_numwin`).
    #[inline]
    pub fn window_count(&self) -> usize {
        if self.whole > 0 { 1 } else { self.windows.len() }
    }

    /// The number of the first window.
    #[inline]
    pub(crate) fn first_window(&self) -> usize {
        self.first_window
    }

    /// The windows in object order.
    pub fn windows(&self) -> impl Iterator<Item = Window<'_>> {
        (0..self.window_count()).filter_map(|index| self.window(index))
    }

    /// One window (`ddi_dma_getwin`), or `None` where there is none of this number.
    #[inline]
    pub fn window(&self, index: usize) -> Option<Window<'_>> {
        let span = self.window_span(index)?;
        let before = index.checked_sub(1).and_then(|before| self.window_span(before));
        let (lists, copies) = before.map_or((0, 0), |before| (before.lists_end, before.copies_end));
        Some(Window::new(self, index, lists..span.lists_end, copies..span.copies_end))
    }

    #[inline]
    fn window_span(&self, index: usize) -> Option<WindowSpan> {
        match self.whole {
            0 => self.windows.get(index).copied(),
            length => {
                let offset = self.base;
                (index == 0).then_some(WindowSpan { offset, length, lists_end: 1, copies_end: 0 })
            }
        }
    }

    #[inline]
    fn list_span(&self, index: usize) -> Option<ListSpan> {
        match self.whole {
            0 => self.lists.get(index).copied(),
            length => (index == 0).then_some(ListSpan {
                offset: self.base,
                length,
                cookies_end: self.cookies.len(),
                copies_end: 0,
            }),
        }
    }

    /// The copied cookies of all windows.
    #[inline]
    fn copies(&self) -> &[CopyPiece] {
        if self.whole > 0 { &[] } else { &self.copies }
    }

    /// Makes the plan empty.
    pub(crate) fn clear(&mut self) {
        self.cookies.clear();
        self.copies.clear();
        self.lists.clear();
        self.windows.clear();
        self.room = 0;
        self.whole = 0;
        self.base = 0;
        self.first_window = 0;
    }
}

/// Why an attempt came to nothing.
enum Failure {
    Plan(PlanError),
    /// The cutter found no way through an object of this length.
    Stuck(u64),
}

/// The error for an object that does not even go as one copied run.
fn stuck(length: u64, engine: &Engine, budget: Budget) -> PlanError {
    let attr = engine.attr();
    let least = engine.min.next_multiple_of(engine.granule).min(length);
    if least > budget.bytes {
        return TooBig::Granule { least, budget: budget.bytes }.into();
    }
    PlanError::NoMapping {
        length,
        sgllen: attr.sgllen,
        minxfer: attr.minxfer,
        cookie_max: engine.cookie_max,
        granular: attr.granular,
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Engine, Lists, Plan, Sliding};
    use crate::attr::DmaAttr;
    use crate::object::{Extent, View};

    /// What an earlier plan left behind is not moved along with the windows of a later one.
    #[test]
    fn rebasing_leaves_what_is_left_over_alone() {
        let near = Engine::new(&DmaAttr { addr_hi: 0xFFFF, ..DmaAttr::UNRESTRICTED });
        let engine = near.unwrap_or_else(|error| panic!("{error}"));
        let mut plan = Plan::new();
        let make = |plan: &mut Plan, address| {
            let object = [Extent { address, size: 4096 }];
            let budget = Budget::contiguous(4096);
            plan.make(View::Extents(&object), &engine, budget, Sliding::No, Lists::Many)
        };
        assert_eq!(make(&mut plan, 0x2000_0000), Ok(()), "out of reach: copied");
        assert_eq!(plan.copied_bytes(), 4096);
        assert_eq!(make(&mut plan, 0x1000), Ok(()), "as it lies");
        (0..64).for_each(|window| plan.rebase(1 << 61, window));
        let window = plan.window(0).map(|window| (window.index(), window.offset(), window.copied_bytes()));
        assert_eq!(window, Some((63, 1 << 61, 0)));
    }
}
