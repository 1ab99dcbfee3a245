//! Random commands, many in flight, against a model of the disk.

use std::ops::Range;

use ddi_dma::Wait;
use ddi_dma_sim::{Buffer, Iommu};
use nvme_driver::{Config, Nvme, Outcome, Request, Token};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::bench::{Bench, Notice, iommus, pattern};
use crate::model::Spec;

const BLOCK: u64 = 512;
/// Blocks that are used: few, so that commands meet each other's traces.
const BLOCKS: u64 = 4096;

/// A request in flight, and what becomes of the disk.
struct Doing {
    blocks: Range<u64>,
    kind: Kind,
}

enum Kind {
    Read(Token<Buffer>),
    Write(Token<Buffer>, Vec<u8>),
    Zeroes(Token<()>),
    Flush(Token<()>),
}

impl Doing {
    fn is_done(&self) -> bool {
        match &self.kind {
            Kind::Read(token) | Kind::Write(token, _) => token.is_done(),
            Kind::Zeroes(token) | Kind::Flush(token) => token.is_done(),
        }
    }
}

/// What the disk should hold, and the requests that are on their way.
struct Player<'a> {
    bench: &'a Bench,
    random: ChaCha8Rng,
    disk: Vec<u8>,
    doing: Vec<Doing>,
    resets: u64,
    failed: u64,
    /// Blocks of which requests were cut short: they may hold either.
    unsure: Vec<Range<u64>>,
}

impl Player<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    /// Submits something that meets nothing that is in flight.
    fn begin(&mut self, nvme: &mut Nvme) {
        let most = if self.below(16) == 0 { 1024 } else { 24 };
        let count = 1 + self.below(most);
        let first = self.below(BLOCKS - count);
        let blocks = first..first + count;
        let meets = |doing: &Doing| doing.blocks.start < blocks.end && blocks.start < doing.blocks.end;
        if self.doing.iter().any(meets) || self.doing.len() >= nvme.capacity() {
            return;
        }
        let (length, offset) = (count * BLOCK, self.below(4096));
        let offset = if self.below(4) == 0 { offset } else { offset & !3 };
        let kind = match self.below(16) {
            0..7 => {
                let buffer = self.bench.buffer(length, offset);
                Kind::Read(nvme.submit(&Request::read(1, first), buffer, Wait::DontWait).unwrap())
            }
            7..14 => {
                let (buffer, bytes) = self.bench.filled(length, offset, self.random.next_u64() >> 8);
                Kind::Write(nvme.submit(&Request::write(1, first), buffer, Wait::DontWait).unwrap(), bytes)
            }
            14 => Kind::Zeroes(nvme.submit_write_zeroes(1, first, count).unwrap()),
            _ => Kind::Flush(nvme.submit_flush(1).unwrap()),
        };
        self.doing.push(Doing { blocks, kind });
    }

    /// Takes what has ended, and compares or applies it.
    fn settle(&mut self) {
        while let Some(at) = self.doing.iter().position(Doing::is_done) {
            let Doing { blocks, kind } = self.doing.swap_remove(at);
            let bytes = (blocks.start * BLOCK) as usize..(blocks.end * BLOCK) as usize;
            let settled = match kind {
                Kind::Read(token) => {
                    let outcome = taken(token);
                    if let Ok((buffer, _)) = &outcome
                        && !self.unsure.iter().any(|it| it.start < blocks.end && blocks.start < it.end)
                    {
                        assert!(
                            buffer.to_vec() == self.disk[bytes],
                            "blocks {blocks:?} are not as they were written"
                        );
                    }
                    outcome.map(drop).map_err(|error| assert!(error.object.is_some()))
                }
                Kind::Write(token, data) => {
                    let outcome = taken(token).map_err(|error| assert!(error.object.is_some()));
                    self.apply(&blocks, outcome.map(drop), data)
                }
                Kind::Zeroes(token) => {
                    let zeroes = vec![0; bytes.len()];
                    self.apply(&blocks, taken(token).map(drop).map_err(drop), zeroes)
                }
                Kind::Flush(token) => taken(token).map(drop).map_err(drop),
            };
            self.failed += u64::from(settled.is_err());
        }
    }

    fn apply(&mut self, blocks: &Range<u64>, outcome: Result<(), ()>, data: Vec<u8>) -> Result<(), ()> {
        match outcome {
            Ok(()) => {
                self.disk[(blocks.start * BLOCK) as usize..(blocks.end * BLOCK) as usize]
                    .copy_from_slice(&data);
                // Written anew, these blocks are known again.
                self.unsure = std::mem::take(&mut self.unsure)
                    .into_iter()
                    .flat_map(|it| [it.start..it.end.min(blocks.start), it.start.max(blocks.end)..it.end])
                    .filter(|it| it.start < it.end)
                    .collect();
            }
            Err(()) => self.unsure.push(blocks.clone()),
        }
        outcome
    }
}

fn taken<O>(token: Token<O>) -> Outcome<O> {
    token.take().unwrap_or_else(|_| unreachable!("it is done"))
}

/// Plays so many commands, with a reset now and then, and compares the whole disk.
fn play(bench: &Bench, mut nvme: Nvme, commands: u64, reset_each: u64) {
    let random = ChaCha8Rng::seed_from_u64(commands);
    let disk = pattern(BLOCKS * BLOCK, 77);
    bench.model.medium(1, |medium| medium.from(0)[..disk.len()].copy_from_slice(&disk));
    let mut player =
        Player { bench, random, disk, doing: Vec::new(), resets: 0, failed: 0, unsure: Vec::new() };
    // Some are in flight together, however fast the model's thread is let run.
    bench.model.mischief(|mischief| mischief.paused = true);
    while player.doing.len() < 6 {
        player.begin(&mut nvme);
    }
    bench.model.mischief(|mischief| mischief.paused = false);
    while nvme.counts().commands < commands {
        for _ in 0..1 + player.below(8) {
            player.begin(&mut nvme);
        }
        if nvme.counts().commands / reset_each > player.resets {
            player.resets += 1;
            nvme.reset().unwrap();
        }
        nvme.poll();
        player.settle();
        if player.below(4) == 0 {
            nvme.serve(std::time::Duration::from_millis(5));
        }
    }
    while !player.doing.is_empty() {
        nvme.serve(std::time::Duration::from_millis(5));
        player.settle();
    }
    assert_eq!(nvme.in_flight(), 0);
    let counts = nvme.counts();
    assert_eq!(counts.resets, player.resets);
    nvme.shutdown().unwrap();
    for unsure in &player.unsure {
        let bytes = (unsure.start * BLOCK) as usize..(unsure.end * BLOCK) as usize;
        bench.model.medium(1, |medium| player.disk[bytes.clone()].copy_from_slice(&medium.from(0)[bytes]));
    }
    bench.model.medium(1, |medium| assert!(medium.from(0)[..player.disk.len()] == player.disk));
    let seen = bench.model.seen();
    println!("{counts:?} failed {} {seen:?}", player.failed);
    assert!(seen.overtakings > 0 && seen.most_in_flight > 4 && seen.wraps > 5, "{seen:?}");
}

#[test]
fn a_thousand_commands_in_flight_together() {
    for (iommu, sgl) in iommus().into_iter().zip([0, 1, 1]) {
        let bench = Bench::new(iommu, Spec { sgl, ..Spec::default() });
        let nvme = bench.attach(Config { entries: 32, most_bytes: 64 << 10, ..Config::default() });
        play(&bench, nvme, 1000, u64::MAX);
        bench.check();
    }
}

#[test]
fn resets_in_the_middle_of_it() {
    for iommu in iommus() {
        let bench = Bench::new(iommu, Spec::default());
        let nvme = bench.attach(Config { entries: 32, most_bytes: 64 << 10, ..Config::default() });
        play(&bench, nvme, 1500, 100);
        bench.check();
    }
}

#[test]
fn one_interrupt_and_none() {
    for notice in [Notice::OneInterrupt, Notice::Polling] {
        let bench = Bench::new(Iommu::on(), Spec::default());
        let config = Config { entries: 16, ..Config::default() };
        let nvme = bench.try_attach(config, notice).unwrap();
        play(&bench, nvme, 500, u64::MAX);
        bench.check();
    }
}
