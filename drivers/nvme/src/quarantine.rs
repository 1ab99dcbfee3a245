//! The only unsafe code of this driver: after a reset, the device has let go of all memory.

use ddi_dma::Device;

use crate::controller::Stopped;

/// Frees the memory of transfers that were abandoned while the controller could still reach it, and returns its bytes.
#[allow(unsafe_code)]
pub(crate) fn release(device: &Device, _stopped: &Stopped) -> u64 {
    // SAFETY: a `Stopped` is made only where the registers were told CC.EN = 0, and then read CSTS.RDY = 0: by section 7.3.2
    // the controller has ended all commands and deleted all queues, and it accesses memory for nothing else. It is borrowed
    // from who stopped the controller, who does not turn it on as long. That the registers are those of the device is said by
    // who attaches the driver, and vouched for by who made them (`ddi_dma::Registers`).
    unsafe { device.release_quarantine() }
}
