//! What is asked of the kernel about a device by hand: where `vfio-ioctls` keeps the kernel's answer to itself (why a
//! reset failed, how many interrupts there would have been), a driver needs it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use vfio_bindings::bindings::vfio::{
    VFIO_BASE, VFIO_DEVICE_FLAGS_RESET, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_ACTION_UNMASK,
    VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE, VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
    VFIO_PCI_MSIX_IRQ_INDEX, VFIO_TYPE, vfio_device_info, vfio_irq_set,
};
use vmm_sys_util::ioctl::{ioctl, ioctl_with_mut_ref, ioctl_with_ptr};
use vmm_sys_util::ioctl_io_nr;

use crate::InterruptKind;

ioctl_io_nr!(VFIO_DEVICE_GET_INFO, VFIO_TYPE.into(), VFIO_BASE + 7);
ioctl_io_nr!(VFIO_DEVICE_SET_IRQS, VFIO_TYPE.into(), VFIO_BASE + 10);
ioctl_io_nr!(VFIO_DEVICE_RESET, VFIO_TYPE.into(), VFIO_BASE + 11);

/// Whether the kernel can reset a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HasReset {
    Yes,
    No,
}

pub(crate) fn has_reset(device: &impl AsRawFd) -> io::Result<HasReset> {
    let mut info = vfio_device_info { argsz: size_of::<vfio_device_info>() as u32, ..Default::default() };
    // SAFETY: the kernel writes as many bytes as `argsz` says, which are those of the structure.
    answer(unsafe { ioctl_with_mut_ref(device, VFIO_DEVICE_GET_INFO(), &mut info) })?;
    match info.flags & VFIO_DEVICE_FLAGS_RESET {
        0 => Ok(HasReset::No),
        _ => Ok(HasReset::Yes),
    }
}

pub(crate) fn reset(device: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: the call has no argument.
    answer(unsafe { ioctl(device, VFIO_DEVICE_RESET()) }).map(drop)
}

/// Why interrupts are not on.
#[derive(Debug)]
pub(crate) enum EnableError {
    /// There would have been so many.
    Fewer(u32),
    System(io::Error),
}

/// Has the first interrupts of a kind raise these events.
pub(crate) fn enable_interrupts(
    device: &impl AsRawFd,
    kind: InterruptKind,
    events: &[BorrowedFd<'_>],
) -> Result<(), EnableError> {
    let files: Vec<u32> = events.iter().map(|event| event.as_raw_fd() as u32).collect();
    let what = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    match set_interrupts(device, kind, what, events.len() as u32, &files) {
        Ok(0) => Ok(()),
        Ok(available) => Err(EnableError::Fewer(available as u32)),
        Err(error) => Err(EnableError::System(error)),
    }
}

/// Turns all interrupts of a kind off.
pub(crate) fn disable_interrupts(device: &impl AsRawFd, kind: InterruptKind) -> io::Result<()> {
    set_interrupts(device, kind, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, &[]).map(drop)
}

/// Opens the first interrupt of a kind again.
pub(crate) fn unmask_interrupt(device: &impl AsRawFd, kind: InterruptKind) -> io::Result<()> {
    set_interrupts(device, kind, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, 1, &[]).map(drop)
}

/// `VFIO_DEVICE_SET_IRQS` from interrupt 0 on. What it returns is zero, or how many interrupts there would have been.
fn set_interrupts(
    device: &impl AsRawFd,
    kind: InterruptKind,
    what: u32,
    count: u32,
    data: &[u32],
) -> io::Result<i32> {
    const HEAD: usize = size_of::<vfio_irq_set>();
    const { assert!(HEAD == 20 && align_of::<vfio_irq_set>() == align_of::<u32>(), "five words, then the data") };
    let (index, start) = (irq_index(kind), 0);
    let mut request = vec![(HEAD + size_of_val(data)) as u32, what, index, start, count];
    request.extend_from_slice(data);
    // SAFETY: the kernel reads as many bytes as the first word says, which are those of the vector.
    answer(unsafe { ioctl_with_ptr(device, VFIO_DEVICE_SET_IRQS(), request.as_ptr()) })
}

/// The kernel's number of a kind of interrupts.
pub(crate) fn irq_index(kind: InterruptKind) -> u32 {
    match kind {
        InterruptKind::MsiX => VFIO_PCI_MSIX_IRQ_INDEX,
        InterruptKind::Msi => VFIO_PCI_MSI_IRQ_INDEX,
        InterruptKind::IntX => VFIO_PCI_INTX_IRQ_INDEX,
    }
}

fn answer(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_device_is_told_by_the_kernel() {
        let file = tempfile::tempfile().unwrap();
        assert!(has_reset(&file).is_err());
        assert!(reset(&file).is_err());
        for kind in [InterruptKind::MsiX, InterruptKind::Msi, InterruptKind::IntX] {
            assert!(matches!(enable_interrupts(&file, kind, &[]), Err(EnableError::System(_))));
            assert!(unmask_interrupt(&file, kind).is_err());
            assert!(disable_interrupts(&file, kind).is_err());
        }
    }
}
