//! Binding as a task: a future that waits for resources.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::binding::Binding;
use crate::bound::Bound;
use crate::error::BindErrorKind;
use crate::flags::{BindFlags, Direction};
use crate::handle::BindError;
use crate::object::DmaObject;
use crate::wait::Patience;

/// A bind that waits for what it needs.
///
/// Dropping it cancels the wait, and drops handle and object.
#[must_use = "futures do nothing unless polled"]
pub struct BindFuture<O: DmaObject> {
    pub(crate) bound: Option<Box<Bound<O>>>,
    pub(crate) direction: Direction,
    pub(crate) flags: BindFlags,
}

impl<O: DmaObject> Future for BindFuture<O> {
    type Output = Result<Binding<O>, BindError<O>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut bound) = self.bound.take() else { return Poll::Pending };
        let kind = match bound.bind(self.direction, self.flags, Patience::Task(context.waker())) {
            Ok(()) => {
                bound.leave_queues();
                return Poll::Ready(Ok(Binding { bound }));
            }
            Err(kind) => kind,
        };
        if matches!(kind, BindErrorKind::NoResources(_)) && bound.waits() {
            self.bound = Some(bound);
            return Poll::Pending;
        }
        bound.leave_queues();
        Poll::Ready(Err(BindError::new(bound, kind)))
    }
}

impl<O: DmaObject> core::fmt::Debug for BindFuture<O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BindFuture").field("direction", &self.direction).finish_non_exhaustive()
    }
}
