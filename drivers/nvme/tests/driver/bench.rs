//! A simulated machine with a controller, and what is checked at the end of every test.

use std::sync::Arc;
use std::time::Duration;

use ddi_dma::{Bus, BusConfig, Device, Interrupt};
use ddi_dma_sim::{Buffer, BufferSpec, Iommu, Machine, MachineConfig, NexusKind};
use nvme_driver::{Config, Fault, Nvme};

use crate::model::{Model, Spec};

pub struct Bench {
    pub machine: Machine,
    pub bus: Bus,
    pub device: Device,
    pub model: Model,
    used: u64,
}

/// How the driver learns of completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    TwoInterrupts,
    OneInterrupt,
    Polling,
}

/// How much of memory can be mapped at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// All of it, or nothing has to be.
    Ample,
    /// Less than a large object.
    Small,
}

/// Machines with an IOMMU, without, and with one whose space is small.
pub fn iommus() -> [Iommu; 3] {
    [Iommu::on(), Iommu::Off, Iommu::On { space: 0..=0x3F_FFFF }]
}

/// Time-outs short enough for tests.
pub fn quick() -> Config {
    Config { timeout: Duration::from_secs(1), look_interval: Duration::from_millis(20), ..Config::default() }
}

impl Bench {
    pub fn new(iommu: Iommu, spec: Spec) -> Self {
        let machine = Machine::new(MachineConfig { iommu, ..MachineConfig::default() }).unwrap();
        let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
        let device = bus.device("nvme0");
        let model = Model::new(machine.pci().clone(), spec);
        let used = machine.memory().used();
        Bench { machine, bus, device, model, used }
    }

    pub fn space(&self) -> Space {
        match &self.machine.config().iommu {
            Iommu::On { space } if *space.end() < 1 << 24 => Space::Small,
            _ => Space::Ample,
        }
    }

    pub fn attach(&self, config: Config) -> Nvme {
        self.try_attach(config, Notice::TwoInterrupts).unwrap()
    }

    pub fn try_attach(&self, config: Config, notice: Notice) -> Result<Nvme, Fault> {
        let count = match notice {
            Notice::TwoInterrupts => 2,
            Notice::OneInterrupt => 1,
            Notice::Polling => 0,
        };
        let lines = self.model.lines().iter().take(count);
        let interrupts = lines.map(|line| line.clone() as Arc<dyn Interrupt>).collect();
        Nvme::attach(self.device.clone(), self.model.registers(), interrupts, config)
    }

    /// A scattered buffer that starts `offset` bytes into a page.
    pub fn buffer(&self, length: u64, offset: u64) -> Buffer {
        self.machine.buffer(&BufferSpec::new(length).offset(offset)).unwrap()
    }

    /// The same, filled with bytes of a seed.
    pub fn filled(&self, length: u64, offset: u64, seed: u64) -> (Buffer, Vec<u8>) {
        let mut buffer = self.buffer(length, offset);
        let bytes = pattern(length, seed);
        buffer.write(0, &bytes).unwrap();
        (buffer, bytes)
    }

    /// Checks that the driver kept to the specification, and that nothing is left of it.
    #[track_caller]
    pub fn check(self) {
        let violations = self.model.violations();
        assert!(violations.is_empty(), "{violations:#?}");
        assert_eq!(self.bus.stats().quarantined_bytes, 0, "memory in quarantine");
        drop((self.model, self.device));
        drop(self.bus);
        assert_eq!(self.machine.pci().map_space_used(), 0, "addresses mapped");
        assert_eq!(self.machine.pci().copy_buffer_used(), 0, "private memory and copy buffers");
        assert_eq!(self.machine.memory().used(), self.used, "memory in use");
    }
}

/// Bytes that no other seed and no other place has.
pub fn pattern(length: u64, seed: u64) -> Vec<u8> {
    let word = |at: u64| (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed << 7).to_le_bytes();
    (0..length.div_ceil(8)).flat_map(word).take(length as usize).collect()
}
