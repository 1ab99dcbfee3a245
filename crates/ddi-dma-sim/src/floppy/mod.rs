//! A floppy disk controller with a drive, as on a PC/AT: an 82077AA, which does what a uPD765 did, and DMA channel 2.

mod catalog;
mod chip;
mod command;
mod disk;
mod drive;
mod execution;
mod floppies;
mod format;
mod seeks;
mod setup;
mod status;
mod transfer;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{MachineConfig, Patience};
use crate::disk::Stepped;
use crate::isa_dma::{Cycle, DmaChannel, DmaLine, TerminalCount};
use crate::ports::{IsaPorts, PortDevice};
pub use catalog::{DataRate, FLOPPIES, FloppyGeometry, FloppySpec};
use chip::{Chip, LostInterrupt};
use command::Way;
pub use disk::{Flaw, FloppyDisk, WriteProtection};
use drive::Drive;
use execution::{BytePort, Exchange};
pub(crate) use floppies::Floppies;
pub use floppies::NoPortsLeft;

/// Offsets of the ports.
const DIGITAL_OUTPUT: u16 = 2;
const MAIN_STATUS: u16 = 4;
const DATA: u16 = 5;
const DIGITAL_INPUT: u16 = 7;

/// A floppy disk controller with one drive, as its data sheet has it.
///
/// Drivers reach it through its ports ([`Machine::ports`](crate::Machine::ports)): at [`base`](Self::base) + 2 the
/// digital output register, + 4 main status (written: data rate select), + 5 data, + 7 digital input (written:
/// configuration control). It does nothing until it is let run ([`step`](Self::step), or
/// [`Machine::run`](crate::Machine::run)): then the reset, the seeks and the command that are under way go on.
///
/// A driver that emulators let pass may fail here:
/// - The controller wakes up at 250 kbit/s. Until somebody writes the configuration control register, a disk of
///   high density shows no address mark.
/// - The drive is selected only while its motor runs. Where no disk turns, a command that looks for a sector does
///   not end and does not interrupt, until a reset.
/// - The head lies anywhere at first, and reaches cylinder 82. RECALIBRATE sends 79 pulses at the most.
/// - The disk change line falls with a step pulse, which a seek to where the head is does not have.
/// - The interrupt of a reset lasts until all four drives were asked for, that of a result until its first byte is
///   read.
/// - Without terminal count a transfer ends abnormally behind the last sector of the track, even where the driver
///   wanted no more, and tells the number of that last sector.
/// - A verify cycle of the DMA controller is an overrun, and so is one in the wrong direction: the byte did not
///   pass.
/// - A reset, or an ejected disk, in the middle of a write leaves a sector whose check bytes do not match.
///
/// What the data sheet leaves open: a read of the data register where it has nothing gives the last byte that
/// passed it. Without DMA (SPECIFY with its lowest bit set) bytes pass the data register, and nothing raises
/// terminal count.
///
/// It does not know READ TRACK, VERIFY, SCAN and RELATIVE SEEK, which it answers as invalid, nor a tape drive
/// register.
///
/// # Examples
///
/// A driver asks for the version of a controller that it has taken out of reset:
///
/// ```
/// use ddi_dma::PortIo;
/// use ddi_dma_sim::{Machine, MachineConfig};
///
/// let machine = Machine::new(MachineConfig::default())?;
/// let (ports, base) = (machine.ports(), machine.floppy().base());
/// ports.write(base + 2, 0x0C);
/// machine.run();
/// assert!(machine.floppy().interrupting());
/// for drive in 0..4 {
///     ports.write(base + 5, 0x08);
///     assert_eq!([ports.read(base + 5), ports.read(base + 5)], [0xC0 | drive, 0]);
/// }
/// ports.write(base + 5, 0x10);
/// assert_eq!(ports.read(base + 5), 0x90);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FloppyController {
    spec: &'static FloppySpec,
    base: u16,
    line: DmaLine,
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chip: Chip,
    request: Request,
}

/// The line that asks for DMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Low,
    High,
}

/// A mishap that a test wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FloppyInjection {
    /// The data of a sector of the disk that is in the drive is damaged.
    Damage {
        /// Cylinder.
        cylinder: u8,
        /// Head.
        head: u8,
        /// Sector; the first is 1.
        sector: u8,
        /// For how long.
        flaw: Flaw,
    },
    /// Terminal count comes with this byte of the next transfer, whatever the DMA controller counts: the transfer is
    /// short and ends well.
    ShortTransfer {
        /// Bytes that it moves, one at least: terminal count comes with a byte.
        after: u64,
    },
    /// The next interrupt is lost.
    LostInterrupt,
}

impl FloppyController {
    /// Makes a controller with a disk in its drive. The machine's seed says where the head lies.
    fn new(spec: &'static FloppySpec, base: u16, line: DmaLine, config: &MachineConfig) -> Arc<Self> {
        let head_at = (config.seed % u64::from(spec.geometry.cylinders.max(1))) as u8;
        let drive = Drive::new(FloppyDisk::new(spec.geometry), head_at);
        let state = Mutex::new(State { chip: Chip::new(drive), request: Request::Low });
        Arc::new(FloppyController { spec, base, line, patience: config.floppy_patience, state })
    }

    /// Takes its ports. Those between belong to the fixed disk, and to a PS/2.
    fn claim(self: &Arc<Self>, ports: &IsaPorts) {
        let (first, last) = (self.base + DIGITAL_OUTPUT, self.base + DATA);
        ports.claim(first..=last, self.clone());
        let digital_input = self.base + DIGITAL_INPUT;
        ports.claim(digital_input..=digital_input, self.clone());
    }

    /// What the controller and its drive are.
    pub fn spec(&self) -> &'static FloppySpec {
        self.spec
    }

    /// The first of its eight ports.
    pub fn base(&self) -> u16 {
        self.base
    }

    /// The DMA channel that it is wired to.
    pub fn channel(&self) -> DmaChannel {
        floppies::CHANNEL
    }

    /// Whether it raises its interrupt line, IRQ 6 for the one at 0x3f0.
    pub fn interrupting(&self) -> bool {
        self.state().chip.interrupting()
    }

    /// Lets the controller run as far as it can. Tells whether something ended: a reset, a seek or a command.
    pub fn step(&self) -> Stepped {
        let mut state = self.state();
        let state = &mut *state;
        let gate = if state.chip.gate_open() { Gate::Open } else { Gate::Closed };
        let mut dma = Dma { line: &self.line, patience: self.patience, gate, request: &mut state.request };
        let stepped = state.chip.step(&mut dma);
        self.withdraw_request(state);
        stepped
    }

    /// Makes something go wrong.
    ///
    /// # Errors
    ///
    /// One where a sector is to be damaged that is not there.
    pub fn inject(&self, injection: FloppyInjection) -> io::Result<()> {
        let mut state = self.state();
        match injection {
            FloppyInjection::Damage { cylinder, head, sector, flaw } => {
                let disk = state.chip.drive.disk_mut().ok_or_else(no_disk)?;
                return disk.damage(cylinder, head, sector, flaw);
            }
            FloppyInjection::ShortTransfer { after } => state.chip.mishaps.cut = Some(after.max(1)),
            FloppyInjection::LostInterrupt => state.chip.mishaps.interrupt = Some(LostInterrupt),
        }
        Ok(())
    }

    /// Puts a disk into the drive, and gives the one that was there.
    pub fn insert(&self, disk: FloppyDisk) -> Option<FloppyDisk> {
        let mut state = self.state();
        let former = state.chip.eject();
        state.chip.drive.insert(disk);
        former
    }

    /// Takes the disk out of the drive.
    pub fn eject(&self) -> Option<FloppyDisk> {
        self.state().chip.eject()
    }

    /// Reads the disk past the controller.
    ///
    /// # Errors
    ///
    /// One where there is no disk, or not all bytes are on it.
    pub fn read_medium(&self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.state().chip.drive.disk().ok_or_else(no_disk)?.read(offset, to)
    }

    /// Writes the disk past the controller.
    ///
    /// # Errors
    ///
    /// One where there is no disk, or not all bytes are on it.
    pub fn write_medium(&self, offset: u64, from: &[u8]) -> io::Result<()> {
        self.state().chip.drive.disk_mut().ok_or_else(no_disk)?.write(offset, from)
    }

    /// Lets the request fall where the command that raised it is over, or the gate was closed.
    fn withdraw_request(&self, state: &mut State) {
        let asks = state.chip.uses_dma() && state.chip.gate_open();
        if state.request == Request::High && !asks {
            self.line.withdraw();
            state.request = Request::Low;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PortDevice for FloppyController {
    fn read(&self, port: u16) -> u8 {
        let chip = &mut self.state().chip;
        match port - self.base {
            DIGITAL_OUTPUT => chip.digital_output(),
            MAIN_STATUS => chip.main_status(),
            DATA => chip.read_data(),
            DIGITAL_INPUT => chip.digital_input(),
            _ => 0xFF,
        }
    }

    fn write(&self, port: u16, value: u8) {
        let mut state = self.state();
        match port - self.base {
            DIGITAL_OUTPUT => state.chip.set_digital_output(value),
            MAIN_STATUS => state.chip.select_rate(value),
            DATA => state.chip.write_data(value),
            DIGITAL_INPUT => state.chip.configure_rate(value),
            _ => {}
        }
        self.withdraw_request(&mut state);
    }
}

fn no_disk() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no disk in the drive")
}

/// The gate of the digital output register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Closed,
}

/// The DMA channel, as a command's execution uses it.
struct Dma<'a> {
    line: &'a DmaLine,
    patience: Patience,
    gate: Gate,
    request: &'a mut Request,
}

impl BytePort for Dma<'_> {
    fn exchange(&mut self, way: Way, byte: &mut u8) -> Exchange {
        let cycle = match self.gate {
            Gate::Open => self.line.request(std::slice::from_mut(byte)),
            Gate::Closed => Cycle::None,
        };
        *self.request = match (self.gate, cycle) {
            (Gate::Open, Cycle::None) => Request::High,
            _ => Request::Low,
        };
        match (way, cycle) {
            (_, Cycle::None) => match self.patience {
                Patience::Waits => Exchange::Nothing,
                Patience::Overruns => Exchange::Lost,
            },
            (Way::FromDisk, Cycle::FromDevice(count)) | (Way::ToDisk, Cycle::ToDevice(count)) => {
                match count {
                    TerminalCount::No => Exchange::Byte,
                    TerminalCount::Yes => Exchange::LastByte,
                }
            }
            // DACK came, but not the strobe that moves a byte this way.
            (_, Cycle::FromDevice(_) | Cycle::ToDevice(_) | Cycle::Verify(_) | Cycle::Granted) => {
                Exchange::Lost
            }
        }
    }
}
