//! `ddi_dma_addr_bind_handle`, `ddi_dma_buf_bind_handle`, `ddi_dma_unbind_handle`.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;

use ddi_dma::plan::PlanError;
use ddi_dma::{BindError, BindErrorKind, BindFlags, Direction};

use super::cookies::give_first;
use super::{CHandle, DmaHandleRef, State, of};
use crate::abi::buf::buf;
use crate::abi::ddi_dma_cookie_t;
use crate::codes::{
    DDI_DMA_BADATTR, DDI_DMA_INUSE, DDI_DMA_MAPPED, DDI_DMA_NOMAPPING, DDI_DMA_NORESOURCES, DDI_DMA_PARTIAL,
    DDI_DMA_PARTIAL_MAP, DDI_DMA_READ, DDI_DMA_TOOBIG, DDI_DMA_TOOSMALL, DDI_DMA_WRITE, DDI_FAILURE,
    DDI_SUCCESS,
};
use crate::io::{Pieces, pieces_of};
use crate::last_error;
use crate::memory::{NoObject, ObjectRef, describe, gather};
use crate::misuse::misuse;
use crate::node::Node;
use crate::waitfp::waiting;

/// What a refusal is of, by whichever function.
const BIND: &str = "bind";

/// Binds memory at an address (`ddi_dma_addr_bind_handle(9F)`).
///
/// # Safety
///
/// The memory may be read and written until it is unbound; `cookiep` and `ccountp` are each NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_addr_bind_handle(
    handle: *mut DmaHandleRef,
    _address_space: *mut c_void,
    addr: *mut c_char,
    len: usize,
    flags: c_uint,
    waitfp: *const c_void,
    arg: *mut c_char,
    cookiep: *mut ddi_dma_cookie_t,
    ccountp: *mut c_uint,
) -> c_int {
    const ME: &str = "ddi_dma_addr_bind_handle";
    let mut guard = of(handle, ME);
    let rest = guard.rester();
    let handle = &mut *guard;
    let idle = match handle.take_state() {
        State::Idle(idle) => idle,
        other => {
            handle.set_state(other);
            let text = "something is bound to the handle: call ddi_dma_unbind_handle first";
            return handle.refused(BIND, text, DDI_DMA_INUSE);
        }
    };
    // SAFETY: nothing is bound; the memory stays, and the driver keeps away from it (the caller's duties).
    let described = unsafe { describe(&mut handle.place, &handle.node, addr.expose_provenance(), len) };
    if let Err(error) = described {
        handle.set_state(State::Idle(idle));
        return handle.refused(BIND, error, DDI_DMA_NOMAPPING);
    }
    let Some(direction) = DIRECTIONS[(flags & (DDI_DMA_READ | DDI_DMA_WRITE)) as usize] else {
        handle.set_state(State::Idle(idle));
        // SAFETY: nothing is bound.
        unsafe { handle.place.clear() };
        let text = "the flags say neither DDI_DMA_READ nor DDI_DMA_WRITE: say which way the bytes go";
        return handle.refused(BIND, text, DDI_DMA_NOMAPPING);
    };
    let wait = waiting(&handle.node, waitfp, arg, &mut handle.last_callback, || rest.rest(), ME);
    let bind_flags = bind_flags(&handle.node, flags);
    let flight = match idle.bind(handle.place.object(), direction, bind_flags, wait) {
        Ok(binding) => binding.start(),
        Err(error) => return handle.not_bound(error),
    };
    let cookies = flight.current_window().map_or(&[][..], |window| window.cookies());
    // SAFETY: each is NULL or valid (the caller's duty).
    unsafe { give_first(cookies, cookiep, ccountp) };
    let many = flags & DDI_DMA_PARTIAL != 0 && flight.window_count() > 1;
    handle.flags = flags;
    handle.set_state(State::Bound(flight));
    handle.rewind();
    if many { DDI_DMA_PARTIAL_MAP } else { DDI_DMA_MAPPED }
}

/// Binds the memory of a buf (`ddi_dma_buf_bind_handle(9F)`).
///
/// # Safety
///
/// `bp` points to a buf, whose memory may be read and written until it is unbound; `cookiep` and `ccountp` are each NULL
/// or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_buf_bind_handle(
    handle: *mut DmaHandleRef,
    bp: *mut buf,
    flags: c_uint,
    waitfp: *const c_void,
    arg: *mut c_char,
    cookiep: *mut ddi_dma_cookie_t,
    ccountp: *mut c_uint,
) -> c_int {
    const ME: &str = "ddi_dma_buf_bind_handle";
    if bp.is_null() {
        misuse!(ME, "bp is NULL: give the buf to transfer");
    }
    // A mistake is told in the name of this function.
    drop(of(handle, ME));
    // SAFETY: a buf (the caller's duty).
    let (address, length) = match unsafe { pieces_of(bp) } {
        Ok(Pieces::One { address, length }) => (address, length),
        Ok(Pieces::Many(pieces)) => {
            // SAFETY: the memory stays, and the driver keeps away from it (the caller's duties).
            match unsafe { of(handle, ME).gather(&pieces) } {
                Ok(()) => (0, 0),
                Err(error) => return of(handle, ME).refused(BIND, error, DDI_DMA_NOMAPPING),
            }
        }
        Err(text) => return of(handle, ME).refused(BIND, text, DDI_DMA_NOMAPPING),
    };
    let addr = ptr::with_exposed_provenance_mut(address);
    // SAFETY: the caller's duties are the same.
    unsafe {
        ddi_dma_addr_bind_handle(handle, ptr::null_mut(), addr, length, flags, waitfp, arg, cookiep, ccountp)
    }
}

/// Unbinds, with a sync for the CPU (`ddi_dma_unbind_handle(9F)`). `DDI_FAILURE` where nothing is bound.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_unbind_handle(handle: *mut DmaHandleRef) -> c_int {
    let mut guard = of(handle, "ddi_dma_unbind_handle");
    let handle = &mut *guard;
    match handle.take_state() {
        State::Bound(flight) => {
            let (idle, _) = flight.complete().unbind();
            handle.set_state(State::Idle(idle));
            // SAFETY: nothing is bound any more.
            unsafe { handle.place.clear() };
            DDI_SUCCESS
        }
        other => {
            handle.set_state(other);
            let text = "nothing is bound to the handle: unbind once after each bind";
            handle.refused("ddi_dma_unbind_handle", text, DDI_FAILURE)
        }
    }
}

impl CHandle {
    /// Describes pieces of memory, to be bound next, where nothing is bound.
    ///
    /// # Safety
    ///
    /// That of [`gather`].
    unsafe fn gather(&mut self, pieces: &[(usize, usize)]) -> Result<(), Box<NoObject>> {
        // SAFETY: the caller's duties are the same.
        let pieces = unsafe { gather(&self.node, pieces) }?;
        if let State::Idle(_) = self.state {
            // SAFETY: nothing is bound.
            unsafe { self.place.describe_pieces(pieces) };
        }
        Ok(())
    }

    /// Takes a handle back that did not bind, and gives the code.
    #[cold]
    fn not_bound(&mut self, error: BindError<ObjectRef>) -> c_int {
        let kind = error.kind();
        self.set_state(State::Idle(error.into_parts().0));
        // SAFETY: nothing is bound.
        unsafe { self.place.clear() };
        self.refused(BIND, kind, code(&kind))
    }

    /// Keeps the text of a refusal, and gives its code.
    #[cold]
    fn refused(&self, function: &str, why: impl std::fmt::Display, code: c_int) -> c_int {
        last_error::note(format_args!("{function}: {}: {why}", self.node.name));
        code
    }
}

/// Which way the bytes go, by the bits of `DDI_DMA_READ` and `DDI_DMA_WRITE`.
const DIRECTIONS: [Option<Direction>; 4] =
    [None, Some(Direction::ToDevice), Some(Direction::FromDevice), Some(Direction::Both)];

/// What the flags of a bind are here. Most have the same bits.
///
/// Each list is a window where windows are allowed; where they are not, a property of the device says whether there may be
/// more than one list. Who says both that the object is used in small pieces and in order gets the former.
#[inline(always)]
fn bind_flags(node: &Node, flags: u32) -> BindFlags {
    const USES: BindFlags = BindFlags::CONSISTENT.union(BindFlags::STREAMING);
    const KEPT: BindFlags = USES.union(BindFlags::REDZONE).union(BindFlags::PARTIAL);
    const UP: u32 = BindFlags::ONE_LIST.bits() / DDI_DMA_PARTIAL;
    let mut kept = flags & KEPT.bits();
    if kept & USES.bits() == USES.bits() {
        kept ^= BindFlags::STREAMING.bits();
    }
    BindFlags::from_bits_retain(kept | ((flags & DDI_DMA_PARTIAL) * UP) | node.bind_flags())
}

/// The return code of a refusal.
fn code(kind: &BindErrorKind) -> c_int {
    match kind {
        BindErrorKind::NoResources(_) => DDI_DMA_NORESOURCES,
        // It is more than there ever is: nobody would call a callback.
        BindErrorKind::TooBig(_) | BindErrorKind::Unobtainable(_) => DDI_DMA_TOOBIG,
        BindErrorKind::Object(PlanError::TooSmall { .. }) => DDI_DMA_TOOSMALL,
        BindErrorKind::Flags => DDI_DMA_BADATTR,
        _ => DDI_DMA_NOMAPPING,
    }
}
