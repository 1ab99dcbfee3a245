//! What a transfer came to, for people and for programs.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use ddi_dma_sim::Report;
use serde::Serialize;

use super::stats::StatsSection;
use crate::number::grouped;
use crate::reasons::{Reasons, counted};

/// Everything that is told of a transfer.
#[derive(Debug, Serialize)]
pub(super) struct Transferred {
    pub(super) verified: bool,
    device: &'static str,
    bytes: u64,
    #[serde(flatten)]
    total: Figures,
    pub(super) seconds: f64,
    seed: u64,
    /// Null where there are several streams: each has its own.
    sha256: Option<Digests>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
    write: Figures,
    read: Figures,
    streams: Vec<StreamOutcome>,
    reasons: Reasons,
    pub(super) stats: StatsSection,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What became of one file in one stream.
#[derive(Debug, Default, Serialize)]
pub(super) struct StreamOutcome {
    /// Its number, from 1.
    pub(super) stream: usize,
    file: String,
    pub(super) verified: bool,
    pub(super) bytes: u64,
    sha256: Digests,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Difference>,
    pub(super) write: Figures,
    pub(super) read: Figures,
    #[serde(skip)]
    pub(super) reasons: Reasons,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
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
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Digests {
    sent: Option<String>,
    received: Option<String>,
}

impl Digests {
    /// Those of what was sent and of what came back.
    pub(super) fn new(sent: [u8; 32], received: [u8; 32]) -> Self {
        Digests { sent: Some(hex(&sent)), received: Some(hex(&received)) }
    }

    /// The lines that tell of them, and of where they begin to differ.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, difference: Option<Difference>) -> fmt::Result {
        if let Some(Difference { offset, sent, received }) = difference {
            writeln!(
                f,
                "  the first difference, at byte {offset:#x}: {sent:#04x} sent, {received:#04x} received"
            )?;
        }
        let [sent, received] = [&self.sent, &self.received].map(|hex| hex.as_deref().unwrap_or("-"));
        writeln!(f, "  sha256 sent      {sent}\n  sha256 received  {received}\n")
    }
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

impl StreamOutcome {
    /// A stream that has not begun.
    pub(super) fn new(stream: usize, file: &Path) -> Self {
        StreamOutcome { stream, file: file.display().to_string(), ..StreamOutcome::default() }
    }

    /// Compares what came back with what was sent.
    pub(super) fn judge(&mut self, sent: [u8; 32], back: Back) {
        self.verified = sent == back.digest;
        self.difference = back.difference;
        self.sha256 = Digests::new(sent, back.digest);
    }

    /// Notes why the stream ended early.
    pub(super) fn fail(&mut self, error: &anyhow::Error) {
        self.verified = false;
        self.error = Some(format!("{error:#}"));
    }

    fn row(&self) -> [String; 7] {
        let both = self.write.and(self.read);
        let end = match (&self.error, self.verified) {
            (Some(_), _) => "FAILED",
            (None, true) => "verified",
            (None, false) => "NOT VERIFIED",
        };
        let digest = self.sha256.received.as_deref().and_then(|hex| hex.get(..16)).unwrap_or("-");
        let [bytes, windows, copied] = [self.bytes, both.windows, both.copied_bytes].map(grouped);
        [
            self.stream.to_string(),
            bytes,
            windows,
            copied,
            digest.to_owned(),
            end.to_owned(),
            self.file.clone(),
        ]
    }
}

impl Transferred {
    /// A transfer that has not begun.
    pub(super) fn new(device: &'static str, seed: u64) -> Self {
        Transferred {
            verified: false,
            device,
            bytes: 0,
            total: Figures::default(),
            seconds: 0.0,
            seed,
            sha256: Some(Digests::default()),
            difference: None,
            write: Figures::default(),
            read: Figures::default(),
            streams: Vec::new(),
            reasons: Reasons::default(),
            stats: StatsSection::default(),
            error: None,
        }
    }

    /// Adds all streams up.
    pub(super) fn conclude(&mut self, streams: Vec<StreamOutcome>) {
        for stream in &streams {
            self.bytes += stream.bytes;
            self.write = self.write.and(stream.write);
            self.read = self.read.and(stream.read);
            self.reasons.merge(&stream.reasons);
        }
        self.total = self.write.and(self.read);
        self.verified = streams.iter().all(|stream| stream.verified);
        self.error = match &streams[..] {
            [only] => only.error.clone(),
            several => errors(several),
        };
        (self.sha256, self.difference) = match &streams[..] {
            [only] => (Some(only.sha256.clone()), only.difference),
            _ => (None, None),
        };
        self.streams = streams;
    }

    /// Whether there is something to show beside an error.
    pub(super) fn is_told(&self) -> bool {
        self.error.is_none() || self.streams.len() > 1
    }
}

/// The errors of several streams, each with its number.
fn errors(streams: &[StreamOutcome]) -> Option<String> {
    let told: Vec<String> = streams
        .iter()
        .filter_map(|stream| stream.error.as_ref().map(|error| format!("stream {}: {error}", stream.stream)))
        .collect();
    let (failed, all) = (told.len(), streams.len());
    (failed > 0).then(|| format!("{failed} of {all} streams failed:\n  {}", told.join("\n  ")))
}

impl fmt::Display for Transferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.verified { "verified" } else { "NOT VERIFIED" };
        let bytes = counted(self.bytes, "byte");
        match &self.streams[..] {
            [] | [_] => {
                writeln!(f, "{}: {bytes} there and back: {verdict}", self.device)?;
                self.sha256.clone().unwrap_or_default().write(f, self.difference)?;
            }
            streams => {
                let count = streams.len();
                writeln!(f, "{}: {count} streams, {bytes} there and back: {verdict}\n", self.device)?;
                let header = ["stream", "bytes", "windows", "bytes copied", "sha256", "", "file"];
                writeln!(f, "{}\n", table(header, streams.iter().map(StreamOutcome::row), 0..4))?;
            }
        }
        let header = ["", "objects", "windows", "lists", "cookies", "bytes copied"];
        let rows = [self.write.row("to the device"), self.read.row("from the device")];
        writeln!(f, "{}\n", table(header, rows, 1..6))?;
        let reasons = self.reasons.lines();
        for line in &reasons {
            writeln!(f, "  {line}")?;
        }
        if !reasons.is_empty() {
            writeln!(f)?;
        }
        writeln!(f, "{}", self.stats)?;
        let rate = 2.0 * self.bytes as f64 / self.seconds.max(1e-9) / 1e6;
        writeln!(f, "  {:.3} seconds, {rate:.1} MB/s", self.seconds)
    }
}

/// A table without lines; the columns `right` have their cells at the right.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    right: Range<usize>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(header);
    let columns = table.column_iter_mut().enumerate().filter(|(index, _)| right.contains(index));
    columns.for_each(|(_, column)| column.set_cell_alignment(CellAlignment::Right));
    table.add_rows(rows);
    table.trim_fmt()
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
