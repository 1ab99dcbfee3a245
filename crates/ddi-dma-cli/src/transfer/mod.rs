//! `transfer`: a file to a simulated disk and back, by DMA.

mod outcome;
mod passes;
mod progress;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow, bail, ensure};
use ddi_dma::BusConfig;
use ddi_dma_sim::{
    Backing, BufferSpec, DeviceSpec, DiskDriver, Explain, Fragmentation, Iommu, Machine, MachineConfig,
    MediumConfig, PageSize, SECTOR, memory_map,
};

use crate::cli::{self, BufferLayout, Format, IommuState, TransferArgs};
use crate::{Outcome, devices};
use outcome::Transferred;
use passes::Passes;

/// A disk up to this size is kept in memory, a larger one in a file.
const MEDIUM_IN_MEMORY: u64 = 64 << 20;

/// Bytes that the machine keeps for copy buffers below 16 MiB, at the most.
const POOL_MOST: u64 = 8 << 20;

/// Transfers a file there and back.
pub(crate) fn run(args: &TransferArgs) -> anyhow::Result<Outcome> {
    let (file, device) = match (&args.file, args.device) {
        _ if args.list_devices => return devices::run(),
        (Some(file), Some(device)) => (file, device),
        _ => bail!("say which FILE goes to which --device"),
    };
    let started = Instant::now();
    let mut transferred = Transferred::new(device.name, args);
    let result = there_and_back(file, device, args, &mut transferred);
    transferred.sum();
    transferred.seconds = started.elapsed().as_secs_f64();
    if let Err(error) = &result {
        transferred.error = Some(format!("{error:#}"));
    }
    let mut output = io::stdout().lock();
    match args.format() {
        Format::Json => serde_json::to_writer_pretty(&mut output, &transferred)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(output))
            .context("cannot write the outcome")?,
        Format::Text if result.is_ok() => {
            write!(output, "{transferred}").context("cannot write the outcome")?
        }
        Format::Text => {}
    }
    result?;
    Ok(if transferred.verified { Outcome::Good } else { Outcome::Bad })
}

fn there_and_back(
    path: &Path,
    device: &DeviceSpec,
    args: &TransferArgs,
    transferred: &mut Transferred,
) -> anyhow::Result<()> {
    let name = path.display();
    let (file, length) = open(path)?;
    transferred.bytes = length;
    let object = object_size(args)?;
    let machine = machine(args, length)?;
    let config = BusConfig { copy_buffer_limit: args.copy_buffer, ..BusConfig::default() };
    let driver = DiskDriver::new(&machine, device.name, config)?.explaining(Explain::Yes);
    let (offset, page) = (args.offset, args.page_size.bytes());
    ensure!(offset < page, "--offset {offset} is not inside the first page: it must be below {page}");
    let buffer = BufferSpec::new(object).offset(args.offset).fragmentation(match args.layout {
        BufferLayout::Contiguous => Fragmentation::Contiguous,
        BufferLayout::Scattered => Fragmentation::Scattered,
        BufferLayout::Mixed => Fragmentation::Mixed,
    });
    let flags = cli::bind_flags(&args.flags);
    let mut passes = Passes::new(&machine, driver, buffer, flags, length);
    let sent = passes
        .write(&file, &mut transferred.write, &mut transferred.reasons)
        .with_context(|| format!("{name} to the disk"))?;
    let back = passes
        .read(&file, &mut transferred.read, &mut transferred.reasons)
        .with_context(|| format!("{name} from the disk"))?;
    transferred.judge(sent, back);
    if let (true, Some(difference)) = (transferred.verified, &transferred.difference) {
        let at = difference.offset;
        transferred.verified = false;
        bail!("{name} changed while it was transferred, at byte {at:#x}: try again when nobody writes it");
    }
    Ok(())
}

/// Opens a file and tells its length.
fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let about = file.metadata().with_context(|| format!("cannot open {name}"))?;
    ensure!(!about.is_dir(), "{name} is a directory: give a file");
    ensure!(
        about.is_file(),
        "{name} is no regular file: copy what it gives into one, since the disk is made as large"
    );
    ensure!(about.len() > 0, "{name} is empty: there is nothing to transfer");
    Ok((file, about.len()))
}

/// Builds a machine whose disks hold `length` bytes.
fn machine(args: &TransferArgs, length: u64) -> anyhow::Result<Machine> {
    let page_size = match args.page_size {
        cli::PageSize::Kib4 => PageSize::Kib4,
        cli::PageSize::Kib8 => PageSize::Kib8,
    };
    let size = length.checked_next_multiple_of(SECTOR).context("the file is larger than any disk")?;
    let backing = if size <= MEDIUM_IN_MEMORY {
        Backing::Memory
    } else {
        Backing::File(args.scratch.clone().unwrap_or_else(std::env::temp_dir))
    };
    let page = page_size.bytes();
    let copy_buffer =
        args.copy_buffer.checked_next_multiple_of(page).context("--copy-buffer is larger than any memory")?;
    let config = MachineConfig {
        seed: args.seed,
        page_size,
        memory: memory_map(args.memory),
        dma_pool: copy_buffer.min(POOL_MOST).min(args.memory / 4 / page * page),
        copy_buffer_limit: copy_buffer,
        iommu: match args.iommu {
            IommuState::On => Iommu::on(),
            IommuState::Off => Iommu::Off,
        },
        medium: MediumConfig { size, backing },
        ..MachineConfig::default()
    };
    Machine::new(config).map_err(|error| anyhow!("cannot build the machine: {error}"))
}

/// Bytes of an object: whole sectors, and few enough that two objects have room.
fn object_size(args: &TransferArgs) -> anyhow::Result<u64> {
    let most = (args.memory / 8).min(1 << 30);
    let size = args.object.min(most) / SECTOR * SECTOR;
    ensure!(args.object >= SECTOR, "--object {} is less than a sector of {SECTOR} bytes", args.object);
    ensure!(size > 0, "--memory {} has no room for two objects of a sector each: give more", args.memory);
    Ok(size)
}
