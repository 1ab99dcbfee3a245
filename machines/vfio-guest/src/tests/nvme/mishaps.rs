//! What goes wrong, and that it goes on afterwards.

use std::time::{Duration, Instant};

use ddi_dma::Wait;
use ddi_dma_vfio::{BusMaster, InterruptKind};
use nvme_driver::{Code, Config, Nvme, Request, RequestErrorKind, Retry};
use vfio_guest_contents::DISK_BLOCKS;

use super::{DISK, Notice, Rig, filled, let_it_fetch, pattern};
use crate::failure::Failure;
use crate::guest::Guest;

/// Time-outs short enough for tests.
fn impatient(rig: &Rig) -> Result<Nvme, Failure> {
    let config = Config { timeout: Duration::from_secs(1), ..Config::default() };
    rig.attach(Notice::Interrupts(InterruptKind::MsiX, 2), config)
}

/// The controller writes and reads.
fn works(nvme: &mut Nvme) -> Result<(), Failure> {
    nvme.write(DISK, 5, filled(8192, 100, 33)?)?;
    let (buffer, _) = nvme.read(DISK, 5, filled(8192, 0, 1)?)?;
    ensure!(buffer.to_vec() == pattern(8192, 33), "it does not read what it wrote");
    Ok(())
}

pub fn status_errors(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    // One that could be there and is not, and one that cannot be.
    for (namespace, code) in [(77, Code::InvalidField), (1000, Code::InvalidNamespaceOrFormat)] {
        let Err(error) = nvme.flush(namespace) else {
            return Err(Failure::new(format!("namespace {namespace} was flushed")));
        };
        println!("{error}");
        let RequestErrorKind::Status { status, .. } = error.kind() else { return Err(error.into()) };
        ensure!((status.code, status.retry) == (code, Retry::Useless), "{status:?}");
    }
    let Err(error) = nvme.read(DISK, DISK_BLOCKS, filled(512, 0, 5)?) else {
        return Err(Failure::new("a block behind the last was read"));
    };
    println!("{error}");
    ensure!(matches!(error.kind(), RequestErrorKind::OutOfRange { .. }), "{error}");
    ensure!(error.object.is_some_and(|object| object.to_vec() == pattern(512, 5)), "the object comes back");
    nvme.flush(DISK)?;
    let counts = nvme.counts();
    ensure!(counts.resets == 0, "{counts:?}");
    Ok(())
}

/// A controller that may not do DMA cannot even fetch a command: the error comes within the time-out, and once it may, a reset
/// makes it work.
pub fn without_bus_master(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = impatient(&rig)?;
    nvme.read(DISK, 0, filled(4096, 0, 1)?)?;
    rig.vfio.set_bus_master(BusMaster::Off)?;
    let started = Instant::now();
    let Err(error) = nvme.read(DISK, 0, filled(4096, 0, 1)?) else {
        return Err(Failure::new("a controller without the bus read a block"));
    };
    println!("after {:?}: {error}", started.elapsed());
    ensure!(started.elapsed() < Duration::from_secs(8), "the error took {:?}", started.elapsed());
    ensure!(error.object.is_some_and(|object| object.to_vec() == pattern(4096, 1)), "the object comes back");
    rig.vfio.set_bus_master(BusMaster::On)?;
    nvme.reset()?;
    works(&mut nvme)?;
    drop(nvme);
    rig.check_empty()
}

/// Somebody resets the function under the driver: its queues are gone, and it notices.
pub fn function_reset(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = impatient(&rig)?;
    nvme.read(DISK, 0, filled(4096, 0, 1)?)?;
    rig.vfio.reset()?;
    let started = Instant::now();
    let token = nvme.submit(&Request::read(DISK, 0), filled(4096, 0, 1)?, Wait::DontWait)?;
    let Err(error) = nvme.wait(token) else {
        return Err(Failure::new("a controller without queues read a block"));
    };
    println!("after {:?}: {error}", started.elapsed());
    ensure!(error.object.is_some_and(|object| object.to_vec() == pattern(4096, 1)), "the object comes back");
    rig.vfio.set_bus_master(BusMaster::On)?;
    nvme.reset()?;
    works(&mut nvme)?;
    drop(nvme);
    rig.check_empty()
}

/// Behind all of it no map and no byte is left.
pub fn nothing_is_left(guest: &Guest) -> Result<(), Failure> {
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    let attached = rig.usage();
    println!("attached: {attached:?}");
    for number in 0..20 {
        let (buffer, _) = nvme.write(DISK, number, filled(100 << 10, number, number)?)?;
        ensure!(buffer.len() == 100 << 10, "the object comes back");
    }
    ensure!(rig.usage().maps == attached.maps, "{:?} behind transfers", rig.usage());
    let tokens: Vec<_> = (0..10)
        .map(|lba| {
            let buffer = filled(1 << 20, 0, lba)?;
            Ok::<_, Failure>(nvme.submit(&Request::read(DISK, lba), buffer, Wait::DontWait)?)
        })
        .collect::<Result<_, _>>()?;
    let_it_fetch();
    drop(nvme);
    let mut back = 0;
    for token in tokens {
        let Ok(outcome) = token.take() else { return Err(Failure::new("a request is still in flight")) };
        back += usize::from(outcome.map_or_else(|error| error.object.is_some(), |_| true));
    }
    ensure!(back == 10, "{back} objects of 10 came back");
    rig.check_empty()
}
