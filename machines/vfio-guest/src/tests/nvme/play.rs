//! Random commands, many in flight, against a model of the disk.

use std::ops::Range;
use std::time::{Duration, Instant};

use ddi_dma::{BindFlags, DmaAttr, Wait};
use ddi_dma_vfio::{Arena, ArenaBuffer, HostBuffer};
use nvme_driver::{Nvme, Outcome, Request, Token};
use vfio_guest_contents::{BLOCK, block};

use super::{DISK, Rig, let_it_fetch, pattern};
use crate::failure::Failure;
use crate::guest::Guest;

/// Blocks that are used: few, so that commands meet each other's traces.
const BLOCKS: u64 = 8192;

/// What a test aims for, and when it leaves it at less.
struct Aim {
    commands: u64,
    within: Duration,
    /// Commands between resets.
    reset_each: u64,
}

/// Numbers that look random, always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 ^ self.0 >> 33).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A request in flight.
struct Doing {
    blocks: Range<u64>,
    kind: Kind,
}

enum Kind {
    Read(Token<HostBuffer>),
    Write(Token<HostBuffer>, Vec<u8>),
    /// The same with memory that is mapped beforehand.
    ReadArena(Token<ArenaBuffer>),
    WriteArena(Token<ArenaBuffer>, Vec<u8>),
    Zeroes(Token<()>),
    Flush(Token<()>),
}

impl Doing {
    fn is_done(&self) -> bool {
        match &self.kind {
            Kind::Read(token) | Kind::Write(token, _) => token.is_done(),
            Kind::ReadArena(token) | Kind::WriteArena(token, _) => token.is_done(),
            Kind::Zeroes(token) | Kind::Flush(token) => token.is_done(),
        }
    }
}

/// What the disk should hold, and what is on its way there.
struct Player {
    random: Random,
    arena: Arena,
    disk: Vec<u8>,
    doing: Vec<Doing>,
    ended: u64,
    cut_short: u64,
    /// Blocks whose writing was cut short, so that they may hold either.
    unsure: Vec<bool>,
}

/// Takes what a request came to. One that a reset cut short gives its object back, too.
fn taken<O>(token: Token<O>) -> Result<Option<O>, Failure> {
    let Ok(outcome): Result<Outcome<O>, _> = token.take() else {
        return Err(Failure::new("a request that has ended is still in flight"));
    };
    match outcome {
        Ok((object, _)) => Ok(Some(object)),
        Err(error) if error.object.is_some() => Ok(None),
        Err(error) => Err(Failure::new(format!("the object is lost: {error}"))),
    }
}

impl Player {
    fn new(rig: &Rig, seed: u64) -> Result<Self, Failure> {
        Ok(Player {
            random: Random(seed),
            arena: Arena::new(&rig.bus, 4 << 20, &DmaAttr::UNRESTRICTED)?,
            disk: (0..BLOCKS).flat_map(block).collect(),
            doing: Vec::new(),
            ended: 0,
            cut_short: 0,
            unsure: vec![false; BLOCKS as usize],
        })
    }

    /// Submits something that meets nothing that is in flight.
    fn begin(&mut self, nvme: &mut Nvme) -> Result<(), Failure> {
        let most = if self.random.below(128) == 0 { 2048 } else { 8 };
        let count = 1 + self.random.below(most);
        let first = self.random.below(BLOCKS - count);
        let blocks = first..first + count;
        let meets = |doing: &Doing| doing.blocks.start < blocks.end && blocks.start < doing.blocks.end;
        if self.doing.iter().any(meets) || self.doing.len() >= nvme.capacity() {
            return Ok(());
        }
        let length = count as usize * BLOCK;
        let offset =
            if self.random.below(8) == 0 { self.random.below(4096) } else { self.random.below(1024) * 4 };
        let flags = if self.random.below(32) == 0 { BindFlags::ISOLATE } else { BindFlags::empty() };
        let read = Request::read(DISK, first).with_flags(flags);
        let write = Request::write(DISK, first).with_flags(flags);
        let kind = match self.random.below(32) {
            0..3 => {
                let buffer = HostBuffer::with_offset(length as u64, offset)?;
                Kind::Read(nvme.submit(&read, buffer, Wait::DontWait)?)
            }
            3..6 => {
                let bytes = pattern(length, self.random.next());
                let mut buffer = HostBuffer::with_offset(length as u64, offset)?;
                buffer.write(0, &bytes)?;
                Kind::Write(nvme.submit(&write, buffer, Wait::DontWait)?, bytes)
            }
            30 => Kind::Zeroes(nvme.submit_write_zeroes(DISK, first, count)?),
            31 => Kind::Flush(nvme.submit_flush(DISK)?),
            other => {
                let Ok(mut buffer) = self.arena.take(length as u64, 64) else { return Ok(()) };
                if other < 18 {
                    Kind::ReadArena(nvme.submit(&Request::read(DISK, first), buffer, Wait::DontWait)?)
                } else {
                    let bytes = pattern(length, self.random.next());
                    buffer.write(0, &bytes)?;
                    let write = Request::write(DISK, first);
                    Kind::WriteArena(nvme.submit(&write, buffer, Wait::DontWait)?, bytes)
                }
            }
        };
        self.doing.push(Doing { blocks, kind });
        Ok(())
    }

    /// Takes what has ended, and compares it or notes it.
    fn settle(&mut self) -> Result<(), Failure> {
        while let Some(at) = self.doing.iter().position(Doing::is_done) {
            let Doing { blocks, kind } = self.doing.swap_remove(at);
            let went_well = match kind {
                Kind::Read(token) => {
                    let read = taken(token)?.map(|buffer| buffer.to_vec());
                    self.compare(&blocks, read)?
                }
                Kind::ReadArena(token) => {
                    let read = taken(token)?.map(|buffer| buffer.to_vec());
                    self.compare(&blocks, read)?
                }
                Kind::Write(token, bytes) => {
                    let went_well = taken(token)?.is_some();
                    self.note(&blocks, &bytes, went_well)
                }
                Kind::WriteArena(token, bytes) => {
                    let went_well = taken(token)?.is_some();
                    self.note(&blocks, &bytes, went_well)
                }
                Kind::Zeroes(token) => {
                    let zeroes = vec![0; (blocks.end - blocks.start) as usize * BLOCK];
                    let went_well = taken(token)?.is_some();
                    self.note(&blocks, &zeroes, went_well)
                }
                Kind::Flush(token) => taken(token)?.is_some(),
            };
            self.ended += 1;
            self.cut_short += u64::from(!went_well);
        }
        Ok(())
    }

    fn compare(&self, blocks: &Range<u64>, read: Option<Vec<u8>>) -> Result<bool, Failure> {
        let Some(read) = read else { return Ok(false) };
        for (number, bytes) in blocks.clone().zip(read.chunks(BLOCK)) {
            let expected = &self.disk[number as usize * BLOCK..][..BLOCK];
            ensure!(
                self.unsure[number as usize] || bytes == expected,
                "block {number} is not as it was written"
            );
        }
        Ok(true)
    }

    fn note(&mut self, blocks: &Range<u64>, bytes: &[u8], went_well: bool) -> bool {
        let range = blocks.start as usize..blocks.end as usize;
        if went_well {
            self.disk[range.start * BLOCK..range.end * BLOCK].copy_from_slice(bytes);
        }
        self.unsure[range].fill(!went_well);
        went_well
    }
}

/// Plays, resetting the controller now and then, and compares the whole disk.
fn play(rig: &Rig, seed: u64, aim: &Aim) -> Result<(), Failure> {
    let Aim { commands, within, reset_each } = *aim;
    let mut nvme = rig.driver()?;
    let mut player = Player::new(rig, seed)?;
    let (started, mut resets) = (Instant::now(), 0);
    while nvme.counts().commands < commands && started.elapsed() < within {
        for _ in 0..1 + player.random.below(16) {
            player.begin(&mut nvme)?;
        }
        // It crashes where it is reset while it flushes, too.
        let flushes = player.doing.iter().any(|doing| matches!(doing.kind, Kind::Flush(_)));
        if nvme.counts().commands / reset_each > resets && !flushes {
            resets += 1;
            let_it_fetch();
            nvme.reset()?;
        }
        if player.random.below(8) == 0 {
            nvme.serve(Duration::from_millis(50));
        } else {
            nvme.poll();
        }
        player.settle()?;
    }
    while nvme.in_flight() > 0 {
        nvme.serve(Duration::from_millis(50));
    }
    player.settle()?;
    let (counts, took) = (nvme.counts(), started.elapsed());
    println!(
        "{} requests, {} of them cut short by resets, in {took:.1?}: {counts:?}",
        player.ended, player.cut_short
    );
    if counts.commands < commands {
        println!("left at {} commands of {commands} after {within:?}: the machine is slow", counts.commands);
    }
    ensure!(counts.resets == resets && resets > 0 && counts.strays == 0, "{resets} resets, {counts:?}");
    ensure!(counts.commands > commands / 20, "only {} commands in {took:?}", counts.commands);
    let (whole, _) = nvme.read(DISK, 0, HostBuffer::new(BLOCKS * BLOCK as u64)?)?;
    player.compare(&(0..BLOCKS), Some(whole.to_vec()))?;
    nvme.shutdown()?;
    drop(player);
    rig.check_empty()
}

/// 100,000 commands, where they fit half a minute of the guest.
pub fn random(guest: &Guest) -> Result<(), Failure> {
    let aim = Aim { commands: 100_000, within: Duration::from_secs(28), reset_each: 10_000 };
    begin(guest, 1, &aim)
}

pub fn with_resets(guest: &Guest) -> Result<(), Failure> {
    let aim = Aim { commands: 10_000, within: Duration::from_secs(5), reset_each: 100 };
    begin(guest, 2, &aim)
}

/// Writes what the disk held when the machine started, and plays.
fn begin(guest: &Guest, seed: u64, aim: &Aim) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    let mut buffer = HostBuffer::new(BLOCKS * BLOCK as u64)?;
    buffer.write(0, &(0..BLOCKS).flat_map(block).collect::<Vec<u8>>())?;
    nvme.write(DISK, 0, buffer)?;
    drop(nvme);
    play(&rig, seed, aim)
}
