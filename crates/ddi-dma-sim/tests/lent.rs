//! Memory of the process as an object: every device moves it, and nothing beside it.

mod common;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{AROUND, GUARD, STALE, pattern};
use ddi_dma::{BindFlags, Bus, BusConfig, DmaObject, Dmae, View};
use ddi_dma_sim::{
    DEVICES, DiskDriver, EtherDriver, Iommu, Lent, Machine, MachineConfig, MemoryError, NexusKind, PageSize,
    Placement, SECTOR, SbusConfig, StreamingCache,
};

/// Bytes of the process on either side of what is lent.
const BESIDE: usize = 16_384;

/// Memory of the process that can be lent, with guards around it. It is reached through a raw pointer alone.
struct Process {
    start: NonNull<[u8]>,
    offset: usize,
    length: usize,
}

impl Process {
    /// Memory whose first byte lies `offset` bytes behind a multiple of 8 KiB.
    fn new(offset: usize, bytes: &[u8]) -> Self {
        let whole = vec![GUARD; 2 * BESIDE + bytes.len()].into_boxed_slice();
        let start = NonNull::from(Box::leak(whole));
        let address = start.cast::<u8>().addr().get();
        let offset = address.next_multiple_of(8192) - address + offset;
        assert!(offset < BESIDE);
        let process = Process { start, offset, length: bytes.len() };
        // SAFETY: nobody else has the memory yet, and the bytes are inside.
        unsafe { process.first().copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        process
    }

    fn first(&self) -> NonNull<u8> {
        // SAFETY: the offset is inside.
        unsafe { self.start.cast::<u8>().add(self.offset) }
    }

    /// Lends it.
    fn lend(&self, machine: &Machine) -> Lent {
        // SAFETY: the memory is there until `self` is dropped, which every test does behind the object, and looks at
        // it only while no device and no binding works.
        unsafe { machine.lend(self.first(), self.length as u64) }.expect("frames")
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        // SAFETY: the bytes are inside, and nothing works on them now.
        unsafe { self.first().copy_to_nonoverlapping(NonNull::from(&mut bytes[..]).cast(), self.length) };
        bytes
    }

    fn assert_guards(&self) {
        let whole = self.start.len();
        for at in (0..self.offset).chain(self.offset + self.length..whole) {
            // SAFETY: the byte is inside, and nothing works on it now.
            let byte = unsafe { self.start.cast::<u8>().add(at).read() };
            assert_eq!(byte, GUARD, "byte {at} beside {}..+{} changed", self.offset, self.length);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: it is the box that was leaked, and what was lent of it has been dropped.
        drop(unsafe { Box::from_raw(self.start.as_ptr()) });
    }
}

/// The machines that differ for an object.
fn machines() -> impl Iterator<Item = Machine> {
    [PageSize::Kib4, PageSize::Kib8].into_iter().flat_map(|page_size| {
        [(Iommu::Off, StreamingCache::On), (Iommu::on(), StreamingCache::Off)].map(|(iommu, cache)| {
            let sbus = SbusConfig { cache, ..SbusConfig::default() };
            let config = MachineConfig { seed: 61, page_size, iommu, sbus, ..MachineConfig::default() };
            Machine::new(config).expect("a sound machine")
        })
    })
}

fn driver(machine: &Machine, name: &str) -> DiskDriver<Lent> {
    let disk = machine.device(name).expect("a device");
    let bus = Bus::new(machine.nexus(disk.spec().nexus), BusConfig::default());
    DiskDriver::on_engine(disk, &bus, &Dmae::new(machine.ports())).expect("it attaches")
}

/// Offsets and lengths: small, odd, across pages, whole pages, and more than a list or a copy buffer holds.
const SHAPES: [(usize, usize); 10] = [
    (0, 1),
    (0, 512),
    (8191, 2),
    (8191, 513),
    (77, 4096),
    (0, 4096),
    (0, 8192),
    (4095, 40_001),
    (1, 262_143),
    (0, 1_300_000),
];

#[test]
fn every_disk_moves_memory_of_the_process_and_nothing_beside_it() {
    for machine in machines() {
        for spec in &DEVICES {
            let mut driver = driver(&machine, spec.name);
            for (offset, length) in SHAPES {
                let whole = (length as u64).next_multiple_of(SECTOR);
                let disk = driver.disk().clone();
                disk.write_medium(0, &vec![AROUND; (whole + SECTOR) as usize]).expect("on the disk");
                let bytes = pattern(length as u64, 3);
                let process = Process::new(offset, &bytes);
                let (lent, report) =
                    driver.write(0, process.lend(&machine), BindFlags::PARTIAL).expect("written");
                assert_eq!((report.length, report.moved), (length as u64, length as u64));
                drop(lent);
                let mut there = vec![0; (whole + SECTOR) as usize];
                disk.read_medium(0, &mut there).expect("on the disk");
                assert!(there[..length] == bytes, "{}: {length} at {offset}", spec.name);
                assert!(there[length..whole as usize].iter().all(|byte| *byte == 0));
                assert!(there[whole as usize..].iter().all(|byte| *byte == AROUND));
                assert!(process.bytes() == bytes, "a write left the object as it was");
                process.assert_guards();

                let bytes = pattern(length as u64, 4);
                disk.write_medium(0, &bytes).expect("on the disk");
                let process = Process::new(offset, &vec![STALE; length]);
                let (lent, _) = driver.read(0, process.lend(&machine), BindFlags::PARTIAL).expect("read");
                drop(lent);
                assert!(process.bytes() == bytes, "{}: {length} at {offset}", spec.name);
                process.assert_guards();
            }
            assert_eq!(machine.counters(spec.nexus).faults, 0);
        }
        assert_eq!(machine.memory().used(), 0, "all frames went back");
    }
}

#[test]
fn frames_of_a_network_device_come_from_the_process_and_go_there() {
    for machine in machines() {
        let mut driver: EtherDriver<Lent> =
            EtherDriver::new(&machine, "sbus-ether", BusConfig::default()).expect("attached");
        for (offset, length) in SHAPES.into_iter().filter(|(_, length)| *length < 60_000) {
            let bytes = pattern(length as u64, 5);
            let sent = Process::new(offset, &bytes);
            drop(driver.send(sent.lend(&machine)).expect("sent"));
            let received = Process::new(8191 - offset, &vec![STALE; length + 10]);
            let (lent, count) = driver.receive(received.lend(&machine)).expect("received");
            assert_eq!(count, length as u64);
            drop(lent);
            assert!(received.bytes()[..length] == bytes, "{length} at {offset}");
            assert!(received.bytes()[length..] == [STALE; 10]);
            [sent, received].iter().for_each(Process::assert_guards);
        }
        drop(driver);
        assert_eq!((machine.memory().used(), machine.counters(NexusKind::Sbus).faults), (0, 0));
    }
}

#[test]
fn the_frames_stand_for_the_process_until_the_object_is_dropped() {
    let machine = machines().next().expect("a machine");
    let memory = machine.memory();
    let process = Process::new(4000, &pattern(5000, 6));
    let lent = process.lend(&machine);
    assert_eq!((lent.len(), lent.offset(), lent.pages().len()), (5000, 4000, 3));
    assert_eq!(lent.as_ptr(), process.first());
    let View::Pages(_) = lent.view() else { panic!("it shows its pages") };
    let extents: Vec<_> = lent.view().extents().collect();
    let sizes: Vec<u64> = extents.iter().map(|extent| extent.size).collect();
    assert_eq!((sizes, extents[0].address), (vec![96, 4096, 808], lent.pages()[0] + 4000));
    assert!(extents[1].address != extents[0].address + 96, "its pages lie scattered");

    // An access to whole frames takes the object's bytes from the process and the others from the frames.
    memory.poke(lent.pages()[0], &[1; 4000]).expect("memory");
    memory.poke(lent.pages()[2] + 808, &[2; 4096 - 808]).expect("memory");
    let mut seen = Vec::new();
    for page in lent.pages() {
        let mut bytes = [0; 4096];
        memory.peek(*page, &mut bytes).expect("memory");
        seen.extend(bytes);
    }
    let expected = [vec![1; 4000], pattern(5000, 6), vec![2; 4096 - 808]].concat();
    assert!(seen == expected);
    process.assert_guards();

    // So does an access from the middle of one to the middle of another.
    memory.poke(lent.pages()[0] + 3990, &[3; 20]).expect("memory");
    assert_eq!(process.bytes()[..11], [&[3; 10], &pattern(5000, 6)[10..11]].concat());

    let (first, last) = (lent.pages()[0], lent.pages()[2]);
    let before = process.bytes();
    drop(lent);
    assert_eq!(memory.used(), 0);
    memory.poke(first, &[9; 4096]).expect("memory");
    memory.poke(last, &[9; 4096]).expect("memory");
    assert!(process.bytes() == before, "nobody reaches the process through them any more");
    process.assert_guards();
}

#[test]
fn frames_come_back_empty() {
    // Two frames: one is never handed out, the other is lent again and again.
    let memory = vec![0..0x1000, 0x2000..0x3000];
    let config = MachineConfig { memory, dma_pool: 0, ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    for (offset, length) in [(0, 4096), (0, 1), (4095, 1), (100, 50), (0, 4096)] {
        let process = Process::new(offset, &vec![STALE; length]);
        let lent = process.lend(&machine);
        let page = lent.pages()[0];
        machine.memory().poke(page, &[7; 4096]).expect("memory");
        assert_eq!(process.bytes(), vec![7; length]);
        process.assert_guards();
        drop(lent);
        let mut bytes = [1; 4096];
        machine.memory().peek(page, &mut bytes).expect("memory");
        assert_eq!(bytes, [0; 4096], "{length} at {offset}");
    }
}

#[test]
fn two_objects_of_the_same_memory_have_frames_of_their_own() {
    let machine = machines().next().expect("a machine");
    let process = Process::new(10, &[0; 100]);
    let (one, other) = (process.lend(&machine), process.lend(&machine));
    assert_ne!(one.pages(), other.pages());
    machine.memory().poke(one.pages()[0] + 10, b"through one").expect("memory");
    let mut seen = [0; 11];
    machine.memory().peek(other.pages()[0] + 10, &mut seen).expect("memory");
    assert_eq!(&seen, b"through one");
    drop(one);
    machine.memory().poke(other.pages()[0] + 10, b"the other").expect("memory");
    assert_eq!(process.bytes()[..11], *b"the otherne");
}

#[test]
fn what_cannot_be_lent_is_refused() {
    let config = MachineConfig { frame_limit: Some(3 * 4096), ..MachineConfig::default() };
    let machine = Machine::new(config).expect("a machine");
    let process = Process::new(4095, &[0; 2 * 4096 + 2]);
    // SAFETY: nothing comes of a refusal.
    let refused = |length| unsafe { machine.lend(process.first(), length) }.expect_err("refused");
    let start = process.first().addr().get();
    for length in [0, u64::MAX, u64::MAX - start as u64 + 1, isize::MAX as u64 + 1] {
        match refused(length) {
            MemoryError::Lend { start: told, length: asked } => assert_eq!((told, asked), (start, length)),
            other => panic!("{length:#x}: {other}"),
        }
    }
    assert_eq!(
        refused(0).to_string(),
        format!(
            "0 bytes at {start:#x} of the process cannot be lent: lend at least one byte, and none behind the end of the address space"
        )
    );
    match refused(2 * 4096 + 2) {
        MemoryError::Frames { asked: 16_384, placement: Placement::ANYWHERE, allowed: 12_288, .. } => {}
        other => panic!("{other}"),
    }
    assert_eq!(machine.memory().used(), 0, "what was taken on the way went back");
    // SAFETY: the bytes are there, and the object goes first.
    drop(unsafe { machine.lend(process.first(), 2 * 4096 + 1) }.expect("it just fits"));
}

#[test]
fn a_device_that_goes_on_reaches_nothing_of_the_process() {
    let machine = machines().next().expect("a machine");
    let process = Process::new(0, &[0; 4096]);
    let lent = process.lend(&machine);
    let (bus, page) = (machine.device_bus(NexusKind::Pci), lent.pages()[0]);
    bus.write(page, &[1; 4096]).expect("memory");
    drop(lent);
    bus.write(page, &[2; 4096]).expect("memory");
    assert_eq!(process.bytes(), [1; 4096]);
}

#[test]
fn a_drop_waits_for_accesses_that_run() {
    let machine = machines().next().expect("a machine");
    let bus = machine.device_bus(NexusKind::Pci);
    for round in 0..50 {
        let process = Process::new(3, &[0xFF; 9000]);
        let lent = process.lend(&machine);
        let pages = lent.pages().to_vec();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut value = 0u8;
                while !stop.load(Ordering::Relaxed) {
                    value = value.wrapping_add(1);
                    pages.iter().for_each(|page| bus.write(*page, &[value % 100; 4096]).expect("memory"));
                }
            });
            if round % 2 == 0 {
                thread::yield_now();
            }
            drop(lent);
            // The device writes on, and from here on into its frames.
            let (before, after) = (process.bytes(), process.bytes());
            stop.store(true, Ordering::Relaxed);
            assert!(before == after);
        });
        process.assert_guards();
    }
    assert_eq!(machine.memory().used(), 0);
}
