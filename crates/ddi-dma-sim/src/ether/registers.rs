//! The registers of a network device, and what they hold.

/// The bits of the control and status register.
pub mod ether_csr {
    /// Written: transmits the frame that the transmit registers name.
    pub const TX_START: u64 = 0x001;
    /// Written with a start: its end raises the interrupt.
    pub const ENABLE_INTERRUPTS: u64 = 0x002;
    /// Read: the interrupt is raised.
    pub const INTERRUPTING: u64 = 0x004;
    /// Written: lowers the interrupt, and [`TX_DONE`], [`RX_DONE`] and [`MISSED`] with it.
    pub const CLEAR_INTERRUPT: u64 = 0x008;
    /// Written: the next frame goes to where the receive registers say. Read: none has come yet.
    pub const RX_ENABLE: u64 = 0x010;
    /// Read: the last start failed; the error register says why.
    pub const ERROR: u64 = 0x020;
    /// Read: a frame is being transmitted.
    pub const TX_BUSY: u64 = 0x040;
    /// Written: ends what runs where it is and lowers the interrupt. Frames that were transmitted stay.
    pub const RESET: u64 = 0x080;
    /// Read: a transmission has ended.
    pub const TX_DONE: u64 = 0x100;
    /// Read: a reception has ended.
    pub const RX_DONE: u64 = 0x200;
    /// Read: a frame was lost, since nobody had received the ones before it.
    pub const MISSED: u64 = 0x400;
}

/// A register of a network device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EtherRegister {
    /// Control and status, 16 bits: see [`ether_csr`].
    Csr,
    /// Why the last start failed, 8 bits, read only: an [`EtherErrorCode`].
    Error,
    /// Bytes of a burst, 16 bits, 1 after power-up.
    Burst,
    /// Bus address of the frame to transmit, 32 bits.
    TxAddress,
    /// Its bytes, minus one, 32 bits.
    TxSize,
    /// Bus address of the buffer for the next frame, 32 bits.
    RxAddress,
    /// Its bytes, minus one, 32 bits.
    RxSize,
    /// Bytes that the last reception wrote, 32 bits, read only.
    RxLength,
}

/// Why a transmission or a reception failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EtherErrorCode {
    /// It did not fail.
    None = 0,
    /// Nothing answered an address.
    BusFault = 1,
    /// The burst register holds a burst that the engine or the bus does not have. Nothing was moved.
    BadBurst = 2,
    /// The frame is longer than the device holds, and was not transmitted; or longer than the receive buffer, which
    /// holds the start of it.
    TooLong = 3,
}

impl EtherErrorCode {
    /// The code that the error register shows so, if it is one.
    pub fn from_register(value: u64) -> Option<Self> {
        [Self::None, Self::BusFault, Self::BadBurst, Self::TooLong]
            .into_iter()
            .find(|code| *code as u64 == value)
    }
}

/// An address and a size register.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) address: u64,
    /// Bytes minus one.
    pub(super) size: u64,
}

/// What the registers hold.
#[derive(Debug)]
pub(super) struct Registers {
    /// [`ether_csr`] bits that stay.
    pub(super) csr: u64,
    pub(super) error: EtherErrorCode,
    pub(super) burst: u64,
    pub(super) tx: Span,
    pub(super) rx: Span,
    pub(super) rx_length: u64,
}

impl Registers {
    pub(super) fn new() -> Self {
        let (tx, rx) = (Span::default(), Span::default());
        Registers { csr: 0, error: EtherErrorCode::None, burst: 1, tx, rx, rx_length: 0 }
    }

    pub(super) fn get(&self, register: EtherRegister) -> u64 {
        match register {
            EtherRegister::Csr => self.csr,
            EtherRegister::Error => self.error as u64,
            EtherRegister::Burst => self.burst,
            EtherRegister::TxAddress => self.tx.address,
            EtherRegister::TxSize => self.tx.size,
            EtherRegister::RxAddress => self.rx.address,
            EtherRegister::RxSize => self.rx.size,
            EtherRegister::RxLength => self.rx_length,
        }
    }

    pub(super) fn put(&mut self, register: EtherRegister, value: u64) {
        const BITS_16: u64 = 0xFFFF;
        const BITS_32: u64 = 0xFFFF_FFFF;
        match register {
            EtherRegister::Csr => self.command(value),
            EtherRegister::Error | EtherRegister::RxLength => {}
            EtherRegister::Burst => self.burst = value & BITS_16,
            EtherRegister::TxAddress => self.tx.address = value & BITS_32,
            EtherRegister::TxSize => self.tx.size = value & BITS_32,
            EtherRegister::RxAddress => self.rx.address = value & BITS_32,
            EtherRegister::RxSize => self.rx.size = value & BITS_32,
        }
    }

    /// The csr is written. A start of what runs already is lost.
    fn command(&mut self, value: u64) {
        use ether_csr::*;
        if value & (CLEAR_INTERRUPT | RESET) != 0 {
            self.csr &= !(INTERRUPTING | TX_DONE | RX_DONE | MISSED);
        }
        if value & RESET != 0 {
            self.csr &= !(TX_BUSY | RX_ENABLE | ERROR);
            self.error = EtherErrorCode::None;
        }
        let transmits = value & TX_START != 0 && self.csr & TX_BUSY == 0;
        let receives = value & RX_ENABLE != 0 && self.csr & RX_ENABLE == 0;
        if transmits || receives {
            self.csr &= !(ERROR | ENABLE_INTERRUPTS);
            self.csr |= value & ENABLE_INTERRUPTS;
            self.error = EtherErrorCode::None;
        }
        if transmits {
            self.csr |= TX_BUSY;
        }
        if receives {
            self.csr |= RX_ENABLE;
            self.rx_length = 0;
        }
    }

    /// What `ran` stands for has ended; `done` tells it.
    pub(super) fn end(&mut self, ran: u64, done: u64, error: EtherErrorCode) {
        self.csr = self.csr & !ran | done;
        if error != EtherErrorCode::None {
            self.csr |= ether_csr::ERROR;
        }
        if self.csr & ether_csr::ENABLE_INTERRUPTS != 0 {
            self.csr |= ether_csr::INTERRUPTING;
        }
        self.error = error;
    }
}
