//! From arguments to a machine: what does not go together is refused, by its names.

use std::ops::RangeInclusive;

use anyhow::{Context, anyhow, bail, ensure};
use ddi_dma::BindFlags;
use ddi_dma_sim::{
    Backing, BufferSpec, FRAME_MOST, Fragmentation, Iommu, Machine, MachineConfig, MediumConfig, NexusKind,
    PageSize, SECTOR, SbusConfig, memory_map,
};

use crate::cli::{self, BufferLayout, Flag, IommuState, TransferArgs, WaitWay};
use crate::devices::Model;

/// A disk up to this size is kept in memory, a larger one in a file.
const MEDIUM_IN_MEMORY: u64 = 64 << 20;

/// Bytes that the machine keeps for copy buffers below 16 MiB, at the most.
const POOL_MOST: u64 = 8 << 20;

/// Bytes of memory that machines have, at the most.
const MEMORY_MOST: u64 = 1 << 60;

/// Most bytes of an object on a disk, of a frame, and of what goes to a floppy disk, where nothing else was said. The
/// last is a cylinder: what the controller moves in a command.
const OBJECT: u64 = 4 << 20;
const FRAME: u64 = 1500;
const CYLINDER: u64 = 36 * SECTOR;

/// Where the I/O addresses of the SBus start, and how many there are.
const SBUS_FIRST: u64 = 0xFF00_0000;
const SBUS_MOST: u64 = 1 << 24;

/// The I/O addresses of the PCI bus' IOMMU.
const PCI_MOST: u64 = 1 << 48;

/// A transfer, arranged.
pub(super) struct Setup<'a> {
    args: &'a TransferArgs,
    pub(super) model: Model,
    pub(super) flags: BindFlags,
    pub(super) way: WaitWay,
    /// What every object is like.
    pub(super) object: BufferSpec,
    /// What the driver takes is a multiple of so many bytes.
    pub(super) unit: u64,
    page_size: PageSize,
    iommu: Iommu,
    sbus: SbusConfig,
}

impl<'a> Setup<'a> {
    /// Arranges a transfer by so many streams at once.
    pub(super) fn new(args: &'a TransferArgs, model: Model, streams: usize) -> anyhow::Result<Self> {
        let page_size = match (args.page_size, model.nexus()) {
            (Some(cli::PageSize::Kib8), _) | (None, NexusKind::Sbus) => PageSize::Kib8,
            (Some(cli::PageSize::Kib4), _) | (None, NexusKind::Isa | NexusKind::Pci) => PageSize::Kib4,
        };
        ensure!(
            args.memory <= MEMORY_MOST,
            "--memory {} is more than a machine can have: give at most {MEMORY_MOST}",
            args.memory
        );
        if let Some(scratch) = &args.scratch {
            ensure!(
                scratch.is_dir(),
                "--scratch {}: there is no such directory: name one that exists",
                scratch.display()
            );
        }
        let (offset, page) = (args.offset, page_size.bytes());
        ensure!(offset < page, "--offset {offset} is not inside the first page: it must be below {page}");
        let object = BufferSpec::new(object_size(args, model, streams)?).offset(offset);
        let object = object.fragmentation(match args.layout {
            BufferLayout::Contiguous => Fragmentation::Contiguous,
            BufferLayout::Scattered => Fragmentation::Scattered,
            BufferLayout::Mixed => Fragmentation::Mixed,
        });
        let way = match args.wait {
            Some(way) => way,
            None if streams > 1 => WaitWay::Sleep,
            None => WaitWay::Dontwait,
        };
        let unit = match model {
            // Its engine ends within a sector.
            Model::Disk(_) | Model::Ether(_) => 1,
            Model::Floppy(_) => SECTOR,
        };
        let flags = flags(args, model)?;
        let (iommu, sbus) = (iommu(args, model, page)?, sbus(args, model, page)?);
        Ok(Setup { args, model, flags, way, object, unit, page_size, iommu, sbus })
    }

    /// Builds the machine; its disks hold `length` bytes each.
    pub(super) fn machine(&self, length: u64) -> anyhow::Result<Machine> {
        let args = self.args;
        let size = length.checked_next_multiple_of(SECTOR).context("the file is larger than any disk")?;
        let backing = if size <= MEDIUM_IN_MEMORY {
            Backing::Memory
        } else {
            Backing::File(args.scratch.clone().unwrap_or_else(std::env::temp_dir))
        };
        let page = self.page_size.bytes();
        let copy_buffer = args.copy_buffer.checked_next_multiple_of(page).with_context(|| {
            format!("--copy-buffer {} is larger than any memory: give less", args.copy_buffer)
        })?;
        let config = MachineConfig {
            seed: args.seed,
            page_size: self.page_size,
            memory: memory_map(args.memory),
            dma_pool: copy_buffer.min(POOL_MOST).min(args.memory / 4 / page * page),
            copy_buffer_limit: copy_buffer,
            iommu: self.iommu.clone(),
            sbus: self.sbus.clone(),
            medium: MediumConfig { size, backing },
            ..MachineConfig::default()
        };
        Machine::new(config).map_err(|error| anyhow!("cannot build the machine: {error}"))
    }
}

/// Bytes of an object: few enough that all streams have room for two, and on a disk whole sectors.
fn object_size(args: &TransferArgs, model: Model, streams: usize) -> anyhow::Result<u64> {
    let (unit, usual) = match model {
        Model::Disk(_) => (SECTOR, OBJECT),
        Model::Ether(_) => (1, FRAME),
        Model::Floppy(_) => (SECTOR, CYLINDER),
    };
    let asked = args.object.unwrap_or(usual);
    match model {
        Model::Disk(_) | Model::Floppy(_) => {
            ensure!(
                asked >= SECTOR,
                "--object {asked} is less than a sector of {SECTOR} bytes: give at least that many"
            )
        }
        Model::Ether(spec) => ensure!(
            (1..=FRAME_MOST).contains(&asked),
            "--object {asked} is no frame of {}: it holds 1 to {FRAME_MOST} bytes",
            spec.name
        ),
    }
    let most = (args.memory / 8 / streams as u64).min(1 << 30);
    let size = asked.min(most) / unit * unit;
    ensure!(
        size > 0,
        "--memory {} has no room for two objects of {unit} bytes a stream: give more, or fewer streams with --parallel",
        args.memory
    );
    Ok(size)
}

fn flags(args: &TransferArgs, model: Model) -> anyhow::Result<BindFlags> {
    if let (Model::Ether(spec), Some(_)) = (model, args.flags.first()) {
        bail!(
            "--flags has no effect on {}: its driver binds each frame for one list; leave it out",
            spec.name
        );
    }
    let flags = if args.flags.is_empty() { &[Flag::Partial, Flag::Streaming] } else { &args.flags[..] };
    let flags = cli::bind_flags(flags);
    ensure!(
        !flags.contains(BindFlags::CONSISTENT | BindFlags::STREAMING),
        "--flags: {}",
        ddi_dma::BindErrorKind::Flags
    );
    Ok(flags)
}

/// The IOMMU of the PCI bus.
fn iommu(args: &TransferArgs, model: Model, page: u64) -> anyhow::Result<Iommu> {
    let name = model.name();
    match (model.nexus(), args.iommu) {
        (NexusKind::Isa, Some(IommuState::On)) => {
            bail!(
                "--iommu on: {name} sits on the ISA bus, which has no IOMMU: take a PCI device, or leave it out"
            )
        }
        (NexusKind::Isa, _) if args.dvma.is_some() => {
            bail!(
                "--dvma limits the addresses of an IOMMU, and {name} sits on the ISA bus, which has none: leave it out"
            )
        }
        (NexusKind::Sbus, Some(IommuState::Off)) => {
            bail!("--iommu off: {name} sits on the SBus, whose IOMMU is always on: leave it out")
        }
        (NexusKind::Pci, Some(IommuState::On)) => match args.dvma {
            // The first page is never among the addresses that the IOMMU gives out.
            Some(bytes) => Ok(Iommu::On { space: addresses(page, bytes, PCI_MOST - page, page)? }),
            None => Ok(Iommu::on()),
        },
        (NexusKind::Pci, _) if args.dvma.is_some() => {
            bail!("--dvma limits the addresses of an IOMMU: add --iommu on, or leave it out")
        }
        _ => Ok(Iommu::Off),
    }
}

fn sbus(args: &TransferArgs, model: Model, page: u64) -> anyhow::Result<SbusConfig> {
    match (model.nexus(), args.dvma) {
        (NexusKind::Sbus, Some(bytes)) => {
            let dvma = addresses(SBUS_FIRST, bytes, SBUS_MOST, page)?;
            Ok(SbusConfig { dvma, ..SbusConfig::default() })
        }
        _ => Ok(SbusConfig::default()),
    }
}

/// Whole pages of I/O addresses from `first` on.
fn addresses(first: u64, bytes: u64, most: u64, page: u64) -> anyhow::Result<RangeInclusive<u64>> {
    ensure!(bytes >= page, "--dvma {bytes} holds no page of {page} bytes: give at least that many");
    ensure!(bytes <= most, "--dvma {bytes} is more than the bus has: give at most {most}");
    Ok(first..=first + bytes / page * page - 1)
}
