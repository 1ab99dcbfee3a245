//! What a name says of the machine: keys, and a value for each.

use std::fmt;

use ddi_dma::plan::Lists;

use super::error::Refusal;
use crate::config::{PageSize, Physical, StreamingCache};
use crate::number::parse_number;

/// What a [`DeviceName`](super::DeviceName) says of the machine that the device is part of. `None` is what is not said.
///
/// # Examples
///
/// ```
/// use ddi_dma_sim::{DeviceName, DeviceOptions, Model};
///
/// let options = DeviceOptions { seed: Some(7), ..DeviceOptions::default() };
/// let name = DeviceName::new(Model::find("pci-disk").expect("it is there"), options)?;
/// assert_eq!(name.to_string(), "sim:pci-disk?seed=7");
/// # Ok::<(), ddi_dma_sim::OptionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceOptions {
    /// Where every random choice starts.
    pub seed: Option<u64>,
    /// Size of a page.
    pub page_size: Option<PageSize>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Most bytes of memory that may be in use at once.
    pub frame_limit: Option<u64>,
    /// Bytes below 16 MiB that are kept for copy buffers.
    pub dma_pool: Option<u64>,
    /// Most bytes of copy buffer.
    pub copy_buffer: Option<u64>,
    /// Most handles that devices of the bus may have at once.
    pub handle_limit: Option<u64>,
    /// Whether an object that takes more than one list is refused.
    pub one_list: Option<Lists>,
    /// Whether an IOMMU stands between the bus and memory.
    pub iommu: Option<IommuSwitch>,
    /// Bytes of I/O addresses.
    pub dvma: Option<u64>,
    /// Whether the SBus has a streaming cache.
    pub streaming_cache: Option<StreamingCache>,
    /// What becomes of physical addresses on the SBus.
    pub physical: Option<Physical>,
    /// Slots of the SBus in which a device never gets the bus; at least one.
    pub slave_only_slots: Option<Vec<u32>>,
    /// The slot of the SBus that the device is in.
    pub slot: Option<u32>,
}

/// Whether there is an IOMMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IommuSwitch {
    /// There is one.
    On,
    /// There is none.
    Off,
}

/// What a name can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptionKey {
    /// [`DeviceOptions::seed`]: a number.
    Seed,
    /// [`DeviceOptions::page_size`]: 4096 or 8192.
    PageSize,
    /// [`DeviceOptions::memory`]: a number.
    Memory,
    /// [`DeviceOptions::frame_limit`]: a number.
    FrameLimit,
    /// [`DeviceOptions::dma_pool`]: a number.
    DmaPool,
    /// [`DeviceOptions::copy_buffer`]: a number.
    CopyBuffer,
    /// [`DeviceOptions::handle_limit`]: a number.
    HandleLimit,
    /// [`DeviceOptions::one_list`]: on or off.
    OneList,
    /// [`DeviceOptions::iommu`]: on or off.
    Iommu,
    /// [`DeviceOptions::dvma`]: a number.
    Dvma,
    /// [`DeviceOptions::streaming_cache`]: on or off.
    StreamingCache,
    /// [`DeviceOptions::physical`]: honoured or refused.
    Physical,
    /// [`DeviceOptions::slave_only_slots`]: numbers with commas between them.
    SlaveOnlySlots,
    /// [`DeviceOptions::slot`]: a number.
    Slot,
}

impl OptionKey {
    /// All keys, in the order in which names are written.
    pub const ALL: [OptionKey; 14] = [
        OptionKey::Seed,
        OptionKey::PageSize,
        OptionKey::Memory,
        OptionKey::FrameLimit,
        OptionKey::DmaPool,
        OptionKey::CopyBuffer,
        OptionKey::HandleLimit,
        OptionKey::OneList,
        OptionKey::Iommu,
        OptionKey::Dvma,
        OptionKey::StreamingCache,
        OptionKey::Physical,
        OptionKey::SlaveOnlySlots,
        OptionKey::Slot,
    ];

    /// The key as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            OptionKey::Seed => "seed",
            OptionKey::PageSize => "page_size",
            OptionKey::Memory => "memory",
            OptionKey::FrameLimit => "frame_limit",
            OptionKey::DmaPool => "dma_pool",
            OptionKey::CopyBuffer => "copy_buffer",
            OptionKey::HandleLimit => "handle_limit",
            OptionKey::OneList => "one_list",
            OptionKey::Iommu => "iommu",
            OptionKey::Dvma => "dvma",
            OptionKey::StreamingCache => "streaming_cache",
            OptionKey::Physical => "physical",
            OptionKey::SlaveOnlySlots => "slave_only_slots",
            OptionKey::Slot => "slot",
        }
    }
}

impl fmt::Display for OptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl DeviceOptions {
    /// The value of a key as a name has it; `None` where it is not said.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{DeviceOptions, OptionKey, PageSize};
    ///
    /// let options = DeviceOptions { page_size: Some(PageSize::Kib8), ..DeviceOptions::default() };
    /// assert_eq!(options.value(OptionKey::PageSize).as_deref(), Some("8192"));
    /// assert_eq!(options.value(OptionKey::Seed), None);
    /// ```
    pub fn value(&self, key: OptionKey) -> Option<String> {
        let number = |value: &Option<u64>| value.map(|value| value.to_string());
        match key {
            OptionKey::Seed => number(&self.seed),
            OptionKey::PageSize => number(&self.page_size.map(PageSize::bytes)),
            OptionKey::Memory => number(&self.memory),
            OptionKey::FrameLimit => number(&self.frame_limit),
            OptionKey::DmaPool => number(&self.dma_pool),
            OptionKey::CopyBuffer => number(&self.copy_buffer),
            OptionKey::HandleLimit => number(&self.handle_limit),
            OptionKey::OneList => word(self.one_list, LISTS),
            OptionKey::Iommu => word(self.iommu, SWITCH),
            OptionKey::Dvma => number(&self.dvma),
            OptionKey::StreamingCache => word(self.streaming_cache, CACHE),
            OptionKey::Physical => word(self.physical, PHYSICAL),
            OptionKey::SlaveOnlySlots => self.slave_only_slots.as_ref().map(|slots| {
                let slots: Vec<String> = slots.iter().map(u32::to_string).collect();
                slots.join(",")
            }),
            OptionKey::Slot => number(&self.slot.map(u64::from)),
        }
    }

    /// Takes the value of a key from a text.
    pub(super) fn read(&mut self, key: OptionKey, text: &str) -> Result<(), Refusal> {
        let number = || parse_number(text).map(Some).map_err(Refusal::Number);
        match key {
            OptionKey::Seed => self.seed = number()?,
            OptionKey::PageSize => self.page_size = Some(page_size(text)?),
            OptionKey::Memory => self.memory = number()?,
            OptionKey::FrameLimit => self.frame_limit = number()?,
            OptionKey::DmaPool => self.dma_pool = number()?,
            OptionKey::CopyBuffer => self.copy_buffer = number()?,
            OptionKey::HandleLimit => self.handle_limit = number()?,
            OptionKey::OneList => self.one_list = Some(choice(text, LISTS)?),
            OptionKey::Iommu => self.iommu = Some(choice(text, SWITCH)?),
            OptionKey::Dvma => self.dvma = number()?,
            OptionKey::StreamingCache => self.streaming_cache = Some(choice(text, CACHE)?),
            OptionKey::Physical => self.physical = Some(choice(text, PHYSICAL)?),
            OptionKey::SlaveOnlySlots => {
                self.slave_only_slots = Some(text.split(',').map(slot).collect::<Result<_, _>>()?);
            }
            OptionKey::Slot => self.slot = Some(slot(text)?),
        }
        Ok(())
    }
}

/// Two values, and the word for each.
type Words<T> = [(&'static str, T); 2];

const LISTS: Words<Lists> = [("on", Lists::One), ("off", Lists::Many)];
const SWITCH: Words<IommuSwitch> = [("on", IommuSwitch::On), ("off", IommuSwitch::Off)];
const CACHE: Words<StreamingCache> = [("on", StreamingCache::On), ("off", StreamingCache::Off)];
const PHYSICAL: Words<Physical> = [("honoured", Physical::Honoured), ("refused", Physical::Refused)];

fn word<T: PartialEq>(value: Option<T>, words: Words<T>) -> Option<String> {
    let value = value?;
    words.into_iter().find(|(_, meaning)| *meaning == value).map(|(word, _)| word.to_owned())
}

fn choice<T>(text: &str, words: Words<T>) -> Result<T, Refusal> {
    let choices = [words[0].0, words[1].0];
    let found = words.into_iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| value).ok_or(Refusal::Choice { choices })
}

fn page_size(text: &str) -> Result<PageSize, Refusal> {
    let bytes = parse_number(text).map_err(Refusal::Number)?;
    let sizes = [PageSize::Kib4, PageSize::Kib8];
    let found = sizes.into_iter().find(|size| size.bytes() == bytes);
    found.ok_or(Refusal::Choice { choices: ["4096", "8192"] })
}

fn slot(text: &str) -> Result<u32, Refusal> {
    let number = parse_number(text).map_err(Refusal::Number)?;
    u32::try_from(number)
        .map_err(|_| Refusal::TooMuch { what: "the number of a slot", most: u32::MAX.into() })
}
