//! Where a PCI device sits.

use core::fmt;
use core::str::FromStr;

/// The address of a PCI function, as `lspci -D` and `/sys/bus/pci/devices` write it.
///
/// ```
/// use ddi_dma_vfio::PciAddress;
///
/// let address: PciAddress = "00:1f.2".parse()?;
/// assert_eq!(address.to_string(), "0000:00:1f.2");
/// assert_eq!((address.device(), address.function()), (0x1f, 2));
/// # Ok::<(), ddi_dma_vfio::ParseAddressError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl PciAddress {
    /// The address of these parts; `None` for a device above 31 or a function above 7, which PCI does not have.
    pub const fn new(domain: u32, bus: u8, device: u8, function: u8) -> Option<Self> {
        if device > 31 || function > 7 {
            return None;
        }
        Some(PciAddress { domain, bus, device, function })
    }

    /// The domain, also called segment. Most machines have only domain 0.
    pub const fn domain(self) -> u32 {
        self.domain
    }

    /// The bus of the domain.
    pub const fn bus(self) -> u8 {
        self.bus
    }

    /// The device on the bus, 0..=31.
    pub const fn device(self) -> u8 {
        self.device
    }

    /// The function of the device, 0..=7.
    pub const fn function(self) -> u8 {
        self.function
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{}", self.domain, self.bus, self.device, self.function)
    }
}

/// A text that is no PCI address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no PCI address: write DOMAIN:BUS:DEVICE.FUNCTION in hex, such as 0000:00:03.0, or 00:03.0 for domain 0"
)]
pub struct ParseAddressError {
    /// The text.
    pub text: String,
}

impl FromStr for PciAddress {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseAddressError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<PciAddress> {
    let (front, function) = text.split_once('.')?;
    let mut parts = front.rsplit(':');
    let device = hex(parts.next()?, 2)?;
    let bus = hex(parts.next()?, 2)?;
    let domain = parts.next().map_or(Some(0), |domain| hex(domain, 8))?;
    if parts.next().is_some() {
        return None;
    }
    let function = hex(function, 1)?;
    PciAddress::new(domain, bus.try_into().ok()?, device.try_into().ok()?, function.try_into().ok()?)
}

/// A number of at most `digits` hex digits, and nothing else.
fn hex(text: &str, digits: usize) -> Option<u32> {
    let only_digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.is_empty() || text.len() > digits || !only_digits {
        return None;
    }
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_displayed_is_parsed(domain: u32, bus: u8, device in 0u8..32, function in 0u8..8) {
            let address = PciAddress::new(domain, bus, device, function).unwrap();
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<PciAddress>();
        }

        #[test]
        fn what_looks_like_an_address_is_one_or_is_refused(text in "[0-9a-fA-F:.+ ]{0,16}") {
            if let Ok(address) = text.parse::<PciAddress>() {
                prop_assert!(address.device() < 32 && address.function() < 8);
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }

    #[test]
    fn addresses_are_ordered_as_they_are_listed() {
        let list = ["0000:00:03.0", "0000:00:03.1", "0000:00:1f.0", "0000:01:00.0", "10000:00:00.0"];
        let parsed = list.map(|text| text.parse::<PciAddress>().unwrap());
        assert!(parsed.is_sorted());
        assert_eq!(parsed.map(|address| address.to_string()), list);
    }

    #[test]
    fn what_is_no_address_is_told_with_what_is() {
        for text in [
            "",
            "3.0",
            "00:03",
            "00:20.0",
            "00:03.8",
            "0:0:0:3.0",
            "00:+3.0",
            "100000000:00:03.0",
            "00:03.0 ",
        ] {
            let error = text.parse::<PciAddress>().unwrap_err();
            assert!(error.to_string().contains("0000:00:03.0"), "{text}: {error}");
        }
    }
}
