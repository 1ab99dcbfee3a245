//! The program `ddi-dma` tells the truth about the machine: what it says is compared with what the kernel shows.

use std::process::{Command, Output};

use ddi_dma_vfio::PciAddress;
use serde_json::Value;

use crate::failure::Failure;
use crate::guest::{Guest, Iommu};
use crate::pci;
use crate::runner::Test;

pub const TESTS: &[Test] = &[Test::new("doctor-devices", devices), Test::new("doctor-verdict", verdict)];

/// Runs the program.
fn run(arguments: &[&str]) -> Result<Output, Failure> {
    Ok(Command::new("/bin/ddi-dma").args(arguments).output()?)
}

/// Runs the program for what it tells in JSON, and its exit status.
fn report(arguments: &[&str]) -> Result<(Value, Option<i32>), Failure> {
    let output = run(arguments)?;
    let Ok(report) = serde_json::from_slice(&output.stdout) else {
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        return Err(Failure::new(format!("{arguments:?} tells no JSON, {}: {text}", output.status)));
    };
    Ok((report, output.status.code()))
}

/// All devices are told of, with their drivers and groups, and those alone are usable that VFIO has.
fn devices(_: &Guest) -> Result<(), Failure> {
    let (report, status) = report(&["devices", "--json"])?;
    ensure!(status == Some(0), "status {status:?}");
    let (listed, there) = (list(&report["pci"]), pci::all()?);
    ensure!(listed.len() == there.len(), "{} devices are told of {}", listed.len(), there.len());
    for told in listed {
        let address: PciAddress = told["address"].as_str().unwrap_or_default().parse()?;
        let (group, driver) = (pci::group(address)?, pci::driver(address)?);
        ensure!(told["iommu_group"].as_u64() == group.map(u64::from), "{address} in {group:?}: {told}");
        ensure!(told["driver"].as_str() == driver.as_deref(), "{address} of {driver:?}: {told}");
        let usable = driver.as_deref() == Some("vfio-pci");
        ensure!(told["usable"].as_bool() == Some(usable), "{address}: {told}");
    }
    Ok(())
}

/// Where there is an IOMMU, VFIO can be used, with the devices that are for it; elsewhere it cannot, and for that reason.
fn verdict(guest: &Guest) -> Result<(), Failure> {
    let (report, status) = report(&["doctor", "--json"])?;
    println!("{}", String::from_utf8_lossy(&run(&["doctor"])?.stdout).trim());
    let bad = list(&report["findings"]).iter().filter(|finding| finding["verdict"] == "bad");
    let bad: Vec<&str> = bad.filter_map(|finding| finding["topic"].as_str()).collect();
    if guest.iommu == Iommu::None {
        ensure!(status == Some(1) && report["usable"] == false, "{status:?}: {report}");
        ensure!(bad.contains(&"IOMMU"), "{bad:?}");
        return Ok(());
    }
    ensure!(status == Some(0) && report["usable"] == true && bad.is_empty(), "{status:?}: {report}");
    let usable: Vec<&str> = list(&report["devices"]).iter().filter_map(Value::as_str).collect();
    let expected = [guest.nvme.to_string(), guest.edu.to_string()];
    ensure!(usable == expected, "{usable:?}, not {expected:?}");
    Ok(())
}

/// The elements of a JSON array; none where it is no array.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |elements| elements)
}
