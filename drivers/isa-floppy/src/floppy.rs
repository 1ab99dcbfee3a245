//! One drive: its motor, its head and its disk.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use ddi_dma::dmae::ChannelError;
use ddi_dma::{Bus, Channel, Device, DmaAttr, DmaObject, Dmae, PortIo, Wait};

use crate::board::Board;
use crate::command;
use crate::config::Config;
use crate::controller::{Controller, Version};
use crate::fault::{Fault, Phase, Remedy};
use crate::geometry::{Geometry, SECTOR};
use crate::outcome::{AttachError, Report, TransferError};
use crate::registers::{ChangeLine, DigitalOutput, Registers};
use crate::status::St0;
use crate::transfer::{Order, Transfer};

/// How long the head takes to stop trembling.
const SETTLE: Duration = Duration::from_millis(15);

/// How long a seek over all cylinders may take.
const SEEK_TIMEOUT: Duration = Duration::from_secs(2);

/// A drive with its controller.
///
/// Dropping it stops the motor.
pub struct Floppy {
    config: Config,
    controller: Controller,
    version: Version,
    dmae: Dmae,
    device: Device,
    state: State,
    motor: Motor,
    /// Where the head is, as far as it is known.
    cylinder: Option<u8>,
    disk: Disk,
}

/// Whether the controller can be given commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NeedsReset,
    Ready,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motor {
    Off,
    On,
}

/// Whether a transfer has seen this disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// None has, or somebody was told that there is none.
    Unseen,
    Seen,
}

impl Floppy {
    /// Attaches the driver: resets the controller and asks for its version. The drive is not touched yet.
    ///
    /// `ports` lead to the controller, which nobody else uses; `dmae` is the engine that it is wired to, and `bus` the bus
    /// that both are on.
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    ///
    /// # Examples
    ///
    /// Where no controller is, ports read as 0xff and no interrupt comes:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use ddi_dma::{Bus, BusConfig, Dmae};
    /// use ddi_dma_sim::{Machine, MachineConfig, NexusKind};
    /// use isa_floppy::{AttachError, Board, Config, Fault, Floppy, Phase, TimedOut};
    ///
    /// struct Silent;
    ///
    /// impl Board for Silent {
    ///     fn expect_interrupt(&self) {}
    ///     fn wait_interrupt(&self, _: Duration) -> Result<(), TimedOut> {
    ///         Err(TimedOut)
    ///     }
    ///     fn delay(&self, _: Duration) {}
    /// }
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
    /// let config = Config { base: 0x2F0, ..Config::default() };
    /// let dmae = Dmae::new(machine.ports());
    /// let refused = Floppy::attach(config, machine.ports(), Arc::new(Silent), &dmae, &bus).unwrap_err();
    /// assert_eq!(refused, AttachError::Drive(Fault::TimedOut { phase: Phase::Reset }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(
        config: Config,
        ports: Arc<dyn PortIo>,
        board: Arc<dyn Board>,
        dmae: &Dmae,
        bus: &Bus,
    ) -> Result<Self, AttachError> {
        if !config.geometry.is_sound() {
            return Err(AttachError::Geometry { geometry: config.geometry });
        }
        dmae.attributes(config.channel)?;
        let mut floppy = Floppy {
            config,
            controller: Controller::new(Registers::new(ports, config.base), board),
            version: Version::Upd765,
            dmae: dmae.clone(),
            device: bus.device(config.drive.name()),
            state: State::NeedsReset,
            motor: Motor::Off,
            cylinder: None,
            disk: Disk::Unseen,
        };
        floppy.reset()?;
        floppy.version = floppy.controller.version()?;
        Ok(floppy)
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How its disks are formatted.
    pub fn geometry(&self) -> &Geometry {
        &self.config.geometry
    }

    /// Which controller it has.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The device as the bus knows it.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Reads sectors from number `lba` on into an object of whole sectors, waiting in this way where a resource is short.
    ///
    /// # Errors
    ///
    /// [`TransferError`], which gives the object back.
    pub fn read<O: DmaObject>(
        &mut self,
        lba: u64,
        object: O,
        wait: Wait<'_>,
    ) -> Result<(O, Report), TransferError<O>> {
        self.prepare(&Order::read(lba), object, wait)?.run(self)
    }

    /// Writes an object of whole sectors to the disk, from sector number `lba` on, waiting in this way where a resource is
    /// short.
    ///
    /// # Errors
    ///
    /// [`TransferError`], which gives the object back.
    pub fn write<O: DmaObject>(
        &mut self,
        lba: u64,
        object: O,
        wait: Wait<'_>,
    ) -> Result<(O, Report), TransferError<O>> {
        self.prepare(&Order::write(lba), object, wait)?.run(self)
    }

    /// Gets all that a transfer needs, and leaves the drive alone: [`Transfer::run`] does the rest, with this drive.
    ///
    /// Only this waits. With [`Wait::Callback`] it gives up where channel or copy buffer is short, and the callback tries
    /// again; it holds nothing meanwhile.
    ///
    /// # Errors
    ///
    /// [`TransferError`], which gives the object back.
    pub fn prepare<O: DmaObject>(
        &self,
        order: &Order,
        object: O,
        wait: Wait<'_>,
    ) -> Result<Transfer<O>, TransferError<O>> {
        Transfer::prepare(self, order, object, wait)
    }

    /// Resets the controller. The motor stays as it is; where the head is, is not known any more.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn reset(&mut self) -> Result<(), Fault> {
        (self.state, self.cylinder) = (State::NeedsReset, None);
        self.controller.reset(self.output())?;
        self.controller.set_up(self.config.geometry.rate)?;
        self.state = State::Ready;
        Ok(())
    }

    /// Has the head find track 0.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn recalibrate(&mut self) -> Result<(), Fault> {
        self.cylinder = None;
        let first = self.find_track_0();
        let found = match first {
            // Behind cylinder 79 the first attempt has too few pulses.
            Err(Fault::Seek { st0, .. }) if st0.contains(St0::EQUIPMENT_CHECK) => self.find_track_0(),
            other => other,
        };
        found.map_err(|fault| self.noting(fault))
    }

    /// Has the head go to a cylinder, where it is not there already.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn seek(&mut self, cylinder: u8) -> Result<(), Fault> {
        if self.cylinder == Some(cylinder) {
            return Ok(());
        }
        self.move_head(cylinder, &command::seek(self.config.drive, cylinder))
            .map_err(|fault| self.noting(fault))
    }

    /// Starts the motor, where it does not run, and waits until it has its speed.
    pub fn motor_on(&mut self) {
        if self.motor == Motor::Off {
            self.motor = Motor::On;
            self.controller.set_digital_output(self.output());
            self.controller.delay(self.config.spin_up);
        }
    }

    /// Stops the motor: to be called some seconds after a transfer that no other one followed.
    pub fn motor_off(&mut self) {
        self.motor = Motor::Off;
        self.controller.set_digital_output(self.output());
    }

    /// What an engine can do, as this device uses it: it moves whole sectors.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::Dmae;
    /// use ddi_dma_sim::{Machine, MachineConfig};
    /// use isa_floppy::Floppy;
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let attributes = Floppy::attributes(&Dmae::new(machine.ports()).attributes(2)?);
    /// assert_eq!((attributes.granular, attributes.addr_hi, attributes.seg), (512, 0xFF_FFFF, 0xFFFF));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attributes(engine: &DmaAttr) -> DmaAttr {
        DmaAttr { granular: SECTOR as u32, ..*engine }
    }

    pub(crate) fn alloc_channel(&self, wait: Wait<'_>) -> Result<Channel, ChannelError> {
        self.dmae.alloc(self.config.channel, wait)
    }

    pub(crate) fn controller(&self) -> &Controller {
        &self.controller
    }

    /// Makes the drive ready for a command at a cylinder.
    pub(crate) fn make_ready(&mut self, cylinder: u8) -> Result<(), Fault> {
        if self.state == State::NeedsReset {
            self.reset().map_err(|fault| self.noting(fault))?;
        }
        self.motor_on();
        self.notice_change()?;
        if self.cylinder.is_none() {
            self.recalibrate()?;
        }
        self.seek(cylinder)
    }

    /// Takes note of what a fault says about the controller: what [`make_ready`](Self::make_ready) has to do next.
    pub(crate) fn noting(&mut self, fault: Fault) -> Fault {
        match fault.remedy() {
            Remedy::None => {}
            Remedy::Recalibrate => self.cylinder = None,
            Remedy::Reset => self.state = State::NeedsReset,
        }
        fault
    }

    /// Looks whether the disk was taken out. A step of the head clears the line, if a disk is in the drive.
    fn notice_change(&mut self) -> Result<(), Fault> {
        if self.controller.change_line() == ChangeLine::Active {
            let before = core::mem::replace(&mut self.disk, Disk::Unseen);
            self.recalibrate()?;
            self.seek(1)?;
            self.seek(0)?;
            if self.controller.change_line() == ChangeLine::Active {
                return Err(Fault::NoDisk);
            }
            if before == Disk::Seen {
                return Err(Fault::DiskChanged);
            }
        }
        self.disk = Disk::Seen;
        Ok(())
    }

    fn find_track_0(&mut self) -> Result<(), Fault> {
        self.motor_on();
        self.move_head(0, &command::recalibrate(self.config.drive))
    }

    fn move_head(&mut self, cylinder: u8, command: &[u8]) -> Result<(), Fault> {
        self.cylinder = None;
        self.controller.start(command)?;
        self.controller.wait_interrupt(Phase::Seek, SEEK_TIMEOUT)?;
        let (st0, at) = self.controller.sense_interrupt()?;
        let arrived = st0.contains(St0::SEEK_END) && !st0.intersects(St0::INVALID | St0::ABNORMAL);
        if !arrived || at != cylinder {
            return Err(Fault::Seek { cylinder, at, st0 });
        }
        self.controller.delay(SETTLE);
        self.cylinder = Some(cylinder);
        Ok(())
    }

    /// What the digital output register is to hold.
    fn output(&self) -> DigitalOutput {
        let drive = self.config.drive.number();
        let motor = match self.motor {
            Motor::Off => 0,
            Motor::On => DigitalOutput::MOTOR_0.bits() << drive,
        };
        DigitalOutput::NOT_RESET | DigitalOutput::GATE | DigitalOutput::from_bits_retain(motor | drive)
    }
}

impl Drop for Floppy {
    fn drop(&mut self) {
        self.motor_off();
    }
}

impl fmt::Debug for Floppy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Floppy")
            .field("config", &self.config)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
