//! The PCI devices of the machine.

use super::in_use::{self, SystemUse};
use super::{Host, class};
use crate::PciAddress;

/// A PCI device, as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PciDevice {
    /// Where it sits.
    pub address: PciAddress,
    /// Who made it.
    pub vendor: u16,
    /// What its vendor calls it.
    pub device: u16,
    /// Its class code: base class, subclass and programming interface, a byte each.
    pub class: u32,
    /// The driver that it is bound to.
    pub driver: Option<String>,
    /// The only driver that may be bound to it.
    pub driver_override: Option<String>,
    /// Its IOMMU group.
    pub group: Option<u32>,
    /// The node of memory and processors that it is near to.
    pub numa_node: Option<u32>,
    /// Its regions, by number.
    pub bars: Vec<BarInfo>,
    /// The interrupts by message that it has; `None` where this process is not shown (only root sees all of the
    /// configuration space).
    pub messages: Option<Messages>,
    /// The ways in which the kernel can reset it, the best first; nothing where it has none.
    pub resets: Vec<String>,
    /// What the system does with it now.
    pub uses: Vec<SystemUse>,
}

/// A base address register and the region behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarInfo {
    /// Its number, 0 to 5; the expansion ROM is 6.
    pub number: u8,
    /// What the region is.
    pub kind: BarKind,
    /// Bytes of the region.
    pub length: u64,
}

/// What is behind a base address register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BarKind {
    /// Memory, where reading may have effects.
    Memory,
    /// Memory that may be read ahead.
    Prefetchable,
    /// I/O ports.
    Ports,
}

/// The interrupts by message that a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Messages {
    /// MSI: the most messages.
    pub msi: Option<u16>,
    /// MSI-X: the entries of its table.
    pub msi_x: Option<u16>,
}

/// Whether a device is for drivers, or part of what all devices stand on, which belongs to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It leads to other devices or buses.
    Bridge,
    /// It is an IOMMU.
    Iommu,
    /// It has a function of its own.
    Endpoint,
}

impl PciDevice {
    /// The name of its class, such as `NVM Express controller`.
    pub fn class_name(&self) -> &'static str {
        class::name(self.class)
    }

    /// Whether it is for drivers.
    pub fn role(&self) -> Role {
        match self.class >> 8 {
            0x0600..=0x06FF => Role::Bridge,
            0x0806 => Role::Iommu,
            _ => Role::Endpoint,
        }
    }

    /// Whether its driver is VFIO's, so that user space can have it.
    pub fn is_given(&self) -> bool {
        self.driver.as_deref().is_some_and(super::group::is_vfio)
    }
}

impl Host {
    /// Tells all PCI devices, by address.
    pub fn pci_devices(&self) -> Vec<PciDevice> {
        let names = self.tree.names("/sys/bus/pci/devices");
        let addresses = names.into_iter().filter_map(|name| name.parse().ok());
        let mut devices: Vec<PciDevice> = addresses.filter_map(|address| self.pci_device(address)).collect();
        devices.sort_by_key(|device| device.address);
        devices
    }

    /// Tells the PCI device at an address.
    pub fn pci_device(&self, address: PciAddress) -> Option<PciDevice> {
        let directory = format!("/sys/bus/pci/devices/{address}");
        let file = |name: &str| self.tree.text(&format!("{directory}/{name}"));
        let number = |name: &str| hex(&file(name)?);
        let driver_override =
            file("driver_override").filter(|driver| !matches!(driver.as_str(), "" | "(null)"));
        let resets = match file("reset_method") {
            Some(methods) => methods.split_whitespace().map(str::to_owned).collect(),
            // Before Linux 5.15 the kernel chose, and told only whether there is a way.
            None if self.tree.exists(&format!("{directory}/reset")) => vec!["the kernel's choice".to_owned()],
            None => Vec::new(),
        };
        Some(PciDevice {
            address,
            vendor: number("vendor")?.try_into().ok()?,
            device: number("device")?.try_into().ok()?,
            class: number("class").unwrap_or_default().try_into().unwrap_or_default(),
            driver: self.tree.link_name(&format!("{directory}/driver")),
            driver_override,
            group: self
                .tree
                .link_name(&format!("{directory}/iommu_group"))
                .and_then(|name| name.parse().ok()),
            numa_node: file("numa_node").and_then(|node| node.parse().ok()),
            bars: file("resource").map(|text| bars(&text)).unwrap_or_default(),
            messages: self.tree.bytes(&format!("{directory}/config")).and_then(|space| messages(&space)),
            resets,
            uses: in_use::uses(&self.tree, address),
        })
    }
}

/// A number with 0x before it, as `/sys` writes them.
fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The lines of `resource`: first and last address and flags of each register, zeros where there is none.
fn bars(text: &str) -> Vec<BarInfo> {
    const PORTS: u64 = 0x100;
    const PREFETCHABLE: u64 = 0x2000;
    let regions = text.lines().zip(0..=6).filter_map(|(line, number)| {
        let words: Vec<u64> = line.split_whitespace().filter_map(hex).collect();
        let [first, last, flags] = words[..] else { return None };
        if flags == 0 {
            return None;
        }
        let length = last.checked_sub(first)?.checked_add(1)?;
        let kind = match flags {
            flags if flags & PORTS != 0 => BarKind::Ports,
            flags if flags & PREFETCHABLE != 0 => BarKind::Prefetchable,
            _ => BarKind::Memory,
        };
        Some(BarInfo { number, kind, length })
    });
    regions.collect()
}

/// Walks the capabilities in a configuration space; `None` where they are not shown.
fn messages(space: &[u8]) -> Option<Messages> {
    const STATUS: usize = 0x06;
    const FIRST: usize = 0x34;
    const MSI: u8 = 0x05;
    const MSI_X: u8 = 0x11;
    let byte = |at: usize| space.get(at).copied();
    let word = |at: usize| Some(u16::from_le_bytes([byte(at)?, byte(at + 1)?]));
    let mut found = Messages::default();
    if word(STATUS)? & 0x10 == 0 {
        return Some(found);
    }
    let mut at = usize::from(byte(FIRST)? & !3);
    // A list that leads in circles ends here: no more fit in the space.
    for _ in 0..48 {
        if at < 0x40 {
            break;
        }
        match byte(at)? {
            MSI => found.msi = Some(1 << (word(at + 2)? >> 1 & 7)),
            MSI_X => found.msi_x = Some((word(at + 2)? & 0x7FF) + 1),
            _ => {}
        }
        at = usize::from(byte(at + 1)? & !3);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capabilities_are_walked() {
        let mut space = vec![0; 256];
        assert_eq!(messages(&space), Some(Messages::default()));
        space[0x06] = 0x10;
        space[0x34] = 0x40;
        space[0x40..0x44].copy_from_slice(&[0x11, 0x50, 0x40, 0x80]);
        space[0x50..0x54].copy_from_slice(&[0x05, 0x40, 0x8A, 0x00]);
        assert_eq!(messages(&space), Some(Messages { msi: Some(32), msi_x: Some(65) }));
        // What somebody else than root is shown.
        assert_eq!(messages(&space[..64]), None);
    }

    proptest! {
        #[test]
        fn no_configuration_space_panics(space in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = messages(&space);
        }

        #[test]
        fn no_resource_panics(text in "(0x[0-9a-f]{1,17} ?){0,4}\n?.{0,20}") {
            let _ = bars(&text);
        }
    }
}
