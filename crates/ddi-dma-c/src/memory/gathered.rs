//! Pieces of memory as one object: what a page list or a shadow list names.

use std::ptr::{self, NonNull};

use ddi_dma::{DmaObject, Extent, View};
use ddi_dma_sim::{BufferPart, Lent};

/// A piece of memory.
pub(super) enum Piece {
    Simulated(BufferPart),
    Lent(Lent),
    /// Memory of the process where it lies, which is there until the piece is dropped.
    Process(NonNull<u8>, Extent),
}

/// Pieces in order, as one.
pub(crate) struct Gathered {
    /// Each with where in the whole it starts.
    pieces: Vec<(u64, Piece)>,
    /// Where the bytes lie, built once.
    extents: Vec<Extent>,
    length: u64,
}

impl Piece {
    fn view(&self) -> View<'_> {
        match self {
            Piece::Simulated(part) => part.view(),
            Piece::Lent(lent) => lent.view(),
            Piece::Process(_, extent) => View::Extents(std::slice::from_ref(extent)),
        }
    }

    /// # Safety
    ///
    /// That of [`DmaObject::copy_out`].
    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller promises the same; memory of the process is there (see `Piece`).
        unsafe {
            match self {
                Piece::Simulated(part) => part.copy_out(offset, to, length),
                Piece::Lent(lent) => lent.copy_out(offset, to, length),
                Piece::Process(start, _) => {
                    ptr::copy_nonoverlapping(start.as_ptr().add(offset as usize), to, length as usize);
                }
            }
        }
    }

    /// # Safety
    ///
    /// That of [`DmaObject::copy_in`].
    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: as in `copy_out`.
        unsafe {
            match self {
                Piece::Simulated(part) => part.copy_in(offset, from, length),
                Piece::Lent(lent) => lent.copy_in(offset, from, length),
                Piece::Process(start, _) => {
                    ptr::copy_nonoverlapping(from, start.as_ptr().add(offset as usize), length as usize);
                }
            }
        }
    }
}

impl Gathered {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        let (mut starts, mut extents) = (Vec::with_capacity(pieces.len()), Vec::<Extent>::new());
        let mut at = 0;
        for piece in pieces {
            let start = at;
            for extent in piece.view().extents() {
                at += extent.size;
                match extents.last_mut() {
                    Some(last) if last.address.checked_add(last.size) == Some(extent.address) => {
                        last.size += extent.size;
                    }
                    _ => extents.push(extent),
                }
            }
            starts.push((start, piece));
        }
        Gathered { pieces: starts, extents, length: at }
    }

    /// Where the bytes lie.
    pub(super) fn view(&self) -> View<'_> {
        View::Extents(&self.extents)
    }

    /// # Safety
    ///
    /// That of [`DmaObject::copy_out`].
    pub(super) unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        self.touched(offset, length, |piece, into, done, size| {
            // SAFETY: `touched` names bytes inside the piece; the caller's `to` takes all of them side by side.
            unsafe { piece.copy_out(into, to.add(done), size) }
        });
    }

    /// # Safety
    ///
    /// That of [`DmaObject::copy_in`].
    pub(super) unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        self.touched(offset, length, |piece, into, done, size| {
            // SAFETY: as in `copy_out`, with `from` holding all of them side by side.
            unsafe { piece.copy_in(into, from.add(done), size) }
        });
    }

    /// Calls `each` for each piece that a range touches: the piece, where in it, how far into the range, the bytes.
    fn touched(&self, offset: u64, length: u64, mut each: impl FnMut(&Piece, u64, usize, u64)) {
        let first = self.pieces.partition_point(|piece| piece.0 <= offset).saturating_sub(1);
        let mut done = 0;
        for (index, (start, piece)) in self.pieces.iter().enumerate().skip(first) {
            if done == length {
                return;
            }
            let end = self.pieces.get(index + 1).map_or(self.length, |next| next.0);
            let into = offset + done - start;
            let size = (end - start - into).min(length - done);
            each(piece, into, done as usize, size);
            done += size;
        }
    }
}
