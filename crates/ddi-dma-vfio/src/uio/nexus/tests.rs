//! The nexus over memory that lies where a test says.

use std::sync::Arc;

use ddi_dma::{
    Addresses, BindErrorKind, BindFlags, BusConfig, Cookie, Direction, DmaAttr, DmaHandle, DmaObject, Extent,
    InFlight, MemRequest, Nexus, Resource, View, Wait,
};
use proptest::collection::{hash_set, vec};
use proptest::prelude::*;

use super::{PageKind, PhysicalNexus, PoolConfig, PoolError};
use crate::uio::physical::fake::Chosen;
use crate::uio::{LockedBuffer, PhysicalBus};

const PAGE: u64 = 4096;
const TOP: u64 = 0x7FFF_FFFF;

/// A device with 28 address lines that takes four cookies.
const EDU: DmaAttr = DmaAttr { addr_hi: 0x0FFF_FFFF, sgllen: 4, ..DmaAttr::UNRESTRICTED };

fn config(pages: u64, addr_hi: u64) -> PoolConfig {
    PoolConfig { bytes: pages * PAGE, addr_hi, most_tried: 16, pages: PageKind::Small }
}

fn nexus(pages: &[u64]) -> Arc<PhysicalNexus> {
    let chosen = Arc::new(Chosen::new(pages.iter().copied(), TOP));
    PhysicalNexus::with_addresses(config(pages.len() as u64, u64::MAX), chosen).unwrap()
}

fn request(attr: &DmaAttr, size: u64) -> MemRequest<'_> {
    MemRequest { size, align: attr.align, seg: attr.seg, attr }
}

/// A machine: where the memory of a bus lies is chosen, and what a device finds there can be reached.
struct Machine {
    chosen: Arc<Chosen>,
    bus: PhysicalBus,
}

impl Machine {
    fn new(pool: &[u64]) -> Self {
        let chosen = Arc::new(Chosen::new(pool.iter().copied(), TOP));
        let nexus =
            PhysicalNexus::with_addresses(config(pool.len() as u64, u64::MAX), chosen.clone()).unwrap();
        Machine { chosen, bus: PhysicalBus::with_nexus(nexus, BusConfig::default()) }
    }

    /// A buffer whose pages lie here, and what is needed to reach them.
    fn buffer(&self, pages: &[u64], offset: u64, length: u64) -> (LockedBuffer, Memory) {
        self.chosen.next(pages.iter().copied());
        let buffer = LockedBuffer::small_pages(&self.bus, length, offset).unwrap();
        let memory = Memory { base: buffer.base() as usize, pages: pages.to_vec() };
        (buffer, memory)
    }

    /// Where the CPU finds a byte at a bus address: in the pool, or in the buffer.
    fn byte(&self, memory: &Memory, bus: u64) -> *mut u8 {
        if let Some(cpu) = self.bus.nexus().cpu(bus) {
            return cpu.as_ptr();
        }
        let page =
            memory.pages.iter().position(|page| bus / PAGE == page / PAGE).expect("the device reaches it");
        (memory.base + page * PAGE as usize + (bus % PAGE) as usize) as *mut u8
    }

    fn device_writes(&self, memory: &Memory, cookies: &[Cookie], bytes: impl Fn(usize) -> u8) {
        let addresses = cookies.iter().flat_map(|cookie| cookie.address..cookie.address + cookie.size);
        for (index, bus) in addresses.enumerate() {
            // SAFETY: memory of this test, which nobody accesses meanwhile.
            unsafe { self.byte(memory, bus).write_volatile(bytes(index)) }
        }
    }

    fn device_reads(&self, memory: &Memory, cookies: &[Cookie]) -> Vec<u8> {
        let addresses = cookies.iter().flat_map(|cookie| cookie.address..cookie.address + cookie.size);
        // SAFETY: as above.
        addresses.map(|bus| unsafe { self.byte(memory, bus).read_volatile() }).collect()
    }

    fn handle<O: DmaObject>(&self) -> DmaHandle<O> {
        self.bus.bus().device("edu").alloc_handle(&EDU, Wait::DontWait).unwrap()
    }
}

/// Where a buffer's pages lie, for the device and for the CPU.
struct Memory {
    base: usize,
    pages: Vec<u64>,
}

/// The cookies of the window, and how many bytes it copies.
fn cookies<O: DmaObject>(flight: &mut InFlight<O>) -> (Vec<Cookie>, u64) {
    let window = flight.next_window().unwrap().unwrap();
    (window.cookies().to_vec(), window.copied_bytes())
}

fn pattern(index: usize) -> u8 {
    (index * 7 + index / 251) as u8
}

#[test]
fn the_pool_keeps_the_lowest_pages_of_those_tried() {
    let pages = [0x3000_0000, 0x5000_0000, 0x2000_0000, 0x0800_1000, 0x6000_0000, 0x0800_0000];
    let chosen = Arc::new(Chosen::new(pages, TOP));
    let nexus = PhysicalNexus::with_addresses(config(2, 0x0FFF_FFFF), chosen).unwrap();
    assert_eq!((nexus.lowest(), nexus.pool_bytes()), (0x0800_0000, 2 * PAGE));
    // They touch, so they are one run, for the CPU as well.
    let memory = nexus.alloc(&request(&EDU, 2 * PAGE)).unwrap();
    assert_eq!((memory.bus, nexus.pool_in_use()), (0x0800_0000, 2 * PAGE));
    // SAFETY: it came from `alloc`, and nobody uses it.
    unsafe { nexus.free(memory) }
    assert_eq!(nexus.pool_in_use(), 0);
}

#[test]
fn no_page_low_enough_is_told_with_what_was_tried() {
    let pages = (0..16).map(|page| 0x7000_0000 - page * PAGE);
    let error =
        PhysicalNexus::with_addresses(config(2, 0xFF_FFFF), Arc::new(Chosen::new(pages, TOP))).unwrap_err();
    let PoolError::TooHigh { wanted: 2, found: 0, tried: 16, lowest: 0x6FFF_1000, .. } = error else {
        panic!("{error}")
    };
    let text = error.to_string();
    for part in ["0 of 2 pages", "0xffffff or below", "16 were tried", "0x6fff1000", "hugepages=N", "lowmem"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn all_pages_that_there_are_are_tried() {
    // The eleventh and last page is the one.
    let pages = (0..11).map(|page| if page == 10 { 0x1000 } else { 0x4000_0000 + page * PAGE });
    let nexus =
        PhysicalNexus::with_addresses(config(1, 0xFF_FFFF), Arc::new(Chosen::new(pages, TOP))).unwrap();
    assert_eq!(nexus.lowest(), 0x1000);
}

#[test]
fn a_device_of_24_address_lines_gets_low_memory_or_hears_how_much_there_is() {
    let nexus = nexus(&[0x20_0000, 0x20_1000, 0x40_0000, 0x4000_0000, 0x4000_1000]);
    let isa = DmaAttr { addr_hi: 0xFF_FFFF, ..DmaAttr::UNRESTRICTED };
    let anywhere = nexus.alloc(&request(&DmaAttr::UNRESTRICTED, PAGE)).unwrap();
    assert_eq!(anywhere.bus, 0x4000_1000);
    let first = nexus.alloc(&request(&isa, 2 * PAGE)).unwrap();
    assert_eq!(first.bus, 0x20_0000);
    let short = nexus.alloc(&request(&isa, 2 * PAGE)).unwrap_err();
    assert_eq!(
        (short.resource, short.asked, short.free, short.largest),
        (Resource::CopyBuffer, 2 * PAGE, PAGE, PAGE)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Memory of any two allocations is distinct, contiguous for CPU and device, and within the limits.
    #[test]
    fn the_pool_gives_contiguous_runs_within_limits(
        holes in vec(any::<bool>(), 24),
        steps in vec((1u64..5, 12u32..15, 24u32..32, any::<bool>()), 1..24),
    ) {
        let places = holes.iter().enumerate().filter(|(_, there)| **there);
        let mut pages: Vec<u64> = places.map(|(page, _)| 0xFF_8000 + page as u64 * PAGE).collect();
        pages.push(0x8000);
        pages.reverse();
        let nexus = nexus(&pages);
        let mut all = Vec::new();
        for (index, (count, align, lines, frees)) in steps.into_iter().enumerate() {
            let attr = DmaAttr { align: 1 << align, addr_hi: (1 << lines) - 1, seg: 0xFFFF, ..DmaAttr::UNRESTRICTED };
            let Ok(memory) = nexus.alloc(&request(&attr, count * PAGE)) else { continue };
            let last = memory.bus + memory.size - 1;
            prop_assert!(memory.bus.is_multiple_of(attr.align) && last <= attr.addr_hi);
            prop_assert!(memory.bus & !0xFFFF == last & !0xFFFF || memory.bus & 0xFFFF == 0);
            prop_assert!((memory.bus..last).step_by(PAGE as usize).all(|page| pages.contains(&page)));
            // SAFETY: the memory was just given, `size` bytes of it.
            unsafe { memory.cpu.as_ptr().write_bytes(index as u8, memory.size as usize) }
            if frees {
                // SAFETY: it came from `alloc`, and nobody uses it.
                unsafe { nexus.free(memory) }
            } else {
                all.push((index as u8, memory));
            }
        }
        for (index, memory) in all {
            // SAFETY: the memory is still given to this test.
            let intact = (0..memory.size as usize).all(|at| unsafe { memory.cpu.add(at).read() } == index);
            prop_assert!(intact, "somebody else had {:#x}", memory.bus);
            // SAFETY: it came from `alloc`, and nobody uses it any more.
            unsafe { nexus.free(memory) }
        }
        prop_assert_eq!(nexus.pool_in_use(), 0);
    }
}

#[test]
fn a_buffer_out_of_reach_is_copied_and_one_in_reach_goes_as_it_lies() {
    let machine = Machine::new(&[0x10_0000, 0x10_1000, 0x10_2000, 0x10_3000]);
    let (high, low) = ([0x5000_0000, 0x3000_0000, 0x6000_0000], [0x0900_0000, 0x0300_0000, 0x0900_1000]);
    for (pages, copied) in [(high, 9000), (low, 0)] {
        let (mut buffer, memory) = machine.buffer(&pages, 0x234, 9000);
        let sent: Vec<u8> = (0..9000).map(pattern).collect();
        buffer.write(0, &sent).unwrap();
        let binding =
            machine.handle().bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
        let mut flight = binding.start();
        let (taken, through_copies) = cookies(&mut flight);
        assert_eq!(through_copies, copied);
        assert!(taken.iter().all(|cookie| cookie.address + cookie.size <= 0x1000_0000), "{taken:x?}");
        assert_eq!(machine.device_reads(&memory, &taken), sent);
        let (handle, buffer) = flight.complete().unbind();

        let binding = handle.bind(buffer, Direction::FromDevice, BindFlags::empty(), Wait::DontWait).unwrap();
        let mut flight = binding.start();
        let (taken, _) = cookies(&mut flight);
        machine.device_writes(&memory, &taken, |index| !pattern(index));
        let (_, buffer) = flight.complete().unbind();
        let mut got = vec![0; 9000];
        buffer.read(0, &mut got).unwrap();
        assert!(got.iter().enumerate().all(|(index, byte)| *byte == !pattern(index)));
    }
    assert_eq!(machine.bus.bus().stats().copy_buffer_taken, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever its pages lie: what a buffer shows is each of its bytes in order, and the device gets what is in them.
    #[test]
    fn bytes_arrive_from_pages_that_lie_anywhere(
        places in hash_set(0u64..0x2_0000, 1..12),
        offset in 0..PAGE,
        cut in 0..PAGE,
    ) {
        // Half of them within 28 address lines.
        let pages: Vec<u64> = places.into_iter().map(|place| 0x100_0000 + place * PAGE).collect();
        let machine = Machine::new(&[0x10_0000, 0x10_1000, 0x10_2000, 0x10_3000, 0x10_4000, 0x10_5000,
            0x10_6000, 0x10_7000, 0x10_8000, 0x10_9000, 0x10_A000, 0x10_B000]);
        let length = (pages.len() as u64 * PAGE).saturating_sub(offset + cut).max(1);
        let (mut buffer, memory) = machine.buffer(&pages, offset, length);
        let shown: Vec<u64> = buffer.view().extents()
            .flat_map(|extent| extent.address..extent.address + extent.size).collect();
        let expected: Vec<u64> = (offset..offset + length)
            .map(|at| pages[(at / PAGE) as usize] + at % PAGE).collect();
        prop_assert_eq!(shown, expected);
        let sent: Vec<u8> = (0..length as usize).map(pattern).collect();
        buffer.write(0, &sent).unwrap();
        let binding = machine.handle().bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait);
        let mut flight = binding.unwrap().start();
        let (taken, _) = cookies(&mut flight);
        prop_assert!(taken.iter().all(|cookie| cookie.address + cookie.size <= EDU.addr_hi + 1));
        prop_assert_eq!(machine.device_reads(&memory, &taken), sent);
        drop(flight.complete());
    }
}

#[test]
fn a_buffer_shows_each_of_its_pages() {
    let machine = Machine::new(&[0x10_0000]);
    let (buffer, _) = machine.buffer(&[0x7000, 0x3000, 0x4000], 0xFF0, 0x1020);
    let extents: Vec<Extent> = buffer.view().extents().collect();
    let extent = |address, size| Extent { address, size };
    assert_eq!(extents, [extent(0x7FF0, 0x10), extent(0x3000, 0x1000), extent(0x4000, 0x10)]);
    assert_eq!((buffer.len(), buffer.highest()), (0x1020, 0x7FFF));
    assert!(matches!(buffer.addresses(), Addresses::Bus(_)));
    let error = LockedBuffer::small_pages(&machine.bus, 1, PAGE).unwrap_err();
    assert!(error.to_string().contains("0x1000"), "{error}");
}

#[test]
fn a_buffer_binds_on_its_own_bus_alone() {
    let (one, other) = (Machine::new(&[0x10_0000]), Machine::new(&[0x10_0000]));
    let (buffer, _) = one.buffer(&[0x4000], 0, 16);
    let error =
        other.handle().bind(buffer, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap_err();
    assert_eq!(error.kind(), BindErrorKind::ForeignMemory);
}

/// Memory of a process that shows virtual addresses, as most do.
struct OfProcess(Box<[u8]>, Extent);

// SAFETY: the bytes stay where they are, and belong to this value alone.
unsafe impl DmaObject for OfProcess {
    fn view(&self) -> View<'_> {
        View::Extents(std::slice::from_ref(&self.1))
    }

    unsafe fn copy_out(&self, offset: u64, to: *mut u8, length: u64) {
        // SAFETY: the caller's promises.
        unsafe { self.0.as_ptr().add(offset as usize).copy_to_nonoverlapping(to, length as usize) }
    }

    unsafe fn copy_in(&self, offset: u64, from: *const u8, length: u64) {
        // SAFETY: the caller's promises.
        unsafe {
            self.0.as_ptr().cast_mut().add(offset as usize).copy_from_nonoverlapping(from, length as usize)
        }
    }
}

#[test]
fn a_virtual_address_is_never_taken_for_a_physical_one() {
    let machine = Machine::new(&[0x10_0000, 0x10_1000]);
    let bytes: Box<[u8]> = (0..5000).map(pattern).collect();
    let extent = Extent { address: bytes.as_ptr() as u64, size: 5000 };
    let device = machine.bus.bus().device("64 address lines");
    let handle = device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait).unwrap();
    let object = OfProcess(bytes.clone(), extent);
    let binding = handle.bind(object, Direction::ToDevice, BindFlags::empty(), Wait::DontWait).unwrap();
    let mut flight = binding.start();
    let (taken, copied) = cookies(&mut flight);
    assert_eq!(copied, 5000);
    let nothing = Memory { base: 0, pages: Vec::new() };
    assert_eq!(machine.device_reads(&nothing, &taken), *bytes);
    drop(flight.complete());
}

#[test]
fn what_is_dropped_in_flight_stays_locked_until_the_device_was_reset() {
    let machine = Machine::new(&[0x10_0000, 0x10_1000]);
    let device = machine.bus.bus().device("edu");
    let (buffer, _) = machine.buffer(&[0x5000_0000], 0, 100);
    let handle = device.alloc_handle(&EDU, Wait::DontWait).unwrap();
    let flight = handle.bind(buffer, Direction::Both, BindFlags::empty(), Wait::DontWait).unwrap().start();
    drop(flight);
    assert_eq!((device.quarantined_bytes(), machine.bus.nexus().pool_in_use()), (100 + PAGE, PAGE));
    // SAFETY: there is no device.
    assert_eq!(unsafe { device.release_quarantine() }, 100 + PAGE);
    assert_eq!(machine.bus.nexus().pool_in_use(), 0);
}

#[test]
fn isolation_is_refused() {
    let machine = Machine::new(&[0x10_0000]);
    let (buffer, _) = machine.buffer(&[0x4000], 0, 100);
    let error =
        machine.handle().bind(buffer, Direction::Both, BindFlags::ISOLATE, Wait::DontWait).unwrap_err();
    assert!(matches!(error.kind(), BindErrorKind::Isolate(_)), "{error}");
}
