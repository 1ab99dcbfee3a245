//! What the tests share: a machine with a drive and its driver, and patterns.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ddi_dma::{Bus, BusConfig, Dmae, Wait};
use ddi_dma_sim::{
    Buffer, BufferSpec, FloppyController, FloppyDisk, FloppyGeometry, Machine, MachineConfig, NexusKind,
    Placement, Stepped,
};
use isa_floppy::{Board, Config, Floppy, Report, TimedOut, TransferError, TransferErrorKind};

pub const SECTOR: u64 = 512;
/// Sectors of a cylinder.
pub const CYLINDER: u64 = 36;
/// Sectors of the disk.
pub const DISK: u64 = 2880;

type Hook = Box<dyn FnMut(&FloppyController) + Send>;

/// A simulated board: time passes only while somebody waits for the controller.
pub struct SimBoard {
    controller: Arc<FloppyController>,
    /// What happens ahead of each wait for an interrupt.
    hook: Mutex<Option<Hook>>,
    delays: Mutex<Duration>,
}

impl SimBoard {
    pub fn new(controller: &Arc<FloppyController>) -> Arc<Self> {
        let (hook, delays) = (Mutex::new(None), Mutex::new(Duration::ZERO));
        Arc::new(SimBoard { controller: Arc::clone(controller), hook, delays })
    }

    /// Has something happen ahead of each wait for an interrupt.
    pub fn before_each_wait(&self, hook: impl FnMut(&FloppyController) + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// How long the driver has rested.
    pub fn delays(&self) -> Duration {
        *self.delays.lock().unwrap()
    }
}

impl Board for SimBoard {
    fn expect_interrupt(&self) {}

    fn wait_interrupt(&self, _: Duration) -> Result<(), TimedOut> {
        if let Some(hook) = &mut *self.hook.lock().unwrap() {
            hook(&self.controller);
        }
        while self.controller.step() == Stepped::Done {}
        if self.controller.interrupting() { Ok(()) } else { Err(TimedOut) }
    }

    fn delay(&self, time: Duration) {
        *self.delays.lock().unwrap() += time;
    }
}

/// A machine, its engine, and a drive with its driver.
pub struct Rig {
    pub machine: Machine,
    pub bus: Bus,
    pub dmae: Dmae,
    pub drive: Arc<FloppyController>,
    pub board: Arc<SimBoard>,
    pub floppy: Floppy,
}

impl Rig {
    pub fn new() -> Self {
        Rig::with(
            MachineConfig { seed: 11, ..MachineConfig::default() },
            BusConfig::default(),
            Config::default(),
        )
    }

    pub fn with(machine: MachineConfig, bus: BusConfig, config: Config) -> Self {
        let machine = Machine::new(machine).expect("a sound machine");
        let bus = Bus::new(machine.nexus(NexusKind::Isa), bus);
        let dmae = Dmae::new(machine.ports());
        let drive = Arc::clone(machine.floppy());
        let board = SimBoard::new(&drive);
        let attached = Floppy::attach(config, machine.ports(), board.clone(), &dmae, &bus);
        Rig { floppy: attached.expect("the controller answers"), machine, bus, dmae, drive, board }
    }

    /// A further controller on the same channel, with its driver.
    pub fn another(&self) -> (Arc<FloppyController>, Floppy) {
        let drive = self.machine.attach_floppy().expect("ports are left");
        let config = Config { base: drive.base(), ..Config::default() };
        let board = SimBoard::new(&drive);
        let attached = Floppy::attach(config, self.machine.ports(), board, &self.dmae, &self.bus);
        (drive, attached.expect("the controller answers"))
    }

    /// A buffer that holds these bytes.
    pub fn filled(&self, spec: &BufferSpec, bytes: &[u8]) -> Buffer {
        let mut buffer = self.machine.buffer(spec).expect("memory");
        buffer.write(0, bytes).expect("the bytes fit");
        buffer
    }

    /// A buffer of so many sectors out of the engine's reach, full of a pattern. All of it is copied, and lists are as
    /// long as can be.
    pub fn sectors(&self, sectors: u64, seed: u64) -> Buffer {
        let spec = BufferSpec::new(sectors * SECTOR).placement(Placement::ABOVE_16M);
        self.filled(&spec, &pattern(sectors * SECTOR, seed))
    }

    /// The same in pages all over memory, some of which the engine reaches.
    pub fn scattered(&self, sectors: u64, seed: u64) -> Buffer {
        self.filled(&BufferSpec::new(sectors * SECTOR), &pattern(sectors * SECTOR, seed))
    }

    /// Sectors of the disk in the drive.
    pub fn medium(&self, lba: u64, sectors: u64) -> Vec<u8> {
        let mut bytes = vec![0; (sectors * SECTOR) as usize];
        self.drive.read_medium(lba * SECTOR, &mut bytes).expect("a disk is in the drive");
        bytes
    }

    /// Puts a pattern on the disk.
    pub fn fill_medium(&self, lba: u64, sectors: u64, seed: u64) -> Vec<u8> {
        let bytes = pattern(sectors * SECTOR, seed);
        self.drive.write_medium(lba * SECTOR, &bytes).expect("a disk is in the drive");
        bytes
    }

    pub fn read(&mut self, lba: u64, sectors: u64) -> Result<(Buffer, Report), TransferError<Buffer>> {
        let buffer = self.sectors(sectors, 999);
        self.floppy.read(lba, buffer, Wait::DontWait)
    }

    pub fn write(&mut self, lba: u64, buffer: Buffer) -> Result<(Buffer, Report), TransferError<Buffer>> {
        self.floppy.write(lba, buffer, Wait::DontWait)
    }

    /// Nothing of a transfer is left: channel and copy buffer are free.
    pub fn assert_all_is_free(&self) {
        self.dmae.alloc(2, Wait::DontWait).expect("the channel is free");
        let stats = self.bus.stats();
        assert_eq!((stats.copy_buffer_taken, stats.quarantined_bytes), (0, 0));
    }
}

/// Gives the error of a transfer that must fail, and the object that it gives back, which is whole.
pub fn failed<T: fmt::Debug>(
    result: Result<T, TransferError<Buffer>>,
    sectors: u64,
) -> (TransferErrorKind, Report, Buffer) {
    let error = result.expect_err("it cannot go well");
    assert_eq!(error.object.len(), sectors * SECTOR);
    (error.kind(), *error.report(), error.object)
}

/// A disk of 1.44 MB.
pub fn disk() -> FloppyDisk {
    FloppyDisk::new(FloppyGeometry::MB_1_44)
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
