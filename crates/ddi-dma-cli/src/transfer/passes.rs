//! The two passes over a file: all of it to the disk, then all of it back.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, ensure};
use ddi_dma::BindFlags;
use ddi_dma_sim::{Buffer, BufferSpec, DiskDriver, Machine, Report, SECTOR};
use sha2::{Digest, Sha256};

use super::outcome::{Back, Difference, Figures};
use super::progress::Progress;
use crate::reasons::Reasons;

/// What the passes work with.
pub(super) struct Passes<'a> {
    machine: &'a Machine,
    driver: DiskDriver,
    /// What every object is like, the last but for its length.
    object: BufferSpec,
    flags: BindFlags,
    length: u64,
    progress: Progress,
    /// The object before, which is kept so that the next one lies elsewhere.
    before: Option<Buffer>,
    bytes: Vec<u8>,
}

impl<'a> Passes<'a> {
    /// Prepares to transfer `length` bytes.
    pub(super) fn new(
        machine: &'a Machine,
        driver: DiskDriver,
        object: BufferSpec,
        flags: BindFlags,
        length: u64,
    ) -> Self {
        let progress = Progress::new(length.saturating_mul(2));
        Passes { machine, driver, object, flags, length, progress, before: None, bytes: Vec::new() }
    }

    /// Writes all of the file to the disk; gives the digest of what was sent.
    pub(super) fn write(
        &mut self,
        file: &File,
        figures: &mut Figures,
        reasons: &mut Reasons,
    ) -> anyhow::Result<[u8; 32]> {
        let mut digest = Sha256::new();
        let mut at = 0;
        while at < self.length {
            let mut buffer = self.next_object(at)?;
            let bytes = read_file(file, at, buffer.len(), &mut self.bytes)?;
            digest.update(bytes);
            buffer.write(0, bytes)?;
            let done = self.driver.write(at / SECTOR, buffer, self.flags);
            let (buffer, report) = done.map_err(|failed| failed.kind).with_context(|| place(at))?;
            at += self.finish(at, buffer, &report, figures, reasons)?;
        }
        Ok(digest.finalize().into())
    }

    /// Reads all of it back; gives the digest of what came and where it first differs from the file.
    pub(super) fn read(
        &mut self,
        file: &File,
        figures: &mut Figures,
        reasons: &mut Reasons,
    ) -> anyhow::Result<Back> {
        let mut digest = Sha256::new();
        let mut difference = None;
        let mut came = Vec::new();
        let mut at = 0;
        while at < self.length {
            let mut buffer = self.next_object(at)?;
            let sent = read_file(file, at, buffer.len(), &mut self.bytes)?;
            // No byte is right before the device has brought it, whatever this memory held before.
            came.clear();
            came.extend(sent.iter().map(|byte| !byte));
            buffer.write(0, &came)?;
            let done = self.driver.read(at / SECTOR, buffer, self.flags);
            let (buffer, report) = done.map_err(|failed| failed.kind).with_context(|| place(at))?;
            buffer.read(0, &mut came)?;
            digest.update(&came);
            difference = difference.or_else(|| Difference::find(at, sent, &came));
            at += self.finish(at, buffer, &report, figures, reasons)?;
        }
        Ok(Back { digest: digest.finalize().into(), difference })
    }

    /// Allocates memory for the object at `at`, elsewhere than the one before.
    fn next_object(&mut self, at: u64) -> anyhow::Result<Buffer> {
        let length = self.object.length.min(self.length - at);
        let buffer = self.machine.buffer(&BufferSpec { length, ..self.object });
        buffer.context(
            "no memory for an object: give the machine more --memory, or take smaller objects with --object",
        )
    }

    /// Adds up what an object took, and gives its bytes.
    fn finish(
        &mut self,
        at: u64,
        buffer: Buffer,
        report: &Report,
        figures: &mut Figures,
        reasons: &mut Reasons,
    ) -> anyhow::Result<u64> {
        let Report { length, moved, .. } = *report;
        ensure!(
            moved == length,
            "the device stopped short at byte {:#x}: {moved} of {length} bytes",
            at + moved
        );
        figures.add(report);
        report.explanation.iter().for_each(|explanation| reasons.add(explanation));
        self.progress.advance(length);
        self.before = Some(buffer);
        Ok(length)
    }
}

/// Reads `length` bytes of a file at `at`.
fn read_file<'b>(file: &File, at: u64, length: u64, into: &'b mut Vec<u8>) -> anyhow::Result<&'b [u8]> {
    into.resize(usize::try_from(length).context("the object is larger than memory")?, 0);
    file.read_exact_at(into, at)
        .with_context(|| format!("cannot read {length} bytes at byte {at:#x} of the file"))?;
    Ok(into)
}

fn place(at: u64) -> String {
    format!("the object at byte {at:#x}")
}
