//! The arguments of `transfer`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ddi_dma_sim::{DeviceOptions, IommuSwitch};

use super::Format;
use super::object::{Flag, PageSize};
use super::real::RealArgs;
use crate::devices::{self, Target};
use crate::{naming, number};

/// Write files to disks and read them back, by DMA, and say what that took; most disks are simulated
///
/// For a simulated disk a machine is built, with memory in pages that lie all over it. A file is written to the disk object by object, each
/// in freshly scattered memory, and read back into other memory. The checksums of what was sent and of what came back
/// are compared, and so are the bytes. The disk's engine has the limits that `ddi-dma devices` shows: it moves bytes by
/// bus address alone, and an address that it cannot reach is a bus fault. A network device sends the file frame by
/// frame instead, and receives what its loopback brings. A floppy disk is not made as large as the file, which has to
/// fit: its controller has no engine, and a channel of the machine's DMA engine moves the bytes.
///
/// The device nvme is a real disk: a driver in this program has it over VFIO, and the FILE is written to its blocks from
/// --lba on. That is refused without --overwrite. Whole blocks are written: zeros follow the end of the file.
///
/// With several FILEs, or with --parallel, each stream has a device and a handle of its own; the bus with its copy
/// buffer and its map space is one for all, and so is the DMA engine: streams to floppy disks take turns at its channel.
#[derive(Debug, Args)]
#[command(after_help = TRANSFER_EXAMPLES, allow_negative_numbers = true)]
pub(crate) struct TransferArgs {
    /// The files to transfer, one a stream
    #[arg(value_name = "FILE", required_unless_present = "list_devices")]
    pub(crate) files: Vec<PathBuf>,

    /// The device: isa-disk, isa-sg-disk, pci-disk, latch-disk, pci64-disk, sbus-disk, isa-master, sbus-ether or floppy,
    /// which are simulated, or nvme, which is not; or its name as programs in C open it, which is sim:DEVICE,
    /// sim:DEVICE?KEY=VALUE&KEY=VALUE, or vfio:ADDRESS for nvme with --nexus vfio:ADDRESS
    #[arg(long, value_name = "DEVICE", value_parser = devices::find_target, required_unless_present = "list_devices")]
    pub(crate) device: Option<Target>,

    /// List the devices with their attributes, and do nothing else
    #[arg(long)]
    pub(crate) list_devices: bool,

    /// Streams at once, at most 256; where there are fewer FILEs, some are transferred by several streams
    #[arg(long, value_name = "N", value_parser = streams, default_value = "1")]
    pub(crate) parallel: usize,

    /// What a bind does where a resource is short [default: sleep with --parallel, else dontwait]
    #[arg(long, value_name = "WAY")]
    pub(crate) wait: Option<WaitWay>,

    /// Memory of the machine: below 16 MiB first, half of the rest above 4 GiB [default: 6G]
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    pub(crate) memory: Option<u64>,

    /// Another seed scatters the pages otherwise; the same one does all the same, but where streams race [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = number::parse)]
    pub(crate) seed: Option<u64>,

    /// Memory that stands in for what the engine does not reach [default: 1052672]
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    pub(crate) copy_buffer: Option<u64>,

    /// I/O addresses of the bus' IOMMU: SBus, or PCI with --iommu on [default: 16M on SBus, 2^48 on PCI]
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    pub(crate) dvma: Option<u64>,

    /// How the objects are bound, on disks [default: partial,streaming]
    #[arg(long, value_name = "FLAG,...", value_delimiter = ',')]
    pub(crate) flags: Vec<Flag>,

    /// How the pages of an object lie
    #[arg(long, value_name = "LAYOUT", default_value = "scattered")]
    pub(crate) layout: BufferLayout,

    /// Where in its first page each object starts
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "0")]
    pub(crate) offset: u64,

    /// Size of the machine's pages [default: 8k with an SBus device, else 4k]
    #[arg(long, value_name = "SIZE")]
    pub(crate) page_size: Option<PageSize>,

    /// Whether an IOMMU stands between the PCI bus and memory [default: off]
    #[arg(long, value_name = "STATE")]
    pub(crate) iommu: Option<IommuState>,

    /// Most bytes of one object [default: 4M on disks, frames of 1500 on a network device, 18K on a floppy disk]
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    pub(crate) object: Option<u64>,

    /// Where a disk of more than 64 MiB keeps its sectors, instead of the system's directory for temporary files
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) scratch: Option<PathBuf>,

    /// Print a JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) real: RealArgs,
}

const TRANSFER_EXAMPLES: &str = "\
Examples:
  ddi-dma transfer movie.mkv --device isa-disk
      nearly all pages are out of reach of an ISA engine: windows slide through the copy buffer
  ddi-dma transfer movie.mkv --device pci-disk --iommu on --json
      the IOMMU makes scattered pages contiguous for the device
  ddi-dma transfer movie.mkv --device sbus-disk --dvma 64K
      windows slide through eight pages of I/O addresses
  ddi-dma transfer notes.txt --device isa-disk --parallel 8 --copy-buffer 4096 --wait callback
      eight streams share one page; whoever finds it taken is called when it is free again
  ddi-dma transfer *.c --device sbus-ether --dvma 8K
      frames out and back, one page of I/O addresses for both
  ddi-dma transfer notes.txt --device floppy --parallel 4
      four controllers and one DMA channel, for which streams wait
  ddi-dma transfer notes.txt --device 'sim:pci-disk?seed=7&copy_buffer=4096'
      the same as --device pci-disk --seed 7 --copy-buffer 4096
  ddi-dma transfer notes.txt --device nvme --nexus vfio:0000:00:03.0 --lba 2048
      tells which disk that is and which blocks the file would overwrite, and writes nothing
  ddi-dma transfer notes.txt --device vfio:0000:00:03.0 --lba 2048 --overwrite
      writes a real disk, and reads back what it wrote
  ddi-dma transfer notes.txt --device nvme --nexus uio:0000:00:03.0 --no-iommu --lba 2048 --overwrite
      the same as root where there is no IOMMU: what the device does to other memory nobody keeps it from
  ddi-dma transfer notes.txt --device latch-disk --layout contiguous --memory 64M --seed 7
  ddi-dma transfer notes.txt --device isa-disk --flags one-list
      an error, where an object takes more than one list

The keys of a name are seed, page_size, memory, copy_buffer, iommu and dvma, which say what the options say; one_list
(on: as --flags one-list), frame_limit (bytes of memory in use at once), dma_pool (bytes below 16 MiB for copy buffers),
handle_limit; and on the SBus streaming_cache (on, off), physical (honoured, refused), slave_only_slots (as 1,3) and slot.
Numbers are decimal or 0x, with K, M, G or T behind them.

The JSON object has verified, device, bytes, windows, lists, cookies, copied_bytes (both ways together), seconds,
write and read (each way by itself), sha256 (of one stream), streams (file, verified, bytes, sha256, figures and error
of each), reasons, stats (binds, partial_binds, bytes_copied, waits, callbacks, passes, shortages of copy_buffer,
map_space and handles, quarantined_bytes, and dma_channels: waits, callbacks and passes of those who waited for a channel
of the DMA engine), and error where there was one. That of nvme has verified, written, nexus, controller (model, serial,
firmware), range (namespace, block_size, first, last, blocks), bytes, seconds, write and read (objects, commands, windows,
copied_bytes), interrupts, sha256, and difference and error where there were some.

Exit status: 0 only where what came back is what was sent, in all streams.";

impl TransferArgs {
    /// What the options say of a simulated machine.
    pub(crate) fn options(&self) -> DeviceOptions {
        DeviceOptions {
            seed: self.seed,
            page_size: self.page_size.map(PageSize::into),
            memory: self.memory,
            copy_buffer: self.copy_buffer,
            one_list: naming::one_list(&self.flags),
            iommu: self.iommu.map(IommuState::into),
            dvma: self.dvma,
            ..DeviceOptions::default()
        }
    }

    /// How the outcome is printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// What a bind does where a resource is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitWay {
    /// It gives up with an error
    Dontwait,
    /// It rests until the resource is there
    Sleep,
    /// It returns; a callback tries again when something was released
    Callback,
}

/// How the pages of an object lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BufferLayout {
    /// Side by side
    Contiguous,
    /// Each elsewhere
    Scattered,
    /// In runs of 1 to 16 pages, each run elsewhere
    Mixed,
}

/// Whether there is an IOMMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IommuState {
    On,
    Off,
}

impl From<IommuState> for IommuSwitch {
    fn from(state: IommuState) -> Self {
        match state {
            IommuState::On => IommuSwitch::On,
            IommuState::Off => IommuSwitch::Off,
        }
    }
}

/// Most streams at once.
const STREAMS_MOST: u64 = 256;

fn streams(text: &str) -> Result<usize, String> {
    number::count(text, 1, STREAMS_MOST).map(|streams| streams as usize)
}
