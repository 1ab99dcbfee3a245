//! The PCI devices of this machine, and what it takes to use each.

use std::collections::HashSet;
use std::fmt::{self, Write};
use std::path::Path;

use anyhow::bail;
use ddi_dma_vfio::PciAddress;
use ddi_dma_vfio::host::{BarInfo, BarKind, Hindrance, Host, IommuGroup, Mend, Messages, PciDevice, Role};
use serde::Serialize;

use super::{MendRow, host, mend_lines, mend_rows};

/// The class code of NVMe controllers.
pub(crate) const NVM_EXPRESS: u32 = 0x01_0802;

/// A device, with what it takes to use it.
pub(crate) struct Listed {
    device: PciDevice,
    group: Option<IommuGroup>,
    hindrances: Vec<Hindrance>,
}

/// The devices at these addresses, or all where none is given.
pub(crate) fn list(root: Option<&Path>, addresses: &[PciAddress]) -> anyhow::Result<Vec<Listed>> {
    let host = host(root)?;
    let devices = if addresses.is_empty() {
        host.pci_devices()
    } else {
        let found = addresses.iter().map(|address| match host.pci_device(*address) {
            Some(device) => Ok(device),
            None => bail!("{address}: no PCI device is there: there {}", what_is_there(&host)),
        });
        found.collect::<anyhow::Result<_>>()?
    };
    let listed = devices.into_iter().map(|device| Listed {
        group: device.group.and_then(|number| host.group(number)),
        hindrances: host.hindrances(&device),
        device,
    });
    Ok(listed.collect())
}

/// The addresses of all devices, behind "there".
pub(crate) fn what_is_there(host: &Host) -> String {
    let addresses: Vec<String> = host.pci_devices().iter().map(|device| device.address.to_string()).collect();
    match &addresses[..] {
        [] => "is none on this machine".to_owned(),
        [one] => format!("is {one}"),
        some => format!("are {}", some.join(", ")),
    }
}

/// The addresses of all NVMe controllers, behind "there".
pub(crate) fn nvme_there(host: &Host) -> String {
    let devices = host.pci_devices().into_iter().filter(|device| device.class == NVM_EXPRESS);
    let addresses: Vec<String> = devices.map(|device| device.address.to_string()).collect();
    match &addresses[..] {
        [] => "is no NVM Express controller on this machine".to_owned(),
        [one] => format!("is one at {one}"),
        some => format!("are some at {}", some.join(", ")),
    }
}

/// All devices, for people.
pub(crate) fn text(devices: &[Listed]) -> String {
    let mut text = String::new();
    let mut told = HashSet::new();
    for device in devices {
        // Writing to a string does not fail.
        let _ = device.write(&mut text, &mut told);
    }
    if devices.is_empty() {
        text.push_str("none\n");
    }
    text
}

impl Listed {
    /// Writes a paragraph. What mends several devices at once is written with the first of them.
    fn write(&self, text: &mut String, told: &mut HashSet<Vec<Mend>>) -> fmt::Result {
        let PciDevice { address, vendor, device, .. } = self.device;
        writeln!(text, "{address}  {vendor:04x}:{device:04x}  {}", self.device.class_name())?;
        writeln!(text, "    {}", self.belongings())?;
        let features = self.features();
        if !features.is_empty() {
            writeln!(text, "    {features}")?;
        }
        match (self.device.role(), &self.hindrances[..]) {
            (Role::Endpoint, []) => writeln!(text, "    can be used: --nexus vfio:{address}")?,
            (Role::Endpoint, hindrances) => {
                if self.group.is_none() && self.device.driver.as_deref() == Some("uio_pci_generic") {
                    writeln!(
                        text,
                        "    can be used as it is, with all of memory in its reach: --nexus uio:{address} --no-iommu"
                    )?;
                }
                writeln!(text, "    to use it:")?;
                for Hindrance { text: what, mends } in hindrances {
                    writeln!(text, "      {what}")?;
                    if mends.is_empty() || told.insert(mends.clone()) {
                        write!(text, "{}", mend_lines(mends, 8))?;
                    } else {
                        writeln!(text, "        - as above")?;
                    }
                }
            }
            (Role::Bridge | Role::Iommu, hindrances) => {
                hindrances.iter().try_for_each(|hindrance| writeln!(text, "    {}", hindrance.text))?;
            }
        }
        writeln!(text)
    }

    /// Whose it is: driver, group, and what the system does with it.
    fn belongings(&self) -> String {
        let driver = self.device.driver.as_deref();
        let driver = driver.map_or_else(|| "no driver".to_owned(), |driver| format!("driver {driver}"));
        let group = match &self.group {
            None => "no IOMMU group".to_owned(),
            Some(group) => {
                let others: Vec<String> =
                    self.company(group).map(|(name, driver)| format!("{name} ({driver})")).collect();
                let with = if others.is_empty() {
                    "alone".to_owned()
                } else {
                    format!("with {}", others.join(", "))
                };
                format!("IOMMU group {} {with}", group.number)
            }
        };
        let uses: String = self.device.uses.iter().map(|used| format!(", {used}")).collect();
        format!("{driver}, {group}{uses}")
    }

    /// The other members of a group, with their drivers.
    fn company<'a>(&self, group: &'a IommuGroup) -> impl Iterator<Item = (&'a str, &'a str)> {
        let own = self.device.address;
        let others = group.members.iter().filter(move |member| member.address != Some(own));
        others.map(|member| (member.name.as_str(), member.driver.as_deref().unwrap_or("no driver")))
    }

    /// What it has.
    fn features(&self) -> String {
        let mut features: Vec<String> = self.device.bars.iter().map(bar).collect();
        if let Some(Messages { msi, msi_x }) = self.device.messages {
            features.extend(msi_x.map(|number| format!("MSI-X {number}")));
            features.extend(msi.map(|number| format!("MSI {number}")));
        }
        if !self.device.resets.is_empty() {
            features.push(format!("reset by {}", self.device.resets.join(", ")));
        }
        features.extend(self.device.numa_node.map(|node| format!("NUMA node {node}")));
        features.join("; ")
    }
}

fn bar(bar: &BarInfo) -> String {
    let kind = match bar.kind {
        BarKind::Memory => "memory",
        BarKind::Prefetchable => "prefetchable memory",
        BarKind::Ports => "ports",
    };
    let name = if bar.number == 6 { "ROM".to_owned() } else { format!("BAR {}", bar.number) };
    let units = [(30, " GiB"), (20, " MiB"), (10, " KiB")];
    let unit = units.into_iter().find(|(shift, _)| bar.length.is_multiple_of(1 << shift));
    let (shift, unit) = unit.unwrap_or((0, ""));
    format!("{name} {}{unit} {kind}", bar.length >> shift)
}

/// A device, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    address: String,
    vendor: String,
    device: String,
    class: String,
    class_name: &'static str,
    driver: Option<String>,
    iommu_group: Option<u32>,
    company: Vec<CompanyRow>,
    numa_node: Option<u32>,
    bars: Vec<BarRow>,
    msi: Option<u16>,
    msi_x: Option<u16>,
    resets: Vec<String>,
    uses: Vec<String>,
    usable: bool,
    hindrances: Vec<HindranceRow>,
}

#[derive(Debug, Serialize)]
struct CompanyRow {
    name: String,
    driver: String,
}

#[derive(Debug, Serialize)]
struct BarRow {
    number: u8,
    kind: &'static str,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct HindranceRow {
    text: String,
    mends: Vec<MendRow>,
}

impl From<&Listed> for Row {
    fn from(listed: &Listed) -> Self {
        let Listed { device, group, hindrances } = listed;
        let company = group.iter().flat_map(|group| listed.company(group));
        let messages = device.messages.unwrap_or_default();
        Row {
            address: device.address.to_string(),
            vendor: format!("{:#06x}", device.vendor),
            device: format!("{:#06x}", device.device),
            class: format!("{:#08x}", device.class),
            class_name: device.class_name(),
            driver: device.driver.clone(),
            iommu_group: device.group,
            company: company
                .map(|(name, driver)| CompanyRow { name: name.into(), driver: driver.into() })
                .collect(),
            numa_node: device.numa_node,
            bars: device.bars.iter().map(BarRow::from).collect(),
            msi: messages.msi,
            msi_x: messages.msi_x,
            resets: device.resets.clone(),
            uses: device.uses.iter().map(ToString::to_string).collect(),
            usable: hindrances.is_empty(),
            hindrances: hindrances.iter().map(HindranceRow::from).collect(),
        }
    }
}

impl From<&BarInfo> for BarRow {
    fn from(bar: &BarInfo) -> Self {
        let kind = match bar.kind {
            BarKind::Memory => "memory",
            BarKind::Prefetchable => "prefetchable",
            BarKind::Ports => "ports",
        };
        BarRow { number: bar.number, kind, bytes: bar.length }
    }
}

impl From<&Hindrance> for HindranceRow {
    fn from(hindrance: &Hindrance) -> Self {
        HindranceRow { text: hindrance.text.clone(), mends: mend_rows(&hindrance.mends) }
    }
}
