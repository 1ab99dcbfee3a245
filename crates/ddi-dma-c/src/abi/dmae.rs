//! `struct ddi_dmae_req`: a request to the system's DMA engine (`ddi_dmae_req(9S)`).

use std::ffi::c_void;
use std::mem::{offset_of, size_of};

use super::ddi_dma_cookie_t;

/// A request as C has it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ddi_dmae_req {
    pub(crate) der_rdip: *mut c_void,
    pub(crate) der_command: u8,
    pub(crate) der_bufprocess: u8,
    pub(crate) der_step: u8,
    pub(crate) der_trans: u8,
    pub(crate) der_path: u8,
    pub(crate) der_cycles: u8,
    pub(crate) der_dest: u8,
    pub(crate) der_arbus: u8,
    pub(crate) der_ioadr: u16,
    /// Called for the next cookie of a chain.
    pub(crate) der_proc: Option<unsafe extern "C" fn() -> *mut ddi_dma_cookie_t>,
    pub(crate) der_procparms: *mut c_void,
}

const _: () = {
    assert!(size_of::<ddi_dmae_req>() == 40);
    assert!(offset_of!(ddi_dmae_req, der_command) == 8);
    assert!(offset_of!(ddi_dmae_req, der_bufprocess) == 9);
    assert!(offset_of!(ddi_dmae_req, der_step) == 10);
    assert!(offset_of!(ddi_dmae_req, der_trans) == 11);
    assert!(offset_of!(ddi_dmae_req, der_path) == 12);
    assert!(offset_of!(ddi_dmae_req, der_cycles) == 13);
    assert!(offset_of!(ddi_dmae_req, der_dest) == 14);
    assert!(offset_of!(ddi_dmae_req, der_arbus) == 15);
    assert!(offset_of!(ddi_dmae_req, der_ioadr) == 16);
    assert!(offset_of!(ddi_dmae_req, der_proc) == 24);
    assert!(offset_of!(ddi_dmae_req, der_procparms) == 32);
};
