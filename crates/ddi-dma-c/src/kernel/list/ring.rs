//! The ring of links that a list is; its rules are at the head of the file of its functions.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::ptr;

use super::members::MEMBERS;
use crate::misuse::misuse;

/// `list_node_t`: two null pointers where the object is in no list.
#[repr(C)]
pub(in super::super) struct Link {
    pub(super) list_next: *mut Link,
    pub(super) list_prev: *mut Link,
}

/// `list_t`
#[repr(C)]
pub(in super::super) struct List {
    pub(super) list_size: usize,
    pub(super) list_offset: usize,
    /// The ring's begin and end. Its pointers are null where there is no list.
    pub(super) list_head: Link,
}

const _: () = {
    assert!(size_of::<Link>() == 16 && offset_of!(Link, list_prev) == 8);
    assert!(size_of::<List>() == 32 && offset_of!(List, list_head) == 16);
};

/// A list that was created, for one call of `function`.
#[derive(Clone, Copy)]
pub(super) struct Ring<'a> {
    list: *mut List,
    function: &'a str,
}

/// Which neighbour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Next,
    Previous,
}

impl<'a> Ring<'a> {
    /// The list that C means; a mistake ends the process in the name of `function`.
    ///
    /// # Safety
    ///
    /// `list` is null or valid for as long as the ring is used.
    pub(super) unsafe fn of(list: *mut List, function: &'a str) -> Ring<'a> {
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
    pub(super) fn end(self) -> *mut Link {
        // SAFETY: the list is valid (`of`).
        unsafe { &raw mut (*self.list).list_head }
    }

    pub(super) fn offset(self) -> usize {
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
    pub(super) fn member(self, object: *mut c_void) -> *mut Link {
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
    pub(super) fn object(self, link: *mut Link) -> *mut c_void {
        if link == self.end() { ptr::null_mut() } else { link.wrapping_byte_sub(self.offset()).cast() }
    }

    /// The neighbour of a link of this list.
    pub(super) fn neighbour(self, link: *mut Link, side: Side) -> *mut Link {
        // SAFETY: the link is this list's end or a member, so that it is valid (rule 1).
        unsafe {
            match side {
                Side::Next => (*link).list_next,
                Side::Previous => (*link).list_prev,
            }
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.neighbour(self.end(), Side::Next) == self.end()
    }

    /// Puts an object after a link of this list.
    pub(super) fn insert(self, previous: *mut Link, object: *mut c_void) {
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
    pub(super) fn remove(self, link: *mut Link) -> *mut c_void {
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
