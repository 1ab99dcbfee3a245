//! A driver in C, written against the DDI, moves bytes on a real device and hears its interrupts.

use std::process::{Command, Output};
use std::time::Duration;

use ddi_dma_vfio::PciAddress;

use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("c-driver-copies-by-a-real-device", copies).within(Duration::from_secs(40)),
    Test::new("c-driver-refusals", refusals),
];

pub const WITHOUT_IOMMU: &[Test] = &[Test::new("c-driver-without-an-iommu-is-refused", without_iommu)];

/// Twice: the device can be opened again once it was closed.
fn copies(guest: &Guest) -> Result<(), Failure> {
    for _ in 0..2 {
        let output = driver(guest.edu)?;
        let (printed, complaint) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        ensure!(output.status.success(), "{}: {printed}{complaint}", output.status);
        let expected = "edu_dma: 19999 bytes copied in 10 windows, 22 interrupts\n";
        ensure!(printed == expected && complaint.is_empty(), "{printed}{complaint}");
        println!("{}", printed.trim());
    }
    Ok(())
}

fn refusals(guest: &Guest) -> Result<(), Failure> {
    let unbound = refusal(guest.free_edu)?;
    ensure!(unbound.contains("is bound to no driver"), "{unbound}");
    Ok(())
}

fn without_iommu(guest: &Guest) -> Result<(), Failure> {
    let refused = refusal(guest.edu)?;
    println!("{}", refused.trim());
    ensure!(!refused.is_empty(), "no reason");
    Ok(())
}

/// What the driver says where it does not get its device.
fn refusal(device: PciAddress) -> Result<String, Failure> {
    let output = driver(device)?;
    ensure!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
    Ok(String::from_utf8(output.stderr)?)
}

fn driver(device: PciAddress) -> Result<Output, Failure> {
    Ok(Command::new("/bin/edu_dma").arg(format!("vfio:{device}")).output()?)
}
