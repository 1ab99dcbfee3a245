//! Where the bytes of a buf lie: at one address (`b_un.b_addr`), on listed pages (`B_PAGEIO`), or on the pages of a
//! shadow list (`B_SHADOW`).

use crate::abi::buf::b_flags::{B_PAGEIO, B_SHADOW};
use crate::abi::buf::buf;

use super::pages::{PAGE_OFFSET, PAGE_SIZE, Page, Stretch};

/// The bytes of a buf, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// All bytes side by side.
    One { address: usize, length: usize },
    /// Addresses and lengths. No piece is empty, and none starts where the one before it ends.
    Many(Vec<(usize, usize)>),
}

/// Tells where the bytes of a buf lie.
///
/// # Errors
///
/// A text where the buf says nothing that makes sense.
///
/// # Safety
///
/// `bp` is NULL or a buf of C's, whose members nobody changes meanwhile. With `B_SHADOW`, `b_shadow` has an entry for
/// each page that its bytes touch.
#[inline]
pub(crate) unsafe fn pieces_of(bp: *const buf) -> Result<Pieces, String> {
    if bp.is_null() || !bp.is_aligned() {
        return Err(format!("bp {bp:p} is no buf"));
    }
    // SAFETY: the caller promises a buf; no reference to it is made.
    let (flags, data, length) = unsafe {
        (
            (&raw const (*bp).b_flags).read(),
            (&raw const (*bp).b_addr).read(),
            (&raw const (*bp).b_bcount).read(),
        )
    };
    if flags & (B_PAGEIO | B_SHADOW) == 0 {
        return Ok(Pieces::One { address: data.expose_provenance(), length });
    }
    // SAFETY: the caller's duties are the same.
    unsafe { on_pages(bp, flags & B_PAGEIO, data.addr() & PAGE_OFFSET, length) }
}

/// # Safety
///
/// That of [`pieces_of`].
#[cold]
unsafe fn on_pages(bp: *const buf, listed: i32, offset: usize, length: usize) -> Result<Pieces, String> {
    let count = offset
        .checked_add(length)
        .map(|bytes| bytes.div_ceil(PAGE_SIZE))
        .ok_or_else(|| format!("b_bcount {length:#x} is more than there are bytes"))?;
    let mut pieces = Gather { pieces: Vec::new(), skip: offset, left: length };
    if listed != 0 {
        // SAFETY: the caller promises a buf.
        let first = unsafe { (&raw const (*bp).b_pages).read() };
        let list =
            Stretch::at(Page::of(first), count).map_err(|bad| format!("b_pages of a B_PAGEIO buf: {bad}"))?;
        list.addresses().iter().for_each(|address| pieces.page(*address));
    } else {
        // SAFETY: the caller promises a buf.
        let shadow = unsafe { (&raw const (*bp).b_shadow).read() };
        if shadow.is_null() || !shadow.is_aligned() {
            return Err(format!("b_shadow {shadow:p} of a B_SHADOW buf is no list of pages"));
        }
        let mut last = None;
        for index in 0..count {
            // SAFETY: the caller promises so many entries.
            let page = unsafe { shadow.add(index).read() };
            let stretch = Stretch::again(&mut last, Page::of(page));
            let stretch = stretch.map_err(|bad| format!("b_shadow[{index}] of a B_SHADOW buf: {bad}"))?;
            pieces.page(stretch);
        }
    }
    Ok(pieces.end())
}

/// Joins pages to pieces.
struct Gather {
    pieces: Vec<(usize, usize)>,
    /// Bytes of the next page that come ahead of the first byte.
    skip: usize,
    left: usize,
}

impl Gather {
    fn page(&mut self, address: usize) {
        let start = address + self.skip;
        let bytes = (PAGE_SIZE - self.skip).min(self.left);
        (self.skip, self.left) = (0, self.left - bytes);
        match self.pieces.last_mut() {
            _ if bytes == 0 => {}
            Some((last, length)) if *last + *length == start => *length += bytes,
            _ => self.pieces.push((start, bytes)),
        }
    }

    fn end(self) -> Pieces {
        match self.pieces.as_slice() {
            [] => Pieces::One { address: 0, length: 0 },
            &[(address, length)] => Pieces::One { address, length },
            _ => Pieces::Many(self.pieces),
        }
    }
}
