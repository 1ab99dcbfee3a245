//! Bytes to the disk and back.

use std::fs::OpenOptions;
use std::time::{Duration, Instant};

use ddi_dma::{AccessAttr, DmaAttr, DmaHandle, MemoryUse, PrivateMemory, Wait};
use ddi_dma_vfio::{
    Arena, ArenaBuffer, FileAccess, FileBuffer, Gather, HostBuffer, InterruptKind, VecBuffer,
};
use nvme_driver::{Config, Nvme, Pointers, Request, SglSupport, Support};
use vfio_guest_contents::{BLOCK, DISK_BLOCKS, SERIAL, block};

use super::{DISK, Notice, Rig, filled, pattern};
use crate::failure::Failure;
use crate::guest::Guest;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

pub fn attaches(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let nvme = rig.driver()?;
    let info = nvme.controller().clone();
    println!("{info:?}");
    ensure!(info.model == "QEMU NVMe Ctrl" && info.serial == SERIAL, "{info:?}");
    ensure!(info.sgl == SglSupport::Any && info.write_zeroes == Support::Yes, "{info:?}");
    let Some(disk) = nvme.namespace(DISK) else { return Err(Failure::new("no namespace 1")) };
    ensure!(disk.blocks == DISK_BLOCKS && disk.block_size as usize == BLOCK, "{disk:?}");
    nvme.shutdown()?;
    // Another driver finds it again.
    rig.driver()?.flush(DISK)?;
    rig.check_empty()
}

/// What the machine put on the disk.
pub fn reads_the_disk(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    for (lba, blocks) in [(0, 1), (DISK_BLOCKS - 1, 1), (1000, 300), (DISK_BLOCKS - 4096, 4096)] {
        let (buffer, _) = nvme.read(DISK, lba, HostBuffer::new(blocks * BLOCK as u64)?)?;
        let expected: Vec<u8> = (lba..lba + blocks).flat_map(block).collect();
        ensure!(buffer.to_vec() == expected, "blocks {lba}..{}", lba + blocks);
    }
    Ok(())
}

/// 512 bytes to 16 MiB that start anywhere in a page, by PRPs and by SGLs.
pub fn sizes(guest: &Guest) -> Result<(), Failure> {
    let lengths = [512, 1024, 4096, 4608, 8192, 64 * KIB, 513 * KIB, 3 * MIB + 512, 16 * MIB];
    for pointers in [Pointers::Prp, Pointers::Automatic, Pointers::Sgl] {
        let rig = Rig::new(guest)?;
        let config = Config { pointers, ..Config::default() };
        let mut nvme = rig.attach(Notice::Interrupts(InterruptKind::MsiX, 2), config)?;
        let (started, mut commands, mut copied) = (Instant::now(), 0, 0);
        for (number, length) in lengths.into_iter().enumerate() {
            // Large objects take their time.
            let offsets: &[u64] = if length > MIB { &[4092, 1] } else { &[0, 4, 512, 4092, 1] };
            for &offset in offsets {
                let (lba, seed) = (number as u64 * 3, number as u64 * 5000 + offset);
                let (from, written) = nvme.write(DISK, lba, filled(length, offset, seed)?)?;
                ensure!(from.to_vec() == pattern(length, seed), "the source changed");
                let (into, read) = nvme.read(DISK, lba, filled(length, (offset + 4) % 4096, 0)?)?;
                ensure!(into.to_vec() == pattern(length, seed), "{pointers:?}: {length} bytes at {offset}");
                ensure!(
                    written.moved == length as u64 && read.moved == length as u64,
                    "{written:?} {read:?}"
                );
                commands += written.commands + read.commands;
                copied += written.copied + read.copied;
            }
        }
        println!("{pointers:?}: {commands} commands, {copied} bytes copied, in {:?}", started.elapsed());
        ensure!(pointers == Pointers::Prp || copied == 0, "SGLs name bytes anywhere: {copied} were copied");
        nvme.shutdown()?;
        rig.check_empty()?;
    }
    Ok(())
}

/// From a vector to a file, to IOPB memory, to an arena, and to pieces of all lengths; by way of the disk.
pub fn kinds(guest: &Guest) -> Result<(), Failure> {
    const LENGTH: usize = 100 * KIB;
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    let expected = pattern(LENGTH, 3);
    let (vector, _) = nvme.write(DISK, 7, VecBuffer::new(expected.clone()))?;
    ensure!(vector.into_vec() == expected, "the vector changed");

    let path = std::env::temp_dir().join("nvme-object");
    std::fs::write(&path, vec![0x77; LENGTH + 3 * 4096])?;
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    let in_file = FileBuffer::new(&file, 1234, LENGTH as u64, FileAccess::ReadWrite)?;
    let (in_file, _) = nvme.read(DISK, 7, in_file)?;
    let there = std::fs::read(&path)?;
    ensure!(there[1234..][..LENGTH] == expected, "what the device wrote is in the file");
    let mut outside = there[..1234].iter().chain(&there[1234 + LENGTH..]);
    ensure!(outside.all(|byte| *byte == 0x77), "and nothing else is");
    nvme.write(DISK, 1007, in_file)?;

    let handle: DmaHandle<PrivateMemory> = rig.device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
    let attr = AccessAttr::default();
    let memory = handle.alloc_memory(LENGTH as u64, MemoryUse::Streaming, attr, Wait::DontWait)?;
    let access = memory.access();
    let arena = Arena::new(&rig.bus, 0x4_0000, &DmaAttr::UNRESTRICTED)?;
    let piece = arena.take(LENGTH as u64, 512)?;
    let maps = rig.usage().maps;
    let (memory, report) = nvme.read(DISK, 1007, memory)?;
    let mut bytes = vec![0; LENGTH];
    access.read(0, &mut bytes)?;
    ensure!(bytes == expected && report.copied == 0, "IOPB memory: {report:?}");
    let (_, report) = nvme.write(DISK, 2007, memory)?;
    ensure!(report.copied == 0, "{report:?}");
    let (piece, report): (ArenaBuffer, _) = nvme.read(DISK, 2007, piece)?;
    ensure!(piece.to_vec() == expected && report.copied == 0, "arena: {report:?}");
    ensure!(rig.usage().maps == maps, "what is mapped beforehand is not mapped again");
    nvme.write(DISK, 3007, piece)?;

    let lengths = [1, 510, 4097, 3, 1024, 700, LENGTH - 6335];
    let pieces = lengths.map(|length| VecBuffer::new(vec![0; length])).into_iter().collect();
    let Ok(pieces) = Gather::new(pieces) else { return Err(Failure::new("vectors cannot be gathered")) };
    let (pieces, report) = nvme.read(DISK, 3007, pieces)?;
    println!("{} pieces: {report:?}", lengths.len());
    ensure!(pieces.to_vec() == expected, "pieces");
    Ok(())
}

/// Two interrupts, one, the line, and none: completions are told, and not found by looking.
pub fn notices(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let kinds = [
        Notice::Interrupts(InterruptKind::MsiX, 2),
        Notice::Interrupts(InterruptKind::MsiX, 1),
        Notice::Interrupts(InterruptKind::IntX, 1),
        Notice::Polling,
    ];
    const COMMANDS: u64 = 200;
    // So seldom that those found by looking are noticed, however slow the machine is.
    let config = Config { look_interval: Duration::from_secs(2), ..Config::default() };
    for notice in kinds {
        let mut nvme = rig.attach(notice, config)?;
        let started = Instant::now();
        let mut buffer = filled(4096, 0, 1)?;
        for lba in 0..COMMANDS {
            buffer = nvme.read(DISK, lba * 8, buffer)?.0;
        }
        let (took, counts) = (started.elapsed(), nvme.counts());
        println!("{notice:?}: {COMMANDS} reads of 4 KiB in {took:?}, {counts:?}");
        ensure!(counts.strays == 0 && counts.resets == 0, "{counts:?}");
        let told = counts.interrupts > 0;
        ensure!(told == (notice != Notice::Polling), "{notice:?}: {counts:?}");
        ensure!(took < config.look_interval * COMMANDS as u32 / 50, "{notice:?} took {took:?}");
    }
    Ok(())
}

/// As many requests as there are slots, which come back in whatever order.
pub fn many_in_flight(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    let mut tokens = Vec::new();
    for number in 0..nvme.capacity() as u64 {
        let buffer = filled(8192, number % 16 * 4, number)?;
        tokens.push(nvme.submit(&Request::write(DISK, number * 16), buffer, Wait::DontWait)?);
    }
    let Err(full) = nvme.submit(&Request::read(DISK, 0), filled(512, 0, 9)?, Wait::DontWait) else {
        return Err(Failure::new("there is no room for another request"));
    };
    println!("{full}");
    ensure!(full.object.is_some_and(|object| object.to_vec() == pattern(512, 9)), "the object comes back");
    for token in tokens {
        nvme.wait(token)?;
    }
    compare(&mut nvme)?;
    drop(nvme);
    rig.check_empty()
}

fn compare(nvme: &mut Nvme) -> Result<(), Failure> {
    for number in 0..nvme.capacity() as u64 {
        let (buffer, _) = nvme.read(DISK, number * 16, HostBuffer::new(8192)?)?;
        ensure!(buffer.to_vec() == pattern(8192, number), "request {number}");
    }
    Ok(())
}
