//! Turning a device's interrupts on and off.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::event::Event;
use super::{EventInterrupt, InterruptError, InterruptKind, Line, Shared, Switch};
use crate::device::Opened;
use crate::kernel::{self, EnableError};

impl Opened {
    /// Turns interrupts on: the first `count` of this kind.
    pub(crate) fn enable_interrupts(
        self: &Arc<Self>,
        kind: InterruptKind,
        count: u32,
    ) -> Result<Vec<EventInterrupt>, InterruptError> {
        let (address, asked) = (self.address(), count);
        let system = |source| InterruptError::System { address, kind, asked, source };
        let too_many = |available| InterruptError::TooMany { address, kind, asked, available };
        match self.interrupt_count(kind) {
            _ if count == 0 => return Err(InterruptError::Nothing { address, kind }),
            available if available < count => return Err(too_many(available)),
            _ => {}
        }
        let mut enabled = self.enabled_interrupts();
        if let Some(kind) = *enabled {
            return Err(InterruptError::InUse { address, kind });
        }
        let events = (0..count).map(|_| Event::new()).collect::<io::Result<Vec<_>>>().map_err(system)?;
        let files: Vec<_> = events.iter().map(Event::as_fd).collect();
        kernel::enable_interrupts(self, kind, &files).map_err(|error| match error {
            EnableError::Fewer(available) => too_many(available),
            EnableError::System(source) => system(source),
        })?;
        *enabled = Some(kind);
        drop(enabled);
        let line = match kind {
            InterruptKind::MsiX | InterruptKind::Msi => Line::Message,
            InterruptKind::IntX => Line::Masked(AtomicBool::new(false)),
        };
        let switch = Box::new(Enabled { device: self.clone(), kind });
        Ok(Shared { switch, events, line }.interrupts())
    }
}

/// Interrupts of a device that are on.
struct Enabled {
    device: Arc<Opened>,
    kind: InterruptKind,
}

impl Switch for Enabled {
    fn unmask(&self) {
        // A device that has gone raises nothing any more, and whoever waits for it learns that by the clock.
        let _ = kernel::unmask_interrupt(&*self.device, self.kind);
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        let mut enabled = self.device.enabled_interrupts();
        // It is refused where the device has gone, and its interrupts with it.
        let _ = kernel::disable_interrupts(&*self.device, self.kind);
        *enabled = None;
    }
}
