//! `ddi_dma_cookie_t`: one address and size that the engine takes (`ddi_dma_cookie(9S)`).

use std::mem::{offset_of, size_of};

use ddi_dma::Cookie;

/// A cookie as C has it: `dmac_laddress` is its address, `dmac_address` the lower half of that.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ddi_dma_cookie_t {
    pub(crate) dmac_laddress: u64,
    pub(crate) dmac_size: usize,
    /// No bus here has bits of its own: 0.
    pub(crate) dmac_type: u32,
}

const _: () = {
    assert!(size_of::<ddi_dma_cookie_t>() == 24);
    assert!(offset_of!(ddi_dma_cookie_t, dmac_laddress) == 0);
    assert!(offset_of!(ddi_dma_cookie_t, dmac_size) == 8);
    assert!(offset_of!(ddi_dma_cookie_t, dmac_type) == 16);
};

impl From<&Cookie> for ddi_dma_cookie_t {
    #[inline]
    fn from(cookie: &Cookie) -> Self {
        ddi_dma_cookie_t { dmac_laddress: cookie.address, dmac_size: cookie.size as usize, dmac_type: 0 }
    }
}
