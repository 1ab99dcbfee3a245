//! The streaming I/O cache: lines between the devices of a bus and memory, which only a sync keeps honest.
//!
//! It has room for every line and evicts none on its own, so that what a driver forgets to sync is never there by
//! luck. Lines are known by their physical address.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Bytes;
use crate::memory::{Hole, Memory};

/// Bytes of a line.
const LINE: u64 = 64;

/// The cache of a nexus.
#[derive(Debug, Default)]
pub(super) struct StreamCache {
    lines: Mutex<Lines>,
}

/// What a streaming cache holds, and how bytes left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamCounters {
    /// Lines in it now.
    pub lines: u64,
    /// Bytes that devices wrote and that have not reached memory.
    pub waiting: u64,
    /// Bytes that a sync for the CPU took to memory.
    pub synced: u64,
    /// Bytes that went to memory only because their mapping was taken away: nobody had synced them.
    pub late: u64,
}

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// By the physical address of the first byte.
    lines: BTreeMap<u64, Line>,
    synced: u64,
    late: u64,
}

/// One line; bit *n* of a mask stands for byte *n*.
///
/// # Invariants
///
/// No bit is set in both masks.
#[derive(Debug)]
struct Line {
    bytes: [u8; LINE as usize],
    /// Copies of what memory held when they were fetched.
    fetched: u64,
    /// What a device wrote.
    dirty: u64,
}

impl StreamCache {
    /// The lines, with everybody else kept out.
    pub(super) fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Moves bytes between a device and the lines. All of them lie in one page of memory.
    pub(super) fn carry(&mut self, memory: &Memory, physical: u64, bytes: Bytes<'_>) -> Result<(), Hole> {
        match bytes {
            Bytes::Read(to) => self.read(memory, physical, to),
            Bytes::Write(from) => self.write(memory, physical, from),
        }
    }

    /// Takes to memory what devices wrote into the lines that a range touches. The lines go on serving devices.
    pub(super) fn sync_for_cpu(&mut self, memory: &Memory, range: Range<u64>) {
        self.synced += self.write_back(memory, range);
    }

    /// Forgets what was fetched into the lines that a range touches. What devices wrote stays.
    pub(super) fn sync_for_device(&mut self, range: Range<u64>) {
        let mut empty = Vec::new();
        for (at, line) in self.lines.range_mut(touched(&range)) {
            line.fetched = 0;
            if line.dirty == 0 {
                empty.push(*at);
            }
        }
        for at in empty {
            self.lines.remove(&at);
        }
    }

    /// Empties the lines of a range of whole lines. What nobody synced goes to memory now.
    pub(super) fn evict(&mut self, memory: &Memory, range: Range<u64>) {
        self.late += self.write_back(memory, range.clone());
        let there: Vec<u64> = self.lines.range(touched(&range)).map(|(at, _)| *at).collect();
        for at in there {
            self.lines.remove(&at);
        }
    }

    pub(super) fn counters(&self) -> StreamCounters {
        let waiting = self.lines.values().map(|line| u64::from(line.dirty.count_ones())).sum();
        StreamCounters { lines: self.lines.len() as u64, waiting, synced: self.synced, late: self.late }
    }

    fn read(&mut self, memory: &Memory, physical: u64, to: &mut [u8]) -> Result<(), Hole> {
        let end = physical + to.len() as u64;
        self.fetch(memory, physical..end)?;
        for (at, line) in self.lines.range(touched(&(physical..end))) {
            let (within, here) = part(*at, physical, end);
            to[here].copy_from_slice(&line.bytes[within]);
        }
        Ok(())
    }

    fn write(&mut self, memory: &Memory, physical: u64, from: &[u8]) -> Result<(), Hole> {
        memory.check(physical, from.len() as u64)?;
        let end = physical + from.len() as u64;
        for at in touched(&(physical..end)).step_by(LINE as usize) {
            let (within, here) = part(at, physical, end);
            let written = mask(&within);
            let line = self.lines.entry(at).or_default();
            line.bytes[within].copy_from_slice(&from[here]);
            line.dirty |= written;
            line.fetched &= !written;
        }
        Ok(())
    }

    /// Makes a range readable: a line that lacks a byte of it fetches all that it lacks.
    fn fetch(&mut self, memory: &Memory, range: Range<u64>) -> Result<(), Hole> {
        let lines = touched(&range);
        let lacks = |at: u64| {
            let (within, _) = part(at, range.start, range.end);
            let there = self.lines.get(&at).map_or(0, |line| line.fetched | line.dirty);
            mask(&within) & !there != 0
        };
        let lacking: Vec<u64> = lines.clone().step_by(LINE as usize).filter(|at| lacks(*at)).collect();
        let (Some(first), Some(last)) = (lacking.first(), lacking.last()) else { return Ok(()) };
        let mut fresh = vec![0; (last - first + LINE) as usize];
        let read = memory.peek(*first, &mut fresh);
        // The device asked for nothing ahead of the range.
        read.map_err(|hole| Hole { address: hole.address.max(range.start) })?;
        for at in &lacking {
            let line = self.lines.entry(*at).or_default();
            let from = &fresh[(at - first) as usize..][..LINE as usize];
            let lacked = !(line.fetched | line.dirty);
            for (n, byte) in line.bytes.iter_mut().enumerate().filter(|(n, _)| lacked >> n & 1 != 0) {
                *byte = from[n];
            }
            line.fetched |= lacked;
        }
        Ok(())
    }

    /// Writes the dirty bytes of the lines that a range touches to memory, neighbours at once; tells how many.
    fn write_back(&mut self, memory: &Memory, range: Range<u64>) -> u64 {
        let mut written = 0;
        let mut run: (u64, Vec<u8>) = (0, Vec::new());
        let mut flush = |run: &mut (u64, Vec<u8>)| {
            written += run.1.len() as u64;
            let poked = memory.poke(run.0, &run.1);
            debug_assert!(poked.is_ok(), "what a device wrote has memory behind it: {poked:?}");
            run.1.clear();
        };
        for (at, line) in self.lines.range_mut(touched(&range)) {
            let mut dirty = std::mem::take(&mut line.dirty);
            line.fetched |= dirty;
            while dirty != 0 {
                let start = dirty.trailing_zeros();
                let end = start + (dirty >> start).trailing_ones();
                if run.0 + run.1.len() as u64 != at + u64::from(start) {
                    flush(&mut run);
                    run.0 = at + u64::from(start);
                }
                let written = start as usize..end as usize;
                dirty &= !mask(&written);
                run.1.extend_from_slice(&line.bytes[written]);
            }
        }
        flush(&mut run);
        written
    }
}

impl Default for Line {
    fn default() -> Self {
        Line { bytes: [0; LINE as usize], fetched: 0, dirty: 0 }
    }
}

/// The lines that a range touches, as addresses from the first byte of the first on.
fn touched(range: &Range<u64>) -> Range<u64> {
    if range.is_empty() { 0..0 } else { range.start - range.start % LINE..range.end }
}

/// The part of the line at `at` that lies in `start..end`: counted from the line's start, and from `start`.
fn part(at: u64, start: u64, end: u64) -> (Range<usize>, Range<usize>) {
    let (from, to) = (at.max(start), (at + LINE).min(end));
    ((from - at) as usize..(to - at) as usize, (from - start) as usize..(to - start) as usize)
}

/// The bits of some bytes of a line.
fn mask(within: &Range<usize>) -> u64 {
    let count = within.len() as u32;
    (u64::MAX >> (LINE as u32 - count)) << within.start
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::MachineConfig;

    const AT: u64 = 0x20_0000;

    fn memory() -> Memory {
        let memory = Memory::new(&MachineConfig::default()).unwrap();
        memory.poke(AT, &[0x11; 256]).unwrap();
        memory
    }

    fn peek(memory: &Memory, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        memory.peek(at, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_flush_writes_what_the_device_wrote_and_no_neighbour() {
        let (memory, mut lines) = (memory(), Lines::default());
        lines.write(&memory, AT + 60, &[1; 10]).unwrap();
        lines.write(&memory, AT + 100, &[2; 3]).unwrap();
        assert_eq!(peek(&memory, AT, 256), [0x11; 256], "nothing has reached memory");
        memory.poke(AT + 70, &[0x22; 30]).unwrap();
        lines.sync_for_cpu(&memory, AT + 64..AT + 65);
        let there = peek(&memory, AT, 128);
        assert_eq!(there[..64], [0x11; 64], "the first line was not touched");
        assert_eq!(there[64..70], [1; 6]);
        assert_eq!(there[70..100], [0x22; 30], "the CPU's bytes within the line stay");
        assert_eq!(there[100..103], [2; 3], "all of the line is flushed");
        assert_eq!((lines.counters().synced, lines.counters().waiting), (9, 4));
        lines.evict(&memory, AT..AT + 64);
        assert_eq!(peek(&memory, AT + 60, 4), [1; 4]);
        assert_eq!(lines.counters(), StreamCounters { lines: 1, waiting: 0, synced: 9, late: 4 });
    }

    #[test]
    fn a_line_that_was_fetched_goes_on_serving_until_it_is_dropped() {
        let (memory, mut lines) = (memory(), Lines::default());
        let mut seen = [0; 4];
        lines.read(&memory, AT, &mut seen).unwrap();
        memory.poke(AT, &[0x33; 64]).unwrap();
        lines.write(&memory, AT + 8, &[0x44; 2]).unwrap();
        let mut seen = [0; 12];
        lines.read(&memory, AT, &mut seen).unwrap();
        assert_eq!(seen, [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x44, 0x44, 0x11, 0x11]);
        lines.sync_for_device(AT + 63..AT + 64);
        lines.read(&memory, AT, &mut seen).unwrap();
        assert_eq!(seen, [0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x44, 0x44, 0x33, 0x33]);
        lines.sync_for_device(AT..AT + 64);
        assert_eq!(lines.counters().waiting, 2, "what the device wrote waits for a sync for the CPU");
    }

    #[test]
    fn holes_enter_no_line() {
        let (memory, mut lines) = (memory(), Lines::default());
        assert_eq!(lines.write(&memory, 0xA_0005, &[1; 3]), Err(Hole { address: 0xA_0005 }));
        assert_eq!(lines.read(&memory, 0xA_0005, &mut [1; 3]), Err(Hole { address: 0xA_0005 }));
        assert_eq!(lines.counters(), StreamCounters::default());
    }

    /// The cache byte by byte: what memory holds, and what the line has of it.
    struct Model {
        memory: Vec<u8>,
        fetched: Vec<Option<u8>>,
        dirty: Vec<Option<u8>>,
    }

    impl Model {
        fn lines(from: usize, to: usize) -> Range<usize> {
            from / 64 * 64..to.next_multiple_of(64)
        }

        fn read(&mut self, from: usize, to: usize) -> Vec<u8> {
            for line in Self::lines(from, to).step_by(64) {
                let there = |n: usize| self.dirty[n].or(self.fetched[n]).is_some();
                if (line.max(from)..(line + 64).min(to)).all(there) {
                    continue;
                }
                for n in line..line + 64 {
                    if self.dirty[n].is_none() && self.fetched[n].is_none() {
                        self.fetched[n] = Some(self.memory[n]);
                    }
                }
            }
            (from..to).filter_map(|n| self.dirty[n].or(self.fetched[n])).collect()
        }

        fn write(&mut self, from: usize, bytes: &[u8]) {
            for (n, byte) in (from..).zip(bytes) {
                (self.dirty[n], self.fetched[n]) = (Some(*byte), None);
            }
        }

        fn for_cpu(&mut self, from: usize, to: usize) {
            for n in Self::lines(from, to) {
                if let Some(byte) = self.dirty[n].take() {
                    (self.memory[n], self.fetched[n]) = (byte, Some(byte));
                }
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        DeviceReads,
        DeviceWrites(u8),
        CpuWrites(u8),
        ForCpu,
        ForDevice,
        Evict,
    }

    fn step() -> impl Strategy<Value = (Step, usize, usize)> {
        let step = prop_oneof![
            Just(Step::DeviceReads),
            any::<u8>().prop_map(Step::DeviceWrites),
            any::<u8>().prop_map(Step::CpuWrites),
            Just(Step::ForCpu),
            Just(Step::ForDevice),
            Just(Step::Evict),
        ];
        (step, 0usize..511, 1usize..200).prop_map(|(step, from, size)| (step, from, (from + size).min(512)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn the_cache_does_what_it_does_byte_by_byte(steps in prop::collection::vec(step(), 1..60)) {
            let (memory, mut lines) = (memory(), Lines::default());
            let mut model = Model { memory: peek(&memory, AT, 512), fetched: vec![None; 512], dirty: vec![None; 512] };
            for (step, from, to) in steps {
                let at = AT + from as u64..AT + to as u64;
                match step {
                    Step::DeviceReads => {
                        let mut seen = vec![0; to - from];
                        lines.read(&memory, at.start, &mut seen).unwrap();
                        prop_assert_eq!(seen, model.read(from, to));
                    }
                    Step::DeviceWrites(byte) => {
                        lines.write(&memory, at.start, &vec![byte; to - from]).unwrap();
                        model.write(from, &vec![byte; to - from]);
                    }
                    Step::CpuWrites(byte) => {
                        memory.poke(at.start, &vec![byte; to - from]).unwrap();
                        model.memory[from..to].fill(byte);
                    }
                    Step::ForCpu => {
                        lines.sync_for_cpu(&memory, at);
                        model.for_cpu(from, to);
                    }
                    Step::ForDevice => {
                        lines.sync_for_device(at);
                        model.fetched[Model::lines(from, to)].fill(None);
                    }
                    Step::Evict => {
                        lines.evict(&memory, at);
                        model.for_cpu(from, to);
                        model.fetched[Model::lines(from, to)].fill(None);
                    }
                }
                prop_assert_eq!(&peek(&memory, AT, 512), &model.memory);
                let waiting = model.dirty.iter().flatten().count() as u64;
                prop_assert_eq!(lines.counters().waiting, waiting);
            }
        }
    }
}
