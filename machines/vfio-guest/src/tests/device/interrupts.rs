//! Interrupts: for threads, for pollers, for tasks.

use std::future::Future;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ddi_dma::{
    AccessAttr, BindFlags, BusConfig, Direction, DmaAttr, Interrupt, MemoryUse, Raised, Registers, Wait,
};
use ddi_dma_vfio::{Bar, BusMaster, Container, EventInterrupt, InterruptError, InterruptKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Edu, edu, enable, is_enabled};
use crate::failure::Failure;
use crate::guest::Guest;

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(20);

/// Waiting, polling and resting on the descriptor, by messages.
pub fn msi(guest: &Guest) -> Result<(), Failure> {
    let edu = Edu::open(guest)?;
    edu.device.set_bus_master(BusMaster::On)?;
    let interrupt = edu.interrupt(InterruptKind::Msi)?;
    ensure!(interrupt.take() == Raised::No, "raised before anything was done");
    for bits in 1..=100 {
        edu.raise(bits);
        interrupt.wait(LONG)?;
        ensure!(interrupt.take() == Raised::No, "raised twice");
        let why = edu.quiet();
        ensure!(why == bits, "{why:#x} instead of {bits:#x}");
    }
    edu.raise(1);
    while interrupt.take() == Raised::No {
        thread::yield_now();
    }
    edu.quiet();
    edu.raise(2);
    ensure!(readable(&interrupt, LONG)?, "the descriptor does not tell");
    ensure!(interrupt.take() == Raised::Yes, "the descriptor tells what did not come");
    edu.quiet();
    // What the device does by itself: a factorial that is done.
    edu.registers.write32(0x20, 0x80);
    edu.registers.write32(edu::FACTORIAL, 10);
    interrupt.wait(LONG)?;
    ensure!(edu.registers.read32(edu::FACTORIAL) == 3_628_800, "10! is wrong");
    edu.quiet();
    latency(&edu, &interrupt)
}

fn latency(edu: &Edu, interrupt: &EventInterrupt) -> Result<(), Failure> {
    const TIMES: u32 = 200;
    let started = Instant::now();
    for _ in 0..TIMES {
        edu.raise(1);
        interrupt.wait(LONG)?;
        edu.quiet();
    }
    println!("raised, waited for and quieted in {:?}", started.elapsed() / TIMES);
    Ok(())
}

/// The line stays raised until the device is quieted: nothing is lost, and nothing comes twice.
pub fn intx(guest: &Guest) -> Result<(), Failure> {
    let edu = Edu::open(guest)?;
    let interrupt = edu.interrupt(InterruptKind::IntX)?;
    for bits in 1..=100 {
        edu.raise(bits);
        interrupt.wait(LONG)?;
        let why = edu.quiet();
        ensure!(why == bits, "{why:#x} instead of {bits:#x}");
        ensure!(interrupt.take() == Raised::No, "raised twice by {bits:#x}");
    }
    // Who looks again without quieting the device finds it raised again.
    edu.raise(4);
    for _ in 0..3 {
        interrupt.wait(LONG)?;
    }
    edu.quiet();
    ensure!(interrupt.wait(SHORT).is_err(), "a quiet device interrupts");
    // Who rests on the descriptor opens the line by hand.
    for bits in [1, 2, 3] {
        interrupt.rearm();
        edu.raise(bits);
        ensure!(readable(&interrupt, LONG)?, "the descriptor does not tell");
        ensure!(interrupt.take() == Raised::Yes, "the descriptor tells what did not come");
        edu.quiet();
    }
    latency(&edu, &interrupt)
}

/// What an NVMe controller says when it has answered a command, and it answers any, here one of zeroes: by one vector of two.
pub fn msix(guest: &Guest) -> Result<(), Failure> {
    let (submitted, taken) = (0x1000, 0x1004);
    let container = Container::new()?;
    let nvme = container.open(guest.nvme)?;
    let registers = nvme.region(Bar::Bar0)?;
    let interrupts = nvme.interrupts(InterruptKind::MsiX, 2)?;
    let bus = container.nexus()?.bus(BusConfig::default());
    let handle = bus.device("nvme").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
    let queues = handle.alloc_memory(0x2000, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)?;
    let access = queues.access();
    let mut flight = handle.bind(queues, Direction::Both, BindFlags::CONSISTENT, Wait::DontWait)?.start();
    let address = flight.window(0)?.cookies()[0].address;
    nvme.set_bus_master(BusMaster::On)?;
    enable(&registers, address)?;
    for number in 1..=24 {
        registers.write32(submitted, number);
        match number % 3 {
            0 => interrupts[0].wait(LONG)?,
            1 => block_on(interrupts[0].raised())?,
            _ => {
                while interrupts[0].take() == Raised::No {
                    thread::yield_now();
                }
            }
        }
        let mut entry = [0; 16];
        access.read(0x1000 + u64::from(number - 1) * 16, &mut entry)?;
        ensure!(entry[14] & 1 == 1, "command {number} has no answer: {entry:02x?}");
        registers.write32(taken, number);
        ensure!(interrupts[1].take() == Raised::No, "the other vector");
    }
    nvme.reset()?;
    ensure!(!is_enabled(&registers), "the controller runs after the reset");
    Ok(())
}

/// How many there are, what is refused, and that they can be had again and again, and in another way.
pub fn vectors(guest: &Guest) -> Result<(), Failure> {
    let nvme = Container::new()?.open(guest.nvme)?;
    let count = nvme.interrupt_count(InterruptKind::MsiX);
    ensure!(count >= 2, "nvme has {count} vectors");
    for asked in [1, 2, count, 1] {
        let interrupts = nvme.interrupts(InterruptKind::MsiX, asked)?;
        ensure!(interrupts.len() == asked as usize, "{} instead of {asked}", interrupts.len());
        match nvme.interrupts(InterruptKind::IntX, 1) {
            Err(InterruptError::InUse { kind: InterruptKind::MsiX, .. }) => {}
            other => return Err(Failure::new(format!("a second way of interrupting: {other:?}"))),
        }
    }
    match nvme.interrupts(InterruptKind::MsiX, count + 1) {
        Err(InterruptError::TooMany { available, .. }) if available == count => {}
        other => return Err(Failure::new(format!("more than there are: {other:?}"))),
    }
    ensure!(matches!(nvme.interrupts(InterruptKind::MsiX, 0), Err(InterruptError::Nothing { .. })), "none");
    ensure!(nvme.interrupts(InterruptKind::IntX, 1)?.len() == 1, "the line");
    println!("nvme has {count} vectors of MSI-X");
    Ok(())
}

/// Tasks, on an executor that is nothing but a loop.
pub fn tasks(guest: &Guest) -> Result<(), Failure> {
    let edu = Edu::open(guest)?;
    edu.device.set_bus_master(BusMaster::On)?;
    for kind in [InterruptKind::Msi, InterruptKind::IntX] {
        let interrupt = edu.interrupt(kind)?;
        for bits in 1..=100 {
            edu.raise(bits);
            block_on(interrupt.raised())?;
            let why = edu.quiet();
            ensure!(why == bits, "{kind}: {why:#x} instead of {bits:#x}");
        }
        // A future that is dropped loses nothing.
        let mut given_up = Box::pin(interrupt.raised());
        let mut context = Context::from_waker(Waker::noop());
        ensure!(given_up.as_mut().poll(&mut context).is_pending(), "{kind}: raised");
        drop(given_up);
        edu.raise(7);
        interrupt.wait(LONG)?;
        ensure!(edu.quiet() == 7, "{kind}: after a future that was dropped");
        // The device is slower than the task.
        thread::scope(|scope| {
            scope.spawn(|| edu.raise(9));
            block_on(interrupt.raised())
        })?;
        edu.quiet();
    }
    Ok(())
}

/// A device that does not interrupt is waited for as long as was said, and no longer.
pub fn silence(guest: &Guest) -> Result<(), Failure> {
    let edu = Edu::open(guest)?;
    for kind in [InterruptKind::Msi, InterruptKind::IntX] {
        let interrupt = edu.interrupt(kind)?;
        let started = Instant::now();
        let error = match interrupt.wait(SHORT) {
            Err(error) => error,
            Ok(()) => return Err(Failure::new(format!("{kind}: a silent device interrupts"))),
        };
        let took = started.elapsed();
        ensure!(took >= SHORT && took < LONG, "{kind}: {took:?}");
        ensure!(error.limit == SHORT, "{error}");
    }
    // Without leave to be bus master, no message gets through.
    let interrupt = edu.interrupt(InterruptKind::Msi)?;
    edu.device.set_bus_master(BusMaster::Off)?;
    edu.raise(1);
    ensure!(interrupt.wait(SHORT).is_err(), "a message of a device that is no bus master");
    ensure!(edu.quiet() == 1, "it was not raised");
    Ok(())
}

fn readable(interrupt: &EventInterrupt, limit: Duration) -> Result<bool, Failure> {
    let limit = Timespec::try_from(limit)?;
    let file = interrupt.as_fd();
    Ok(poll(&mut [PollFd::from_borrowed_fd(file, PollFlags::IN)], Some(&limit))? == 1)
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
