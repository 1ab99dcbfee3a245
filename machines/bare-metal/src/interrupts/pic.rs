//! The two 8259A interrupt controllers, the second behind line 2 of the first.

use super::Irq;
use crate::ports::Port;

/// A controller's ports.
struct Pic {
    command: Port,
    data: Port,
}

/// A controller whose first port this is.
const fn controller(address: u16) -> Pic {
    // SAFETY: a controller does no DMA; the vectors that `init` programs all have stubs.
    unsafe { Pic { command: Port::new(address), data: Port::new(address + 1) } }
}

const FIRST: Pic = controller(0x20);
const SECOND: Pic = controller(0xa0);

/// The line of the first that the second is behind.
const CASCADE: u8 = 2;
/// Lines of one controller.
const LINES: u8 = 8;

/// Initialisation follows, with a fourth word.
const INITIALISE: u8 = 0x11;
/// The fourth word: an 8086 or later.
const PC: u8 = 0x01;
/// The next read of the command port is of what is being served.
const READ_SERVED: u8 = 0x0b;
/// The interrupt that is being served is over.
const END: u8 = 0x20;

/// What stands behind an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A device.
    Device,
    /// None: the line was withdrawn before the controller was asked which it was.
    Spurious,
}

/// Programs both controllers: their lines from vector `first` on, and no line heard but these.
pub(super) fn init(first: u8, listened: &[Irq]) {
    let lines = listened.iter().fold(1u16 << CASCADE, |lines, irq| lines | 1 << *irq as u16);
    let [first_mask, second_mask] = (!lines).to_le_bytes();
    for (pic, vectors, cascade, mask) in
        [(FIRST, first, 1 << CASCADE, first_mask), (SECOND, first + LINES, CASCADE, second_mask)]
    {
        pic.command.write(INITIALISE);
        pic.data.write(vectors);
        pic.data.write(cascade);
        pic.data.write(PC);
        pic.data.write(mask);
    }
}

/// Tells the controllers that an interrupt was taken, and the caller what stands behind it.
pub(super) fn acknowledge(line: u8) -> Cause {
    let second = line >= LINES;
    let pic = if second { SECOND } else { FIRST };
    // Only the lowest line of a controller can be spurious.
    let spurious = line % LINES == LINES - 1 && {
        pic.command.write(READ_SERVED);
        pic.command.read() & 1 << (LINES - 1) == 0
    };
    if !spurious {
        pic.command.write(END);
    }
    if second {
        // The first controller took part even where the second knew nothing.
        FIRST.command.write(END);
    }
    if spurious { Cause::Spurious } else { Cause::Device }
}
