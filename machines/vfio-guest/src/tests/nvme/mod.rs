//! The NVMe driver, on QEMU's controller.

mod data;
mod isolation;
mod limits;
mod mishaps;
mod play;
mod wild;

use std::sync::Arc;
use std::time::Duration;

use ddi_dma::{BusConfig, Device, Interrupt};
use ddi_dma_vfio::{Bar, BusMaster, Container, HostBuffer, InterruptKind, Usage, VfioBus, VfioDevice};
use nvme_driver::{Config, Nvme};

use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("nvme-attaches", data::attaches),
    Test::new("nvme-reads-the-disk", data::reads_the_disk),
    Test::new("nvme-sizes-and-offsets", data::sizes).within(Duration::from_secs(60)),
    Test::new("nvme-all-kinds-of-objects", data::kinds),
    Test::new("nvme-interrupts-and-polling", data::notices).within(Duration::from_secs(30)),
    Test::new("nvme-many-in-flight", data::many_in_flight),
    Test::new("nvme-status-errors", mishaps::status_errors),
    Test::new("nvme-windows-under-a-locked-memory-limit", limits::windows).within(Duration::from_secs(30)),
    Test::new("nvme-callbacks-under-a-locked-memory-limit", limits::callbacks)
        .within(Duration::from_secs(60)),
    Test::new("nvme-isolation-after-unbind", isolation::after_unbind),
    Test::new("nvme-isolation-by-direction", isolation::direction),
    Test::new("nvme-isolate", isolation::isolate),
    Test::new("nvme-without-bus-master", mishaps::without_bus_master).within(Duration::from_secs(30)),
    Test::new("nvme-function-reset-behind-its-back", mishaps::function_reset).within(Duration::from_secs(30)),
    Test::new("nvme-isolation-after-a-drop-in-flight", isolation::after_drop),
    Test::new("nvme-nothing-is-left", mishaps::nothing_is_left),
    Test::new("nvme-random-commands-with-many-resets", play::with_resets).within(Duration::from_secs(30)),
    Test::new("nvme-random-commands", play::random).within(Duration::from_secs(60)),
];

/// The namespace that the disk of the guest is.
const DISK: u32 = 1;

/// The controller, opened.
struct Rig {
    vfio: VfioDevice,
    bus: VfioBus,
    device: Device,
}

/// How the driver learns of completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Interrupts(InterruptKind, u32),
    Polling,
}

impl Rig {
    fn new(guest: &Guest) -> Result<Self, Failure> {
        let container = Container::new()?;
        let vfio = container.open(guest.nvme)?;
        vfio.set_bus_master(BusMaster::On)?;
        let bus = container.nexus()?.bus(BusConfig::default());
        Ok(Rig { vfio, device: bus.device("nvme"), bus })
    }

    /// The driver, as it mostly is.
    fn driver(&self) -> Result<Nvme, Failure> {
        self.attach(Notice::Interrupts(InterruptKind::MsiX, 2), Config::default())
    }

    fn attach(&self, notice: Notice, config: Config) -> Result<Nvme, Failure> {
        // Before the controller is turned on, or it takes no notice of them.
        let interrupts = match notice {
            Notice::Interrupts(kind, count) => self.vfio.interrupts(kind, count)?,
            Notice::Polling => Vec::new(),
        };
        let interrupts = interrupts.into_iter().map(|it| Arc::new(it) as Arc<dyn Interrupt>).collect();
        let registers = Arc::new(self.vfio.region(Bar::Bar0)?);
        Ok(Nvme::attach(self.device.clone(), registers, interrupts, config)?)
    }

    fn usage(&self) -> Usage {
        self.bus.nexus().usage()
    }

    /// Checks that nothing is mapped or kept any more.
    fn check_empty(&self) -> Result<(), Failure> {
        let (usage, stats) = (self.usage(), self.bus.stats());
        ensure!((usage.maps, usage.mapped_bytes, usage.iova_bytes) == (0, 0, 0), "still mapped: {usage:?}");
        ensure!(stats.quarantined_bytes == 0, "in quarantine: {stats:?}");
        Ok(())
    }
}

/// Lets the controller fetch what was submitted, ahead of a reset with commands in flight: QEMU 7.2 crashes where it finds
/// commands to fetch while it is turned off.
fn let_it_fetch() {
    std::thread::sleep(Duration::from_millis(10));
}

/// Bytes that differ from place to place and from seed to seed.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let word = |at: u64| (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed << 9) ^ seed;
    let words = (0..length.div_ceil(8) as u64).flat_map(|at| word(at).to_le_bytes());
    words.take(length).collect()
}

/// A buffer of its own that starts so far into a page, full of a pattern.
fn filled(length: usize, offset: u64, seed: u64) -> Result<HostBuffer, Failure> {
    let mut buffer = HostBuffer::with_offset(length as u64, offset)?;
    buffer.write(0, &pattern(length, seed))?;
    Ok(buffer)
}
