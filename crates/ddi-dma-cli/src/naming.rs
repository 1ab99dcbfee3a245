//! What options say of a simulated machine and what the device's name says of it, together.

use anyhow::anyhow;
use ddi_dma::plan::Lists;
use ddi_dma_sim::{Contradiction, DeviceName, DeviceOptions, OptionError, OptionKey, Refusal};

use crate::cli::Flag;

/// Puts together what a name says and what options say, each of which is `--KEY VALUE`.
pub(crate) fn join(name: &DeviceName, given: &DeviceOptions) -> anyhow::Result<DeviceOptions> {
    let joined = name.options().clone().join(given.clone());
    joined.map_err(|Contradiction { key, first, second }| {
        let option = as_option(key, &second);
        anyhow!("{option}: --device {name} says {key}={first}: leave one out")
    })
}

/// The device with all that is said of its machine. What cannot be is told as it was written.
pub(crate) fn settle(name: &DeviceName, given: &DeviceOptions) -> anyhow::Result<DeviceName> {
    let options = join(name, given)?;
    DeviceName::new(name.model(), options).map_err(|error| {
        let OptionError { key, value, reason } = error;
        match (given.value(key), reason) {
            (None, reason) => anyhow!("--device {name}: {}", OptionError { key, value, reason }),
            (Some(_), Refusal::NeedsIommu) => anyhow!(
                "{}: this limits the addresses of an IOMMU: add --iommu on, or leave it out",
                as_option(key, &value)
            ),
            (Some(_), reason) => anyhow!("{}: {reason}", as_option(key, &value)),
        }
    })
}

/// What flags say of a machine.
pub(crate) fn one_list(flags: &[Flag]) -> Option<Lists> {
    flags.contains(&Flag::OneList).then_some(Lists::One)
}

/// A key and its value as they are on the command line.
fn as_option(key: OptionKey, value: &str) -> String {
    match key {
        OptionKey::OneList => "--flags one-list".to_owned(),
        _ => format!("--{} {value}", key.name().replace('_', "-")),
    }
}
