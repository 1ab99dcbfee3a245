//! The devices that there are: those of the simulated machine, which have names, and those of this one.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use comfy_table::{Table, presets};
use ddi_dma::{DmaAttr, Dmae};
use ddi_dma_sim::{DEVICES, DeviceSpec, ETHERS, EtherSpec, FLOPPIES, FloppySpec, IsaPorts, NexusKind};
use isa_floppy::{Config, Floppy};
use serde::Serialize;

use crate::cli::{DevicesArgs, Format};
use crate::{Outcome, machine};

/// A device of the simulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// Moves sectors.
    Disk(&'static DeviceSpec),
    /// Moves frames, out and back in through a loopback.
    Ether(&'static EtherSpec),
    /// Moves sectors by the system's DMA engine, to a disk of one size.
    Floppy(&'static FloppySpec),
}

/// A device that files are transferred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One of the simulated machine.
    Simulated(Model),
    /// A real NVMe disk.
    Nvme,
}

/// The name of real NVMe disks.
pub(crate) const NVME: &str = "nvme";

impl Model {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Model::Disk(spec) => spec.name,
            Model::Ether(spec) => spec.name,
            Model::Floppy(spec) => spec.name,
        }
    }

    /// What its driver states about its engine.
    pub(crate) fn attr(self) -> DmaAttr {
        match self {
            Model::Disk(spec) => spec.attr,
            Model::Ether(spec) => spec.attr,
            Model::Floppy(_) => floppy_attr(),
        }
    }

    /// The bus that it sits on.
    pub(crate) fn nexus(self) -> NexusKind {
        match self {
            Model::Disk(spec) => spec.nexus,
            Model::Ether(spec) => spec.nexus,
            Model::Floppy(_) => NexusKind::Isa,
        }
    }

    /// Bytes of its medium, where that is not made as large as the file.
    pub(crate) fn capacity(self) -> Option<u64> {
        match self {
            Model::Disk(_) | Model::Ether(_) => None,
            Model::Floppy(spec) => Some(spec.geometry.size()),
        }
    }

    fn description(self) -> &'static str {
        match self {
            Model::Disk(spec) => spec.description,
            Model::Ether(spec) => spec.description,
            Model::Floppy(spec) => spec.description,
        }
    }
}

/// All devices.
fn all() -> impl Iterator<Item = Model> {
    let (disks, ethers) = (DEVICES.iter().map(Model::Disk), ETHERS.iter().map(Model::Ether));
    disks.chain(ethers).chain(FLOPPIES.iter().map(Model::Floppy))
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

/// Finds a device by its name, for the command line.
pub(crate) fn find(name: &str) -> Result<Model, String> {
    let found = all().find(|device| device.name() == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = all().map(Model::name).collect();
        format!("there is no device `{name}`: there are {}", names.join(", "))
    })
}

/// Finds what files are transferred to by its name, for the command line.
pub(crate) fn find_target(name: &str) -> Result<Target, String> {
    if name == NVME {
        return Ok(Target::Nvme);
    }
    let model = find(name).map_err(|error| format!("{error}, and {NVME}"))?;
    Ok(Target::Simulated(model))
}

/// Lists those of the simulated machine, and the PCI devices of this one.
pub(crate) fn run(args: &DevicesArgs) -> anyhow::Result<Outcome> {
    let real = machine::devices::list(args.root.as_deref(), &args.addresses)?;
    let mut output = io::stdout().lock();
    match (args.format(), &args.addresses[..]) {
        (Format::Json, addresses) => {
            let simulated = if addresses.is_empty() { all().map(Row::from).collect() } else { Vec::new() };
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
        let attr = model.attr();
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
    for device in all() {
        let attr = device.attr();
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
