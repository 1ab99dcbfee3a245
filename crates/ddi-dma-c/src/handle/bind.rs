//! `ddi_dma_addr_bind_handle`, `ddi_dma_buf_bind_handle`, `ddi_dma_unbind_handle`.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::Arc;

use ddi_dma::plan::PlanError;
use ddi_dma::{BindError, BindErrorKind, BindFlags, Direction};

use super::{CHandle, DmaHandleRef, State, Windows, of, of_waiting};
use crate::abi::buf::buf;
use crate::abi::ddi_dma_cookie_t;
use crate::codes::{
    DDI_DMA_BADATTR, DDI_DMA_CONSISTENT, DDI_DMA_INUSE, DDI_DMA_MAPPED, DDI_DMA_NOMAPPING,
    DDI_DMA_NORESOURCES, DDI_DMA_PARTIAL, DDI_DMA_PARTIAL_MAP, DDI_DMA_READ, DDI_DMA_TOOBIG,
    DDI_DMA_TOOSMALL, DDI_DMA_WRITE, DDI_FAILURE, DDI_SUCCESS,
};
use crate::io::{Pieces, pieces_of};
use crate::last_error;
use crate::memory::{Gathered, NoObject, ObjectRef, describe, gather};
use crate::misuse::misuse;
use crate::waitfp::waiting;

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
    // SAFETY: the caller's duties are the same.
    unsafe { bind(handle, ptr::null_mut(), addr, len, flags, waitfp, arg, cookiep, ccountp) }
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
    let node = Arc::clone(&of(handle, ME).node);
    // SAFETY: a buf (the caller's duty).
    let found = unsafe { pieces_of(bp) }.map_err(|text| Box::new(NoObject::Pieces(text)));
    let (pieces, address, length) = match found {
        Ok(Pieces::One { address, length }) => (Ok(ptr::null_mut()), address, length),
        // SAFETY: the memory stays, and the driver keeps away from it (the caller's duties).
        Ok(Pieces::Many(pieces)) => (unsafe { gather(&node, &pieces) }.map(Box::into_raw), 0, 0),
        Err(error) => (Err(error), 0, 0),
    };
    let pieces = match pieces {
        Ok(pieces) => pieces,
        Err(error) => {
            last_error::note(format_args!("{ME}: {}: {error}", node.name));
            return DDI_DMA_NOMAPPING;
        }
    };
    let addr = ptr::with_exposed_provenance_mut(address);
    // SAFETY: the pieces are a box's that nobody else has; the rest are the caller's duties.
    unsafe { bind(handle, pieces, addr, length, flags, waitfp, arg, cookiep, ccountp) }
}

/// Unbinds, with a sync for the CPU (`ddi_dma_unbind_handle(9F)`). `DDI_FAILURE` where nothing is bound.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_unbind_handle(handle: *mut DmaHandleRef) -> c_int {
    let mut guard = of(handle, "ddi_dma_unbind_handle");
    let handle = &mut **guard;
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

/// Binds the pieces, where there are any, or else memory at an address, and gives it to the device.
///
/// It has the signature of `ddi_dma_addr_bind_handle`, so that this one is no more than a jump.
///
/// # Safety
///
/// `pieces` is NULL or came from a box that nobody else has; the rest is that of [`ddi_dma_addr_bind_handle`].
#[expect(clippy::too_many_arguments, reason = "they are those of the DDI")]
unsafe extern "C" fn bind(
    handle: *mut DmaHandleRef,
    pieces: *mut Gathered,
    addr: *mut c_char,
    len: usize,
    flags: c_uint,
    waitfp: *const c_void,
    arg: *mut c_char,
    cookiep: *mut ddi_dma_cookie_t,
    ccountp: *mut c_uint,
) -> c_int {
    let me = if pieces.is_null() { "ddi_dma_addr_bind_handle" } else { "ddi_dma_buf_bind_handle" };
    let mut guard = of_waiting(handle, waitfp, me);
    let handle = &mut **guard;
    // SAFETY: NULL or a box's that nobody else has (the caller's duty).
    let pieces = (!pieces.is_null()).then(|| unsafe { Box::from_raw(pieces) });
    let idle = match handle.take_state() {
        State::Idle(idle) => idle,
        other => {
            handle.set_state(other);
            let text = "something is bound to the handle: call ddi_dma_unbind_handle first";
            return handle.refused(me, text, DDI_DMA_INUSE);
        }
    };
    // SAFETY: nothing is bound; the memory stays, and the driver keeps away from it (the caller's duties).
    let described = unsafe {
        match pieces {
            None => describe(&mut handle.place, &handle.node, addr.expose_provenance(), len),
            Some(pieces) => {
                handle.place.describe_pieces(pieces);
                Ok(())
            }
        }
    };
    if let Err(error) = described {
        handle.set_state(State::Idle(idle));
        return handle.refused(me, error, DDI_DMA_NOMAPPING);
    }
    let Some(direction) = direction(flags) else {
        handle.set_state(State::Idle(idle));
        let text = "the flags say neither DDI_DMA_READ nor DDI_DMA_WRITE: say which way the bytes go";
        return handle.refused(me, text, DDI_DMA_NOMAPPING);
    };
    let waiting = waiting(&handle.node, waitfp, arg, &mut handle.last_callback, me);
    let (windows, bind_flags) = handle.flags(flags);
    let flight = match idle.bind(handle.place.object(), direction, bind_flags, waiting.wait()) {
        Ok(binding) => binding.start(),
        Err(error) => return handle.not_bound(error, me),
    };
    let cookies = flight.current_window().map_or(&[][..], |window| window.cookies());
    // SAFETY: each is NULL or valid (the caller's duty).
    unsafe {
        if let (false, Some(cookie)) = (cookiep.is_null(), cookies.first()) {
            cookiep.write(cookie.into());
        }
        if !ccountp.is_null() {
            ccountp.write(cookies.len() as c_uint);
        }
    }
    let many = windows == Windows::Many && flight.window_count() > 1;
    handle.windows = windows;
    handle.set_state(State::Bound(flight));
    handle.rewind();
    if many { DDI_DMA_PARTIAL_MAP } else { DDI_DMA_MAPPED }
}

impl CHandle {
    /// What the flags of C are here. Each list is a window where windows are allowed.
    #[inline(always)]
    fn flags(&self, flags: u32) -> (Windows, BindFlags) {
        let kept = BindFlags::REDZONE | BindFlags::PARTIAL | BindFlags::CONSISTENT | BindFlags::STREAMING;
        let mut bind_flags = BindFlags::from_bits_truncate(flags & kept.bits());
        if flags & DDI_DMA_CONSISTENT != 0 {
            bind_flags.remove(BindFlags::STREAMING);
        }
        if flags & DDI_DMA_PARTIAL != 0 {
            return (Windows::Many, bind_flags | BindFlags::ONE_LIST);
        }
        if self.node.one_list() {
            bind_flags |= BindFlags::ONE_LIST;
        }
        (Windows::One, bind_flags)
    }

    /// Takes a handle back that did not bind, and gives the code.
    #[cold]
    fn not_bound(&mut self, error: BindError<ObjectRef>, function: &str) -> c_int {
        let kind = error.kind();
        self.set_state(State::Idle(error.into_parts().0));
        // SAFETY: nothing is bound.
        unsafe { self.place.clear() };
        self.refused(function, kind, code(&kind))
    }

    /// Keeps the text of a refusal, and gives its code.
    #[cold]
    fn refused(&self, function: &str, why: impl std::fmt::Display, code: c_int) -> c_int {
        last_error::note(format_args!("{function}: {}: {why}", self.node.name));
        code
    }
}

/// Which way the bytes go.
#[inline(always)]
fn direction(flags: u32) -> Option<Direction> {
    match flags & (DDI_DMA_READ | DDI_DMA_WRITE) {
        DDI_DMA_READ => Some(Direction::FromDevice),
        DDI_DMA_WRITE => Some(Direction::ToDevice),
        0 => None,
        _ => Some(Direction::Both),
    }
}

/// The return code of a refusal.
fn code(kind: &BindErrorKind) -> c_int {
    match kind {
        BindErrorKind::NoResources(_) => DDI_DMA_NORESOURCES,
        BindErrorKind::TooBig(_) => DDI_DMA_TOOBIG,
        BindErrorKind::Object(PlanError::TooSmall { .. }) => DDI_DMA_TOOSMALL,
        BindErrorKind::Flags => DDI_DMA_BADATTR,
        _ => DDI_DMA_NOMAPPING,
    }
}
