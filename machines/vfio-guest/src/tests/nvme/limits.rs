//! Little memory that may be locked: callbacks and windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ddi_dma::{Attempt, Callback, Resource, Wait};
use ddi_dma_vfio::HostBuffer;
use nvme_driver::{Request, Token};
use rustix::process::{Resource as Limit, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use super::{DISK, Rig, filled, pattern};
use crate::failure::Failure;
use crate::guest::Guest;

/// What the tests may lock: queues and lists take about a third.
const LOCKED: u64 = 1 << 20;

/// Takes the right to lock more than that.
fn limit_locked_memory() -> Result<(), Failure> {
    setrlimit(Limit::Memlock, Rlimit { current: Some(LOCKED), maximum: Some(LOCKED) })?;
    let mut mine = capabilities(None)?;
    mine.effective.remove(CapabilitySet::IPC_LOCK);
    mine.permitted.remove(CapabilitySet::IPC_LOCK);
    Ok(set_capabilities(None, mine)?)
}

/// Requests that do not all fit: those that are refused are submitted again when the callback says that they may fit.
pub fn callbacks(guest: &Guest) -> Result<(), Failure> {
    const REQUESTS: u64 = 2000;
    const LENGTH: usize = 64 << 10;
    limit_locked_memory()?;
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let callback = Callback::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Attempt::Done
    });
    let (mut next, mut done, mut refusals, mut refused) = (0, 0, 0, None::<(HostBuffer, u64)>);
    let mut tokens: Vec<(Token<HostBuffer>, u64)> = Vec::new();
    let started = Instant::now();
    while done < REQUESTS {
        let called = calls.load(Ordering::Relaxed);
        // A refused request is submitted again only once it was called.
        let ready = refused.as_ref().is_none_or(|(_, before)| called > *before);
        if next < REQUESTS && ready && tokens.len() < nvme.capacity() {
            let buffer = match refused.take() {
                Some((buffer, _)) => buffer,
                None => filled(LENGTH, next % 1000 * 4, next)?,
            };
            let lba = next % 256 * 128;
            match nvme.submit(&Request::write(DISK, lba), buffer, Wait::Callback(&callback)) {
                Ok(token) => {
                    tokens.push((token, next));
                    next += 1;
                    continue;
                }
                Err(error) => {
                    let short = error.kind().shortage();
                    ensure!(short.is_some_and(|it| it.resource == Resource::LockedMemory), "{error}");
                    let buffer = error.object.ok_or_else(|| Failure::new("the object is lost"))?;
                    ensure!(buffer.to_vec() == pattern(LENGTH, next), "the object changed");
                    refusals += 1;
                    refused = Some((buffer, called));
                }
            }
        }
        ensure!(!tokens.is_empty(), "nothing is in flight, and nobody was called");
        nvme.poll();
        while let Some(at) = tokens.iter().position(|(token, _)| token.is_done()) {
            let (token, number) = tokens.swap_remove(at);
            let (buffer, _) = nvme.wait(token)?;
            ensure!(number % 50 > 0 || buffer.to_vec() == pattern(LENGTH, number), "request {number}");
            done += 1;
        }
    }
    let called = calls.load(Ordering::Relaxed);
    println!("{REQUESTS} requests, {refusals} refused, {called} callbacks, in {:?}", started.elapsed());
    ensure!(refusals > 0 && called > 0, "memory was never short");
    callback.cancel();
    for place in 0..256 {
        let number = (0..REQUESTS).rev().find(|number| number % 256 == place).unwrap_or(place);
        let (buffer, _) = nvme.read(DISK, place * 128, HostBuffer::new(LENGTH as u64)?)?;
        ensure!(buffer.to_vec() == pattern(LENGTH, number), "place {place}");
    }
    drop(nvme);
    rig.check_empty()
}

/// An object that is larger than what may be locked goes window by window.
pub fn windows(guest: &Guest) -> Result<(), Failure> {
    limit_locked_memory()?;
    let rig = Rig::new(guest)?;
    let mut nvme = rig.driver()?;
    for (length, offset) in [(8 << 20, 0), (3 << 20, 512), (5 << 20, 100)] {
        let (_, report) = nvme.write(DISK, 11, filled(length, offset, offset)?)?;
        println!("{length} bytes at {offset}: {report:?}");
        ensure!(report.windows > 1 && report.moved == length as u64, "{report:?}");
        let (buffer, report) = nvme.read(DISK, 11, filled(length, offset, 99)?)?;
        ensure!(buffer.to_vec() == pattern(length, offset), "{length} bytes at {offset} came back wrong");
        ensure!(report.windows > 1, "{report:?}");
    }
    drop(nvme);
    rig.check_empty()
}
