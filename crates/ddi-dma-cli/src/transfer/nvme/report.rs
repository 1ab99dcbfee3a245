//! What a transfer to a real disk came to, for people and for programs.

use std::fmt;
use std::path::Path;

use nvme_driver::ControllerInfo;
use serde::Serialize;

use super::super::outcome::{Difference, Digests, table};
use super::disk::Blocks;
use crate::cli::NexusChoice;
use crate::devices::NVME;
use crate::number::grouped;
use crate::reasons::counted;

/// Everything that is told of a transfer.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) verified: bool,
    /// Whether any block of the disk was written.
    pub(super) written: bool,
    device: &'static str,
    nexus: String,
    controller: Option<ControllerRow>,
    range: Option<RangeRow>,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) write: Figures,
    pub(super) read: Figures,
    pub(super) interrupts: u64,
    pub(super) sha256: Digests,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

#[derive(Debug, Serialize)]
struct ControllerRow {
    model: String,
    serial: String,
    firmware: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct RangeRow {
    namespace: u32,
    block_size: u64,
    first: u64,
    last: u64,
    blocks: u64,
}

/// What went over the bus one way.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Figures {
    objects: u64,
    commands: u64,
    windows: u64,
    copied_bytes: u64,
}

impl Figures {
    /// Adds what one object took.
    pub(super) fn add(&mut self, report: &nvme_driver::Report) {
        self.objects += 1;
        self.commands += u64::from(report.commands);
        self.windows += u64::from(report.windows);
        self.copied_bytes += report.copied;
    }

    fn row(&self, name: &str) -> [String; 5] {
        let Figures { objects, commands, windows, copied_bytes } = *self;
        let [a, b, c, d] = [objects, commands, windows, copied_bytes].map(grouped);
        [name.to_owned(), a, b, c, d]
    }
}

impl Report {
    /// A transfer that has not begun.
    pub(super) fn new(nexus: NexusChoice) -> Self {
        Report {
            verified: false,
            written: false,
            device: NVME,
            nexus: nexus.to_string(),
            controller: None,
            range: None,
            bytes: 0,
            seconds: 0.0,
            write: Figures::default(),
            read: Figures::default(),
            interrupts: 0,
            sha256: Digests::default(),
            difference: None,
            error: None,
        }
    }

    pub(super) fn tell_controller(&mut self, info: &ControllerInfo) {
        let ControllerInfo { model, serial, firmware, .. } = info.clone();
        self.controller = Some(ControllerRow { model, serial, firmware });
    }

    pub(super) fn tell_range(&mut self, blocks: &Blocks) {
        let Blocks { namespace, size, first, count } = *blocks;
        let last = blocks.last();
        self.range = Some(RangeRow { namespace, block_size: size, first, last, blocks: count });
    }

    /// What is told where nothing may be written.
    pub(super) fn would_overwrite(&self, path: &Path) -> String {
        format!(
            "nothing was written: {} would overwrite {}\n  of {}\nGive --overwrite to do that: what the blocks hold is lost then",
            path.display(),
            self.range(),
            self.disk()
        )
    }

    /// Which disk that is.
    fn disk(&self) -> String {
        match &self.controller {
            None => self.nexus.clone(),
            Some(ControllerRow { model, serial, firmware }) => {
                format!("{model}, serial {serial}, firmware {firmware}, at {}", self.nexus)
            }
        }
    }

    fn range(&self) -> String {
        let Some(RangeRow { namespace, block_size, first, last, blocks }) = self.range else {
            return "no blocks".to_owned();
        };
        let bytes = counted(blocks.saturating_mul(block_size), "byte");
        let blocks = counted(blocks, "block");
        format!("blocks {first} to {last} of namespace {namespace}: {blocks} of {block_size}, {bytes}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.verified { "verified" } else { "NOT VERIFIED" };
        let bytes = counted(self.bytes, "byte");
        writeln!(f, "{}\n  {}\n  {bytes} there and back: {verdict}", self.disk(), self.range())?;
        self.sha256.write(f, self.difference)?;
        let header = ["", "objects", "commands", "windows", "bytes copied"];
        let rows = [self.write.row("to the disk"), self.read.row("from the disk")];
        writeln!(f, "{}\n", table(header, rows, 1..5))?;
        let rate = 2.0 * self.bytes as f64 / self.seconds.max(1e-9) / 1e6;
        let interrupts = counted(self.interrupts, "interrupt");
        writeln!(f, "  {interrupts}, {:.3} seconds, {rate:.1} MB/s", self.seconds)
    }
}
