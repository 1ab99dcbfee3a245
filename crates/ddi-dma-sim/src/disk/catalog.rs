//! The devices that a machine has: what they are called, where they sit and what their engines can do.

use ddi_dma::{AttrFlags, BurstSizes, DmaAttr};

/// Bytes of a sector of every disk.
pub const SECTOR: u64 = 512;

/// The bus that a device sits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NexusKind {
    /// The ISA bus.
    Isa,
    /// The PCI bus.
    Pci,
    /// The SBus.
    Sbus,
}

/// How many (address, size) pairs an engine holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// One: an address and a size register.
    Single,
    /// So many: a scatter/gather list, and a register that counts its entries.
    List(u32),
}

impl EntryKind {
    /// Pairs.
    pub const fn count(self) -> u32 {
        match self {
            EntryKind::Single => 1,
            EntryKind::List(count) => count,
        }
    }
}

/// The engine of a device as its registers are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSpec {
    /// Bits of an address register. What is written above them is lost.
    pub address_bits: u32,
    /// Bits of it that count up during a transfer. Behind their last value they start again at 0, and the bits above
    /// stay.
    pub counting_bits: u32,
    /// Bits of a size register, which holds the count minus one.
    pub size_bits: u32,
    /// Pairs of them.
    pub entries: EntryKind,
    /// Bursts that its burst register takes; empty where it has no such register.
    pub bursts: BurstSizes,
}

/// A device as the table of devices has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line.
    pub description: &'static str,
    /// Where it sits.
    pub nexus: NexusKind,
    /// What its driver states about its engine.
    pub attr: DmaAttr,
    /// What its engine is.
    pub engine: EngineSpec,
}

/// The ISA engine of the DDI's chapter on DMA, without its list.
pub const ISA_DISK_ATTR: DmaAttr = DmaAttr { sgllen: 1, ..ISA_SG_DISK_ATTR };

/// The ISA engine of the DDI's chapter on DMA: the first 16 MiB, 1 MiB boundaries, a 16-bit counter, 17 entries.
pub const ISA_SG_DISK_ATTR: DmaAttr = DmaAttr {
    addr_lo: 0,
    addr_hi: 0x00FF_FFFF,
    count_max: 0xFFFF,
    align: 1,
    burstsizes: BurstSizes::B1.union(BurstSizes::B2).union(BurstSizes::B4),
    minxfer: 1,
    maxxfer: 0xFFFF_FFFF,
    seg: 0x000F_FFFF,
    sgllen: 17,
    granular: SECTOR as u32,
    ..DmaAttr::UNRESTRICTED
};

/// A 32-bit engine with 17 entries.
pub const PCI_DISK_ATTR: DmaAttr = DmaAttr {
    addr_hi: 0xFFFF_FFFF,
    count_max: 0xFFFF_FFFF,
    maxxfer: 0xFFFF_FFFF,
    seg: 0xFFFF_FFFF,
    sgllen: 17,
    granular: SECTOR as u32,
    ..DmaAttr::UNRESTRICTED
};

/// An engine whose address register counts in 24 bits below an 8-bit latch.
pub const LATCH_DISK_ATTR: DmaAttr = DmaAttr {
    addr_hi: 0xFFFF_FFFF,
    count_max: 0x00FF_FFFF,
    maxxfer: 0xFFFF_FFFF,
    seg: 0x00FF_FFFF,
    sgllen: 1,
    granular: SECTOR as u32,
    ..DmaAttr::UNRESTRICTED
};

/// A 64-bit engine with a long list.
pub const PCI64_DISK_ATTR: DmaAttr =
    DmaAttr { sgllen: 256, granular: SECTOR as u32, ..DmaAttr::UNRESTRICTED };

/// The SBus engine of the DDI's chapter on DMA: the uppermost 16 MiB of 32 bits, no list.
pub const SBUS_DISK_ATTR: DmaAttr = DmaAttr {
    version: DmaAttr::VERSION_0,
    addr_lo: 0xFF00_0000,
    addr_hi: 0xFFFF_FFFF,
    count_max: 0xFFFF_FFFF,
    align: 1,
    burstsizes: SBUS_BURSTS,
    minxfer: 1,
    maxxfer: 0xFFFF_FFFF,
    seg: 0xFFFF_FFFF,
    sgllen: 1,
    granular: SECTOR as u32,
    flags: AttrFlags::empty(),
};

/// Bursts of the SBus engine: 1, 2 and 4 bytes.
pub(crate) const SBUS_BURSTS: BurstSizes = BurstSizes::B1.union(BurstSizes::B2).union(BurstSizes::B4);

/// Every disk of a machine.
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::{DEVICES, Machine, MachineConfig};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// for spec in &DEVICES {
///     assert_eq!(machine.device(spec.name)?.spec(), spec);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub static DEVICES: [DeviceSpec; 6] = [
    DeviceSpec {
        name: "isa-disk",
        description: "ISA, 24-bit addresses, 1 MiB boundary, 16-bit counter, no list",
        nexus: NexusKind::Isa,
        attr: ISA_DISK_ATTR,
        engine: EngineSpec {
            address_bits: 24,
            counting_bits: 20,
            size_bits: 16,
            entries: EntryKind::Single,
            bursts: BurstSizes::empty(),
        },
    },
    DeviceSpec {
        name: "isa-sg-disk",
        description: "ISA, 24-bit addresses, 1 MiB boundary, 16-bit counter, list of 17",
        nexus: NexusKind::Isa,
        attr: ISA_SG_DISK_ATTR,
        engine: EngineSpec {
            address_bits: 24,
            counting_bits: 20,
            size_bits: 16,
            entries: EntryKind::List(17),
            bursts: BurstSizes::empty(),
        },
    },
    DeviceSpec {
        name: "pci-disk",
        description: "PCI, 32-bit addresses, list of 17",
        nexus: NexusKind::Pci,
        attr: PCI_DISK_ATTR,
        engine: EngineSpec {
            address_bits: 32,
            counting_bits: 32,
            size_bits: 32,
            entries: EntryKind::List(17),
            bursts: BurstSizes::empty(),
        },
    },
    DeviceSpec {
        name: "latch-disk",
        description: "PCI, a 24-bit address counter under an 8-bit latch, no list",
        nexus: NexusKind::Pci,
        attr: LATCH_DISK_ATTR,
        engine: EngineSpec {
            address_bits: 32,
            counting_bits: 24,
            size_bits: 24,
            entries: EntryKind::Single,
            bursts: BurstSizes::empty(),
        },
    },
    DeviceSpec {
        name: "pci64-disk",
        description: "PCI, 64-bit addresses, list of 256",
        nexus: NexusKind::Pci,
        attr: PCI64_DISK_ATTR,
        engine: EngineSpec {
            address_bits: 64,
            counting_bits: 64,
            size_bits: 64,
            entries: EntryKind::List(256),
            bursts: BurstSizes::empty(),
        },
    },
    DeviceSpec {
        name: "sbus-disk",
        description: "SBus, 0xff000000 and above, no list, burst register",
        nexus: NexusKind::Sbus,
        attr: SBUS_DISK_ATTR,
        engine: EngineSpec {
            address_bits: 32,
            counting_bits: 32,
            size_bits: 32,
            entries: EntryKind::Single,
            bursts: SBUS_BURSTS,
        },
    },
];
