//! The I/O ports of the ISA bus: who answers at which.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ddi_dma::PortIo;

/// What a port reads as where nobody answers: the data lines float high.
const FLOATING: u8 = 0xFF;

/// Something that answers at I/O ports.
pub(crate) trait PortDevice: std::fmt::Debug + Send + Sync {
    /// Reads one of its ports.
    fn read(&self, port: u16) -> u8;

    /// Writes one of its ports.
    fn write(&self, port: u16, value: u8);
}

/// The I/O ports of a machine.
///
/// A port that nobody claims reads as 0xff, and what is written to it is lost.
///
/// # Examples
///
/// ```
/// use ddi_dma::PortIo;
/// use ddi_dma_sim::{Machine, MachineConfig, PortAccess};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let ports = machine.ports();
/// ports.start_trace(100);
/// // The base address of channel 2, low byte first.
/// for (port, value) in [(0x0C, 0x00), (0x04, 0x34), (0x04, 0x12), (0x0C, 0x00)] {
///     ports.write(port, value);
/// }
/// assert_eq!([ports.read(0x04), ports.read(0x04)], [0x34, 0x12]);
/// assert_eq!(ports.take_trace()[5], PortAccess::Read { port: 0x04, value: 0x12 });
/// # Ok::<(), ddi_dma_sim::ConfigError>(())
/// ```
#[derive(Debug, Default)]
pub struct IsaPorts {
    claims: RwLock<Vec<Claim>>,
    trace: Mutex<Option<Trace>>,
}

/// Ports and who answers there.
#[derive(Debug)]
struct Claim {
    ports: RangeInclusive<u16>,
    device: Arc<dyn PortDevice>,
}

/// Accesses as they were made, up to a most.
#[derive(Debug)]
struct Trace {
    most: usize,
    accesses: Vec<PortAccess>,
}

/// One access of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortAccess {
    /// The port was read.
    Read {
        /// The port.
        port: u16,
        /// What it gave.
        value: u8,
    },
    /// The port was written.
    Write {
        /// The port.
        port: u16,
        /// What it was given.
        value: u8,
    },
}

impl IsaPorts {
    /// Has a device answer at these ports. Where two claim a port, the one that came first answers.
    pub(crate) fn claim(&self, ports: RangeInclusive<u16>, device: Arc<dyn PortDevice>) {
        self.claims.write().unwrap_or_else(PoisonError::into_inner).push(Claim { ports, device });
    }

    /// Starts a trace of all accesses, which keeps the first `most` of them. A trace that ran is forgotten.
    pub fn start_trace(&self, most: usize) {
        *self.trace() = Some(Trace { most, accesses: Vec::new() });
    }

    /// Ends the trace, and gives the accesses since its start; none where none was started.
    pub fn take_trace(&self) -> Vec<PortAccess> {
        self.trace().take().map_or_else(Vec::new, |trace| trace.accesses)
    }

    fn trace(&self) -> MutexGuard<'_, Option<Trace>> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, access: PortAccess) {
        if let Some(trace) = &mut *self.trace()
            && trace.accesses.len() < trace.most
        {
            trace.accesses.push(access);
        }
    }

    fn device(&self, port: u16) -> Option<Arc<dyn PortDevice>> {
        let claims = self.claims.read().unwrap_or_else(PoisonError::into_inner);
        claims.iter().find(|claim| claim.ports.contains(&port)).map(|claim| Arc::clone(&claim.device))
    }
}

impl PortIo for IsaPorts {
    fn read(&self, port: u16) -> u8 {
        let value = self.device(port).map_or(FLOATING, |device| device.read(port));
        self.record(PortAccess::Read { port, value });
        value
    }

    fn write(&self, port: u16, value: u8) {
        self.record(PortAccess::Write { port, value });
        if let Some(device) = self.device(port) {
            device.write(port, value);
        }
    }
}
