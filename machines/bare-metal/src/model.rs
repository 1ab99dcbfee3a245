//! Which machine model the kernel runs on.

use core::fmt;

use crate::ports::Port;

/// A machine model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// QEMU.
    Qemu,
    /// Bochs.
    Bochs,
}

impl Model {
    /// Finds out: QEMU has a configuration device that names it, elsewhere its ports lead nowhere.
    pub fn detect() -> Self {
        // SAFETY: selecting and reading an item by these two ports moves bytes through the processor alone.
        let (selector, data) = unsafe { (Port::new(0x510), Port::new(0x511)) };
        selector.write_word(0);
        let signature = [data.read(), data.read(), data.read(), data.read()];
        if &signature == b"QEMU" { Model::Qemu } else { Model::Bochs }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Model::Qemu => "QEMU",
            Model::Bochs => "Bochs",
        })
    }
}
