//! Handles: a value that C holds is an index and a generation, and never an address.
//!
//! 1. A slot lives as long as the process, so that looking at it is always allowed.
//! 2. Its value is touched only by who holds its lock, and its generation changes only under it.
//! 3. A handle is good while its generation is the slot's, which is odd while there is a value.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Slots of a chunk, and most chunks.
const CHUNK: usize = 1 << 10;
const CHUNKS: usize = 1 << 10;

/// Where the kind of table starts in the lower half of a handle; the index lies below, and can be no larger than there are
/// slots.
const KIND_SHIFT: u32 = (CHUNK * CHUNKS).trailing_zeros();

/// The lock of a slot that nobody has; another value is a [`Hold`].
const FREE: u32 = 0;
const HELD: u32 = Hold::Shortly as u32;
const RESTING: u32 = Hold::Resting as u32;

/// For how long somebody has a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Hold {
    /// For a short time: whoever else asks for it spins.
    Shortly = 1,
    /// For as long as it takes: whoever else asks for it is refused.
    Resting = 2,
}

/// Values that C holds by handle. `KIND` tells the handles of one table from those of the others.
pub(crate) struct Table<T: 'static, const KIND: u32> {
    chunks: [AtomicPtr<Chunk<T>>; CHUNKS],
    free: Mutex<Free>,
}

/// # Invariants
///
/// Each index of `indices` is below `made`, names a slot without a value, and is there once.
struct Free {
    indices: Vec<u32>,
    made: u32,
}

type Chunk<T> = [Slot<T>; CHUNK];

struct Slot<T> {
    lock: AtomicU32,
    generation: AtomicU32,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value is reached by the holder of the lock alone (rule 2), one thread after the other.
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
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            free: Mutex::new(Free { indices: Vec::new(), made: 0 }),
        }
    }

    /// Keeps a value; `None`, and the value dropped, where there are a million already.
    pub(crate) fn insert(&self, value: T) -> Option<Handle<T>> {
        let index = self.take_index()?;
        let slot = self.slot(index)?;
        while slot.lock.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            std::hint::spin_loop();
        }
        let generation = slot.generation.load(Ordering::Relaxed).wrapping_add(1);
        // SAFETY: this thread holds the lock (rule 2).
        unsafe { *slot.value.get() = Some(value) };
        slot.generation.store(generation, Ordering::Relaxed);
        slot.lock.store(FREE, Ordering::Release);
        Some(Handle::new(u64::from(generation) << 32 | u64::from(KIND << KIND_SHIFT | index)))
    }

    /// The value of a handle, for a short time: whoever else asks for it spins.
    #[inline(always)]
    pub(crate) fn get(&self, handle: u64) -> Result<Guard<T>, BadHandle> {
        self.lock(handle, Hold::Shortly)
    }

    /// The value of a handle, for as long as `hold` says.
    #[inline(always)]
    pub(crate) fn lock(&self, handle: u64, hold: Hold) -> Result<Guard<T>, BadHandle> {
        let low = handle as u32;
        if low >> KIND_SHIFT != KIND {
            return Err(if handle == 0 { BadHandle::Null } else { BadHandle::Foreign });
        }
        let Some(slot) = self.slot(low & ((1 << KIND_SHIFT) - 1)) else { return Err(BadHandle::Foreign) };
        let how = hold as u32;
        if slot.lock.compare_exchange(FREE, how, Ordering::Acquire, Ordering::Relaxed).is_err() {
            wait_for(&slot.lock, how)?;
        }
        let generation = slot.generation.load(Ordering::Relaxed);
        if generation == (handle >> 32) as u32 && generation & 1 == 1 {
            return Ok(Guard { slot });
        }
        slot.lock.store(FREE, Ordering::Release);
        Err(BadHandle::Stale)
    }

    /// Ends a handle, and gives its value.
    pub(crate) fn remove(&self, handle: u64) -> Result<T, BadHandle> {
        let mut guard = self.get(handle)?;
        let value = guard.take();
        let generation = handle >> 32;
        guard.slot.generation.store((generation as u32).wrapping_add(1), Ordering::Relaxed);
        drop(guard);
        // A slot whose generations are used up is left alone, so that no handle is ever good again.
        if generation != u64::from(u32::MAX) {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.indices.push(handle as u32 & ((1 << KIND_SHIFT) - 1));
        }
        value.ok_or(BadHandle::Stale)
    }

    /// The values that are there now, each locked while the caller looks at it; those with which a thread rests are
    /// left out.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&mut T)) {
        let made = self.free.lock().unwrap_or_else(PoisonError::into_inner).made;
        for slot in (0..made).filter_map(|index| self.slot(index)) {
            if slot.lock.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err()
                && wait_for(&slot.lock, HELD).is_err()
            {
                continue;
            }
            let mut guard = Guard { slot };
            if let Some(value) = guard.value() {
                look(value);
            }
        }
    }

    fn take_index(&self) -> Option<u32> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = free.indices.pop() {
            return Some(index);
        }
        let index = free.made;
        let chunk = self.chunks.get(index as usize / CHUNK)?;
        if chunk.load(Ordering::Relaxed).is_null() {
            let slots: Vec<Slot<T>> = (0..CHUNK).map(|_| Slot::new()).collect();
            let slots: Box<Chunk<T>> = slots.into_boxed_slice().try_into().ok()?;
            chunk.store(Box::leak(slots), Ordering::Release);
        }
        free.made = index + 1;
        Some(index)
    }

    #[inline(always)]
    fn slot(&self, index: u32) -> Option<&'static Slot<T>> {
        let chunk = self.chunks.get(index as usize / CHUNK)?.load(Ordering::Acquire);
        // SAFETY: null, or a chunk that was leaked (rule 1).
        let chunk = unsafe { chunk.as_ref() }?;
        Some(&chunk[index as usize % CHUNK])
    }
}

/// Spins until a lock that somebody holds for a short time is had.
#[cold]
fn wait_for(lock: &AtomicU32, how: u32) -> Result<(), BadHandle> {
    loop {
        match lock.compare_exchange(FREE, how, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Ok(()),
            Err(RESTING) => return Err(BadHandle::Resting),
            Err(_) => std::thread::yield_now(),
        }
    }
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Slot { lock: AtomicU32::new(FREE), generation: AtomicU32::new(0), value: UnsafeCell::new(None) }
    }
}

/// A slot whose lock this thread holds.
pub(crate) struct Guard<T: 'static> {
    slot: &'static Slot<T>,
}

#[cold]
fn gone() -> ! {
    unreachable!("a handle whose generation is the slot's has a value (rule 3)")
}

impl<T> Guard<T> {
    #[inline(always)]
    fn value(&mut self) -> Option<&mut T> {
        // SAFETY: the guard holds the lock (rule 2), and is borrowed for as long as the value is.
        unsafe { (*self.slot.value.get()).as_mut() }
    }

    fn take(&mut self) -> Option<T> {
        // SAFETY: as in `value`.
        unsafe { (*self.slot.value.get()).take() }
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock (rule 2).
        match unsafe { &*self.slot.value.get() } {
            Some(value) => value,
            None => gone(),
        }
    }
}

impl<T> DerefMut for Guard<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        match self.value() {
            Some(value) => value,
            None => gone(),
        }
    }
}

impl<T> Drop for Guard<T> {
    #[inline]
    fn drop(&mut self) {
        self.slot.lock.store(FREE, Ordering::Release);
    }
}

/// What C holds.
pub(crate) struct Handle<T> {
    value: u64,
    of: PhantomData<fn() -> T>,
}

impl<T> Handle<T> {
    fn new(value: u64) -> Self {
        Handle { value, of: PhantomData }
    }

    pub(crate) fn value(&self) -> u64 {
        self.value
    }

    /// The handle as C's pointer type.
    pub(crate) fn pointer<P>(&self) -> *mut P {
        ptr::without_provenance_mut(self.value as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::{BadHandle, Hold, Table};

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
        for foreign in [other, 1, 0x7fff_0000_1000, u64::MAX, 3 << 20 | 0xF_FFFF] {
            assert_eq!(TABLE.get(foreign).err(), Some(BadHandle::Foreign), "{foreign:#x}");
        }
    }

    #[test]
    fn who_rests_keeps_others_out() {
        static RESTED: Table<u32, 5> = Table::new();
        let handle = RESTED.insert(7).map(|handle| handle.value()).unwrap_or(0);
        let guard = RESTED.lock(handle, Hold::Resting);
        assert!(guard.is_ok());
        assert_eq!(RESTED.get(handle).err(), Some(BadHandle::Resting));
        let mut seen = Vec::new();
        RESTED.for_each(|value| seen.push(*value));
        assert_eq!(seen, []);
        drop(guard);
        RESTED.for_each(|value| seen.push(*value));
        assert_eq!(seen, [7]);
    }
}
