//! A bus master made of software: the memory as a device sees it.

use ddi_dma::Cookie;

use super::IDENTITY;

/// Moves bytes from and to physical addresses, as a device does that was given cookies.
#[derive(Debug)]
pub struct SoftwareMaster(());

impl SoftwareMaster {
    /// Makes one.
    ///
    /// # Safety
    ///
    /// It is given no cookies but those of transfers in flight, and uses each in the direction of its binding.
    pub unsafe fn new() -> Self {
        SoftwareMaster(())
    }

    /// Reads the memory of a cookie, one byte after the other.
    pub fn read(&self, cookie: Cookie) -> impl Iterator<Item = u8> {
        addresses(cookie).map(|address| {
            // SAFETY: the memory belongs to a transfer in flight (the promise made to `new`) and is mapped to itself.
            unsafe { address.read_volatile() }
        })
    }

    /// Writes the memory of a cookie; stops where the bytes end.
    pub fn write(&self, cookie: Cookie, bytes: impl Iterator<Item = u8>) {
        for (address, byte) in addresses(cookie).zip(bytes) {
            // SAFETY: as above.
            unsafe { address.write_volatile(byte) }
        }
    }
}

/// The cookie's bytes, where the processor finds them.
fn addresses(cookie: Cookie) -> impl Iterator<Item = *mut u8> {
    let Cookie { address, size } = cookie;
    assert!(address.checked_add(size).is_some_and(|end| end <= IDENTITY), "{cookie:?} is not memory");
    (address..address + size).map(|address| address as usize as *mut u8)
}
