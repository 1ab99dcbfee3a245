//! Handles: a value that C holds is an index and a generation, and never an address.
//!
//! 1. A slot lives as long as the process, so that looking at it is always allowed.
//! 2. The state of a slot that has a value, and that nobody looks at, is the value's generation, which is odd. Whoever
//!    swaps it for a state that is even has the value, until the generation is put back.
//! 3. A generation is given out once; it is the upper half of its handle.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most values of a table. Slots that were never used take no memory.
const SLOTS: usize = 1 << 18;

/// Where the kind of table starts in the lower half of a handle; the index lies below.
const KIND_SHIFT: u32 = SLOTS.trailing_zeros();

/// There is no value.
const VACANT: u32 = 0;
/// Somebody looks at the value for a short time.
const HELD: u32 = 2;
/// Somebody looks at it, and may rest for as long as they like.
const RESTING: u32 = 4;

/// Values that C holds by handle. `KIND` tells the handles of one table from those of the others.
pub(crate) struct Table<T: 'static, const KIND: u32> {
    slots: [Slot<T>; SLOTS],
    free: Mutex<Free>,
}

/// # Invariants
///
/// Each index names a slot without a value and is there once, with the generation that comes next; those from `made` on
/// are such slots, too, and the generation is 1.
struct Free {
    slots: Vec<(u32, u32)>,
    made: u32,
}

struct Slot<T> {
    state: AtomicU32,
    /// There exactly while the state is not [`VACANT`].
    value: UnsafeCell<Option<Box<T>>>,
}

// SAFETY: the value is reached by one thread at a time (rule 2).
unsafe impl<T: Send> Sync for Slot<T> {}

/// Why a handle is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHandle {
    /// It is NULL.
    Null,
    /// It was freed.
    Stale,
    /// It is none of this kind, and never was.
    Foreign,
    /// Another thread rests in a call with it.
    Resting,
}

impl fmt::Display for BadHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadHandle::Null => "the handle is NULL",
            BadHandle::Stale => "the handle was freed",
            BadHandle::Foreign => "this is no handle of this kind",
            BadHandle::Resting => "another thread waits for resources with this handle",
        })
    }
}

impl<T: Send, const KIND: u32> Table<T, KIND> {
    pub(crate) const fn new() -> Self {
        const { assert!(KIND > 0 && KIND < 1 << (32 - KIND_SHIFT)) }
        Table {
            slots: [const { Slot { state: AtomicU32::new(VACANT), value: UnsafeCell::new(None) } }; SLOTS],
            free: Mutex::new(Free { slots: Vec::new(), made: 0 }),
        }
    }

    /// Keeps a value; `None`, and the value dropped, where there are too many already.
    pub(crate) fn insert(&'static self, value: T) -> Option<Handle> {
        let (index, generation) = self.take_slot()?;
        let slot = self.slots.get(index as usize)?;
        // SAFETY: the slot was taken from those that are free, and no handle of it is good yet: nobody else looks.
        unsafe { *slot.value.get() = Some(Box::new(value)) };
        slot.state.store(generation, Ordering::Release);
        Some(Handle(u64::from(generation) << 32 | u64::from(KIND << KIND_SHIFT | index)))
    }

    /// The value of a handle; whoever else asks for it spins meanwhile.
    #[inline(always)]
    pub(crate) fn get(&'static self, handle: u64) -> Result<Guard<T>, BadHandle> {
        let (low, generation) = (handle as u32, (handle >> 32) as u32);
        if low >> KIND_SHIFT != KIND || generation & 1 == 0 {
            return Err(if handle == 0 { BadHandle::Null } else { BadHandle::Foreign });
        }
        let slot = &self.slots[low as usize % SLOTS];
        let swapped = slot.state.compare_exchange(generation, HELD, Ordering::Acquire, Ordering::Relaxed);
        if swapped.is_err() {
            wait_for(&slot.state, generation)?;
        }
        Ok(Guard { slot, generation })
    }

    /// Ends a handle, and gives its value.
    pub(crate) fn remove(&'static self, handle: u64) -> Result<T, BadHandle> {
        let mut guard = self.get(handle)?;
        // SAFETY: the guard has the value, and is borrowed for that.
        let value = unsafe { (*guard.slot.value.get()).take() };
        let next = guard.generation.wrapping_add(2);
        guard.generation = VACANT;
        drop(guard);
        // A slot whose generations are used up is left alone, so that no handle is ever good again.
        if next != 1 {
            self.free().slots.push((handle as u32 % SLOTS as u32, next));
        }
        value.map(|value| *value).ok_or(BadHandle::Stale)
    }

    /// The values that are there now, each while the caller looks at it; those with which a thread rests are left out.
    pub(crate) fn for_each(&'static self, mut look: impl FnMut(&mut T)) {
        let made = self.free().made as usize;
        for slot in self.slots.iter().take(made) {
            let generation = slot.state.load(Ordering::Relaxed);
            let generation = if generation == HELD { settle(&slot.state) } else { generation };
            let swapped = generation & 1 == 1
                && slot
                    .state
                    .compare_exchange(generation, HELD, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok();
            if swapped {
                look(&mut Guard { slot, generation });
            }
        }
    }

    /// A slot without a value, and the generation of the next one.
    fn take_slot(&self) -> Option<(u32, u32)> {
        let mut free = self.free();
        if let Some(slot) = free.slots.pop() {
            return Some(slot);
        }
        let index = free.made;
        free.made += u32::from((index as usize) < SLOTS);
        (free.made > index).then_some((index, 1))
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spins until a value that somebody looks at for a short time is had, or says why it is not to be had.
#[cold]
#[inline(never)]
fn wait_for(state: &AtomicU32, generation: u32) -> Result<(), BadHandle> {
    loop {
        match state.compare_exchange(generation, HELD, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Ok(()),
            Err(HELD) => std::thread::yield_now(),
            Err(RESTING) => return Err(BadHandle::Resting),
            Err(_) => return Err(BadHandle::Stale),
        }
    }
}

/// Spins until nobody looks at a value for a short time, and gives the state then.
fn settle(state: &AtomicU32) -> u32 {
    loop {
        match state.load(Ordering::Relaxed) {
            HELD => std::thread::yield_now(),
            settled => return settled,
        }
    }
}

/// A value that this thread alone looks at.
pub(crate) struct Guard<T: 'static> {
    slot: &'static Slot<T>,
    generation: u32,
}

impl<T> Guard<T> {
    /// Says that this call may rest for as long as it likes: whoever else asks for the value is refused from here on.
    #[inline(always)]
    pub(crate) fn rest(&self) {
        self.rester().rest();
    }

    /// What says so while the value is borrowed.
    #[inline(always)]
    pub(crate) fn rester(&self) -> Rester {
        Rester { state: &self.slot.state }
    }
}

/// Says that a call may rest.
pub(crate) struct Rester {
    state: &'static AtomicU32,
}

impl Rester {
    /// See [`Guard::rest`].
    #[inline(always)]
    pub(crate) fn rest(&self) {
        self.state.store(RESTING, Ordering::Relaxed);
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the value (rule 2).
        match unsafe { &*self.slot.value.get() } {
            Some(value) => value,
            None => gone(),
        }
    }
}

impl<T> DerefMut for Guard<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has the value (rule 2), and is borrowed for as long as the value is.
        match unsafe { &mut *self.slot.value.get() } {
            Some(value) => value,
            None => gone(),
        }
    }
}

#[cold]
fn gone() -> ! {
    unreachable!("a slot whose state is a generation has a value")
}

impl<T> Drop for Guard<T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.slot.state.store(self.generation, Ordering::Release);
    }
}

/// What C holds.
pub(crate) struct Handle(u64);

impl Handle {
    #[cfg(test)]
    fn value(&self) -> u64 {
        self.0
    }

    /// The handle as C's pointer type.
    pub(crate) fn pointer<P>(&self) -> *mut P {
        ptr::without_provenance_mut(self.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::{BadHandle, Guard, Table};

    static TABLE: Table<String, 3> = Table::new();
    static OTHER: Table<String, 4> = Table::new();

    #[test]
    fn a_stale_handle_is_told_from_the_one_that_followed_it() {
        let first = TABLE.insert("first".into()).map(|handle| handle.value()).unwrap_or(0);
        assert_eq!(TABLE.get(first).map(|value| value.clone()), Ok("first".to_owned()));
        assert_eq!(TABLE.remove(first), Ok("first".to_owned()));
        let second = TABLE.insert("second".into()).map(|handle| handle.value()).unwrap_or(0);
        assert_eq!(second as u32, first as u32, "the slot is used again");
        assert_eq!(TABLE.get(first).err(), Some(BadHandle::Stale));
        assert_eq!(TABLE.remove(first), Err(BadHandle::Stale));
        assert_eq!(TABLE.get(second).map(|value| value.clone()), Ok("second".to_owned()));
        assert_eq!(TABLE.remove(second), Ok("second".to_owned()));
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        let other = OTHER.insert("other".into()).map(|handle| handle.value()).unwrap_or(0);
        assert_eq!(TABLE.get(0).err(), Some(BadHandle::Null));
        for foreign in
            [other, 1, 0x7fff_0000_1000, u64::MAX, 3 << 18 | 0x3_FFFF, 2 << 32 | 3 << 18, 4 << 32 | 3 << 18]
        {
            assert_eq!(TABLE.get(foreign).err(), Some(BadHandle::Foreign), "{foreign:#x}");
        }
    }

    #[test]
    fn who_rests_keeps_others_out() {
        static RESTED: Table<u32, 5> = Table::new();
        let handle = RESTED.insert(7).map(|handle| handle.value()).unwrap_or(0);
        let guard = RESTED.get(handle);
        assert!(guard.as_ref().map(Guard::rest).is_ok());
        assert_eq!(RESTED.get(handle).err(), Some(BadHandle::Resting));
        let mut seen: Vec<u32> = Vec::new();
        RESTED.for_each(|value| seen.push(*value));
        assert!(seen.is_empty(), "{seen:?}");
        drop(guard);
        RESTED.for_each(|value| seen.push(*value));
        assert_eq!(seen, [7]);
    }
}
