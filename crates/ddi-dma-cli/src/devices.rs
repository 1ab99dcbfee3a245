//! The devices that there are: those of the simulated machine, which have names, and those of this one.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use comfy_table::{Table, presets};
use ddi_dma::{DmaAttr, Dmae};
use ddi_dma_sim::{DeviceName, IsaPorts, Model, NameError};
use isa_floppy::{Config, Floppy};
use serde::Serialize;

use crate::cli::{DevicesArgs, Format, NexusChoice};
use crate::{Outcome, machine};

/// A device that files are transferred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// One of a simulated machine, and what its name says of that.
    Simulated(DeviceName),
    /// A real NVMe disk, of which something else says where it is.
    Nvme,
    /// A real NVMe disk that is here.
    NvmeAt(NexusChoice),
}

/// The name of real NVMe disks.
pub(crate) const NVME: &str = "nvme";

/// What the driver of a device states about its engine.
pub(crate) fn attr(model: Model) -> DmaAttr {
    match model {
        Model::Disk(spec) => spec.attr,
        Model::Ether(spec) => spec.attr,
        Model::Floppy(_) => floppy_attr(),
    }
}

/// What the engine of an ISA machine says of the channel of floppy drives, as their driver uses it. No machine is needed
/// for that.
fn floppy_attr() -> DmaAttr {
    let dmae = Dmae::new(Arc::new(IsaPorts::default()));
    match dmae.attributes(Config::default().channel) {
        Ok(engine) => Floppy::attributes(&engine),
        Err(error) => unreachable!("every engine has the channel of floppy drives: {error}"),
    }
}

/// What the names start with that may say more than a device.
const SIMULATED: &str = "sim:";

/// Reads the name of a simulated device, alone or with what it says of its machine, for the command line.
pub(crate) fn find(name: &str) -> Result<DeviceName, String> {
    if name.starts_with(SIMULATED) {
        return name.parse().map_err(|error: NameError| error.to_string());
    }
    if let Some(model) = Model::find(name) {
        return Ok(model.into());
    }
    if name.contains('?') {
        return Err(format!("`{name}` says more than a device: write {SIMULATED}{name}"));
    }
    Err(NameError::Device { device: name.to_owned() }.to_string())
}

/// Finds what files are transferred to by its name, for the command line.
pub(crate) fn find_target(name: &str) -> Result<Target, String> {
    if name == NVME {
        return Ok(Target::Nvme);
    }
    if name.starts_with("vfio:") || name.starts_with("uio:") {
        return name.parse().map(Target::NvmeAt);
    }
    match find(name) {
        Ok(device) => Ok(Target::Simulated(device)),
        Err(error) if name.contains([':', '?']) => Err(error),
        Err(error) => Err(format!("{error}, and {NVME}")),
    }
}

/// Lists those of the simulated machine, and the PCI devices of this one.
pub(crate) fn run(args: &DevicesArgs) -> anyhow::Result<Outcome> {
    let real = machine::devices::list(args.root.as_deref(), &args.addresses)?;
    let mut output = io::stdout().lock();
    match (args.format(), &args.addresses[..]) {
        (Format::Json, addresses) => {
            let simulated =
                if addresses.is_empty() { Model::all().map(Row::from).collect() } else { Vec::new() };
            let rows = Rows { simulated, pci: real.iter().map(machine::devices::Row::from).collect() };
            serde_json::to_writer_pretty(&mut output, &rows)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(output))
        }
        (Format::Text, []) => write!(
            output,
            "Simulated devices\n\n{}\n\nPCI devices of this machine\n\n{}",
            table(),
            machine::devices::text(&real)
        ),
        (Format::Text, _) => write!(output, "{}", machine::devices::text(&real)),
    }
    .context("cannot write the devices")?;
    Ok(Outcome::Good)
}

/// Lists those of the simulated machine.
pub(crate) fn run_simulated() -> anyhow::Result<Outcome> {
    writeln!(io::stdout(), "{}", table()).context("cannot write the devices")?;
    Ok(Outcome::Good)
}

/// All devices, for programs.
#[derive(Debug, Serialize)]
struct Rows {
    simulated: Vec<Row>,
    pci: Vec<machine::devices::Row>,
}

/// A simulated device; null is no limit.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    description: &'static str,
    addr_lo: u64,
    addr_hi: u64,
    count_max: Option<u64>,
    seg: Option<u64>,
    maxxfer: Option<u64>,
    sgllen: Option<u32>,
    granular: u64,
}

impl From<Model> for Row {
    fn from(model: Model) -> Self {
        let attr = attr(model);
        let limit = |value: u64| (value != u64::MAX).then_some(value);
        Row {
            name: model.name(),
            description: model.description(),
            addr_lo: attr.addr_lo,
            addr_hi: attr.addr_hi,
            count_max: limit(attr.count_max),
            seg: limit(attr.seg),
            maxxfer: limit(attr.maxxfer),
            sgllen: (attr.sgllen != DmaAttr::UNLIMITED).then_some(attr.sgllen),
            granular: attr.granular.into(),
        }
    }
}

/// The simulated devices with their attributes.
fn table() -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        "device",
        "addr_lo..=addr_hi",
        "count_max",
        "seg",
        "maxxfer",
        "sgllen",
        "granular",
        "",
    ]);
    for device in Model::all() {
        let attr = attr(device);
        table.add_row([
            device.name().to_owned(),
            format!("{:#x}..={:#x}", attr.addr_lo, attr.addr_hi),
            no_limit(attr.count_max),
            no_limit(attr.seg),
            no_limit(attr.maxxfer),
            sgllen(&attr),
            attr.granular.to_string(),
            device.description().to_owned(),
        ]);
    }
    table.trim_fmt()
}

fn no_limit(value: u64) -> String {
    if value == u64::MAX { "-".to_owned() } else { format!("{value:#x}") }
}

fn sgllen(attr: &DmaAttr) -> String {
    if attr.sgllen == DmaAttr::UNLIMITED { "-".to_owned() } else { attr.sgllen.to_string() }
}
