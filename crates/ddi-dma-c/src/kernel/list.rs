//! `list_t`: a ring of links that lie within the objects (`list_create(9F)`).
//!
//! 1. `MEMBERS` names each object that is in a list, with its list. A link is read only where that says that it is one,
//!    or where it is a list's own, so that nothing is read that a list did not write.
//! 2. Each link of a list, its own included, points to the next and the one before: a ring.
//! 3. As in the kernel, a list is used by one thread at a time: its user's lock says which.

mod members;
mod ring;

use std::ffi::{c_int, c_void};
use std::mem::size_of;
use std::ptr;

use crate::misuse::misuse;
use members::MEMBERS;
use ring::{Link, List, Ring, Side};

/// Makes an empty list of objects of `size` bytes, whose link is `offset` bytes from their start.
///
/// # Safety
///
/// `list` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_create(list: *mut List, size: usize, offset: usize) {
    const FUNCTION: &str = "list_create";
    if list.is_null() {
        misuse!(FUNCTION, "the list is NULL");
    }
    if offset.checked_add(size_of::<Link>()).is_none_or(|end| end > size) {
        misuse!(
            FUNCTION,
            "a link at {offset} does not fit in an object of {size} bytes: give sizeof and offsetof"
        );
    }
    // SAFETY: not null, so valid for writing (the caller's duty).
    unsafe {
        let end = &raw mut (*list).list_head;
        list.write(List {
            list_size: size,
            list_offset: offset,
            list_head: Link { list_next: end, list_prev: end },
        });
    }
}

/// Ends a list that is empty.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_destroy(list: *mut List) {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_destroy") };
    if !ring.is_empty() {
        misuse!("list_destroy", "the list at {list:p} is not empty: remove its objects before");
    }
    // SAFETY: the list is valid (`Ring::of`).
    unsafe { ring.end().write(Link { list_next: ptr::null_mut(), list_prev: ptr::null_mut() }) };
}

/// Puts an object after another, or first where that is NULL.
///
/// # Safety
///
/// `list` is null or valid; `newobj` is an object of its size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_insert_after(list: *mut List, object: *mut c_void, newobj: *mut c_void) {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_insert_after") };
    let previous = if object.is_null() { ring.end() } else { ring.member(object) };
    ring.insert(previous, newobj);
}

/// Puts an object before another, or last where that is NULL.
///
/// # Safety
///
/// As for `list_insert_after`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_insert_before(list: *mut List, object: *mut c_void, newobj: *mut c_void) {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_insert_before") };
    let next = if object.is_null() { ring.end() } else { ring.member(object) };
    ring.insert(ring.neighbour(next, Side::Previous), newobj);
}

/// Puts an object first.
///
/// # Safety
///
/// `list` is null or valid; `object` is one of its size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_insert_head(list: *mut List, object: *mut c_void) {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_insert_head") };
    ring.insert(ring.end(), object);
}

/// Puts an object last.
///
/// # Safety
///
/// As for `list_insert_head`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_insert_tail(list: *mut List, object: *mut c_void) {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_insert_tail") };
    ring.insert(ring.neighbour(ring.end(), Side::Previous), object);
}

/// Takes an object out.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_remove(list: *mut List, object: *mut c_void) {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_remove") };
    ring.remove(ring.member(object));
}

/// Takes the first object out; NULL where there is none.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_remove_head(list: *mut List) -> *mut c_void {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_remove_head") };
    ring.remove(ring.neighbour(ring.end(), Side::Next))
}

/// Takes the last object out; NULL where there is none.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_remove_tail(list: *mut List) -> *mut c_void {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_remove_tail") };
    ring.remove(ring.neighbour(ring.end(), Side::Previous))
}

/// Gives the first object; NULL where there is none.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_head(list: *mut List) -> *mut c_void {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_head") };
    ring.object(ring.neighbour(ring.end(), Side::Next))
}

/// Gives the last object; NULL where there is none.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_tail(list: *mut List) -> *mut c_void {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_tail") };
    ring.object(ring.neighbour(ring.end(), Side::Previous))
}

/// Gives the object after another; NULL after the last.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_next(list: *mut List, object: *mut c_void) -> *mut c_void {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_next") };
    ring.object(ring.neighbour(ring.member(object), Side::Next))
}

/// Gives the object before another; NULL before the first.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_prev(list: *mut List, object: *mut c_void) -> *mut c_void {
    // SAFETY: the caller's duty.
    let ring = unsafe { Ring::of(list, "list_prev") };
    ring.object(ring.neighbour(ring.member(object), Side::Previous))
}

/// Tells, by other than 0, that a list has no objects.
///
/// # Safety
///
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_is_empty(list: *mut List) -> c_int {
    // SAFETY: the caller's duty.
    c_int::from(unsafe { Ring::of(list, "list_is_empty") }.is_empty())
}

/// Puts all objects of a list, in their order, behind those of another of the same size and offset.
///
/// # Safety
///
/// `dst` and `src` are null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_move_tail(dst: *mut List, src: *mut List) {
    const FUNCTION: &str = "list_move_tail";
    // SAFETY: the caller's duty.
    let (to, from) = unsafe { (Ring::of(dst, FUNCTION), Ring::of(src, FUNCTION)) };
    // SAFETY: both are valid (`Ring::of`).
    let sizes = unsafe { [((*dst).list_size, to.offset()), ((*src).list_size, from.offset())] };
    if sizes[0] != sizes[1] {
        misuse!(FUNCTION, "size and offset are {:?} in one list and {:?} in the other", sizes[0], sizes[1]);
    }
    if dst == src {
        misuse!(FUNCTION, "the list at {dst:p} cannot be moved behind itself");
    }
    while !from.is_empty() {
        let object = from.remove(from.neighbour(from.end(), Side::Next));
        to.insert(to.neighbour(to.end(), Side::Previous), object);
    }
}

/// Makes a link that is in no list.
///
/// # Safety
///
/// `node` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_link_init(node: *mut Link) {
    if node.is_null() {
        misuse!("list_link_init", "the node is NULL");
    }
    // SAFETY: not null, so valid for writing (the caller's duty).
    unsafe { node.write(Link { list_next: ptr::null_mut(), list_prev: ptr::null_mut() }) };
}

/// Tells, by other than 0, that a link is in a list.
#[unsafe(no_mangle)]
pub extern "C" fn list_link_active(node: *mut Link) -> c_int {
    c_int::from(MEMBERS.list_of(node.addr()).is_some())
}

/// Puts a link that is in no list in the place of one that is.
///
/// # Safety
///
/// `lnew` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_link_replace(lold: *mut Link, lnew: *mut Link) {
    const FUNCTION: &str = "list_link_replace";
    let Some(list) = MEMBERS.list_of(lold.addr()) else {
        misuse!(FUNCTION, "node {lold:p} is in no list: insert it before");
    };
    if lnew.is_null() {
        misuse!(FUNCTION, "the new node is NULL");
    }
    if let Err(list) = MEMBERS.add(lnew.addr(), list) {
        misuse!(FUNCTION, "node {lnew:p} is in the list at {list:#x} already: remove it there before");
    }
    MEMBERS.remove(lold.addr());
    // SAFETY: the old link is in a list, so that it and its neighbours are valid (rules 1 and 2); the new one is valid
    // for writing (the caller's duty) and in no list.
    unsafe {
        let link = lold.read();
        (*link.list_next).list_prev = lnew;
        (*link.list_prev).list_next = lnew;
        lnew.write(link);
        lold.write(Link { list_next: ptr::null_mut(), list_prev: ptr::null_mut() });
    }
}
