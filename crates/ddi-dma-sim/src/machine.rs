//! A machine: memory, nexuses and devices, put together.

use std::ptr::NonNull;
use std::sync::Arc;

use ddi_dma::Nexus;

use crate::config::{ConfigError, MachineConfig};
use crate::disk::{DEVICES, DeviceSpec, Disk, NexusKind, Stepped};
use crate::ether::{ETHERS, Ether, EtherSpec};
use crate::floppy::{Floppies, FloppyController, NoPortsLeft};
use crate::isa_dma::DmaControllers;
use crate::memory::{Buffer, BufferSpec, Lent, Memory, MemoryError};
use crate::nexus::{BusCounters, DeviceBus, IsaNexus, PciNexus, SbusNexus, SbusSlot};
use crate::ports::IsaPorts;
use crate::sound::SoundCard;

/// A simulated machine.
#[derive(Debug)]
pub struct Machine {
    config: MachineConfig,
    memory: Arc<Memory>,
    isa: Arc<IsaNexus>,
    pci: Arc<PciNexus>,
    sbus: Arc<SbusNexus>,
    ports: Arc<IsaPorts>,
    dma: Arc<DmaControllers>,
    sound: Arc<SoundCard>,
    floppies: Floppies,
    disks: Vec<Arc<Disk>>,
    ethers: Vec<Arc<Ether>>,
}

/// The machine has no device of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no device {name:?}: the machine has {}", device_names())]
pub struct UnknownDevice {
    /// The name asked for.
    pub name: String,
}

impl Machine {
    /// Builds a machine.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{BufferSpec, Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig { seed: 1, ..MachineConfig::default() })?;
    /// let same = Machine::new(MachineConfig { seed: 1, ..MachineConfig::default() })?;
    /// let spec = BufferSpec::new(100_000);
    /// assert_eq!(machine.buffer(&spec)?.pages(), same.buffer(&spec)?.pages());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(config: MachineConfig) -> Result<Self, ConfigError> {
        let memory = Arc::new(Memory::new(&config)?);
        let limit = config.copy_buffer_limit;
        let isa = Arc::new(IsaNexus::new(Arc::clone(&memory), limit));
        let pci = Arc::new(PciNexus::new(Arc::clone(&memory), limit, &config.iommu)?);
        let sbus = Arc::new(SbusNexus::new(Arc::clone(&memory), limit, &config.sbus)?);
        let ports = Arc::new(IsaPorts::default());
        let dma = DmaControllers::new(isa.clone(), &ports);
        let sound = SoundCard::new(&dma, &ports);
        let floppies = Floppies::new(&config, &dma, &ports);
        let (disks, ethers) = (Vec::new(), Vec::new());
        let mut machine =
            Machine { config, memory, isa, pci, sbus, ports, dma, sound, floppies, disks, ethers };
        machine.disks = DEVICES.iter().map(|spec| machine.attach(spec)).collect::<Result<_, _>>()?;
        machine.ethers = ETHERS.iter().map(|spec| machine.attach_ether(spec)).collect();
        Ok(machine)
    }

    /// Makes a further disk of a kind, with a medium of its own, on the bus of that kind.
    ///
    /// Whoever has it lets it run ([`Disk::step`]): [`run`](Self::run) does not know it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Host`] where the host does not give what stands behind the medium.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{BindFlags, Bus, BusConfig};
    /// use ddi_dma_sim::{BufferSpec, DEVICES, DiskDriver, Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let bus = Bus::new(machine.nexus(DEVICES[0].nexus), BusConfig::default());
    /// let mut second = DiskDriver::on_bus(&machine.attach(&DEVICES[0])?, &bus)?;
    /// second.write(0, machine.buffer(&BufferSpec::new(512))?, BindFlags::PARTIAL)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(&self, spec: &'static DeviceSpec) -> Result<Arc<Disk>, ConfigError> {
        self.attach_in_slot(spec, self.sbus.master_slot())
    }

    /// Does as [`attach`](Self::attach), in a slot of one's choice. Only those of the SBus differ: see
    /// [`SbusConfig::slave_only_slots`](crate::SbusConfig::slave_only_slots).
    ///
    /// # Errors
    ///
    /// Those of [`attach`](Self::attach).
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{DEVICES, FaultKind, Machine, MachineConfig, Register, SbusConfig, csr};
    ///
    /// let sbus = SbusConfig { slave_only_slots: vec![3], ..SbusConfig::default() };
    /// let machine = Machine::new(MachineConfig { sbus, ..MachineConfig::sparc() })?;
    /// let sbus_disk = DEVICES.iter().find(|spec| spec.name == "sbus-disk").expect("it is there");
    /// let disk = machine.attach_in_slot(sbus_disk, 3)?;
    /// disk.put(Register::Csr, csr::START_TRANSFER);
    /// disk.step();
    /// assert_eq!(disk.last_fault().map(|fault| fault.kind), Some(FaultKind::NoGrant));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach_in_slot(&self, spec: &'static DeviceSpec, slot: u32) -> Result<Arc<Disk>, ConfigError> {
        let (bus, line) =
            (self.device_bus_in_slot(spec.nexus, slot), spec.channel.map(|channel| self.dma.line(channel)));
        Disk::new(spec, bus, line, &self.config.medium).map(Arc::new)
    }

    /// Makes a further network device of a kind on the bus of that kind; see [`attach`](Self::attach).
    pub fn attach_ether(&self, spec: &'static EtherSpec) -> Arc<Ether> {
        self.attach_ether_in_slot(spec, self.sbus.master_slot())
    }

    /// Makes a further network device of a kind in a slot of one's choice; see
    /// [`attach_in_slot`](Self::attach_in_slot).
    pub fn attach_ether_in_slot(&self, spec: &'static EtherSpec, slot: u32) -> Arc<Ether> {
        Arc::new(Ether::new(spec, self.device_bus_in_slot(spec.nexus, slot)))
    }

    /// Makes a further floppy disk controller with a drive and a disk of its own, on ports of its own and on the same DMA
    /// channel as the others, the first one at 0x370.
    ///
    /// Whoever has it lets it run ([`FloppyController::step`]): [`run`](Self::run) does not know it.
    ///
    /// # Errors
    ///
    /// [`NoPortsLeft`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// assert_eq!(machine.attach_floppy()?.base(), 0x370);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach_floppy(&self) -> Result<Arc<FloppyController>, NoPortsLeft> {
        self.floppies.attach(&self.config, &self.dma, &self.ports)
    }

    /// A bus as a device on it sees it, which can get it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::{FaultKind, Machine, MachineConfig, NexusKind};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let bus = machine.device_bus(NexusKind::Isa);
    /// bus.write(0x10_0000, b"as a device does")?;
    /// let fault = bus.write(0x100_0000, b"above the first 16 MiB").expect_err("ISA has 24 address lines");
    /// assert_eq!(fault.kind, FaultKind::OutOfReach);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn device_bus(&self, kind: NexusKind) -> Arc<dyn DeviceBus> {
        self.device_bus_in_slot(kind, self.sbus.master_slot())
    }

    /// A bus as the device in a slot sees it. Only the slots of the SBus differ: see
    /// [`SbusConfig::slave_only_slots`](crate::SbusConfig::slave_only_slots).
    pub fn device_bus_in_slot(&self, kind: NexusKind, slot: u32) -> Arc<dyn DeviceBus> {
        match kind {
            NexusKind::Isa => self.isa.clone(),
            NexusKind::Pci => self.pci.clone(),
            NexusKind::Sbus => Arc::new(SbusSlot::new(self.sbus.clone(), slot)),
        }
    }

    /// What the machine was built from.
    pub fn config(&self) -> &MachineConfig {
        &self.config
    }

    /// Its physical memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Its physical memory, to be kept.
    pub(crate) fn shared_memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// Allocates a buffer.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn buffer(&self, spec: &BufferSpec) -> Result<Buffer, MemoryError> {
        Buffer::new(&self.memory, spec)
    }

    /// Lends memory of the process to the machine, as an object: a static, a stack, what an allocator gave.
    ///
    /// It gets frames, scattered as those of a [`Buffer`] and starting at the same offset in a page. Until the object
    /// is dropped, whatever reads or writes the bytes of these frames for which the object stands, reads or writes the
    /// process: devices through their nexuses, IOMMUs and caches, and [`Memory::peek`] and [`Memory::poke`]. The other
    /// bytes of the first and the last frame are the frames' own.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Lend`] for no bytes, and for more than there can be behind `start`; [`MemoryError::Frames`] where
    /// frames ran out.
    ///
    /// # Safety
    ///
    /// Until the object is dropped:
    /// - the bytes may be read from every thread, and also written unless the object is bound for memory to be read
    ///   alone, and devices are told nothing else;
    /// - nobody writes a byte while a device or a binding that is made, synchronised, moved to another window or ended
    ///   reads or writes it, nor reads it while these write it. The Rust rules for references to the bytes hold for
    ///   all these accesses, which are made through `start`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ptr::NonNull;
    /// use ddi_dma::{BindFlags, BusConfig};
    /// use ddi_dma_sim::{DiskDriver, Lent, Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let mut driver: DiskDriver<Lent> = DiskDriver::new(&machine, "pci-disk", BusConfig::default())?;
    /// driver.disk().write_medium(0, b"read into the stack")?;
    ///
    /// let mut bytes = [0; 19];
    /// let start = NonNull::from(&mut bytes).cast();
    /// // SAFETY: nobody uses `bytes` before the object is dropped.
    /// let lent = unsafe { machine.lend(start, 19) }?;
    /// drop(driver.read(0, lent, BindFlags::empty())?);
    /// assert_eq!(&bytes, b"read into the stack");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn lend(&self, start: NonNull<u8>, length: u64) -> Result<Lent, MemoryError> {
        // SAFETY: the caller promises the same.
        unsafe { Lent::new(&self.memory, start, length) }
    }

    /// The ISA nexus.
    pub fn isa(&self) -> &Arc<IsaNexus> {
        &self.isa
    }

    /// The PCI nexus.
    pub fn pci(&self) -> &Arc<PciNexus> {
        &self.pci
    }

    /// The SBus nexus.
    pub fn sbus(&self) -> &Arc<SbusNexus> {
        &self.sbus
    }

    /// The I/O ports of the ISA bus: the two DMA controllers and their page registers, and the devices that have ports.
    ///
    /// All is as after a reset, and no firmware has run: channel 4 joins the controllers only once somebody has programmed
    /// it for cascade and unmasked it.
    pub fn ports(&self) -> Arc<IsaPorts> {
        Arc::clone(&self.ports)
    }

    /// A nexus as drivers' bindings see it.
    pub fn nexus(&self, kind: NexusKind) -> Arc<dyn Nexus> {
        match kind {
            NexusKind::Isa => self.isa.clone(),
            NexusKind::Pci => self.pci.clone(),
            NexusKind::Sbus => self.sbus.clone(),
        }
    }

    /// What the devices of a nexus have done so far.
    pub fn counters(&self, kind: NexusKind) -> BusCounters {
        match kind {
            NexusKind::Isa => self.isa.counters(),
            NexusKind::Pci => self.pci.counters(),
            NexusKind::Sbus => self.sbus.counters(),
        }
    }

    /// The disk of this name: see [`DEVICES`].
    ///
    /// # Errors
    ///
    /// [`UnknownDevice`].
    pub fn device(&self, name: &str) -> Result<&Arc<Disk>, UnknownDevice> {
        let found = self.disks.iter().find(|disk| disk.spec().name == name);
        found.ok_or_else(|| UnknownDevice { name: name.to_owned() })
    }

    /// The network device of this name: see [`ETHERS`].
    ///
    /// # Errors
    ///
    /// [`UnknownDevice`].
    pub fn ether(&self, name: &str) -> Result<&Arc<Ether>, UnknownDevice> {
        let found = self.ethers.iter().find(|ether| ether.spec().name == name);
        found.ok_or_else(|| UnknownDevice { name: name.to_owned() })
    }

    /// The floppy disk controller at 0x3f0.
    pub fn floppy(&self) -> &Arc<FloppyController> {
        self.floppies.built_in()
    }

    /// The sound card on the ISA bus.
    pub fn sound(&self) -> &Arc<SoundCard> {
        &self.sound
    }

    /// All disks.
    pub fn devices(&self) -> &[Arc<Disk>] {
        &self.disks
    }

    /// Lets all devices run until none is busy, always in the same order. Tells how many transfers ended,
    /// with a reset or a seek of the floppy disk controller counted as one.
    ///
    /// A device that waits for a DMA channel is not waited for. The sound card has a time of its own:
    /// [`SoundCard::step`].
    pub fn run(&self) -> usize {
        let mut ended = 0;
        loop {
            let disks = self.disks.iter().filter(|disk| disk.step() == Stepped::Done).count();
            let round = disks + self.ethers.iter().filter(|ether| ether.step() == Stepped::Done).count();
            let round = round + usize::from(self.floppy().step() == Stepped::Done);
            if round == 0 {
                return ended;
            }
            ended += round;
        }
    }
}

fn device_names() -> String {
    let (disks, ethers) = (DEVICES.iter().map(|spec| spec.name), ETHERS.iter().map(|spec| spec.name));
    disks.chain(ethers).collect::<Vec<_>>().join(", ")
}
