//! Mapping an object, whole or window by window where map space does not hold all of it.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

use crate::bound::Bound;
use crate::error::BindErrorKind;
use crate::flags::BindFlags;
use crate::grain::{Grain, Ground};
use crate::isolate::Isolation;
use crate::nexus::{MapId, MapRequest, Redzone};
use crate::object::{Addresses, DmaObject, Extent, View};
use crate::plan::PlanError;
use crate::wait::{Patience, Refusal, Wait};

/// How map space slides over an object: windows of one size, the last maybe shorter.
#[derive(Debug)]
pub(crate) struct Slide {
    step: u64,
    grain: Grain,
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
        let half = (self.step / 2).min(budget).max(self.grain.unit);
        (self.step > self.grain.unit).then(|| self.grain.at_most(half, self.length)).flatten()
    }

    fn range(&self, window: usize) -> Range<u64> {
        let start = self.start(window);
        start..(start + self.step).min(self.length)
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
        let grain = self.grain(object.view(), length);
        let mut size = length;
        let slide = |step| Some(Slide { step, grain, length, part: Vec::new() });
        if most < length
            && let Some(step) = grain.at_most(most, length)
        {
            size = step;
            self.slide = slide(step);
        }
        let mut smallest = !flags.contains(BindFlags::PARTIAL) || size <= grain.unit;
        loop {
            // A task that waits already asks from its place in the queue.
            let passing = !smallest && self.map_ticket.is_none();
            let patience = if passing { Patience::Wait(Wait::DontWait) } else { patience };
            let refusal = match self.map_window(0..size, patience, None) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            let shortage = refusal.shortage();
            if smallest {
                self.slide = None;
                self.device.bus.ledger.count_shortage(&shortage);
                return Err(refusal.into());
            }
            match grain.smaller(size, shortage.largest, length) {
                Some(step) => {
                    size = step;
                    self.slide = slide(step);
                    smallest = size <= grain.unit;
                }
                None => smallest = true,
            }
        }
    }

    fn grain(&self, view: View<'_>, length: u64) -> Grain {
        let page = self.device.bus.info.page_size;
        let start = view.extents().next().map_or(0, |extent| extent.address);
        let redzone = if self.flags.contains(BindFlags::REDZONE) { page } else { 0 };
        let ground = Ground { page, start, length, redzone };
        if self.flags.contains(BindFlags::ONE_LIST.union(BindFlags::PARTIAL)) {
            Grain::of_lists(&self.engine, ground, self.budget)
        } else {
            Grain::of_windows(&self.engine, ground)
        }
    }

    /// Maps this range of the object, in the place of the mapping before it.
    fn map_window(
        &mut self,
        range: Range<u64>,
        patience: Patience<'_>,
        before: Option<MapId>,
    ) -> Result<(), Refusal> {
        let Bound {
            object,
            slide,
            isolation,
            engine,
            device,
            slot,
            mapped,
            map,
            map_ticket,
            direction,
            flags,
            ..
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
        let (space, runs) = (&device.bus.map_space, (&device.bus.copy_buffer, &**slot));
        let asked = request.view.length().unwrap_or(u64::MAX);
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
                None => space.obtain(asked, patience, map_ticket, |space| {
                    space.map(&request, runs, &mut into.borrow_mut())
                }),
                Some(before) => {
                    // SAFETY: as above.
                    let taken = space.change(|space| unsafe {
                        space.exchange(before, &request, runs, &mut into.borrow_mut())
                    });
                    space.serve();
                    taken
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
            let bus = &self.device.bus;
            // SAFETY: `map` came from this space's `map` and is taken out, so that it is unmapped once.
            bus.map_space.give(|space| unsafe { space.unmap(map) });
            // The nexus may have been short of addresses for other memory.
            bus.copy_buffer.gate().serve();
            bus.memory.serve();
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
        if let Some(run) = self.run.take() {
            self.device.bus.copy_buffer.keep(&self.slot, run);
        }
        // Nobody else gets what the window before had: both happen under one lock.
        if self.map_window(range.clone(), patience, before).is_err() {
            // The run that is kept may take the space that is short.
            self.device.bus.copy_buffer.close_slot(&self.slot);
            self.map_window(range, patience, None)?;
        }
        self.plan_window()?;
        match self.take_run(self.flags, patience) {
            Err(error) if self.map.is_some() && error.shortage().is_some() => {
                self.copy_window(error)?;
                self.take_run(self.flags, patience)
            }
            taken => taken,
        }
    }

    /// Plans the window that is mapped. One that takes more lists than it may have as it lies is copied.
    pub(crate) fn plan_window(&mut self) -> Result<(), BindErrorKind> {
        match self.plan_anew(self.flags, self.budget) {
            Err(error @ BindErrorKind::TooBig(_)) => self.copy_window(error),
            planned => planned,
        }
    }

    /// Plans a window of one list all of which is copied, so that it needs no map space of its own; where that does not
    /// go either, or is not asked for, there remains the error.
    fn copy_window(&mut self, error: BindErrorKind) -> Result<(), BindErrorKind> {
        if self.slide.is_none() || !self.flags.contains(BindFlags::ONE_LIST) {
            return Err(error);
        }
        let view = View::Extents(&self.mapped);
        self.plan.make_copied(view, &self.engine, self.budget).map_err(|_| error)?;
        self.rebase();
        self.unmap();
        Ok(())
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
