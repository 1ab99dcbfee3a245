//! The command line.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ddi_dma::{BindFlags, DmaAttr};
use ddi_dma_vfio::{ParseAddressError, PciAddress};

use crate::attr_file::{AttrFile, MEMBERS};
use crate::devices::{self, Model, Target};
use crate::number;

/// DMA as the Solaris DDI means it: what becomes of memory that an engine is given, and why.
///
/// A device's limits are twelve numbers (ddi_dma_attr(9S)). From these, and from where memory lies, follow windows,
/// scatter/gather lists and cookies, and what must be copied because the engine does not reach it.
#[derive(Debug, Parser)]
#[command(name = "ddi-dma", version, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 where all is well, 1 where it is not (the output says what), 2 for a command line \
that makes no sense."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Transfer(TransferArgs),
    Plan(PlanArgs),
    Check(CheckArgs),
    Devices(DevicesArgs),
    Doctor(DoctorArgs),
}

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
    /// which are simulated, or nvme, which is not
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

    /// Memory of the machine: below 16 MiB first, half of the rest above 4 GiB
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "6G")]
    pub(crate) memory: u64,

    /// Another seed scatters the pages otherwise; the same one does all the same, but where streams race
    #[arg(long, value_name = "NUMBER", value_parser = number::parse, default_value = "1")]
    pub(crate) seed: u64,

    /// Memory that stands in for what the engine does not reach
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "1052672")]
    pub(crate) copy_buffer: u64,

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

/// What is said of a device that is not simulated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Real devices")]
pub(crate) struct RealArgs {
    /// Which device, and how it is reached: vfio:ADDRESS, behind an IOMMU, or uio:ADDRESS, where there is none; see
    /// `ddi-dma devices`
    #[arg(long, value_name = "NEXUS", requires = "lba", conflicts_with_all = SIMULATED)]
    pub(crate) nexus: Option<NexusChoice>,

    /// The first block to write
    #[arg(long, value_name = "BLOCK", value_parser = number::parse, requires = "nexus")]
    pub(crate) lba: Option<u64>,

    /// The namespace whose blocks they are [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = namespace, requires = "nexus")]
    pub(crate) namespace: Option<u32>,

    /// Write, whatever the blocks hold; without it the program only tells what it would overwrite
    #[arg(long, requires = "nexus")]
    pub(crate) overwrite: bool,

    /// Let the device reach all of memory, the kernel's among it, which uio:ADDRESS takes: nothing stands between
    #[arg(long, requires = "nexus")]
    pub(crate) no_iommu: bool,
}

/// What makes sense with simulated machines alone.
const SIMULATED: [&str; 11] = [
    "list_devices",
    "parallel",
    "wait",
    "memory",
    "seed",
    "dvma",
    "flags",
    "layout",
    "page_size",
    "iommu",
    "scratch",
];

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
  ddi-dma transfer notes.txt --device nvme --nexus vfio:0000:00:03.0 --lba 2048
      tells which disk that is and which blocks the file would overwrite, and writes nothing
  ddi-dma transfer notes.txt --device nvme --nexus vfio:0000:00:03.0 --lba 2048 --overwrite
      writes a real disk, and reads back what it wrote
  ddi-dma transfer notes.txt --device nvme --nexus uio:0000:00:03.0 --no-iommu --lba 2048 --overwrite
      the same as root where there is no IOMMU: what the device does to other memory nobody keeps it from
  ddi-dma transfer notes.txt --device latch-disk --layout contiguous --memory 64M --seed 7
  ddi-dma transfer notes.txt --device isa-disk --flags one-list
      an error, where an object takes more than one list

The JSON object has verified, device, bytes, windows, lists, cookies, copied_bytes (both ways together), seconds,
write and read (each way by itself), sha256 (of one stream), streams (file, verified, bytes, sha256, figures and error
of each), reasons, stats (binds, partial_binds, bytes_copied, waits, callbacks, passes, shortages of copy_buffer,
map_space and handles, quarantined_bytes, and dma_channels: waits, callbacks and passes of those who waited for a channel
of the DMA engine), and error where there was one. That of nvme has verified, written, nexus, controller (model, serial,
firmware), range (namespace, block_size, first, last, blocks), bytes, seconds, write and read (objects, commands, windows,
copied_bytes), interrupts, sha256, and difference and error where there were some.

Exit status: 0 only where what came back is what was sent, in all streams.";

/// Show the windows, lists and cookies that memory becomes, and why
///
/// The object's addresses are bus addresses: the nexus of this command adds no limits of its own. Copied bytes are
/// given a place in memory that the engine reaches and the object does not have.
#[derive(Debug, Args)]
#[command(after_help = PLAN_EXAMPLES, allow_negative_numbers = true)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) source: OptionalSource,

    /// Read one case a line from FILE (- is the standard input) and print one JSON line each
    #[arg(long, value_name = "FILE", conflicts_with_all = ["device", "attr", "length", "address", "json"])]
    pub(crate) jsonl: Option<PathBuf>,

    /// Bytes of the object; all that a layout FILE has where it is not given
    #[arg(long, value_name = "BYTES", value_parser = number::parse)]
    pub(crate) length: Option<u64>,

    /// Bytes to skip before the object starts: where in its first page it lies
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "0")]
    pub(crate) offset: u64,

    /// Where the pages lie: contiguous, scattered, or a FILE with a line for each extent, "ADDRESS LENGTH", or for
    /// each page, its frame number alone; # starts a comment
    #[arg(long, value_name = "LAYOUT", default_value = "scattered")]
    pub(crate) layout: LayoutChoice,

    /// Address of the first page of a contiguous layout, instead of one that the seed chooses
    #[arg(long, value_name = "ADDRESS", value_parser = number::parse)]
    pub(crate) address: Option<u64>,

    /// Memory that pages are scattered over, from address 0
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "64M")]
    pub(crate) memory: u64,

    /// Another seed scatters the pages otherwise; the same one gives the same plan
    #[arg(long, value_name = "NUMBER", value_parser = number::parse, default_value = "1")]
    pub(crate) seed: u64,

    /// Most bytes that one window copies
    #[arg(long, value_name = "BYTES", value_parser = number::parse, default_value = "1052672")]
    pub(crate) copy_buffer: u64,

    /// How the object is bound
    #[arg(long, value_name = "FLAG,...", value_delimiter = ',')]
    pub(crate) flags: Vec<Flag>,

    /// Size of the machine's pages
    #[arg(long, value_name = "SIZE", default_value = "4k")]
    pub(crate) page_size: PageSize,

    /// Print a JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Most lines of the table; 0 shows all
    #[arg(long, value_name = "LINES", value_parser = rows, default_value = "200")]
    pub(crate) rows: usize,
}

const PLAN_EXAMPLES: &str = "\
Examples:
  ddi-dma plan --device isa-sg-disk --length 64K --offset 0x200
      17 scattered pages for an engine that reaches 16 MiB
  ddi-dma plan --device isa-disk --length 256K --layout contiguous --address 0xFE0000 --json
      an object across the end of the engine's reach
  ddi-dma plan --attr mydisk.toml --layout extents.txt --flags partial --copy-buffer 16K
      your own engine and your own pages, sliding through a small copy buffer
  ddi-dma plan --jsonl cases.jsonl > plans.jsonl
      many cases: a line has \"attr\", \"object\" {\"offset\", \"len\", \"pfns\" of 4 KiB pages}, \"flags\"
      and perhaps \"max_copybuf\"; numbers reach 2^64 - 1, and sgllen -1 is no limit";

/// Tell what is wrong or dubious in an attribute structure, member by member
///
/// Wrong is what no engine can have, and what a bind would answer with BADATTR. Dubious is what an engine may have
/// and what is more often a slip: an exclusive addr_hi, a count that is not minus one, a granule that no list holds.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) source: Source,

    /// Print a JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  ddi-dma check --attr mydisk.toml
  ddi-dma check --attr mydisk.toml --json | jq '.members[] | select(.verdict != \"ok\")'

An attribute file is TOML; a member that is not given sets no limit. The names of C work too (dma_attr_addr_hi).
  addr_hi = 0x00FF_FFFF            # inclusive
  count_max = 0xFFFF               # the largest count, minus one
  maxxfer = \"0xffffffffffffffff\"   # numbers above 2^63 - 1 are strings
  seg = 0xFFFF                     # the boundary, minus one
  sgllen = 17                      # -1: no limit
  granular = 512
  flags = [\"FORCE_PHYSICAL\"]       # or a number

Exit status: 1 where a member is wrong, 0 where some are dubious at most.";

/// List the devices there are: simulated ones with their attributes, and this machine's PCI devices
///
/// Of each PCI device it tells driver, IOMMU group and who else is in it, regions, interrupts and ways to reset it, what
/// the system does with it now, and the commands that make it ready for a driver over VFIO. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = DEVICES_EXAMPLES)]
pub(crate) struct DevicesArgs {
    /// Only the PCI devices at these addresses, such as 0000:00:03.0
    #[arg(value_name = "ADDRESS")]
    pub(crate) addresses: Vec<PciAddress>,

    /// Look at another machine, whose sys, proc, dev, lib and etc were copied below DIRECTORY
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) root: Option<PathBuf>,

    /// Print a JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

const DEVICES_EXAMPLES: &str = "\
Examples:
  ddi-dma devices
  ddi-dma devices 0000:00:03.0
      one device, and the commands that make it ready
  ddi-dma devices --json | jq -r '.pci[] | select(.usable) | .address'

Lines with $ are commands for a shell, in the order in which they are needed; lines with - say what no command does.
They take a device away from the system: see what it does with it first.";

/// Tell whether drivers can have PCI devices here, over VFIO, and what mends what is missing
///
/// Looks at the kernel, the IOMMU, its modules, the groups of devices and who else is in them, the limit on locked memory,
/// huge pages and permissions. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Look at another machine, whose sys, proc, dev, lib and etc were copied below DIRECTORY
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) root: Option<PathBuf>,

    /// Print a JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  ddi-dma doctor
  ddi-dma doctor --json | jq -r '.findings[] | select(.verdict == \"bad\") | .mends[].command // empty'
      the commands alone

Each line has a verdict: ok, limited (VFIO works, but slowly or with less) or bad (it does not work before this is mended).
Below it, lines with $ are commands for a shell; lines with - say what no command does.

Exit status: 0 where VFIO can be used now, with the devices that the last line names; 1 where it cannot.";

/// Where attributes come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Source {
    /// A device by its name: see `ddi-dma devices`
    #[arg(long, value_name = "DEVICE", value_parser = devices::find)]
    pub(crate) device: Option<Model>,

    /// Attributes from a TOML file: see `ddi-dma check --help`
    #[arg(long, value_name = "FILE")]
    pub(crate) attr: Option<PathBuf>,
}

/// Where attributes come from, for a command that has use for none.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(crate) struct OptionalSource {
    /// A device by its name: see `ddi-dma devices`
    #[arg(long, value_name = "DEVICE", value_parser = devices::find)]
    pub(crate) device: Option<Model>,

    /// Attributes from a TOML file: see `ddi-dma check --help`
    #[arg(long, value_name = "FILE")]
    pub(crate) attr: Option<PathBuf>,
}

impl TransferArgs {
    /// How the outcome is printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl PlanArgs {
    /// How the plan is printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl DevicesArgs {
    /// How the devices are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl DoctorArgs {
    /// How the findings are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl CheckArgs {
    /// How the findings are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

impl Source {
    /// The attributes, as a file has them.
    pub(crate) fn file(&self) -> anyhow::Result<AttrFile> {
        match (&self.device, &self.attr) {
            (Some(device), _) => {
                Ok(AttrFile { attr: device.attr(), given: MEMBERS.to_vec(), unfit: Vec::new() })
            }
            (None, Some(path)) => AttrFile::read(path),
            (None, None) => Err(anyhow!("no attributes: name a device with --device or a file with --attr")),
        }
    }
}

impl OptionalSource {
    /// The attributes and a name for them.
    pub(crate) fn attributes(&self) -> anyhow::Result<(String, DmaAttr)> {
        match (&self.device, &self.attr) {
            (Some(device), _) => Ok((device.name().to_owned(), device.attr())),
            (None, Some(path)) => {
                let name = path.display().to_string();
                let attr = AttrFile::read(path)?.usable().map_err(|error| anyhow!("{name}: {error}"))?;
                Ok((name, attr))
            }
            (None, None) => Err(anyhow!("no attributes: name a device with --device or a file with --attr")),
        }
    }
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
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

/// Size of the machine's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageSize {
    #[value(name = "4k", alias = "4096")]
    Kib4,
    #[value(name = "8k", alias = "8192")]
    Kib8,
}

impl PageSize {
    /// Bytes.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            PageSize::Kib4 => 4096,
            PageSize::Kib8 => 8192,
        }
    }
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

/// How pages lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LayoutChoice {
    Contiguous,
    Scattered,
    File(PathBuf),
}

impl std::str::FromStr for LayoutChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "contiguous" => LayoutChoice::Contiguous,
            "scattered" => LayoutChoice::Scattered,
            file => LayoutChoice::File(file.into()),
        })
    }
}

/// A device that is not simulated, and how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NexusChoice {
    /// Over VFIO, behind an IOMMU.
    Vfio(PciAddress),
    /// Over uio_pci_generic, without an IOMMU.
    Uio(PciAddress),
}

impl NexusChoice {
    /// The device's address.
    pub(crate) fn address(self) -> PciAddress {
        match self {
            NexusChoice::Vfio(address) | NexusChoice::Uio(address) => address,
        }
    }
}

impl std::fmt::Display for NexusChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NexusChoice::Vfio(address) => write!(f, "vfio:{address}"),
            NexusChoice::Uio(address) => write!(f, "uio:{address}"),
        }
    }
}

impl std::str::FromStr for NexusChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (make, address): (fn(PciAddress) -> NexusChoice, _) = match text.split_once(':') {
            Some(("vfio", address)) => (NexusChoice::Vfio, address),
            Some(("uio", address)) => (NexusChoice::Uio, address),
            _ => {
                return Err(format!(
                    "`{text}` is no nexus: write vfio:0000:00:03.0, with an address of `ddi-dma devices`"
                ));
            }
        };
        address.parse().map(make).map_err(|error: ParseAddressError| error.to_string())
    }
}

/// Most streams at once.
const STREAMS_MOST: u64 = 256;

fn streams(text: &str) -> Result<usize, String> {
    number::count(text, 1, STREAMS_MOST).map(|streams| streams as usize)
}

fn namespace(text: &str) -> Result<u32, String> {
    // The last number stands for all namespaces.
    number::count(text, 1, u64::from(u32::MAX) - 1).map(|number| number as u32)
}

fn rows(text: &str) -> Result<usize, String> {
    number::count(text, 0, u64::from(u32::MAX)).map(|rows| rows as usize)
}

/// How an object is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flag {
    /// Window by window where the copy buffer does not hold all of it
    Partial,
    /// An error instead of a window that takes more than one list
    OneList,
    /// Device and CPU use the object by turns
    Consistent,
    /// The device moves the object in order, in blocks
    Streaming,
    /// The device fills the whole object: the copy buffer is not filled first
    Overwrite,
}

/// The flags together.
pub(crate) fn bind_flags(flags: &[Flag]) -> BindFlags {
    flags.iter().fold(BindFlags::empty(), |sum, flag| {
        sum | match flag {
            Flag::Partial => BindFlags::PARTIAL,
            Flag::OneList => BindFlags::ONE_LIST,
            Flag::Consistent => BindFlags::CONSISTENT,
            Flag::Streaming => BindFlags::STREAMING,
            Flag::Overwrite => BindFlags::OVERWRITE,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        super::Cli::command().debug_assert();
    }
}
