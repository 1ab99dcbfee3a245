//! Bufs that this library allocated (`getrbuf`, `bioclone`, `ddi_umem_iosetup`), and what it keeps for each.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::abi::buf::buf;
use crate::misuse::misuse;
use crate::node::{Context, context};

use super::bio;
use super::raw::Bp;

/// `KM_NOSLEEP`: rather nothing than wait.
const KM_NOSLEEP: c_int = 1;

const LAYOUT: Layout = Layout::new::<buf>();

/// Memory that stays locked as long as a buf needs it.
pub(super) type Kept = Arc<dyn Any + Send + Sync>;

static BUFS: Mutex<Bufs> = Mutex::new(Bufs { allocated: BTreeMap::new(), in_physio: BTreeSet::new() });

struct Bufs {
    /// Bufs that were allocated here, each with what it keeps.
    allocated: BTreeMap<Hidden, Option<Kept>>,
    /// Bufs that a `physio` uses.
    in_physio: BTreeSet<Hidden>,
}

/// The address of a buf, turned over, so that a tool which looks for lost memory does not take it for a pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hidden(usize);

impl From<Bp> for Hidden {
    fn from(bp: Bp) -> Self {
        Hidden(!bp.address())
    }
}

fn bufs() -> MutexGuard<'static, Bufs> {
    BUFS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Allocates a buf, as `bioinit` leaves it; `None` where there is no memory and the caller does not wait. A mistake ends
/// the process in the name of `function`.
pub(super) fn allocate(sleepflag: c_int, function: &str) -> Option<Bp> {
    if sleepflag & KM_NOSLEEP == 0 && context() == Context::Interrupt {
        misuse!(
            function,
            "KM_SLEEP in interrupt context: a handler or callback cannot sleep; give KM_NOSLEEP"
        );
    }
    // SAFETY: a buf has bytes.
    let bp = unsafe { alloc(LAYOUT) }.cast::<buf>();
    if bp.is_null() {
        if sleepflag & KM_NOSLEEP != 0 {
            return None;
        }
        handle_alloc_error(LAYOUT);
    }
    // SAFETY: it is memory for a buf, of its alignment; it is one as soon as `clear` has filled it.
    let bp = unsafe { Bp::new(bp, function) };
    bio::clear(bp);
    bufs().allocated.insert(bp.into(), None);
    Some(bp)
}

/// What keeps the memory of a buf, if this library does.
pub(super) fn kept(bp: Bp) -> Option<Kept> {
    bufs().allocated.get(&bp.into()).cloned().flatten()
}

/// Has a buf keep memory, if it was allocated here; another one is its program's affair.
pub(super) fn keep(bp: Bp, memory: Option<Kept>) {
    let before = bufs().allocated.get_mut(&bp.into()).map(|kept| std::mem::replace(kept, memory));
    // Dropped here, without the lock.
    drop(before);
}

/// Allocates a buf; NULL where there is no memory and `sleepflag` is `KM_NOSLEEP` (`getrbuf(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn getrbuf(sleepflag: c_int) -> *mut buf {
    allocate(sleepflag, "getrbuf").map_or(std::ptr::null_mut(), Bp::as_ptr)
}

/// Frees a buf, and unlocks the memory that it keeps (`freerbuf(9F)`).
///
/// # Safety
///
/// Nobody uses the buf any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freerbuf(bp: *mut buf) {
    const ME: &str = "freerbuf";
    // SAFETY: nothing is read through it before it is found to be one of those that are there.
    let bp = unsafe { Bp::new(bp, ME) };
    let address = bp.as_ptr();
    let mut bufs = bufs();
    if bufs.in_physio.contains(&bp.into()) {
        misuse!(ME, "bp {address:p} is in use: physio has not returned yet");
    }
    let Some(kept) = bufs.allocated.remove(&bp.into()) else {
        misuse!(ME, "bp {address:p} was freed already, or getrbuf did not allocate it");
    };
    drop(bufs);
    bio::finish(bp, ME);
    // SAFETY: `allocate` allocated it with this layout, and it was in the table, so it was not freed since.
    unsafe { dealloc(address.cast(), LAYOUT) }
    drop(kept);
}

/// Marks a buf as used by a `physio`, until dropped.
pub(super) struct InPhysio(Hidden);

impl InPhysio {
    pub(super) fn new(bp: Bp) -> InPhysio {
        if !bufs().in_physio.insert(bp.into()) {
            misuse!(
                "physio",
                "bp {:p} is in use: another physio has it; give each its own, or NULL",
                bp.as_ptr()
            );
        }
        InPhysio(bp.into())
    }

    /// Whether a `physio` uses a buf.
    pub(super) fn has(bp: Bp) -> bool {
        bufs().in_physio.contains(&bp.into())
    }
}

impl Drop for InPhysio {
    fn drop(&mut self) {
        bufs().in_physio.remove(&self.0);
    }
}
