//! `disksort(9F)`: a queue of requests in the order in which an arm that moves one way meets them.

use std::mem::offset_of;
use std::ptr::NonNull;

use crate::abi::buf::buf;
use crate::misuse::misuse;

use super::raw::{Bp, get, set};

/// The head of a queue (`struct diskhd`). Its members lie where those of a buf do.
#[repr(C)]
pub(super) struct diskhd {
    b_flags: i32,
    b_forw: *mut buf,
    b_back: *mut buf,
    /// The first request.
    av_forw: *mut buf,
    /// The last one.
    av_back: *mut buf,
    b_dev: i16,
    b_bcount: usize,
}

const _: () = {
    assert!(offset_of!(diskhd, av_forw) == offset_of!(buf, av_forw));
    assert!(offset_of!(diskhd, av_back) == offset_of!(buf, av_back));
    assert!(offset_of!(diskhd, b_bcount) == offset_of!(buf, b_bcount));
};

/// Queues a request by its place, which is in `b_resid` (`disksort(9F)`).
///
/// The first request is under way and stays the first. Behind it come those that lie at its place or further, in order,
/// and then the others, in order: the next way of the arm. Requests for one place stay in the order in which they came.
///
/// # Safety
///
/// `dp` is the head of a queue whose bufs are linked by `av_forw`, and `bp` is a buf that is in no queue. Nobody else
/// uses the queue meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn disksort(dp: *mut diskhd, bp: *mut buf) {
    const ME: &str = "disksort";
    let Some(dp) = NonNull::new(dp).filter(|dp| dp.is_aligned()) else {
        misuse!(ME, "dp {dp:p} is no head of a queue");
    };
    let dp = dp.as_ptr();
    // SAFETY: the caller promises a buf.
    let bp = unsafe { Bp::new(bp, ME) };
    // SAFETY: the caller promises a queue of its own.
    let first = unsafe { (&raw const (*dp).av_forw).read() };
    if first.is_null() {
        set!(bp, av_forw: std::ptr::null_mut());
        // SAFETY: as above.
        unsafe {
            (&raw mut (*dp).av_forw).write(bp.as_ptr());
            (&raw mut (*dp).av_back).write(bp.as_ptr());
        }
        return;
    }
    let place = get!(bp, b_resid);
    // SAFETY: the caller promises that what is queued are bufs.
    let before = unsafe { predecessor(Bp::new(first, ME), place) };
    let behind = get!(before, av_forw);
    set!(bp, av_forw: behind);
    set!(before, av_forw: bp.as_ptr());
    if behind.is_null() {
        // SAFETY: as above.
        unsafe { (&raw mut (*dp).av_back).write(bp.as_ptr()) };
    }
}

/// The request behind which one for `place` comes.
///
/// # Safety
///
/// `first` and those linked behind it are bufs.
unsafe fn predecessor(first: Bp, place: usize) -> Bp {
    let next = |bp: Bp| {
        let next = get!(bp, av_forw);
        // SAFETY: the caller promises that what is linked are bufs.
        (!next.is_null()).then(|| unsafe { Bp::new(next, "disksort") })
    };
    let start = get!(first, b_resid);
    let mut before = first;
    if place < start {
        // Past this way of the arm.
        while let Some(after) = next(before).filter(|after| get!(after, b_resid) >= start) {
            before = after;
        }
        while let Some(after) = next(before).filter(|after| get!(after, b_resid) <= place) {
            before = after;
        }
    } else {
        while let Some(after) = next(before).filter(|after| (start..=place).contains(&get!(after, b_resid))) {
            before = after;
        }
    }
    before
}
