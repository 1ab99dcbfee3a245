//! Synchronisation: copies between object and copy run, and the nexus' caches.

use core::ops::{Bound as End, Range, RangeBounds};

use crate::bound::Bound;
use crate::error::SyncError;
use crate::flags::SyncFor;
use crate::nexus::{NexusMemory, SyncRequest, SyncTarget};
use crate::object::{DmaObject, View};
use crate::plan::CopyPiece;

/// What a change of view asks for beyond copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheWork {
    /// Nothing: devices and CPU see the same memory.
    None,
    /// The nexus is told.
    Nexus,
}

/// Which way bytes are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copy {
    IntoRun,
    OutOfRun,
}

impl<O: DmaObject> Bound<O> {
    /// The driver's own sync.
    pub(crate) fn sync(&mut self, range: impl RangeBounds<u64>, sync_for: SyncFor) -> Result<(), SyncError> {
        let allowed = match sync_for {
            SyncFor::Device => self.direction.device_reads(),
            SyncFor::Cpu | SyncFor::Kernel => self.direction.device_writes(),
        };
        if !allowed {
            return Err(SyncError::Direction { sync_for, direction: self.direction });
        }
        let range = self.within_window(range)?;
        match sync_for {
            SyncFor::Device => self.for_device(range, Some(Copy::IntoRun)),
            SyncFor::Cpu | SyncFor::Kernel => self.for_cpu(range, sync_for),
        }
        Ok(())
    }

    /// Hands the current window to the device after a bind; `fills` tells whether the copy run gets the bytes first.
    pub(crate) fn hand_over(&mut self, fills: Fill) {
        let copy = (fills == Fill::Object).then_some(Copy::IntoRun);
        self.for_device(self.window_range(), copy);
    }

    /// Takes the current window back from the device.
    pub(crate) fn take_back(&mut self) {
        if self.direction.device_writes() {
            self.for_cpu(self.window_range(), SyncFor::Cpu);
        }
    }

    fn for_device(&self, range: Range<u64>, copy: Option<Copy>) {
        if let Some(copy) = copy {
            self.copy(&range, copy);
        }
        self.tell_nexus(&range, SyncFor::Device);
    }

    fn for_cpu(&self, range: Range<u64>, sync_for: SyncFor) {
        self.tell_nexus(&range, sync_for);
        self.copy(&range, Copy::OutOfRun);
    }

    /// Copies what of the range stands in the copy run.
    fn copy(&self, range: &Range<u64>, copy: Copy) {
        let (Some(run), Some(object)) = (&self.run, &self.object) else { return };
        let mut bytes = 0;
        for (piece, part) in self.pieces(range) {
            let length = part.end - part.start;
            let stand_in = run_address(run, piece, part.start);
            bytes += length;
            // SAFETY: the part lies inside the object, as the plan covers exactly the object, and inside the run, as
            // `plan.room() <= run.size` (invariants of Bound); run and object are different memory. The CPU side
            // has no reference into either while they are bound.
            unsafe {
                match copy {
                    Copy::IntoRun => object.copy_out(part.start, stand_in, length),
                    Copy::OutOfRun => object.copy_in(part.start, stand_in, length),
                }
            }
        }
        if bytes > 0 {
            self.counters.count_copied(bytes);
        }
    }

    /// The copied pieces of the current window that the range touches, each with the part touched.
    fn pieces(&self, range: &Range<u64>) -> impl Iterator<Item = (&CopyPiece, Range<u64>)> {
        let Range { start, end } = *range;
        let copies = self.current().map_or(&[][..], |window| window.copies());
        let first = copies.partition_point(|piece| piece.offset + piece.size <= start);
        let touched = copies.get(first..).unwrap_or(&[]).iter().take_while(move |piece| piece.offset < end);
        touched.map(move |piece| (piece, piece.offset.max(start)..(piece.offset + piece.size).min(end)))
    }

    /// Tells the nexus of a change of view: of the object's own bytes, and of those that stand in the copy run.
    fn tell_nexus(&self, range: &Range<u64>, sync_for: SyncFor) {
        if self.cache_work == CacheWork::None || range.is_empty() {
            return;
        }
        let (Some(object), nexus) = (&self.object, &self.device.bus.nexus) else { return };
        let direction = self.direction;
        // A mapping of a window knows no more of the object than that window.
        let (view, start) = match &self.slide {
            Some(slide) => (View::Extents(&slide.part), slide.start(self.window)),
            None => (object.view(), 0),
        };
        let of_view = range.start - start..range.end - start;
        let (view, of_view) = match &self.isolation {
            Some(isolation) => (View::Extents(&isolation.pages), isolation.within(&of_view)),
            None => (view, of_view),
        };
        let what = match object.nexus_memory() {
            Some((memory, start)) => {
                SyncTarget::Memory { memory, range: (start + range.start, start + range.end) }
            }
            None => SyncTarget::Object { view, range: (of_view.start, of_view.end), map: self.map },
        };
        // A window that is copied as a whole is not mapped.
        let mapped = self.slide.is_none() || self.map.is_some();
        if mapped && !what.range().is_empty() {
            nexus.sync(&SyncRequest { what, sync_for, direction });
        }
        let Some(memory) = &self.run else { return };
        for (piece, part) in self.pieces(range) {
            let place = |at: u64| piece.place + (at - piece.offset);
            let what = SyncTarget::Memory { memory, range: (place(part.start), place(part.end)) };
            nexus.sync(&SyncRequest { what, sync_for, direction });
        }
    }

    fn window_range(&self) -> Range<u64> {
        self.current().map_or(0..0, |window| window.range())
    }

    /// The range with its open ends closed by the current window, if it lies inside.
    fn within_window(&self, range: impl RangeBounds<u64>) -> Result<Range<u64>, SyncError> {
        let window = self.window_range();
        let from = match range.start_bound() {
            End::Included(at) => *at,
            End::Excluded(at) => at.saturating_add(1),
            End::Unbounded => window.start,
        };
        let to = match range.end_bound() {
            End::Included(at) => at.saturating_add(1),
            End::Excluded(at) => *at,
            End::Unbounded => window.end,
        };
        if from < window.start || to > window.end || from > to {
            return Err(SyncError::Range { from, to, window_from: window.start, window_to: window.end });
        }
        Ok(from..to)
    }
}

/// Makes a copy run hold nothing of earlier transfers.
pub(crate) fn wipe(run: &NexusMemory) {
    // SAFETY: the run was taken for a binding and not handed to the device yet, so nobody else accesses it; it is valid
    // for `size` bytes (the nexus' promise).
    unsafe { run.cpu.as_ptr().write_bytes(0, run.size as usize) }
}

/// Where byte `at` of the object, which is in this piece, stands in the run.
fn run_address(run: &NexusMemory, piece: &CopyPiece, at: u64) -> *mut u8 {
    run.cpu.as_ptr().wrapping_add((piece.place + (at - piece.offset)) as usize)
}

/// What the copy run holds before the device gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The object's bytes, so that a short transfer neither leaks stale memory nor destroys the caller's tail.
    Object,
    /// Whatever it held: the driver promised that the device overwrites all of it.
    Nothing,
}
