//! Nothing is left: no map, no locked memory, no open file, in whatever order things end.

use std::thread;

use ddi_dma::{
    AccessAttr, BindFlags, Binding, Direction, DmaAttr, DmaHandle, DmaObject, InFlight, MemoryUse,
    PrivateMemory, Wait,
};
use ddi_dma_vfio::{Arena, ArenaBuffer, EventInterrupt, HostBuffer, InterruptKind, Region, Usage, VecBuffer};

use super::opened::{Held, Opened};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::Test;

pub const TESTS: &[Test] = &[
    Test::new("leaks-in-any-order", any_order),
    Test::new("leaks-of-many-binds", many_binds),
    Test::new("leaks-of-the-quarantine", quarantine),
];

/// All kinds of things that a driver has of a device.
struct Parts {
    registers: Region,
    interrupt: EventInterrupt,
    own: InFlight<HostBuffer>,
    vector: InFlight<VecBuffer>,
    private: InFlight<PrivateMemory>,
    arena: Arena,
    taken: ArenaBuffer,
    arena_bound: Binding<ArenaBuffer>,
    idle: DmaHandle<HostBuffer>,
}

/// A way in which all of it ends.
type End = fn(Opened, Parts);

const ENDS: [(&str, End); 5] = [
    ("as it should", |opened, parts| {
        drop((
            parts.own.complete().unbind(),
            parts.vector.complete().unbind(),
            parts.private.complete().unbind(),
        ));
        drop((parts.arena_bound.unbind(), parts.taken, parts.arena, parts.idle));
        drop((parts.interrupt, parts.registers));
        drop(opened);
    }),
    ("in flight", |opened, parts| {
        drop(parts);
        drop(opened);
    }),
    ("the device first", |opened, parts| {
        drop(opened);
        drop(parts);
    }),
    ("the arena first", |opened, parts| {
        drop((parts.arena, opened, parts.taken, parts.arena_bound, parts.idle));
        drop((parts.private, parts.vector, parts.own));
    }),
    ("by a panic", |opened, parts| {
        let panicked = thread::spawn(move || {
            let _all = (opened, parts);
            panic!("as part of the test");
        });
        let _ = panicked.join();
    }),
];

fn any_order(guest: &Guest) -> Result<(), Failure> {
    // What the process has once and for all is made in a first round, which nobody looks at.
    let mut before = None;
    for round in 0..6 {
        for (name, end) in ENDS {
            let opened = Opened::new(guest.edu)?;
            let parts = parts(&opened)?;
            ensure!(opened.usage().maps >= 4, "{:?}", opened.usage());
            end(opened, parts);
            let held = Held::now()?;
            let expected = *before.get_or_insert(held);
            ensure!(held.locked == 0, "{name}: {held:?}");
            // The allocator may keep a range more or less.
            ensure!(round < 2 || held.files == expected.files, "{name}: {held:?}, and before {expected:?}");
            if round < 2 {
                before = Some(held);
            }
        }
    }
    Ok(())
}

fn parts(opened: &Opened) -> Result<Parts, Failure> {
    let handle: DmaHandle<PrivateMemory> = handle(opened)?;
    let private = handle.alloc_memory(5000, MemoryUse::Consistent, AccessAttr::default(), Wait::DontWait)?;
    let private = handle.bind(private, Direction::Both, BindFlags::empty(), Wait::DontWait)?.start();
    let arena = Arena::new(&opened.bus, 0x1_0000, &DmaAttr::UNRESTRICTED)?;
    let (buffer, flags) = (arena.take(5000, 64)?, BindFlags::empty());
    let arena_bound = self::handle(opened)?.bind(buffer, Direction::Both, flags, Wait::DontWait)?;
    Ok(Parts {
        registers: opened.registers()?,
        interrupt: opened.interrupt(InterruptKind::Msi)?,
        own: bind(opened, HostBuffer::new(100_000)?)?,
        vector: bind(opened, VecBuffer::new(vec![1; 10_000]))?,
        private,
        taken: arena.take(100, 8)?,
        arena_bound,
        arena,
        idle: self::handle(opened)?,
    })
}

/// As many binds as a busy driver makes in a second, of objects that are mapped and unmapped: what is in use is back at none.
fn many_binds(guest: &Guest) -> Result<(), Failure> {
    const ROUNDS: usize = 3000;
    let opened = Opened::new(guest.edu)?;
    let before = (opened.usage(), Held::now()?.locked);
    let mut handle = self::handle(&opened)?;
    let mut object = HostBuffer::with_offset(9000, 123)?;
    let started = std::time::Instant::now();
    for round in 0..ROUNDS {
        let direction = [Direction::ToDevice, Direction::FromDevice, Direction::Both][round % 3];
        let flags = [BindFlags::empty(), BindFlags::ISOLATE][round % 2];
        (handle, object) = handle.bind(object, direction, flags, Wait::DontWait)?.start().complete().unbind();
    }
    println!("a bind and unbind of 9,000 bytes: {:?}", started.elapsed() / ROUNDS as u32);
    drop((handle, object));
    let after = (opened.usage(), Held::now()?.locked);
    println!("{:?}", after.0);
    let Usage { maps, mapped_bytes, iova_bytes, .. } = after.0;
    // What the copy buffer keeps for later is mapped until the bus goes.
    let kept = opened.bus.stats().copy_buffer_taken;
    ensure!(mapped_bytes <= kept && iova_bytes <= kept, "{before:?} before, {after:?} after, {kept} kept");
    ensure!(maps <= before.0.maps + 1, "{before:?} before, {after:?} after");
    drop(opened);
    ensure!(Held::now()?.locked == 0, "{:?}", Held::now()?);
    Ok(())
}

/// What is mapped for as long as its arena lives cannot be taken from a device: dropped in flight, it waits in quarantine.
fn quarantine(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.edu)?;
    let device = opened.bus.device("edu");
    let arena = Arena::new(&opened.bus, 0x1_0000, &DmaAttr::UNRESTRICTED)?;
    let (handle, flags) = (device.alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?, BindFlags::empty());
    let flight = handle.bind(arena.take(5000, 64)?, Direction::Both, flags, Wait::DontWait)?.start();
    drop((flight, arena));
    ensure!(device.quarantined_bytes() == 5000, "{} bytes in quarantine", device.quarantined_bytes());
    ensure!(opened.usage().maps == 1, "{:?}", opened.usage());
    // SAFETY: the device was never told to reach it.
    let released = unsafe { device.release_quarantine() };
    ensure!(released == 5000 && opened.usage().maps == 0, "{released} released, {:?}", opened.usage());
    drop((device, opened));
    ensure!(Held::now()?.locked == 0, "{:?}", Held::now()?);
    Ok(())
}

fn handle<O: DmaObject>(opened: &Opened) -> Result<DmaHandle<O>, Failure> {
    Ok(opened.bus.device("edu").alloc_handle(&DmaAttr::UNRESTRICTED, Wait::DontWait)?)
}

fn bind<O: DmaObject>(opened: &Opened, object: O) -> Result<InFlight<O>, Failure> {
    Ok(handle(opened)?.bind(object, Direction::Both, BindFlags::empty(), Wait::DontWait)?.start())
}
