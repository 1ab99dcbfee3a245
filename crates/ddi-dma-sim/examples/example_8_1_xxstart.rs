//! Example 8-1: a driver whose start routine is its own resource callback.
//!
//! `xxstart` binds and programs. Where there is too little of a resource it is called again once there may be
//! enough, and keeps the manual's rules for callbacks: it assumes nothing, tries again, and says how that went.

mod common;

use std::mem::replace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::{Failure, RequestError, acknowledge, device_of, program};
use ddi_dma::{
    Attempt, BindErrorKind, BindFlags, Bus, BusConfig, Callback, Direction, DmaHandle, InFlight, Wait,
};
use ddi_dma_sim::{Buffer, BufferSpec, Disk, Machine, MachineConfig, NexusKind, Placement};

/// The driver of one disk.
pub struct Driver {
    xsp: Arc<XxState>,
    /// `xxstart` with `xsp` as its argument. It owns a part of the state, so it stands beside the state, not in it.
    start: Callback,
}

/// `struct xxstate`.
struct XxState {
    disk: Arc<Disk>,
    /// The manual's `busy`, under its lock `mu`.
    mu: Mutex<Busy>,
}

/// A transfer that somebody asked for (`struct buf`).
struct Command {
    bp: Buffer,
    block: u64,
    direction: Direction,
}

/// Who has the handle. Only one of these has it at a time, so a type says more than the manual's flag.
enum Busy {
    /// Nobody.
    Idle(DmaHandle<Buffer>),
    /// A command that is not started yet.
    Pending(DmaHandle<Buffer>, Command),
    /// Somebody who is between the locks of `xxstart`, which was called so often meanwhile.
    Starting(Called),
    /// The device.
    Running(InFlight<Buffer>),
    /// A command that is over.
    Ended(DmaHandle<Buffer>, Result<Buffer, RequestError>),
}

#[derive(PartialEq, Eq)]
enum Called {
    Once,
    Again,
}

impl Driver {
    /// Attaches to a disk (`attach(9E)`): one handle, reused for all transfers.
    ///
    /// # Errors
    ///
    /// There is no such disk, or its bus cannot serve its engine.
    pub fn attach(machine: &Machine, bus: &Bus, name: &str) -> Result<Driver, Failure> {
        let disk = Arc::clone(machine.device(name)?);
        let handle = device_of(bus, &disk).alloc_handle(&disk.spec().attr, Wait::DontWait)?;
        let xsp = Arc::new(XxState { disk, mu: Mutex::new(Busy::Idle(handle)) });
        let start = {
            let xsp = Arc::clone(&xsp);
            Callback::new(move |me| xsp.xxstart(me))
        };
        Ok(Driver { xsp, start })
    }

    /// Takes a command and tries to start it (`strategy(9E)`). It is over when [`ended`](Self::ended) says so.
    ///
    /// # Errors
    ///
    /// The driver has a command already; the buffer comes back.
    pub fn strategy(&self, bp: Buffer, block: u64, direction: Direction) -> Result<Attempt, Buffer> {
        {
            let mut busy = self.xsp.lock();
            match replace(&mut *busy, Busy::Starting(Called::Once)) {
                Busy::Idle(handle) => *busy = Busy::Pending(handle, Command { bp, block, direction }),
                other => {
                    *busy = other;
                    return Err(bp);
                }
            }
        }
        Ok(self.xsp.xxstart(&self.start))
    }

    /// Serves the disk's interrupt, if it raised one. Example 8-5 is about this.
    pub fn intr(&self) {
        let Some(outcome) = acknowledge(&self.xsp.disk) else { return };
        let before = replace(&mut *self.xsp.lock(), Busy::Starting(Called::Once));
        let after = match before {
            Busy::Running(flight) => {
                // Gives the resources back, and calls here who waits for them: no lock is held.
                let (handle, bp) = flight.complete().unbind();
                Busy::Ended(handle, outcome.map(|()| bp))
            }
            other => other,
        };
        *self.xsp.lock() = after;
    }

    /// The result of a command that is over (`biodone(9F)`).
    pub fn ended(&self) -> Option<Result<Buffer, RequestError>> {
        let mut busy = self.xsp.lock();
        match replace(&mut *busy, Busy::Starting(Called::Once)) {
            Busy::Ended(handle, result) => {
                *busy = Busy::Idle(handle);
                Some(result)
            }
            other => {
                *busy = other;
                None
            }
        }
    }
}

impl Drop for Driver {
    /// Detaches: see example 8-6.
    fn drop(&mut self) {
        self.start.cancel();
    }
}

impl XxState {
    /// Starts the pending command, if there is one and there are resources for it.
    fn xxstart(&self, me: &Callback) -> Attempt {
        loop {
            let (handle, command) = match self.take_pending() {
                Ok(pending) => pending,
                Err(attempt) => return attempt,
            };
            // No lock is held: whatever the bind releases meanwhile may call others, and even this function.
            let Command { bp, block, direction } = command;
            match handle.bind(bp, direction, BindFlags::ONE_LIST, Wait::Callback(me)) {
                Ok(binding) => {
                    self.run(binding.start(), block, direction);
                    return Attempt::Done;
                }
                Err(error) => {
                    let kind = error.kind();
                    let (handle, bp) = error.into_parts();
                    let mut busy = self.lock();
                    let BindErrorKind::NoResources(_) = kind else {
                        // Waiting does not help.
                        *busy = Busy::Ended(handle, Err(RequestError(kind.to_string())));
                        return Attempt::Done;
                    };
                    let before = replace(&mut *busy, Busy::Pending(handle, Command { bp, block, direction }));
                    if !matches!(before, Busy::Starting(Called::Again)) {
                        return Attempt::Runout;
                    }
                }
            }
        }
    }

    /// Takes the pending command; or tells what to answer where there is none.
    fn take_pending(&self) -> Result<(DmaHandle<Buffer>, Command), Attempt> {
        let mut busy = self.lock();
        match replace(&mut *busy, Busy::Starting(Called::Once)) {
            Busy::Pending(handle, command) => Ok((handle, command)),
            // Somebody is at it on another processor, and may just have found too little: it looks again.
            Busy::Starting(_) => {
                *busy = Busy::Starting(Called::Again);
                Err(Attempt::Runout)
            }
            // A transfer runs, or none is asked for: nothing is needed. (The manual answers RUNOUT while a transfer
            // runs. Then the callback goes on waiting, and in the end others are kept from what it does not need.)
            other => {
                *busy = other;
                Err(Attempt::Done)
            }
        }
    }

    /// Gives the engine the object's one list. Under the lock, so that the interrupt finds the transfer.
    fn run(&self, mut flight: InFlight<Buffer>, block: u64, direction: Direction) {
        let mut busy = self.lock();
        if let Ok(Some(list)) = flight.window(0).map(|window| window.list(0)) {
            program(&self.disk, &list, block, direction);
            *busy = Busy::Running(flight);
            return;
        }
        // Unbinding calls who waits: not under the lock.
        drop(busy);
        let (handle, _) = flight.complete().unbind();
        *self.lock() = Busy::Ended(handle, Err(RequestError("the object has no list".into())));
    }

    fn lock(&self) -> MutexGuard<'_, Busy> {
        self.mu.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of two reads for which there are resources one at a time.
pub struct Competition {
    /// How the second driver's first attempt went, while the first had its resources.
    pub attempt: Attempt,
    /// What the two drivers read.
    pub read: [Buffer; 2],
    /// How often a callback was called.
    pub callbacks: u64,
}

/// Has two drivers read two buffers from the start of their disks, over a bus that serves one at a time.
///
/// # Errors
///
/// A driver does not attach, or a transfer fails.
pub fn compete(
    machine: &Machine,
    bus: &Bus,
    names: [&str; 2],
    buffers: [Buffer; 2],
) -> Result<Competition, Failure> {
    let [first, second] = [Driver::attach(machine, bus, names[0])?, Driver::attach(machine, bus, names[1])?];
    let [one, two] = buffers;
    first.strategy(one, 0, Direction::FromDevice).map_err(|_| "the first driver is busy")?;
    let attempt = second.strategy(two, 0, Direction::FromDevice).map_err(|_| "the second driver is busy")?;
    // The first transfer ends; its interrupt routine unbinds, and that starts the second.
    machine.run();
    first.intr();
    machine.run();
    second.intr();
    let ended = |driver: &Driver| {
        driver.ended().unwrap_or_else(|| Err(RequestError("the command was never started".into())))
    };
    let read = [ended(&first)?, ended(&second)?];
    Ok(Competition { attempt, read, callbacks: bus.stats().callbacks })
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
        BusConfig { copy_buffer_limit: 0x1_0000, ..BusConfig::default() },
    );
    // Each buffer needs all of the copy buffer.
    let spec = BufferSpec::new(0x1_0000).placement(Placement::ABOVE_16M);
    let buffers = [machine.buffer(&spec)?, machine.buffer(&spec)?];
    let told = compete(&machine, &bus, ["isa-disk", "isa-sg-disk"], buffers)?;
    println!(
        "isa-sg-disk: first attempt {:?}, then called {} time(s): both read",
        told.attempt, told.callbacks
    );
    Ok(())
}
