//! The devices that a machine has: what they are called, where they sit and what their engines can do.

use ddi_dma::{AttrFlags, BurstSizes, DmaAttr};

use crate::isa_dma::DmaChannel;

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
    /// The channel by which it asks for the bus, as a jumper chooses it; `None` where the bus is to be had otherwise.
    ///
    /// Such a device gets the bus for a burst of up to 64 bytes, and only while the channel is in cascade mode and
    /// unmasked. In another mode the controller answers with a cycle of its own: the byte or word at the address that
    /// is programmed there moves, with 0xff from the device, which drives no data in such a cycle and takes none; it
    /// does not get the bus.
    pub channel: Option<DmaChannel>,
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
pub static DEVICES: [DeviceSpec; 7] = [
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
        channel: None,
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
        channel: None,
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
        channel: None,
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
        channel: None,
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
        channel: None,
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
        channel: None,
    },
    ISA_MASTER,
];

/// A bus master on ISA that gets the bus by a DMA channel in cascade mode, as SCSI adapters of the AT did. It is wired
/// to channel 5; a jumper makes another of it.
///
/// # Examples
///
/// ```
/// use ddi_dma::PortIo;
/// use ddi_dma_sim::{DeviceSpec, DmaChannel, ISA_MASTER, Machine, MachineConfig, Register, Stepped, csr};
///
/// static ON_6: DeviceSpec = DeviceSpec { channel: Some(DmaChannel::Dma6), ..ISA_MASTER };
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let disk = machine.attach(&ON_6)?;
/// disk.put(Register::Address(0), 0x10_0000);
/// disk.put(Register::Size(0), 511);
/// disk.put(Register::Entries, 1);
/// disk.put(Register::Csr, csr::START_TRANSFER);
/// assert_eq!(disk.step(), Stepped::NoBus);
///
/// let ports = machine.ports();
/// ports.write(0xD6, 0xC2);
/// ports.write(0xD4, 0x02);
/// assert_eq!(disk.step(), Stepped::Done);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const ISA_MASTER: DeviceSpec = DeviceSpec {
    name: "isa-master",
    description: "ISA, a bus master in cascade on channel 5, 24-bit addresses, 1 MiB boundary, 16-bit counter, list of 17",
    nexus: NexusKind::Isa,
    attr: ISA_SG_DISK_ATTR,
    engine: EngineSpec {
        address_bits: 24,
        counting_bits: 20,
        size_bits: 16,
        entries: EntryKind::List(17),
        bursts: BurstSizes::empty(),
    },
    channel: Some(DmaChannel::Dma5),
};
