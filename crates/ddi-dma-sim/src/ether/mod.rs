//! Network devices: frames out of memory and into it, by bus address, with an internal loopback for a wire.

mod block;
mod driver;
mod registers;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ddi_dma::{BurstSizes, DmaAttr};

use crate::disk::{NexusKind, SBUS_BURSTS, SBUS_DISK_ATTR, Stepped, holds_burst};
use crate::nexus::{BusFault, DeviceBus};
use crate::register_block::AccessWidth;
pub use driver::{EtherDriver, EtherError, EtherErrorKind};
pub use registers::{EtherErrorCode, EtherRegister, ether_csr};
use registers::{Registers, Span};

/// Bytes of the longest frame that a network device holds.
pub const FRAME_MOST: u64 = 64 << 10;

/// Frames that it holds until somebody receives them.
const FRAMES_MOST: usize = 8;

/// A network device as the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EtherSpec {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line.
    pub description: &'static str,
    /// Where it sits.
    pub nexus: NexusKind,
    /// What its driver states about its engine.
    pub attr: DmaAttr,
    /// Bursts that its burst register takes.
    pub bursts: BurstSizes,
}

/// The SBus engine of the DDI's chapter on DMA in a device that knows no sectors.
pub const SBUS_ETHER_ATTR: DmaAttr = DmaAttr { granular: 1, ..SBUS_DISK_ATTR };

/// Every network device of a machine.
pub static ETHERS: [EtherSpec; 1] = [EtherSpec {
    name: "sbus-ether",
    description: "SBus, 0xff000000 and above, no list, frames through a loopback",
    nexus: NexusKind::Sbus,
    attr: SBUS_ETHER_ATTR,
    bursts: SBUS_BURSTS,
}];

/// A network device on a bus, its output joined to its input.
///
/// A write of the csr with [`ether_csr::TX_START`] transmits a frame: the device holds it, among up to eight, until
/// [`ether_csr::RX_ENABLE`] has it written into the receive buffer. Both happen when the machine lets the device run
/// ([`step`](Self::step), or [`Machine::run`](crate::Machine::run)).
#[derive(Debug)]
pub struct Ether {
    spec: &'static EtherSpec,
    bus: Arc<dyn DeviceBus>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    registers: Registers,
    frames: VecDeque<Vec<u8>>,
    fault: Option<BusFault>,
}

impl Ether {
    pub(crate) fn new(spec: &'static EtherSpec, bus: Arc<dyn DeviceBus>) -> Self {
        let state = State { registers: Registers::new(), frames: VecDeque::new(), fault: None };
        Ether { spec, bus, state: Mutex::new(state) }
    }

    /// What the device is.
    pub fn spec(&self) -> &'static EtherSpec {
        self.spec
    }

    /// Reads a register.
    pub fn get(&self, register: EtherRegister) -> u64 {
        self.state().registers.get(register)
    }

    /// Writes a register.
    pub fn put(&self, register: EtherRegister, value: u64) {
        self.state().registers.put(register, value);
    }

    /// Reads from the register block, as a bus shows the registers: the lowest byte of each first, and the value in
    /// the order of this machine.
    ///
    /// | offset | bits | register |
    /// |---|---|---|
    /// | 0x00 | 16 | [`Csr`](EtherRegister::Csr) |
    /// | 0x02 | 8 | [`Error`](EtherRegister::Error) |
    /// | 0x04 | 16 | [`Burst`](EtherRegister::Burst) |
    /// | 0x08 | 32 | [`TxAddress`](EtherRegister::TxAddress) |
    /// | 0x0c | 32 | [`TxSize`](EtherRegister::TxSize) |
    /// | 0x10 | 32 | [`RxAddress`](EtherRegister::RxAddress) |
    /// | 0x14 | 32 | [`RxSize`](EtherRegister::RxSize) |
    /// | 0x18 | 32 | [`RxLength`](EtherRegister::RxLength) |
    ///
    /// Sizes are in bytes here, unlike those of [`get`](Self::get), and 0 stands for 2^32. A register answers accesses
    /// of its own width; what is accessed otherwise reads as all ones, and what is written there is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma_sim::AccessWidth::{Bits8, Bits32};
    /// use ddi_dma_sim::{EtherRegister, Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig::sparc())?;
    /// let ether = machine.ether("sbus-ether")?;
    /// ether.store(0x0C, Bits32, 1500);
    /// assert_eq!(ether.get(EtherRegister::TxSize), 1499);
    /// assert_eq!((ether.load(0x0C, Bits32), ether.load(0x0C, Bits8)), (1500, 0xFF));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self, offset: u64, width: AccessWidth) -> u64 {
        match block::find(offset, width) {
            Some((register, part)) => part.of(block::shown(register, self.get(register))),
            None => width.floating(),
        }
    }

    /// Writes to the register block: see [`load`](Self::load). Bits of `value` beyond the width are lost.
    pub fn store(&self, offset: u64, width: AccessWidth, value: u64) {
        if let Some((register, part)) = block::find(offset, width) {
            // Registers are reached whole, so nothing of what they hold stays.
            self.put(register, block::held(register, part.within(0, value)));
        }
    }

    /// Bytes of the register block.
    pub fn register_block_size(&self) -> u64 {
        block::SIZE
    }

    /// Whether the interrupt line is raised.
    pub fn interrupting(&self) -> bool {
        self.get(EtherRegister::Csr) & ether_csr::INTERRUPTING != 0
    }

    /// Frames that wait for somebody to receive them.
    pub fn waiting(&self) -> usize {
        self.state().frames.len()
    }

    /// The bus fault that ended the last transmission or reception, if one did.
    pub fn last_fault(&self) -> Option<BusFault> {
        self.state().fault
    }

    /// Lets the device run: it transmits a frame, or else receives one, or else is idle.
    pub fn step(&self) -> Stepped {
        let mut state = self.state();
        if state.registers.csr & ether_csr::TX_BUSY != 0 {
            let ended = self.transmit(&mut state);
            self.end(&mut state, ether_csr::TX_BUSY, ether_csr::TX_DONE, ended);
            return Stepped::Done;
        }
        let receives = state.registers.csr & ether_csr::RX_ENABLE != 0;
        if let Some(frame) = receives.then(|| state.frames.pop_front()).flatten() {
            let ended = self.receive(&mut state, &frame);
            self.end(&mut state, ether_csr::RX_ENABLE, ether_csr::RX_DONE, ended);
            return Stepped::Done;
        }
        Stepped::Idle
    }

    fn end(&self, state: &mut State, ran: u64, done: u64, ended: Result<(), Stop>) {
        let (error, fault) = match ended {
            Ok(()) => (EtherErrorCode::None, None),
            Err(Stop::Refused(code)) => (code, None),
            Err(Stop::Bus(fault)) => (EtherErrorCode::BusFault, Some(fault)),
        };
        state.fault = fault;
        state.registers.end(ran, done, error);
    }

    fn transmit(&self, state: &mut State) -> Result<(), Stop> {
        self.check_burst(state)?;
        let Span { address, size } = state.registers.tx;
        if size >= FRAME_MOST {
            return Err(Stop::Refused(EtherErrorCode::TooLong));
        }
        let mut frame = vec![0; size as usize + 1];
        let (first, wrapped) = frame.split_at_mut(before_wrap(address, size + 1));
        self.bus.read(address, first).map_err(Stop::Bus)?;
        self.bus.read(0, wrapped).map_err(Stop::Bus)?;
        if state.frames.len() < FRAMES_MOST {
            state.frames.push_back(frame);
        } else {
            state.registers.csr |= ether_csr::MISSED;
        }
        Ok(())
    }

    fn receive(&self, state: &mut State, frame: &[u8]) -> Result<(), Stop> {
        self.check_burst(state)?;
        let Span { address, size } = state.registers.rx;
        let fits = (size + 1).min(frame.len() as u64);
        let (first, wrapped) = frame[..fits as usize].split_at(before_wrap(address, fits));
        self.bus.write(address, first).map_err(Stop::Bus)?;
        self.bus.write(0, wrapped).map_err(Stop::Bus)?;
        state.registers.rx_length = fits;
        if fits < frame.len() as u64 { Err(Stop::Refused(EtherErrorCode::TooLong)) } else { Ok(()) }
    }

    fn check_burst(&self, state: &State) -> Result<(), Stop> {
        let there = holds_burst(state.registers.burst, self.spec.bursts & self.bus.burst_sizes());
        if there { Ok(()) } else { Err(Stop::Refused(EtherErrorCode::BadBurst)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a transmission or a reception failed.
enum Stop {
    Refused(EtherErrorCode),
    Bus(BusFault),
}

/// How many of `length` bytes the address counter passes before it starts again at 0.
fn before_wrap(address: u64, length: u64) -> usize {
    ((1 << 32) - address).min(length) as usize
}
