//! Where attributes come from: a device or a file.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use ddi_dma::DmaAttr;
use ddi_dma_sim::DeviceName;

use crate::attr_file::{AttrFile, MEMBERS};
use crate::devices;

/// Where attributes come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Source {
    /// A device by its name: see `ddi-dma devices`; or sim:DEVICE?KEY=VALUE, as `ddi-dma transfer --help` tells
    #[arg(long, value_name = "DEVICE", value_parser = devices::find)]
    pub(crate) device: Option<DeviceName>,

    /// Attributes from a TOML file: see `ddi-dma check --help`
    #[arg(long, value_name = "FILE")]
    pub(crate) attr: Option<PathBuf>,
}

/// Where attributes come from, for a command that has use for none.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(crate) struct OptionalSource {
    /// A device by its name: see `ddi-dma devices`; or sim:DEVICE?KEY=VALUE, as `ddi-dma transfer --help` tells
    #[arg(long, value_name = "DEVICE", value_parser = devices::find)]
    pub(crate) device: Option<DeviceName>,

    /// Attributes from a TOML file: see `ddi-dma check --help`
    #[arg(long, value_name = "FILE")]
    pub(crate) attr: Option<PathBuf>,
}

impl Source {
    /// The attributes, as a file has them.
    pub(crate) fn file(&self) -> anyhow::Result<AttrFile> {
        match (&self.device, &self.attr) {
            (Some(device), _) => Ok(AttrFile {
                attr: devices::attr(device.model()),
                given: MEMBERS.to_vec(),
                unfit: Vec::new(),
            }),
            (None, Some(path)) => AttrFile::read(path),
            (None, None) => Err(anyhow!("no attributes: name a device with --device or a file with --attr")),
        }
    }
}

impl OptionalSource {
    /// The attributes and a name for them.
    pub(crate) fn attributes(&self) -> anyhow::Result<(String, DmaAttr)> {
        match (&self.device, &self.attr) {
            (Some(device), _) => Ok((device.model().name().to_owned(), devices::attr(device.model()))),
            (None, Some(path)) => {
                let name = path.display().to_string();
                let attr = AttrFile::read(path)?.usable().map_err(|error| anyhow!("{name}: {error}"))?;
                Ok((name, attr))
            }
            (None, None) => Err(anyhow!("no attributes: name a device with --device or a file with --attr")),
        }
    }
}
