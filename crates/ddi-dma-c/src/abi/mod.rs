//! The structures that C and this library share, and their layouts on 64-bit x86.

mod access;
mod attr;
pub(crate) mod buf;
mod cookie;
mod dmae;
pub(crate) mod uio;

pub(crate) use access::ddi_device_acc_attr_t;
pub(crate) use attr::ddi_dma_attr_t;
pub(crate) use cookie::ddi_dma_cookie_t;
pub(crate) use dmae::ddi_dmae_req;
