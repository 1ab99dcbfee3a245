//! Merged attributes, compiled once into the shapes that planning asks for.

use crate::attr::{AttrError, DmaAttr};

/// The limits of one engine on one nexus, ready for planning.
///
/// # Invariants
///
/// `attr` passed [`DmaAttr::validate`]; all other members derive from it.
#[derive(Debug, Clone, Copy)]
pub struct Engine {
    attr: DmaAttr,
    /// A direct run never crosses a multiple of this plus one.
    pub(super) boundary: u64,
    /// Largest cookie: the least of count_max + 1 and seg + 1.
    pub(super) cookie_max: u64,
    /// Most bytes of a list: maxxfer rounded down to whole granules.
    pub(super) list_max: u64,
    pub(super) align_mask: u64,
    pub(super) min: u64,
    pub(super) granule: u64,
    pub(super) list_cookies: u64,
    /// The smallest page that is always a legal cookie: the larger of align and minxfer.
    pub(super) page_least: u64,
    /// Bits that no reachable address has, where that tells reach exactly (0..=2^n-1, n < 62); otherwise 0.
    pub(super) reach_mask: u64,
}

impl Engine {
    /// Compiles attributes that are merged already.
    ///
    /// # Errors
    ///
    /// The [`AttrError`] that [`DmaAttr::validate`] finds.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{DmaAttr, plan::Engine};
    ///
    /// let engine = Engine::new(&DmaAttr { sgllen: 17, ..DmaAttr::UNRESTRICTED })?;
    /// assert_eq!(engine.attr().sgllen, 17);
    /// # Ok::<(), ddi_dma::AttrError>(())
    /// ```
    pub fn new(attr: &DmaAttr) -> Result<Self, AttrError> {
        attr.validate()?;
        let cookie_max = attr.count_max.min(attr.seg).saturating_add(1);
        let granule = u64::from(attr.granular);
        let masked = attr.addr_lo == 0
            && (attr.addr_hi & (attr.addr_hi.wrapping_add(1))) == 0
            && attr.addr_hi >> 62 == 0;
        Ok(Engine {
            page_least: attr.align.max(attr.minxfer.into()),
            reach_mask: if masked { !attr.addr_hi } else { 0 },
            attr: *attr,
            // An aligned start every `align` bytes leaves only the first cookie_max bytes behind it reachable in
            // place: cutting there makes the rest a misaligned run like any other.
            boundary: if attr.align > cookie_max { cookie_max - 1 } else { attr.seg },
            cookie_max,
            list_max: attr.maxxfer - attr.maxxfer % granule,
            align_mask: attr.align - 1,
            min: u64::from(attr.minxfer),
            granule,
            list_cookies: if attr.sgllen == DmaAttr::UNLIMITED { u64::MAX } else { u64::from(attr.sgllen) },
        })
    }

    /// The attributes that were compiled.
    pub fn attr(&self) -> &DmaAttr {
        &self.attr
    }

    /// Bytes that no list exceeds.
    pub(crate) fn list_reach(&self) -> u64 {
        self.list_max.min(self.list_cookies.saturating_mul(self.cookie_max))
    }

    /// The largest cookie, where two of them cannot share fewer bytes than they hold.
    pub(crate) fn rigid_cookie(&self) -> Option<u64> {
        (self.min > self.cookie_max / 2).then_some(self.cookie_max)
    }

    /// Cookies that `size` bytes in one run take at the least.
    pub(super) fn cookies_for(&self, size: u64) -> u64 {
        size.div_ceil(self.cookie_max)
    }

    /// Whether a run of `size` bytes, cut into largest cookies, leaves a tail that cannot be evened out in place.
    pub(super) fn leaves_tail(&self, size: u64, step: u64) -> bool {
        let tail = size % self.cookie_max;
        let evens_out = step <= self.cookie_max / 2 && self.min <= self.cookie_max / 2;
        size > self.cookie_max && tail != 0 && tail < self.min && !evens_out
    }
}
