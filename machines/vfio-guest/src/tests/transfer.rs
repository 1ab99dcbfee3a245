//! The program `ddi-dma` takes a file to a real disk, refuses what it should, and the commands that it gives do what they say.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use ddi_dma_vfio::{Bar, HostBuffer, InterruptKind, PciAddress};
use nvme_driver::Nvme;
use rustix::process::{Resource, Rlimit, setrlimit};
use vfio_guest_contents::{BLOCK, SERIAL, block};

use super::opened::Opened;
use crate::failure::Failure;
use crate::guest::Guest;
use crate::pci;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("transfer-devices-are-ready-after-the-commands-given", commands),
    Test::new("transfer-only-tells-what-it-would-overwrite", refuses),
    Test::new("transfer-writes-a-file-to-the-disk", writes).within(Duration::from_secs(40)),
    Test::new("transfer-by-somebody-else-than-root", somebody).within(Duration::from_secs(40)),
    Test::new("transfer-refusals", refusals),
];

pub const WITHOUT_IOMMU: &[Test] = &[
    Test::new("transfer-without-an-iommu-is-refused", without_iommu),
    Test::new("transfer-without-an-iommu-where-it-may-be", physical).within(Duration::from_secs(40)),
];

/// Where the file goes, far from what other tests look at.
const LBA: u64 = 50_001;

/// Somebody without privileges.
const USER: u32 = 1000;

/// What the program printed, and its exit status.
#[derive(Debug)]
struct Ran {
    status: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Fails unless it ended like this and one of its outputs has these words.
    fn expect(&self, status: i32, words: &[&str]) -> Result<(), Failure> {
        ensure!(self.status == status, "exit status {}: {}{}", self.status, self.out, self.err);
        for word in words {
            ensure!(
                self.out.contains(word) || self.err.contains(word),
                "no {word:?}: {}{}",
                self.out,
                self.err
            );
        }
        Ok(())
    }
}

fn run(command: &mut Command) -> Result<Ran, Failure> {
    let output = command.output()?;
    Ok(Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

/// The program, with words that stand apart.
fn program(line: &str) -> Command {
    let mut command = Command::new("/bin/ddi-dma");
    command.args(line.split_whitespace());
    command
}

/// A file of bytes that are on no disk.
fn file(name: &str, length: usize) -> Result<(String, Vec<u8>), Failure> {
    let path = format!("/tmp/{name}");
    let bytes: Vec<u8> = (0..length).map(|at| (at * 7 + at / 509 + 3) as u8).collect();
    fs::write(&path, &bytes)?;
    Ok((path, bytes))
}

/// What the disk holds, read by a driver of this process.
fn disk(guest: &Guest, lba: u64, blocks: u64) -> Result<Vec<u8>, Failure> {
    let opened = Opened::new(guest.nvme)?;
    let registers = std::sync::Arc::new(opened.vfio.region(Bar::Bar0)?);
    let interrupt = std::sync::Arc::new(opened.interrupt(InterruptKind::MsiX)?);
    let config = nvme_driver::Config::default();
    let mut nvme = Nvme::attach(opened.bus.device("nvme"), registers, vec![interrupt], config)?;
    let buffer = HostBuffer::new(blocks * BLOCK as u64)?;
    let (buffer, _) = nvme.read(1, lba, buffer).map_err(|error| error.kind())?;
    nvme.shutdown()?;
    Ok(buffer.to_vec())
}

/// What the disk held when the machine started.
fn original(lba: u64, blocks: u64) -> Vec<u8> {
    (lba..lba + blocks).flat_map(block).collect()
}

fn transfer(guest: &Guest, path: &str, rest: &str) -> Command {
    program(&format!("transfer {path} --device nvme --nexus vfio:{} --lba {LBA} {rest}", guest.nvme))
}

/// What is printed for a device that nobody has makes it ready, typed as it stands.
fn commands(guest: &Guest) -> Result<(), Failure> {
    let ready = |address: PciAddress| format!("can be used: --nexus vfio:{address}\n");
    let ran = run(&mut program(&format!("devices {}", guest.nvme)))?;
    println!("{}", ran.out);
    ran.expect(
        0,
        &["NVM Express controller", "driver vfio-pci, IOMMU group ", " alone", "MSI-X ", &ready(guest.nvme)],
    )?;
    let free = format!("devices {}", guest.free_edu);
    let ran = run(&mut program(&free))?;
    println!("{}", ran.out);
    ran.expect(0, &["1234:11e8", "is bound to no driver, and not to vfio-pci\n"])?;
    let mut typed = 0;
    for line in ran.out.lines() {
        let Some((word, path)) = line.trim().strip_prefix("$ echo ").and_then(|rest| rest.split_once(" > "))
        else {
            continue;
        };
        fs::write(path, word)?;
        typed += 1;
    }
    ensure!(typed == 2, "{typed} commands");
    let after = run(&mut program(&free));
    pci::unbind(guest.free_edu)?;
    after?.expect(0, &[&ready(guest.free_edu)])
}

/// Without the flag not a block is written.
fn refuses(guest: &Guest) -> Result<(), Failure> {
    let (path, _) = file("refused", 5000)?;
    let ran = run(&mut transfer(guest, &path, ""))?;
    println!("{}", ran.err);
    let blocks = format!(
        "/tmp/refused would overwrite blocks {LBA} to {} of namespace 1: 10 blocks of {BLOCK}",
        LBA + 9
    );
    ran.expect(1, &["nothing was written", &blocks, SERIAL, "Give --overwrite"])?;
    ensure!(ran.out.is_empty(), "{}", ran.out);
    ensure!(disk(guest, LBA, 10)? == original(LBA, 10), "the disk changed");
    let json = run(&mut transfer(guest, &path, "--json"))?;
    json.expect(1, &["\"written\": false", "\"verified\": false", &format!("\"serial\": \"{SERIAL}\"")])
}

/// A file is written, block for block, and nothing beside it.
fn writes(guest: &Guest) -> Result<(), Failure> {
    for (length, rest) in [
        (1, "--overwrite"),
        (5_000_123, "--overwrite --json"),
        (4 * BLOCK, "--overwrite --offset 0x204 --object 1024"),
    ] {
        let (path, bytes) = file("written", length)?;
        let ran = run(&mut transfer(guest, &path, rest))?;
        println!("{}", ran.out);
        ran.expect(0, &["verified", SERIAL])?;
        let blocks = length.div_ceil(BLOCK) as u64;
        let held = disk(guest, LBA - 1, blocks + 2)?;
        let (ahead, file) = held.split_at(BLOCK);
        ensure!(ahead == original(LBA - 1, 1), "{length} bytes: the block ahead changed");
        ensure!(file.starts_with(&bytes), "{length} bytes: the file is not on the disk");
        let rest = file.get(length..blocks as usize * BLOCK).unwrap_or_default();
        ensure!(rest.iter().all(|byte| *byte == 0), "{length} bytes: the last block's rest is not zero");
    }
    // Large as the second file was, what lay behind it is there.
    let behind = LBA + 5_000_123usize.div_ceil(BLOCK) as u64;
    ensure!(disk(guest, behind, 1)? == original(behind, 1), "the block behind the file changed");
    Ok(())
}

/// Somebody else than root is told what is missing, can be given the disk, and gets along with little locked memory.
fn somebody(guest: &Guest) -> Result<(), Failure> {
    let (path, bytes) = file("somebody", 3_000_000)?;
    chown(&path, Some(USER), Some(USER))?;
    let mut doctor = program("doctor");
    let ran = run(doctor.uid(USER).gid(USER))?;
    let group = pci::group(guest.nvme)?.unwrap_or_default();
    let mend = format!("sudo chown {USER} /dev/vfio/{group}");
    ran.expect(1, &["VFIO cannot be used here now", &mend])?;
    let ran = run(transfer(guest, &path, "--overwrite").uid(USER).gid(USER))?;
    println!("{}", ran.err);
    ran.expect(1, &[&mend])?;
    let limit = Some(1 << 20);
    setrlimit(Resource::Memlock, Rlimit { current: limit, maximum: limit })?;
    let node = format!("/dev/vfio/{group}");
    chown(&node, Some(USER), Some(USER))?;
    let told = run(program("doctor").uid(USER).gid(USER));
    let ran = run(transfer(guest, &path, "--overwrite").uid(USER).gid(USER));
    chown(&node, Some(0), Some(0))?;
    let told = told?;
    println!("{}", told.out);
    told.expect(0, &["limited  locked memory     devices may reach 1 MiB at once", &guest.nvme.to_string()])?;
    let ran = ran?;
    println!("{}", ran.out);
    ran.expect(0, &["3,000,000 bytes there and back: verified"])?;
    ensure!(disk(guest, LBA, 5860)?.starts_with(&bytes), "the file is not on the disk");
    Ok(())
}

/// What cannot be is told with what can.
fn refusals(guest: &Guest) -> Result<(), Failure> {
    let (path, _) = file("refused", 5000)?;
    let nexus = format!("--nexus vfio:{} --overwrite", guest.nvme);
    for (line, words) in [
        (
            format!("{nexus} --lba 0 --namespace 9"),
            "--namespace 9: the controller has no such namespace: it has 1",
        ),
        (format!("{nexus} --lba 0xFFFFFFFFFFFF"), "give at most "),
        (format!("{nexus} --lba 0 --object 100"), "--object 100 is less than a block"),
        (format!("--nexus vfio:{} --lba 0", guest.edu), "is no NVM Express controller (1234:11e8"),
        ("--nexus vfio:00:1e.7 --lba 0".to_owned(), "no PCI device is there: there are "),
    ] {
        let ran = run(&mut program(&format!("transfer {path} --device nvme {line}")))?;
        ran.expect(1, &[words])?;
        ensure!(!ran.err.contains("panicked"), "{}", ran.err);
    }
    ensure!(disk(guest, 0, 10)? == original(0, 10), "the disk changed");
    Ok(())
}

/// Where there is no IOMMU, all commands say so.
fn without_iommu(guest: &Guest) -> Result<(), Failure> {
    let (path, _) = file("refused", 5000)?;
    let ran = run(&mut program("doctor"))?;
    println!("{}", ran.out);
    ran.expect(
        1,
        &[
            "bad      IOMMU             there is none",
            "uio_pci_generic is loaded",
            "VFIO cannot be used here now",
        ],
    )?;
    let missing = format!("no IOMMU stands between {} and memory", guest.nvme);
    run(&mut program("devices"))?.expect(0, &["no IOMMU group", &missing])?;
    run(&mut transfer(guest, &path, "--overwrite"))?.expect(1, &["cannot have ", &missing, "ddi-dma doctor"])
}

/// With the word that it may be, a file goes to the disk and back by physical addresses.
fn physical(guest: &Guest) -> Result<(), Failure> {
    let (path, _) = file("physical", 3_000_001)?;
    let line = format!("transfer {path} --device nvme --nexus uio:{} --lba {LBA} --overwrite", guest.nvme);
    run(&mut program(&line))?.expect(1, &["nothing keeps the device from memory", "add --no-iommu"])?;
    let ran = run(&mut program(&format!("{line} --no-iommu")))?;
    println!("{}", ran.out);
    ran.expect(0, &["3,000,001 bytes there and back: verified", SERIAL])
}
