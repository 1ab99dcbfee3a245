//! This machine: its PCI devices, and whether drivers in user space can have them.

pub(crate) mod devices;
pub(crate) mod doctor;

use std::fmt::Write;
use std::path::Path;

use ddi_dma_vfio::host::{Host, Mend};
use serde::Serialize;

/// The machine that is looked at.
fn host(root: Option<&Path>) -> anyhow::Result<Host> {
    match root {
        None => Ok(Host::this()),
        Some(root) => {
            anyhow::ensure!(
                root.is_dir(),
                "--root {}: there is no such directory: name one that has sys and proc",
                root.display()
            );
            Ok(Host::at(root))
        }
    }
}

/// Something that mends a hindrance, for programs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum MendRow {
    Command(String),
    ByHand(String),
}

impl From<&Mend> for MendRow {
    fn from(mend: &Mend) -> Self {
        match mend {
            Mend::Command(command) => MendRow::Command(command.clone()),
            Mend::ByHand(text) => MendRow::ByHand(text.clone()),
        }
    }
}

fn mend_rows(mends: &[Mend]) -> Vec<MendRow> {
    mends.iter().map(MendRow::from).collect()
}

/// What mends something, a line each: commands as at a prompt.
fn mend_lines(mends: &[Mend], indent: usize) -> String {
    let mut lines = String::new();
    for mend in mends {
        let sign = match mend {
            Mend::Command(_) => '$',
            Mend::ByHand(_) => '-',
        };
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{:indent$}{sign} {mend}", "");
    }
    lines
}
