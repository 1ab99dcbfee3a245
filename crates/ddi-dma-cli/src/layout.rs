//! Where the bytes of an object lie.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use ddi_dma::Extent;

use crate::number;

/// Most pages that a scattered object may have: 64 GiB of them.
const MOST_PAGES: u64 = 1 << 24;

/// Memory that objects are laid out in, from address 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground {
    pub(crate) memory: u64,
    pub(crate) page_size: u64,
    pub(crate) seed: u64,
}

impl Ground {
    /// Lays an object out as one run from a page that the seed chooses.
    pub(crate) fn contiguous(&self, offset: u64, length: u64) -> anyhow::Result<Vec<Extent>> {
        let pages = self.pages_for(offset, length)?;
        let first = Random::new(self.seed).below(self.memory / self.page_size - pages + 1);
        Ok(vec![Extent { address: first * self.page_size + offset % self.page_size, size: length }])
    }

    /// Lays an object out as pages none of which follows its predecessor, as far as memory allows.
    pub(crate) fn scattered(&self, offset: u64, length: u64) -> anyhow::Result<Vec<Extent>> {
        let pages = self.pages_for(offset, length)?;
        ensure!(
            pages <= MOST_PAGES,
            "--length {length}: {pages} scattered pages are too many, {MOST_PAGES} the most: use --layout contiguous, or a layout file"
        );
        let frames = self.memory / self.page_size;
        let mut random = Random::new(self.seed);
        let mut used = HashSet::new();
        let mut extents = Vec::new();
        let mut before = None;
        for _ in 0..pages {
            let mut frame = random.below(frames);
            let mut tries = 0;
            // Where memory is nearly full, the next free frame does, neighbour or not.
            while used.contains(&frame) || (before == frame.checked_sub(1) && before.is_some() && tries < 64)
            {
                frame = if tries < 64 { random.below(frames) } else { (frame + 1) % frames };
                tries += 1;
            }
            used.insert(frame);
            before = Some(frame);
            extents.push(Extent { address: frame * self.page_size, size: self.page_size });
        }
        cut(extents, offset % self.page_size, Some(length))
    }

    /// Pages that an object takes, which memory has.
    fn pages_for(&self, offset: u64, length: u64) -> anyhow::Result<u64> {
        let Ground { memory, page_size, .. } = *self;
        let end = (offset % page_size).checked_add(length).filter(|end| *end <= memory - memory % page_size);
        match end {
            Some(end) => Ok(end.div_ceil(page_size)),
            None => bail!(
                "{length} bytes do not fit into {memory} bytes of memory: give more with --memory, or fewer with --length"
            ),
        }
    }
}

/// Reads a layout: extents "ADDRESS LENGTH", or page frame numbers alone.
pub(crate) fn read(path: &Path, page_size: u64) -> anyhow::Result<Vec<Extent>> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .with_context(|| format!("--layout is contiguous, scattered or a file; cannot read a file {name}"))?;
    let extents: Vec<Extent> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split('#').next().unwrap_or("").trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| extent(line, page_size).with_context(|| format!("{name}, line {number}")))
        .collect::<anyhow::Result<_>>()?;
    ensure!(
        !extents.is_empty(),
        "{name} has no extents: write \"ADDRESS LENGTH\" or a page frame number on each line"
    );
    Ok(extents)
}

fn extent(line: &str, page_size: u64) -> anyhow::Result<Extent> {
    let words: Vec<u64> = line
        .split_whitespace()
        .map(|word| number::parse(word).map_err(anyhow::Error::msg))
        .collect::<anyhow::Result<_>>()?;
    let extent = match words[..] {
        [frame] => match frame.checked_mul(page_size) {
            Some(address) => Extent { address, size: page_size },
            None => bail!(
                "page frame {frame:#x} lies above address 2^64 - 1: write the address divided by {page_size}"
            ),
        },
        [address, size] => Extent { address, size },
        _ => bail!("`{line}`: write \"ADDRESS LENGTH\" or a page frame number"),
    };
    ensure!(extent.size > 0, "`{line}`: the extent has no bytes: give it a LENGTH of at least 1");
    ensure!(
        extent.address.checked_add(extent.size - 1).is_some(),
        "`{line}`: the extent passes the end of the address space: give it a smaller LENGTH"
    );
    Ok(extent)
}

/// Takes `length` bytes (or all there are) behind the first `skip` of some extents.
pub(crate) fn cut(extents: Vec<Extent>, mut skip: u64, length: Option<u64>) -> anyhow::Result<Vec<Extent>> {
    let total = extents.iter().try_fold(0u64, |sum, extent| sum.checked_add(extent.size));
    let total = total.context("the extents have more than 2^64 - 1 bytes together")?;
    let mut left = length.unwrap_or(total.saturating_sub(skip));
    ensure!(skip <= total, "--offset {skip} is behind the layout's end: it has {total} bytes");
    ensure!(
        skip.checked_add(left).is_some_and(|end| end <= total),
        "--length {left} from --offset {skip} is more than the layout has: {total} bytes"
    );
    let mut object = Vec::new();
    for Extent { address, size } in extents {
        let from = skip.min(size);
        skip -= from;
        let take = (size - from).min(left);
        left -= take;
        if take > 0 {
            object.push(Extent { address: address + from, size: take });
        }
    }
    Ok(object)
}

/// A generator of numbers that look random (SplitMix64): the same seed gives the same ones on every machine.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// A number in `0..limit`, `limit` at least 1.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUND: Ground = Ground { memory: 1 << 20, page_size: 4096, seed: 1 };

    #[test]
    fn scattered_pages_are_all_different_and_the_same_each_time() {
        let all = GROUND.scattered(0, 1 << 20).unwrap();
        let frames: HashSet<u64> = all.iter().map(|extent| extent.address).collect();
        assert_eq!(frames.len(), 256);
        assert_eq!(GROUND.scattered(0, 1 << 20).unwrap(), all);
        let few = GROUND.scattered(100, 10000).unwrap();
        assert_eq!(few.iter().map(|extent| extent.size).collect::<Vec<_>>(), [3996, 4096, 1908]);
        assert!(few.windows(2).all(|pair| pair[0].address + pair[0].size != pair[1].address));
    }

    #[test]
    fn what_memory_does_not_hold_is_refused() {
        for length in [(1 << 20) + 1, u64::MAX] {
            assert!(GROUND.scattered(0, length).is_err());
            assert!(GROUND.contiguous(0, length).is_err());
        }
        assert!(GROUND.contiguous(1, 1 << 20).is_err());
        let none = Ground { memory: 0, ..GROUND };
        assert!(none.contiguous(0, 0).is_ok_and(|extents| extents[0].size == 0));
        assert!(none.scattered(0, 1).is_err());
    }

    #[test]
    fn cutting_keeps_the_order_of_the_bytes() {
        let extents = vec![Extent { address: 100, size: 10 }, Extent { address: 500, size: 10 }];
        let part = cut(extents.clone(), 8, Some(5)).unwrap();
        assert_eq!(part, [Extent { address: 108, size: 2 }, Extent { address: 500, size: 3 }]);
        assert_eq!(cut(extents.clone(), 10, None).unwrap(), [Extent { address: 500, size: 10 }]);
        assert!(cut(extents, 16, Some(5)).is_err());
    }
}
