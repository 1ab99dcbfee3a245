//! The only unsafe code of this driver: after a reset, the device has let go of all memory.

use ddi_dma::Device;

use crate::controller::Stopped;

/// Frees the memory of transfers that were abandoned while the controller could still reach it, and returns its bytes.
#[allow(unsafe_code)]
pub(crate) fn release(device: &Device, _stopped: &Stopped) -> u64 {
    // SAFETY: a `Stopped` is made only where the controller was turned off (CC.EN = 0) and said that it is off (CSTS.RDY
    // = 0): by section 7.3.2 it processes no command from then on, and it accesses memory for commands alone. It is
    // borrowed from the controller, which is not turned on again as long. Memory comes into quarantine only on a bus
    // that passes physical addresses on; there, whoever made the `Registers` vouched that they are the device's.
    unsafe { device.release_quarantine() }
}
