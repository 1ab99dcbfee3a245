//! What is refused, and what becomes of objects when the device does not do what it should.

mod common;

use std::time::Duration;

use common::model::Mishap;
use common::{COMPLETIONS, Rig, completing, pattern};
use ddi_dma::{Bus, BusConfig, Registers, Wait};
use ddi_dma_sim::{BufferSpec, DeviceBus, FaultKind, Iommu, Machine, MachineConfig, NexusKind, SbusConfig};
use edu::{AttachError, BUFFER, Completion, Config, Edu, Engine, Fault, Memory, TransferErrorKind, Work};

/// What the real device dies of is refused beforehand: the model is not even asked.
#[test]
fn out_of_range() {
    let mut rig = Rig::new(Iommu::on());
    for (at, length) in [(0, 4096), (4095, 1), (1, 4095), (u64::MAX, 1), (1 << 40, 5)] {
        let refused = rig.edu.write(at, rig.scattered(length, 3), Wait::DontWait).expect_err("refused");
        assert_eq!(refused.kind(), TransferErrorKind::OutOfRange { at, length });
        let refused =
            rig.edu.read(at, refused.given_back.expect("back"), Wait::DontWait).expect_err("refused");
        assert_eq!(refused.kind(), TransferErrorKind::OutOfRange { at, length });
        assert!(refused.given_back.expect("back").to_vec() == pattern(length, 3));
    }
    let (from, into) = (rig.scattered(100, 1), rig.scattered(99, 2));
    let refused = rig.edu.round_trip(from, into, Wait::DontWait).expect_err("two lengths");
    assert_eq!(refused.kind(), TransferErrorKind::Lengths { length: 100, into: 99 });
    assert!(matches!(refused.given_back, (Some(_), Some(_))));
    drop(refused);
    assert_eq!(rig.model.dmas(), 0);
    rig.model.assert_alive();
    rig.assert_all_is_free();
}

/// The model dies of what the real one dies of: the tests above can fail.
#[test]
fn the_model_dies_as_the_real_one() {
    for (at, count, address) in
        [(0x4_0000, 4096, 0), (0x3_FFFF, 1, 0), (0x4_0FFF, 1, 0), (0x4_0000, 1, 1 << 28)]
    {
        let rig = Rig::new(Iommu::Off);
        let registers = rig.edu.detach().registers;
        registers.write64(0x80, at);
        registers.write64(0x88, address);
        registers.write64(0x90, count);
        registers.write64(0x98, 0x1 | 0x2);
        (0..3).for_each(|_| rig.model.rest());
        assert!(rig.model.death().is_some(), "{count:#x} bytes at {at:#x}");
        assert_eq!(registers.read32(0), u32::MAX);
    }
    let rig = Rig::new(Iommu::Off);
    let _ = rig.edu.detach().registers.read64(0x20);
    assert!(rig.model.death().is_some_and(|death| death.contains("64 bits")));
}

/// Behind an IOMMU a DMA that timed out reaches nothing any more, and says so.
#[test]
fn a_time_out_behind_an_iommu_revokes() {
    for completion in COMPLETIONS {
        let mut rig = Rig::with(Iommu::on(), BusConfig::default(), completing(completion));
        rig.model.set_mishap(Mishap::Hangs);
        let error = rig.edu.read(0, rig.scattered(1000, 4), Wait::DontWait).expect_err("it does not end");
        let interrupt = if completion == Completion::Interrupt { 4 } else { 0 };
        let limit = Duration::from_secs(2);
        let fault = Fault::TimedOut { work: Work::Dma, limit, register: 0x3 | interrupt };
        assert_eq!(error.kind(), TransferErrorKind::Abandoned { fault, memory: Memory::Revoked });
        let said = error.to_string();
        assert!(said.contains("within 2000 ms") && said.contains("taken away from the device"), "{said}");
        assert!(error.given_back.is_none());
        rig.assert_all_is_free();

        // It is refused while that runs; the object was not given to the device, and comes back.
        let busy = rig.edu.write(0, rig.scattered(10, 5), Wait::DontWait).expect_err("busy");
        assert_eq!(busy.kind(), TransferErrorKind::Device(Fault::Busy { work: Work::Dma }));
        assert_eq!(rig.edu.engine(), Engine::Running);
        let object = busy.given_back.expect("back");

        // Once the engine gets on, it meets a fault, and the device is usable.
        rig.model.set_mishap(Mishap::None);
        (0..3).for_each(|_| rig.model.rest());
        assert_eq!(rig.model.fault().map(|fault| fault.kind), Some(FaultKind::Unmapped));
        let (object, _) = rig.edu.write(0, object, Wait::DontWait).expect("written");
        assert!(rig.model.buffer()[..10] == pattern(10, 5));
        drop(object);
        assert_eq!(rig.edu.detach().engine, Engine::Stopped);
    }
}

/// Without an IOMMU nothing keeps it from the memory, so nobody else gets that.
#[test]
fn a_time_out_without_an_iommu_quarantines() {
    let mut rig = Rig::new(Iommu::Off);
    rig.model.set_mishap(Mishap::HangsAfter(1));
    let low = BufferSpec::new(8000).placement(ddi_dma_sim::Placement { lo: 0, hi: 0xFFF_FFFF });
    let (from, into) = (rig.scattered(8000, 1), rig.filled(&low, &[0x77; 8000]));
    let error = rig.edu.round_trip(from, into, Wait::DontWait).expect_err("it does not come back");
    let TransferErrorKind::Abandoned { memory: Memory::Quarantined { bytes }, .. } = error.kind() else {
        panic!("{error}")
    };
    assert_eq!((bytes, rig.device.quarantined_bytes()), (8000, 8000));
    assert_eq!((error.report().moved, rig.model.dmas()), (0, 1));
    // The engine had the second one; the first comes back.
    let (Some(from), None) = error.given_back else { panic!("one of them comes back") };
    assert!(from.to_vec() == pattern(8000, 1));

    let detached = rig.edu.detach();
    assert_eq!(detached.engine, Engine::Running);
    rig.model.set_mishap(Mishap::None);
    (0..3).for_each(|_| rig.model.rest());
    let edu = Edu::attach(&rig.device, detached.registers, detached.interrupt, Config::default());
    assert_eq!(edu.expect("it answers").engine(), Engine::Stopped);
    // SAFETY: the engine is stopped.
    assert_eq!(unsafe { rig.device.release_quarantine() }, 8000);
    drop(from);
    rig.model.assert_alive();
    assert_eq!(rig.bus.stats().quarantined_bytes, 0);
}

#[test]
fn lost_interrupts_are_borne_and_counted() {
    for completion in COMPLETIONS {
        let mut rig = Rig::with(Iommu::on(), BusConfig::default(), completing(completion));
        let (object, report) = rig.edu.write(0, rig.scattered(77, 1), Wait::DontWait).expect("written");
        assert_eq!(report.unheard, 0);
        rig.model.set_mishap(Mishap::LostInterrupts);
        let (_, report) = rig.edu.write(0, object, Wait::DontWait).expect("written");
        assert_eq!((report.dmas, report.unheard), (1, u64::from(completion == Completion::Interrupt)));
        rig.model.assert_alive();
    }
}

#[test]
fn a_storm_ends_in_a_clear_error() {
    for completion in COMPLETIONS {
        let mut rig = Rig::with(Iommu::on(), BusConfig::default(), completing(completion));
        rig.model.set_mishap(Mishap::Storm);
        let error = rig.edu.read(0, rig.scattered(77, 1), Wait::DontWait).expect_err("a storm");
        let TransferErrorKind::Abandoned { fault: Fault::Storm { work: Work::Dma, interrupts }, .. } =
            error.kind()
        else {
            panic!("{error}")
        };
        assert_eq!(interrupts, if completion == Completion::Interrupt { 64 } else { 1000 });
        assert!(error.given_back.is_none());
    }
}

#[test]
fn a_device_that_is_removed() {
    let mut rig = Rig::new(Iommu::on());
    rig.model.set_mishap(Mishap::GoneAfter(3));
    let (from, into) = (rig.scattered(10_000, 1), rig.scattered(10_000, 2));
    let error = rig.edu.round_trip(from, into, Wait::DontWait).expect_err("gone");
    let (fault, memory) = (Fault::Silent { work: Work::Dma }, Memory::Revoked);
    assert_eq!(error.kind(), TransferErrorKind::Abandoned { fault, memory });
    assert_eq!((error.report().moved, error.report().dmas), (BUFFER, 2));
    let (None, Some(into)) = error.given_back else { panic!("the engine had the first") };
    assert!(into.to_vec()[..BUFFER as usize] == pattern(10_000, 1)[..BUFFER as usize]);
    // Nothing is started on a device that does not answer, so nothing is lost.
    let error = rig.edu.write(0, rig.scattered(10, 1), Wait::DontWait).expect_err("gone");
    assert_eq!(error.kind(), TransferErrorKind::Device(fault));
    assert!(error.given_back.is_some());
}

#[test]
fn an_error_on_the_way_keeps_what_has_arrived() {
    let mut rig = Rig::new(Iommu::on());
    rig.model.set_mishap(Mishap::HangsAfter(4));
    let (from, into) = (rig.scattered(20_000, 1), rig.scattered(20_000, 2));
    let error = rig.edu.round_trip(from, into, Wait::DontWait).expect_err("it stops");
    assert_eq!((error.report().moved, error.report().dmas), (2 * BUFFER, 4));
    let (None, Some(into)) = error.given_back else { panic!("the engine had the first") };
    let (arrived, rest) = (2 * BUFFER as usize, into.to_vec());
    assert!(
        rest[..arrived] == pattern(20_000, 1)[..arrived] && rest[arrived..] == pattern(20_000, 2)[arrived..]
    );
}

/// The direction of a binding is what the IOMMU permits.
#[test]
fn a_device_that_goes_the_wrong_way_changes_nothing() {
    let rig = Rig::new(Iommu::on());
    let handle = rig.device.alloc_handle(&edu::ATTR, Wait::DontWait).expect("a handle");
    let object = rig.scattered(100, 6);
    let binding = handle.bind(object, ddi_dma::Direction::ToDevice, rig.edu.config().flags, Wait::DontWait);
    let mut flight = binding.expect("bound").start();
    let cookie = flight.next_window().expect("a window").expect("the first").cookies()[0];
    assert!(cookie.address + cookie.size <= 1 << 28);
    let fault = rig.machine.pci().write(cookie.address, &[0]).expect_err("read only");
    assert_eq!(fault.kind, FaultKind::Forbidden);
    let (_, object) = flight.complete().unbind();
    assert!(object.to_vec() == pattern(100, 6));
}

#[test]
fn a_slot_without_the_bus() {
    let sbus = SbusConfig { slave_only_slots: vec![3], ..SbusConfig::default() };
    let machine = Machine::new(MachineConfig { sbus, ..MachineConfig::default() }).expect("a sound machine");
    let bus = Bus::new(machine.nexus(NexusKind::Sbus), BusConfig::default());
    let rig = Rig::new(Iommu::Off);
    let detached = rig.edu.detach();
    let slot = bus.device_in_slot("edu", 3);
    let refused = Edu::attach(&slot, detached.registers, detached.interrupt, Config::default());
    assert_eq!(refused.expect_err("no DMA").to_string(), AttachError::SlaveOnly.to_string());
}
