//! `kmem_alloc` and its family: memory of the kernel (`kmem_alloc(9F)`).
//!
//! Each piece is an allocation of the C library's own, so that tools which look for leaks see it. A table knows address
//! and size of each; it holds the addresses inverted, since such tools take what looks like an address for a reference.

use std::alloc::{self, Layout};
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::misuse::misuse;
use crate::node::{Context, context};

/// `KM_NOSLEEP`: NULL where there is no memory.
const KM_NOSLEEP: c_int = 1;
/// All flags that 9F and the kernel have: `KM_NOSLEEP`, `KM_PANIC`, `KM_PUSHPAGE`, `KM_NORMALPRI`.
const KM_FLAGS: c_int = 0xF;

/// Any C object may lie at such an address.
const ALIGN: usize = 16;
const PAGE: usize = 4096;

/// What new memory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    Any,
    Zeroes,
}

/// A piece of memory, freed when dropped.
#[derive(Debug)]
pub(super) struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is memory alone; whose accesses to it may meet is up to its users, who reach it by address.
unsafe impl Send for Block {}

impl Block {
    /// Allocates; `None` where there is no memory.
    ///
    /// `size` is not 0.
    pub(super) fn new(size: usize, contents: Contents) -> Option<Block> {
        // As in a kernel, whole pages begin on a page.
        let align = if size.is_multiple_of(PAGE) { PAGE } else { ALIGN };
        let layout = Layout::from_size_align(size, align).ok().filter(|layout| layout.size() > 0)?;
        // SAFETY: the layout's size is not 0.
        let start = unsafe {
            match contents {
                Contents::Any => alloc::alloc(layout),
                Contents::Zeroes => alloc::alloc_zeroed(layout),
            }
        };
        NonNull::new(start).map(|start| Block { start, layout })
    }

    pub(super) fn start(&self) -> *mut c_void {
        self.start.as_ptr().cast()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`, and freed nowhere else.
        unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Sizes by inverted address. (A hash table would itself look lost to the tools: it is held by its middle.)
static PIECES: Mutex<BTreeMap<usize, Layout>> = Mutex::new(BTreeMap::new());

fn pieces() -> MutexGuard<'static, BTreeMap<usize, Layout>> {
    PIECES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Allocates memory that `kmem_free` takes back. NULL where there is none, and where 0 bytes are asked for.
pub(super) fn allocate(size: usize, contents: Contents) -> *mut c_void {
    if size == 0 {
        return ptr::null_mut();
    }
    let Some(block) = Block::new(size, contents) else { return ptr::null_mut() };
    let (start, layout) = (block.start(), block.layout);
    pieces().insert(!start.addr(), layout);
    // The table has it now: `kmem_free` makes the block again.
    std::mem::forget(block);
    start
}

fn allocate_for(size: usize, contents: Contents, flag: c_int, function: &str) -> *mut c_void {
    if flag & !KM_FLAGS != 0 {
        misuse!(function, "flag {flag:#x} is unknown: give KM_SLEEP (0) or KM_NOSLEEP (1)");
    }
    let may_fail = flag & KM_NOSLEEP != 0;
    if !may_fail && context() == Context::Interrupt {
        misuse!(
            function,
            "KM_SLEEP in interrupt context: a handler or callback cannot sleep; give KM_NOSLEEP"
        );
    }
    let memory = allocate(size, contents);
    if memory.is_null() && size > 0 && !may_fail {
        misuse!(
            function,
            "there are no {size} bytes, and with KM_SLEEP there is no way to say so: give KM_NOSLEEP"
        );
    }
    memory
}

/// Allocates memory whose contents are not defined. 0 bytes are NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kmem_alloc(size: usize, flag: c_int) -> *mut c_void {
    allocate_for(size, Contents::Any, flag, "kmem_alloc")
}

/// Allocates memory of zeroes. 0 bytes are NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kmem_zalloc(size: usize, flag: c_int) -> *mut c_void {
    allocate_for(size, Contents::Zeroes, flag, "kmem_zalloc")
}

/// Frees memory; its size is the one that was asked for.
///
/// # Safety
///
/// Nobody uses the memory any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kmem_free(buf: *mut c_void, size: usize) {
    const FUNCTION: &str = "kmem_free";
    let Some(start) = NonNull::new(buf.cast::<u8>()) else {
        if size > 0 {
            misuse!(FUNCTION, "NULL with a size of {size}: only 0 bytes are NULL");
        }
        return;
    };
    let known = pieces().remove(&!buf.addr());
    match known {
        // It was allocated by `allocate`, and has left the table, so that it is freed once.
        Some(layout) if layout.size() == size => drop(Block { start, layout }),
        Some(layout) => {
            misuse!(FUNCTION, "{buf:p} was allocated with {} bytes and is freed with {size}", layout.size())
        }
        None => misuse!(
            FUNCTION,
            "{buf:p} with {size} bytes is not from kmem_alloc, or was freed: give the address that kmem_alloc gave"
        ),
    }
}
