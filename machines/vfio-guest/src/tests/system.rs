//! The machine is what the other tests take it for.

use std::fs;
use std::path::Path;

use vfio_guest_contents::MACHINE;

use crate::failure::Failure;
use crate::guest::Guest;
use crate::pci;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("system-iommu", iommu),
    Test::new("system-drivers", drivers),
    Test::new("system-device-changes-hands", changes_hands),
    Test::new("system-huge-pages", huge_pages),
];

pub const VFIO_TESTS: &[Test] = &[Test::new("system-groups", groups)];

/// The kernel drives the IOMMU that was asked for.
fn iommu(guest: &Guest) -> Result<(), Failure> {
    let command_line = fs::read_to_string("/proc/cmdline")?;
    let asked = command_line.split_whitespace().find_map(|word| word.strip_prefix(MACHINE));
    ensure!(asked == Some(guest.iommu.word()), "asked for {asked:?}, found {:?}", guest.iommu);
    Ok(())
}

/// Every device but the IOMMU itself is in a group; those of the tests are alone in theirs, which can be opened.
fn groups(guest: &Guest) -> Result<(), Failure> {
    let mut groups = Vec::new();
    for address in pci::all()?.into_iter().filter(|address| !pci::is_iommu(*address)) {
        let group = pci::group(address)?;
        let group = group.ok_or_else(|| Failure::new(format!("{address} is in no group")))?;
        groups.push((address, group));
    }
    for ours in [guest.edu, guest.free_edu, guest.nvme] {
        let group = groups.iter().find(|(address, _)| *address == ours).map(|(_, group)| *group);
        let company: Vec<_> = groups.iter().filter(|(_, other)| Some(*other) == group).collect();
        ensure!(company.len() == 1, "{ours} shares its group: {company:?}");
    }
    for ours in [guest.edu, guest.nvme] {
        let file = Path::new("/dev/vfio").join(pci::group(ours)?.unwrap_or_default().to_string());
        ensure!(file.exists(), "{} is missing", file.display());
    }
    Ok(())
}

/// The devices for the tests belong to the driver for processes, and one to nobody.
fn drivers(guest: &Guest) -> Result<(), Failure> {
    for address in [guest.edu, guest.nvme] {
        let driver = pci::driver(address)?;
        ensure!(driver.as_deref() == Some(guest.iommu.driver()), "the driver of {address} is {driver:?}");
    }
    let free = pci::driver(guest.free_edu)?;
    ensure!(free.is_none(), "the driver of {} is {free:?}", guest.free_edu);
    Ok(())
}

/// The free device can be given to the driver for processes, and comes back.
fn changes_hands(guest: &Guest) -> Result<(), Failure> {
    pci::bind(guest.free_edu, guest.iommu.driver())?;
    pci::unbind(guest.free_edu)?;
    ensure!(pci::driver(guest.free_edu)?.is_none(), "it stays with its driver");
    Ok(())
}

/// There are huge pages for those who ask.
fn huge_pages(_: &Guest) -> Result<(), Failure> {
    let free = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")?;
    ensure!(free.trim().parse::<u32>()? > 0, "no huge page is free");
    Ok(())
}
