//! What stands behind a handle: one box for the object, its plan and its resources, through all states.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::copy_buffer::RunSlot;
use crate::device::{DeviceShared, Translation};
use crate::error::{BindErrorKind, IsolateError, RangeError, Shortage};
use crate::flags::{BindFlags, Direction};
use crate::handle_limit::HandleLimit;
use crate::isolate::Isolation;
use crate::nexus::{Coherence, MapId, NexusMemory};
use crate::object::{Addresses, BusId, DmaObject, Extent, View};
use crate::plan::{Budget, Engine, Lists, Plan, Sliding, TooBig, Window};
use crate::slide::Slide;
use crate::stats::Counters;
use crate::sync::{CacheWork, Fill, wipe};
use crate::wait::{Patience, Ticket, Wait};

/// Who may touch the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no object.
    Idle,
    /// The CPU.
    Bound,
    /// The device.
    InFlight,
}

/// # Invariants
///
/// - `object` is there in the states Bound and InFlight.
/// - `run` and `map` are there exactly while the plan of the bound object uses them.
/// - `plan` places copies within `run`: `plan.room() <= run.size`, and cookies name the object's bytes or the run's.
pub(crate) struct Bound<O: DmaObject> {
    pub(crate) state: State,
    pub(crate) direction: Direction,
    pub(crate) cache_work: CacheWork,
    pub(crate) fill: Fill,
    pub(crate) translation: Translation,
    /// The window that is mapped now, and the one that comes next.
    pub(crate) window: usize,
    pub(crate) next_window: usize,
    /// What one window may copy.
    pub(crate) budget: Budget,
    pub(crate) engine: Engine,
    pub(crate) plan: Plan,
    pub(crate) object: Option<O>,
    pub(crate) run: Option<NexusMemory>,
    pub(crate) map: Option<MapId>,
    /// Where the nexus mapped the object.
    pub(crate) mapped: Vec<Extent>,
    /// How map space slides over the object, where it does not hold all of it.
    pub(crate) slide: Option<Slide>,
    /// The whole pages of what is mapped, where nothing else is.
    pub(crate) isolation: Option<Isolation>,
    /// The flags of a bind that took resources.
    pub(crate) flags: BindFlags,
    /// Places in queues, of a bind that is polled.
    pub(crate) copy_ticket: Option<Ticket>,
    pub(crate) map_ticket: Option<Ticket>,
    pub(crate) slot: Arc<RunSlot>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) device: Arc<DeviceShared>,
    pub(crate) error: Option<BindErrorKind>,
}

impl<O: DmaObject> Bound<O> {
    pub(crate) fn new(device: Arc<DeviceShared>, engine: Engine, translation: Translation) -> Self {
        let cache_work = match device.bus.info.coherence {
            Coherence::Coherent => CacheWork::None,
            Coherence::NeedsSync => CacheWork::Nexus,
        };
        Bound {
            state: State::Idle,
            direction: Direction::Both,
            cache_work,
            fill: Fill::Object,
            translation,
            window: 0,
            next_window: 0,
            budget: Budget::contiguous(device.bus.copy_buffer.limit()),
            engine,
            plan: Plan::new(),
            object: None,
            run: None,
            map: None,
            mapped: Vec::new(),
            slide: None,
            isolation: None,
            flags: BindFlags::empty(),
            copy_ticket: None,
            map_ticket: None,
            slot: device.bus.copy_buffer.open_slot(),
            counters: device.bus.ledger.open(),
            device,
            error: None,
        }
    }

    /// Binds the object that is in its place already.
    #[inline]
    pub(crate) fn bind(
        &mut self,
        direction: Direction,
        flags: BindFlags,
        patience: Patience<'_>,
    ) -> Result<(), BindErrorKind> {
        if flags.contains(BindFlags::CONSISTENT.union(BindFlags::STREAMING)) {
            return Err(BindErrorKind::Flags);
        }
        if !self.object.as_ref().is_none_or(|object| object.permits(direction)) {
            return Err(BindErrorKind::Direction { direction });
        }
        self.direction = direction;
        self.window = 0;
        self.next_window = 0;
        if let Some(Addresses::Bus(id)) = self.object.as_ref().map(O::addresses)
            && id != self.bus_id()
        {
            return Err(BindErrorKind::ForeignMemory);
        }
        if flags.contains(BindFlags::ISOLATE) {
            self.check_isolation()?;
        }
        if self.translation == Translation::Mapped {
            self.bind_mapped(flags, patience)?;
        } else {
            self.make_plan(flags, self.budget)?;
            if !self.plan.goes_whole() || self.cache_work != CacheWork::None {
                self.take_run(flags, patience)?;
                self.prepare(flags);
            }
        }
        self.state = State::Bound;
        self.counters.count_bind();
        Ok(())
    }

    /// Whether the device can be kept from bytes that are not the object's.
    #[cold]
    fn check_isolation(&self) -> Result<(), BindErrorKind> {
        let own = |object: &O| object.addresses() == Addresses::Machine || object.nexus_memory().is_some();
        match self.translation {
            Translation::Physical => Err(BindErrorKind::Isolate(IsolateError::NoIommu)),
            Translation::Mapped if self.object.as_ref().is_none_or(own) => Ok(()),
            Translation::Mapped => Err(BindErrorKind::Isolate(IsolateError::MappedAlready)),
        }
    }

    /// Which addresses the handle's device uses.
    pub(crate) fn bus_id(&self) -> BusId {
        BusId { bus: self.device.bus.number, translation: self.translation }
    }

    #[inline]
    fn make_plan(&mut self, flags: BindFlags, budget: Budget) -> Result<(), BindErrorKind> {
        let Some(object) = &self.object else { return Ok(()) };
        let partial = flags.contains(BindFlags::PARTIAL) && self.slide.is_none();
        let sliding = if partial { Sliding::Yes } else { Sliding::No };
        let lists = if flags.contains(BindFlags::ONE_LIST) { Lists::One } else { Lists::Many };
        let view = match (self.map, &self.isolation) {
            (None, None) => object.view(),
            _ => View::Extents(&self.mapped),
        };
        if !self.plan.is_of_run(view) {
            self.plan.make(view, &self.engine, budget, sliding, lists)?;
        }
        if self.map.is_some() || self.isolation.is_some() {
            self.rebase();
        }
        Ok(())
    }

    /// Plans off the way that most binds take.
    #[cold]
    #[inline(never)]
    pub(crate) fn plan_anew(&mut self, flags: BindFlags, budget: Budget) -> Result<(), BindErrorKind> {
        self.make_plan(flags, budget)
    }

    /// Where map space slides, the plan is that of a window.
    #[cold]
    pub(crate) fn rebase(&mut self) {
        if let Some(slide) = &self.slide {
            self.plan.rebase(slide.start(self.window), self.window);
        }
    }

    /// Maps and plans the object, and takes the copy run.
    ///
    /// Nobody waits for a run while it holds map space: the memory of the run may need some, too.
    #[cold]
    #[inline(never)]
    fn bind_mapped(&mut self, flags: BindFlags, patience: Patience<'_>) -> Result<(), BindErrorKind> {
        let mut most = u64::MAX;
        loop {
            self.map(flags, patience, most)?;
            if let Err(error) = self.plan_anew(flags, self.budget) {
                if let Some(smaller) = self.smaller_window(&error) {
                    self.unmap();
                    most = smaller;
                    continue;
                }
                self.plan_window().inspect_err(|_| self.unmap())?;
            }
            let taken = match self.map {
                None => self.take_run(flags, patience),
                Some(_) => self.take_run(flags, Patience::Wait(Wait::DontWait)),
            };
            let error = match taken {
                Ok(()) => break,
                Err(error) => error,
            };
            let held = self.map.is_some();
            self.unmap();
            if !held || error.shortage().is_none() {
                return Err(error);
            }
            self.await_run(patience)?;
        }
        self.prepare(flags);
        Ok(())
    }

    /// A size for windows that may do where this one does not.
    fn smaller_window(&self, error: &BindErrorKind) -> Option<u64> {
        let BindErrorKind::TooBig(big) = error else { return None };
        match big {
            // A window of no more bytes than may be copied always goes: all of it copied, if need be.
            TooBig::Copy { .. } | TooBig::Room { .. } => self.slide.as_ref()?.halved(self.budget.bytes),
            TooBig::Lists { .. } => self.slide.as_ref()?.halved(u64::MAX),
            TooBig::Granule { .. } => None,
        }
    }

    /// Waits for a run like that of the plan, and keeps it for the next round. Who does not wait gets the error.
    fn await_run(&mut self, patience: Patience<'_>) -> Result<(), BindErrorKind> {
        let (copy_buffer, attr) = (&self.device.bus.copy_buffer, self.engine.attr());
        let room = self.plan.room();
        let run = copy_buffer.take(&self.slot, room, attr, patience, &mut self.copy_ticket)?;
        copy_buffer.keep(&self.slot, run);
        Ok(())
    }

    /// Hands the first window to the device.
    #[cold]
    #[inline(never)]
    fn prepare(&mut self, flags: BindFlags) {
        if self.window_count() > 1 {
            self.counters.count_partial();
        }
        let promised = flags.contains(BindFlags::OVERWRITE) && !self.direction.device_reads();
        self.fill = if promised { Fill::Nothing } else { Fill::Object };
        self.flags = flags;
        self.hand_over(self.fill);
    }

    /// Takes a copy run for the plan. Where the pool is short and PARTIAL allows it, plans for smaller windows; waits
    /// only for the smallest.
    pub(crate) fn take_run(&mut self, flags: BindFlags, patience: Patience<'_>) -> Result<(), BindErrorKind> {
        let mut smallest = !flags.contains(BindFlags::PARTIAL) || self.slide.is_some();
        let mut budget = self.budget;
        let mut short: Option<Shortage> = None;
        while self.plan.room() > 0 {
            let room = self.plan.room();
            smallest |= room <= self.least_room();
            // A task that waits already asks from its place in the queue.
            let waits = smallest || self.copy_ticket.is_some();
            let patience = if waits { patience } else { Patience::Wait(Wait::DontWait) };
            let (copy_buffer, attr) = (&self.device.bus.copy_buffer, self.engine.attr());
            let refusal = match copy_buffer.take(&self.slot, room, attr, patience, &mut self.copy_ticket) {
                Ok(run) => {
                    self.plan.place(run.bus);
                    if flags.contains(BindFlags::ISOLATE) {
                        wipe(&run);
                    }
                    self.run = Some(run);
                    break;
                }
                Err(refusal) => refusal,
            };
            let shortage = refusal.shortage();
            let first = *short.get_or_insert(shortage);
            if smallest {
                self.device.bus.ledger.count_shortage(&first);
                return Err(refusal.of(first).into());
            }
            let smaller = Budget::contiguous(shortage.largest.min(room / 2).max(self.least_room()));
            if self.plan_anew(flags, smaller).is_ok() {
                budget = smaller;
            } else {
                smallest = true;
                self.plan_anew(flags, budget)?;
            }
        }
        Ok(())
    }

    /// Bytes of copy run below which smaller windows are not worth trying.
    fn least_room(&self) -> u64 {
        self.device.bus.info.page_size.min(self.budget.room)
    }

    /// Takes the object back from the device and frees what the binding took.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.run.is_some() || self.map.is_some() || self.cache_work != CacheWork::None {
            self.release_resources();
        }
        self.state = State::Idle;
    }

    #[cold]
    #[inline(never)]
    fn release_resources(&mut self) {
        self.take_back();
        self.unmap();
        self.isolation = None;
        if self.slide.take().is_some() {
            self.plan.clear();
        }
        if let Some(run) = self.run.take() {
            self.device.bus.copy_buffer.keep(&self.slot, run);
        }
    }

    /// The object of a binding.
    pub(crate) fn object(&self) -> &O {
        match &self.object {
            Some(object) => object,
            None => unreachable!("a binding holds its object"),
        }
    }

    /// Checks that the object has `length` bytes from `offset` on.
    pub(crate) fn check(&self, offset: u64, length: usize) -> Result<u64, RangeError> {
        RangeError::check(offset, length as u64, self.object().view().length().unwrap_or(0))
    }

    /// The object, which is there in every state but Idle, and after a failed bind.
    #[inline]
    pub(crate) fn take_object(&mut self) -> O {
        match self.object.take() {
            Some(object) => object,
            None => unreachable!("a binding holds its object"),
        }
    }

    /// Gives up the places in queues that polling took.
    pub(crate) fn leave_queues(&mut self) {
        let bus = &self.device.bus;
        if self.copy_ticket.is_some() {
            bus.copy_buffer.gate().forget(&mut self.copy_ticket);
        }
        if self.map_ticket.is_some() {
            bus.map_space.forget(&mut self.map_ticket);
        }
    }

    /// Whether it waits in some queue.
    pub(crate) fn waits(&self) -> bool {
        self.copy_ticket.is_some() || self.map_ticket.is_some()
    }

    /// Number of windows of the bound object.
    pub(crate) fn window_count(&self) -> usize {
        match &self.slide {
            None => self.plan.window_count(),
            Some(slide) => slide.count(),
        }
    }

    /// The current window.
    #[inline]
    pub(crate) fn current(&self) -> Option<Window<'_>> {
        self.plan.window(self.window.wrapping_sub(self.plan.first_window()))
    }

    /// What the planner was shown.
    pub(crate) fn view(&self) -> View<'_> {
        let own = self.map.is_none() && self.isolation.is_none() && self.slide.is_none();
        match &self.object {
            Some(object) if own => object.view(),
            _ => View::Extents(&self.mapped),
        }
    }

    /// Gives up a transfer that the device may still be doing.
    #[cold]
    fn abandon(&mut self) {
        let Some(object) = self.object.take() else { return };
        let run = self.run.take();
        // What was mapped beforehand stays mapped, unless its own drop takes it away.
        let revoked = object.addresses() == Addresses::Machine || object.nexus_memory().is_some();
        if self.translation == Translation::Mapped && revoked {
            // The nexus takes object and run away from the device before their memory is used again.
            self.unmap();
            run.into_iter().for_each(|run| self.device.bus.copy_buffer.free(run));
            return;
        }
        let bytes = object.view().length().unwrap_or(0) + run.map_or(0, |run| run.size);
        self.device.quarantine(Box::new(object), run, bytes);
    }
}

impl<O: DmaObject> Drop for Bound<O> {
    fn drop(&mut self) {
        match self.state {
            State::Idle => {}
            State::Bound => self.release(),
            State::InFlight => self.abandon(),
        }
        self.leave_queues();
        let bus = &self.device.bus;
        bus.copy_buffer.close_slot(&self.slot);
        bus.ledger.close(&self.counters);
        bus.handles.give(HandleLimit::put_back);
    }
}
