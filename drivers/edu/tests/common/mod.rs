//! What the tests share: a machine with the device and its driver, and patterns.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod model;

use std::sync::Arc;

use ddi_dma::{Bus, BusConfig, Device};
use ddi_dma_sim::{Buffer, BufferSpec, Iommu, Machine, MachineConfig, NexusKind};
use edu::{Completion, Config, Edu};
use model::{Bar0, EduModel, Line};

/// Bytes of BAR 0.
pub const REGION: u64 = 0x10_0000;

/// A machine with the device and its driver.
pub struct Rig {
    pub machine: Machine,
    pub bus: Bus,
    pub device: Device,
    pub model: Arc<EduModel>,
    pub edu: Edu<Bar0, Line>,
}

impl Rig {
    pub fn new(iommu: Iommu) -> Self {
        Rig::with(iommu, BusConfig::default(), Config::default())
    }

    pub fn with(iommu: Iommu, bus: BusConfig, config: Config) -> Self {
        let machine = Machine::new(MachineConfig { seed: 5, iommu, ..MachineConfig::default() })
            .expect("a sound machine");
        let bus = Bus::new(machine.nexus(NexusKind::Pci), bus);
        let device = bus.device("edu");
        let model = EduModel::new(machine.pci().clone());
        let (bar, line) = (Bar0(Arc::clone(&model), REGION), Line(Arc::clone(&model)));
        let edu = Edu::attach(&device, bar, line, config).expect("the device answers");
        Rig { machine, bus, device, model, edu }
    }

    /// A buffer that holds these bytes.
    pub fn filled(&self, spec: &BufferSpec, bytes: &[u8]) -> Buffer {
        let mut buffer = self.machine.buffer(spec).expect("memory");
        buffer.write(0, bytes).expect("the bytes fit");
        buffer
    }

    /// A buffer in pages all over memory, full of a pattern.
    pub fn scattered(&self, length: u64, seed: u64) -> Buffer {
        self.filled(&BufferSpec::new(length), &pattern(length, seed))
    }

    /// Nothing of a transfer is left behind.
    pub fn assert_all_is_free(&self) {
        let stats = self.bus.stats();
        assert_eq!((stats.copy_buffer_taken, stats.quarantined_bytes), (0, 0));
        assert_eq!((self.machine.pci().map_space_used(), self.machine.memory().used()), (0, 0));
    }
}

/// Both ways to learn of an end.
pub const COMPLETIONS: [Completion; 2] = [Completion::Interrupt, Completion::Polling];

/// A driver that learns of an end in this way.
pub fn completing(completion: Completion) -> Config {
    Config { completion, ..Config::default() }
}

/// Bytes that differ from place to place and from seed to seed.
pub fn pattern(length: u64, seed: u64) -> Vec<u8> {
    let mut word = seed ^ 0x9E37_79B9_7F4A_7C15;
    let words = std::iter::repeat_with(|| {
        word = word.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (word ^ word >> 29).to_le_bytes()
    });
    words.flatten().take(length as usize).collect()
}
