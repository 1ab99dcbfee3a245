//! `mb_mapalloc`, `mb_nbmapalloc`, `mb_mapfree`.

use std::ffi::{c_char, c_int, c_void};

use ddi_dma::{Direction, Wait};

use super::level;
use super::map::{MapRef, Refusal, of};
use crate::abi::buf::b_flags::B_READ;
use crate::abi::buf::buf;
use crate::io::{Pieces, pieces_of};
use crate::last_error;
use crate::memory::NoObject;
use crate::misuse::misuse;
use crate::node::{Context, Node, context};
use crate::waitfp::Rules;

/// `MB_CANTWAIT`.
const CANTWAIT: c_int = 1;

/// What a caller gives where space may be short.
pub(super) struct Waiting {
    pub(super) flags: c_int,
    /// NULL, or a function.
    pub(super) waitfp: *const c_void,
    pub(super) arg: *mut c_char,
}

/// Maps the memory of a buf into DVMA space, and gives its address there (`mb_mapalloc`). 0 where there is too little
/// space: `waitfp` is called with `arg` when some came back.
///
/// # Safety
///
/// `bp` points to a buf, whose memory may be read and written until it is freed from the map; `waitfp` is NULL or may be
/// called with `arg` from another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mb_mapalloc(
    map: *mut MapRef,
    bp: *mut buf,
    flags: c_int,
    waitfp: *const c_void,
    arg: *mut c_char,
) -> c_int {
    // SAFETY: the caller's duties are the same.
    unsafe { map_buf(map, bp, &Waiting { flags, waitfp, arg }, "mb_mapalloc") }
}

/// Maps memory that the device may read and write into DVMA space (`mb_nbmapalloc`); otherwise as [`mb_mapalloc`].
///
/// # Safety
///
/// `bcnt` bytes from `addr` on may be read and written until they are freed from the map; `waitfp` is NULL or may be
/// called with `arg` from another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mb_nbmapalloc(
    map: *mut MapRef,
    addr: *mut c_char,
    bcnt: c_int,
    flags: c_int,
    waitfp: *const c_void,
    arg: *mut c_char,
) -> c_int {
    // SAFETY: the caller's duties are the same.
    unsafe { map_bytes(map, addr, bcnt, &Waiting { flags, waitfp, arg }, "mb_nbmapalloc") }
}

/// Frees what `*mbinfop` says from the map, and makes it 0 (`mb_mapfree`).
///
/// # Safety
///
/// `mbinfop` points to what `mb_mapalloc` or a function of its family returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mb_mapfree(map: *mut MapRef, mbinfop: *mut c_int) {
    // SAFETY: the caller's duty is the same.
    unsafe { free(map, mbinfop, "mb_mapfree") }
}

/// # Safety
///
/// That of [`mb_mapalloc`].
pub(super) unsafe fn map_buf(
    map: *mut MapRef,
    bp: *mut buf,
    waiting: &Waiting,
    function: &'static str,
) -> c_int {
    let node = of(map, function);
    // SAFETY: NULL or a buf (the caller's duty).
    let memory = match unsafe { pieces_of(bp) } {
        Ok(memory) => memory,
        Err(text) => misuse!(function, "{text}: give the buf to transfer"),
    };
    // SAFETY: it is neither NULL nor unaligned, or `pieces_of` had refused it; so it is a buf (the caller's duty).
    let direction = match unsafe { (&raw const (*bp).b_flags).read() } & B_READ {
        0 => Direction::ToDevice,
        _ => Direction::FromDevice,
    };
    // SAFETY: the caller's duties are the same.
    unsafe { map_memory(&node, &memory, direction, waiting, function) }
}

/// # Safety
///
/// That of [`mb_nbmapalloc`].
pub(super) unsafe fn map_bytes(
    map: *mut MapRef,
    addr: *mut c_char,
    bcnt: c_int,
    waiting: &Waiting,
    function: &'static str,
) -> c_int {
    let node = of(map, function);
    let Ok(length) = usize::try_from(bcnt) else {
        misuse!(function, "bcnt {bcnt} is negative: give the bytes")
    };
    let memory = Pieces::One { address: addr.expose_provenance(), length };
    // SAFETY: the caller's duties are the same.
    unsafe { map_memory(&node, &memory, Direction::Both, waiting, function) }
}

/// # Safety
///
/// That of [`mb_mapfree`].
pub(super) unsafe fn free(map: *mut MapRef, mbinfop: *mut c_int, function: &'static str) {
    let node = of(map, function);
    if mbinfop.is_null() || !mbinfop.is_aligned() {
        misuse!(function, "mbinfop {mbinfop:p}: give the address of what mb_mapalloc returned");
    }
    // SAFETY: neither NULL nor unaligned, so valid (the caller's duty). It is made 0 ahead of the release, since the
    // driver's start routine, which waits for that, may put the next one there.
    let mbinfo = unsafe { mbinfop.replace(0) };
    if node.dvma.free(&node, mbinfo.cast_unsigned()).is_none() {
        misuse!(
            function,
            "mbinfo {mbinfo:#x}: nothing is mapped there, or it was freed: free once what mb_mapalloc returned"
        );
    }
}

/// # Safety
///
/// The memory may be read and written until it is freed from the map; `waitfp` is NULL or may be called with `arg`.
unsafe fn map_memory(
    node: &Node,
    memory: &Pieces,
    direction: Direction,
    waiting: &Waiting,
    function: &'static str,
) -> c_int {
    // SAFETY: the caller's duty.
    let map = |wait| unsafe { node.dvma.map(node, memory, direction, wait) };
    let mapped = if !waiting.waitfp.is_null() {
        map(Wait::Callback(&node.callbacks.find(waiting.waitfp, waiting.arg, Rules::MainBus)))
    } else if waiting.flags & CANTWAIT != 0 {
        map(Wait::DontWait)
    } else if context() == Context::Interrupt {
        misuse!(function, "a handler or callback cannot sleep: give MB_CANTWAIT or a function");
    } else {
        level::lowered(|| map(Wait::Sleep))
    };
    match mapped {
        Ok(address) => address.cast_signed(),
        Err(refusal) => refused(node, &refusal, function),
    }
}

/// Keeps the text of a refusal. What no memory can be meant by is a mistake.
#[cold]
fn refused(node: &Node, refusal: &Refusal, function: &'static str) -> c_int {
    match refusal {
        Refusal::Memory(mistake) if !matches!(**mistake, NoObject::Lend(_)) => misuse!(function, "{mistake}"),
        _ => last_error::note(format_args!("{function}: {}: {refusal}", node.name)),
    }
    0
}
