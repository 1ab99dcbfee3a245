//! A file to blocks and back, object by object.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, anyhow, bail, ensure};
use ddi_dma::{DmaObject, Wait};
use nvme_driver::{Nvme, Outcome, Request, RequestError};
use sha2::{Digest, Sha256};

use super::super::outcome::{Difference, Digests};
use super::super::progress::Progress;
use super::report::{Figures, Report};

/// Where objects come from.
pub(super) trait Memory {
    type Buffer: DmaObject;

    /// Memory for an object.
    fn buffer(&self, length: u64) -> anyhow::Result<Self::Buffer>;

    /// Puts bytes at its start.
    fn fill(&self, buffer: &mut Self::Buffer, bytes: &[u8]) -> anyhow::Result<()>;

    /// Takes the bytes at its start.
    fn take(&self, buffer: &Self::Buffer, bytes: &mut [u8]) -> anyhow::Result<()>;
}

/// The blocks that a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) namespace: u32,
    /// Bytes of a block.
    pub(super) size: u64,
    pub(super) first: u64,
    pub(super) count: u64,
}

impl Blocks {
    /// Finds the blocks of a namespace that `length` bytes take from `lba` on.
    pub(super) fn find(nvme: &Nvme, number: u32, lba: u64, length: u64) -> anyhow::Result<Self> {
        let namespace = nvme.namespace(number).with_context(|| {
            let numbers: Vec<String> =
                nvme.namespaces().iter().map(|there| there.number.to_string()).collect();
            let there = if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") };
            format!("--namespace {number}: the controller has no such namespace: it has {there}")
        })?;
        let size = u64::from(namespace.block_size);
        let (count, capacity) = (length.div_ceil(size), namespace.blocks);
        ensure!(
            count <= capacity,
            "the file takes {count} blocks of {size} bytes, and namespace {number} has {capacity}: give a smaller file"
        );
        ensure!(
            lba <= capacity - count,
            "--lba {lba}: the file takes {count} blocks of {size} bytes, and namespace {number} has {capacity}: give at \
             most {}",
            capacity - count
        );
        Ok(Blocks { namespace: number, size, first: lba, count })
    }

    /// Bytes of an object of these blocks, near what is asked for.
    pub(super) fn object(&self, asked: u64) -> anyhow::Result<u64> {
        let object = asked / self.size * self.size;
        ensure!(
            object > 0,
            "--object {asked} is less than a block of {} bytes: give at least that many",
            self.size
        );
        Ok(object)
    }

    pub(super) fn last(&self) -> u64 {
        self.first + self.count - 1
    }
}

/// What the passes over a file work with.
pub(super) struct Passes<'a, M> {
    pub(super) nvme: &'a mut Nvme,
    pub(super) memory: &'a M,
    pub(super) blocks: Blocks,
    pub(super) file: &'a File,
    pub(super) length: u64,
    /// Bytes of an object, whole blocks.
    pub(super) object: u64,
    pub(super) progress: &'a Progress,
}

impl<M: Memory> Passes<'_, M> {
    /// Writes all of the file, has the disk keep it, and reads all of it back.
    pub(super) fn there_and_back(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let mut sent = Sha256::new();
        for at in self.places() {
            let bytes = self.file_bytes(at)?;
            sent.update(&bytes);
            self.write(at, &bytes, &mut report.write)?;
            report.written = true;
            report.bytes += bytes.len() as u64;
        }
        self.nvme.flush(self.blocks.namespace).map_err(|error| anyhow!("cannot flush: {error}"))?;
        let (mut received, mut difference) = (Sha256::new(), None);
        for at in self.places() {
            let bytes = self.file_bytes(at)?;
            let came = self.read(at, &bytes, &mut report.read)?;
            received.update(&came);
            difference = difference.or_else(|| Difference::find(at, &bytes, &came));
        }
        let (sent, received) = (sent.finalize().into(), received.finalize().into());
        report.verified = sent == received && difference.is_none();
        report.sha256 = Digests::new(sent, received);
        if let (true, Some(Difference { offset, .. })) = (sent == received, difference) {
            bail!(
                "the file changed while it was transferred, at byte {offset:#x}: try again when nobody writes it"
            );
        }
        report.difference = difference;
        Ok(())
    }

    /// Where in the file objects start.
    fn places(&self) -> impl Iterator<Item = u64> + use<M> {
        let (length, object) = (self.length, self.object);
        (0..length.div_ceil(object)).map(move |index| index * object)
    }

    fn write(&mut self, at: u64, bytes: &[u8], figures: &mut Figures) -> anyhow::Result<()> {
        let mut buffer = self.buffer(bytes.len())?;
        // What the file does not have of the last block is zeros.
        let whole = (bytes.len() as u64).next_multiple_of(self.blocks.size);
        let mut padded = bytes.to_vec();
        padded.resize(usize::try_from(whole)?, 0);
        self.memory.fill(&mut buffer, &padded)?;
        let request = Request::write(self.blocks.namespace, self.lba(at));
        let outcome = self.carry(&request, buffer);
        self.finish(at, outcome, figures).map(|_| ())
    }

    /// The bytes that are on the disk instead of `sent`.
    fn read(&mut self, at: u64, sent: &[u8], figures: &mut Figures) -> anyhow::Result<Vec<u8>> {
        let mut buffer = self.buffer(sent.len())?;
        // No byte is right before the disk has brought it, whatever this memory held before.
        let mut came: Vec<u8> = sent.iter().map(|byte| !byte).collect();
        self.memory.fill(&mut buffer, &came)?;
        let request = Request::read(self.blocks.namespace, self.lba(at));
        let outcome = self.carry(&request, buffer);
        let buffer = self.finish(at, outcome, figures)?;
        self.memory.take(&buffer, &mut came)?;
        Ok(came)
    }

    fn carry(&mut self, request: &Request, buffer: M::Buffer) -> Outcome<M::Buffer> {
        // Nobody else uses this bus, so what is short stays short.
        let token = self.nvme.submit(request, buffer, Wait::DontWait)?;
        self.nvme.wait(token)
    }

    fn finish(
        &self,
        at: u64,
        outcome: Outcome<M::Buffer>,
        figures: &mut Figures,
    ) -> anyhow::Result<M::Buffer> {
        let (buffer, report) = outcome.map_err(|error| failed(at, &error))?;
        ensure!(
            report.moved == report.length,
            "the object at byte {at:#x}: the disk moved {} of {} bytes",
            report.moved,
            report.length
        );
        figures.add(&report);
        self.progress.advance(report.moved);
        Ok(buffer)
    }

    fn buffer(&self, length: usize) -> anyhow::Result<M::Buffer> {
        self.memory.buffer((length as u64).next_multiple_of(self.blocks.size))
    }

    fn lba(&self, at: u64) -> u64 {
        self.blocks.first + at / self.blocks.size
    }

    fn file_bytes(&self, at: u64) -> anyhow::Result<Vec<u8>> {
        let length = self.object.min(self.length - at);
        let mut bytes = vec![0; usize::try_from(length)?];
        self.file
            .read_exact_at(&mut bytes, at)
            .with_context(|| format!("cannot read {length} bytes at byte {at:#x} of the file"))?;
        Ok(bytes)
    }
}

/// A request that failed, with what may help.
fn failed<B>(at: u64, error: &RequestError<B>) -> anyhow::Error {
    let help = match error.kind().shortage() {
        Some(_) => ": take smaller objects with --object; `ddi-dma doctor` tells the limits",
        None => "",
    };
    anyhow!("the object at byte {at:#x}: {error}{help}")
}
