//! A file to the model of an NVMe controller that the driver's own tests have.

#[path = "../../../../../drivers/nvme/tests/model/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the driver's tests use all of it")]
mod model;

use std::io::Write;
use std::sync::Arc;

use ddi_dma::{Bus, Interrupt};
use ddi_dma_sim::{Buffer, BufferSpec, Iommu, Machine, MachineConfig, NexusKind};
use ddi_dma_vfio::PciAddress;
use nvme_driver::Config;

use super::*;
use model::{Model, Spec};

const ADDRESS: &str = "0000:00:03.0";

/// Memory of the simulated machine.
struct Simulated(Machine);

impl Memory for Simulated {
    type Buffer = Buffer;

    fn buffer(&self, length: u64) -> anyhow::Result<Buffer> {
        Ok(self.0.buffer(&BufferSpec::new(length).offset(0x104)).unwrap())
    }

    fn fill(&self, buffer: &mut Buffer, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(buffer.write(0, bytes)?)
    }

    fn take(&self, buffer: &Buffer, bytes: &mut [u8]) -> anyhow::Result<()> {
        Ok(buffer.read(0, bytes)?)
    }
}

/// A machine with a controller and its driver.
struct Bench {
    memory: Simulated,
    model: Model,
    nvme: nvme_driver::Nvme,
    report: Report,
}

impl Bench {
    fn new() -> Self {
        let machine = Machine::new(MachineConfig { iommu: Iommu::on(), ..MachineConfig::default() }).unwrap();
        let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
        let model = Model::new(machine.pci().clone(), Spec::default());
        let interrupts = model.lines().iter().map(|line| line.clone() as Arc<dyn Interrupt>).collect();
        let config = Config::default();
        let nvme =
            nvme_driver::Nvme::attach(bus.device("nvme"), model.registers(), interrupts, config).unwrap();
        let address: PciAddress = ADDRESS.parse().unwrap();
        Bench { memory: Simulated(machine), model, nvme, report: Report::new(NexusChoice::Vfio(address)) }
    }

    /// What the disk holds from a block on.
    fn held(&self, namespace: u32, lba: u64, length: usize) -> Vec<u8> {
        self.model.medium(namespace, |medium| medium.from(lba)[..length].to_vec())
    }

    /// Transfers bytes as if they were a file.
    fn transfer(&mut self, bytes: &[u8], namespace: u32, lba: u64, object: u64) -> anyhow::Result<()> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let length = bytes.len() as u64;
        self.report.tell_controller(self.nvme.controller());
        let blocks = Blocks::find(&self.nvme, namespace, lba, length)?;
        self.report.tell_range(&blocks);
        let progress = Progress::new(2 * length);
        let object = blocks.object(object)?;
        let (nvme, memory, file, progress) = (&mut self.nvme, &self.memory, &file, &progress);
        let mut passes = Passes { nvme, memory, blocks, file, length, object, progress };
        passes.there_and_back(&mut self.report)
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251 + 1) as u8).collect()
}

#[test]
fn a_file_goes_to_its_blocks_and_to_no_others() {
    let mut bench = Bench::new();
    let (file, ones) = (pattern(1_000_001), vec![0xFF; 2_000_000]);
    bench.model.medium(1, |medium| medium.from(0)[..ones.len()].copy_from_slice(&ones));
    bench.transfer(&file, 1, 40, 300_000).unwrap();
    assert!(bench.report.verified && bench.report.written);
    let medium = bench.held(1, 0, ones.len());
    let (first, last) = (40 * 512, 40 * 512 + file.len());
    let behind = last.next_multiple_of(512);
    assert!(medium[..first].iter().all(|byte| *byte == 0xFF), "ahead of the file");
    assert!(medium[first..last] == file[..], "the file");
    assert!(medium[last..behind].iter().all(|byte| *byte == 0), "the rest of its last block");
    assert!(medium[behind..].iter().all(|byte| *byte == 0xFF), "behind the file");
    assert_eq!(bench.model.seen().flushes, 1);
    let told = bench.report.to_string();
    assert!(
        told.contains("blocks 40 to 1993 of namespace 1: 1,954 blocks of 512, 1,000,448 bytes"),
        "{told}"
    );
    assert!(told.contains("1,000,001 bytes there and back: verified\n"), "{told}");
    bench.nvme.shutdown().unwrap();
    assert_eq!(bench.model.violations(), Vec::<String>::new());
}

#[test]
fn blocks_of_other_sizes_and_files_that_end_with_a_block() {
    let mut bench = Bench::new();
    bench.transfer(&pattern(8192), 3, 2046, 4096).unwrap();
    assert!(bench.report.verified);
    assert_eq!(bench.held(3, 2046, 8192), pattern(8192));
}

#[test]
fn what_does_not_fit_is_refused_before_a_block_is_written() {
    let mut bench = Bench::new();
    let refused = |error: anyhow::Error, snippets: &[&str]| {
        let text = format!("{error:#}");
        snippets.iter().for_each(|snippet| assert!(text.contains(snippet), "{snippet:?} in {text}"));
    };
    refused(bench.transfer(&[1], 2, 0, 512).unwrap_err(), &["--namespace 2", "it has 1, 3, 4"]);
    refused(
        bench.transfer(&[1; 600], 1, 65535, 512).unwrap_err(),
        &["--lba 65535", "2 blocks", "at most 65534"],
    );
    refused(bench.transfer(&[1; 600], 1, u64::MAX, 512).unwrap_err(), &["--lba", "at most 65534"]);
    refused(
        bench.transfer(&[1; 8193], 4, 0, 512).unwrap_err(),
        &["takes 17 blocks", "has 16", "smaller file"],
    );
    refused(bench.transfer(&[1], 1, 0, 511).unwrap_err(), &["--object 511", "block of 512"]);
    assert!(!bench.report.written);
    assert_eq!(bench.model.seen().bytes_written, 0);
}

#[test]
fn an_error_of_the_disk_is_told_with_its_place() {
    let mut bench = Bench::new();
    // The second command: write fault, 2h of status code type 2h.
    bench.model.mischief(|mischief| mischief.fail = vec![None, Some(0x280 << 1)]);
    let error = format!("{:#}", bench.transfer(&pattern(8192), 1, 8, 4096).unwrap_err());
    assert!(error.starts_with("the object at byte 0x1000: blocks 16..24: "), "{error}");
    assert!(bench.report.written && !bench.report.verified);
}

#[test]
fn a_refusal_tells_what_would_be_overwritten() {
    let mut bench = Bench::new();
    bench.report.tell_controller(bench.nvme.controller());
    bench.report.tell_range(&Blocks::find(&bench.nvme, 1, 2048, 10_000).unwrap());
    let told = bench.report.would_overwrite(Path::new("notes.txt"));
    let info = bench.nvme.controller();
    assert!(told.contains(
        "notes.txt would overwrite blocks 2048 to 2067 of namespace 1: 20 blocks of 512, 10,240 bytes"
    ));
    assert!(told.contains(&info.model) && told.contains(&format!("serial {}", info.serial)), "{told}");
    assert!(told.contains("vfio:0000:00:03.0") && told.contains("--overwrite"), "{told}");
}
