//! Interrupts of a device, each an eventfd.

mod enable;
mod event;
mod reactor;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use ddi_dma::{Interrupt, Raised, TimedOut};

use self::event::Event;
use self::reactor::Watch;
use crate::PciAddress;

/// How a device interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterruptKind {
    /// By messages, up to 2,048 of them, each with an address of its own.
    MsiX,
    /// By messages, up to 32 of them.
    Msi,
    /// By a line, of which a device has one, and which it may share with others.
    IntX,
}

impl fmt::Display for InterruptKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InterruptKind::MsiX => "MSI-X",
            InterruptKind::Msi => "MSI",
            InterruptKind::IntX => "INTx",
        })
    }
}

/// Why interrupts could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterruptError {
    /// No interrupts were asked for.
    #[error("{address}: no {kind} interrupts were asked for: ask for one at least")]
    Nothing {
        /// The device.
        address: PciAddress,
        /// What was asked for.
        kind: InterruptKind,
    },
    /// The device does not have as many.
    #[error("{address} has {available} {kind} interrupts, and {asked} were asked for")]
    TooMany {
        /// The device.
        address: PciAddress,
        /// What was asked for.
        kind: InterruptKind,
        /// How many were asked for.
        asked: u32,
        /// How many there are.
        available: u32,
    },
    /// The device's interrupts are in use.
    #[error(
        "{address}: its {kind} interrupts are in use, and a device interrupts in one way at a time: drop them before asking anew"
    )]
    InUse {
        /// The device.
        address: PciAddress,
        /// What is in use.
        kind: InterruptKind,
    },
    /// The kernel refuses.
    #[error("{address}: the kernel did not turn {asked} {kind} interrupts on: {source}")]
    System {
        /// The device.
        address: PciAddress,
        /// What was asked for.
        kind: InterruptKind,
        /// How many were asked for.
        asked: u32,
        /// What the kernel says.
        source: io::Error,
    },
}

/// An interrupt of a device: waited for by a thread, polled, or awaited by a task, without any runtime.
///
/// A line (INTx) is masked by the kernel whenever it is raised. The next look at it ([`wait`](Interrupt::wait),
/// [`take`](Interrupt::take), [`raised`](Self::raised)) opens it again, so a driver quiets its device first and looks
/// afterwards; then nothing comes twice. Who rests on the descriptor itself calls [`rearm`](Self::rearm) before.
///
/// It keeps its device open. All interrupts that were asked for together are turned off when the last of them is dropped.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use ddi_dma::Interrupt;
/// use ddi_dma_vfio::{Container, InterruptKind};
///
/// let container = Container::new()?;
/// let nvme = container.open("00:03.0".parse()?)?;
/// let interrupts = nvme.interrupts(InterruptKind::MsiX, 2)?;
/// interrupts[1].wait(Duration::from_secs(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EventInterrupt {
    shared: Arc<Shared>,
    number: usize,
}

/// Interrupts that were turned on together.
struct Shared {
    /// Turns them off when it is dropped, ahead of the events' end.
    switch: Box<dyn Switch>,
    events: Vec<Event>,
    line: Line,
}

/// What interrupts need of their device. Its drop turns them off.
trait Switch: Send + Sync + 'static {
    /// Opens a line that was masked when it was raised.
    fn unmask(&self);
}

/// Whether raising an interrupt masks it.
#[derive(Debug)]
enum Line {
    /// Messages are not masked.
    Message,
    /// The kernel masks it, and this tells that it has.
    Masked(AtomicBool),
}

impl Shared {
    fn interrupts(self) -> Vec<EventInterrupt> {
        let shared = Arc::new(self);
        (0..shared.events.len()).map(|number| EventInterrupt { shared: shared.clone(), number }).collect()
    }
}

impl EventInterrupt {
    /// Waits, as a task does, until the interrupt was raised since the last look.
    ///
    /// Any executor will do. One thread of the process, started by the first call, wakes all tasks. Dropping the future takes
    /// the task off its list, and no interrupt is lost by that.
    ///
    /// # Errors
    ///
    /// What the system says, where it has no memory or descriptor left to watch one more interrupt, or no thread.
    pub async fn raised(&self) -> io::Result<()> {
        if self.take() == Raised::Yes {
            return Ok(());
        }
        let watch = Watch::new(self.as_fd())?;
        poll_fn(|context| match self.take() {
            Raised::Yes => Poll::Ready(Ok(())),
            Raised::No => match watch.rest(context.waker()) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
        })
        .await
    }

    /// Raises the interrupt without the device, so that whoever waits for it looks around.
    pub fn raise(&self) {
        self.event().raise();
    }

    /// Opens a line that was masked when it was raised; see the type. Messages need nothing.
    ///
    /// What the device still asks for raises the interrupt at once.
    pub fn rearm(&self) {
        if let Line::Masked(masked) = &self.shared.line
            && masked.swap(false, Ordering::AcqRel)
        {
            self.shared.switch.unmask();
        }
    }

    fn event(&self) -> &Event {
        &self.shared.events[self.number]
    }

    /// Remembers that the kernel masked the line.
    fn was_raised(&self) {
        if let Line::Masked(masked) = &self.shared.line {
            masked.store(true, Ordering::Release);
        }
    }
}

impl Interrupt for EventInterrupt {
    fn wait(&self, limit: Duration) -> Result<(), TimedOut> {
        self.rearm();
        self.event().wait(limit)?;
        self.was_raised();
        Ok(())
    }

    fn take(&self) -> Raised {
        self.rearm();
        let raised = self.event().take();
        if raised == Raised::Yes {
            self.was_raised();
        }
        raised
    }
}

impl AsFd for EventInterrupt {
    /// The eventfd, to rest on together with other descriptors. It can be read when the interrupt was raised; reading
    /// it is what [`take`](Interrupt::take) does.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event().as_fd()
    }
}

impl fmt::Debug for EventInterrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventInterrupt")
            .field("number", &self.number)
            .field("of", &self.shared.events.len())
            .field("line", &self.shared.line)
            .finish()
    }
}

#[cfg(test)]
mod tests;
