//! What a simulated machine is made of, and what can be wrong with the order.

use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Everything that makes one machine differ from another.
///
/// The same configuration gives the same machine: every choice that looks random comes from [`seed`](Self::seed).
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::{Iommu, Machine, MachineConfig, PageSize};
///
/// let machine = Machine::new(MachineConfig {
///     seed: 7,
///     page_size: PageSize::Kib8,
///     iommu: Iommu::on(),
///     ..MachineConfig::default()
/// })?;
/// assert_eq!(machine.memory().page_size(), 8192);
/// # Ok::<(), ddi_dma_sim::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineConfig {
    /// Where every random choice starts.
    pub seed: u64,
    /// Size of a page.
    pub page_size: PageSize,
    /// Physical addresses that have memory behind them, ascending; the rest are holes. Made by [`memory_map`].
    pub memory: Vec<Range<u64>>,
    /// Most bytes of memory that may be in use at once; `None` for all there are.
    pub frame_limit: Option<u64>,
    /// Bytes at the top of the memory below 16 MiB that are kept for copy buffers: buffers never lie there.
    pub dma_pool: u64,
    /// Most bytes that each nexus hands out for copy buffers at once.
    pub copy_buffer_limit: u64,
    /// Whether an IOMMU stands between the PCI nexus and memory.
    pub iommu: Iommu,
    /// The SBus.
    pub sbus: SbusConfig,
    /// What the disks store their sectors on.
    pub medium: MediumConfig,
    /// What the floppy disk controllers do where their DMA channel does not answer.
    pub floppy_patience: Patience,
}

impl MachineConfig {
    /// A machine as those with an SBus mostly are: the default one with pages of 8 KiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{Machine, MachineConfig, SbusConfig};
    ///
    /// let sbus = SbusConfig { dvma: 0xFFF0_0000..=0xFFFF_FFFF, ..SbusConfig::default() };
    /// let machine = Machine::new(MachineConfig { sbus, ..MachineConfig::sparc() })?;
    /// assert_eq!(machine.memory().page_size(), 8192);
    /// # Ok::<(), ddi_dma_sim::ConfigError>(())
    /// ```
    pub fn sparc() -> Self {
        MachineConfig { page_size: PageSize::Kib8, ..MachineConfig::default() }
    }
}

impl Default for MachineConfig {
    /// 6 GiB of memory in 4 KiB pages, no IOMMU for PCI, an SBus as [`SbusConfig::default`] has it, 4 MiB of copy
    /// buffers, disks of 64 MiB in memory.
    fn default() -> Self {
        MachineConfig {
            seed: 0,
            page_size: PageSize::Kib4,
            memory: memory_map(6 * GIB),
            frame_limit: None,
            dma_pool: 4 * MIB,
            copy_buffer_limit: 4 * MIB,
            iommu: Iommu::Off,
            sbus: SbusConfig::default(),
            medium: MediumConfig { size: 64 * MIB, backing: Backing::Memory },
            floppy_patience: Patience::Waits,
        }
    }
}

/// Lays `total` bytes out as a PC does: below 640 KiB, from 1 MiB to 16 MiB, on to 3 GiB at the most, and above 4 GiB.
///
/// Of what lies above 16 MiB half comes to lie above 4 GiB, and more where the room below does not suffice. Holes
/// cost nothing, and neither does memory that nobody has written.
///
/// # Examples
///
/// ```
/// let map = ddi_dma_sim::memory_map(2 << 30);
/// assert_eq!(map[..2], [0..0xA_0000, 0x10_0000..0x100_0000]);
/// assert_eq!(map[3].start, 1 << 32);
/// ```
pub fn memory_map(total: u64) -> Vec<Range<u64>> {
    let mut left = total - total % MIB;
    let mut map = Vec::new();
    let mut place = |start: u64, size: u64| {
        if size > 0 {
            map.push(start..start.saturating_add(size));
        }
        left -= size.min(left);
        left
    };
    let behind_low = place(0, (640 * KIB).min(total));
    let behind_16m = place(MIB, behind_low.min(15 * MIB) / MIB * MIB);
    let behind_4g = place(16 * MIB, (behind_16m / 2).min(3 * GIB - 16 * MIB) / MIB * MIB);
    place(4 * GIB, behind_4g / MIB * MIB);
    map
}

/// Size of a page of the simulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageSize {
    /// 4 KiB.
    Kib4,
    /// 8 KiB.
    Kib8,
}

impl PageSize {
    /// Bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            PageSize::Kib4 => 4 * KIB,
            PageSize::Kib8 => 8 * KIB,
        }
    }
}

/// What stands between the PCI nexus and memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Iommu {
    /// Nothing: bus addresses are physical addresses.
    Off,
    /// An IOMMU that hands out these addresses. Its first page is never among them.
    On {
        /// I/O virtual addresses.
        space: RangeInclusive<u64>,
    },
}

impl Iommu {
    /// An IOMMU with 48 bits of address space.
    pub const fn on() -> Self {
        Iommu::On { space: 0..=(1 << 48) - 1 }
    }
}

/// What the SBus is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SbusConfig {
    /// I/O virtual addresses that the IOMMU translates, below 4 GiB.
    pub dvma: RangeInclusive<u64>,
    /// What becomes of addresses below those.
    pub physical: Physical,
    /// Whether a cache stands between devices and memory.
    pub cache: StreamingCache,
    /// Slots in which a device never gets the bus, as slot 3 of a SPARCstation 1.
    pub slave_only_slots: Vec<u32>,
}

impl Default for SbusConfig {
    /// The uppermost 16 MiB of 32 bits, no physical addresses, a cache, the bus to be had in every slot.
    fn default() -> Self {
        SbusConfig {
            dvma: 0xFF00_0000..=0xFFFF_FFFF,
            physical: Physical::Refused,
            cache: StreamingCache::On,
            slave_only_slots: Vec::new(),
        }
    }
}

/// What a bus behind an IOMMU does with physical addresses (`DDI_DMA_FORCE_PHYSICAL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Physical {
    /// It knows virtual addresses only: everything outside the DVMA window is a fault.
    Refused,
    /// Addresses below the DVMA window go straight to memory.
    Honoured,
}

/// A cache between devices and memory that only a sync keeps honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamingCache {
    /// There is none.
    Off,
    /// What devices write stays in its lines until somebody syncs for the CPU or unmaps; what devices read may come
    /// from lines that were fetched before the CPU wrote, until somebody syncs for the device.
    On,
}

/// What a disk stores its sectors on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediumConfig {
    /// Bytes, a multiple of the sector size.
    pub size: u64,
    /// Where they are kept. Sectors that were never written are zeros and cost nothing.
    pub backing: Backing,
}

/// Where the sectors of a disk are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backing {
    /// In memory.
    Memory,
    /// In a file without a name in this directory, so that disks larger than memory work.
    File(PathBuf),
}

/// What a floppy disk controller does where its DMA channel does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Patience {
    /// It waits, as emulators have it: the command goes on once the channel is unmasked.
    Waits,
    /// It does not, since the disk does not either: the command ends with an overrun.
    Overruns,
}

/// Why a machine cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A range of memory is empty, or does not start and end on a page, or lies at or before its predecessor's end.
    #[error(
        "memory {start:#x}..{end:#x} is refused: ranges are not empty, start and end at multiples of {page_size:#x}, ascend without overlap and end below 2^62"
    )]
    Memory {
        /// Start of the range.
        start: u64,
        /// End of the range.
        end: u64,
        /// Page size.
        page_size: u64,
    },
    /// There is no memory at all.
    #[error("the machine has no memory: give it a range, or let memory_map make some")]
    NoMemory,
    /// The IOMMU's address space holds no page.
    #[error("the IOMMU's space {start:#x}..={end:#x} holds no whole page behind page 0, or ends above 2^62")]
    IommuSpace {
        /// First address.
        start: u64,
        /// Last address.
        end: u64,
    },
    /// The DVMA window holds no page, or is not within 32 bits.
    #[error("the DVMA window {start:#x}..={end:#x} holds no whole page, or ends above 0xffffffff")]
    DvmaWindow {
        /// First address.
        start: u64,
        /// Last address.
        end: u64,
    },
    /// The bus would take a physical address for a virtual one.
    #[error(
        "memory at {memory:#x} lies under the DVMA window {start:#x}..={end:#x}: a bus that honours physical addresses could not tell one from the other"
    )]
    DvmaOverMemory {
        /// Start of the range of memory.
        memory: u64,
        /// First address of the window.
        start: u64,
        /// Last address of the window.
        end: u64,
    },
    /// The medium is not made of whole sectors.
    #[error(
        "a medium of {size} bytes is refused: it holds at least one sector and only whole ones of {sector}"
    )]
    Medium {
        /// Bytes asked for.
        size: u64,
        /// Bytes of a sector.
        sector: u64,
    },
    /// The pages of the host are larger than those of the machine.
    #[error(
        "this host maps memory in units of {host} bytes, so a machine with pages of {page_size} cannot run on it"
    )]
    HostPage {
        /// Bytes of a page of the host.
        host: u64,
        /// Bytes of a page of the machine.
        page_size: u64,
    },
    /// The host did not give what stands behind the memory or a medium.
    #[error("the host did not create the {what}")]
    Host {
        /// What could not be created.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}
