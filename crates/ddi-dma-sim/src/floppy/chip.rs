//! The controller: registers, the three phases of a command, and the drive on its cable.

use std::collections::VecDeque;

use super::catalog::DataRate;
use super::command::{Command, TransferKind, Way};
use super::disk::{Encoding, FloppyDisk, Recording, SectorId};
use super::drive::{ChangeLine, Drive};
use super::execution::{BytePort, Ending, Exchange, Execution, Progress, ReadId, Unit};
use super::format::Format;
use super::seeks::{Seek, Seeks, Stepping};
use super::setup::{Mode, SeekFirst, Setup};
use super::status::{dir, dor, dsr, msr, st0, st3};
use super::transfer::{Order, Transfer};
use crate::disk::Stepped;

/// What VERSION tells: a controller with the commands of the 82077AA's family.
const VERSION: u8 = 0x90;

/// The controller's state.
#[derive(Debug)]
pub(super) struct Chip {
    pub(super) drive: Drive,
    pub(super) mishaps: Mishaps,
    dor: u8,
    rate: DataRate,
    phase: Phase,
    polling: Polling,
    seeks: Seeks,
    setup: Setup,
    interrupt: Line,
    /// The byte that last passed the data register.
    last_byte: u8,
}

/// What a test wants to go wrong.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    pub(super) interrupt: Option<LostInterrupt>,
    pub(super) cut: Option<u64>,
}

/// The next interrupt is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LostInterrupt;

/// Where a command is.
#[derive(Debug)]
enum Phase {
    /// The digital output register holds the controller in reset.
    Reset,
    /// Bytes of a command are taken; none have been where the controller is idle.
    Command(Vec<u8>),
    Execution(Execution),
    /// Bytes of a result are given.
    Result(VecDeque<u8>),
}

/// Whether a reset has yet to be followed by its look at all drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Polling {
    Ended,
    Due,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Low,
    High,
}

impl Chip {
    /// A controller as it is when it was just switched on: in reset.
    pub(super) fn new(drive: Drive) -> Self {
        Chip {
            drive,
            mishaps: Mishaps::default(),
            dor: 0,
            rate: DataRate::Kbps250,
            phase: Phase::Reset,
            polling: Polling::Ended,
            seeks: Seeks::default(),
            setup: Setup::new(),
            interrupt: Line::Low,
            last_byte: 0xFF,
        }
    }

    /// Takes the disk out of the drive, and away from the command that uses it.
    pub(super) fn eject(&mut self) -> Option<FloppyDisk> {
        if let Phase::Execution(execution) = &mut self.phase {
            execution.lose_disk(&mut self.drive);
        }
        self.drive.eject()
    }

    /// Whether the interrupt reaches the bus.
    pub(super) fn interrupting(&self) -> bool {
        let raised = self.interrupt == Line::High || self.processor_byte().is_some();
        raised && self.gate_open()
    }

    /// Whether the request for DMA, if there is one, reaches the bus.
    pub(super) fn gate_open(&self) -> bool {
        self.dor & dor::GATE != 0
    }

    /// Whether a command exchanges bytes by DMA.
    pub(super) fn uses_dma(&self) -> bool {
        matches!(self.phase, Phase::Execution(_)) && self.setup.mode() == Mode::Dma
    }

    pub(super) fn digital_output(&self) -> u8 {
        self.dor
    }

    /// Writes the digital output register.
    pub(super) fn set_digital_output(&mut self, value: u8) {
        let was_reset = self.dor & dor::NOT_RESET == 0;
        let is_reset = value & dor::NOT_RESET == 0;
        self.dor = value;
        if is_reset {
            self.reset();
            self.polling = Polling::Ended;
            self.phase = Phase::Reset;
        } else if was_reset {
            self.reset();
        }
    }

    pub(super) fn main_status(&self) -> u8 {
        let phase = match &self.phase {
            Phase::Reset => return 0,
            Phase::Command(bytes) if bytes.is_empty() => msr::REQUEST,
            Phase::Command(_) => msr::REQUEST | msr::BUSY,
            Phase::Result(_) => msr::REQUEST | msr::TO_PROCESSOR | msr::BUSY,
            Phase::Execution(_) => match (self.setup.mode(), self.processor_byte()) {
                (Mode::Dma, _) => msr::BUSY,
                (Mode::NonDma, None) => msr::BUSY | msr::NON_DMA,
                (Mode::NonDma, Some(Way::ToDisk)) => msr::REQUEST | msr::BUSY | msr::NON_DMA,
                (Mode::NonDma, Some(Way::FromDisk)) => {
                    msr::REQUEST | msr::TO_PROCESSOR | msr::BUSY | msr::NON_DMA
                }
            },
        };
        phase | self.seeks.busy()
    }

    /// Writes the data rate select register.
    pub(super) fn select_rate(&mut self, value: u8) {
        self.rate = DataRate::of_register(value & dsr::RATE);
        if value & dsr::RESET != 0 && self.dor & dor::NOT_RESET != 0 {
            self.reset();
        }
    }

    /// Writes the configuration control register.
    pub(super) fn configure_rate(&mut self, value: u8) {
        self.rate = DataRate::of_register(value);
    }

    /// Reads the digital input register. The lines of a drive that is not selected rest.
    pub(super) fn digital_input(&mut self) -> u8 {
        match self.selected().map(|drive| drive.change()) {
            Some(ChangeLine::Active) => dir::FLOATING | dir::CHANGED,
            Some(ChangeLine::Inactive) | None => dir::FLOATING,
        }
    }

    /// Reads the data register. Where it has nothing to give it shows the last byte that passed it.
    pub(super) fn read_data(&mut self) -> u8 {
        if let Phase::Result(bytes) = &mut self.phase {
            if let Some(byte) = bytes.pop_front() {
                self.last_byte = byte;
            }
            if bytes.is_empty() {
                self.phase = Phase::Command(Vec::new());
            }
            if !self.seeks.any_unsensed() {
                self.interrupt = Line::Low;
            }
        } else if self.processor_byte() == Some(Way::FromDisk) {
            let mut byte = 0;
            self.advance(&mut Processor(Some(&mut byte)));
            self.last_byte = byte;
        }
        self.last_byte
    }

    /// Writes the data register. A byte that nobody asked for is lost.
    pub(super) fn write_data(&mut self, mut value: u8) {
        if let Phase::Command(bytes) = &mut self.phase {
            self.last_byte = value;
            bytes.push(value);
            let bytes = std::mem::take(bytes);
            self.phase = self.after_byte(bytes);
        } else if self.processor_byte() == Some(Way::ToDisk) {
            self.last_byte = value;
            self.advance(&mut Processor(Some(&mut value)));
        }
    }

    /// Goes on with whatever takes time: the look at the drives after a reset, seeks, and the execution of a command.
    pub(super) fn step(&mut self, dma: &mut dyn BytePort) -> Stepped {
        let mut ended = 0;
        if std::mem::replace(&mut self.polling, Polling::Ended) == Polling::Due {
            self.seeks.poll();
            ended += 1;
        }
        let selected = self.motor_runs().then_some(&mut self.drive);
        ended += self.seeks.run(selected);
        if ended > 0 {
            self.raise_interrupt();
        }
        let executed = match self.setup.mode() {
            Mode::Dma => self.advance(dma),
            Mode::NonDma => self.advance(&mut Processor(None)),
        };
        if ended > 0 { Stepped::Done } else { executed }
    }

    /// Ends whatever goes on. The look at the drives comes later.
    fn reset(&mut self) {
        if let Phase::Execution(execution) = &mut self.phase {
            execution.abandon(&mut self.drive);
        }
        self.phase = Phase::Command(Vec::new());
        self.seeks = Seeks::default();
        self.setup.reset();
        self.interrupt = Line::Low;
        self.polling = Polling::Due;
    }

    /// Drive 0 is the only one, and its select line is let through by its motor's.
    fn motor_runs(&self) -> bool {
        self.dor & dor::SELECT == 0 && self.dor & dor::MOTOR != 0
    }

    fn selected(&mut self) -> Option<&mut Drive> {
        self.motor_runs().then_some(&mut self.drive)
    }

    /// Which way the processor is to move a byte of an execution without DMA.
    fn processor_byte(&self) -> Option<Way> {
        let turns = self.motor_runs() && self.drive.disk().is_some();
        match &self.phase {
            Phase::Execution(execution) if turns && self.setup.mode() == Mode::NonDma => execution.wants(),
            _ => None,
        }
    }

    fn raise_interrupt(&mut self) {
        if self.mishaps.interrupt.take().is_none() {
            self.interrupt = Line::High;
        }
    }

    fn advance(&mut self, port: &mut dyn BytePort) -> Stepped {
        let selected = self.motor_runs().then_some(&mut self.drive);
        let Phase::Execution(execution) = &mut self.phase else { return Stepped::Idle };
        let Progress::Ended(ending) = execution.advance(selected, port) else { return Stepped::Idle };
        self.end(&ending);
        Stepped::Done
    }

    fn end(&mut self, ending: &Ending) {
        self.phase = Phase::Result(ending.bytes().into());
        self.raise_interrupt();
    }

    /// The phase behind another byte of a command.
    fn after_byte(&mut self, bytes: Vec<u8>) -> Phase {
        let [first, parameters @ ..] = &bytes[..] else { return Phase::Command(bytes) };
        match Command::decode(*first) {
            None => result(&[st0::INVALID]),
            Some(command) if parameters.len() < command.parameters() => Phase::Command(bytes),
            Some(command) => self.start(command, parameters),
        }
    }

    /// Starts a command, all bytes of which are there: gives the phase that follows.
    fn start(&mut self, command: Command, parameters: &[u8]) -> Phase {
        let byte = |index: usize| parameters.get(index).copied().unwrap_or_default();
        let unit = Unit::of_byte(byte(0));
        match command {
            Command::Specify => self.setup.specify([byte(0), byte(1)]),
            Command::Configure => self.setup.configure([byte(0), byte(1), byte(2)]),
            Command::Perpendicular => self.setup.perpendicular(byte(0)),
            Command::Recalibrate => self.seeks.start(unit.drive, Seek::Recalibrate),
            Command::Seek => self.seeks.start(unit.drive, Seek::To(byte(1))),
            Command::SenseDrive => return result(&[self.drive_status(unit)]),
            Command::SenseInterrupt => return self.sense_interrupt(),
            Command::DumpRegisters => {
                return result(&[&self.seeks.counted()[..], &self.setup.dump()].concat());
            }
            Command::Version => return result(&[VERSION]),
            Command::Lock(lock) => return result(&[self.setup.lock(lock)]),
            Command::ReadId(encoding) => {
                let recording = self.recording(encoding);
                return Phase::Execution(Execution::ReadId(ReadId { unit, recording }));
            }
            Command::Format(encoding) => {
                self.setup.count = byte(2);
                let format = Format::new(self.recording(encoding), parameters);
                return Phase::Execution(Execution::Format(format));
            }
            Command::Transfer(kind) => {
                let [cylinder, head, sector, size] = [byte(1), byte(2), byte(3), byte(4)];
                let transfer = self.transfer(kind, unit, SectorId { cylinder, head, sector, size }, byte(5));
                return Phase::Execution(Execution::Transfer(transfer));
            }
        }
        Phase::Command(Vec::new())
    }

    fn transfer(&mut self, kind: TransferKind, unit: Unit, id: SectorId, end_of_track: u8) -> Transfer {
        let selected = self.motor_runs().then_some(&mut self.drive);
        let seek = match self.setup.seek_first() {
            SeekFirst::No => Stepping::None,
            SeekFirst::Yes => self.seeks.step_to(unit.drive, id.cylinder, selected),
        };
        self.setup.count = end_of_track;
        let (recording, cut) = (self.recording(kind.encoding), self.mishaps.cut.take());
        Transfer::new(Order { kind, recording, unit, id, end_of_track, seek, cut })
    }

    fn recording(&self, encoding: Encoding) -> Recording {
        Recording { encoding, rate: self.rate }
    }

    fn drive_status(&mut self, unit: Unit) -> u8 {
        let lines = self.selected().map_or(0, |drive| {
            let protected = if drive.protected() { st3::PROTECTED } else { 0 };
            let track_0 = if drive.at_track_0() { st3::TRACK_0 } else { 0 };
            protected | track_0
        });
        st3::ALWAYS | lines | unit.bits()
    }

    /// The interrupt falls with the last drive that had something to tell. Without any this is no command.
    fn sense_interrupt(&mut self) -> Phase {
        let Some(bytes) = self.seeks.sense() else { return result(&[st0::INVALID]) };
        if !self.seeks.any_unsensed() {
            self.interrupt = Line::Low;
        }
        result(&bytes)
    }
}

fn result(bytes: &[u8]) -> Phase {
    Phase::Result(bytes.to_vec().into())
}

/// The processor at the data register: it moves a byte, or none.
struct Processor<'a>(Option<&'a mut u8>);

impl BytePort for Processor<'_> {
    fn exchange(&mut self, way: Way, byte: &mut u8) -> Exchange {
        let Some(register) = self.0.take() else { return Exchange::Nothing };
        match way {
            Way::FromDisk => *register = *byte,
            Way::ToDisk => *byte = *register,
        }
        Exchange::Byte
    }
}
