//! How a plan is read: windows, their lists, the lists' cookies.

use core::ops::Range;

use super::{CopyPiece, ListSpan, Plan, Source};
use crate::object::Cookie;

/// What of an object is mapped at once: the sliding window (`ddi_dma_getwin`).
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    plan: &'a Plan,
    index: usize,
    lists: (usize, usize),
    copies: (usize, usize),
}

impl<'a> Window<'a> {
    #[inline]
    pub(super) fn new(plan: &'a Plan, index: usize, lists: Range<usize>, copies: Range<usize>) -> Self {
        Window { plan, index, lists: (lists.start, lists.end), copies: (copies.start, copies.end) }
    }

    /// Its number, from 0.
    pub fn index(&self) -> usize {
        self.plan.first_window + self.index
    }

    /// Where it starts in the object, in bytes.
    pub fn offset(&self) -> u64 {
        self.plan.window_span(self.index).map_or(0, |span| span.offset)
    }

    /// Its bytes.
    pub fn length(&self) -> u64 {
        self.plan.window_span(self.index).map_or(0, |span| span.length)
    }

    /// The part of the object that it maps.
    pub fn range(&self) -> Range<u64> {
        self.offset()..self.offset() + self.length()
    }

    /// How many scatter/gather lists it takes.
    pub fn list_count(&self) -> usize {
        self.lists.1 - self.lists.0
    }

    /// Its scatter/gather lists in object order: one request to the engine each.
    #[inline]
    pub fn lists(&self) -> impl Iterator<Item = List<'a>> + use<'a> {
        let window = *self;
        (0..self.list_count()).filter_map(move |number| window.list(number))
    }

    /// One of its lists, counted from 0 (within the window), or `None` behind the last.
    #[inline]
    pub fn list(&self, number: usize) -> Option<List<'a>> {
        let plan = self.plan;
        let index = self.lists.0.checked_add(number).filter(|index| *index < self.lists.1)?;
        let before = index.checked_sub(1).and_then(|before| plan.list_span(before));
        let (cookies_from, copies_from) = before.map_or((0, 0), |span| (span.cookies_end, span.copies_end));
        Some(List { plan, span: plan.list_span(index)?, cookies_from, copies_from })
    }

    /// All its cookies, list after list.
    #[inline]
    pub fn cookies(&self) -> &'a [Cookie] {
        if self.plan.whole > 0 {
            return &self.plan.cookies;
        }
        let (from, to) = self.lists;
        let end = |index: usize| self.plan.list_span(index).map_or(0, |span| span.cookies_end);
        let start = from.checked_sub(1).map_or(0, end);
        let stop = to.checked_sub(1).map_or(0, end);
        self.plan.cookies.get(start..stop).unwrap_or(&[])
    }

    /// What of it stands in the copy run.
    pub(crate) fn copies(&self) -> &'a [CopyPiece] {
        self.plan.copies().get(self.copies.0..self.copies.1).unwrap_or(&[])
    }

    /// Bytes of it that go through the copy buffer.
    pub fn copied_bytes(&self) -> u64 {
        self.copies().iter().map(|copy| copy.size).sum()
    }
}

/// What the engine takes in one request: at most sgllen cookies and maxxfer bytes.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    plan: &'a Plan,
    span: ListSpan,
    cookies_from: usize,
    copies_from: usize,
}

impl<'a> List<'a> {
    /// Where it starts in the object, in bytes.
    pub fn offset(&self) -> u64 {
        self.span.offset
    }

    /// Its bytes, the sum of its cookies.
    pub fn length(&self) -> u64 {
        self.span.length
    }

    /// Its cookies in object order.
    #[doc(alias = "ddi_dma_nextcookie")]
    #[inline]
    pub fn cookies(&self) -> &'a [Cookie] {
        self.plan.cookies.get(self.cookies_from..self.span.cookies_end).unwrap_or(&[])
    }

    /// Its cookies, each with its place in the object and whether its bytes are copied.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + use<'a> {
        let mut copies =
            self.plan.copies().get(self.copies_from..self.span.copies_end).unwrap_or(&[]).iter().peekable();
        let first = self.cookies_from;
        let mut offset = self.span.offset;
        self.cookies().iter().enumerate().map(move |(index, cookie)| {
            let copied = copies.next_if(|copy| copy.cookie == first + index).is_some();
            let source = if copied { Source::Copied } else { Source::Direct };
            let piece = Piece { offset, cookie: *cookie, source };
            offset += cookie.size;
            piece
        })
    }
}

/// A cookie and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where its bytes are in the object.
    pub offset: u64,
    /// What the engine takes.
    pub cookie: Cookie,
    /// Whether the bytes go as they lie or through the copy buffer.
    pub source: Source,
}
