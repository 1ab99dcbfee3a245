//! Example 8-6: detaching a driver while its callback may be waiting for resources.
//!
//! A driver that is gone must not be called. `as_in_the_manual` counts its callbacks and tells them to stop, which
//! works here as it does there. `in_one_line` cancels the callback. The difference is more than length: the first can
//! detach only after somebody has released a resource, since only then its callback hears that it is to stop.

mod common;

use std::sync::{Arc, MutexGuard, PoisonError};

use common::{Failure, program};
use ddi_dma::{
    Attempt, BindErrorKind, BindFlags, Binding, Bus, BusConfig, Callback, Device, Direction, DmaHandle,
    InFlight, Wait,
};
use ddi_dma_sim::{Buffer, BufferSpec, Disk, Machine, MachineConfig, NexusKind, Placement};

/// How a command began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// The device works on it.
    Running,
    /// It waits for resources: the callback begins it.
    Waiting,
}

/// A handle and the buffer to be bound to it, while resources are short.
type Parked = (DmaHandle<Buffer>, Buffer);

/// Binds what is parked, to be read from the start of the disk in one list.
fn bind((handle, bp): Parked, wait: Wait<'_>) -> Result<Binding<Buffer>, (BindErrorKind, Parked)> {
    let bound = handle.bind(bp, Direction::FromDevice, BindFlags::ONE_LIST, wait);
    bound.map_err(|error| (error.kind(), error.into_parts()))
}

/// Programs the engine with what was bound.
fn run(disk: &Disk, binding: Binding<Buffer>) -> InFlight<Buffer> {
    let mut flight = binding.start();
    if let Some(list) = flight.window(0).ok().and_then(|window| window.list(0)) {
        program(disk, &list, 0, Direction::FromDevice);
    }
    flight
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The manual's way: fields in the state that count callbacks and tell them to stop.
pub mod as_in_the_manual {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// The driver.
    pub struct Driver {
        xsp: Arc<XxState>,
        callback: Callback,
    }

    /// `struct xxstate`.
    struct XxState {
        disk: Arc<Disk>,
        callback_mutex: Mutex<Callbacks>,
        callback_cv: Condvar,
    }

    /// What `callback_mutex` protects.
    #[derive(Default)]
    struct Callbacks {
        cancel_callbacks: bool,
        callback_count: u32,
        parked: Option<Parked>,
        flight: Option<InFlight<Buffer>>,
    }

    impl Driver {
        /// Attaches to a disk.
        pub fn new(disk: &Arc<Disk>) -> Driver {
            let (callback_mutex, callback_cv) = (Mutex::default(), Condvar::new());
            let xsp = Arc::new(XxState { disk: Arc::clone(disk), callback_mutex, callback_cv });
            let state = Arc::clone(&xsp);
            Driver { xsp, callback: Callback::new(move |_| state.xxdmacallback()) }
        }

        /// Begins to read into a buffer, or has the callback do so later (`strategy(9E)`).
        ///
        /// # Errors
        ///
        /// The buffer cannot be bound.
        pub fn xxstrategy(&self, handle: DmaHandle<Buffer>, bp: Buffer) -> Result<Began, BindErrorKind> {
            // Held over the bind: a callback on another processor comes in when handle and buffer are parked, and the
            // callback is counted.
            let mut callbacks = lock(&self.xsp.callback_mutex);
            match bind((handle, bp), Wait::Callback(&self.callback)) {
                Ok(binding) => {
                    callbacks.flight = Some(run(&self.xsp.disk, binding));
                    Ok(Began::Running)
                }
                Err((BindErrorKind::NoResources(_), parked)) => {
                    callbacks.parked = Some(parked);
                    callbacks.callback_count += 1;
                    Ok(Began::Waiting)
                }
                Err((kind, _)) => Err(kind),
            }
        }

        /// Waits until no callback is outstanding (`detach(9E)`). Returns the buffer, if its transfer never began.
        pub fn xxdetach(&self) -> Option<Buffer> {
            let mut callbacks = lock(&self.xsp.callback_mutex);
            callbacks.cancel_callbacks = true;
            while callbacks.callback_count > 0 {
                let waited = self.xsp.callback_cv.wait(callbacks);
                callbacks = waited.unwrap_or_else(PoisonError::into_inner);
            }
            callbacks.parked.take().map(|(_handle, bp)| bp)
        }

        /// Whether [`xxdetach`](Self::xxdetach) has told callbacks to stop.
        pub fn is_detaching(&self) -> bool {
            lock(&self.xsp.callback_mutex).cancel_callbacks
        }

        /// Ends the transfer, which the device has done: the buffer.
        pub fn finish(&self) -> Option<Buffer> {
            let flight = lock(&self.xsp.callback_mutex).flight.take();
            flight.map(|flight| flight.complete().unbind().1)
        }
    }

    impl XxState {
        fn xxdmacallback(&self) -> Attempt {
            let mut callbacks = lock(&self.callback_mutex);
            if callbacks.cancel_callbacks {
                // Do not reschedule: the driver is about to be detached.
                callbacks.callback_count -= 1;
                if callbacks.callback_count == 0 {
                    self.callback_cv.notify_all();
                }
                return Attempt::Done;
            }
            let Some(parked) = callbacks.parked.take() else { return Attempt::Done };
            // DontWait: it waits already, and keeps its place.
            match bind(parked, Wait::DontWait) {
                Ok(binding) => {
                    callbacks.flight = Some(run(&self.disk, binding));
                    callbacks.callback_count -= 1;
                    Attempt::Done
                }
                Err((BindErrorKind::NoResources(_), parked)) => {
                    callbacks.parked = Some(parked);
                    Attempt::Runout
                }
                Err(_) => {
                    callbacks.callback_count -= 1;
                    Attempt::Done
                }
            }
        }
    }
}

/// The same without counters: the framework knows where the callback waits and whether it runs.
pub mod in_one_line {
    use std::sync::Mutex;

    use super::*;

    /// The driver.
    pub struct Driver {
        xsp: Arc<XxState>,
        callback: Callback,
    }

    /// `struct xxstate`.
    struct XxState {
        disk: Arc<Disk>,
        mu: Mutex<Transfer>,
    }

    /// What `mu` protects.
    #[derive(Default)]
    struct Transfer {
        parked: Option<Parked>,
        flight: Option<InFlight<Buffer>>,
    }

    impl Driver {
        /// Attaches to a disk.
        pub fn new(disk: &Arc<Disk>) -> Driver {
            let xsp = Arc::new(XxState { disk: Arc::clone(disk), mu: Mutex::default() });
            let state = Arc::clone(&xsp);
            let begin = move |_: &Callback| match state.begin(&mut lock(&state.mu), Wait::DontWait) {
                Ok(Began::Waiting) => Attempt::Runout,
                Ok(Began::Running) | Err(_) => Attempt::Done,
            };
            Driver { xsp, callback: Callback::new(begin) }
        }

        /// Begins to read into a buffer, or has the callback do so later (`strategy(9E)`).
        ///
        /// # Errors
        ///
        /// The buffer cannot be bound.
        pub fn xxstrategy(&self, handle: DmaHandle<Buffer>, bp: Buffer) -> Result<Began, BindErrorKind> {
            let mut transfer = lock(&self.xsp.mu);
            transfer.parked = Some((handle, bp));
            self.xsp.begin(&mut transfer, Wait::Callback(&self.callback))
        }

        /// Has the callback not be called any more, and not run either (`detach(9E)`). Returns the buffer, if its
        /// transfer never began.
        pub fn xxdetach(&self) -> Option<Buffer> {
            self.callback.cancel();
            lock(&self.xsp.mu).parked.take().map(|(_handle, bp)| bp)
        }

        /// Ends the transfer, which the device has done: the buffer.
        pub fn finish(&self) -> Option<Buffer> {
            let flight = lock(&self.xsp.mu).flight.take();
            flight.map(|flight| flight.complete().unbind().1)
        }
    }

    impl XxState {
        fn begin(&self, transfer: &mut Transfer, wait: Wait<'_>) -> Result<Began, BindErrorKind> {
            let Some(parked) = transfer.parked.take() else { return Ok(Began::Running) };
            match bind(parked, wait) {
                Ok(binding) => {
                    transfer.flight = Some(run(&self.disk, binding));
                    Ok(Began::Running)
                }
                Err((BindErrorKind::NoResources(_), parked)) => {
                    transfer.parked = Some(parked);
                    Ok(Began::Waiting)
                }
                Err((kind, _)) => Err(kind),
            }
        }
    }
}

/// Takes all of a resource of the bus: binds a buffer that needs it.
///
/// # Errors
///
/// The buffer cannot be bound.
pub fn hold(device: &Device, disk: &Disk, bp: Buffer) -> Result<Binding<Buffer>, Failure> {
    let handle = device.alloc_handle(&disk.spec().attr, Wait::DontWait)?;
    Ok(bind((handle, bp), Wait::DontWait).map_err(|(kind, _)| kind)?)
}

/// Runs it.
///
/// # Errors
///
/// Something failed.
pub fn main() -> Result<(), Failure> {
    let machine = Machine::new(MachineConfig::default())?;
    let bus = Bus::new(
        machine.nexus(NexusKind::Isa),
        BusConfig { copy_buffer_limit: 0x1000, ..BusConfig::default() },
    );
    let (disk, device) = (machine.device("isa-disk")?, bus.device("isa-disk"));
    let buffer = || machine.buffer(&BufferSpec::new(0x1000).placement(Placement::ABOVE_16M));
    let held = hold(&device, disk, buffer()?)?;

    let driver = in_one_line::Driver::new(disk);
    let handle = device.alloc_handle(&disk.spec().attr, Wait::DontWait)?;
    let began = driver.xxstrategy(handle, buffer()?)?;
    let back = driver.xxdetach().map_or(0, |bp| bp.len());
    println!("isa-disk: {began:?}, then detached while the copy buffer was held: {back} bytes came back");
    drop(held);
    Ok(())
}
