//! What C binds: memory of whatever kind, described in a place that stays where it is.
//!
//! 1. An [`Object`] lies in an allocation of its own, which a [`Place`] has, and is reached by raw pointers alone.
//! 2. While something is bound, the framework reads it through an [`ObjectRef`]; only while nothing is bound is it changed.
//! 3. What it names is there for as long as it is bound: the region is kept, and other memory is the driver's promise.
//!
//! So that binding the same memory again and again takes no allocation, no reference count and no move.

use std::ptr::{self, NonNull};
use std::sync::Arc;

use ddi_dma::{Addresses, DmaObject, Extent, NexusMemory, View};
use ddi_dma_sim::Lent;

use super::gathered::Gathered;
use super::region::{Layout, Region};

/// Memory of a C program.
pub(super) struct Object {
    /// Where devices find it, if it is one run; its bytes in any case.
    extent: Extent,
    /// Where the CPU finds it.
    start: *mut u8,
    kind: Kind,
    /// The region that it is a part of, if it is of one; kept when it is unbound, for the next bind.
    region: Option<Arc<Region>>,
}

/// What kind of memory it is.
enum Kind {
    /// One run of the machine's addresses.
    Run,
    /// Private DMA memory, a part of `region`.
    Private,
    /// Memory of a simulated machine in several pages, a part of `region`.
    Pages,
    /// There is none.
    Nothing,
    /// Memory of the process, lent to a simulated machine.
    Lent(Box<Lent>),
    /// Pieces.
    Gathered(Box<Gathered>),
}

/// Where an object lies, for as long as its DMA handle does.
///
/// # Invariants
///
/// The pointer came from a `Box`, and nobody else frees it.
pub(crate) struct Place(NonNull<Object>);

// SAFETY: what an object names is tied to no thread, and a place is used by one thread at a time.
unsafe impl Send for Place {}

impl Place {
    pub(crate) fn new() -> Self {
        let nothing = Object {
            extent: Extent { address: 0, size: 0 },
            start: ptr::null_mut(),
            kind: Kind::Nothing,
            region: None,
        };
        // INVARIANT: it has just been allocated.
        Place(NonNull::from(Box::leak(Box::new(nothing))))
    }

    /// The object, for the framework to bind.
    #[inline(always)]
    pub(crate) fn object(&self) -> ObjectRef {
        ObjectRef(self.0)
    }

    /// Whether the object is these bytes already: they were bound last, and nothing of them was given up.
    #[inline(always)]
    pub(super) fn is_at(&self, address: usize, length: usize) -> bool {
        // SAFETY: the place has it (rule 1), and whoever has the place may read it.
        let object = unsafe { self.0.as_ref() };
        object.start.addr() == address
            && object.extent.size == length as u64
            && matches!(object.kind, Kind::Run | Kind::Private | Kind::Pages)
    }

    /// Whether pieces were described, and not bound yet.
    pub(super) fn has_pieces(&self) -> bool {
        // SAFETY: as in `is_at`.
        matches!(unsafe { self.0.as_ref() }.kind, Kind::Gathered(_))
    }

    /// Describes bytes of the region that was described last; `false` where they are not inside it.
    ///
    /// # Safety
    ///
    /// Nothing is bound (rule 2).
    #[inline(always)]
    pub(super) unsafe fn describe_again(&mut self, instance: i32, address: usize, length: usize) -> bool {
        // SAFETY: the place has it (rule 1), and nobody else looks at it now (the caller's duty).
        let object = unsafe { self.0.as_mut() };
        match &object.region {
            Some(region) => match region.layout(instance, address, length) {
                Some(layout) => object.describe(layout, address, length),
                None => return false,
            },
            None => return false,
        }
        true
    }

    /// Describes bytes of a region.
    ///
    /// # Safety
    ///
    /// Nothing is bound (rule 2).
    pub(super) unsafe fn describe(
        &mut self,
        region: Arc<Region>,
        layout: Layout,
        address: usize,
        length: usize,
    ) {
        // SAFETY: as in `describe_again`.
        let object = unsafe { self.0.as_mut() };
        object.region = Some(region);
        object.describe(layout, address, length);
    }

    /// Describes memory that is one run of the machine's addresses.
    ///
    /// # Safety
    ///
    /// Nothing is bound (rule 2); the bytes are there until nothing is again (rule 3).
    pub(super) unsafe fn describe_run(&mut self, start: NonNull<u8>, length: usize) {
        // SAFETY: as in `describe_again`.
        let object = unsafe { self.0.as_mut() };
        let address = start.addr().get() as u64;
        (object.extent, object.start) = (Extent { address, size: length as u64 }, start.as_ptr());
        (object.kind, object.region) = (Kind::Run, None);
    }

    /// Describes memory of the process that was lent to a simulated machine.
    ///
    /// # Safety
    ///
    /// Nothing is bound (rule 2).
    pub(super) unsafe fn describe_lent(&mut self, lent: Lent) {
        // SAFETY: as in `describe_again`.
        let object = unsafe { self.0.as_mut() };
        (object.extent.size, object.start) = (lent.len(), lent.as_ptr().as_ptr());
        (object.kind, object.region) = (Kind::Lent(Box::new(lent)), None);
    }

    /// Describes pieces.
    ///
    /// # Safety
    ///
    /// Nothing is bound (rule 2).
    pub(crate) unsafe fn describe_pieces(&mut self, pieces: Box<Gathered>) {
        // SAFETY: as in `describe_again`.
        let object = unsafe { self.0.as_mut() };
        (object.kind, object.region) = (Kind::Gathered(pieces), None);
    }

    /// Gives up what was bound. A region is kept for the next bind.
    ///
    /// # Safety
    ///
    /// Nothing is bound (rule 2).
    #[inline(always)]
    pub(crate) unsafe fn clear(&mut self) {
        // SAFETY: as in `describe_again`.
        let object = unsafe { self.0.as_mut() };
        if let Kind::Lent(_) | Kind::Gathered(_) = object.kind {
            object.kind = Kind::Nothing;
        }
    }

    /// Whether the region was described last.
    pub(crate) fn is_of(&self, region: &Arc<Region>) -> bool {
        // SAFETY: the place has it (rule 1), and whoever has the place may read it.
        let object = unsafe { self.0.as_ref() };
        object.region.as_ref().is_some_and(|last| Arc::ptr_eq(last, region))
    }

    /// Does not keep the region any longer.
    ///
    /// # Safety
    ///
    /// Nothing is bound (rule 2).
    pub(crate) unsafe fn forget(&mut self) {
        // SAFETY: as in `describe_again`.
        let object = unsafe { self.0.as_mut() };
        (object.kind, object.region) = (Kind::Nothing, None);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box (invariant), and a handle with something bound is not dropped.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Object {
    /// Describes bytes of `region`.
    #[inline(always)]
    fn describe(&mut self, layout: Layout, address: usize, length: usize) {
        let (bus, kind) = match layout {
            Layout::Run(bus) => (bus, Kind::Run),
            Layout::Private(bus) => (bus, Kind::Private),
            Layout::Pages => (0, Kind::Pages),
        };
        self.extent = Extent { address: bus, size: length as u64 };
        self.start = ptr::with_exposed_provenance_mut(address);
        if let Kind::Lent(_) | Kind::Gathered(_) = self.kind {
            self.kind = kind;
        } else {
            // There is nothing to drop.
            std::mem::forget(std::mem::replace(&mut self.kind, kind));
        }
    }

    /// The region, with where in it the object starts.
    fn of_region(&self) -> Option<(&Region, u64)> {
        let region = self.region.as_deref()?;
        Some((region, (self.start.addr() - region.start()) as u64))
    }
}

/// An object, as the framework holds it.
#[derive(Clone, Copy)]
pub(crate) struct ObjectRef(NonNull<Object>);

// SAFETY: as for `Place`.
unsafe impl Send for ObjectRef {}

impl ObjectRef {
    #[inline(always)]
    fn get(&self) -> &Object {
        // SAFETY: the place outlives what is bound (rule 1), and nobody changes the object meanwhile (rule 2).
        unsafe { self.0.as_ref() }
    }
}

// SAFETY: what is bound is not described anew until it is unbound (rule 2), so the view stays; the memory does as well (rule
// 3). No reference to its bytes exists here, and copies touch the range that they are given.
unsafe impl DmaObject for ObjectRef {
    #[inline(always)]
    fn view(&self) -> View<'_> {
        let object = self.get();
        match &object.kind {
            Kind::Run | Kind::Private => View::Extents(std::slice::from_ref(&object.extent)),
            other => slow_view(object, other),
        }
    }

    #[inline(always)]
    fn addresses(&self) -> Addresses {
        let object = self.get();
        match (&object.kind, &object.region) {
            (Kind::Private, Some(region)) => region.addresses(),
            _ => Addresses::Machine,
        }
    }

    fn nexus_memory(&self) -> Option<(&NexusMemory, u64)> {
        let (region, offset) = self.get().of_region()?;
        Some((region.nexus_memory()?, offset))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        let object = self.get();
        match &object.kind {
            Kind::Nothing => {}
            // SAFETY: the caller promises the same.
            Kind::Gathered(pieces) => unsafe { pieces.copy_out(offset, to, length) },
            // SAFETY: the caller promises that the range is inside the object, which is there (rule 3).
            _ => unsafe { ptr::copy_nonoverlapping(object.start.add(offset as usize), to, length as usize) },
        }
        crate::memcheck::initialised(to, length as usize);
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        let object = self.get();
        match &object.kind {
            Kind::Nothing => {}
            // SAFETY: the caller promises the same.
            Kind::Gathered(pieces) => unsafe { pieces.copy_in(offset, from, length) },
            // SAFETY: as in `copy_out`.
            _ => unsafe {
                ptr::copy_nonoverlapping(from, object.start.add(offset as usize), length as usize)
            },
        }
    }
}

/// The view of what is not one run.
#[inline(never)]
fn slow_view<'a>(object: &'a Object, kind: &'a Kind) -> View<'a> {
    match kind {
        Kind::Nothing => View::Extents(&[]),
        Kind::Run | Kind::Private => View::Extents(std::slice::from_ref(&object.extent)),
        Kind::Pages => object
            .of_region()
            .map_or(View::Extents(&[]), |(region, offset)| region.pages(offset, object.extent.size)),
        Kind::Lent(lent) => lent.view(),
        Kind::Gathered(pieces) => pieces.view(),
    }
}
