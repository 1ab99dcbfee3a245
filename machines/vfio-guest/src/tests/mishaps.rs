//! Devices that do not stop interrupting, and devices that do not answer: a clear error, within the time-out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ddi_dma::{DmaObject, Registers, Wait};
use ddi_dma_vfio::{EventInterrupt, HostBuffer, InterruptKind, Region};
use edu::{BUFFER, Completion, Config, Edu, Engine, Fault, TransferErrorKind, Work};

use super::opened::Opened;
use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("mishap-storm-of-messages", storm_of_messages),
    Test::new("mishap-line-that-stays-raised", line_that_stays_raised),
    Test::new("mishap-late-device", late_device),
    Test::new("mishap-busy-device", busy_device),
];

/// Where the educational device is told to interrupt, and where to stop.
const RAISE: u64 = 0x60;
const ACKNOWLEDGE: u64 = 0x64;

/// How long a test's driver waits. Nothing may take much longer.
const TIMEOUT: Duration = Duration::from_millis(500);

/// What a busy machine may take beside.
const SLACK: Duration = Duration::from_millis(500);

/// A device whose driver cannot quiet it: what it writes to acknowledge interrupts is lost.
struct Deaf(Region);

impl Registers for Deaf {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read32(&self, offset: u64) -> u32 {
        self.0.read32(offset)
    }

    fn write32(&self, offset: u64, value: u32) {
        if offset != ACKNOWLEDGE {
            self.0.write32(offset, value);
        }
    }

    fn read64(&self, offset: u64) -> u64 {
        self.0.read64(offset)
    }

    fn write64(&self, offset: u64, value: u64) {
        self.0.write64(offset, value);
    }
}

/// The device interrupts without end, for reasons that no driver knows, while it does a DMA.
fn storm_of_messages(guest: &Guest) -> Result<(), Failure> {
    const UNKNOWN: u32 = 0x10;
    let opened = Opened::new(guest.edu)?;
    let registers = opened.registers()?;
    let mut edu = attach(&opened, opened.registers()?, InterruptKind::Msi)?;
    let stop = AtomicBool::new(false);
    let (took, done) = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                registers.write32(RAISE, UNKNOWN);
            }
        });
        let started = Instant::now();
        let done = edu.write(0, HostBuffer::new(BUFFER)?, Wait::DontWait);
        stop.store(true, Ordering::Relaxed);
        Ok::<_, Failure>((started.elapsed(), done.map(|_| ()).map_err(|error| error.kind())))
    })?;
    println!("after {took:?}: {done:?}");
    ensure!(took < TIMEOUT + SLACK, "it took {took:?}");
    // A storm may be borne or told.
    done.or_else(|error| told(error, took))?;
    drop(edu);
    works_again(&opened)
}

/// A line that the device holds for another reason than its driver knows of: masked each time it is raised, and raised
/// each time it is opened.
fn line_that_stays_raised(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.edu)?;
    let registers = opened.registers()?;
    let mut edu = attach(&opened, Deaf(opened.registers()?), InterruptKind::IntX)?;
    registers.write32(RAISE, 0x1);
    let started = Instant::now();
    let done = edu.write(0, HostBuffer::new(BUFFER)?, Wait::DontWait);
    let (took, done) = (started.elapsed(), done.map(|_| ()).map_err(|error| error.kind()));
    println!("after {took:?}: {done:?}");
    ensure!(took < TIMEOUT + SLACK, "it took {took:?}");
    done.or_else(|error| told(error, took))?;
    registers.write32(ACKNOWLEDGE, !0);
    drop(edu);
    works_again(&opened)
}

/// A DMA takes the device longer than the driver waits: the memory is taken away from it, and never changes.
fn late_device(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.edu)?;
    let mut edu = attach(&opened, opened.registers()?, InterruptKind::Msi)?;
    edu.set_config(Config { timeout: Duration::from_millis(20), ..edu.config() });
    let started = Instant::now();
    let Err(error) = edu.read(0, HostBuffer::new(BUFFER)?, Wait::DontWait) else {
        return Err(Failure::new("a DMA of 100 ms ended within 20"));
    };
    let (took, error) = (started.elapsed(), error.kind());
    println!("after {took:?}: {error}");
    ensure!(took < SLACK, "it took {took:?}");
    let TransferErrorKind::Abandoned { fault: Fault::TimedOut { work: Work::Dma, .. }, memory } = error
    else {
        return Err(error.into());
    };
    ensure!(memory == edu::Memory::Revoked, "{memory}");
    ensure!(opened.usage().maps == 0, "{:?}", opened.usage());
    drop(edu);
    works_again(&opened)
}

/// A device that computes for longer than anybody waits.
fn busy_device(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.edu)?;
    let mut edu = attach(&opened, opened.registers()?, InterruptKind::Msi)?;
    edu.set_config(Config { timeout: Duration::from_millis(50), ..edu.config() });
    let started = Instant::now();
    let done = edu.factorial(400_000_000);
    let took = started.elapsed();
    println!("after {took:?}: {done:?}");
    ensure!(took < SLACK, "it took {took:?}");
    ensure!(matches!(done, Err(Fault::TimedOut { work: Work::Factorial, .. })), "{done:?}");
    ensure!(
        matches!(edu.factorial(3), Err(Fault::Busy { .. })),
        "the device is busy, and takes the next order"
    );
    let limit = Instant::now() + Duration::from_secs(8);
    let next = loop {
        match edu.factorial(3) {
            Err(Fault::Busy { .. }) if Instant::now() < limit => thread::sleep(Duration::from_millis(20)),
            next => break next,
        }
    };
    ensure!(next == Ok(6), "{next:?}");
    Ok(())
}

fn attach<R: Registers>(
    opened: &Opened,
    registers: R,
    kind: InterruptKind,
) -> Result<Edu<R, EventInterrupt>, Failure> {
    let config = Config { completion: Completion::Interrupt, timeout: TIMEOUT, ..Config::default() };
    Ok(Edu::attach(&opened.bus.device("edu"), registers, opened.interrupt(kind)?, config)?)
}

/// Fails unless an error tells of too many interrupts, or truly of an end that did not come in time.
fn told(error: TransferErrorKind, took: Duration) -> Result<(), Failure> {
    let TransferErrorKind::Abandoned { fault, .. } = error else {
        return Err(error.into());
    };
    let true_so_far = match fault {
        Fault::Storm { .. } => true,
        Fault::TimedOut { limit, .. } => took >= limit / 2,
        _ => false,
    };
    ensure!(true_so_far, "after {took:?}: {fault}");
    Ok(())
}

/// Fails unless the device, left alone for a while, works for a new driver.
fn works_again(opened: &Opened) -> Result<(), Failure> {
    let mut edu = attach(opened, opened.registers()?, InterruptKind::Msi)?;
    ensure!(edu.engine() == Engine::Stopped, "the engine runs");
    let mut object = HostBuffer::new(100)?;
    object.write(0, &[0x11; 100])?;
    let (_, back, _) = edu.round_trip(object, HostBuffer::new(100)?, Wait::DontWait)?;
    ensure!(back.to_vec() == [0x11; 100], "{} bytes came back wrong", back.view().length().unwrap_or(0));
    Ok(())
}
