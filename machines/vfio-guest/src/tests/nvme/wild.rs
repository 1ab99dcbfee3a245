//! An object that shows any bus addresses at all, so that the controller is told to go where it must not.

use ddi_dma::{Addresses, DmaObject, Extent, View};

/// Bus addresses that the object has no right to. It holds no bytes.
pub struct Wild {
    addresses: Addresses,
    extent: Extent,
}

impl Wild {
    /// Bytes at an address of this bus.
    pub fn new(addresses: Addresses, address: u64, size: u64) -> Self {
        Wild { addresses, extent: Extent { address, size } }
    }
}

// SAFETY: the addresses are not the object's own, and that is the test: the IOMMU keeps the device from them, or they are
// those of a file's pages to which there is no reference. Bytes are copied nowhere.
unsafe impl DmaObject for Wild {
    fn view(&self) -> View<'_> {
        View::Extents(std::slice::from_ref(&self.extent))
    }

    fn addresses(&self) -> Addresses {
        self.addresses
    }

    unsafe fn copy_out(&self, _: u64, _: *mut u8, _: u64) {}

    unsafe fn copy_in(&self, _: u64, _: *const u8, _: u64) {}
}
