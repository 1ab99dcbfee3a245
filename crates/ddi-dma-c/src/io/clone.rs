//! `bioclone(9F)`: a buf for a part of another's bytes.

use std::ffi::{c_char, c_int};

use crate::abi::buf::b_flags::{
    B_ABRWRITE, B_BUSY, B_FAILFAST, B_PAGEIO, B_PHYS, B_READ, B_REMAPPED, B_SHADOW, B_WRITE,
};
use crate::abi::buf::buf;
use crate::misuse::misuse;

use super::bio;
use super::live;
use super::pages::{PAGE_OFFSET, PAGE_SIZE, Page};
use super::raw::{Bp, Iodone, get, pointer, set};

const ME: &str = "bioclone";

/// What a part has in common with the whole.
const INHERITED: c_int = B_READ | B_WRITE | B_SHADOW | B_PHYS | B_PAGEIO | B_FAILFAST | B_ABRWRITE;

/// Makes a buf for `len` bytes of another, `off` bytes behind its first, in `bp_mem`, or where that is NULL, in new
/// memory that `freerbuf` frees (`bioclone(9F)`). NULL where there is no memory and `sleepflag` is `KM_NOSLEEP`.
///
/// # Safety
///
/// `bp` is a buf; `bp_mem` is NULL or another, which nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bioclone(
    bp: *mut buf,
    off: i64,
    len: usize,
    dev: u64,
    blkno: i64,
    iodone: Option<Iodone>,
    bp_mem: *mut buf,
    sleepflag: c_int,
) -> *mut buf {
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, ME) };
    let offset = inside(bp, off, len);
    let part = if bp_mem.is_null() {
        match live::allocate(sleepflag, ME) {
            Some(part) => part,
            None => return std::ptr::null_mut(),
        }
    } else {
        // SAFETY: the caller promises a buf.
        let part = unsafe { Bp::new(bp_mem, ME) };
        bio::reset(part, ME);
        part
    };
    set!(part,
        b_flags: get!(bp, b_flags) & INHERITED | B_BUSY,
        b_bcount: len,
        b_lblkno: blkno,
        b_iodone: iodone,
        b_proc: if bp.has(B_REMAPPED) { std::ptr::null_mut() } else { get!(bp, b_proc) },
        b_edev: dev,
        b_file: get!(bp, b_file),
        b_offset: get!(bp, b_offset),
    );
    place(bp, part, offset);
    live::keep(part, live::kept(bp));
    part.as_ptr()
}

/// Says where the bytes of a part are.
fn place(bp: Bp, part: Bp, offset: usize) {
    let data = bp.data();
    let pages = ((data & PAGE_OFFSET) + offset) / PAGE_SIZE;
    if bp.has(B_SHADOW) {
        set!(part, b_addr: pointer(data + offset), b_shadow: get!(bp, b_shadow).wrapping_add(pages));
    } else if bp.has(B_PAGEIO) {
        let into: *mut c_char =
            std::ptr::without_provenance_mut(((data & PAGE_OFFSET) + offset) & PAGE_OFFSET);
        set!(part, b_addr: into, b_pages: Page::of(get!(bp, b_pages)).behind(pages));
    } else {
        set!(part, b_addr: pointer(data + offset));
    }
}

/// The offset of a part that is inside; a mistake ends the process.
fn inside(bp: Bp, off: i64, len: usize) -> usize {
    let whole = get!(bp, b_bcount);
    match usize::try_from(off) {
        Ok(offset) if offset <= whole && len <= whole - offset => offset,
        _ => misuse!(ME, "{len} bytes behind {off} are not inside the {whole} of bp {:p}", bp.as_ptr()),
    }
}
