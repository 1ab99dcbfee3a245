//! The arguments of `transfer` that are for real devices.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory, Error};
use ddi_dma_vfio::{ParseAddressError, PciAddress};

use super::transfer::TransferArgs;
use crate::devices::Target;
use crate::number;

/// What is said of a device that is not simulated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Real devices")]
pub(crate) struct RealArgs {
    /// Which device, and how it is reached: vfio:ADDRESS, behind an IOMMU, or uio:ADDRESS, where there is none; see
    /// `ddi-dma devices`. It needs --lba, and --device can say it as well
    #[arg(long, value_name = "NEXUS")]
    pub(crate) nexus: Option<NexusChoice>,

    /// The first block to write
    #[arg(long, value_name = "BLOCK", value_parser = number::parse)]
    pub(crate) lba: Option<u64>,

    /// The namespace whose blocks they are [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = namespace)]
    pub(crate) namespace: Option<u32>,

    /// Write, whatever the blocks hold; without it the program only tells what it would overwrite
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Let the device reach all of memory, the kernel's among it, which uio:ADDRESS takes: nothing stands between
    #[arg(long)]
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

/// What makes sense with a real device alone.
const REAL: [&str; 4] = ["lba", "namespace", "overwrite", "no_iommu"];

/// Checks that what is given goes together: a real device, whether --nexus says which one or --device, takes a block, and
/// nothing of a simulated machine; and what is said of one takes a real device.
pub(super) fn check(args: &TransferArgs, matches: &ArgMatches) -> Result<(), Error> {
    let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let names_it = match (&args.device, args.real.nexus) {
        (_, Some(_)) => "nexus",
        (Some(Target::NvmeAt(_)), None) => "device",
        (_, None) if REAL.iter().any(given) => return Err(missing("nexus")),
        (_, None) => return Ok(()),
    };
    if let Some(simulated) = SIMULATED.iter().find(|id| given(id)) {
        return Err(conflict(names_it, simulated));
    }
    if args.real.lba.is_none() { Err(missing("lba")) } else { Ok(()) }
}

/// Something that is needed was not given.
fn missing(id: &str) -> Error {
    told(ErrorKind::MissingRequiredArgument, |command, error| {
        let missing = ContextValue::Strings(vec![argument(command, id)]);
        error.insert(ContextKind::InvalidArg, missing);
    })
}

/// Two that do not go together were given.
fn conflict(one: &str, other: &str) -> Error {
    told(ErrorKind::ArgumentConflict, |command, error| {
        error.insert(ContextKind::InvalidArg, ContextValue::String(argument(command, one)));
        error.insert(ContextKind::PriorArg, ContextValue::String(argument(command, other)));
    })
}

/// An error of the command, with its usage.
fn told(kind: ErrorKind, tell: impl FnOnce(&Command, &mut Error)) -> Error {
    let mut all = super::Cli::command();
    all.build();
    let command = all.find_subcommand_mut("transfer");
    let Some(command) = command else { unreachable!("the command whose arguments these are") };
    let mut error = Error::new(kind).with_cmd(command);
    tell(command, &mut error);
    error.insert(ContextKind::Usage, ContextValue::StyledStr(command.render_usage()));
    error
}

/// An argument as the help names it.
fn argument(command: &Command, id: &str) -> String {
    let found = command.get_arguments().find(|argument| argument.get_id() == id);
    found.map_or_else(|| id.to_owned(), ToString::to_string)
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

fn namespace(text: &str) -> Result<u32, String> {
    // The last number stands for all namespaces.
    number::count(text, 1, u64::from(u32::MAX) - 1).map(|number| number as u32)
}
