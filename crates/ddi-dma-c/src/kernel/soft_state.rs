//! Soft state: a structure for each instance of a driver (`ddi_soft_state(9F)`).

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr;

use rustix::io::Errno;

use super::kmem::{Block, Contents};
use super::message::{self, Level};
use crate::codes::{DDI_FAILURE, DDI_SUCCESS};
use crate::misuse::misuse;
use crate::table::{BadHandle, Table};

/// All soft states.
static STATES: Table<SoftState, 12> = Table::new();

/// The structures of a driver.
struct SoftState {
    size: usize,
    items: BTreeMap<c_int, Block>,
}

/// Makes a soft state for structures of some size: 0, or `EINVAL` where the size is 0 or `state_p` NULL. However many
/// there may be, memory is taken for each when it is allocated.
///
/// # Safety
///
/// `state_p` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_soft_state_init(
    state_p: *mut *mut c_void,
    size: usize,
    _n_items: usize,
) -> c_int {
    if state_p.is_null() || size == 0 {
        return Errno::INVAL.raw_os_error();
    }
    let Some(state) = STATES.insert(SoftState { size, items: BTreeMap::new() }) else {
        misuse!("ddi_soft_state_init", "there are a million soft states: end some by ddi_soft_state_fini");
    };
    // SAFETY: not null, so valid (the caller's duty).
    unsafe { state_p.write(state.pointer()) };
    0
}

/// Allocates the structure of an instance, all zeroes. `DDI_FAILURE` where it is there already, where there is no
/// memory, and for what is no soft state or instance.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_soft_state_zalloc(state: *mut c_void, item: c_int) -> c_int {
    let mut state = match STATES.get(state.addr() as u64) {
        Ok(state) => state,
        Err(bad) => {
            message::tell(Level::Warning, format_args!("ddi_soft_state_zalloc: bad handle: {bad}"));
            return DDI_FAILURE;
        }
    };
    if item < 0 || state.items.contains_key(&item) {
        return DDI_FAILURE;
    }
    let Some(block) = Block::new(state.size, Contents::Zeroes) else { return DDI_FAILURE };
    state.items.insert(item, block);
    DDI_SUCCESS
}

/// Gives the structure of an instance; NULL where it has none.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_get_soft_state(state: *mut c_void, item: c_int) -> *mut c_void {
    match STATES.get(state.addr() as u64) {
        Ok(state) => state.items.get(&item).map_or(ptr::null_mut(), Block::start),
        Err(bad) => misuse!("ddi_get_soft_state", "state {state:p}: {bad}: call ddi_soft_state_init before"),
    }
}

/// Frees the structure of an instance.
///
/// # Safety
///
/// Nobody uses the structure any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_soft_state_free(state: *mut c_void, item: c_int) {
    const FUNCTION: &str = "ddi_soft_state_free";
    let freed = match STATES.get(state.addr() as u64) {
        Ok(mut state) => state.items.remove(&item),
        Err(bad) => return warn_of(FUNCTION, bad),
    };
    if freed.is_none() {
        message::tell(Level::Warning, format_args!("{FUNCTION}: item {item} is not allocated"));
    }
}

/// Frees all structures, ends the soft state, and makes `*state_p` NULL.
///
/// # Safety
///
/// `state_p` is null or valid; nobody uses the structures any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_soft_state_fini(state_p: *mut *mut c_void) {
    const FUNCTION: &str = "ddi_soft_state_fini";
    if state_p.is_null() {
        return warn_of(FUNCTION, BadHandle::Null);
    }
    // SAFETY: not null, so valid (the caller's duty).
    let state = unsafe { state_p.read() };
    match STATES.remove(state.addr() as u64) {
        // SAFETY: as above.
        Ok(_) => unsafe { state_p.write(ptr::null_mut()) },
        Err(bad) => warn_of(FUNCTION, bad),
    }
}

/// Says what the manual page says of a handle that is none.
fn warn_of(function: &str, bad: BadHandle) {
    match bad {
        BadHandle::Null => message::tell(Level::Warning, format_args!("{function}: null handle")),
        bad => message::tell(Level::Warning, format_args!("{function}: bad handle: {bad}")),
    }
}
