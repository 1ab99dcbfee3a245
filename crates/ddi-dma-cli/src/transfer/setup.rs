//! From arguments to a machine: what does not go together is refused, by its names.

use anyhow::{Context, anyhow, bail, ensure};
use ddi_dma::plan::Lists;
use ddi_dma::{BindFlags, BusConfig};
use ddi_dma_sim::{
    Backing, BufferSpec, DeviceName, FRAME_MOST, Fragmentation, Machine, MachineConfig, MediumConfig, Model,
    SECTOR,
};

use crate::cli::{self, BufferLayout, TransferArgs, WaitWay};
use crate::naming;

/// A disk up to this size is kept in memory, a larger one in a file.
const MEDIUM_IN_MEMORY: u64 = 64 << 20;

/// Most bytes of an object on a disk, of a frame, and of what goes to a floppy disk, where nothing else was said. The
/// last is a cylinder: what the controller moves in a command.
const OBJECT: u64 = 4 << 20;
const FRAME: u64 = 1500;
const CYLINDER: u64 = 36 * SECTOR;

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
    /// The slot that the devices are in, where the name says one.
    pub(super) slot: Option<u32>,
    /// The device, with all that is said of its machine.
    name: DeviceName,
}

impl<'a> Setup<'a> {
    /// Arranges a transfer by so many streams at once.
    pub(super) fn new(args: &'a TransferArgs, named: &DeviceName, streams: usize) -> anyhow::Result<Self> {
        let name = naming::settle(named, &args.options())?;
        let (model, config) = (name.model(), name.machine_config());
        if let Some(scratch) = &args.scratch {
            ensure!(
                scratch.is_dir(),
                "--scratch {}: there is no such directory: name one that exists",
                scratch.display()
            );
        }
        let (offset, page) = (args.offset, config.page_size.bytes());
        ensure!(offset < page, "--offset {offset} is not inside the first page: it must be below {page}");
        let object = BufferSpec::new(object_size(args, &name, streams)?).offset(offset);
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
        let flags = flags(args, &name)?;
        Ok(Setup { args, model, flags, way, object, unit, slot: name.slot(), name })
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
        let config = MachineConfig { medium: MediumConfig { size, backing }, ..self.name.machine_config() };
        Machine::new(config).map_err(|error| anyhow!("cannot build the machine: {error}"))
    }

    /// How the bus is set up.
    pub(super) fn bus_config(&self) -> BusConfig {
        self.name.bus_config()
    }
}

/// Bytes of an object: few enough that all streams have room for two, and on a disk whole sectors.
fn object_size(args: &TransferArgs, name: &DeviceName, streams: usize) -> anyhow::Result<u64> {
    let model = name.model();
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
    let memory: u64 = name.machine_config().memory.iter().map(|range| range.end - range.start).sum();
    let most = (memory / 8 / streams as u64).min(1 << 30);
    let size = asked.min(most) / unit * unit;
    ensure!(
        size > 0,
        "{memory} bytes of memory have no room for two objects of {unit} bytes a stream: give more with --memory, or \
         fewer streams with --parallel"
    );
    Ok(size)
}

fn flags(args: &TransferArgs, name: &DeviceName) -> anyhow::Result<BindFlags> {
    if let (Model::Ether(spec), Some(_)) = (name.model(), args.flags.first()) {
        bail!(
            "--flags has no effect on {}: its driver binds each frame for one list; leave it out",
            spec.name
        );
    }
    let flags = match (&args.flags[..], name.lists()) {
        ([], Lists::Many) => BindFlags::PARTIAL | BindFlags::STREAMING,
        (flags, Lists::Many) => cli::bind_flags(flags),
        (flags, Lists::One) => cli::bind_flags(flags) | BindFlags::ONE_LIST,
    };
    ensure!(
        !flags.contains(BindFlags::CONSISTENT | BindFlags::STREAMING),
        "--flags: {}",
        ddi_dma::BindErrorKind::Flags
    );
    Ok(flags)
}
