//! `transfer --device nvme`: a file to blocks of a real disk, and back.

mod disk;
mod open;
mod open_uio;
mod report;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow, bail, ensure};
use ddi_dma::BusConfig;
use ddi_dma_vfio::HostBuffer;
use ddi_dma_vfio::host::Host;

use super::progress::Progress;
use super::streams;
use crate::Outcome;
use crate::cli::{Format, NexusChoice, TransferArgs};
use crate::machine;
use disk::{Blocks, Memory, Passes};
use open::Opened;
use report::Report;

/// Bytes of an object where nothing else was said.
const OBJECT: u64 = 4 << 20;

/// Where the file goes.
#[derive(Debug, Clone, Copy)]
struct Order<'a> {
    path: &'a Path,
    nexus: NexusChoice,
    namespace: u32,
    lba: u64,
    writing: Writing,
    /// Bytes of an object, and where in its first page it starts.
    object: u64,
    offset: u64,
}

/// Whether the disk may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Allowed,
    /// It is told what would be overwritten.
    Refused,
}

/// Transfers a file to a real disk, which an option says or the device's name.
pub(super) fn run(args: &TransferArgs, named: Option<NexusChoice>) -> anyhow::Result<Outcome> {
    let order = Order::new(args, named)?;
    let started = Instant::now();
    let mut report = Report::new(order.nexus);
    if let Err(error) = carry_out(&order, args, &mut report) {
        report.error = Some(format!("{error:#}"));
    }
    report.seconds = started.elapsed().as_secs_f64();
    let mut output = io::stdout().lock();
    match args.format() {
        Format::Json => serde_json::to_writer_pretty(&mut output, &report)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(output)),
        Format::Text if report.error.is_none() => write!(output, "{report}"),
        Format::Text => Ok(()),
    }
    .context("cannot write the outcome")?;
    match (report.error, report.verified) {
        (Some(error), _) => Err(anyhow!(error)),
        (None, true) => Ok(Outcome::Good),
        (None, false) => Ok(Outcome::Bad),
    }
}

impl<'a> Order<'a> {
    fn new(args: &'a TransferArgs, named: Option<NexusChoice>) -> anyhow::Result<Self> {
        let real = &args.real;
        if let (Some(nexus), Some(named)) = (real.nexus, named) {
            ensure!(nexus == named, "--nexus {nexus}: --device {named} is another device: leave one out");
        }
        let (Some(nexus), Some(lba)) = (real.nexus.or(named), real.lba) else {
            let host = Host::this();
            let there = machine::devices::nvme_there(&host);
            bail!(
                "--device nvme: say which one with --nexus vfio:ADDRESS, and where with --lba BLOCK: there {there}"
            );
        };
        let [path] = &args.files[..] else {
            bail!("--lba {lba} is the place for one FILE, and not for {}: give one", args.files.len());
        };
        match (nexus, real.no_iommu) {
            (NexusChoice::Uio(address), false) => bail!(
                "--nexus {nexus}: nothing keeps the device from memory that is not its driver's, the kernel's among it: add \
                 --no-iommu if that may be, or take --nexus vfio:{address} where there is an IOMMU"
            ),
            (NexusChoice::Vfio(_), true) => bail!("--no-iommu: {nexus} is behind an IOMMU: leave it out"),
            _ => {}
        }
        let writing = if real.overwrite { Writing::Allowed } else { Writing::Refused };
        let namespace = real.namespace.unwrap_or(1);
        let object = args.object.unwrap_or(OBJECT);
        Ok(Order { path, nexus, namespace, lba, writing, object, offset: args.offset })
    }
}

fn carry_out(order: &Order<'_>, args: &TransferArgs, report: &mut Report) -> anyhow::Result<()> {
    let (file, length) = streams::open(order.path)?;
    let memory = ProcessMemory { offset: order.offset };
    // Whatever is wrong with the memory is told before anything is opened.
    drop(memory.buffer(1)?);
    let usual = BusConfig::default();
    let copy_buffer_limit = args.copy_buffer.unwrap_or(usual.copy_buffer_limit);
    let config = BusConfig { copy_buffer_limit, ..usual };
    let address = order.nexus.address();
    let Opened { mut nvme, keep } = match order.nexus {
        NexusChoice::Vfio(address) => open::vfio(address, config)?,
        NexusChoice::Uio(address) => open_uio::uio(address, config)?,
    };
    report.tell_controller(nvme.controller());
    let blocks = Blocks::find(&nvme, order.namespace, order.lba, length)?;
    report.tell_range(&blocks);
    if order.writing == Writing::Refused {
        nvme.shutdown().map_err(|fault| anyhow!("{address}: cannot shut the controller down: {fault}"))?;
        bail!("{}", report.would_overwrite(order.path));
    }
    let progress = Progress::new(length.saturating_mul(2));
    let object = blocks.object(order.object)?;
    let mut passes =
        Passes { nvme: &mut nvme, memory: &memory, blocks, file: &file, length, object, progress: &progress };
    let copied = passes.there_and_back(report);
    report.interrupts = nvme.counts().interrupts;
    drop(progress);
    // The disk is left in order whatever became of the file.
    let ended = nvme.shutdown().map_err(|fault| anyhow!("cannot shut the controller down: {fault}"));
    drop(keep);
    copied.and(ended).with_context(|| format!("{} at {address}", order.path.display()))
}

/// Memory of this process.
struct ProcessMemory {
    /// Where in its first page each object starts.
    offset: u64,
}

impl Memory for ProcessMemory {
    type Buffer = HostBuffer;

    fn buffer(&self, length: u64) -> anyhow::Result<HostBuffer> {
        HostBuffer::with_offset(length, self.offset).with_context(|| {
            format!("no memory for an object of {length} bytes at --offset {}: give another, or a smaller --object", self.offset)
        })
    }

    fn fill(&self, buffer: &mut HostBuffer, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(buffer.write(0, bytes)?)
    }

    fn take(&self, buffer: &HostBuffer, bytes: &mut [u8]) -> anyhow::Result<()> {
        Ok(buffer.read(0, bytes)?)
    }
}
