//! `list_t`: a ring of links that lie within the objects (`list_create(9F)`).
//!
//! 1. `MEMBERS` names each object that is in a list, with its list. A link is read only where that says that it is one,
//!    or where it is a list's own, so that nothing is read that a list did not write.
//! 2. Each link of a list, its own included, points to the next and the one before: a ring.
//! 3. As in the kernel, a list is used by one thread at a time: its user's lock says which.

mod members;

use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};
use std::ptr;

use crate::misuse::misuse;
use members::MEMBERS;

/// `list_node_t`: two null pointers where the object is in no list.
#[repr(C)]
pub(super) struct Link {
    list_next: *mut Link,
    list_prev: *mut Link,
}

/// `list_t`
#[repr(C)]
pub(super) struct List {
    list_size: usize,
    list_offset: usize,
    /// The ring's begin and end. Its pointers are null where there is no list.
    list_head: Link,
}

const _: () = {
    assert!(size_of::<Link>() == 16 && offset_of!(Link, list_prev) == 8);
    assert!(size_of::<List>() == 32 && offset_of!(List, list_head) == 16);
};

/// A list that was created, for one call of `function`.
#[derive(Clone, Copy)]
struct Ring<'a> {
    list: *mut List,
    function: &'a str,
}

/// Which neighbour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Next,
    Previous,
}

impl<'a> Ring<'a> {
    /// The list that C means; a mistake ends the process in the name of `function`.
    ///
    /// # Safety
    ///
    /// `list` is null or valid for as long as the ring is used.
    unsafe fn of(list: *mut List, function: &'a str) -> Ring<'a> {
        if list.is_null() {
            misuse!(function, "the list is NULL");
        }
        let ring = Ring { list, function };
        // SAFETY: not null, so valid (the caller's duty).
        if unsafe { (*list).list_head.list_next }.is_null() {
            misuse!(function, "there is no list at {list:p}: call list_create before");
        }
        ring
    }

    /// The link that begins and ends the ring.
    fn end(self) -> *mut Link {
        // SAFETY: the list is valid (`of`).
        unsafe { &raw mut (*self.list).list_head }
    }

    fn offset(self) -> usize {
        // SAFETY: the list is valid (`of`).
        unsafe { (*self.list).list_offset }
    }

    /// The link of an object that C gives, which may be in a list or not.
    fn link(self, object: *mut c_void) -> *mut Link {
        if object.is_null() {
            misuse!(self.function, "the object is NULL");
        }
        object.wrapping_byte_add(self.offset()).cast()
    }

    /// The link of an object that must be in this list.
    fn member(self, object: *mut c_void) -> *mut Link {
        let link = self.link(object);
        match MEMBERS.list_of(link.addr()) {
            Some(list) if list == self.list.addr() => link,
            Some(list) => misuse!(
                self.function,
                "object {object:p} is in the list at {list:#x}, not in the one at {:p}",
                self.list
            ),
            None => misuse!(self.function, "object {object:p} is in no list: insert it before"),
        }
    }

    /// The object of a link; null for the ring's end.
    fn object(self, link: *mut Link) -> *mut c_void {
        if link == self.end() { ptr::null_mut() } else { link.wrapping_byte_sub(self.offset()).cast() }
    }

    /// The neighbour of a link of this list.
    fn neighbour(self, link: *mut Link, side: Side) -> *mut Link {
        // SAFETY: the link is this list's end or a member, so that it is valid (rule 1).
        unsafe {
            match side {
                Side::Next => (*link).list_next,
                Side::Previous => (*link).list_prev,
            }
        }
    }

    fn is_empty(self) -> bool {
        self.neighbour(self.end(), Side::Next) == self.end()
    }

    /// Puts an object after a link of this list.
    fn insert(self, previous: *mut Link, object: *mut c_void) {
        let link = self.link(object);
        if let Err(list) = MEMBERS.add(link.addr(), self.list.addr()) {
            misuse!(
                self.function,
                "object {object:p} is in the list at {list:#x} already: remove it there before"
            );
        }
        let next = self.neighbour(previous, Side::Next);
        // SAFETY: `previous` and `next` are of the ring (rule 2); the new link is valid for writing (the caller's
        // duty), and in no list, so that no other is changed.
        unsafe {
            link.write(Link { list_next: next, list_prev: previous });
            (*previous).list_next = link;
            (*next).list_prev = link;
        }
    }

    /// Takes a member out, and gives its object; null for the ring's end.
    fn remove(self, link: *mut Link) -> *mut c_void {
        if link == self.end() {
            return ptr::null_mut();
        }
        MEMBERS.remove(link.addr());
        let (previous, next) = (self.neighbour(link, Side::Previous), self.neighbour(link, Side::Next));
        // SAFETY: all three are of the ring (rule 2).
        unsafe {
            (*previous).list_next = next;
            (*next).list_prev = previous;
            link.write(Link { list_next: ptr::null_mut(), list_prev: ptr::null_mut() });
        }
        self.object(link)
    }
}

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
