//! IOMMU groups: the devices that the IOMMU cannot tell apart, which are given away together.

use crate::PciAddress;

use super::Host;
use super::tree::Tree;

/// An IOMMU group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IommuGroup {
    /// Its number, as in `/dev/vfio/NUMBER`.
    pub number: u32,
    /// Whether an IOMMU stands before its devices.
    pub protection: Protection,
    /// Its devices.
    pub members: Vec<Member>,
    /// Memory that the firmware wants its devices to reach always, (first, last) address of each: the kernel gives no such
    /// device to user space.
    pub firmware_memory: Vec<(u64, u64)>,
}

/// Whether an IOMMU stands before a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// It does.
    Translated,
    /// The group was made for VFIO without an IOMMU: its devices reach all of memory.
    None,
}

/// A device of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The kernel's name for it; of a PCI device, its address.
    pub name: String,
    /// Where it sits, if on a PCI bus.
    pub address: Option<PciAddress>,
    /// The driver that it is bound to.
    pub driver: Option<String>,
    /// Whether it lets the group be given away.
    pub stance: Stance,
}

/// What a member means for the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stance {
    /// It is given to user space: its driver is VFIO's.
    Given,
    /// It does not matter: it has no driver, or one that does no DMA.
    Idle,
    /// A driver of the kernel does DMA with it, and so the group cannot be given away.
    Taken,
}

impl IommuGroup {
    /// The members that keep the group from being given away, but for one device.
    pub fn company(&self, device: PciAddress) -> impl Iterator<Item = &Member> {
        let others = self.members.iter().filter(move |member| member.address != Some(device));
        others.filter(|member| member.stance == Stance::Taken)
    }
}

impl Stance {
    fn of(driver: Option<&str>) -> Stance {
        match driver {
            Some(driver) if is_vfio(driver) => Stance::Given,
            // The kernel's drivers that leave a group to others.
            Some("pci-stub" | "pcieport" | "shpchp") | None => Stance::Idle,
            Some(_) => Stance::Taken,
        }
    }
}

/// Whether a driver is `vfio-pci` or one of its variants for a vendor's devices.
pub(super) fn is_vfio(driver: &str) -> bool {
    driver == "vfio-pci" || driver.ends_with("-vfio-pci") || driver.ends_with("_vfio_pci")
}

impl Host {
    /// Tells all IOMMU groups, by number.
    pub fn groups(&self) -> Vec<IommuGroup> {
        let numbers = self.tree.names("/sys/kernel/iommu_groups");
        let numbers = numbers.into_iter().filter_map(|name| name.parse().ok());
        let mut groups: Vec<IommuGroup> = numbers.filter_map(|number| self.group(number)).collect();
        groups.sort_by_key(|group| group.number);
        groups
    }

    /// Tells a group by its number.
    pub fn group(&self, number: u32) -> Option<IommuGroup> {
        let directory = format!("/sys/kernel/iommu_groups/{number}");
        if !self.tree.exists(&directory) {
            return None;
        }
        let members = self.tree.names(&format!("{directory}/devices"));
        let members = members.into_iter().map(|name| member(&self.tree, &directory, name)).collect();
        let protection = match self.tree.text(&format!("{directory}/name")).as_deref() {
            Some("vfio-noiommu") => Protection::None,
            _ => Protection::Translated,
        };
        let reserved = self.tree.text(&format!("{directory}/reserved_regions")).unwrap_or_default();
        let firmware_memory = reserved.lines().filter_map(firmware_memory).collect();
        Some(IommuGroup { number, protection, members, firmware_memory })
    }
}

fn member(tree: &Tree, group: &str, name: String) -> Member {
    let address: Option<PciAddress> = name.parse().ok();
    let driver = tree.link_name(&match address {
        Some(address) => format!("/sys/bus/pci/devices/{address}/driver"),
        None => format!("{group}/devices/{name}/driver"),
    });
    let stance = Stance::of(driver.as_deref());
    Member { name, address, driver, stance }
}

/// A line of `reserved_regions`, first and last address and the kind of it: mapped one to one for good is "direct". What is
/// "direct-relaxable" gives way to user space.
fn firmware_memory(line: &str) -> Option<(u64, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [first, last, "direct"] = words[..] else { return None };
    let number = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    Some((number(first)?, number(last)?))
}
