//! The driver of the educational device, on QEMU's. Each DMA takes it 100 ms, so objects are no larger than they must be.

mod data;
mod isolation;
mod wild;

use std::time::Duration;

use ddi_dma::{Device, DmaHandle, DmaObject, Wait};
use ddi_dma_vfio::{EventInterrupt, InterruptKind, Region};
use edu::{ATTR, Completion, Config, Detached, Edu, Engine};

use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

use crate::tests::opened::Opened;

pub const TESTS: &[Test] = &[
    Test::new("edu-attaches", data::attaches),
    Test::new("edu-factorials", data::factorials),
    Test::new("edu-interrupts", data::interrupts),
    Test::new("edu-polling", data::polling),
    Test::new("edu-sizes", data::sizes),
    Test::new("edu-64-kib", data::large),
    Test::new("edu-scattered", data::scattered),
    Test::new("edu-all-kinds-of-objects", data::kinds),
    Test::new("edu-28-bits", data::bits),
    Test::new("edu-time-outs", data::time_outs),
    Test::new("edu-nothing-is-left", data::nothing_is_left),
    Test::new("edu-isolation-after-unbind", isolation::after_unbind),
    Test::new("edu-isolation-after-a-drop-in-flight", isolation::after_drop),
    Test::new("edu-isolation-of-iopb-memory", isolation::iopb_memory),
    Test::new("edu-isolation-by-direction", isolation::direction),
    Test::new("edu-isolate", isolation::isolate),
    Test::new("edu-redzone", isolation::redzone),
];

/// The driver, over VFIO.
type Driver = Edu<Region, EventInterrupt>;

/// The device, opened.
struct Rig {
    opened: Opened,
    device: Device,
}

impl Rig {
    fn new(guest: &Guest) -> Result<Self, Failure> {
        let opened = Opened::new(guest.edu)?;
        Ok(Rig { device: opened.bus.device("edu"), opened })
    }

    /// Its driver, with interrupts of a kind.
    fn attach(&self, kind: InterruptKind, completion: Completion) -> Result<Driver, Failure> {
        let config = Config { completion, ..Config::default() };
        let (registers, interrupt) = (self.opened.registers()?, self.opened.interrupt(kind)?);
        Ok(Edu::attach(&self.device, registers, interrupt, config)?)
    }

    /// Its driver, as it mostly is.
    fn driver(&self) -> Result<Driver, Failure> {
        self.attach(InterruptKind::Msi, Completion::Interrupt)
    }

    /// Attaches anew, which waits for what still runs.
    fn settled(&self, edu: Driver) -> Result<Driver, Failure> {
        let config = edu.config();
        let Detached { registers, interrupt, engine } = edu.detach();
        ensure!(engine == Engine::Stopped, "the engine runs on");
        Ok(Edu::attach(&self.device, registers, interrupt, config)?)
    }

    fn handle<O: DmaObject>(&self) -> Result<DmaHandle<O>, Failure> {
        Ok(self.device.alloc_handle(&ATTR, Wait::DontWait)?)
    }
}

/// Bytes that differ from place to place and from seed to seed.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut word = seed ^ 0x9E37_79B9_7F4A_7C15;
    let words = std::iter::repeat_with(|| {
        word = word.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (word ^ word >> 29).to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// Longer than a DMA takes that nobody waits for.
const AFTERWARDS: Duration = Duration::from_millis(300);
