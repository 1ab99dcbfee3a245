//! The CPU's way to the bytes of a buf.
//!
//! All memory that a buf can name is mapped in this process at all times, so that mapping it in finds out where.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::Ordering;

use crate::abi::buf::b_flags::{B_PAGEIO, B_REMAPPED};
use crate::abi::buf::buf;
use crate::last_error::note;
use crate::misuse::misuse;

use super::pages::PAGE_OFFSET;
use super::pieces::{Pieces, pieces_of};
use super::raw::{Bp, get, pointer, set};

/// Where the bytes of a buf are; a mistake ends the process in the name of `function`.
fn pieces(bp: Bp, function: &str) -> Pieces {
    // SAFETY: it is a buf (invariant of Bp), and who calls a function with it says that its lists are right.
    match unsafe { pieces_of(bp.as_ptr()) } {
        Ok(pieces) => pieces,
        Err(text) => misuse!(function, "{text}"),
    }
}

/// Calls `piece` with each address range of a part of a buf, and how far into the part it starts. `None` where the part
/// is not inside the buf.
fn each(
    bp: Bp,
    offset: i64,
    size: usize,
    function: &str,
    mut piece: impl FnMut(usize, usize, usize),
) -> Option<()> {
    let whole = get!(bp, b_bcount);
    let skip = usize::try_from(offset).ok().filter(|offset| *offset <= whole && size <= whole - offset);
    let Some(mut skip) = skip else {
        note(format_args!(
            "{function}: {size} bytes behind {offset} are not inside the {whole} of bp {:p}",
            bp.as_ptr()
        ));
        return None;
    };
    let mut done = 0;
    let mut visit = |address: usize, length: usize| {
        let here = skip.min(length);
        let bytes = (length - here).min(size - done);
        if bytes > 0 {
            piece(address + here, done, bytes);
        }
        (skip, done) = (skip - here, done + bytes);
    };
    match pieces(bp, function) {
        Pieces::One { address, length } => visit(address, length),
        Pieces::Many(pieces) => pieces.iter().for_each(|(address, length)| visit(*address, *length)),
    }
    Some(())
}

/// Copies bytes out of a buf to `addr`, from `offset` of it: 0, or -1 where they are not all inside (`bp_copyin(9F)`).
///
/// # Safety
///
/// `bp` is a buf with its memory; `size` bytes at `addr` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bp_copyin(bp: *mut buf, addr: *mut c_void, offset: i64, size: usize) -> c_int {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "bp_copyin") };
    let copied = each(bp, offset, size, "bp_copyin", |from, done, bytes| {
        // SAFETY: the caller promises the memory of the buf, and at `addr` as many bytes as the part has.
        unsafe { ptr::copy(pointer(from), addr.cast::<c_char>().add(done), bytes) }
    });
    if copied.is_some() { 0 } else { -1 }
}

/// Copies bytes from `addr` into a buf, to `offset` of it: 0, or -1 where they are not all inside (`bp_copyout(9F)`).
///
/// # Safety
///
/// `bp` is a buf with its memory; `size` bytes at `addr` may be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bp_copyout(addr: *mut c_void, bp: *mut buf, offset: i64, size: usize) -> c_int {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "bp_copyout") };
    let copied = each(bp, offset, size, "bp_copyout", |to, done, bytes| {
        // SAFETY: as in `bp_copyin`.
        unsafe { ptr::copy(addr.cast::<c_char>().add(done), pointer(to), bytes) }
    });
    if copied.is_some() { 0 } else { -1 }
}

/// Fills the memory of a buf with zeros, and says that all was transferred (`clrbuf(9F)`).
///
/// # Safety
///
/// `bp` is a buf with its memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clrbuf(bp: *mut buf) {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "clrbuf") };
    let whole = get!(bp, b_bcount);
    let _ = each(bp, 0, whole, "clrbuf", |to, _, bytes| {
        // SAFETY: the caller promises the memory of the buf.
        unsafe { ptr::write_bytes(pointer(to), 0, bytes) }
    });
    set!(bp, b_resid: 0);
}

/// Has `b_un.b_addr` tell where the bytes of a page list are (`bp_mapin(9F)`). A buf that has an address keeps it.
///
/// Pages that do not lie side by side have no one address, and nothing here could give them one: such a buf ends the
/// process. `bp_copyin` and `bp_copyout` reach its bytes.
///
/// # Safety
///
/// `bp` is a buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bp_mapin(bp: *mut buf) {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, "bp_mapin") };
    if !bp.has(B_PAGEIO) || bp.has(B_REMAPPED) {
        return;
    }
    match pieces(bp, "bp_mapin") {
        Pieces::One { address, .. } => {
            set!(bp, b_addr: pointer(address));
            bp.flags().fetch_or(B_REMAPPED, Ordering::Relaxed);
        }
        Pieces::Many(pieces) => misuse!(
            "bp_mapin",
            "the pages of bp {:p} lie in {} places: reach them by bp_copyin and bp_copyout",
            bp.as_ptr(),
            pieces.len()
        ),
    }
}

/// Takes back what `bp_mapin` did (`bp_mapout(9F)`).
///
/// # Safety
///
/// `bp` is a buf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bp_mapout(bp: *mut buf) {
    // SAFETY: the caller promises a buf.
    map_out(unsafe { Bp::new(bp, "bp_mapout") });
}

/// Does what `bp_mapout` does.
pub(super) fn map_out(bp: Bp) {
    if bp.has(B_PAGEIO | B_REMAPPED) {
        set!(bp, b_addr: ptr::without_provenance_mut(bp.data() & PAGE_OFFSET));
        bp.flags().fetch_and(!B_REMAPPED, Ordering::Relaxed);
    }
}
