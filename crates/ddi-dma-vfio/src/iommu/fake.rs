//! An IOMMU for tests: a model of type 1, and a device behind it that really moves the bytes of the process.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Iommu, IommuError, IommuInfo, LockedMemory};

pub(crate) const PAGE: u64 = 0x1000;

/// What the model is limited to.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) ranges: Vec<RangeInclusive<u64>>,
    pub(crate) most_maps: u64,
    pub(crate) locked: Option<u64>,
}

impl Default for Limits {
    /// Those of an Intel IOMMU of 39 bits, and memory without limit.
    fn default() -> Self {
        let ranges = vec![0..=0xFEDF_FFFF, 0xFEF0_0000..=0x7F_FFFF_FFFF];
        Limits { ranges, most_maps: 65_535, locked: None }
    }
}

/// How often the kernel was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) maps: u64,
    pub(crate) unmaps: u64,
    pub(crate) infos: u64,
}

/// An access of the device that the IOMMU refused. The bytes before it have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unmapped(u64),
    Forbidden(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) access: Access,
}

#[derive(Debug, Default)]
struct State {
    /// By the first I/O address.
    maps: BTreeMap<u64, Map>,
    locked: u64,
    calls: Calls,
    /// After so many maps, one is refused.
    refusal: Option<(u64, IommuError)>,
    gone: bool,
}

/// The model. Clones are the same IOMMU, one for the nexus, one for the test.
#[derive(Debug, Clone)]
pub(crate) struct FakeIommu {
    limits: Arc<Mutex<Limits>>,
    state: Arc<Mutex<State>>,
}

impl FakeIommu {
    pub(crate) fn new(limits: Limits) -> Self {
        FakeIommu { limits: Arc::new(Mutex::new(limits)), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the limits, as another device in the container may.
    pub(crate) fn limit(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.limits());
    }

    pub(crate) fn calls(&self) -> Calls {
        self.state().calls
    }

    /// All maps by their I/O addresses.
    pub(crate) fn maps(&self) -> Vec<(u64, Map)> {
        self.state().maps.iter().map(|(iova, map)| (*iova, *map)).collect()
    }

    /// Refuses a map after so many that go.
    pub(crate) fn refuse(&self, after: u64, error: IommuError) {
        self.state().refusal = Some((after, error));
    }

    /// The last device leaves: the IOMMU is gone, and all its maps.
    pub(crate) fn vanish(&self) {
        let mut state = self.state();
        state.maps.clear();
        state.locked = 0;
        state.gone = true;
    }

    /// The device reads memory.
    pub(crate) fn device_read(&self, iova: u64, to: &mut [u8]) -> Result<(), Fault> {
        self.walk(iova, to.len(), Access::Read, |done, memory, size| {
            // SAFETY: mapped memory of the process, which stays as long as the map; `size` bytes of `to` from `done` on.
            unsafe { memory.copy_to_nonoverlapping(to[done..done + size].as_mut_ptr(), size) }
        })
    }

    /// The device writes memory.
    pub(crate) fn device_write(&self, iova: u64, from: &[u8]) -> Result<(), Fault> {
        self.walk(iova, from.len(), Access::Write, |done, memory, size| {
            // SAFETY: mapped memory of the process, to which nobody holds a reference while a device may write it.
            unsafe { memory.copy_from_nonoverlapping(from[done..done + size].as_ptr(), size) }
        })
    }

    /// Translates an access page by page. Holds the lock meanwhile: an unmap waits for it.
    fn walk(
        &self,
        iova: u64,
        length: usize,
        access: Access,
        mut carry: impl FnMut(usize, *mut u8, usize),
    ) -> Result<(), Fault> {
        let state = self.state();
        let mut done = 0;
        while done < length {
            let at = iova + done as u64;
            let found = state.maps.range(..=at).next_back().filter(|(start, map)| at - *start < map.size);
            let (start, map) = found.ok_or(Fault::Unmapped(at))?;
            if map.access != access && map.access != Access::Both {
                return Err(Fault::Forbidden(at));
            }
            let size = ((map.size - (at - start)) as usize).min(length - done);
            carry(done, std::ptr::with_exposed_provenance_mut((map.address + (at - start)) as usize), size);
            done += size;
        }
        Ok(())
    }
}

// SAFETY: the device's accesses go through the maps, one by one, under the lock that `unmap` takes.
unsafe impl Iommu for FakeIommu {
    fn info(&self) -> io::Result<IommuInfo> {
        let (mut state, limits) = (self.state(), self.limits());
        state.calls.infos += 1;
        if state.gone {
            return Err(io::ErrorKind::NotFound.into());
        }
        let most_maps = Some(limits.most_maps - state.maps.len() as u64);
        Ok(IommuInfo { ranges: limits.ranges.clone(), page_sizes: 0x4020_1000, most_maps })
    }

    unsafe fn map(&self, iova: u64, address: u64, size: u64, access: Access) -> Result<(), IommuError> {
        let (mut state, limits) = (self.state(), self.limits());
        state.calls.maps += 1;
        match &mut state.refusal {
            Some((0, error)) => {
                let error = *error;
                state.refusal = None;
                return Err(error);
            }
            Some((after, _)) => *after -= 1,
            None => {}
        }
        let last = iova + (size.max(1) - 1);
        let allowed = limits.ranges.iter().any(|range| range.contains(&iova) && range.contains(&last));
        if state.gone || size == 0 || !(iova | address | size).is_multiple_of(PAGE) || !allowed {
            return Err(IommuError::Invalid);
        }
        let before = state.maps.range(..=last).next_back();
        if before.is_some_and(|(start, map)| start + (map.size - 1) >= iova) {
            return Err(IommuError::Exists);
        }
        if state.maps.len() as u64 >= limits.most_maps {
            return Err(IommuError::Maps);
        }
        if limits.locked.is_some_and(|limit| state.locked + size > limit) {
            return Err(IommuError::Memory);
        }
        state.locked += size;
        state.maps.insert(iova, Map { address, size, access });
        Ok(())
    }

    fn unmap(&self, iova: u64, size: u64) -> Result<u64, IommuError> {
        let mut state = self.state();
        state.calls.unmaps += 1;
        let end = iova + size;
        let cut = |at: u64| {
            let before = state.maps.range(..at).next_back();
            before.is_some_and(|(start, map)| start + map.size > at)
        };
        if state.gone || !(iova | size).is_multiple_of(PAGE) || size == 0 || cut(iova) || cut(end) {
            return Err(IommuError::Invalid);
        }
        let mut rest = state.maps.split_off(&iova);
        let mut behind = rest.split_off(&end);
        state.maps.append(&mut behind);
        let bytes = rest.values().map(|map| map.size).sum();
        state.locked -= bytes;
        Ok(bytes)
    }

    fn locked_memory(&self) -> LockedMemory {
        LockedMemory { limit: self.limits().locked, used: self.state().locked }
    }
}
