//! Mapping an object, whole or window by window where map space does not hold all of it.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

use crate::bound::Bound;
use crate::error::{BindErrorKind, Shortage};
use crate::flags::BindFlags;
use crate::isolate::Isolation;
use crate::nexus::{MapId, MapRequest, Redzone};
use crate::object::{Addresses, DmaObject, Extent, View};
use crate::plan::PlanError;
use crate::wait::{Patience, Wait};

/// How map space slides over an object: windows of one size, the last maybe shorter.
#[derive(Debug)]
pub(crate) struct Slide {
    step: u64,
    /// No window but the last is smaller.
    unit: u64,
    length: u64,
    /// The extents of the window that is mapped.
    pub(crate) part: Vec<Extent>,
}

impl Slide {
    pub(crate) fn count(&self) -> usize {
        usize::try_from(self.length.div_ceil(self.step)).unwrap_or(usize::MAX)
    }

    /// Where a window starts in the object.
    pub(crate) fn start(&self, window: usize) -> u64 {
        self.step * window as u64
    }

    /// A size for smaller windows, of no more bytes than may be copied; `None` where they cannot be smaller.
    pub(crate) fn halved(&self, budget: u64) -> Option<u64> {
        (self.step > self.unit).then(|| (self.step / 2).min(budget).max(self.unit))
    }

    fn range(&self, window: usize) -> Range<u64> {
        let start = self.start(window);
        start..(start + self.step).min(self.length)
    }
}

/// How windows of an object may be cut.
struct Grain {
    /// Windows but the last are a multiple of this: whole pages and whole granules.
    unit: u64,
    /// I/O addresses that a window takes beyond its bytes.
    extra: u64,
    /// The last window is no smaller.
    min: u64,
}

impl Grain {
    /// The largest window below `size` that fits `room` bytes of I/O addresses; one unit, where none does.
    fn smaller(&self, size: u64, room: u64, length: u64) -> u64 {
        let fits = room.saturating_sub(self.extra).min(size - 1);
        let mut step = fits - fits % self.unit;
        while step > self.unit && (1..self.min).contains(&(length % step)) {
            step -= self.unit;
        }
        step.max(self.unit)
    }
}

impl<O: DmaObject> Bound<O> {
    /// Maps the object, or its first window where map space does not hold all of it, or it has more than `most` bytes, and
    /// PARTIAL allows that.
    #[cold]
    pub(crate) fn map(
        &mut self,
        flags: BindFlags,
        patience: Patience<'_>,
        most: u64,
    ) -> Result<(), BindErrorKind> {
        if self.slide.take().is_some() {
            self.plan.clear();
        }
        self.isolation = None;
        let Some(object) = &self.object else { return Ok(()) };
        if object.addresses() != Addresses::Machine {
            return Ok(());
        }
        self.flags = flags;
        self.isolation = flags.contains(BindFlags::ISOLATE).then(Isolation::default);
        let length = match object.view().length() {
            None => return Err(PlanError::Wraps { address: 0, size: u64::MAX }.into()),
            Some(0) => return Err(PlanError::Empty.into()),
            Some(length) => length,
        };
        let grain = self.grain(object.view());
        let mut size = length;
        if most < length && size > grain.unit {
            size = grain.smaller(size, most.saturating_add(grain.extra), length);
            self.slide = Some(Slide { step: size, unit: grain.unit, length, part: Vec::new() });
        }
        loop {
            let smaller = flags.contains(BindFlags::PARTIAL) && size > grain.unit;
            // A task that waits already asks from its place in the queue.
            let passing = smaller && self.map_ticket.is_none();
            let patience = if passing { Patience::Wait(Wait::DontWait) } else { patience };
            let shortage = match self.map_window(0..size, patience, None) {
                Ok(()) => return Ok(()),
                Err(shortage) => shortage,
            };
            if !smaller {
                self.slide = None;
                self.device.bus.ledger.count_shortage(&shortage);
                return Err(shortage.into());
            }
            size = grain.smaller(size, shortage.largest, length);
            self.slide = Some(Slide { step: size, unit: grain.unit, length, part: Vec::new() });
        }
    }

    fn grain(&self, view: View<'_>) -> Grain {
        let page = self.device.bus.info.page_size;
        let attr = self.engine.attr();
        let granule = u64::from(attr.granular);
        // A page is a power of two, so what the granule lacks to be a multiple of it are factors of two.
        let unit = granule.saturating_mul(page / page.min(granule & granule.wrapping_neg()));
        let starts = view.extents().next().map_or(0, |extent| extent.address);
        let redzone = if self.flags.contains(BindFlags::REDZONE) { page } else { 0 };
        let within = if starts.is_multiple_of(page) { 0 } else { page };
        Grain { unit, extra: redzone + within, min: attr.minxfer.into() }
    }

    /// Maps this range of the object, in the place of the mapping before it.
    fn map_window(
        &mut self,
        range: Range<u64>,
        patience: Patience<'_>,
        before: Option<MapId>,
    ) -> Result<(), Shortage> {
        let Bound {
            object, slide, isolation, engine, device, mapped, map, map_ticket, direction, flags, ..
        } = self;
        let Some(object) = object else { return Ok(()) };
        let view = match slide {
            None => object.view(),
            Some(slide) => {
                cut(object.view(), range.clone(), &mut slide.part);
                View::Extents(&slide.part)
            }
        };
        let view = match isolation {
            None => view,
            Some(isolation) => {
                isolation.find(view, device.bus.info.page_size);
                View::Extents(&isolation.pages)
            }
        };
        let redzone = if flags.contains(BindFlags::REDZONE) { Redzone::Yes } else { Redzone::No };
        let request = MapRequest { view, attr: engine.attr(), direction: *direction, redzone };
        let (asked, space) = (request.view.length().unwrap_or(u64::MAX), &device.bus.map_space);
        if asked == 0 {
            // Nothing but partial pages.
            if let Some(before) = before {
                // SAFETY: the mapping came from this space, and the binding that had it gave it up.
                space.give(|space| unsafe { space.unmap(before) });
            }
            mapped.clear();
        } else {
            let into = RefCell::new(&mut *mapped);
            let taken = match before {
                None => space
                    .obtain(asked, patience, map_ticket, |space| space.map(&request, &mut into.borrow_mut())),
                Some(before) => {
                    // SAFETY: as above.
                    let taken = space
                        .change(|space| unsafe { space.exchange(before, &request, &mut into.borrow_mut()) });
                    space.serve();
                    taken.map_err(|refusal| refusal.shortage())
                }
            };
            *map = Some(taken?);
        }
        if let Some(isolation) = isolation {
            isolation.show(mapped);
        }
        Ok(())
    }

    pub(crate) fn unmap(&mut self) {
        if let Some(map) = self.map.take() {
            // SAFETY: `map` came from this space's `map` and is taken out, so that it is unmapped once.
            self.device.bus.map_space.give(|space| unsafe { space.unmap(map) });
        }
    }

    /// Moves to another window: the CPU gets the old one, the device the new one.
    #[cold]
    pub(crate) fn move_to(&mut self, index: usize) -> Result<(), BindErrorKind> {
        self.take_back();
        self.window = index;
        if let Some(slide) = &self.slide {
            let range = slide.range(index);
            if let Err(error) = self.remap(range) {
                // No window is mapped; whatever is asked for next is mapped anew.
                self.unmap();
                self.plan.clear();
                self.window = usize::MAX;
                return Err(error);
            }
        }
        self.hand_over(self.fill);
        Ok(())
    }

    /// Maps another window in the place of the one that is mapped, and plans it.
    fn remap(&mut self, range: Range<u64>) -> Result<(), BindErrorKind> {
        let patience = Patience::Wait(Wait::DontWait);
        let before = self.map.take();
        // Nobody else gets what the window before had: both happen under one lock.
        self.map_window(range, patience, before)?;
        if let Some(run) = self.run.take() {
            self.device.bus.copy_buffer.keep(&self.slot, run);
        }
        self.make_plan(self.flags, self.budget)?;
        self.take_run(self.flags, patience)
    }
}

/// Writes the extents of a part of an object.
fn cut(view: View<'_>, range: Range<u64>, part: &mut Vec<Extent>) {
    part.clear();
    let mut at = 0;
    for Extent { address, size } in view.extents() {
        let (from, to) = (range.start.max(at), range.end.min(at + size));
        if from < to {
            part.push(Extent { address: address + (from - at), size: to - from });
        }
        at += size;
        if at >= range.end {
            break;
        }
    }
}
