//! Bus faults: what a device meets where nothing answers.

use std::fmt;

/// Which way a device went to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceAccess {
    /// It read memory.
    Read,
    /// It wrote memory.
    Write,
}

impl fmt::Display for DeviceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceAccess::Read => "read",
            DeviceAccess::Write => "write",
        })
    }
}

/// Why nothing answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The bus has no such address: it has too few lines.
    OutOfReach,
    /// The address is a hole of the physical memory.
    NoMemory,
    /// The IOMMU maps nothing there.
    Unmapped,
    /// The IOMMU maps the address, but not for this kind of access.
    Forbidden,
    /// The device is in a slave-only slot, to which no bus grant leads.
    NoGrant,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::OutOfReach => "the bus has no such address",
            FaultKind::NoMemory => "no memory lies there",
            FaultKind::Unmapped => "the IOMMU maps nothing there",
            FaultKind::Forbidden => "the IOMMU's mapping does not allow it",
            FaultKind::NoGrant => "the slot has no bus grant",
        })
    }
}

/// A device accessed an address that nothing answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("bus fault at {address:#x}, in a device's {access} of {length} bytes from {start:#x}: {kind}")]
pub struct BusFault {
    /// The first bus address that nothing answered.
    pub address: u64,
    /// Where the access started.
    pub start: u64,
    /// Bytes of the access.
    pub length: u64,
    /// Which way the device went.
    pub access: DeviceAccess,
    /// Why nothing answered.
    pub kind: FaultKind,
}
