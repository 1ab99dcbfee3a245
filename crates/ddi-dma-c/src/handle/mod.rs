//! `ddi_dma_handle_t`: what C has of a handle of the framework, bound or not.

mod alloc;
mod bind;
mod check;
mod cookies;
mod memory;
mod sync;
mod windows;

use std::mem;
use std::sync::Arc;

use ddi_dma::{BurstSizes, DmaAttr, DmaHandle, InFlight};

use crate::abi::ddi_dma_cookie_t;
use crate::memory::{ObjectRef, Place, Region};
use crate::misuse::misuse;
use crate::node::Node;
use crate::sunos41;
use crate::table::{BadHandle, Guard, Table};
use crate::waitfp::LastCallback;
pub(crate) use check::check;

/// What `ddi_dma_handle_t` points to in C: nothing. Its value is a handle of the table.
pub(crate) enum DmaHandleRef {}

/// All DMA handles.
static HANDLES: Table<CHandle, 2> = Table::new();

/// What stands behind a DMA handle.
struct CHandle {
    state: State,
    /// Number of the next cookie of the current window that `ddi_dma_nextcookie` gives.
    next_cookie: usize,
    /// The flags of the last bind.
    flags: u32,
    /// The cookies of the current window as C has them, once somebody asked for their addresses.
    cookies: Vec<ddi_dma_cookie_t>,
    /// What is bound, or was.
    place: Place,
    last_callback: LastCallback,
    /// Those of engine and bus.
    burst_sizes: BurstSizes,
    /// As the driver stated them.
    attr: DmaAttr,
    node: Arc<Node>,
}

/// Where the framework's handle is.
enum State {
    Idle(DmaHandle<ObjectRef>),
    /// Something is bound. C knows no states: it is the device's until it is unbound.
    Bound(InFlight<ObjectRef>),
    /// Only within a function.
    Moving,
}

impl CHandle {
    /// The bound object.
    #[inline]
    fn bound(&mut self) -> Option<&mut InFlight<ObjectRef>> {
        match &mut self.state {
            State::Bound(flight) => Some(flight),
            State::Idle(_) | State::Moving => None,
        }
    }

    #[inline(always)]
    fn take_state(&mut self) -> State {
        mem::replace(&mut self.state, State::Moving)
    }

    /// Puts a state where [`take_state`](Self::take_state) took one.
    #[inline(always)]
    fn set_state(&mut self, state: State) {
        // There is none to drop: it was taken.
        mem::forget(mem::replace(&mut self.state, state));
    }

    /// Starts over with the cookies of a window.
    #[inline]
    fn rewind(&mut self) {
        self.next_cookie = 1;
        self.cookies.clear();
    }
}

/// The handle that C means; a mistake ends the process in the name of `function`.
#[inline(always)]
fn of(handle: *mut DmaHandleRef, function: &str) -> Guard<CHandle> {
    match HANDLES.get(handle.addr() as u64) {
        Ok(guard) => guard,
        Err(bad) => refuse(handle, bad, function),
    }
}

#[cold]
fn refuse(handle: *mut DmaHandleRef, bad: BadHandle, function: &str) -> ! {
    misuse!(function, "DMA handle {handle:p}: {bad}: give one of ddi_dma_alloc_handle that was not freed")
}

/// Whether something of a region is bound. No handle remembers the region afterwards.
pub(crate) fn forget(region: &Arc<Region>) -> InUse {
    let mut used = sunos41::use_of(region);
    HANDLES.for_each(|handle| {
        if handle.place.is_of(region) {
            match handle.state {
                State::Bound(_) => used = InUse::Yes,
                // SAFETY: nothing is bound.
                State::Idle(_) | State::Moving => unsafe { handle.place.forget() },
            }
        }
    });
    used
}

/// Whether memory is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InUse {
    No,
    Yes,
}
