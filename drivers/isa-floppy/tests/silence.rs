//! A controller that stops answering: every wait ends, and says in which phase.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ddi_dma::{Bus, BusConfig, Dmae, PortIo};
use ddi_dma_sim::{Machine, MachineConfig, NexusKind};
use isa_floppy::{AttachError, Board, Config, Fault, Floppy, Geometry, Phase, St0, TimedOut, Version};

const TAKES: u8 = 0x80;
const GIVES: u8 = 0xC0;

/// A controller that gives these main statuses one after the other, the last for ever, and these bytes of data.
struct Script {
    statuses: Mutex<Vec<u8>>,
    data: Mutex<Vec<u8>>,
    looks: AtomicUsize,
}

impl Script {
    fn new(statuses: &[u8], data: &[u8]) -> Arc<Self> {
        let reversed = |bytes: &[u8]| Mutex::new(bytes.iter().rev().copied().collect());
        let (statuses, data) = (reversed(statuses), reversed(data));
        Arc::new(Script { statuses, data, looks: AtomicUsize::new(0) })
    }
}

impl PortIo for Script {
    fn read(&self, port: u16) -> u8 {
        match port {
            0x3F4 => {
                self.looks.fetch_add(1, Ordering::Relaxed);
                let mut statuses = self.statuses.lock().unwrap();
                if statuses.len() > 1 { statuses.pop() } else { statuses.last().copied() }.unwrap_or(0)
            }
            0x3F5 => self.data.lock().unwrap().pop().unwrap_or(0),
            _ => 0xFF,
        }
    }

    fn write(&self, _: u16, _: u8) {}
}

/// A board on which each interrupt comes at once.
struct Prompt;

impl Board for Prompt {
    fn expect_interrupt(&self) {}

    fn wait_interrupt(&self, _: Duration) -> Result<(), TimedOut> {
        Ok(())
    }

    fn delay(&self, _: Duration) {}
}

fn attach(ports: Arc<Script>, config: Config) -> Result<Floppy, AttachError> {
    let machine = Machine::new(MachineConfig::default()).unwrap();
    let bus = Bus::new(machine.nexus(NexusKind::Isa), BusConfig::default());
    Floppy::attach(config, ports, Arc::new(Prompt), &Dmae::new(machine.ports()), &bus)
}

/// The four answers behind a reset: for each a byte taken and two given.
fn after_reset() -> (Vec<u8>, Vec<u8>) {
    let statuses = [TAKES, GIVES, GIVES].repeat(4);
    let data = (0..4).flat_map(|drive| [0xC0 | drive, 0]).collect();
    (statuses, data)
}

#[test]
fn a_controller_that_takes_no_command() {
    for status in [0x00, 0x10, GIVES, 0xFF] {
        let script = Script::new(&[status], &[]);
        let refused = attach(script.clone(), Config::default()).unwrap_err();
        assert_eq!(refused, AttachError::Drive(Fault::TimedOut { phase: Phase::Command }));
        assert_eq!(refused.to_string(), "time-out: the controller takes no command");
        assert_eq!(script.looks.load(Ordering::Relaxed), 10_000);
    }
}

#[test]
fn a_controller_that_gives_no_result() {
    let refused = attach(Script::new(&[TAKES], &[]), Config::default()).unwrap_err();
    assert_eq!(refused, AttachError::Drive(Fault::TimedOut { phase: Phase::Result }));
}

#[test]
fn a_controller_that_was_not_reset() {
    let refused = attach(Script::new(&[TAKES, GIVES, GIVES], &[0x20, 3]), Config::default()).unwrap_err();
    assert_eq!(refused, AttachError::Drive(Fault::Reset { st0: St0::SEEK_END }));
    let nothing = attach(Script::new(&[TAKES, GIVES], &[0x80]), Config::default()).unwrap_err();
    assert_eq!(nothing, AttachError::Drive(Fault::Reset { st0: St0::INVALID }));
}

#[test]
fn versions() {
    for (answer, version) in [(0x80, Version::Upd765), (0x90, Version::I82077), (0x73, Version::Other(0x73))]
    {
        let (mut statuses, mut data) = after_reset();
        // SPECIFY, and then VERSION.
        statuses.extend([TAKES, TAKES, TAKES, TAKES, GIVES]);
        data.push(answer);
        let floppy = attach(Script::new(&statuses, &data), Config::default()).unwrap();
        assert_eq!(floppy.version(), version);
    }
    // One that has a word for the first drive alone.
    let statuses = [TAKES, GIVES, GIVES, TAKES, GIVES, TAKES, TAKES, TAKES, TAKES, GIVES];
    let floppy = attach(Script::new(&statuses, &[0xC0, 0, 0x80, 0x90]), Config::default()).unwrap();
    assert_eq!(floppy.version(), Version::I82077);
}

#[test]
fn what_nobody_can_have() {
    let ports = || Script::new(&[TAKES], &[]);
    for (number, message) in [
        (4, "DMA channel 4 joins the two controllers: devices can have 0 to 3 (bytes) and 5 to 7 (words)"),
        (8, "there is no DMA channel 8: devices can have 0 to 3 (bytes) and 5 to 7 (words)"),
    ] {
        let refused = attach(ports(), Config { channel: number, ..Config::default() }).unwrap_err();
        assert_eq!(refused.to_string(), message);
    }
    let good = Geometry::MB_1_44;
    for geometry in [
        Geometry { cylinders: 0, ..good },
        Geometry { cylinders: 255, ..good },
        Geometry { heads: 0, ..good },
        Geometry { heads: 3, ..good },
        Geometry { sectors: 0, ..good },
    ] {
        let refused = attach(ports(), Config { geometry, ..Config::default() }).unwrap_err();
        assert_eq!(refused, AttachError::Geometry { geometry });
    }
}
