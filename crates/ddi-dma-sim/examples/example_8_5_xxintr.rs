//! Example 8-5: the interrupt routine, which releases the DMA resources of a transfer that is over.
//!
//! Unbinding synchronises for the CPU, so nothing else is needed before the bytes are used. What comes back is the
//! handle, for the next transfer, and the buffer: nobody else can have used either meanwhile.

mod common;

use std::collections::VecDeque;
use std::sync::Arc;

use common::{Failure, RequestError, device_of, outcome, program};
use ddi_dma::{BindFlags, Bus, BusConfig, Direction, DmaHandle, InFlight, Wait};
use ddi_dma_sim::{Buffer, BufferSpec, Disk, Interrupt, Machine, MachineConfig, Register, csr};

/// `struct xxstate`. A driver whose interrupts come on other processors keeps it in a mutex, and unbinds when it has
/// let go of that: unbinding calls those who wait for the resources, as example 8-1 shows.
pub struct XxState {
    disk: Arc<Disk>,
    /// The handle, where nothing is bound to it: not `busy`.
    handle: Option<DmaHandle<Buffer>>,
    running: Option<Running>,
    /// Buffers to be read into, and the block where each starts.
    pending: VecDeque<(Buffer, u64)>,
    /// What was read.
    done: Vec<Buffer>,
    errors: Vec<Failure>,
}

/// The transfer that the device works on.
struct Running {
    flight: InFlight<Buffer>,
    block: u64,
    next_list: usize,
}

impl XxState {
    /// Attaches to a disk.
    ///
    /// # Errors
    ///
    /// There is no such disk.
    pub fn attach(machine: &Machine, name: &str) -> Result<XxState, Failure> {
        let disk = Arc::clone(machine.device(name)?);
        let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
        let handle = device_of(&bus, &disk).alloc_handle(&disk.spec().attr, Wait::DontWait)?;
        let (pending, done, errors) = (VecDeque::new(), Vec::new(), Vec::new());
        Ok(XxState { disk, handle: Some(handle), running: None, pending, done, errors })
    }

    /// Asks for a buffer to be read from a block on (`strategy(9E)`).
    pub fn xxstrategy(&mut self, bp: Buffer, block: u64) {
        self.pending.push_back((bp, block));
        self.xxstart();
    }

    /// Starts the next pending transfer, unless one runs.
    fn xxstart(&mut self) {
        while let Some(handle) = self.handle.take() {
            let Some((bp, block)) = self.pending.pop_front() else {
                self.handle = Some(handle);
                return;
            };
            match handle.bind(bp, Direction::FromDevice, BindFlags::empty(), Wait::DontWait) {
                Ok(binding) => {
                    self.proceed(Running { flight: binding.start(), block, next_list: 0 }, Ok(()));
                }
                Err(error) => {
                    let kind = error.kind();
                    let (handle, _bp) = error.into_parts();
                    self.handle = Some(handle);
                    self.errors.push(kind.into());
                }
            }
        }
    }

    /// Serves an interrupt; tells whether it was this device's.
    pub fn xxintr(&mut self) -> Interrupt {
        // Read the status.
        let status = self.disk.get(Register::Csr);
        if status & csr::INTERRUPTING == 0 {
            return Interrupt::Unclaimed;
        }
        self.disk.put(Register::Csr, csr::CLEAR_INTERRUPT);
        // For store buffers: the read comes back when the write has arrived.
        let _ = self.disk.get(Register::Csr);
        if let Some(running) = self.running.take() {
            // Check for errors.
            self.proceed(running, outcome(&self.disk, status));
        }
        // Pending transfers.
        self.xxstart();
        Interrupt::Claimed
    }

    /// Gives the engine the next list, or unbinds where there is none or the last one failed.
    fn proceed(&mut self, mut running: Running, outcome: Result<(), RequestError>) {
        let next = outcome.map_err(Failure::from).and_then(|()| running.program_next(&self.disk));
        match next {
            Ok(Next::Started) => self.running = Some(running),
            ended => {
                // The device is done with the memory. Unbinding releases the resources and synchronises for the CPU.
                let (handle, bp) = running.flight.complete().unbind();
                self.handle = Some(handle);
                match ended {
                    Ok(_) => self.done.push(bp),
                    Err(error) => self.errors.push(error),
                }
            }
        }
    }
}

/// Whether there was another list.
enum Next {
    Started,
    NoMore,
}

impl Running {
    /// Gives the engine the next list: see example 8-4.
    fn program_next(&mut self, disk: &Disk) -> Result<Next, Failure> {
        let Some(list) = self.flight.window(0)?.list(self.next_list) else { return Ok(Next::NoMore) };
        program(disk, &list, self.block + list.offset() / 512, Direction::FromDevice);
        self.next_list += 1;
        Ok(Next::Started)
    }
}

/// What a driver with pending transfers did.
pub struct Served {
    /// The buffers, as they were read.
    pub done: Vec<Buffer>,
    /// Interrupts that were the device's.
    pub claimed: usize,
}

/// Reads several buffers, each from a block of its own, all asked for at once.
///
/// # Errors
///
/// A transfer fails.
pub fn read_all(machine: &Machine, name: &str, buffers: Vec<(Buffer, u64)>) -> Result<Served, Failure> {
    let mut xsp = XxState::attach(machine, name)?;
    for (bp, block) in buffers {
        xsp.xxstrategy(bp, block);
    }
    let mut claimed = 0;
    while machine.run() > 0 && xsp.xxintr() == Interrupt::Claimed {
        claimed += 1;
    }
    match xsp.errors.pop() {
        Some(error) => Err(error),
        None => Ok(Served { done: xsp.done, claimed }),
    }
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let buffers = (0..3).map(|n| Ok((machine.buffer(&BufferSpec::new(50_000))?, n * 100)));
    let served = read_all(&machine, "pci-disk", buffers.collect::<Result<_, Failure>>()?)?;
    println!("pci-disk: {} buffers read with {} interrupts", served.done.len(), served.claimed);
    Ok(())
}
