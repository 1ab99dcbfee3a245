//! How an object lies in I/O addresses: side by side wherever its pages allow it.

use ddi_dma::{Extent, View};

/// A run of whole pages of the process, side by side, which takes one map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Address of the first page.
    pub(super) address: u64,
    /// Bytes.
    pub(super) size: u64,
}

/// A part of the object that lies in one run.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Its first byte, counted from the start of the object.
    start: u64,
    size: u64,
    /// The same, counted from the first I/O address.
    at: u64,
    /// Which run it lies in.
    run: u64,
}

/// An object in one range of I/O addresses, which starts at 0 until there is a place for it.
#[derive(Debug, Default)]
pub(super) struct Layout {
    page: u64,
    pub(super) runs: Vec<Run>,
    parts: Vec<Part>,
    /// Bytes of I/O addresses: whole pages.
    pub(super) size: u64,
    /// Bytes of the object.
    length: u64,
    /// Where the last part ended, in addresses of the process.
    behind: Option<u64>,
}

/// What a window of an object may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Room {
    /// Bytes of whole pages.
    Bytes(u64),
    /// Maps.
    Maps(u64),
}

impl Layout {
    /// Lays an object out; `None` where its extents are no addresses of a process, or too many bytes.
    pub(super) fn of(view: View<'_>, page: u64) -> Option<Self> {
        let mut layout = Layout { page, ..Layout::default() };
        for extent in view.extents() {
            layout.add(extent)?;
        }
        (layout.length > 0).then_some(layout)
    }

    /// Adds an extent behind the others. It shares a page with the one before where it lies further on in the same.
    fn add(&mut self, Extent { address, size }: Extent) -> Option<()> {
        let within = address % self.page;
        let first = address - within;
        let end = address.checked_add(size)?;
        let pages = end.checked_next_multiple_of(self.page)? - first;
        // How much of the extent's pages is there already.
        let shares = self.behind.is_some_and(|behind| first < behind && behind <= address);
        let shared = if shares { self.page } else { 0 };
        match self.runs.last_mut().filter(|run| run.address + run.size == first + shared) {
            Some(run) => run.size += pages - shared,
            None => self.runs.push(Run { address: first, size: pages }),
        }
        let at = self.size - shared + within;
        self.parts.push(Part { start: self.length, size, at, run: self.runs.len() as u64 - 1 });
        self.size = self.size.checked_add(pages - shared)?;
        self.length = self.length.checked_add(size)?;
        self.behind = Some(end);
        Some(())
    }

    /// Where the object lies in its first page.
    pub(super) fn offset(&self) -> u64 {
        self.parts.first().map_or(0, |part| part.at)
    }

    /// Writes where the bytes are once the range starts at `base`; what touches is one extent.
    pub(super) fn extents(&self, base: u64, extents: &mut Vec<Extent>) {
        extents.clear();
        for part in &self.parts {
            let address = base + part.at;
            match extents.last_mut() {
                Some(last) if last.address + last.size == address => last.size += part.size,
                _ => extents.push(Extent { address, size: part.size }),
            }
        }
    }

    /// The size of windows that all fit into so much room, where they start at multiples of a page in the object. All of
    /// the object, where that fits.
    pub(super) fn widest(&self, room: Room) -> u64 {
        let (mut widest, mut start) = (self.length, 0);
        let (mut first, mut last) = (0, 0);
        while start < self.length {
            while self.parts[first].start + self.parts[first].size <= start {
                first += 1;
            }
            let part = self.parts[first];
            let limit = match room {
                Room::Bytes(bytes) => {
                    let at = part.at + (start - part.start);
                    (at - at % self.page).saturating_add(bytes)
                }
                Room::Maps(maps) => part.run.saturating_add(maps),
            };
            match self.first_beyond(room, limit, &mut last) {
                None => break,
                Some(end) => widest = widest.min(end.saturating_sub(start)),
            }
            start += self.page;
        }
        widest
    }

    /// The first byte of the object that is at or behind a limit; `from` is the part in which the last one was.
    fn first_beyond(&self, room: Room, limit: u64, from: &mut usize) -> Option<u64> {
        loop {
            let part = self.parts.get(*from)?;
            match room {
                Room::Bytes(_) if part.at + part.size > limit => {
                    return Some(part.start + limit.saturating_sub(part.at));
                }
                Room::Maps(_) if part.run >= limit => return Some(part.start),
                _ => *from += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 0x1000;

    fn layout(extents: &[(u64, u64)]) -> Layout {
        let extents: Vec<Extent> =
            extents.iter().map(|(address, size)| Extent { address: *address, size: *size }).collect();
        Layout::of(View::Extents(&extents), PAGE).unwrap()
    }

    type Pairs = Vec<(u64, u64)>;

    /// Runs, and extents from 0x10_0000 on.
    fn shown(layout: &Layout) -> (Pairs, Pairs) {
        let mut extents = Vec::new();
        layout.extents(0x10_0000, &mut extents);
        let runs = layout.runs.iter().map(|run| (run.address, run.size)).collect();
        (runs, extents.iter().map(|extent| (extent.address, extent.size)).collect())
    }

    #[test]
    fn scattered_pages_become_one_extent() {
        let layout = layout(&[(0x5200, 0xE00), (0x9000, 0x1000), (0x3000, 0x80)]);
        let runs = vec![(0x5000, PAGE), (0x9000, PAGE), (0x3000, PAGE)];
        assert_eq!(shown(&layout), (runs, vec![(0x10_0200, 0x1E80)]));
        assert_eq!((layout.size, layout.offset()), (3 * PAGE, 0x200));
    }

    #[test]
    fn neighbours_take_one_map() {
        let (runs, extents) =
            shown(&layout(&[(0x5000, PAGE), (0x6000, 0x200), (0x6200, 0x100), (0x7000, 0x10)]));
        assert_eq!(runs, [(0x5000, 3 * PAGE)]);
        assert_eq!(extents, [(0x10_0000, 0x1300), (0x10_2000, 0x10)]);
    }

    #[test]
    fn edges_within_pages_keep_their_place() {
        let (runs, extents) = shown(&layout(&[(0x5200, 0x100), (0x9800, 0x900), (0x9800, 8), (0x9810, 8)]));
        assert_eq!(runs, [(0x5000, PAGE), (0x9000, 2 * PAGE), (0x9000, PAGE)]);
        assert_eq!(extents, [(0x10_0200, 0x100), (0x10_1800, 0x900), (0x10_3800, 8), (0x10_3810, 8)]);
    }

    #[test]
    fn what_is_no_memory_of_a_process_is_refused() {
        let of = |address, size| Layout::of(View::Extents(&[Extent { address, size }]), PAGE).is_none();
        assert!(of(u64::MAX, 2) && of(u64::MAX - 0x10, 0x10) && of(0x1000, 0));
    }

    /// Tries all windows of a size, at multiples of it.
    fn fits(layout: &Layout, room: Room, size: u64) -> bool {
        let index = |byte: u64| {
            let part = layout.parts.iter().rfind(|part| part.start <= byte).unwrap();
            match room {
                Room::Bytes(_) => (part.at + (byte - part.start)) / PAGE,
                Room::Maps(_) => part.run,
            }
        };
        let most = match room {
            Room::Bytes(bytes) => bytes / PAGE,
            Room::Maps(maps) => maps,
        };
        (0..layout.length.div_ceil(size)).all(|window| {
            let (from, to) = (window * size, ((window + 1) * size).min(layout.length));
            index(to - 1) - index(from) < most
        })
    }

    #[test]
    fn windows_of_the_widest_size_all_fit() {
        let objects = [
            layout(&[(0x5000, 0x8000)]),
            layout(&[(0x5800, 0x8000)]),
            layout(&[(0x5000, PAGE), (0x9000, PAGE), (0x2000, PAGE), (0x20000, 0x5000), (0x3000, 0x20)]),
            layout(&[(0x5000, 0x2400), (0x9000, 0x300), (0x2000, 0x300), (0x20000, 0x5000), (0x3000, 0x20)]),
        ];
        for (object, pages) in objects.iter().flat_map(|object| (1..9).map(move |pages| (object, pages))) {
            for room in [Room::Bytes(pages * PAGE), Room::Maps(pages)] {
                let widest = object.widest(room);
                let step = widest - widest % PAGE;
                assert!(step == 0 || fits(object, room, step), "{object:?} {room:?}: {widest:#x}");
            }
        }
        let contiguous = &objects[0];
        assert_eq!(contiguous.widest(Room::Bytes(3 * PAGE)), 3 * PAGE);
        assert_eq!(contiguous.widest(Room::Maps(1)), 8 * PAGE);
        assert_eq!(objects[1].widest(Room::Bytes(3 * PAGE)), 3 * PAGE - 0x800);
        assert_eq!(objects[2].widest(Room::Maps(3)), 3 * PAGE);
        assert_eq!(objects[2].widest(Room::Maps(0)), 0);
    }
}
