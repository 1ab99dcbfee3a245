//! `ddi_dmae_alloc` and its family: the system's DMA engine.

mod engine;
mod request;

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use ddi_dma::{Channel, Cookie, DmaAttr};

use crate::abi::{ddi_dma_attr_t, ddi_dma_cookie_t, ddi_dmae_req};
use crate::codes::{DDI_DMA_NORESOURCES, DDI_FAILURE, DDI_SUCCESS};
use crate::last_error;
use crate::misuse::misuse;
use crate::node::{self, DevInfo, Node};
use crate::waitfp::{LastCallback, waiting};
pub(crate) use engine::Engine;
use engine::NoChannel;

/// Allocates a channel for the device (`ddi_dmae_alloc(9F)`).
///
/// # Safety
///
/// `dmae_waitfp` is `DDI_DMA_DONTWAIT`, `DDI_DMA_SLEEP` or a function that may be called with `arg`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dmae_alloc(
    dip: *mut DevInfo,
    chnl: c_int,
    dmae_waitfp: *const c_void,
    arg: *mut c_char,
) -> c_int {
    const ME: &str = "ddi_dmae_alloc";
    let node = node::of(dip, ME);
    let mut callback = LastCallback::default();
    let wait = waiting(&node, dmae_waitfp, arg, &mut callback, || (), ME);
    let Some(engine) = node.hardware.engine() else { return refuse(&node, ME, NO_ENGINE) };
    match engine.alloc(chnl, wait) {
        Ok(()) => DDI_SUCCESS,
        Err(error) => {
            refuse(&node, ME, &error);
            match error {
                NoChannel::Taken(_) => DDI_DMA_NORESOURCES,
                NoChannel::Invalid(_) => DDI_FAILURE,
            }
        }
    }
}

/// Stops the engine on a channel and gives it to whoever waits for it (`ddi_dmae_release(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dmae_release(dip: *mut DevInfo, chnl: c_int) -> c_int {
    on_engine(dip, "ddi_dmae_release", |engine| engine.release(chnl))
}

/// Programs a channel of the device (`ddi_dmae_prog(9F)`). Without a request the engine goes on as it was told, at
/// another address.
///
/// # Safety
///
/// `dmaereqp` and `cookiep` are NULL or valid for reading. The cookie is one of an object that stays bound, the way that
/// the request says, until the channel is stopped, programmed anew or released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dmae_prog(
    dip: *mut DevInfo,
    dmaereqp: *mut ddi_dmae_req,
    cookiep: *mut ddi_dma_cookie_t,
    chnl: c_int,
) -> c_int {
    // SAFETY: NULL or valid for reading (the caller's duty).
    let (request, cookie) = unsafe { (dmaereqp.as_ref(), cookiep.as_ref()) };
    on_running_engine(dip, "ddi_dmae_prog", |engine| {
        let cookie =
            cookie.map(|cookie| Cookie { address: cookie.dmac_laddress, size: cookie.dmac_size as u64 });
        match request {
            // SAFETY: the caller's duty is the same.
            Some(request) => unsafe { engine.program(chnl, &request::request(request)?, cookie) },
            // SAFETY: as above.
            None => unsafe { engine.program_next(chnl, cookie) },
        }
    })
}

/// Masks a channel of the device (`ddi_dmae_disable(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dmae_disable(dip: *mut DevInfo, chnl: c_int) -> c_int {
    on_engine(dip, "ddi_dmae_disable", |engine| engine.tell(chnl, Channel::disable))
}

/// Unmasks a channel of the device (`ddi_dmae_enable(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dmae_enable(dip: *mut DevInfo, chnl: c_int) -> c_int {
    on_running_engine(dip, "ddi_dmae_enable", |engine| engine.on(chnl, |channel| channel.enable()))
}

/// Stops the engine on a channel of the device (`ddi_dmae_stop(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dmae_stop(dip: *mut DevInfo, chnl: c_int) -> c_int {
    on_engine(dip, "ddi_dmae_stop", |engine| engine.tell(chnl, Channel::stop))
}

/// Tells how many bytes the engine has not moved (`ddi_dmae_getcnt(9F)`).
///
/// # Safety
///
/// `countp` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dmae_getcnt(dip: *mut DevInfo, chnl: c_int, countp: *mut c_int) -> c_int {
    const ME: &str = "ddi_dmae_getcnt";
    if countp.is_null() {
        misuse!(ME, "countp is NULL: it says where the count goes");
    }
    on_engine(dip, ME, |engine| {
        let remaining = engine.on(chnl, |channel| channel.remaining())?;
        // SAFETY: not null, so valid for writing (the caller's duty).
        unsafe { countp.write(c_int::try_from(remaining).unwrap_or(c_int::MAX)) };
        Ok(())
    })
}

/// Lets the device drive the bus through a channel (`ddi_dmae_1stparty(9F)`).
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dmae_1stparty(dip: *mut DevInfo, chnl: c_int) -> c_int {
    on_running_engine(dip, "ddi_dmae_1stparty", |engine| engine.tell(chnl, Channel::first_party))
}

/// Gives the attributes of the engine (`ddi_dmae_getattr(9F)`): those of the channels that the device has, or of a
/// channel for bytes where it has none yet.
///
/// # Safety
///
/// `attrp` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ddi_dmae_getattr(dip: *mut DevInfo, attrp: *mut ddi_dma_attr_t) -> c_int {
    const ME: &str = "ddi_dmae_getattr";
    if attrp.is_null() {
        misuse!(ME, "attrp is NULL: it says where the attributes go");
    }
    on_engine(dip, ME, |engine| {
        let attr: DmaAttr = engine.attributes()?;
        // SAFETY: not null, so valid for writing (the caller's duty).
        unsafe { attrp.write(ddi_dma_attr_t::from(&attr)) };
        Ok(())
    })
}

/// Why a device has nothing to do with the engine.
const NO_ENGINE: &str = "the device is not on an ISA bus, where the system's DMA engine is";

/// Does something with the engine; a refusal is noted.
fn on_engine(dip: *mut DevInfo, function: &str, work: impl FnOnce(&Engine) -> Result<(), String>) -> c_int {
    let node = node::of(dip, function);
    match node.hardware.engine().ok_or_else(|| NO_ENGINE.to_owned()).and_then(work) {
        Ok(()) => DDI_SUCCESS,
        Err(text) => refuse(&node, function, text),
    }
}

/// Does something that may let the device go on which waits for a channel.
fn on_running_engine(
    dip: *mut DevInfo,
    function: &str,
    work: impl FnOnce(&Engine) -> Result<(), String>,
) -> c_int {
    let done = on_engine(dip, function, work);
    node::of(dip, function).hardware.touch();
    done
}

#[cold]
fn refuse(node: &Arc<Node>, function: &str, text: impl std::fmt::Display) -> c_int {
    last_error::note(format_args!("{function}: {}: {text}", node.name));
    DDI_FAILURE
}
