//! `struct ddi_dma_attr`: what a DMA engine can do (`ddi_dma_attr(9S)`).

use std::mem::{offset_of, size_of};

use ddi_dma::{AttrFlags, BurstSizes, DmaAttr};

/// The attributes as C has them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ddi_dma_attr_t {
    pub(crate) dma_attr_version: u32,
    pub(crate) dma_attr_addr_lo: u64,
    pub(crate) dma_attr_addr_hi: u64,
    pub(crate) dma_attr_count_max: u64,
    pub(crate) dma_attr_align: u64,
    pub(crate) dma_attr_burstsizes: u32,
    pub(crate) dma_attr_minxfer: u32,
    pub(crate) dma_attr_maxxfer: u64,
    pub(crate) dma_attr_seg: u64,
    pub(crate) dma_attr_sgllen: i32,
    pub(crate) dma_attr_granular: u32,
    pub(crate) dma_attr_flags: u32,
}

const _: () = {
    assert!(size_of::<ddi_dma_attr_t>() == 80);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_addr_lo) == 8);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_addr_hi) == 16);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_count_max) == 24);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_align) == 32);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_burstsizes) == 40);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_minxfer) == 44);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_maxxfer) == 48);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_seg) == 56);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_sgllen) == 64);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_granular) == 68);
    assert!(offset_of!(ddi_dma_attr_t, dma_attr_flags) == 72);
};

impl ddi_dma_attr_t {
    /// The attributes as the framework has them, not checked. A negative `dma_attr_sgllen` is no limit.
    pub(crate) fn attr(&self) -> DmaAttr {
        DmaAttr {
            version: self.dma_attr_version,
            addr_lo: self.dma_attr_addr_lo,
            addr_hi: self.dma_attr_addr_hi,
            count_max: self.dma_attr_count_max,
            align: self.dma_attr_align,
            burstsizes: BurstSizes::from_bits_retain(self.dma_attr_burstsizes),
            minxfer: self.dma_attr_minxfer,
            maxxfer: self.dma_attr_maxxfer,
            seg: self.dma_attr_seg,
            sgllen: u32::try_from(self.dma_attr_sgllen).unwrap_or(DmaAttr::UNLIMITED),
            granular: self.dma_attr_granular,
            flags: AttrFlags::from_bits_truncate(self.dma_attr_flags),
        }
    }
}

impl From<&DmaAttr> for ddi_dma_attr_t {
    fn from(attr: &DmaAttr) -> Self {
        ddi_dma_attr_t {
            dma_attr_version: attr.version,
            dma_attr_addr_lo: attr.addr_lo,
            dma_attr_addr_hi: attr.addr_hi,
            dma_attr_count_max: attr.count_max,
            dma_attr_align: attr.align,
            dma_attr_burstsizes: attr.burstsizes.bits(),
            dma_attr_minxfer: attr.minxfer,
            dma_attr_maxxfer: attr.maxxfer,
            dma_attr_seg: attr.seg,
            dma_attr_sgllen: i32::try_from(attr.sgllen).unwrap_or(-1),
            dma_attr_granular: attr.granular,
            dma_attr_flags: attr.flags.bits(),
        }
    }
}
