//! `struct map`: what of a device's DVMA space is mapped, and handles to map more with.
//!
//! The value of a `struct map *` is that of the device's `dev_info_t *`: it is good as long as the device is open.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ddi_dma::{AllocError, BindErrorKind, BindFlags, Direction, DmaAttr, DmaHandle, InFlight, Wait};

use crate::handle::InUse;
use crate::io::Pieces;
use crate::last_error;
use crate::memory::{NoObject, ObjectRef, Place, Region, describe, gather};
use crate::misuse::misuse;
use crate::node::{self, DevInfo, Node};

/// What `struct map *` points to in C: nothing.
pub(crate) enum MapRef {}

/// What an engine of that time is stated to take: one address of 32 bits, which is not 0, for a whole buffer. It has one
/// granule, so that what lies apart goes through the copy buffer where no IOMMU joins it.
const ENGINE: DmaAttr = DmaAttr {
    addr_lo: 1,
    addr_hi: 0xFFFF_FFFF,
    count_max: 0xFFFF_FFFF,
    seg: 0xFFFF_FFFF,
    sgllen: 1,
    maxxfer: LARGEST as u64,
    granular: LARGEST,
    ..DmaAttr::UNRESTRICTED
};

/// Most bytes of a buffer.
const LARGEST: u32 = 1 << 31;

/// Most handles that are kept for the next buffers: a bus may have few.
const KEPT: usize = 8;

/// A device's DVMA space.
#[derive(Default)]
pub(crate) struct Dvma(OnceLock<Mutex<Space>>);

#[derive(Default)]
struct Space {
    /// By the address; the same memory may be mapped more than once at one address, and is told apart by a number. Those
    /// that are still mapped when the device is gone stay, since the driver may have freed their memory by then.
    mapped: BTreeMap<(u32, u32), ManuallyDrop<Mapped>>,
    idle: Vec<Idle>,
}

/// A buffer that is mapped.
struct Mapped {
    flight: InFlight<ObjectRef>,
    place: Place,
}

/// A handle for the next buffer. Its place remembers no memory.
struct Idle {
    handle: DmaHandle<ObjectRef>,
    place: Place,
}

/// Why a buffer is not mapped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Memory(#[from] Box<NoObject>),
    #[error(transparent)]
    Handle(#[from] AllocError),
    #[error("{0}")]
    Space(BindErrorKind),
}

/// Gives the map of a device's DVMA space, for `mb_mapalloc` and its family. NULL where the device's bus has no addresses
/// of 32 bits; `ddi_dma_last_error` says why.
#[unsafe(no_mangle)]
pub extern "C" fn ddi_dma_map(dip: *mut DevInfo) -> *mut MapRef {
    const ME: &str = "ddi_dma_map";
    let node = node::of(dip, ME);
    if node.dvma.0.get().is_none() {
        let handle = match node.device.alloc_handle::<ObjectRef>(&ENGINE, Wait::DontWait) {
            Ok(handle) => handle,
            Err(error) => {
                last_error::note(format_args!("{ME}: {}: {error}", node.name));
                return ptr::null_mut();
            }
        };
        node.hardware.stated(handle.attr());
        node.dvma.0.get_or_init(|| {
            Mutex::new(Space { idle: vec![Idle { handle, place: Place::new() }], ..Space::default() })
        });
    }
    dip.cast()
}

/// The device of the map that C means; a mistake ends the process in the name of `function`.
pub(super) fn of(map: *mut MapRef, function: &str) -> Arc<Node> {
    match node::find(map.addr()) {
        Ok(node) if node.dvma.0.get().is_some() => node,
        Ok(_) => misuse!(function, "map {map:p} is no map: give what ddi_dma_map returned"),
        Err(bad) => misuse!(function, "map {map:p}: {bad}: give what ddi_dma_map returned"),
    }
}

/// Whether something of a region is mapped.
pub(crate) fn use_of(region: &Arc<Region>) -> InUse {
    let mut used = InUse::No;
    node::for_each(|node| {
        let uses =
            |space: MutexGuard<'_, Space>| space.mapped.values().any(|mapped| mapped.place.is_of(region));
        if node.dvma.space().is_some_and(uses) {
            used = InUse::Yes;
        }
    });
    used
}

impl Dvma {
    /// Maps memory, and gives its address.
    ///
    /// # Safety
    ///
    /// The bytes may be read and written until they are freed from the map, and only as the DDI allows meanwhile.
    pub(super) unsafe fn map(
        &self,
        node: &Node,
        memory: &Pieces,
        direction: Direction,
        wait: Wait<'_>,
    ) -> Result<u32, Refusal> {
        let Idle { handle, mut place } = self.take(node, wait)?;
        // SAFETY: nothing is bound from an idle handle's place; the bytes stay (the caller's duty).
        if let Err(error) = unsafe { put(memory, &mut place, node) } {
            self.keep(handle, place);
            return Err(error.into());
        }
        match handle.bind(place.object(), direction, BindFlags::ONE_LIST, wait) {
            Ok(binding) => {
                node.allocated.fetch_add(1, Ordering::Relaxed);
                Ok(self.add(Mapped { flight: binding.start(), place }))
            }
            Err(error) => {
                let kind = error.kind();
                self.keep(error.into_parts().0, place);
                Err(Refusal::Space(kind))
            }
        }
    }

    /// Frees what is mapped at an address; `None` where nothing is.
    pub(super) fn free(&self, node: &Node, address: u32) -> Option<()> {
        let mapped = {
            let mut space = self.space()?;
            let (key, _) = space.mapped.range((address, 0)..=(address, u32::MAX)).next_back()?;
            let key = *key;
            space.mapped.remove(&key)?
        };
        let Mapped { flight, place } = ManuallyDrop::into_inner(mapped);
        let (handle, _) = flight.complete().unbind();
        self.keep(handle, place);
        node.allocated.fetch_sub(1, Ordering::Relaxed);
        Some(())
    }

    fn take(&self, node: &Node, wait: Wait<'_>) -> Result<Idle, AllocError> {
        match self.space().and_then(|mut space| space.idle.pop()) {
            Some(idle) => Ok(idle),
            None => Ok(Idle { handle: node.device.alloc_handle(&ENGINE, wait)?, place: Place::new() }),
        }
    }

    /// Keeps a handle with which nothing is bound.
    fn keep(&self, handle: DmaHandle<ObjectRef>, mut place: Place) {
        // SAFETY: nothing is bound. What was may be freed any time.
        unsafe { place.forget() };
        if let Some(mut space) = self.space()
            && space.idle.len() < KEPT
        {
            space.idle.push(Idle { handle, place });
        }
    }

    fn add(&self, mapped: Mapped) -> u32 {
        let first = mapped.flight.current_window().and_then(|window| window.cookies().first().copied());
        // The engine's addresses have 32 bits, and what is bound has a cookie.
        let address = first.map_or(0, |cookie| cookie.address as u32);
        if let Some(mut space) = self.space() {
            let last = space.mapped.range((address, 0)..=(address, u32::MAX)).next_back();
            let number = last.map_or(0, |((_, number), _)| number + 1);
            space.mapped.insert((address, number), ManuallyDrop::new(mapped));
        }
        address
    }

    /// What there is, where the map was asked for.
    fn space(&self) -> Option<MutexGuard<'_, Space>> {
        self.0.get().map(|space| space.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Describes memory in a place.
///
/// # Safety
///
/// Nothing is bound from the place; the bytes are there until nothing is again.
unsafe fn put(memory: &Pieces, place: &mut Place, node: &Node) -> Result<(), Box<NoObject>> {
    // SAFETY: the caller's duties are the same.
    unsafe {
        match memory {
            Pieces::One { address, length } => describe(place, node, *address, *length),
            Pieces::Many(pieces) => {
                place.describe_pieces(gather(node, pieces)?);
                Ok(())
            }
        }
    }
}
