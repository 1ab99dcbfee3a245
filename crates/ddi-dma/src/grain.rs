//! How windows of an object may be cut where map space slides over it.

use crate::object::{Extent, UNMAPPED, View};
use crate::plan::{Budget, Engine, Plan};

/// Which sizes windows may have.
///
/// Where each window is to be one list, windows are no larger than what goes as one list wherever the nexus maps it: all of
/// it copied, if need be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grain {
    /// Windows but the last are a multiple of this: whole pages and whole granules, where a list holds those.
    pub(crate) unit: u64,
    /// I/O addresses that a window takes beyond its bytes.
    extra: u64,
    /// No cookie is smaller.
    min: u64,
    /// The largest cookie, where its bytes cannot be shared with a next one that would be too small.
    rigid: Option<u64>,
    /// No window is larger.
    most: u64,
    /// With fewer bytes of I/O addresses, windows that end within pages fit by luck alone.
    least_room: u64,
}

/// What is to be cut, and on which machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground {
    pub(crate) page: u64,
    /// Where the object starts, and its bytes.
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// Bytes of I/O addresses that are kept free behind a window.
    pub(crate) redzone: u64,
}

impl Grain {
    /// The grain of windows that have as many lists as it takes.
    pub(crate) fn of_windows(engine: &Engine, ground: Ground) -> Self {
        let unit = common(engine.attr().granular.into(), ground.page);
        Grain::new(engine, ground, unit, u64::MAX)
    }

    /// The grain of windows of one list each.
    pub(crate) fn of_lists(engine: &Engine, ground: Ground, budget: Budget) -> Self {
        let attr = engine.attr();
        let pages = common(attr.granular.into(), ground.page);
        let (list, room) = (engine.list_reach(), budget.bytes.min(budget.room));
        let least = if list < pages { attr.granular.into() } else { pages };
        if room < least {
            // There is no way out by copying: windows are tried as they lie.
            return Grain::new(engine, ground, least, list);
        }
        let most = list.min(room).min(ground.length.max(pages));
        if let Some(most) = largest_copied(engine, budget, pages, most) {
            return Grain::new(engine, ground, pages, most);
        }
        // A list does not hold whole pages: windows end within them, where a cookie can start if possible, and cross no
        // page where the granule allows that.
        let aligned = common(attr.granular.into(), attr.align);
        let within = if aligned.is_power_of_two() { 1 << most.ilog2() } else { most };
        let copied = largest_copied(engine, budget, aligned, within)
            .or_else(|| largest_copied(engine, budget, attr.granular.into(), most));
        let unit = copied.unwrap_or(attr.granular.into());
        Grain::new(engine, ground, unit, unit)
    }

    fn new(engine: &Engine, ground: Ground, unit: u64, most: u64) -> Self {
        let Ground { page, start, redzone, .. } = ground;
        let keeps_to_pages = unit.is_multiple_of(page) || (page.is_multiple_of(unit) && most <= unit);
        let within = if start.is_multiple_of(page) && keeps_to_pages { 0 } else { page };
        let extra = redzone + within;
        let least_room = if unit.is_multiple_of(page) { 0 } else { unit.next_multiple_of(page) + extra };
        Grain {
            unit,
            extra,
            min: engine.attr().minxfer.into(),
            rigid: engine.rigid_cookie(),
            most,
            least_room,
        }
    }

    /// The largest size for windows of at most `most` bytes. `None` where they leave too little for the last.
    pub(crate) fn at_most(&self, most: u64, length: u64) -> Option<u64> {
        let most = most.min(self.most);
        let mut step = (most - most % self.unit).max(self.unit);
        while self.leaves_too_little(length % step) {
            step = step.checked_sub(self.unit).filter(|step| *step > 0)?;
        }
        Some(step)
    }

    /// Whether so many bytes of a last window make no cookies.
    fn leaves_too_little(&self, rest: u64) -> bool {
        let tail = self.rigid.filter(|cookie| rest > *cookie).map_or(rest, |cookie| rest % cookie);
        (1..self.min).contains(&tail)
    }

    /// The largest window below `size` that fits `room` bytes of I/O addresses; one unit, where none does, which may
    /// yet fit.
    pub(crate) fn smaller(&self, size: u64, room: u64, length: u64) -> Option<u64> {
        let fits = room.saturating_sub(self.extra).min(size.saturating_sub(1));
        (room >= self.least_room).then(|| self.at_most(fits, length)).flatten()
    }
}

/// The least common multiple of a granule and a power of two.
fn common(granule: u64, power: u64) -> u64 {
    // What the granule lacks to be a multiple of it are factors of two.
    granule.saturating_mul(power / power.min(granule & granule.wrapping_neg()))
}

/// The largest size at hand, in units, that goes as one list when all of it is copied: `most`, its half, and so on.
fn largest_copied(engine: &Engine, budget: Budget, unit: u64, most: u64) -> Option<u64> {
    let mut plan = Plan::new();
    let mut size = most - most % unit;
    while size > 0 {
        let object = [Extent { address: UNMAPPED, size }];
        if plan.make_copied(View::Extents(&object), engine, budget).is_ok() {
            return Some(size);
        }
        size = size / 2 - size / 2 % unit;
    }
    None
}
