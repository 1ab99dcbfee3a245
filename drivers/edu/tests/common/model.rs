//! A model of the device: what its specification says, and what QEMU 7.2 makes of it.
//!
//! Where the real one takes QEMU down with it, the model dies and says of what: from then on it answers nothing, and
//! [`EduModel::assert_alive`] fails. Time passes only while somebody rests on the interrupt.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ddi_dma::{Interrupt, Raised, Registers, TimedOut};
use ddi_dma_sim::{BusFault, DeviceBus};

/// Rests that a DMA takes.
const DMA_RESTS: u32 = 3;
/// Where the engine finds the buffer, and its bytes.
const BUFFER: u64 = 0x4_0000;
const BUFFER_SIZE: u64 = 4096;
const RUN: u64 = 1;
const TO_MEMORY: u64 = 2;
const DMA_INTERRUPT: u64 = 4;
const COMPUTING: u32 = 0x01;
const FACTORIAL_INTERRUPT: u32 = 0x80;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing.
    None,
    /// What is started does not end, until this is over.
    Hangs,
    /// Interrupts get lost.
    LostInterrupts,
    /// The line interrupts all the time, and nothing ends.
    Storm,
    /// Behind so many DMAs the device is gone.
    GoneAfter(u64),
    /// Behind so many DMAs nothing ends any more.
    HangsAfter(u64),
}

#[derive(Debug)]
struct State {
    liveness: u32,
    factorial: u32,
    status: u32,
    causes: u32,
    source: u64,
    destination: u64,
    count: u64,
    command: u64,
    buffer: Vec<u8>,
    /// Rests until what runs has ended.
    left: u32,
    line: Raised,
    mishap: Mishap,
    dmas: u64,
    longest: u64,
    death: Option<String>,
    fault: Option<BusFault>,
}

/// The device.
#[derive(Debug)]
pub struct EduModel {
    bus: Arc<dyn DeviceBus>,
    identification: u32,
    state: Mutex<State>,
}

/// Its BAR 0.
pub struct Bar0(pub Arc<EduModel>, pub u64);

/// Its interrupt.
pub struct Line(pub Arc<EduModel>);

impl EduModel {
    pub fn new(bus: Arc<dyn DeviceBus>) -> Arc<Self> {
        Self::of_version(bus, 0x0100_00ed)
    }

    pub fn of_version(bus: Arc<dyn DeviceBus>, identification: u32) -> Arc<Self> {
        let state = State {
            liveness: 0,
            factorial: 0,
            status: 0,
            causes: 0,
            source: 0,
            destination: 0,
            count: 0,
            command: 0,
            buffer: vec![0; BUFFER_SIZE as usize],
            left: 0,
            line: Raised::No,
            mishap: Mishap::None,
            dmas: 0,
            longest: 0,
            death: None,
            fault: None,
        };
        Arc::new(EduModel { bus, identification, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics in the model")
    }

    pub fn set_mishap(&self, mishap: Mishap) {
        self.state().mishap = mishap;
    }

    /// The device's buffer.
    pub fn buffer(&self) -> Vec<u8> {
        self.state().buffer.clone()
    }

    pub fn fill_buffer(&self, bytes: &[u8]) {
        self.state().buffer[..bytes.len()].copy_from_slice(bytes);
    }

    /// DMAs that have ended.
    pub fn dmas(&self) -> u64 {
        self.state().dmas
    }

    /// Bytes of the longest.
    pub fn longest(&self) -> u64 {
        self.state().longest
    }

    /// The last access that the bus refused.
    pub fn fault(&self) -> Option<BusFault> {
        self.state().fault
    }

    /// What the device died of.
    pub fn death(&self) -> Option<String> {
        self.state().death.clone()
    }

    pub fn assert_alive(&self) {
        assert_eq!((self.death(), self.fault()), (None, None));
    }

    /// Lets time pass.
    pub fn rest(&self) {
        let mut state = self.state();
        match state.mishap {
            Mishap::Storm => state.line = Raised::Yes,
            Mishap::Hangs => {}
            Mishap::HangsAfter(dmas) | Mishap::GoneAfter(dmas) if state.dmas >= dmas => {}
            _ => state.pass(&*self.bus),
        }
    }
}

impl State {
    fn pass(&mut self, bus: &dyn DeviceBus) {
        self.left = self.left.saturating_sub(1);
        if self.left > 0 || self.death.is_some() {
            return;
        }
        if self.status & COMPUTING != 0 {
            self.status &= !COMPUTING;
            self.factorial = (1..=self.factorial).fold(1, u32::wrapping_mul);
            if self.status & FACTORIAL_INTERRUPT != 0 {
                self.raise(0x001);
            }
        }
        if self.command & RUN != 0 {
            self.dma(bus);
        }
    }

    fn dma(&mut self, bus: &dyn DeviceBus) {
        let to_memory = self.command & TO_MEMORY != 0;
        let (here, there) =
            if to_memory { (self.source, self.destination) } else { (self.destination, self.source) };
        // Off by one, as the real one: the last byte cannot be had.
        let end = BUFFER + BUFFER_SIZE;
        if here < BUFFER || here >= end || here.checked_add(self.count).is_none_or(|last| last >= end) {
            self.death = Some(format!("DMA of {:#x} bytes at {here:#x} leaves the buffer", self.count));
            return;
        }
        if there > 0x0FFF_FFFF || there + self.count > 0x1000_0000 {
            self.death = Some(format!("address {there:#x} would have been masked to another one"));
            return;
        }
        let place = (here - BUFFER) as usize..(here - BUFFER + self.count) as usize;
        let moved = if to_memory {
            bus.write(there, &self.buffer[place])
        } else {
            bus.read(there, &mut self.buffer[place])
        };
        // As the real one: whoever started the DMA learns nothing of it.
        self.fault = moved.err().or(self.fault);
        self.dmas += 1;
        self.longest = self.longest.max(self.count);
        self.command &= !RUN;
        if self.command & DMA_INTERRUPT != 0 {
            self.raise(0x100);
        }
    }

    fn raise(&mut self, cause: u32) {
        self.causes |= cause;
        if self.mishap != Mishap::LostInterrupts {
            self.line = Raised::Yes;
        }
    }

    fn answers(&self) -> bool {
        let gone = matches!(self.mishap, Mishap::GoneAfter(dmas) if self.dmas >= dmas);
        self.death.is_none() && !gone
    }

    fn refuse(&mut self, access: &str, offset: u64) {
        self.death = Some(format!("{access} at {offset:#x}, where no such register is"));
    }
}

impl Registers for Bar0 {
    fn length(&self) -> u64 {
        self.1
    }

    fn read32(&self, offset: u64) -> u32 {
        let mut state = self.0.state();
        if !state.answers() {
            return u32::MAX;
        }
        match offset {
            0x00 => self.0.identification,
            0x04 => !state.liveness,
            0x08 => state.factorial,
            0x20 => state.status,
            0x24 => state.causes,
            _ => {
                state.refuse("a read of 32 bits", offset);
                u32::MAX
            }
        }
    }

    fn write32(&self, offset: u64, value: u32) {
        let mut state = self.0.state();
        match offset {
            _ if !state.answers() => {}
            0x04 => state.liveness = value,
            0x08 if state.status & COMPUTING == 0 => {
                state.factorial = value;
                state.status |= COMPUTING;
                state.left = DMA_RESTS;
            }
            0x08 => {}
            0x20 => state.status = state.status & COMPUTING | value & FACTORIAL_INTERRUPT,
            0x64 => state.causes &= !value,
            _ => state.refuse("a write of 32 bits", offset),
        }
    }

    fn read64(&self, offset: u64) -> u64 {
        let mut state = self.0.state();
        if !state.answers() {
            return u64::MAX;
        }
        match offset {
            0x80 => state.source,
            0x88 => state.destination,
            0x90 => state.count,
            0x98 => state.command,
            _ => {
                state.refuse("a read of 64 bits", offset);
                u64::MAX
            }
        }
    }

    fn write64(&self, offset: u64, value: u64) {
        let mut state = self.0.state();
        let running = state.command & RUN != 0;
        match offset {
            _ if !state.answers() => {}
            // What is written to a running engine is lost.
            0x80 | 0x88 | 0x90 | 0x98 if running => {}
            0x80 => state.source = value,
            0x88 => state.destination = value,
            0x90 => state.count = value,
            0x98 => {
                state.command = value;
                state.left = DMA_RESTS;
            }
            _ => state.refuse("a write of 64 bits", offset),
        }
    }
}

impl Interrupt for Line {
    fn wait(&self, limit: Duration) -> Result<(), TimedOut> {
        self.0.rest();
        match self.take() {
            Raised::Yes => Ok(()),
            Raised::No => Err(TimedOut { limit }),
        }
    }

    fn take(&self) -> Raised {
        std::mem::replace(&mut self.0.state().line, Raised::No)
    }
}
