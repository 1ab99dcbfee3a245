//! Devices without an IOMMU: physical addresses, a copy buffer that is needed, an interrupt line.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ddi_dma::{
    BindErrorKind, BindFlags, BusConfig, Direction, DmaAttr, DmaHandle, DmaObject, Interrupt, Nexus, Wait,
};
use ddi_dma_vfio::uio::{
    LockedBuffer, PhysicalBus, PhysicalNexus, PoolConfig, PoolError, UioDevice, UioError, UioInterrupt,
};
use ddi_dma_vfio::{Bar, BusMaster, HostBuffer, PciAddress, Region, VecBuffer};
use edu::{ATTR, Completion, Config, Edu, Engine};
use nvme_driver::{Nvme, Request};
use vfio_guest_contents::{BLOCK, SERIAL, block};

use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::{Role, Test};

pub const TESTS: &[Test] = &[
    Test::new("uio-huge-pages-lie-where-the-kernel-says", huge_pages),
    Test::new("uio-memory-too-high-is-told", too_high),
    Test::new("uio-memory-for-24-address-lines", lines_24).within(Duration::from_secs(60)),
    Test::new("uio-edu-copies-what-it-does-not-reach", edu_high),
    Test::new("uio-edu-takes-what-it-reaches-as-it-lies", edu_low),
    Test::new("uio-edu-memory-of-a-process", edu_process),
    Test::new("uio-edu-interrupts-and-polling", edu_interrupts),
    Test::new("uio-edu-dropped-in-flight", edu_dropped),
    Test::new("uio-nvme-reads-writes-and-interrupts", nvme),
    Test::new("uio-killed-driver-loses-dma", killed),
    Test::new("uio-refusals", refusals),
];

pub const ROLES: &[Role] = &[HOLDER];

/// Above it the edu reaches nothing.
const EDU_END: u64 = ATTR.addr_hi + 1;

const HUGE: u64 = 2 << 20;

/// How many huge pages the kernel has.
const NR_HUGE_PAGES: &str = "/proc/sys/vm/nr_hugepages";

/// How much of low memory the kernel keeps back.
const KEPT_BACK: &str = "/proc/sys/vm/lowmem_reserve_ratio";

/// An engine with 24 address lines.
const ISA: DmaAttr = DmaAttr { addr_hi: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED };

/// As many huge pages as lie on both sides of it.
const HUGE_PAGES: &str = "256";

/// A device with its bus, which may do DMA.
struct Machine {
    uio: UioDevice,
    bus: PhysicalBus,
}

impl Machine {
    /// Opens a device whose copy buffer lies at this address or below.
    fn open(address: PciAddress, addr_hi: u64) -> Result<Self, Failure> {
        let pool = PoolConfig { addr_hi, ..PoolConfig::default() };
        Self::with(address, PhysicalBus::new(pool, BusConfig::default())?)
    }

    fn with(address: PciAddress, bus: PhysicalBus) -> Result<Self, Failure> {
        // SAFETY: nothing used the device since the machine started but tests like this one, which end what they start; the
        // drivers give it cookies alone.
        let uio = unsafe { UioDevice::open(address) }?;
        uio.set_bus_master(BusMaster::On)?;
        Ok(Machine { uio, bus })
    }

    fn edu(&self, config: Config) -> Result<Edu<Region, UioInterrupt>, Failure> {
        let (registers, interrupt) = (self.uio.region(Bar::Bar0)?, self.uio.interrupt()?);
        Ok(Edu::attach(&self.bus.bus().device("edu"), registers, interrupt, config)?)
    }

    /// Buffers of these lengths and offsets, all above what the edu reaches, or all below; what else is found on the way is
    /// given back.
    fn buffers<const N: usize>(
        &self,
        place: Place,
        wanted: [(u64, u64); N],
    ) -> Result<[LockedBuffer; N], Failure> {
        // The kernel's first pages are low ones.
        fs::write(NR_HUGE_PAGES, HUGE_PAGES)?;
        let (mut found, mut others) = (Vec::new(), Vec::new());
        while let Some((length, offset)) = wanted.get(found.len()) {
            let buffer = LockedBuffer::with_offset(&self.bus, *length, *offset).map_err(|error| {
                Failure::new(format!("no buffer {place:?} among {}: {error}", others.len()))
            })?;
            if Place::of(&buffer) == Some(place) {
                found.push(buffer);
            } else {
                others.push(buffer);
            }
        }
        found.try_into().map_err(|_| Failure::new("as many buffers as were wanted"))
    }

    /// One such buffer.
    fn buffer(&self, place: Place, length: u64) -> Result<LockedBuffer, Failure> {
        let [buffer] = self.buffers(place, [(length, 0)])?;
        Ok(buffer)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Below,
    Above,
}

impl Place {
    /// Where a buffer lies, if all of it lies there.
    fn of(buffer: &LockedBuffer) -> Option<Place> {
        let lowest = buffer.view().extents().map(|extent| extent.address).min()?;
        match (lowest, buffer.highest()) {
            (_, highest) if highest < EDU_END => Some(Place::Below),
            (EDU_END.., _) => Some(Place::Above),
            _ => None,
        }
    }
}

fn pattern(length: usize, seed: u64) -> Vec<u8> {
    (0..length as u64).map(|index| ((index + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Several huge pages: each a page of memory of its own, inside the machine's memory.
fn huge_pages(guest: &Guest) -> Result<(), Failure> {
    let machine = Machine::open(guest.edu, u64::MAX)?;
    let buffer = LockedBuffer::with_offset(&machine.bus, 4 * HUGE, 0x1234)?;
    let mut pages: Vec<u64> = buffer.view().extents().map(|extent| extent.address & !(HUGE - 1)).collect();
    println!("5 huge pages lie at {pages:x?}, the pool from {:#x} on", machine.bus.nexus().lowest());
    pages.sort_unstable();
    pages.dedup();
    ensure!(pages.len() == 5, "not 5 pages: {pages:x?}");
    ensure!(pages[0] > 0, "a page at address 0");
    let top = machine.bus.nexus().info().limits.addr_hi;
    ensure!(pages[4] + (HUGE - 1) <= top, "a page at {:#x}, and memory ends at {top:#x}", pages[4]);
    Ok(())
}

/// A device with 20 address lines: no huge page lies that low, and the error says so.
fn too_high(_: &Guest) -> Result<(), Failure> {
    let error = match PhysicalNexus::new(PoolConfig { addr_hi: 0xF_FFFF, ..PoolConfig::default() }) {
        Ok(nexus) => return Err(Failure::new(format!("a huge page below 1 MiB, at {:#x}", nexus.lowest()))),
        Err(error) => error,
    };
    println!("{error}");
    let PoolError::TooHigh { tried, found: 0, lowest, .. } = error else {
        return Err(Failure::new(format!("another error: {error}")));
    };
    ensure!(tried > 2 && lowest >= HUGE, "{tried} were tried, the lowest at {lowest:#x}");
    // What was tried was given back.
    PhysicalNexus::new(PoolConfig { bytes: tried as u64 / 2 * HUGE, ..PoolConfig::default() })?;
    Ok(())
}

/// The kernel gives memory below 16 MiB to a process where it is told to keep none of it back: then it is the copy buffer of
/// a device of 24 address lines, and a device finds there what was copied.
fn lines_24(guest: &Guest) -> Result<(), Failure> {
    let kept_back = fs::read_to_string(KEPT_BACK)?;
    fs::write(KEPT_BACK, "0")?;
    // All there are: low memory comes last.
    fs::write(NR_HUGE_PAGES, "500")?;
    let pool = PoolConfig { bytes: HUGE, addr_hi: ISA.addr_hi, ..PoolConfig::default() };
    let bus = PhysicalBus::new(pool, BusConfig::default());
    let there = fs::read_to_string(NR_HUGE_PAGES)?;
    fs::write(NR_HUGE_PAGES, "48")?;
    fs::write(KEPT_BACK, kept_back)?;
    let machine = Machine::with(guest.edu, bus?)?;
    println!("of {} huge pages one lies at {:#x}", there.trim(), machine.bus.nexus().lowest());
    let handle = machine.bus.bus().device("24 address lines").alloc_handle(&ISA, Wait::DontWait)?;
    let (object, flags) = (HostBuffer::new(40_000)?, BindFlags::empty());
    let mut flight = handle.bind(object, Direction::ToDevice, flags, Wait::DontWait)?.start();
    let window = flight.next_window()?.ok_or_else(|| Failure::new("no window"))?;
    let last = window.cookies().iter().map(|cookie| cookie.address + (cookie.size - 1)).max();
    ensure!(last <= Some(ISA.addr_hi), "a cookie up to {last:x?}");
    ensure!(window.copied_bytes() == 40_000, "{} bytes copied", window.copied_bytes());
    drop(flight.complete());
    process_round_trip(&machine)
}

/// Bytes from memory that lies there go round through the device, and come back the same.
fn round_trips(machine: &Machine, place: Place, copied: u64) -> Result<(), Failure> {
    let mut edu = machine.edu(Config::default())?;
    let wanted = [(1, 5), (1, 0), (12_000, 0x321), (12_000, HUGE - 77)];
    let mut buffers = machine.buffers(place, wanted)?.into_iter();
    while let (Some(mut from), Some(into)) = (buffers.next(), buffers.next()) {
        let sent = pattern(from.len() as usize, from.len());
        from.write(0, &sent)?;
        let (_, into, report) = edu.round_trip(from, into, Wait::Sleep).map_err(|error| error.kind())?;
        println!("{} bytes {place:?}: {} copied, {} DMAs", sent.len(), report.copied, report.dmas);
        ensure!(into.to_vec() == sent, "{} bytes {place:?} came back changed", sent.len());
        ensure!(report.copied == copied * report.length, "{report:?}");
    }
    edu.detach();
    ensure!(machine.bus.nexus().pool_in_use() == 0, "the pool leaks");
    Ok(())
}

/// Memory above 256 MiB goes through the copy buffer, which lies below: once there, and once back.
fn edu_high(guest: &Guest) -> Result<(), Failure> {
    let machine = Machine::open(guest.edu, ATTR.addr_hi)?;
    ensure!(machine.bus.nexus().lowest() < EDU_END, "the pool is out of reach");
    round_trips(&machine, Place::Above, 2)
}

/// Memory below 256 MiB goes as it lies, across huge pages that may lie apart.
fn edu_low(guest: &Guest) -> Result<(), Failure> {
    round_trips(&Machine::open(guest.edu, ATTR.addr_hi)?, Place::Below, 0)
}

/// Memory that shows virtual addresses is never taken for physical memory: all of it is copied.
fn edu_process(guest: &Guest) -> Result<(), Failure> {
    process_round_trip(&Machine::open(guest.edu, ATTR.addr_hi)?)
}

fn process_round_trip(machine: &Machine) -> Result<(), Failure> {
    let mut edu = machine.edu(Config::default())?;
    let sent = pattern(5000, 5);
    let into = HostBuffer::with_offset(5000, 99)?;
    let (_, into, report) =
        edu.round_trip(VecBuffer::new(sent.clone()), into, Wait::Sleep).map_err(|error| error.kind())?;
    ensure!(into.to_vec() == sent, "the bytes came back changed");
    ensure!(report.copied == 10_000, "{report:?}");
    Ok(())
}

/// The line tells of each DMA; where it is not asked, polling finds the end.
fn edu_interrupts(guest: &Guest) -> Result<(), Failure> {
    let machine = Machine::open(guest.edu, ATTR.addr_hi)?;
    for completion in [Completion::Interrupt, Completion::Polling] {
        // The driver's looks are so far apart that none comes between an end and its interrupt.
        let mut edu =
            machine.edu(Config { completion, timeout: Duration::from_secs(30), ..Config::default() })?;
        let started = Instant::now();
        let mut buffer = machine.buffer(Place::Below, 4000)?;
        buffer.write(0, &pattern(4000, 1))?;
        let (buffer, written) = edu.write(0, buffer, Wait::Sleep).map_err(|error| error.kind())?;
        let (buffer, read) = edu.read(10, buffer, Wait::Sleep).map_err(|error| error.kind())?;
        ensure!(buffer.to_vec()[..3990] == pattern(4000, 1)[10..], "the bytes came back changed");
        ensure!(written.unheard + read.unheard == 0, "{} interrupts unheard", written.unheard + read.unheard);
        println!("{completion:?}: 2 DMAs in {:?}", started.elapsed());
        ensure!(edu.factorial(10)? == 3_628_800, "the factorial");
        edu.detach();
    }
    Ok(())
}

/// Without an IOMMU nothing takes memory away from a device: what a time-out leaves in flight is kept from use until the
/// device was stopped.
fn edu_dropped(guest: &Guest) -> Result<(), Failure> {
    let machine = Machine::open(guest.edu, ATTR.addr_hi)?;
    let device = machine.bus.bus().device("edu");
    let (registers, interrupt) = (machine.uio.region(Bar::Bar0)?, machine.uio.interrupt()?);
    let config = Config { timeout: Duration::ZERO, ..Config::default() };
    let mut edu = Edu::attach(&device, registers, interrupt, config)?;
    let abandoned = edu.read(0, machine.buffer(Place::Above, 100)?, Wait::Sleep).err();
    let abandoned = abandoned.ok_or_else(|| Failure::new("a DMA ended at once"))?;
    println!("{abandoned}");
    ensure!(abandoned.given_back.is_none(), "memory that the device may reach was given back");
    ensure!(device.quarantined_bytes() == 100 + 4096, "{} bytes in quarantine", device.quarantined_bytes());
    ensure!(machine.bus.nexus().pool_in_use() == 4096, "the copy run is free");
    std::thread::sleep(Duration::from_millis(500));
    ensure!(edu.engine() == Engine::Stopped, "the engine still runs");
    // SAFETY: the DMA that was started has ended.
    let released = unsafe { device.release_quarantine() };
    ensure!(released == 4196 && machine.bus.nexus().pool_in_use() == 0, "{released} bytes released");
    let handle: DmaHandle<LockedBuffer> = device.alloc_handle(&ATTR, Wait::DontWait)?;
    let buffer = machine.buffer(Place::Below, 100)?;
    let bound = handle.bind(buffer, Direction::Both, BindFlags::ISOLATE, Wait::DontWait);
    let kind = bound.err().map(|error| error.kind());
    ensure!(matches!(kind, Some(BindErrorKind::Isolate(_))), "ISOLATE: {kind:?}");
    Ok(())
}

/// The disk is read and written, by commands that interrupt through the line.
fn nvme(guest: &Guest) -> Result<(), Failure> {
    let machine = Machine::open(guest.nvme, u64::from(u32::MAX))?;
    let registers = Arc::new(machine.uio.region(Bar::Bar0)?);
    let interrupt = Arc::new(machine.uio.interrupt()?);
    let device = machine.bus.bus().device("nvme");
    let mut nvme = Nvme::attach(device, registers, vec![interrupt.clone()], nvme_driver::Config::default())?;
    ensure!(nvme.controller().serial == SERIAL, "serial {:?}", nvme.controller().serial);
    for (blocks, lba) in [(1, 7), (9, 100), (513, 1000), (8192, 20_000)] {
        let length = blocks * BLOCK;
        let buffer = LockedBuffer::with_offset(&machine.bus, length as u64, 0x1FF00)?;
        let (mut buffer, read) = nvme.read(1, lba, buffer).map_err(|error| error.kind())?;
        let expected: Vec<u8> = (lba..lba + blocks as u64).flat_map(block).collect();
        ensure!(buffer.to_vec() == expected, "{blocks} blocks from {lba} on are not those of the disk");
        let sent = pattern(length, lba);
        buffer.write(0, &sent)?;
        let (_, written) = nvme.write(1, lba, buffer).map_err(|error| error.kind())?;
        // What comes back goes through memory of the process, so through the copy buffer.
        let back = HostBuffer::new(length.min(1 << 20) as u64)?;
        let (back, copied) = nvme.read(1, lba, back).map_err(|error| error.kind())?;
        ensure!(
            back.to_vec() == sent[..length.min(1 << 20)],
            "{blocks} blocks from {lba} on came back changed"
        );
        println!(
            "{length} bytes: {} + {} commands, {} copied; back {} copied",
            read.commands,
            written.commands,
            read.copied + written.copied,
            copied.copied
        );
        ensure!(read.copied + written.copied == 0, "memory in reach was copied");
        ensure!(copied.copied == copied.length, "memory of the process was not copied");
    }
    // The driver finds what ends at once without resting, so the line is listened to here.
    for lba in 0..20 {
        let buffer = HostBuffer::new(BLOCK as u64)?;
        let token = nvme.submit(&Request::read(1, lba), buffer, Wait::Sleep).map_err(|error| error.kind())?;
        interrupt.wait(Duration::from_secs(2))?;
        nvme.wait(token).map_err(|error| error.kind())?;
    }
    let counts = nvme.counts();
    ensure!(counts.resets == 0 && counts.strays == 0, "{counts:?}");
    nvme.shutdown()?;
    ensure!(machine.bus.nexus().pool_in_use() == 0, "the pool leaks");
    Ok(())
}

/// Opens the edu, says so, and waits to be killed.
const HOLDER: Role = Role::new("uio-holder", |guest, _| {
    let _machine = Machine::open(guest.edu, ATTR.addr_hi)?;
    println!("open");
    loop {
        std::thread::park();
    }
});

/// A driver that is killed ends nothing itself: the kernel takes the leave to do DMA away from its device.
fn killed(guest: &Guest) -> Result<(), Failure> {
    let mut child = HOLDER.command().stdout(Stdio::piped()).spawn()?;
    let mut said = String::new();
    BufReader::new(child.stdout.take().ok_or_else(|| Failure::new("no pipe"))?).read_line(&mut said)?;
    ensure!(said == "open\n", "it said {said:?}");
    let before = may_do_dma(guest.edu)?;
    // SAFETY: it is not opened.
    let second = unsafe { UioDevice::open(guest.edu) };
    ensure!(matches!(second, Err(UioError::InUse { .. })), "opened twice: {second:?}");
    child.kill()?;
    child.wait()?;
    ensure!(before && !may_do_dma(guest.edu)?, "it could do DMA: {before}, and still can");
    // Who comes next finds the device as it should be.
    edu_process(guest)
}

/// Whether a device is bus master.
fn may_do_dma(address: PciAddress) -> Result<bool, Failure> {
    let mut command = [0; 2];
    File::open(format!("/sys/bus/pci/devices/{address}/config"))?.read_exact_at(&mut command, 4)?;
    Ok(command[0] & 4 != 0)
}

/// What cannot be opened says what mends it; and an interrupt that does not come is waited for no longer than asked.
fn refusals(guest: &Guest) -> Result<(), Failure> {
    // SAFETY: it is not opened.
    let free = unsafe { UioDevice::open(guest.free_edu) };
    let error = free.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(error.contains("bound to no driver") && error.contains("uio_pci_generic"), "{error:?}");
    let machine = Machine::open(guest.edu, ATTR.addr_hi)?;
    ensure!(machine.uio.region(Bar::Bar1).is_err(), "the edu has one region");
    println!("reset: {:?}", machine.uio.reset());
    let interrupt = machine.uio.interrupt()?;
    let started = Instant::now();
    let waited = interrupt.wait(Duration::from_millis(50));
    ensure!(waited.is_err() && started.elapsed() < Duration::from_secs(1), "{waited:?}");
    Ok(())
}
