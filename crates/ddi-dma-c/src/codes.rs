//! Return codes and flags of the DDI.

use std::ffi::c_int;

pub(crate) const DDI_SUCCESS: c_int = 0;
pub(crate) const DDI_FAILURE: c_int = -1;

pub(crate) const DDI_DMA_MAPPED: c_int = 0;
pub(crate) const DDI_DMA_PARTIAL_MAP: c_int = 1;
pub(crate) const DDI_DMA_NORESOURCES: c_int = -1;
pub(crate) const DDI_DMA_NOMAPPING: c_int = -2;
pub(crate) const DDI_DMA_TOOBIG: c_int = -3;
pub(crate) const DDI_DMA_TOOSMALL: c_int = -4;
pub(crate) const DDI_DMA_BADATTR: c_int = -8;
pub(crate) const DDI_DMA_INUSE: c_int = -9;

pub(crate) const DDI_DMA_WRITE: u32 = 0x1;
pub(crate) const DDI_DMA_READ: u32 = 0x2;
pub(crate) const DDI_DMA_PARTIAL: u32 = 0x8;
pub(crate) const DDI_DMA_CONSISTENT: u32 = 0x10;
