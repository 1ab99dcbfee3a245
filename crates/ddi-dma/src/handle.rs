//! Handles: reusable, with the merged attributes and all storage that a bind needs.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;

use crate::attr::{BurstSizes, DmaAttr};
use crate::bind_future::BindFuture;
use crate::binding::Binding;
use crate::bound::{Bound, State};
use crate::device::{DeviceShared, Translation};
use crate::error::BindErrorKind;
use crate::flags::{BindFlags, Direction};
use crate::mem::{self, AccessAttr, MemError, MemoryUse, PrivateMemory, Request};
use crate::object::DmaObject;
use crate::plan::Engine;
use crate::wait::{Patience, Place, Wait};

/// A DMA handle (`ddi_dma_handle_t`): bind an object to it, get it back at unbind, bind the next.
///
/// It is one pointer. The object and its plan live behind it, so that nothing large moves while a transfer passes
/// from state to state.
#[doc(alias = "ddi_dma_free_handle")]
pub struct DmaHandle<O: DmaObject> {
    bound: Box<Bound<O>>,
}

impl<O: DmaObject> DmaHandle<O> {
    pub(crate) fn new(device: Arc<DeviceShared>, engine: Engine, translation: Translation) -> Self {
        DmaHandle { bound: Box::new(Bound::new(device, engine, translation)) }
    }

    /// Wraps storage that holds no object.
    #[inline]
    pub(crate) fn from_bound(bound: Box<Bound<O>>) -> Self {
        DmaHandle { bound }
    }

    /// The attributes of the engine, with the restrictions of the nexus.
    pub fn attr(&self) -> &DmaAttr {
        self.bound.engine.attr()
    }

    /// The burst sizes that engine and nexus both support (`ddi_dma_burstsizes(9F)`).
    #[doc(alias = "ddi_dma_burstsizes")]
    pub fn burst_sizes(&self) -> BurstSizes {
        self.attr().burstsizes
    }

    /// Binds an object: allocates what its transfer needs and hands it to the device, synchronised
    /// (`ddi_dma_addr_bind_handle(9F)`).
    ///
    /// # Errors
    ///
    /// [`BindError`], which holds the handle and the object.
    #[doc(alias = "ddi_dma_addr_bind_handle")]
    #[doc(alias = "ddi_dma_buf_bind_handle")]
    #[doc(alias = "mb_mapalloc")]
    #[inline]
    pub fn bind(
        mut self,
        object: O,
        direction: Direction,
        flags: BindFlags,
        wait: Wait<'_>,
    ) -> Result<Binding<O>, BindError<O>> {
        // A handle has no object, so there is none to drop.
        core::mem::forget(self.bound.object.replace(object));
        match self.bound.bind(direction, flags, Patience::Wait(wait)) {
            Ok(()) => Ok(Binding { bound: self.bound }),
            Err(kind) => Err(BindError::new(self.bound, kind)),
        }
    }
}

impl<O: DmaObject> DmaHandle<O> {
    /// Binds an object once what its transfer needs is there. Dropping the future cancels.
    ///
    /// The future's error is that of [`bind`](Self::bind), but for shortages that pass.
    pub fn bind_async(mut self, object: O, direction: Direction, flags: BindFlags) -> BindFuture<O> {
        self.bound.object = Some(object);
        BindFuture { bound: Some(self.bound), direction, flags }
    }
}

impl<O: DmaObject> DmaHandle<O> {
    /// Allocates private memory that binds to this handle, in one list and without copying (`ddi_dma_mem_alloc(9F)`).
    ///
    /// It is at least `length` bytes long, padded as its use and the engine ask for, and all zero. It is one run of bus
    /// addresses, within every attribute of the engine.
    ///
    /// # Errors
    ///
    /// [`MemError::Limits`] names the attribute that forbids such a length, and the greatest one that goes;
    /// [`MemError::NoResources`] says how much memory is free.
    #[doc(alias = "ddi_dma_mem_alloc")]
    pub fn alloc_memory(
        &self,
        length: u64,
        usage: MemoryUse,
        attr: AccessAttr,
        wait: Wait<'_>,
    ) -> Result<PrivateMemory, MemError> {
        let (bound, request) = (&*self.bound, Request { length, usage, attr });
        let patience = Patience::Wait(wait);
        mem::allocate(&bound.device.bus, bound.bus_id(), &bound.engine, &request, patience, &mut None)
    }

    /// Allocates private memory once it is there. Dropping the future cancels.
    ///
    /// # Errors
    ///
    /// Those of [`alloc_memory`](Self::alloc_memory), but for shortages that pass.
    pub async fn alloc_memory_async(
        &self,
        length: u64,
        usage: MemoryUse,
        attr: AccessAttr,
    ) -> Result<PrivateMemory, MemError> {
        let (bound, request) = (&*self.bound, Request { length, usage, attr });
        let (bus, id) = (&bound.device.bus, bound.bus_id());
        let mut place = Place::at(&bus.memory);
        poll_fn(|context| {
            let patience = Patience::Task(context.waker());
            match mem::allocate(bus, id, &bound.engine, &request, patience, &mut place.ticket) {
                Err(MemError::NoResources(_)) if place.ticket.is_some() => Poll::Pending,
                allocated => Poll::Ready(allocated),
            }
        })
        .await
    }
}

impl<O: DmaObject> fmt::Debug for DmaHandle<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DmaHandle").field("attr", self.attr()).finish_non_exhaustive()
    }
}

/// A bind that did not succeed. Nothing is lost: it holds the handle and the object.
pub struct BindError<O: DmaObject> {
    bound: Box<Bound<O>>,
}

impl<O: DmaObject> BindError<O> {
    #[cold]
    pub(crate) fn new(mut bound: Box<Bound<O>>, kind: BindErrorKind) -> Self {
        bound.state = State::Idle;
        bound.error = Some(kind);
        BindError { bound }
    }

    /// Why the object could not be bound.
    pub fn kind(&self) -> BindErrorKind {
        self.bound.error.unwrap_or(BindErrorKind::Flags)
    }

    /// Gives the handle and the object back.
    pub fn into_parts(mut self) -> (DmaHandle<O>, O) {
        let object = self.bound.take_object();
        (DmaHandle { bound: self.bound }, object)
    }
}

impl<O: DmaObject> fmt::Debug for BindError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BindError").field(&self.kind()).finish()
    }
}

impl<O: DmaObject> fmt::Display for BindError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot bind: {}", self.bound.device.name, self.kind())
    }
}

impl<O: DmaObject> core::error::Error for BindError<O> {}
