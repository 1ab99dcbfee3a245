//! What a transfer came to, for people and for programs.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};
use ddi_dma_sim::Report;
use serde::Serialize;

use crate::cli::TransferArgs;
use crate::number::grouped;
use crate::reasons::{Reasons, counted};

/// Everything that is told of a transfer.
#[derive(Debug, Serialize)]
pub(super) struct Transferred {
    pub(super) verified: bool,
    pub(super) device: &'static str,
    pub(super) bytes: u64,
    #[serde(flatten)]
    total: Figures,
    pub(super) seconds: f64,
    pub(super) seed: u64,
    sha256: Digests,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Difference>,
    pub(super) write: Figures,
    pub(super) read: Figures,
    pub(super) reasons: Reasons,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What went over the bus, one way or both.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Figures {
    objects: u64,
    windows: u64,
    lists: u64,
    cookies: u64,
    copied_bytes: u64,
}

/// Checksums; null where it did not come to them.
#[derive(Debug, Default, Serialize)]
struct Digests {
    sent: Option<String>,
    received: Option<String>,
}

/// What came back.
pub(super) struct Back {
    pub(super) digest: [u8; 32],
    pub(super) difference: Option<Difference>,
}

/// The first byte that came back otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) offset: u64,
    sent: u8,
    received: u8,
}

impl Difference {
    /// Finds the first difference between what was sent from byte `at` of the file and what came back.
    pub(super) fn find(at: u64, sent: &[u8], received: &[u8]) -> Option<Difference> {
        if sent == received {
            return None;
        }
        let pairs = (at..).zip(sent.iter().zip(received));
        pairs
            .map(|(offset, (sent, received))| Difference { offset, sent: *sent, received: *received })
            .find(|pair| pair.sent != pair.received)
    }
}

impl Figures {
    /// Adds what one object took.
    pub(super) fn add(&mut self, report: &Report) {
        self.objects += 1;
        self.windows += report.windows as u64;
        self.lists += report.lists as u64;
        self.cookies += report.cookies as u64;
        self.copied_bytes += report.copied;
    }

    fn and(self, other: Figures) -> Figures {
        Figures {
            objects: self.objects + other.objects,
            windows: self.windows + other.windows,
            lists: self.lists + other.lists,
            cookies: self.cookies + other.cookies,
            copied_bytes: self.copied_bytes + other.copied_bytes,
        }
    }

    fn row(&self, name: &str) -> [String; 6] {
        let Figures { objects, windows, lists, cookies, copied_bytes } = *self;
        let [a, b, c, d, e] = [objects, windows, lists, cookies, copied_bytes].map(grouped);
        [name.to_owned(), a, b, c, d, e]
    }
}

impl Transferred {
    /// A transfer that has not begun.
    pub(super) fn new(device: &'static str, args: &TransferArgs) -> Self {
        Transferred {
            verified: false,
            device,
            bytes: 0,
            total: Figures::default(),
            seconds: 0.0,
            seed: args.seed,
            sha256: Digests::default(),
            difference: None,
            write: Figures::default(),
            read: Figures::default(),
            reasons: Reasons::default(),
            error: None,
        }
    }

    /// Compares what came back with what was sent.
    pub(super) fn judge(&mut self, sent: [u8; 32], back: Back) {
        self.verified = sent == back.digest;
        self.difference = back.difference;
        self.sha256 = Digests { sent: Some(hex(&sent)), received: Some(hex(&back.digest)) };
    }

    /// Adds both ways up.
    pub(super) fn sum(&mut self) {
        self.total = self.write.and(self.read);
    }
}

impl fmt::Display for Transferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.verified { "verified" } else { "NOT VERIFIED" };
        writeln!(f, "{}: {} there and back: {verdict}", self.device, counted(self.bytes, "byte"))?;
        if let Some(Difference { offset, sent, received }) = self.difference {
            writeln!(
                f,
                "  the first difference, at byte {offset:#x}: {sent:#04x} sent, {received:#04x} received"
            )?;
        }
        let [sent, received] =
            [&self.sha256.sent, &self.sha256.received].map(|hex| hex.as_deref().unwrap_or("-"));
        writeln!(f, "  sha256 sent      {sent}\n  sha256 received  {received}\n")?;
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["", "objects", "windows", "lists", "cookies", "bytes copied"]);
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table.add_row(self.write.row("to the disk"));
        table.add_row(self.read.row("from the disk"));
        writeln!(f, "{}\n", table.trim_fmt())?;
        for line in self.reasons.lines() {
            writeln!(f, "  {line}")?;
        }
        let rate = 2.0 * self.bytes as f64 / self.seconds.max(1e-9) / 1e6;
        writeln!(f, "  {:.3} seconds, {rate:.1} MB/s", self.seconds)
    }
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_its_byte() {
        assert_eq!(Difference::find(512, b"same", b"same"), None);
        let expected = Difference { offset: 514, sent: b'm', received: b'n' };
        assert_eq!(Difference::find(512, b"same", b"sane"), Some(expected));
    }
}
