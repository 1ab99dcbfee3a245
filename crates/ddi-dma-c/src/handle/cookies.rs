//! The cookies of the current window: `ddi_dma_nextcookie` and its successors.

use std::ffi::c_uint;
use std::ptr;

use ddi_dma::Cookie;

use super::{CHandle, DmaHandleRef, of};
use crate::abi::ddi_dma_cookie_t;
use crate::misuse::misuse;

/// Gives C the first of the current window's cookies, and how many there are.
///
/// # Safety
///
/// `cookiep` and `ccountp` are each NULL or valid for writing.
#[inline(always)]
pub(super) unsafe fn give_first(cookies: &[Cookie], cookiep: *mut ddi_dma_cookie_t, ccountp: *mut c_uint) {
    // SAFETY: each is NULL or valid (the caller's duty).
    unsafe {
        if let (false, Some(cookie)) = (cookiep.is_null(), cookies.first()) {
            cookiep.write(cookie.into());
        }
        if !ccountp.is_null() {
            ccountp.write(cookies.len() as c_uint);
        }
    }
}

/// Gives the next cookie of the current window (`ddi_dma_nextcookie(9F)`).
///
/// # Safety
///
/// `cookiep` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dma_nextcookie(handle: *mut DmaHandleRef, cookiep: *mut ddi_dma_cookie_t) {
    const ME: &str = "ddi_dma_nextcookie";
    let mut guard = of(handle, ME);
    let next = guard.next_cookie;
    let cookies = match guard.bound().and_then(|flight| flight.current_window()) {
        Some(window) => window.cookies(),
        None => misuse!(
            ME,
            "DMA handle {handle:p}: nothing is bound, or the window was lost: there are no cookies"
        ),
    };
    let Some(cookie) = cookies.get(next) else {
        let count = cookies.len();
        misuse!(
            ME,
            "DMA handle {handle:p}: the window has {count} cookies, and all were given: call it {count} - 1 times"
        );
    };
    if cookiep.is_null() {
        misuse!(ME, "cookiep is NULL: there is nowhere to put the cookie");
    }
    // SAFETY: not null, so valid (the caller's duty).
    unsafe { cookiep.write(cookie.into()) };
    guard.next_cookie = next + 1;
}

/// How many cookies the current window has (`ddi_dma_ncookies(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_ncookies(handle: *mut DmaHandleRef) -> c_uint {
    of(handle, "ddi_dma_ncookies").all_cookies(handle, "ddi_dma_ncookies").len() as c_uint
}

/// The cookie behind another one, the first behind NULL, NULL behind the last (`ddi_dma_cookie_iter(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_cookie_iter(
    handle: *mut DmaHandleRef,
    cookiep: *const ddi_dma_cookie_t,
) -> *const ddi_dma_cookie_t {
    const ME: &str = "ddi_dma_cookie_iter";
    let mut guard = of(handle, ME);
    let cookies = guard.all_cookies(handle, ME);
    if cookiep.is_null() {
        return cookies.first().map_or(ptr::null(), ptr::from_ref);
    }
    match cookies.iter().position(|cookie| ptr::eq(cookie, cookiep)) {
        Some(index) => cookies.get(index + 1).map_or(ptr::null(), ptr::from_ref),
        None => misuse!(
            ME,
            "cookie {cookiep:p} is none of the current window: give NULL, or what this function returned since the last ddi_dma_getwin"
        ),
    }
}

/// A cookie of the current window by its number, NULL where there is none such (`ddi_dma_cookie_get(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_cookie_get(handle: *mut DmaHandleRef, index: c_uint) -> *const ddi_dma_cookie_t {
    let mut guard = of(handle, "ddi_dma_cookie_get");
    let cookies = guard.all_cookies(handle, "ddi_dma_cookie_get");
    cookies.get(index as usize).map_or(ptr::null(), ptr::from_ref)
}

/// The only cookie of the current window (`ddi_dma_cookie_one(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_cookie_one(handle: *mut DmaHandleRef) -> *const ddi_dma_cookie_t {
    const ME: &str = "ddi_dma_cookie_one";
    let mut guard = of(handle, ME);
    match guard.all_cookies(handle, ME) {
        [cookie] => cookie,
        cookies => misuse!(
            ME,
            "DMA handle {handle:p}: the window has {} cookies: state dma_attr_sgllen 1, or use ddi_dma_cookie_iter",
            cookies.len()
        ),
    }
}

impl CHandle {
    /// The cookies of the current window as C has them: they stay in their place until the window or the binding goes.
    fn all_cookies(&mut self, handle: *mut DmaHandleRef, function: &str) -> &[ddi_dma_cookie_t] {
        let mut kept = std::mem::take(&mut self.cookies);
        match self.bound().and_then(|flight| flight.current_window()) {
            None => misuse!(
                function,
                "DMA handle {handle:p}: nothing is bound, or the window was lost: there are no cookies"
            ),
            Some(window) if kept.is_empty() => {
                kept.extend(window.cookies().iter().map(ddi_dma_cookie_t::from))
            }
            Some(_) => {}
        }
        self.cookies = kept;
        &self.cookies
    }
}
