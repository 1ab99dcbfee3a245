//! From a name to a machine: what goes together, and what is there where nothing was said.

use std::ops::RangeInclusive;

use ddi_dma::BusConfig;

use super::error::{OptionError, Refusal};
use super::model::Model;
use super::options::{DeviceOptions, IommuSwitch, OptionKey};
use crate::config::{Iommu, MachineConfig, PageSize, SbusConfig, memory_map};
use crate::disk::NexusKind;

/// What machines have where nothing was said.
const SEED: u64 = 1;
const MEMORY: u64 = 6 << 30;

/// Bytes of memory that machines have, at the most: a bit for each frame is kept.
const MEMORY_MOST: u64 = 1 << 44;

/// Bytes that the machine keeps for copy buffers below 16 MiB where nothing was said, at the most.
const POOL: u64 = 8 << 20;

/// Where the I/O addresses of the SBus start, and how many there are.
const SBUS_FIRST: u64 = 0xFF00_0000;
const SBUS_MOST: u64 = 1 << 24;

/// The I/O addresses of the PCI bus' IOMMU.
const PCI_MOST: u64 = 1 << 48;

/// What is said of the SBus alone.
const SBUS_KEYS: [OptionKey; 4] =
    [OptionKey::StreamingCache, OptionKey::Physical, OptionKey::SlaveOnlySlots, OptionKey::Slot];

/// What a device's options come to.
///
/// # Invariants
///
/// The options were checked with this model.
pub(super) struct Resolved<'a> {
    model: Model,
    options: &'a DeviceOptions,
}

impl<'a> Resolved<'a> {
    /// Checks that options can be, with this device and beside each other.
    pub(super) fn new(model: Model, options: &'a DeviceOptions) -> Result<Self, OptionError> {
        let resolved = Resolved::checked(model, options);
        let because =
            |key| move |reason| OptionError { key, value: options.value(key).unwrap_or_default(), reason };
        resolved.check_bus()?;
        resolved.check_memory().map_err(because(OptionKey::Memory))?;
        resolved.check_pool().map_err(because(OptionKey::DmaPool))?;
        resolved.check_copy_buffer().map_err(because(OptionKey::CopyBuffer))?;
        resolved.check_iommu().map_err(because(OptionKey::Iommu))?;
        resolved.check_dvma().map_err(because(OptionKey::Dvma))?;
        Ok(resolved)
    }

    /// Takes options that [`new`](Self::new) has found good with this device.
    pub(super) fn checked(model: Model, options: &'a DeviceOptions) -> Self {
        // INVARIANT: the caller has had them checked.
        Resolved { model, options }
    }

    /// The machine.
    pub(super) fn machine(&self) -> MachineConfig {
        let (options, page) = (self.options, self.page_size().bytes());
        let copy_buffer = self.copy_buffer().next_multiple_of(page);
        let pool = copy_buffer.min(POOL).min(self.memory() / 4 / page * page);
        MachineConfig {
            seed: options.seed.unwrap_or(SEED),
            page_size: self.page_size(),
            memory: memory_map(self.memory() / page * page),
            frame_limit: options.frame_limit,
            dma_pool: options.dma_pool.unwrap_or(pool),
            copy_buffer_limit: copy_buffer,
            iommu: self.iommu(),
            sbus: self.sbus(),
            ..MachineConfig::default()
        }
    }

    /// The bus.
    pub(super) fn bus(&self) -> BusConfig {
        let usual = BusConfig::default();
        let handle_limit = self.options.handle_limit.unwrap_or(usual.handle_limit);
        BusConfig { copy_buffer_limit: self.copy_buffer(), handle_limit }
    }

    fn page_size(&self) -> PageSize {
        let usual = match self.model.nexus() {
            NexusKind::Sbus => PageSize::Kib8,
            NexusKind::Isa | NexusKind::Pci => PageSize::Kib4,
        };
        self.options.page_size.unwrap_or(usual)
    }

    fn memory(&self) -> u64 {
        self.options.memory.unwrap_or(MEMORY)
    }

    fn copy_buffer(&self) -> u64 {
        self.options.copy_buffer.unwrap_or(BusConfig::default().copy_buffer_limit)
    }

    /// The IOMMU of the PCI bus.
    fn iommu(&self) -> Iommu {
        let page = self.page_size().bytes();
        match (self.options.iommu, self.model.nexus(), self.options.dvma) {
            (Some(IommuSwitch::On), NexusKind::Pci, None) => Iommu::on(),
            // The first page is never among the addresses that the IOMMU gives out.
            (Some(IommuSwitch::On), NexusKind::Pci, Some(bytes)) => {
                Iommu::On { space: addresses(page, bytes, page) }
            }
            _ => Iommu::Off,
        }
    }

    fn sbus(&self) -> SbusConfig {
        let (options, usual) = (self.options, SbusConfig::default());
        let dvma = match (self.model.nexus(), options.dvma) {
            (NexusKind::Sbus, Some(bytes)) => addresses(SBUS_FIRST, bytes, self.page_size().bytes()),
            _ => usual.dvma,
        };
        SbusConfig {
            dvma,
            physical: options.physical.unwrap_or(usual.physical),
            cache: options.streaming_cache.unwrap_or(usual.cache),
            slave_only_slots: options.slave_only_slots.clone().unwrap_or(usual.slave_only_slots),
        }
    }

    fn check_bus(&self) -> Result<(), OptionError> {
        let (device, nexus, of) = (self.model.name(), self.model.nexus(), NexusKind::Sbus);
        for key in SBUS_KEYS {
            let Some(value) = self.options.value(key) else { continue };
            if nexus != of {
                return Err(OptionError { key, value, reason: Refusal::Bus { device, nexus, of } });
            }
            if value.is_empty() {
                return Err(OptionError { key, value, reason: Refusal::Empty });
            }
        }
        Ok(())
    }

    fn check_memory(&self) -> Result<(), Refusal> {
        // The first frame is never given out.
        let least = 2 * self.page_size().bytes();
        within(self.memory(), ("two pages, without which nothing can be bound", least), "memory", MEMORY_MOST)
    }

    fn check_pool(&self) -> Result<(), Refusal> {
        let pool = self.options.dma_pool.unwrap_or(0);
        within(pool, ("nothing", 0), "a pool in this memory", self.memory())
    }

    fn check_copy_buffer(&self) -> Result<(), Refusal> {
        within(self.copy_buffer(), ("nothing", 0), "any memory", MEMORY_MOST)
    }

    fn check_iommu(&self) -> Result<(), Refusal> {
        let device = self.model.name();
        match (self.model.nexus(), self.options.iommu) {
            (NexusKind::Isa, Some(IommuSwitch::On)) => Err(Refusal::NoIommu { device }),
            (NexusKind::Sbus, Some(IommuSwitch::Off)) => Err(Refusal::AlwaysIommu { device }),
            _ => Ok(()),
        }
    }

    fn check_dvma(&self) -> Result<(), Refusal> {
        let Some(bytes) = self.options.dvma else { return Ok(()) };
        let page = self.page_size().bytes();
        let least = ("a page", page);
        match (self.model.nexus(), self.options.iommu) {
            (NexusKind::Isa, _) => Err(Refusal::NoIommu { device: self.model.name() }),
            (NexusKind::Sbus, _) => within(bytes, least, "the I/O addresses of the bus", SBUS_MOST),
            (NexusKind::Pci, Some(IommuSwitch::On)) => {
                within(bytes, least, "the I/O addresses of the bus", PCI_MOST - page)
            }
            (NexusKind::Pci, _) => Err(Refusal::NeedsIommu),
        }
    }
}

fn within(
    value: u64,
    (least_is, least): (&'static str, u64),
    what: &'static str,
    most: u64,
) -> Result<(), Refusal> {
    if value < least {
        return Err(Refusal::TooLittle { what: least_is, least });
    }
    if value > most { Err(Refusal::TooMuch { what, most }) } else { Ok(()) }
}

/// Whole pages of I/O addresses from `first` on.
fn addresses(first: u64, bytes: u64, page: u64) -> RangeInclusive<u64> {
    first..=first + bytes / page * page - 1
}
