//! The interrupt line of a device, as uio_pci_generic tells of it.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ddi_dma::{Interrupt, Raised, TimedOut};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::device::Opened;

/// How long to rest where the kernel says that there is nothing to wait for: the device has gone.
const PAUSE: Duration = Duration::from_millis(20);

/// The interrupt line (INTx) of a device.
///
/// The kernel masks the line in the device whenever it is raised. The next look ([`wait`](Interrupt::wait),
/// [`take`](Interrupt::take)) opens it again, so a driver quiets its device first and looks afterwards; then nothing
/// comes twice. A device has one line, and each time that it was raised is seen by one look.
///
/// It keeps its device open.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use ddi_dma::Interrupt;
/// use ddi_dma_vfio::uio::UioDevice;
///
/// // SAFETY: the device is idle, and what drives it gives it nothing but cookies of its own bindings.
/// let edu = unsafe { UioDevice::open("00:04.0".parse()?) }?;
/// let interrupt = edu.interrupt()?;
/// interrupt.wait(Duration::from_secs(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UioInterrupt {
    device: Arc<Opened>,
    /// Whether the line was raised and has not been opened since.
    masked: AtomicBool,
}

impl UioInterrupt {
    pub(super) fn new(device: Arc<Opened>) -> Self {
        UioInterrupt { device, masked: AtomicBool::new(true) }
    }

    /// Opens the line, if it was masked when it was raised: for who rests on the descriptor itself.
    ///
    /// What the device still asks for raises it at once.
    pub fn rearm(&self) {
        if self.masked.swap(false, Ordering::AcqRel) {
            self.device.open_line();
        }
    }

    /// Whether the kernel counted an interrupt since the last look.
    fn counted(&self) -> Raised {
        let mut count = [0; 4];
        match rustix::io::retry_on_intr(|| rustix::io::read(self.device.uio(), &mut count)) {
            Ok(4) => {
                self.masked.store(true, Ordering::Release);
                Raised::Yes
            }
            _ => Raised::No,
        }
    }

    /// Rests until there may be an interrupt, for this time at the longest, or for less.
    fn rest(&self, limit: Option<Duration>) {
        // What is too long for the system to count is as good as no limit.
        let time = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut line = [PollFd::new(self.device.uio(), PollFlags::IN)];
        match poll(&mut line, time.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) if line[0].revents().contains(PollFlags::IN) => {}
            Ok(_) | Err(_) => thread::sleep(limit.unwrap_or(PAUSE).min(PAUSE)),
        }
    }
}

impl Interrupt for UioInterrupt {
    fn wait(&self, limit: Duration) -> Result<(), TimedOut> {
        let end = Instant::now().checked_add(limit);
        self.rearm();
        while self.counted() == Raised::No {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(TimedOut { limit });
            }
            self.rest(left);
        }
        Ok(())
    }

    fn take(&self) -> Raised {
        self.rearm();
        self.counted()
    }
}

impl AsFd for UioInterrupt {
    /// The file of the interrupt, to rest on together with other descriptors. It can be read when the interrupt was
    /// raised; reading it is what [`take`](Interrupt::take) does.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.uio().as_fd()
    }
}

impl fmt::Debug for UioInterrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UioInterrupt")
            .field("device", &self.device.address())
            .field("masked", &self.masked)
            .finish()
    }
}
