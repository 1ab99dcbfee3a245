//! Data pointers: how a command says where its bytes are (sections 4.3 and 4.4).
//!
//! **PRPs** name pages. The first entry may point into a page, all others are whole pages, and all but the last are filled:
//! where one cookie ends and the next starts inside a page, a command has to end. The attributes of an engine cannot
//! say that. So an object is bound with attributes that say what they can, [`Style::Prp`], and its lists are cut into
//! commands where the rule asks for it ([`cut`]). With an IOMMU there is nothing to cut, since an object is one run of
//! bus addresses, and neither is there for scattered whole pages.
//!
//! A cut inside a block cannot be made. What needs one is bound anew, as an **SGL** where the controller takes it, which
//! names runs of any size ([`Style::Sgl`]); else with attributes under which every list is one run of whole blocks
//! ([`Style::Runs`]), which PRPs can always name: the framework copies what it takes.

use std::ops::Range;

use ddi_dma::plan::Window;
use ddi_dma::{Cookie, DmaAttr};

use crate::command::Command;
use crate::error::Fault;
use crate::memory::Shared;

/// How objects are bound, and how commands name their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// PRPs, of as many cookies as a command can name.
    Prp,
    /// A scatter/gather list.
    Sgl,
    /// PRPs, of one cookie a command.
    Runs,
}

/// What a controller and a namespace ask of data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Bytes of a page of the controller.
    pub(crate) page: u64,
    /// Bytes of a block.
    pub(crate) block: u32,
    /// Most bytes of a command.
    pub(crate) most: u64,
}

/// Bytes of an SGL descriptor.
const DESCRIPTOR: u64 = 16;

impl Shape {
    /// The engine as a driver describes it for this style.
    pub(crate) fn attributes(&self, style: Style) -> DmaAttr {
        let entries = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        let (align, sgllen) = match style {
            // A command that starts inside a page has an entry more.
            Style::Prp => (4, entries(self.most / self.page + 1)),
            Style::Sgl => (1, entries(self.page / DESCRIPTOR)),
            Style::Runs => (4, 1),
        };
        DmaAttr { align, sgllen, maxxfer: self.most, granular: self.block, ..DmaAttr::UNRESTRICTED }
    }
}

/// What one command moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where its bytes are in the object.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// Which cookies of the window they are.
    pub(crate) cookies: Range<usize>,
}

/// Two cookies meet inside a page and inside a block: PRPs cannot name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfit;

/// Cuts a window into commands.
pub(crate) fn cut(
    window: &Window<'_>,
    style: Style,
    shape: &Shape,
    parts: &mut Vec<Part>,
) -> Result<(), Unfit> {
    parts.clear();
    let mut first = 0;
    for list in window.lists() {
        let behind = first + list.cookies().len();
        match style {
            Style::Sgl | Style::Runs => {
                parts.push(Part { offset: list.offset(), length: list.length(), cookies: first..behind })
            }
            Style::Prp => cut_list(list.cookies(), list.offset(), first, shape, parts)?,
        }
        first = behind;
    }
    Ok(())
}

/// Cuts a list that starts at `offset` of the object and at cookie `first` of the window.
fn cut_list(
    cookies: &[Cookie],
    offset: u64,
    first: usize,
    shape: &Shape,
    parts: &mut Vec<Part>,
) -> Result<(), Unfit> {
    let mut part = Part { offset, length: 0, cookies: first..first };
    let mut before: Option<&Cookie> = None;
    for cookie in cookies {
        let meet = before.is_none_or(|before| {
            (before.address.wrapping_add(before.size) | cookie.address).is_multiple_of(shape.page)
        });
        if !meet {
            let offset = part.offset + part.length;
            if !offset.is_multiple_of(shape.block.into()) {
                return Err(Unfit);
            }
            let next = Part { offset, length: 0, cookies: part.cookies.end..part.cookies.end };
            parts.push(std::mem::replace(&mut part, next));
        }
        part.length += cookie.size;
        part.cookies.end += 1;
        before = Some(cookie);
    }
    parts.push(part);
    Ok(())
}

/// The pages that a PRP entry names each: the first as it lies, then whole pages.
fn pages(cookies: &[Cookie], page: u64) -> impl Iterator<Item = u64> {
    cookies.iter().flat_map(move |cookie| {
        let behind = cookie.address.wrapping_add(cookie.size);
        let second = (cookie.address - cookie.address % page).wrapping_add(page);
        std::iter::once(cookie.address).chain((second..behind).step_by(page as usize))
    })
}

/// A page for each slot of a queue, for lists that do not fit the command.
pub(crate) struct ListPages {
    memory: Shared,
    page: u64,
    /// What is being written, kept for the next.
    words: Vec<u64>,
}

impl ListPages {
    pub(crate) fn new(memory: Shared, page: u64) -> Self {
        ListPages { memory, page, words: Vec::new() }
    }

    /// Most bytes of which one page can name all pages, wherever they start.
    pub(crate) fn most_bytes(page: u64) -> u64 {
        page / 8 * page
    }

    /// Sets the data pointer of a command; what does not fit goes to the page of its slot.
    pub(crate) fn point(
        &mut self,
        command: &mut Command,
        slot: u16,
        cookies: &[Cookie],
        style: Style,
    ) -> Result<(), Fault> {
        match style {
            Style::Prp | Style::Runs => self.point_prp(command, slot, cookies),
            Style::Sgl => self.point_sgl(command, slot, cookies),
        }
    }

    fn point_prp(&mut self, command: &mut Command, slot: u16, cookies: &[Cookie]) -> Result<(), Fault> {
        let mut pages = pages(cookies, self.page);
        let first = pages.next().unwrap_or(0);
        self.words.clear();
        self.words.extend(pages);
        let second = match *self.words {
            [] => 0,
            [only] => only,
            _ => self.write_list(slot)?,
        };
        command.data = [first.into(), second.into()];
        Ok(())
    }

    fn point_sgl(&mut self, command: &mut Command, slot: u16, cookies: &[Cookie]) -> Result<(), Fault> {
        const DATA_BLOCK: u64 = 0x0 << 60;
        const LAST_SEGMENT: u64 = 0x3 << 60;
        const SGL_FOR_DATA: u8 = 0b01 << 6;
        command.flags = SGL_FOR_DATA;
        command.data = match cookies {
            [cookie] => [cookie.address.into(), (DATA_BLOCK | cookie.size).into()],
            _ => {
                self.words.clear();
                self.words
                    .extend(cookies.iter().flat_map(|cookie| [cookie.address, DATA_BLOCK | cookie.size]));
                let at = self.write_list(slot)?;
                [at.into(), (LAST_SEGMENT | (cookies.len() as u64 * DESCRIPTOR)).into()]
            }
        };
        Ok(())
    }

    /// Writes the words to the page of a slot; returns where the controller finds them.
    fn write_list(&mut self, slot: u16) -> Result<u64, Fault> {
        let (at, bytes) = (u64::from(slot) * self.page, self.words.len() as u64 * 8);
        if bytes > self.page {
            return Err(Fault::ListTooLong { bytes, page: self.page });
        }
        self.memory.access().rep_put(at, &self.words)?;
        self.memory.show(at, bytes)?;
        Ok(self.memory.address() + at)
    }

    /// Takes the memory back from a controller that is off for good.
    pub(crate) fn retire(&mut self) {
        self.memory.retire();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { page: 4096, block: 512, most: 1 << 20 };

    fn cookie(address: u64, size: u64) -> Cookie {
        Cookie { address, size }
    }

    fn parts(cookies: &[Cookie]) -> Result<Vec<(u64, u64, Range<usize>)>, Unfit> {
        let mut parts = Vec::new();
        cut_list(cookies, 512, 10, &SHAPE, &mut parts)?;
        Ok(parts.into_iter().map(|part| (part.offset, part.length, part.cookies)).collect())
    }

    #[test]
    fn whole_pages_and_partial_ends_are_one_command() {
        let scattered =
            [cookie(0x1F00, 0x100), cookie(0x9000, 0x1000), cookie(0x4000, 0x2000), cookie(0x7000, 0x300)];
        assert_eq!(parts(&scattered), Ok(vec![(512, 0x3400, 10..14)]));
    }

    #[test]
    fn cookies_that_meet_inside_a_page_end_a_command_on_a_block() {
        let awkward = [cookie(0x1000, 0x200), cookie(0x9400, 0xC00), cookie(0x4000, 0x200)];
        assert_eq!(parts(&awkward), Ok(vec![(512, 0x200, 10..11), (1024, 0xE00, 11..13)]));
        assert_eq!(parts(&[cookie(0x1000, 0x100), cookie(0x9000, 0x100)]), Err(Unfit));
    }

    #[test]
    fn entries_are_pages_but_the_first() {
        let cookies = [cookie(0x1F04, 0x10FC), cookie(0x8000, 0x1004)];
        assert_eq!(pages(&cookies, 4096).collect::<Vec<_>>(), [0x1F04, 0x2000, 0x8000, 0x9000]);
        assert_eq!(pages(&[cookie(0x1000, 512)], 4096).collect::<Vec<_>>(), [0x1000]);
    }

    #[test]
    fn an_engine_is_described_for_each_style() {
        assert_eq!(SHAPE.attributes(Style::Prp).sgllen, 257);
        assert_eq!(SHAPE.attributes(Style::Sgl).align, 1);
        assert_eq!(SHAPE.attributes(Style::Runs).sgllen, 1);
        assert!(
            [Style::Prp, Style::Sgl, Style::Runs]
                .iter()
                .all(|style| SHAPE.attributes(*style).validate().is_ok())
        );
    }
}
