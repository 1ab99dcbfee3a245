//! Too few maps, too little memory that may be locked, too few I/O addresses: errors that say so, waiting, and sliding.

use std::future::Future;
use std::sync::Mutex;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ddi_dma::{Attempt, BindErrorKind, Binding, Callback, MemoryUse, PrivateMemory, Resource, Shortage};

use super::*;
use crate::iommu::fake::PAGE;
use crate::{Gather, HostBuffer};

fn four_maps() -> Limits {
    Limits { most_maps: 4, ..Limits::default() }
}

fn little_locked() -> Limits {
    Limits { locked: Some(0x1_0000), ..Limits::default() }
}

fn few_addresses() -> Limits {
    Limits { ranges: vec![0..=0x7FFF], ..Limits::default() }
}

type Scattered = Gather<HostBuffer>;

fn whole(length: u64, offset: u64) -> Scattered {
    let mut buffer = HostBuffer::with_offset(length, offset).unwrap();
    buffer.write(0, &pattern(length, 3)).unwrap();
    Gather::new(vec![buffer]).unwrap()
}

fn bind(rig: &Rig, object: Scattered, wait: Wait<'_>) -> Result<Binding<Scattered>, BindErrorKind> {
    let bound = rig.handle(&DmaAttr::UNRESTRICTED).bind(object, Direction::Both, BindFlags::empty(), wait);
    bound.map_err(|error| error.kind())
}

type Limited = (Limits, Resource, fn() -> Scattered);

/// For each limit: its resource, and an object that fits once but not twice.
fn limits() -> Vec<Limited> {
    vec![
        (four_maps(), Resource::IommuMaps, || scattered(3)),
        (little_locked(), Resource::LockedMemory, || whole(0xC000, 0)),
        (few_addresses(), Resource::MapSpace, || whole(0x5000, 0)),
    ]
}

/// Pages that never lie side by side, whatever addresses the kernel chooses: every other one of a run.
fn scattered(count: u64) -> Scattered {
    Scattered::new(apart(&vec![(PAGE, 0); count as usize])).unwrap()
}

/// Parts of which no two share a map, with the pattern in them.
fn apart(shapes: &[(u64, u64)]) -> Vec<HostBuffer> {
    let length = shapes.iter().map(|(size, _)| size).sum();
    let (bytes, mut at) = (pattern(length, 3), 0);
    let parts = shapes.iter().map(|(size, offset)| {
        let mut part = HostBuffer::with_offset(*size, *offset).unwrap();
        part.write(0, &bytes[at..at + *size as usize]).unwrap();
        at += *size as usize;
        (part, HostBuffer::new(1).unwrap())
    });
    let (parts, _between): (Vec<_>, Vec<_>) = parts.unzip();
    parts
}

#[test]
fn what_is_short_is_named_and_how_to_raise_it() {
    for (limits, resource, object) in limits() {
        let rig = Rig::new(limits);
        let held = bind(&rig, object(), Wait::DontWait).unwrap();
        let error = bind(&rig, object(), Wait::DontWait).unwrap_err();
        let BindErrorKind::NoResources(shortage) = error else { panic!("{error}") };
        assert_eq!((shortage.resource, shortage.asked), (resource, object().len()));
        assert!(shortage.free > 0 && shortage.largest <= shortage.free && shortage.largest < shortage.asked);
        let said = error.to_string();
        match resource {
            Resource::IommuMaps => assert!(said.contains("dma_entry_limit"), "{said}"),
            Resource::LockedMemory => assert!(said.contains("ulimit -l"), "{said}"),
            _ => assert!(said.contains("map space"), "{said}"),
        }
        drop(held);
        bind(&rig, object(), Wait::DontWait).unwrap();
        rig.assert_nothing_is_left();
    }
}

#[test]
fn figures_of_shortages() {
    let refusal = |limits, object| match bind(&Rig::new(limits), object, Wait::DontWait) {
        Err(BindErrorKind::Unobtainable(shortage)) => shortage,
        other => panic!("{other:?}"),
    };
    let shortage = |resource, asked, free, largest| Shortage { resource, asked, free, largest };
    let maps = shortage(Resource::IommuMaps, 9 * PAGE, 4 * PAGE, 4 * PAGE);
    assert_eq!(refusal(four_maps(), scattered(9)), maps);
    let locked = shortage(Resource::LockedMemory, 0x10_0000, 0x1_0000, 0x1_0000);
    assert_eq!(refusal(little_locked(), whole(0x10_0000, 0)), locked);
    let space = shortage(Resource::MapSpace, 0x10_0000, 0x7000, 0x7000);
    assert_eq!(refusal(few_addresses(), whole(0x10_0000, 0)), space);
}

#[test]
fn who_sleeps_gets_it_after_an_unbind() {
    for (limits, _, object) in limits() {
        let rig = Rig::new(limits);
        let held = bind(&rig, object(), Wait::DontWait).unwrap();
        let handle = rig.handle(&DmaAttr::UNRESTRICTED);
        let (send, receive) = mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            let bound = handle.bind(object(), Direction::Both, BindFlags::empty(), Wait::Sleep);
            send.send(()).unwrap();
            drop(bound.unwrap());
        });
        while rig.bus.stats().waits == 0 {
            std::thread::yield_now();
        }
        assert!(receive.try_recv().is_err());
        held.unbind();
        receive.recv_timeout(Duration::from_secs(20)).unwrap();
        sleeper.join().unwrap();
        rig.assert_nothing_is_left();
    }
}

#[test]
fn a_callback_is_called_when_it_may_be_there() {
    for (limits, _, object) in limits() {
        let rig = Rig::new(limits);
        let held = bind(&rig, object(), Wait::DontWait).unwrap();
        let handle = Mutex::new(Some((rig.handle(&DmaAttr::UNRESTRICTED), object())));
        let bound = Arc::new(Mutex::new(None));
        let into = bound.clone();
        let callback = Callback::new(move |again| {
            let (handle, object) = handle.lock().unwrap().take().unwrap();
            match handle.bind(object, Direction::Both, BindFlags::empty(), Wait::Callback(again)) {
                Ok(binding) => *into.lock().unwrap() = Some(binding),
                Err(error) => panic!("{error}"),
            }
            Attempt::Done
        });
        assert!(bind(&rig, object(), Wait::Callback(&callback)).is_err());
        assert!(bound.lock().unwrap().is_none());
        held.unbind();
        assert!(bound.lock().unwrap().take().is_some());
        callback.cancel();
        rig.assert_nothing_is_left();
    }
}

struct Woken(mpsc::Sender<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_task_is_woken_and_a_dropped_one_forgotten() {
    for (limits, _, object) in limits() {
        let rig = Rig::new(limits);
        let held = bind(&rig, object(), Wait::DontWait).unwrap();
        let future = || {
            let handle = rig.handle(&DmaAttr::UNRESTRICTED);
            Box::pin(handle.bind_async(object(), Direction::Both, BindFlags::empty()))
        };
        let (send, woken) = mpsc::channel();
        let waker = Waker::from(Arc::new(Woken(send)));
        let mut context = Context::from_waker(&waker);
        let (mut given_up, mut waits) = (future(), future());
        assert!(given_up.as_mut().poll(&mut context).is_pending());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        drop(given_up);
        while woken.try_recv().is_ok() {}
        held.unbind();
        woken.recv_timeout(Duration::from_secs(20)).unwrap();
        let Poll::Ready(Ok(binding)) = waits.as_mut().poll(&mut context) else { panic!("not bound") };
        drop(binding);
        rig.assert_nothing_is_left();
    }
}

/// Slides over an object, both ways; returns the windows it took.
fn slide(rig: &Rig, object: Scattered, flags: BindFlags) -> usize {
    let (length, flags) = (object.len(), flags | BindFlags::PARTIAL);
    let handle = rig.handle(&DmaAttr::UNRESTRICTED);
    let mut flight = handle.bind(object, Direction::ToDevice, flags, Wait::DontWait).unwrap().start();
    assert!(device_reads(rig, &mut flight).unwrap() == pattern(length, 3));
    let windows = flight.window_count();
    let (handle, object) = flight.complete().unbind();
    let mut flight = handle.bind(object, Direction::FromDevice, flags, Wait::DontWait).unwrap().start();
    device_writes(rig, &mut flight, &pattern(length, 4)).unwrap();
    let (_, object) = flight.complete().unbind();
    assert!(object.to_vec() == pattern(length, 4));
    windows
}

#[test]
fn windows_slide_to_the_end_of_objects_of_all_shapes() {
    let shapes: [fn() -> Scattered; 6] = [
        || scattered(40),
        || whole(0x10_0000, 0),
        || whole(0x10_0001, 0x801),
        || Gather::new(apart(&[(PAGE, 0), (9 * PAGE, 0), (PAGE, 0), (0x2_0000, 0), (1, 0)])).unwrap(),
        || Gather::new(apart(&[(100, 7), (5000, 0), (4096, 1), (70_000, 4095), (3, 3), (9, 0)])).unwrap(),
        || Gather::new(apart(&[(512, 0x200); 60])).unwrap(),
    ];
    for (limits, resource, _) in limits() {
        for flags in [BindFlags::empty(), BindFlags::REDZONE] {
            for (number, shape) in shapes.iter().enumerate() {
                // What takes more than there is for a page of the object does not slide.
                if number == 5 && resource != Resource::LockedMemory {
                    continue;
                }
                let rig = Rig::new(limits.clone());
                let windows = slide(&rig, shape(), flags);
                let fits = resource == Resource::IommuMaps && (1..3).contains(&number);
                assert_eq!(windows == 1, fits, "shape {number} by {resource}: {windows} windows");
                rig.assert_nothing_is_left();
            }
        }
    }
}

#[test]
fn windows_are_as_large_as_goes() {
    assert_eq!(slide(&Rig::new(four_maps()), scattered(40), BindFlags::empty()), 10);
    assert_eq!(slide(&Rig::new(little_locked()), whole(0x10_0000, 0), BindFlags::empty()), 16);
    assert_eq!(slide(&Rig::new(few_addresses()), whole(0x7_0000, 0), BindFlags::empty()), 16);
    // The page behind it takes one of the seven.
    assert_eq!(slide(&Rig::new(few_addresses()), whole(0x6_0000, 0), BindFlags::REDZONE), 16);
}

#[test]
fn isolated_objects_slide() {
    for limits in [little_locked(), few_addresses()] {
        let rig = Rig::new(limits);
        let config = BusConfig { copy_buffer_limit: 2 * PAGE, ..BusConfig::default() };
        let device = rig.nexus.bus(config).device("small");
        let rig = Rig { device, ..rig };
        assert!(slide(&rig, whole(0x2_0000, 0x100), BindFlags::ISOLATE) > 1);
        rig.assert_nothing_is_left();
    }
}

#[test]
fn private_memory_is_short_of_the_same_things() {
    for (limits, resource, _) in limits() {
        let rig = Rig::new(limits);
        let handle = rig.handle::<PrivateMemory>(&DmaAttr::UNRESTRICTED);
        let take = |size| handle.alloc_memory(size, MemoryUse::Streaming, Default::default(), Wait::DontWait);
        let mut held = Vec::new();
        let error = loop {
            match take(0x3000) {
                Ok(memory) => held.push(memory),
                Err(error) => break error,
            }
        };
        let ddi_dma::MemError::NoResources(shortage) = error else { panic!("{error}") };
        assert_eq!(shortage.resource, resource, "{shortage}");
        held.pop();
        held.push(take(0x3000).unwrap());
        drop(held);
        rig.assert_nothing_is_left();
    }
}
