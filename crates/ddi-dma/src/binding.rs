//! The states of a bound object: [`Binding`], which the CPU owns, and [`InFlight`], which the device owns.
//!
//! Only [`InFlight`] shows cookies, and it gives no access to the bytes. Neither borrows the object, so a driver stores
//! them where it likes, and forgetting one only leaks.

use alloc::boxed::Box;
use core::fmt;
use core::ops::RangeBounds;
use core::sync::atomic::{Ordering, fence};

use crate::attr::BurstSizes;
use crate::bound::{Bound, State};
use crate::error::{RangeError, SyncError, WindowError};
use crate::flags::{Direction, SyncFor};
use crate::handle::DmaHandle;
use crate::object::DmaObject;
use crate::plan::{Explanation, Window};

/// An object bound to a handle, owned by the CPU.
///
/// Dropping it unbinds the object.
pub struct Binding<O: DmaObject> {
    pub(crate) bound: Box<Bound<O>>,
}

impl<O: DmaObject> Binding<O> {
    /// Gives the object to the device: from here on its cookies can be programmed, and the CPU leaves the bytes
    /// alone.
    #[inline]
    pub fn start(mut self) -> InFlight<O> {
        self.bound.state = State::InFlight;
        fence(Ordering::Release);
        InFlight { bound: self.bound }
    }

    /// Releases what the binding took, with an implicit sync for the CPU; gives handle and object back
    /// (`ddi_dma_unbind_handle(9F)`).
    #[doc(alias = "ddi_dma_unbind_handle")]
    #[doc(alias = "mb_mapfree")]
    #[inline]
    pub fn unbind(mut self) -> (DmaHandle<O>, O) {
        self.bound.release();
        let object = self.bound.take_object();
        (DmaHandle::from_bound(self.bound), object)
    }

    /// The object. What the device wrote since the last sync for the CPU may not be in it yet.
    ///
    /// There is no mutable access: an object that is replaced by another would leave the device with the first one's
    /// addresses. [`read`](Self::read) and [`write`](Self::write) reach the bytes.
    pub fn object(&self) -> &O {
        self.bound.object()
    }

    /// Copies bytes out of the object, from `offset` on. Synchronise for the CPU first.
    ///
    /// # Errors
    ///
    /// [`RangeError`] where the object does not have all these bytes; nothing is copied then.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), RangeError> {
        let length = self.bound.check(offset, into.len())?;
        // SAFETY: the range was checked; `into` is a reference to memory of its own; the CPU owns the object.
        unsafe { self.object().copy_out(offset, into.as_mut_ptr(), length) }
        Ok(())
    }

    /// Copies bytes into the object, from `offset` on. Synchronise for the device before it is started again.
    ///
    /// # Errors
    ///
    /// [`RangeError`] where the object does not have all these bytes; nothing is copied then.
    pub fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), RangeError> {
        let length = self.bound.check(offset, from.len())?;
        // SAFETY: the range was checked; `from` is a reference to memory of its own; the CPU owns the object, and
        // this binding is borrowed mutably.
        unsafe { self.object().copy_in(offset, from.as_ptr(), length) }
        Ok(())
    }

    /// Makes views of some bytes the same; see [`InFlight::sync`].
    ///
    /// # Errors
    ///
    /// [`SyncError`], with nothing done.
    #[doc(alias = "ddi_dma_sync")]
    pub fn sync(&mut self, range: impl RangeBounds<u64>, sync_for: SyncFor) -> Result<(), SyncError> {
        self.bound.sync(range, sync_for)
    }

    /// Number of windows (`ddi_dma_numwin(9F)`).
    #[doc(alias = "ddi_dma_numwin")]
    pub fn window_count(&self) -> usize {
        self.bound.window_count()
    }

    /// The burst sizes that engine and nexus both support (`ddi_dma_burstsizes(9F)`).
    pub fn burst_sizes(&self) -> BurstSizes {
        self.bound.engine.attr().burstsizes
    }

    /// Which way the bytes go.
    pub fn direction(&self) -> Direction {
        self.bound.direction
    }

    /// Says what is copied and where cookies, lists and windows end, and why.
    pub fn explain(&self) -> Explanation {
        self.bound.plan.explain(self.bound.view(), &self.bound.engine)
    }
}

impl<O: DmaObject> fmt::Debug for Binding<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding").field("direction", &self.bound.direction).finish_non_exhaustive()
    }
}

/// An object bound to a handle, owned by the device.
///
/// Dropping it abandons the transfer: where the nexus can take the memory away from the device it does, otherwise the
/// memory is kept in quarantine until [`Device::release_quarantine`](crate::Device::release_quarantine).
#[must_use = "dropping a transfer in flight abandons it and may quarantine its memory"]
pub struct InFlight<O: DmaObject> {
    bound: Box<Bound<O>>,
}

impl<O: DmaObject> InFlight<O> {
    /// Takes the object back from the device, which has finished, or was stopped.
    ///
    /// The driver says so by calling: it read it from its device's registers.
    #[inline]
    pub fn complete(mut self) -> Binding<O> {
        fence(Ordering::Acquire);
        self.bound.state = State::Bound;
        Binding { bound: self.bound }
    }

    /// Moves to the next window, the first at the first call; `None` behind the last (`ddi_dma_getwin(9F)`).
    ///
    /// The window before is synchronised for the CPU, the new one for the device. The device must be done with the
    /// window before.
    ///
    /// # Errors
    ///
    /// [`WindowError::NotMapped`] where the window needs map space that is not there now.
    #[doc(alias = "ddi_dma_getwin")]
    #[inline]
    pub fn next_window(&mut self) -> Result<Option<Window<'_>>, WindowError> {
        let index = self.bound.next_window;
        if index >= self.bound.window_count() {
            return Ok(None);
        }
        self.window(index).map(Some)
    }

    /// Moves to any window, in any order (`ddi_dma_getwin(9F)`). Moving to the current one does nothing.
    ///
    /// # Errors
    ///
    /// [`WindowError`].
    #[inline]
    pub fn window(&mut self, index: usize) -> Result<Window<'_>, WindowError> {
        let count = self.bound.window_count();
        if index >= count {
            return Err(WindowError::NoSuchWindow { index, count });
        }
        if index != self.bound.window {
            self.bound.move_to(index).map_err(|reason| WindowError::NotMapped { index, reason })?;
        }
        self.bound.next_window = index + 1;
        self.bound.current().ok_or(WindowError::NoSuchWindow { index, count })
    }

    /// Which way the bytes go.
    pub fn direction(&self) -> Direction {
        self.bound.direction
    }

    /// The current window; `None` where the last move failed.
    pub fn current_window(&self) -> Option<Window<'_>> {
        self.bound.current()
    }

    /// Number of windows (`ddi_dma_numwin(9F)`).
    pub fn window_count(&self) -> usize {
        self.bound.window_count()
    }

    /// Makes views of some bytes of the current window the same (`ddi_dma_sync(9F)`).
    ///
    /// The range counts from the start of the object; without ends it is the current window. A driver that reuses a
    /// binding synchronises for the device before each transfer and for the CPU after it.
    ///
    /// # Errors
    ///
    /// [`SyncError`] where the range leaves the window or the bytes do not go that way; nothing is done then.
    #[doc(alias = "ddi_dma_sync")]
    pub fn sync(&mut self, range: impl RangeBounds<u64>, sync_for: SyncFor) -> Result<(), SyncError> {
        self.bound.sync(range, sync_for)
    }

    /// Says what is copied and where cookies, lists and windows end, and why.
    pub fn explain(&self) -> Explanation {
        self.bound.plan.explain(self.bound.view(), &self.bound.engine)
    }
}

impl<O: DmaObject> fmt::Debug for InFlight<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("window", &self.bound.window).finish_non_exhaustive()
    }
}
