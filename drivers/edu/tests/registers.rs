//! Attaching, the small registers, detaching.

mod common;

use std::sync::Arc;

use common::model::{Bar0, EduModel, Line, Mishap};
use common::{COMPLETIONS, REGION, Rig, completing};
use ddi_dma::{Bus, BusConfig, Registers};
use ddi_dma_sim::{Iommu, Machine, MachineConfig, NexusKind};
use edu::{AttachError, Completion, Config, Edu, Engine, Fault, Version, Work};

fn attach(model: &Arc<EduModel>, machine: &Machine, region: u64) -> Result<Edu<Bar0, Line>, AttachError> {
    let bus = Bus::new(machine.nexus(NexusKind::Pci), BusConfig::default());
    let (bar, line) = (Bar0(Arc::clone(model), region), Line(Arc::clone(model)));
    Edu::attach(&bus.device("edu"), bar, line, Config::default())
}

#[test]
fn version_liveness_and_factorials() {
    for completion in COMPLETIONS {
        let mut rig = Rig::with(Iommu::on(), BusConfig::default(), completing(completion));
        assert_eq!(rig.edu.identify(), Version { major: 1, minor: 0 });
        for probe in [0, 1, 0xFFFF_FFFF, 0xA5A5_5A5A] {
            assert_eq!(rig.edu.liveness(probe), Ok(()));
        }
        for (number, factorial) in [(0, 1), (1, 1), (5, 120), (12, 479_001_600), (13, 1_932_053_504), (34, 0)]
        {
            assert_eq!(rig.edu.factorial(number), Ok(factorial), "{number}!");
        }
        assert_eq!(rig.edu.detach().engine, Engine::Stopped);
        rig.model.assert_alive();
    }
}

#[test]
fn what_is_no_such_device_is_refused() {
    let machine = Machine::new(MachineConfig::default()).expect("a sound machine");
    let other = |identification| EduModel::of_version(machine.pci().clone(), identification);
    for identification in [0x0100_00ee, 0x0200_00ed, u32::MAX, 0] {
        let refused = attach(&other(identification), &machine, REGION).expect_err("another device");
        assert_eq!(refused, AttachError::Identification { identification });
    }
    assert!(attach(&other(0x0105_00ed), &machine, REGION).is_ok(), "minor versions are all the same");
    let refused = attach(&other(0x0100_00ed), &machine, 0x1000).expect_err("not BAR 0");
    assert_eq!(refused, AttachError::Region { length: 0x1000 });
    assert!(refused.to_string().contains("is it BAR 0?"), "{refused}");
}

#[test]
fn a_driver_waits_for_what_an_earlier_one_left_behind() {
    let machine = Machine::new(MachineConfig::default()).expect("a sound machine");
    let model = EduModel::new(machine.pci().clone());
    let start = |model: &Arc<EduModel>| {
        let bar = Bar0(Arc::clone(model), REGION);
        bar.write64(0x80, 0x4_0000);
        bar.write64(0x88, 0x10_0000);
        bar.write64(0x90, 16);
        bar.write64(0x98, 0x1 | 0x2 | 0x4);
    };
    start(&model);
    let edu = attach(&model, &machine, REGION).expect("it ends soon");
    assert_eq!((edu.engine(), model.dmas()), (Engine::Stopped, 1));
    assert_eq!(edu.detach().registers.read32(0x24), 0, "its interrupt is forgotten");

    start(&model);
    model.set_mishap(Mishap::Hangs);
    let refused = attach(&model, &machine, REGION).expect_err("it does not end");
    assert_eq!(refused, AttachError::Device(Fault::Busy { work: Work::Dma }));
}

#[test]
fn factorials_that_do_not_end() {
    for completion in COMPLETIONS {
        let mut rig = Rig::with(Iommu::on(), BusConfig::default(), completing(completion));
        rig.model.set_mishap(Mishap::Hangs);
        let (work, limit) = (Work::Factorial, rig.edu.config().timeout);
        let interrupt = if completion == Completion::Interrupt { 0x80 } else { 0 };
        let timed_out = Fault::TimedOut { work, limit, register: 0x01 | interrupt };
        assert_eq!(rig.edu.factorial(4), Err(timed_out));
        assert_eq!(timed_out.engine(), Engine::Stopped, "memory is not concerned");
        assert_eq!(rig.edu.factorial(4), Err(Fault::Busy { work }));
        rig.model.set_mishap(Mishap::None);
        (0..3).for_each(|_| rig.model.rest());
        assert_eq!(rig.edu.factorial(4), Ok(24));
    }
    let mut rig = Rig::new(Iommu::on());
    rig.model.set_mishap(Mishap::LostInterrupts);
    assert_eq!(rig.edu.factorial(4), Ok(24));
}
