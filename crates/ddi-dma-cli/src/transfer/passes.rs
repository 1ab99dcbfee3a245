//! A file over a device and back: on a disk all of it out and then all of it in, on a network device frame by frame.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, bail, ensure};
use ddi_dma::Direction;
use ddi_dma_sim::{Buffer, BufferSpec, Machine, Report};
use sha2::{Digest, Sha256};

use super::engine::Request;
use super::outcome::{Back, Difference, Figures, StreamOutcome};
use super::progress::Progress;
use super::start::Starter;

/// What the passes over one file work with.
pub(super) struct Passes<'a> {
    pub(super) machine: &'a Machine,
    pub(super) starter: Starter,
    /// What every object is like, the last but for its length.
    pub(super) object: BufferSpec,
    /// What the device moves is a multiple of so many bytes; what the file does not have is moved unseen.
    pub(super) unit: u64,
    pub(super) file: &'a File,
    pub(super) length: u64,
    pub(super) progress: &'a Progress,
    /// The object before, which is kept so that the next one lies elsewhere.
    pub(super) before: Option<Buffer>,
}

/// What came back so far.
struct Received {
    digest: Sha256,
    difference: Option<Difference>,
}

impl Passes<'_> {
    /// Writes all of the file to the disk, and reads all of it back.
    pub(super) fn there_and_back(&mut self, outcome: &mut StreamOutcome) -> anyhow::Result<()> {
        let (mut sent, mut received) = (Sha256::new(), Received::new());
        let mut at = 0;
        while at < self.length {
            let bytes = self.file_bytes(at)?;
            self.send(at, &bytes, &mut sent, outcome).with_context(|| place("to the disk", at))?;
            at += bytes.len() as u64;
        }
        let mut at = 0;
        while at < self.length {
            let bytes = self.file_bytes(at)?;
            self.receive(at, &bytes, &mut received, outcome).with_context(|| place("from the disk", at))?;
            at += bytes.len() as u64;
        }
        outcome.judge(sent.finalize().into(), received.back());
        Ok(())
    }

    /// Sends the file frame by frame, and receives each as it comes back.
    pub(super) fn frame_by_frame(&mut self, outcome: &mut StreamOutcome) -> anyhow::Result<()> {
        let (mut sent, mut received) = (Sha256::new(), Received::new());
        let mut at = 0;
        while at < self.length {
            let bytes = self.file_bytes(at)?;
            self.send(at, &bytes, &mut sent, outcome).with_context(|| place("to the wire", at))?;
            self.receive(at, &bytes, &mut received, outcome).with_context(|| place("from the wire", at))?;
            at += bytes.len() as u64;
        }
        outcome.judge(sent.finalize().into(), received.back());
        Ok(())
    }

    /// Gives the device the object at `at`.
    fn send(
        &mut self,
        at: u64,
        bytes: &[u8],
        digest: &mut Sha256,
        outcome: &mut StreamOutcome,
    ) -> anyhow::Result<()> {
        let mut buffer = self.next_object(bytes.len())?;
        digest.update(bytes);
        buffer.write(0, bytes)?;
        let (buffer, report) = self.starter.carry(Request { at, buffer, direction: Direction::ToDevice })?;
        outcome.reasons.add_all(&report);
        self.finish(at, buffer, &report, &mut outcome.write)
    }

    /// Takes the object at `at` from the device, and compares it with what was sent.
    fn receive(
        &mut self,
        at: u64,
        sent: &[u8],
        received: &mut Received,
        outcome: &mut StreamOutcome,
    ) -> anyhow::Result<()> {
        let mut buffer = self.next_object(sent.len())?;
        // No byte is right before the device has brought it, whatever this memory held before.
        let mut came: Vec<u8> = sent.iter().map(|byte| !byte).collect();
        buffer.write(0, &came)?;
        let (buffer, report) =
            self.starter.carry(Request { at, buffer, direction: Direction::FromDevice })?;
        buffer.read(0, &mut came)?;
        received.take(at, sent, &came);
        outcome.reasons.add_all(&report);
        self.finish(at, buffer, &report, &mut outcome.read)
    }

    /// Allocates memory for an object, elsewhere than the one before.
    fn next_object(&mut self, length: usize) -> anyhow::Result<Buffer> {
        let length = (length as u64).next_multiple_of(self.unit);
        let buffer = self.machine.buffer(&BufferSpec { length, ..self.object });
        buffer.context(
            "no memory for an object: give the machine more --memory, or take smaller objects with --object",
        )
    }

    /// Adds up what an object took.
    fn finish(
        &mut self,
        at: u64,
        buffer: Buffer,
        report: &Report,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        let Report { length, moved, .. } = *report;
        ensure!(
            moved == length,
            "the device stopped short at byte {:#x}: {moved} of {length} bytes",
            at + moved
        );
        figures.add(report);
        self.progress.advance(length.min(self.length - at));
        self.before = Some(buffer);
        Ok(())
    }

    /// The bytes of the object at `at`.
    fn file_bytes(&self, at: u64) -> anyhow::Result<Vec<u8>> {
        let length = self.object.length.min(self.length - at);
        let Ok(size) = usize::try_from(length) else { bail!("the object is larger than memory") };
        let mut bytes = vec![0; size];
        self.file
            .read_exact_at(&mut bytes, at)
            .with_context(|| format!("cannot read {length} bytes at byte {at:#x} of the file"))?;
        Ok(bytes)
    }
}

impl Received {
    fn new() -> Self {
        Received { digest: Sha256::new(), difference: None }
    }

    fn take(&mut self, at: u64, sent: &[u8], came: &[u8]) {
        self.digest.update(came);
        if self.difference.is_none() {
            self.difference = Difference::find(at, sent, came);
        }
    }

    fn back(self) -> Back {
        Back { digest: self.digest.finalize().into(), difference: self.difference }
    }
}

fn place(way: &str, at: u64) -> String {
    format!("{way}: the object at byte {at:#x}")
}
