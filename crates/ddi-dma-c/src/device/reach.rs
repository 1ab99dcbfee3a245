//! What the engine of a device reaches, as far as somebody has stated it.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use ddi_dma::DmaAttr;

/// The widest range of addresses that the attributes of a device's handles have stated.
#[derive(Default)]
pub(super) struct Reach {
    stated: Mutex<Option<RangeInclusive<u64>>>,
}

impl Reach {
    /// Takes note of the attributes of a handle.
    pub(super) fn state(&self, attr: &DmaAttr) {
        let mut stated = self.stated.lock().unwrap_or_else(PoisonError::into_inner);
        let (lo, hi) = match &*stated {
            Some(before) => (attr.addr_lo.min(*before.start()), attr.addr_hi.max(*before.end())),
            None => (attr.addr_lo, attr.addr_hi),
        };
        *stated = Some(lo..=hi);
    }

    /// What was stated; `None` where nothing was.
    pub(super) fn stated(&self) -> Option<RangeInclusive<u64>> {
        self.stated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use ddi_dma::DmaAttr;

    use super::Reach;

    #[test]
    fn the_widest_of_all_counts() {
        let reach = Reach::default();
        assert_eq!(reach.stated(), None);
        reach.state(&DmaAttr { addr_lo: 0x1000, addr_hi: 0x1FFF, ..DmaAttr::UNRESTRICTED });
        assert_eq!(reach.stated(), Some(0x1000..=0x1FFF));
        reach.state(&DmaAttr { addr_lo: 0x1800, addr_hi: 0xFFFF, ..DmaAttr::UNRESTRICTED });
        reach.state(&DmaAttr { addr_lo: 0x800, addr_hi: 0xFFF, ..DmaAttr::UNRESTRICTED });
        assert_eq!(reach.stated(), Some(0x800..=0xFFFF));
    }
}
