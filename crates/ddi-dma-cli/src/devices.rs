//! The devices that have names.

use std::io::{self, Write};

use anyhow::Context;
use comfy_table::{Table, presets};
use ddi_dma::DmaAttr;
use ddi_dma_sim::{DEVICES, DeviceSpec};

use crate::Outcome;

/// Finds a device by its name, for the command line.
pub(crate) fn find(name: &str) -> Result<&'static DeviceSpec, String> {
    let found = DEVICES.iter().find(|device| device.name == name);
    found.ok_or_else(|| format!("there is no device `{name}`: there are {}", names().join(", ")))
}

/// All names.
fn names() -> Vec<&'static str> {
    DEVICES.iter().map(|device| device.name).collect()
}

/// Lists them all.
pub(crate) fn run() -> anyhow::Result<Outcome> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        "device",
        "addr_lo..=addr_hi",
        "count_max",
        "seg",
        "maxxfer",
        "sgllen",
        "granular",
        "",
    ]);
    for DeviceSpec { name, description, attr, .. } in &DEVICES {
        table.add_row([
            (*name).to_owned(),
            format!("{:#x}..={:#x}", attr.addr_lo, attr.addr_hi),
            no_limit(attr.count_max),
            no_limit(attr.seg),
            no_limit(attr.maxxfer),
            sgllen(attr),
            attr.granular.to_string(),
            (*description).to_owned(),
        ]);
    }
    writeln!(io::stdout(), "{}", table.trim_fmt()).context("cannot write the devices")?;
    Ok(Outcome::Good)
}

fn no_limit(value: u64) -> String {
    if value == u64::MAX { "-".to_owned() } else { format!("{value:#x}") }
}

fn sgllen(attr: &DmaAttr) -> String {
    if attr.sgllen == DmaAttr::UNLIMITED { "-".to_owned() } else { attr.sgllen.to_string() }
}
