//! A driver for the network devices: a frame a call.

use std::fmt;
use std::sync::Arc;

use ddi_dma::{
    BindErrorKind, BindFlags, Bus, BusConfig, Device, Direction, DmaHandle, DmaObject, InFlight, Wait,
    WindowError,
};

use super::{Ether, EtherErrorCode, EtherRegister, ether_csr};
use crate::disk::Stepped;
use crate::driver::{AttachError, best_burst};
use crate::machine::Machine;
use crate::memory::Buffer;
use crate::nexus::BusFault;

/// A driver of one network device. Objects of one type hold its frames.
#[derive(Debug)]
pub struct EtherDriver<O: DmaObject = Buffer> {
    ether: Arc<Ether>,
    bus: Bus,
    device: Device,
    /// There but while an object is bound to them.
    tx: Option<DmaHandle<O>>,
    rx: Option<DmaHandle<O>>,
}

/// Why a frame was not sent or received. It gives the object back.
#[derive(thiserror::Error)]
#[error("{kind}")]
pub struct EtherError<O> {
    /// Why.
    pub kind: EtherErrorKind,
    /// The object.
    pub object: O,
}

impl<O> fmt::Debug for EtherError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EtherError").field(&self.kind).finish()
    }
}

/// Why a frame was not sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EtherErrorKind {
    /// A panic ended an earlier call while an object was bound.
    #[error("{device}: the handle went with an earlier frame: attach again")]
    NoHandle {
        /// Name of the device.
        device: &'static str,
    },
    /// The object could not be bound.
    #[error("{device}: cannot bind: {kind}")]
    Bind {
        /// Name of the device.
        device: &'static str,
        /// Why.
        kind: BindErrorKind,
    },
    /// The window could not be had.
    #[error("{device}: no window: {error}")]
    Window {
        /// Name of the device.
        device: &'static str,
        /// Why.
        error: WindowError,
    },
    /// The device reports an error.
    #[error("{device}: {}", describe(*code, fault))]
    Device {
        /// Name of the device.
        device: &'static str,
        /// What its error register says.
        code: EtherErrorCode,
        /// The bus fault, if it met one.
        fault: Option<BusFault>,
    },
    /// There is no frame to receive.
    #[error("{device}: no frame has come")]
    NoFrame {
        /// Name of the device.
        device: &'static str,
    },
    /// The device is idle and no interrupt came.
    #[error("{device}: no interrupt came, and the device is idle: it was reset")]
    NoInterrupt {
        /// Name of the device.
        device: &'static str,
    },
}

fn describe(code: EtherErrorCode, fault: &Option<BusFault>) -> String {
    match (code, fault) {
        (_, Some(fault)) => fault.to_string(),
        (EtherErrorCode::None, None) => "the device gives no reason".to_owned(),
        (EtherErrorCode::BusFault, None) => "bus fault".to_owned(),
        (EtherErrorCode::BadBurst, None) => "engine or bus does not have the burst".to_owned(),
        (EtherErrorCode::TooLong, None) => {
            "the frame is longer than the device, or the receive buffer, holds".to_owned()
        }
    }
}

impl<O: DmaObject> EtherDriver<O> {
    /// Attaches a driver to a device, on a bus of its own.
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::BusConfig;
    /// use ddi_dma_sim::{BufferSpec, EtherDriver, Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig::sparc())?;
    /// let mut driver = EtherDriver::new(&machine, "sbus-ether", BusConfig::default())?;
    /// let mut frame = machine.buffer(&BufferSpec::new(60))?;
    /// frame.write(0, b"hello")?;
    /// driver.send(frame)?;
    /// let (buffer, length) = driver.receive(machine.buffer(&BufferSpec::new(1500))?)?;
    /// assert_eq!((length, &buffer.to_vec()[..5]), (60, &b"hello"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(machine: &Machine, name: &str, config: BusConfig) -> Result<Self, AttachError> {
        let ether = machine.ether(name)?;
        let bus = Bus::new(machine.nexus(ether.spec().nexus), config);
        Self::on_bus(ether, &bus)
    }

    /// Attaches a driver to a device, on the bus of its nexus, whose copy buffer it shares with others.
    ///
    /// # Errors
    ///
    /// [`AttachError::Alloc`].
    pub fn on_bus(ether: &Arc<Ether>, bus: &Bus) -> Result<Self, AttachError> {
        let device = bus.device(ether.spec().name);
        let attr = &ether.spec().attr;
        let tx = device.alloc_handle(attr, Wait::DontWait)?;
        let rx = device.alloc_handle(attr, Wait::DontWait)?;
        if let Some(burst) = best_burst(tx.burst_sizes()) {
            ether.put(EtherRegister::Burst, burst);
        }
        let (ether, bus) = (Arc::clone(ether), bus.clone());
        Ok(EtherDriver { ether, bus, device, tx: Some(tx), rx: Some(rx) })
    }

    /// The device.
    pub fn ether(&self) -> &Arc<Ether> {
        &self.ether
    }

    /// The bus that the device is on.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The device as the bus knows it.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Sends an object as one frame.
    ///
    /// # Errors
    ///
    /// [`EtherError`], which gives the object back.
    pub fn send(&mut self, frame: O) -> Result<O, EtherError<O>> {
        self.send_waiting(frame, Wait::DontWait)
    }

    /// Does as [`send`](Self::send), and waits in this way where a resource is short.
    ///
    /// # Errors
    ///
    /// [`EtherError`], which gives the object back.
    pub fn send_waiting(&mut self, frame: O, wait: Wait<'_>) -> Result<O, EtherError<O>> {
        let mut flight = Self::bind(&self.ether, &mut self.tx, frame, Direction::ToDevice, wait)?;
        let (address, size) = (EtherRegister::TxAddress, EtherRegister::TxSize);
        let kind = self.exchange(&mut flight, address, size, ether_csr::TX_START).err();
        let (handle, object) = flight.complete().unbind();
        self.tx = Some(handle);
        match kind {
            None => Ok(object),
            Some(kind) => Err(EtherError { kind, object }),
        }
    }

    /// Receives the next frame into an object; tells how many bytes it has.
    ///
    /// # Errors
    ///
    /// [`EtherError`], which gives the object back.
    pub fn receive(&mut self, buffer: O) -> Result<(O, u64), EtherError<O>> {
        self.receive_waiting(buffer, Wait::DontWait)
    }

    /// Does as [`receive`](Self::receive), and waits in this way where a resource is short.
    ///
    /// # Errors
    ///
    /// [`EtherError`], which gives the object back.
    pub fn receive_waiting(&mut self, buffer: O, wait: Wait<'_>) -> Result<(O, u64), EtherError<O>> {
        let mut flight = Self::bind(&self.ether, &mut self.rx, buffer, Direction::FromDevice, wait)?;
        let (address, size) = (EtherRegister::RxAddress, EtherRegister::RxSize);
        let kind = self.exchange(&mut flight, address, size, ether_csr::RX_ENABLE).err();
        let length = self.ether.get(EtherRegister::RxLength);
        let (handle, object) = flight.complete().unbind();
        self.rx = Some(handle);
        let device = self.ether.spec().name;
        match kind {
            // Never trust what a device says: it cannot have written more than there is.
            None => {
                let most = object.view().length().unwrap_or(0);
                Ok((object, length.min(most)))
            }
            Some(EtherErrorKind::NoInterrupt { .. }) => {
                Err(EtherError { kind: EtherErrorKind::NoFrame { device }, object })
            }
            Some(kind) => Err(EtherError { kind, object }),
        }
    }

    /// Binds an object that the engine takes in one go: a frame has one address and one size.
    fn bind(
        ether: &Ether,
        place: &mut Option<DmaHandle<O>>,
        object: O,
        direction: Direction,
        wait: Wait<'_>,
    ) -> Result<InFlight<O>, EtherError<O>> {
        let device = ether.spec().name;
        let Some(handle) = place.take() else {
            return Err(EtherError { kind: EtherErrorKind::NoHandle { device }, object });
        };
        match handle.bind(object, direction, BindFlags::ONE_LIST, wait) {
            Ok(binding) => Ok(binding.start()),
            Err(error) => {
                let kind = EtherErrorKind::Bind { device, kind: error.kind() };
                let (handle, object) = error.into_parts();
                *place = Some(handle);
                Err(EtherError { kind, object })
            }
        }
    }

    /// Programs the engine with the only cookie, and lets the device run until it interrupts.
    fn exchange(
        &self,
        flight: &mut InFlight<O>,
        address: EtherRegister,
        size: EtherRegister,
        start: u64,
    ) -> Result<(), EtherErrorKind> {
        let (ether, device) = (&self.ether, self.ether.spec().name);
        let window = flight.window(0).map_err(|error| EtherErrorKind::Window { device, error })?;
        for cookie in window.cookies() {
            ether.put(address, cookie.address);
            // The counter holds the count minus one.
            ether.put(size, cookie.size - 1);
        }
        ether.put(EtherRegister::Csr, ether_csr::ENABLE_INTERRUPTS | start);
        let status = loop {
            let stepped = ether.step();
            let status = ether.get(EtherRegister::Csr);
            if status & ether_csr::INTERRUPTING != 0 {
                break status;
            }
            if stepped == Stepped::Idle {
                ether.put(EtherRegister::Csr, ether_csr::RESET);
                return Err(EtherErrorKind::NoInterrupt { device });
            }
        };
        ether.put(EtherRegister::Csr, ether_csr::CLEAR_INTERRUPT);
        if status & ether_csr::ERROR == 0 {
            return Ok(());
        }
        let code = EtherErrorCode::from_register(ether.get(EtherRegister::Error));
        let code = code.unwrap_or(EtherErrorCode::None);
        Err(EtherErrorKind::Device { device, code, fault: ether.last_fault() })
    }
}
