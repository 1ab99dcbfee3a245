//! A driver for all the disks, in the manner of the DDI manual's `xxstart` and `xxintr`.
//!
//! It knows nothing of limits: it gives the engine list after list, cookies as they are.

mod outcome;

use std::sync::Arc;

use ddi_dma::dmae::ChannelError;
use ddi_dma::plan::List;
use ddi_dma::{
    BindFlags, BurstSizes, Bus, BusConfig, Channel, Device, Direction, DmaHandle, DmaObject, Dmae, InFlight,
    Wait,
};

use crate::disk::{Disk, EntryKind, ErrorCode, Register, SECTOR, Stepped, csr};
use crate::machine::Machine;
use crate::memory::Buffer;
pub use outcome::{AttachError, Explain, Report, TransferError, TransferErrorKind};

/// A driver of one disk. Objects of one type move through it, one at a time.
#[derive(Debug)]
pub struct DiskDriver<O: DmaObject = Buffer> {
    disk: Arc<Disk>,
    bus: Bus,
    device: Device,
    /// The system's engine, for a device that gets the bus by a channel of it.
    dmae: Option<Dmae>,
    explain: Explain,
    state: State<O>,
}

/// Where the handle is: `busy` of the manual.
#[derive(Debug)]
enum State<O: DmaObject> {
    /// Nothing runs.
    Idle(DmaHandle<O>),
    /// The device works on a list.
    Running(Box<Transfer<O>>),
    /// The transfer has ended, and nobody has asked yet how.
    Ended(DmaHandle<O>, Result<(O, Report), TransferError<O>>),
    /// Only within a function.
    Moving,
}

/// What `struct xxstate` keeps of a transfer.
#[derive(Debug)]
struct Transfer<O: DmaObject> {
    flight: InFlight<O>,
    /// In cascade mode for as long as the transfer lasts.
    channel: Option<Channel>,
    direction: Direction,
    /// First sector of the object.
    block: u64,
    window: usize,
    /// Number of the next list in the window.
    next_list: usize,
    /// First sector and bytes of the request that runs.
    request: (u64, u64),
    report: Report,
}

/// Whether an interrupt was the device's (`DDI_INTR_CLAIMED`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interrupt {
    /// It was.
    Claimed,
    /// It was somebody else's.
    Unclaimed,
}

impl<O: DmaObject> DiskDriver<O> {
    /// Attaches a driver to a device, on a bus of its own. For a device that gets the bus by a channel of the system's
    /// DMA engine, it takes the engine over.
    ///
    /// # Errors
    ///
    /// [`AttachError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{BindFlags, BusConfig};
    /// use ddi_dma_sim::{BufferSpec, DiskDriver, Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let mut driver = DiskDriver::new(&machine, "isa-sg-disk", BusConfig::default())?;
    /// let mut buffer = machine.buffer(&BufferSpec::new(100_000).offset(5))?;
    /// buffer.write(0, b"first")?;
    /// let (buffer, report) = driver.write(0, buffer, BindFlags::PARTIAL)?;
    /// assert_eq!(report.moved, 100_000);
    /// # let mut first = [0; 5];
    /// # driver.disk().read_medium(0, &mut first)?;
    /// # assert_eq!(&first, b"first");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(machine: &Machine, name: &str, config: BusConfig) -> Result<Self, AttachError> {
        let disk = machine.device(name)?;
        let bus = Bus::new(machine.nexus(disk.spec().nexus), config);
        match disk.spec().channel {
            None => Self::on_bus(disk, &bus),
            Some(_) => Self::on_engine(disk, &bus, &Dmae::new(machine.ports())),
        }
    }

    /// Attaches a driver to a device, on the bus of its nexus, whose copy buffer it shares with others.
    ///
    /// # Errors
    ///
    /// [`AttachError::Alloc`]; [`AttachError::NoEngine`] where the device gets the bus by a channel.
    pub fn on_bus(disk: &Arc<Disk>, bus: &Bus) -> Result<Self, AttachError> {
        match disk.spec().channel {
            None => Self::attach(disk, bus, None),
            Some(channel) => {
                Err(AttachError::NoEngine { device: disk.spec().name, channel: channel.number() })
            }
        }
    }

    /// Attaches a driver to a device that gets the bus by a channel of the system's DMA engine: it has the channel, in
    /// cascade mode, for the length of each transfer (first-party DMA).
    ///
    /// # Errors
    ///
    /// [`AttachError::Alloc`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::{BindFlags, Bus, BusConfig, Dmae};
    /// use ddi_dma_sim::{BufferSpec, DiskDriver, Machine, MachineConfig};
    ///
    /// let machine = Machine::new(MachineConfig::default())?;
    /// let (disk, dmae) = (machine.device("isa-master")?, Dmae::new(machine.ports()));
    /// let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
    /// let mut driver = DiskDriver::on_engine(disk, &bus, &dmae)?;
    /// driver.write(0, machine.buffer(&BufferSpec::new(512))?, BindFlags::PARTIAL)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_engine(disk: &Arc<Disk>, bus: &Bus, dmae: &Dmae) -> Result<Self, AttachError> {
        Self::attach(disk, bus, disk.spec().channel.map(|_| dmae.clone()))
    }

    fn attach(disk: &Arc<Disk>, bus: &Bus, dmae: Option<Dmae>) -> Result<Self, AttachError> {
        let device = bus.device(disk.spec().name);
        let handle = device.alloc_handle(&disk.spec().attr, Wait::DontWait)?;
        if let (Some(burst), false) = (best_burst(handle.burst_sizes()), disk.spec().engine.bursts.is_empty())
        {
            disk.put(Register::Burst, burst);
        }
        let (disk, bus) = (Arc::clone(disk), bus.clone());
        Ok(DiskDriver { disk, bus, device, dmae, explain: Explain::No, state: State::Idle(handle) })
    }

    /// Has the driver say why, or not.
    #[must_use]
    pub fn explaining(self, explain: Explain) -> Self {
        DiskDriver { explain, ..self }
    }

    /// The device.
    pub fn disk(&self) -> &Arc<Disk> {
        &self.disk
    }

    /// The bus that the device is on.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The device as the bus knows it.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Writes an object to the disk, from sector `block` on.
    ///
    /// # Errors
    ///
    /// [`TransferError`], which gives the object back.
    pub fn write(
        &mut self,
        block: u64,
        object: O,
        flags: BindFlags,
    ) -> Result<(O, Report), TransferError<O>> {
        self.transfer(block, object, Direction::ToDevice, flags)
    }

    /// Reads an object from the disk, from sector `block` on.
    ///
    /// # Errors
    ///
    /// [`TransferError`], which gives the object back.
    pub fn read(&mut self, block: u64, object: O, flags: BindFlags) -> Result<(O, Report), TransferError<O>> {
        self.transfer(block, object, Direction::FromDevice, flags)
    }

    /// Starts a transfer and lets the device run until it has ended.
    fn transfer(
        &mut self,
        block: u64,
        object: O,
        direction: Direction,
        flags: BindFlags,
    ) -> Result<(O, Report), TransferError<O>> {
        self.start(block, object, direction, flags)?;
        loop {
            let stepped = self.disk.step();
            let interrupt = self.intr();
            if let Some(ended) = self.ended() {
                return ended;
            }
            if stepped != Stepped::Done && interrupt == Interrupt::Unclaimed {
                self.reset();
            }
        }
    }

    /// Binds an object and gives the engine its first list (`xxstart`), or gives up where a resource is short.
    ///
    /// A transfer that has ended and was not asked for is forgotten, and its object dropped.
    ///
    /// # Errors
    ///
    /// [`TransferError`] where nothing was started; it gives the object back.
    pub fn start(
        &mut self,
        block: u64,
        object: O,
        direction: Direction,
        flags: BindFlags,
    ) -> Result<(), TransferError<O>> {
        self.start_waiting(block, object, direction, flags, Wait::DontWait)
    }

    /// Does as [`start`](Self::start), and waits in this way where a resource is short.
    ///
    /// # Errors
    ///
    /// [`TransferError`] where nothing was started; it gives the object back.
    pub fn start_waiting(
        &mut self,
        block: u64,
        object: O,
        direction: Direction,
        flags: BindFlags,
        wait: Wait<'_>,
    ) -> Result<(), TransferError<O>> {
        let device = self.disk.spec().name;
        let handle = match std::mem::replace(&mut self.state, State::Moving) {
            State::Idle(handle) | State::Ended(handle, _) => handle,
            busy @ (State::Running(_) | State::Moving) => {
                self.state = busy;
                return Err(TransferError { kind: TransferErrorKind::Busy { device }, object });
            }
        };
        // The channel first: whoever has copy buffer has the channel already, so that no two wait for each other.
        let channel = match self.first_party(wait) {
            Ok(channel) => channel,
            Err(error) => {
                self.state = State::Idle(handle);
                return Err(TransferError { kind: TransferErrorKind::Channel { device, error }, object });
            }
        };
        let binding = match handle.bind(object, direction, flags, wait) {
            Ok(binding) => binding,
            Err(error) => {
                let kind = TransferErrorKind::Bind { device, kind: error.kind() };
                let (handle, object) = error.into_parts();
                self.state = State::Idle(handle);
                return Err(TransferError { kind, object });
            }
        };
        let length = binding.object().view().length().unwrap_or(0);
        let explanation = match self.explain {
            Explain::No => None,
            Explain::Yes => Some(binding.explain()),
        };
        let windows = binding.window_count();
        let report = Report { length, windows, explanation, ..Report::default() };
        let flight = binding.start();
        let (window, next_list, request) = (0, 0, (0, 0));
        self.proceed(Transfer { flight, channel, direction, block, window, next_list, request, report });
        Ok(())
    }

    /// Allocates the device's channel, if it needs one, and has the device drive the bus through it.
    fn first_party(&self, wait: Wait<'_>) -> Result<Option<Channel>, ChannelError> {
        let (Some(dmae), Some(number)) = (&self.dmae, self.disk.spec().channel) else { return Ok(None) };
        let mut channel = dmae.alloc(number.number(), wait)?;
        channel.first_party();
        Ok(Some(channel))
    }

    /// Serves the device's interrupt, if it raised one (`xxintr`).
    pub fn intr(&mut self) -> Interrupt {
        let status = self.disk.get(Register::Csr);
        if status & csr::INTERRUPTING == 0 {
            return Interrupt::Unclaimed;
        }
        self.disk.put(Register::Csr, csr::CLEAR_INTERRUPT);
        // For store buffers: the read comes back when the write has arrived.
        let _ = self.disk.get(Register::Csr);
        match std::mem::replace(&mut self.state, State::Moving) {
            State::Running(transfer) => self.request_ended(status, *transfer),
            // Nobody waits for it: an interrupt that was raised before a reset.
            other => self.state = other,
        }
        Interrupt::Claimed
    }

    /// How the transfer ended, once it has; the object comes with it.
    pub fn ended(&mut self) -> Option<Result<(O, Report), TransferError<O>>> {
        match std::mem::replace(&mut self.state, State::Moving) {
            State::Ended(handle, result) => {
                self.state = State::Idle(handle);
                Some(result)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Stops the device; a transfer that ran has ended without an interrupt.
    pub fn reset(&mut self) {
        self.disk.put(Register::Csr, csr::RESET);
        match std::mem::replace(&mut self.state, State::Moving) {
            State::Running(transfer) => {
                let kind = TransferErrorKind::NoInterrupt { device: self.disk.spec().name };
                self.end(*transfer, Some(kind));
            }
            other => self.state = other,
        }
    }

    /// The device has done a list: checks for errors, and goes on.
    fn request_ended(&mut self, status: u64, mut transfer: Transfer<O>) {
        let (block, length) = transfer.request;
        let residue = self.disk.get(Register::Residue);
        let moved = length.saturating_sub(residue);
        transfer.report.moved += moved;
        if status & csr::ERROR != 0 {
            let code = ErrorCode::from_register(self.disk.get(Register::Error));
            let (device, fault) = (self.disk.spec().name, self.disk.last_fault());
            let code = code.unwrap_or(ErrorCode::None);
            let kind = TransferErrorKind::Device { device, code, fault, block, length, moved };
            self.end(transfer, Some(kind));
        } else if residue > 0 {
            self.end(transfer, None);
        } else {
            self.proceed(transfer);
        }
    }

    /// Gives the engine the next list, of the next window where this one has no more.
    fn proceed(&mut self, mut transfer: Transfer<O>) {
        let device = self.disk.spec().name;
        loop {
            if transfer.window >= transfer.flight.window_count() {
                return self.end(transfer, None);
            }
            let window = match transfer.flight.window(transfer.window) {
                Ok(window) => window,
                Err(error) => {
                    return self.end(transfer, Some(TransferErrorKind::Window { device, error }));
                }
            };
            if transfer.next_list == 0 {
                transfer.report.copied += window.copied_bytes();
            }
            let Some(list) = window.list(transfer.next_list) else {
                transfer.window += 1;
                transfer.next_list = 0;
                continue;
            };
            transfer.request = (transfer.block + list.offset() / SECTOR, list.length());
            transfer.report.lists += 1;
            transfer.report.cookies += list.cookies().len();
            program(&self.disk, &list, transfer.request.0, transfer.direction);
            transfer.next_list += 1;
            self.state = State::Running(Box::new(transfer));
            return;
        }
    }

    /// Unbinds the object, and gives the channel back. The device is done with both.
    fn end(&mut self, transfer: Transfer<O>, kind: Option<TransferErrorKind>) {
        let Transfer { flight, channel, report, .. } = transfer;
        let (handle, object) = flight.complete().unbind();
        drop(channel);
        let result = match kind {
            None => Ok((object, report)),
            Some(kind) => Err(TransferError { kind, object }),
        };
        self.state = State::Ended(handle, result);
    }
}

/// The largest burst that engine and bus both have, in bytes.
pub(crate) fn best_burst(sizes: BurstSizes) -> Option<u64> {
    sizes.bits().checked_ilog2().map(|bit| 1 << bit)
}

/// Programs the engine with the cookies of a list, and starts it.
fn program(disk: &Disk, list: &List<'_>, block: u64, direction: Direction) {
    disk.put(Register::Block, block);
    let cookies = list.cookies();
    for (entry, cookie) in (0..).zip(cookies) {
        disk.put(Register::Address(entry), cookie.address);
        // The counter holds the count minus one.
        disk.put(Register::Size(entry), cookie.size - 1);
    }
    if let EntryKind::List(_) = disk.spec().engine.entries {
        disk.put(Register::Entries, cookies.len() as u64);
    }
    let way = if direction == Direction::FromDevice { csr::TO_MEMORY } else { 0 };
    disk.put(Register::Csr, csr::ENABLE_INTERRUPTS | csr::START_TRANSFER | way);
}
