//! What can be wrong with a name.

use crate::disk::NexusKind;
use crate::number::NumberError;

use super::model::Model;
use super::options::OptionKey;

/// Why a text names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It does not start as a name does.
    #[error("`{name}` is no name of a simulated device: write sim:DEVICE or sim:DEVICE?KEY=VALUE&KEY=VALUE")]
    Form {
        /// What was read.
        name: String,
    },
    /// There is no such device.
    #[error("there is no device `{device}`: there are {}", devices())]
    Device {
        /// What was read.
        device: String,
    },
    /// Something is not a key and a value.
    #[error("`{pair}` is not KEY=VALUE: the keys are {}", keys())]
    Pair {
        /// What was read.
        pair: String,
    },
    /// There is no such key.
    #[error("{key}={value}: there is no key `{key}`: the keys are {}", keys())]
    Key {
        /// What was read.
        key: String,
        /// The value behind it.
        value: String,
    },
    /// A key is there more than once.
    #[error("{key} is given twice, as {first} and as {second}: leave one out")]
    Twice {
        /// Which.
        key: OptionKey,
        /// The first value.
        first: String,
        /// The second one.
        second: String,
    },
    /// A value cannot be.
    #[error(transparent)]
    Option(#[from] OptionError),
}

/// A value that cannot be, by itself or with this device or beside the other values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}={value}: {reason}")]
pub struct OptionError {
    /// What it is the value of.
    pub key: OptionKey,
    /// The value.
    pub value: String,
    /// Why it cannot be.
    pub reason: Refusal,
}

/// Why a value cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no number.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// It is not one of two.
    #[error("write {} or {}", .choices[0], .choices[1])]
    Choice {
        /// What it can be.
        choices: [&'static str; 2],
    },
    /// It is too large.
    #[error("this is more than {what} can be: give at most {most}")]
    TooMuch {
        /// What it is.
        what: &'static str,
        /// The largest one.
        most: u64,
    },
    /// It is too small.
    #[error("this is less than {what}: give at least {least}")]
    TooLittle {
        /// What is the least there can be.
        what: &'static str,
        /// The smallest one.
        least: u64,
    },
    /// There is nothing in it.
    #[error("this names no slot: give one at least, or leave it out")]
    Empty,
    /// It is said of another bus.
    #[error("{device} sits on {}, and this is said of {}: leave it out, or take a device there", bus(.nexus), bus(.of))]
    Bus {
        /// The device.
        device: &'static str,
        /// The bus that it sits on.
        nexus: NexusKind,
        /// The bus that has it.
        of: NexusKind,
    },
    /// There is no IOMMU on this bus.
    #[error("{device} sits on the ISA bus, which has no IOMMU: take a PCI device, or leave it out")]
    NoIommu {
        /// The device.
        device: &'static str,
    },
    /// There always is an IOMMU on this bus.
    #[error("{device} sits on the SBus, whose IOMMU is always on: leave it out")]
    AlwaysIommu {
        /// The device.
        device: &'static str,
    },
    /// There are no I/O addresses without an IOMMU.
    #[error("this limits the addresses of an IOMMU: add iommu=on, or leave it out")]
    NeedsIommu,
}

fn bus(kind: &NexusKind) -> &'static str {
    match kind {
        NexusKind::Isa => "the ISA bus",
        NexusKind::Pci => "the PCI bus",
        NexusKind::Sbus => "the SBus",
    }
}

fn devices() -> String {
    Model::all().map(Model::name).collect::<Vec<_>>().join(", ")
}

fn keys() -> String {
    OptionKey::ALL.map(OptionKey::name).join(", ")
}
