//! The nexus' maps, by the kernel's own account: what it allows, what it locks, what it refuses, and what a map costs.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use ddi_dma::{
    BindErrorKind, BindFlags, BusConfig, Direction, DmaAttr, DmaHandle, DmaObject, InFlight, Resource, Wait,
};
use ddi_dma_vfio::{Container, FileAccess, FileBuffer, Gather, HostBuffer, Iommu, Type1, VfioBus, VfioNexus};

use super::opened::{Held, Opened, first_cookie};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("maps-information", information),
    Test::new("maps-books", books),
    Test::new("maps-scattered", scattered),
    Test::new("maps-addresses-of-somebody-else", somebody_else),
    Test::new("maps-memory-that-is-gone", gone),
    Test::new("maps-costs", costs),
];

const PAGE: u64 = 4096;

fn bind<O: DmaObject>(bus: &VfioBus, object: O, attr: &DmaAttr) -> Result<InFlight<O>, Failure> {
    let handle: DmaHandle<O> = bus.device("edu").alloc_handle(attr, Wait::DontWait)?;
    let bound = handle.bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait);
    let mut flight = bound.map_err(|error| Failure::new(error.to_string()))?.start();
    flight.next_window()?;
    Ok(flight)
}

/// A container whose device stays as long as it.
struct Kept(Container);

impl AsRawFd for Kept {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The kernel tells what it allows, and addresses of interrupts are not among it.
fn information(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let _device = container.open(guest.edu)?;
    let info = Type1::new(Kept(container)).info()?;
    println!(
        "I/O addresses {:#x?}, page sizes {:#x}, {:?} maps",
        info.ranges, info.page_sizes, info.most_maps
    );
    ensure!(
        info.ranges.iter().all(|range| !range.contains(&0xFEE0_0000)),
        "addresses of interrupts are allowed"
    );
    ensure!(info.page_sizes & PAGE != 0, "no pages of 4 KiB");
    ensure!(info.most_maps == Some(65_535), "{:?} maps", info.most_maps);
    Ok(())
}

/// What the nexus says is mapped is what the kernel has locked, after each of many binds and ends.
fn books(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.edu)?;
    let before = Held::now()?.locked;
    let engines = [
        DmaAttr { addr_hi: 0x0FFF_FFFF, seg: 0xF_FFFF, ..DmaAttr::UNRESTRICTED },
        DmaAttr { addr_hi: 0xFFFF_FFFF, sgllen: 1, ..DmaAttr::UNRESTRICTED },
        DmaAttr::UNRESTRICTED,
    ];
    let mut flights = VecDeque::new();
    for (turn, attr) in (0..3000u64).zip(engines.iter().cycle()) {
        let object = HostBuffer::with_offset(1 + turn * 977 % 0x1_8000, turn * 13 % PAGE)?;
        flights.push_back(bind(&opened.bus, object, attr)?);
        if flights.len() > 60 {
            // Some end as they should, some are dropped in flight.
            let ended = flights.remove(turn as usize * 31 % flights.len());
            if turn % 3 == 0 {
                ended.map(|flight| flight.complete().unbind());
            }
        }
        if turn % 100 == 0 {
            let (usage, locked) = (opened.usage(), (Held::now()?.locked - before) << 10);
            ensure!(usage.mapped_bytes == locked, "{usage:?}, and {locked:#x} bytes are locked");
        }
    }
    println!("{:?} with {} objects bound", opened.usage(), flights.len());
    drop(flights);
    let (usage, locked) = (opened.usage(), Held::now()?.locked);
    ensure!((usage.maps, usage.iova_bytes, locked) == (0, 0, before), "{usage:?}, {locked} KiB are locked");
    Ok(())
}

/// Scattered pages are one run of addresses for the device.
fn scattered(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.edu)?;
    let parts = (0..64).map(|_| HostBuffer::new(PAGE)).collect::<io::Result<Vec<_>>>()?;
    let apart: Vec<HostBuffer> = parts.into_iter().step_by(2).collect();
    let length = apart.len() as u64 * PAGE;
    let object = Gather::new(apart).map_err(|_| Failure::new("not mapped beforehand"))?;
    let attr = DmaAttr { addr_hi: 0x0FFF_FFFF, sgllen: 1, ..DmaAttr::UNRESTRICTED };
    let flight = bind(&opened.bus, object, &attr)?;
    let (cookie, usage) = (first_cookie(&flight)?, opened.usage());
    println!("{} maps, one cookie of {:#x} bytes", usage.maps, cookie.size);
    ensure!(cookie.size == length && usage.maps == 32, "{cookie:?}, {usage:?}");
    Ok(())
}

/// A second nexus in one container finds addresses that the first has not.
fn somebody_else(guest: &Guest) -> Result<(), Failure> {
    let container = Container::new()?;
    let _device = container.open(guest.edu)?;
    let first = container.nexus()?.bus(BusConfig::default());
    let second = Arc::new(VfioNexus::new(Type1::new(Kept(container.clone())))?).bus(BusConfig::default());
    let mut flights = Vec::new();
    for _ in 0..4 {
        flights.push(bind(&first, HostBuffer::new(PAGE)?, &DmaAttr::UNRESTRICTED)?);
        flights.push(bind(&second, HostBuffer::new(PAGE)?, &DmaAttr::UNRESTRICTED)?);
    }
    let addresses = flights
        .iter()
        .map(|flight| Ok(first_cookie(flight)?.address))
        .collect::<Result<Vec<u64>, Failure>>()?;
    println!("{addresses:#x?}");
    let mut apart = addresses.clone();
    apart.sort_unstable();
    apart.dedup();
    ensure!(apart.len() == 8, "addresses were given twice: {addresses:#x?}");
    Ok(())
}

/// Memory that is no longer there is refused, and nothing is left of the map.
fn gone(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.edu)?;
    let file = File::options().read(true).write(true).create(true).truncate(true).open("/tmp/gone")?;
    file.set_len(8 * PAGE)?;
    let object = FileBuffer::new(&file, 0, 8 * PAGE, FileAccess::ReadWrite)?;
    file.set_len(4 * PAGE)?;
    let handle = opened.bus.device("edu").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
    let refused = handle.bind(object, Direction::FromDevice, BindFlags::empty(), Wait::DontWait);
    let Some(error) = refused.err() else {
        return Err(Failure::new("memory that is not there was mapped"));
    };
    let short =
        matches!(error.kind(), BindErrorKind::Unobtainable(short) if short.resource == Resource::Memory);
    ensure!(short, "{error}");
    ensure!(opened.usage().maps == 0, "{:?}", opened.usage());
    Ok(())
}

/// What binding and unbinding takes, by the size of the pages.
fn costs(guest: &Guest) -> Result<(), Failure> {
    const TURNS: u32 = 200;
    let opened = Opened::new(guest.edu)?;
    let kinds: [(&str, HostBuffer); 3] = [
        ("4 KiB", HostBuffer::new(PAGE)?),
        ("2 MiB in small pages", HostBuffer::new(0x20_0000)?),
        ("2 MiB in huge pages", HostBuffer::huge(0x20_0000)?),
    ];
    for (name, mut object) in kinds {
        let mut handle = opened.bus.device("edu").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?;
        let start = Instant::now();
        for _ in 0..TURNS {
            let bound = handle.bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait)?;
            (handle, object) = bound.unbind();
        }
        println!("{name}: {:?} a bind and unbind", start.elapsed() / TURNS);
    }
    Ok(())
}
