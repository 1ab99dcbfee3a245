//! Names of simulated devices: `sim:pci-disk?seed=7&copy_buffer=4096`.

mod error;
mod join;
mod machine;
mod model;
mod options;

use std::fmt;
use std::str::FromStr;

use ddi_dma::BusConfig;
use ddi_dma::plan::Lists;

use crate::config::MachineConfig;
pub use error::{NameError, OptionError, Refusal};
pub use join::Contradiction;
use machine::Resolved;
pub use model::Model;
pub use options::{DeviceOptions, IommuSwitch, OptionKey};

/// What all names start with.
const SCHEME: &str = "sim:";

/// The name of a simulated device, and what it says of the machine that the device is part of.
///
/// A name is `sim:` and a [`Model`]'s name, and perhaps `?` and pairs `KEY=VALUE` with `&` between them:
///
/// | key | value | where it is not said |
/// |---|---|---|
/// | `seed` | a number: where every random choice starts | 1 |
/// | `page_size` | 4096 or 8192 | 8192 on the SBus, else 4096 |
/// | `memory` | bytes, laid out as [`memory_map`](crate::memory_map) does | 6G |
/// | `frame_limit` | bytes of memory that may be in use at once | all |
/// | `dma_pool` | bytes below 16 MiB that are kept for copy buffers | as many as `copy_buffer`, at most 8M |
/// | `copy_buffer` | bytes that stand in for what the engine does not reach | 1052672 |
/// | `handle_limit` | handles that devices of the bus may have at once | as many as one likes |
/// | `one_list` | `on`: an object that takes more than one list is refused | `off` |
/// | `iommu` | `on` or `off`, on the PCI bus | `off` |
/// | `dvma` | bytes of I/O addresses: SBus, or PCI with `iommu=on` | 16M on the SBus, 2^48 on PCI |
/// | `streaming_cache` | `on` or `off`, on the SBus | `on` |
/// | `physical` | `honoured` or `refused`: physical addresses on the SBus | `refused` |
/// | `slave_only_slots` | slots of the SBus that never get it, as `1,3` | none |
/// | `slot` | the slot of the SBus that the device is in | the first that gets the bus |
///
/// Numbers are those of [`parse_number`](crate::parse_number). A name is printed with the keys in this order, and with plain
/// decimal numbers.
///
/// # Invariants
///
/// The options go together, and with the device.
///
/// # Examples
///
/// ```
/// use ddi_dma::Bus;
/// use ddi_dma_sim::{DeviceName, DiskDriver, Machine};
///
/// let name: DeviceName = "sim:pci-disk?seed=7&copy_buffer=64K".parse()?;
/// assert_eq!(name.to_string(), "sim:pci-disk?seed=7&copy_buffer=65536");
///
/// let machine = Machine::new(name.machine_config())?;
/// let bus = Bus::new(machine.nexus(name.model().nexus()), name.bus_config());
/// let driver: DiskDriver = DiskDriver::on_bus(machine.device(name.model().name())?, &bus)?;
/// # drop(driver);
///
/// let refused = "sim:isa-disk?iommu=on".parse::<DeviceName>().expect_err("ISA has none");
/// assert!(refused.to_string().starts_with("iommu=on: isa-disk sits on the ISA bus"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceName {
    model: Model,
    options: DeviceOptions,
}

impl DeviceName {
    /// Makes the name of a device with these options.
    ///
    /// # Errors
    ///
    /// [`OptionError`] for an option that does not go with the device or with the others.
    pub fn new(model: Model, options: DeviceOptions) -> Result<Self, OptionError> {
        Resolved::new(model, &options)?;
        // INVARIANT: they were just checked.
        Ok(DeviceName { model, options })
    }

    /// The device.
    pub fn model(&self) -> Model {
        self.model
    }

    /// What is said of its machine.
    pub fn options(&self) -> &DeviceOptions {
        &self.options
    }

    /// The machine, its media as [`MachineConfig::default`] has them.
    pub fn machine_config(&self) -> MachineConfig {
        self.resolved().machine()
    }

    /// The bus that the device is on.
    pub fn bus_config(&self) -> BusConfig {
        self.resolved().bus()
    }

    /// Whether an object that takes more than one list is refused ([`Lists::One`]).
    pub fn lists(&self) -> Lists {
        self.options.one_list.unwrap_or_default()
    }

    /// The slot of the SBus that the device is to be put in; `None` for the first that gets the bus.
    pub fn slot(&self) -> Option<u32> {
        self.options.slot
    }

    fn resolved(&self) -> Resolved<'_> {
        // The options were checked when the name was made (invariant).
        Resolved::checked(self.model, &self.options)
    }
}

impl From<Model> for DeviceName {
    /// Names a device of a machine of which nothing is said.
    fn from(model: Model) -> Self {
        // INVARIANT: what is not said goes with everything.
        DeviceName { model, options: DeviceOptions::default() }
    }
}

impl FromStr for DeviceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let form = || NameError::Form { name: text.to_owned() };
        let rest = text.strip_prefix(SCHEME).ok_or_else(form)?;
        let (device, pairs) = match rest.split_once('?') {
            Some((device, pairs)) => (device, Some(pairs)),
            None => (rest, None),
        };
        let model = Model::find(device).ok_or_else(|| NameError::Device { device: device.to_owned() })?;
        let mut options = DeviceOptions::default();
        for pair in pairs.into_iter().flat_map(|pairs| pairs.split('&')) {
            let found = pair.split_once('=');
            let (key, value) = found.ok_or_else(|| NameError::Pair { pair: pair.to_owned() })?;
            read(&mut options, key, value)?;
        }
        Ok(DeviceName::new(model, options)?)
    }
}

/// Takes a pair in.
fn read(options: &mut DeviceOptions, name: &str, value: &str) -> Result<(), NameError> {
    let key = OptionKey::ALL.into_iter().find(|key| key.name() == name);
    let key = key.ok_or_else(|| NameError::Key { key: name.to_owned(), value: value.to_owned() })?;
    if let Some(first) = options.value(key) {
        return Err(NameError::Twice { key, first, second: value.to_owned() });
    }
    let because = |reason| OptionError { key, value: value.to_owned(), reason };
    Ok(options.read(key, value).map_err(because)?)
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.model.name())?;
        let said = OptionKey::ALL.into_iter().filter_map(|key| Some((key, self.options.value(key)?)));
        for (number, (key, value)) in said.enumerate() {
            let before = if number == 0 { '?' } else { '&' };
            write!(f, "{before}{key}={value}")?;
        }
        Ok(())
    }
}
