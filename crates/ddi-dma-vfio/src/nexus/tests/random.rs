//! Random binds, unbinds and drops, under tight limits, against a model of who owns which bytes.

use proptest::prelude::*;

use ddi_dma::{Binding, Resource};

use super::*;
use crate::iommu::Access;
use crate::iommu::fake::PAGE;
use crate::{Gather, HostBuffer};

type Object = Gather<HostBuffer>;

#[derive(Debug, Clone)]
struct Shape {
    parts: Vec<(u64, u64)>,
    direction: Direction,
    flags: BindFlags,
    attr: DmaAttr,
}

#[derive(Debug, Clone)]
enum Step {
    Bind(Shape),
    /// The device moves all bytes, and the object is unbound.
    Finish(prop::sample::Index),
    /// The transfer is dropped in flight.
    Drop(prop::sample::Index),
    /// Unbound before it was started.
    Unbind(prop::sample::Index),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let size = prop_oneof![1u64..0x3000, Just(PAGE), Just(4 * PAGE)];
    let offset = prop_oneof![2 => Just(0), 1 => 0u64..PAGE];
    let parts = prop::collection::vec((size, offset), 1..6);
    let direction = prop::sample::select(vec![Direction::ToDevice, Direction::FromDevice, Direction::Both]);
    let flag = |flag| prop_oneof![2 => Just(BindFlags::empty()), 1 => Just(flag)];
    let flags = (flag(BindFlags::PARTIAL), flag(BindFlags::REDZONE), flag(BindFlags::ISOLATE));
    let attr = prop::sample::select(vec![
        DmaAttr::UNRESTRICTED,
        ONE_COOKIE,
        DmaAttr { addr_hi: 0xF_FFFF, seg: 0xFFFF, sgllen: 4, ..DmaAttr::UNRESTRICTED },
        DmaAttr { align: 0x4000, sgllen: 1, ..DmaAttr::UNRESTRICTED },
        DmaAttr { granular: 512, sgllen: 2, maxxfer: 0x2000, ..DmaAttr::UNRESTRICTED },
    ]);
    (parts, direction, flags, attr).prop_map(|(parts, direction, (partial, redzone, isolate), attr)| {
        // A granule needs whole sectors.
        let parts =
            if attr.granular > 1 { vec![(parts[0].0.next_multiple_of(512), parts[0].1)] } else { parts };
        Shape { parts, direction, flags: partial | redzone | isolate, attr }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        5 => shapes().prop_map(Step::Bind),
        3 => index().prop_map(Step::Finish),
        1 => index().prop_map(Step::Drop),
        1 => index().prop_map(Step::Unbind),
    ];
    prop::collection::vec(step, 1..60)
}

fn limits() -> impl Strategy<Value = Limits> {
    let last = prop_oneof![0x1_0000u64..0x4_0000, Just(0xFFFF_FFFF)];
    let maps = prop_oneof![3u64..12, Just(65_535)];
    let locked = prop::option::of((8u64..40).prop_map(|pages| pages * PAGE));
    (last, maps, locked).prop_map(|(last, most_maps, locked)| Limits {
        ranges: vec![0..=last],
        most_maps,
        locked,
    })
}

/// An object that is bound, and the bytes that it holds.
struct Held {
    binding: Binding<Object>,
    bytes: Vec<u8>,
}

fn bind(rig: &Rig, shape: &Shape, seed: u64) -> Option<Held> {
    let length = shape.parts.iter().map(|(size, _)| size).sum();
    let (bytes, mut at) = (pattern(length, seed), 0);
    let parts = shape.parts.iter().map(|(size, offset)| {
        let mut part = HostBuffer::with_offset(*size, *offset).unwrap();
        part.write(0, &bytes[at..at + *size as usize]).unwrap();
        at += *size as usize;
        part
    });
    let object = Gather::new(parts.collect()).unwrap();
    match rig.handle(&shape.attr).bind(object, shape.direction, shape.flags, Wait::DontWait) {
        Ok(binding) => Some(Held { binding, bytes }),
        Err(error) => {
            let Some(shortage) = error.kind().shortage() else { panic!("{error}") };
            assert_ne!(shortage.resource, Resource::Memory, "{shortage}");
            let (_, object) = error.into_parts();
            assert!(object.to_vec() == bytes, "a bind that failed changed the object");
            None
        }
    }
}

/// Moves all windows' bytes as the direction says; `None` where a window cannot be had now.
fn transfer(rig: &Rig, flight: &mut InFlight<Object>, bytes: &mut [u8], seed: u64) -> Option<()> {
    let (direction, new) = (flight.direction(), pattern(bytes.len() as u64, seed));
    let mut at = 0;
    loop {
        match flight.next_window() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => return None,
        }
        for cookie in cookies(flight) {
            let range = at..at + cookie.size as usize;
            at = range.end;
            let copied = copied(rig, cookie.address);
            if direction.device_reads() {
                let mut read = vec![0; range.len()];
                rig.iommu.device_read(cookie.address, &mut read).unwrap();
                assert!(read == bytes[range.clone()], "the device reads something else");
            } else {
                assert_eq!(rig.iommu.device_read(cookie.address, &mut [0]).is_ok(), copied);
            }
            if direction.device_writes() {
                rig.iommu.device_write(cookie.address, &new[range.clone()]).unwrap();
                bytes[range.clone()].copy_from_slice(&new[range]);
            } else if !copied {
                assert!(rig.iommu.device_write(cookie.address, &[0]).is_err());
            }
        }
    }
    assert_eq!(at, bytes.len());
    Some(())
}

/// Whether an address is one of the copy buffer's, which devices may read and write.
fn copied(rig: &Rig, address: u64) -> bool {
    let maps = rig.iommu.maps();
    maps.iter().any(|(iova, map)| (*iova..*iova + map.size).contains(&address) && map.access == Access::Both)
}

/// The nexus' books are those of the kernel.
fn check_books(rig: &Rig) {
    let (usage, maps) = (rig.nexus.usage(), rig.iommu.maps());
    assert_eq!(usage.maps, maps.len() as u64);
    assert_eq!(usage.mapped_bytes, maps.iter().map(|(_, map)| map.size).sum::<u64>());
    assert!(usage.iova_bytes >= usage.mapped_bytes);
    assert!(maps.iter().all(|(iova, _)| *iova > 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_lost_and_nothing_is_left(limits in limits(), steps in steps()) {
        let rig = Rig::new(limits);
        let mut held: Vec<Held> = Vec::new();
        for (seed, step) in (0..).zip(steps) {
            match step {
                Step::Bind(shape) => held.extend(bind(&rig, &shape, seed)),
                _ if held.is_empty() => {}
                Step::Finish(index) => {
                    let Held { binding, mut bytes } = held.swap_remove(index.index(held.len()));
                    let mut flight = binding.start();
                    let moved = transfer(&rig, &mut flight, &mut bytes, seed + 100);
                    let (_, object) = flight.complete().unbind();
                    prop_assert!(moved.is_none() || object.to_vec() == bytes);
                }
                Step::Drop(index) => {
                    let Held { binding, .. } = held.swap_remove(index.index(held.len()));
                    let mut flight = binding.start();
                    let there = flight.next_window().is_ok();
                    let before = if there { cookies(&flight) } else { Vec::new() };
                    drop(flight);
                    for Cookie { address, .. } in before {
                        prop_assert!(rig.iommu.device_write(address, &[1]).is_err());
                    }
                }
                Step::Unbind(index) => {
                    let Held { binding, bytes } = held.swap_remove(index.index(held.len()));
                    let (_, object) = binding.unbind();
                    prop_assert!(object.to_vec() == bytes);
                }
            }
            check_books(&rig);
        }
        drop(held);
        rig.assert_nothing_is_left();
    }
}
