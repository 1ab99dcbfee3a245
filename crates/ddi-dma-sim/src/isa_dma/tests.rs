//! The controllers between ports and lines: a device of the test's asks for unit after unit.

use std::sync::Arc;

use ddi_dma::PortIo;

use super::{Cycle, DmaChannel, DmaControllers, DmaLine, TerminalCount};
use crate::config::MachineConfig;
use crate::memory::Memory;
use crate::nexus::{DeviceBus, IsaNexus};
use crate::ports::IsaPorts;

const TO_MEMORY: u8 = 0x44;
const FROM_MEMORY: u8 = 0x48;
const VERIFY: u8 = 0x40;
const DECREMENT: u8 = 0x20;
const AUTOINITIALISE: u8 = 0x10;

/// A bus with the controllers on it, channel 4 set up for cascade.
struct Rig {
    memory: Arc<Memory>,
    bus: Arc<IsaNexus>,
    ports: IsaPorts,
    dma: Arc<DmaControllers>,
}

impl Rig {
    fn new() -> Self {
        let rig = Self::after_reset();
        rig.out(&[(0xD6, 0xC0), (0xD4, 0x00)]);
        rig
    }

    fn after_reset() -> Self {
        let memory = Arc::new(Memory::new(&MachineConfig::default()).expect("memory"));
        let bus = Arc::new(IsaNexus::new(Arc::clone(&memory), 0));
        let ports = IsaPorts::default();
        let dma = DmaControllers::new(bus.clone(), &ports);
        Rig { memory, bus, ports, dma }
    }

    fn out(&self, writes: &[(u16, u8)]) {
        for (port, value) in writes {
            self.ports.write(*port, *value);
        }
    }

    /// Programs a channel as the data sheet says, `mode` without the channel's number, and unmasks it. Address and
    /// count are the registers' values.
    fn program(&self, channel: DmaChannel, mode: u8, page: u8, address: u16, count: u16) -> DmaLine {
        let number = u16::from(channel.number());
        let page_port = [0x87, 0x83, 0x81, 0x82, 0x8F, 0x8B, 0x89, 0x8A][usize::from(number)];
        let (base, shift) = if number < 4 { (0x00, 0) } else { (0xC0, 1) };
        let at = |register: u16| base + (register << shift);
        let line = number % 4;
        let ([address_low, address_high], [count_low, count_high]) =
            (address.to_le_bytes(), count.to_le_bytes());
        self.out(&[
            (at(0xA), 4 | line as u8),
            (at(0xB), mode | line as u8),
            (at(0xC), 0),
            (at(line * 2), address_low),
            (at(line * 2), address_high),
            (page_port, page),
            (at(0xC), 0),
            (at(line * 2 + 1), count_low),
            (at(line * 2 + 1), count_high),
            (at(0xA), line as u8),
        ]);
        self.dma.line(channel)
    }

    fn peek<const N: usize>(&self, address: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.memory.peek(address, &mut bytes).expect("memory");
        bytes
    }
}

/// Gives bytes to memory, one by one, and tells which of them was the last for the controller.
fn send(line: &DmaLine, bytes: &[u8]) -> Vec<Cycle> {
    bytes.iter().map(|byte| line.request(&mut [*byte])).collect()
}

const GOES: Cycle = Cycle::FromDevice(TerminalCount::No);
const ENDS: Cycle = Cycle::FromDevice(TerminalCount::Yes);

#[test]
fn every_channel_moves_its_bytes_both_ways() {
    for channel in DmaChannel::ALL {
        let rig = Rig::new();
        let width = if channel.number() < 4 { 1 } else { 2 };
        let line = rig.program(channel, TO_MEMORY, 0x12, 0x3456, 2);
        let sent: Vec<u8> = (1..=3 * width as u8).collect();
        let cycles: Vec<Cycle> = sent.chunks(width).map(|unit| line.request(&mut unit.to_vec())).collect();
        assert_eq!(cycles, [GOES, GOES, ENDS], "{channel:?}");
        assert_eq!(line.request(&mut vec![9; width]), Cycle::None, "it masked itself");
        let address = if width == 1 { 0x12_3456 } else { 0x12_0000 + 2 * 0x3456 };
        let mut there = vec![0; 3 * width + 1];
        rig.memory.peek(address, &mut there).expect("memory");
        assert_eq!((&there[..3 * width], there[3 * width]), (&sent[..], 0), "{channel:?}");

        let line = rig.program(channel, FROM_MEMORY, 0x12, 0x3456, 2);
        let mut came = vec![0; 3 * width];
        let cycles: Vec<Cycle> = came.chunks_mut(width).map(|unit| line.request(unit)).collect();
        let cycle = Cycle::ToDevice;
        assert_eq!(cycles, [cycle(TerminalCount::No), cycle(TerminalCount::No), cycle(TerminalCount::Yes)]);
        assert_eq!(came, sent, "{channel:?}");
    }
}

#[test]
fn a_byte_channel_wraps_within_64_kib() {
    let rig = Rig::new();
    let line = rig.program(DmaChannel::Dma2, TO_MEMORY, 0x21, 0xFFFE, 3);
    assert_eq!(send(&line, &[1, 2, 3, 4]), [GOES, GOES, GOES, ENDS]);
    assert_eq!(rig.peek(0x21_FFFE), [1, 2, 0, 0], "nothing carries into the page");
    assert_eq!(rig.peek(0x21_0000), [3, 4, 0]);
}

#[test]
fn a_word_channel_wraps_within_128_kib_and_ignores_bit_0_of_its_page() {
    let rig = Rig::new();
    for page in [0x22, 0x23] {
        rig.memory.poke(0x22_0000, &[0; 2]).expect("memory");
        let line = rig.program(DmaChannel::Dma6, TO_MEMORY, page, 0xFFFF, 1);
        assert_eq!(line.request(&mut [1, page]), GOES);
        assert_eq!(line.request(&mut [2, page]), ENDS);
        assert_eq!(rig.peek(0x23_FFFE), [1, page, 0, 0]);
        assert_eq!(rig.peek(0x22_0000), [2, page, 0]);
    }
}

#[test]
fn decrement_goes_down_and_wraps_below_0() {
    let rig = Rig::new();
    let line = rig.program(DmaChannel::Dma1, TO_MEMORY | DECREMENT, 0x20, 0x0001, 3);
    assert_eq!(send(&line, &[1, 2, 3, 4]), [GOES, GOES, GOES, ENDS]);
    assert_eq!((rig.peek(0x20_0000), rig.peek(0x20_FFFE)), ([2, 1, 0], [4, 3, 0]));
    // A word that is counted down has its bytes in order all the same.
    let line = rig.program(DmaChannel::Dma5, TO_MEMORY | DECREMENT, 0x30, 0x0001, 1);
    assert_eq!((line.request(&mut [1, 2]), line.request(&mut [3, 4])), (GOES, ENDS));
    assert_eq!(rig.peek(0x30_0000), [3, 4, 1, 2, 0]);
}

#[test]
fn verify_counts_and_moves_nothing() {
    let rig = Rig::new();
    rig.memory.poke(0x20_0000, &[7; 4]).expect("memory");
    // The fourth code of the mode register is illegal, and does as little.
    for mode in [VERIFY, 0x4C] {
        let line = rig.program(DmaChannel::Dma3, mode, 0x20, 0, 1);
        let mut unit = [9];
        assert_eq!(line.request(&mut unit), Cycle::Verify(TerminalCount::No));
        assert_eq!(line.request(&mut unit), Cycle::Verify(TerminalCount::Yes));
        assert_eq!((unit, rig.peek(0x20_0000)), ([9], [7; 4]));
        assert_eq!(rig.ports.read(0x08), 0x08);
    }
    let counters = rig.bus.counters();
    assert_eq!((counters.bytes_read, counters.bytes_written), (0, 0));
}

#[test]
fn autoinitialise_starts_again_and_does_not_mask() {
    let rig = Rig::new();
    let line = rig.program(DmaChannel::Dma1, TO_MEMORY | AUTOINITIALISE, 0x20, 0x10, 2);
    for round in 0..3 {
        assert_eq!(send(&line, &[round, 1, 2]), [GOES, GOES, ENDS]);
        assert_eq!(rig.peek(0x20_0010), [round, 1, 2, 0]);
        assert_eq!(rig.ports.read(0x08), 0x02, "terminal count each time");
    }
    rig.out(&[(0x0C, 0)]);
    let registers = [0x02, 0x02, 0x03, 0x03].map(|port| rig.ports.read(port));
    assert_eq!(registers, [0x10, 0, 2, 0], "as programmed");
    // A new address during the ring takes effect at once, base and current alike.
    rig.out(&[(0x0C, 0), (0x02, 0x80), (0x02, 0x00)]);
    send(&line, &[5]);
    assert_eq!(rig.peek(0x20_0080), [5, 0]);
}

#[test]
fn without_autoinitialise_count_and_address_are_left_behind_the_last() {
    let rig = Rig::new();
    let line = rig.program(DmaChannel::Dma2, TO_MEMORY, 0x20, 0x10, 1);
    send(&line, &[1]);
    rig.out(&[(0x0C, 0)]);
    assert_eq!([0x04, 0x04, 0x05, 0x05].map(|port| rig.ports.read(port)), [0x11, 0, 0, 0]);
    send(&line, &[2]);
    assert_eq!([0x04, 0x04, 0x05, 0x05].map(|port| rig.ports.read(port)), [0x12, 0, 0xFF, 0xFF]);
    assert_eq!((rig.ports.read(0x08), rig.ports.read(0x08)), (0x04, 0), "the read cleared it");
    // Unmasked as it is, it goes on through all of the 64 Ki that the count now holds.
    rig.out(&[(0x0A, 0x02)]);
    assert_eq!(send(&line, &[3]), [GOES]);
    assert_eq!(rig.peek(0x20_0010), [1, 2, 3, 0]);
}

#[test]
fn a_masked_channel_keeps_the_request() {
    let rig = Rig::new();
    let line = rig.program(DmaChannel::Dma2, TO_MEMORY, 0x20, 0, 9);
    rig.out(&[(0x0A, 0x06)]);
    assert_eq!(send(&line, &[1]), [Cycle::None]);
    assert_eq!(
        (rig.ports.read(0x08), rig.ports.read(0xD0)),
        (0x40, 0),
        "masked, it does not ask for the bus"
    );
    rig.out(&[(0x0A, 0x02)]);
    assert_eq!(rig.ports.read(0xD0), 0x10, "HRQ of the first is DREQ of channel 4");
    assert_eq!(send(&line, &[1]), [GOES]);
    assert_eq!((rig.ports.read(0x08), rig.ports.read(0xD0)), (0, 0));
    rig.out(&[(0x0F, 0x04)]);
    assert_eq!(send(&line, &[1]), [Cycle::None]);
    line.withdraw();
    assert_eq!(rig.ports.read(0x08), 0);
    rig.out(&[(0x0E, 0)]);
    assert_eq!(send(&line, &[2]), [GOES]);
    rig.out(&[(0x08, 0x04)]);
    assert_eq!(send(&line, &[3]), [Cycle::None], "disabled");
    rig.out(&[(0x08, 0x00)]);
    assert_eq!(send(&line, &[3]), [GOES]);
    assert_eq!(rig.peek(0x20_0000), [1, 2, 3, 0]);
}

#[test]
fn channel_4_is_the_first_controllers_way_to_the_bus() {
    let rig = Rig::after_reset();
    let line = rig.program(DmaChannel::Dma2, TO_MEMORY, 0x20, 0, 9);
    assert_eq!(send(&line, &[1]), [Cycle::None], "as after power-up");
    for (writes, served) in [
        (&[(0xD4, 0x00)][..], false),
        (&[(0xD6, 0xC0)], true),
        (&[(0xD6, 0x40)], false),
        (&[(0xD6, 0xC0), (0xD4, 0x04)], false),
        (&[(0xDC, 0x00)], true),
        (&[(0xD0, 0x04)], false),
        (&[(0xD0, 0x00)], true),
        // The same refusal of memory-to-memory, at channel 4.
        (&[(0xD0, 0x01)], false),
        (&[(0xD0, 0x00)], true),
        (&[(0xDA, 0x00)], false),
        // The mode outlives the master clear; the masks do not.
        (&[(0xDE, 0x0E)], true),
    ] {
        rig.out(writes);
        assert_eq!(send(&line, &[1]), [if served { GOES } else { Cycle::None }], "{writes:x?}");
    }
    // The second controller does not need it.
    rig.out(&[(0xD4, 0x04)]);
    let line = rig.program(DmaChannel::Dma7, TO_MEMORY, 0x20, 0, 0);
    assert_eq!(line.request(&mut [1, 2]), ENDS);
}

#[test]
fn cascade_grants_the_bus_and_counts_nothing() {
    let rig = Rig::new();
    for channel in [DmaChannel::Dma1, DmaChannel::Dma5] {
        let line = rig.program(channel, 0xC0, 0x20, 0, 1);
        for _ in 0..5 {
            assert_eq!(line.request(&mut [1, 2]), Cycle::Granted);
        }
    }
    assert_eq!((rig.peek(0x20_0000), rig.ports.read(0x08), rig.ports.read(0xD0)), ([0; 4], 0, 0));
}

#[test]
fn channels_do_not_disturb_each_other() {
    let rig = Rig::new();
    let lines = DmaChannel::ALL
        .map(|channel| rig.program(channel, TO_MEMORY, 0x40 + channel.number() * 2, 0x100, 99));
    for round in 0..100 {
        for line in &lines {
            line.request(&mut [line.channel().number(), round]);
        }
    }
    for channel in DmaChannel::ALL {
        let number = channel.number();
        let page = u64::from(0x40 + number * 2) << 16;
        if number < 4 {
            assert_eq!(rig.peek(page + 0x100), [number; 100]);
        } else {
            let there: [u8; 200] = rig.peek(page + 0x200);
            assert!((0..).zip(there.chunks(2)).all(|(round, word)| word == [number, round]), "{number}");
        }
    }
    assert_eq!((rig.ports.read(0x08), rig.ports.read(0xD0)), (0x0F, 0x0E));
}

#[test]
fn where_nothing_answers_reads_float_and_writes_are_lost() {
    let rig = Rig::new();
    // The hole from 640 KiB to 1 MiB.
    let line = rig.program(DmaChannel::Dma2, FROM_MEMORY, 0x0A, 0, 9);
    let mut unit = [0];
    assert_eq!((line.request(&mut unit), unit), (Cycle::ToDevice(TerminalCount::No), [0xFF]));
    let line = rig.program(DmaChannel::Dma5, TO_MEMORY, 0x0A, 0, 9);
    assert_eq!(line.request(&mut [1, 2]), GOES);
    let line = rig.program(DmaChannel::Dma5, FROM_MEMORY, 0x0A, 0, 9);
    let mut unit = [0; 2];
    assert_eq!((line.request(&mut unit), unit), (Cycle::ToDevice(TerminalCount::No), [0xFF; 2]));
    assert_eq!(rig.bus.counters().faults, 3);
}

#[test]
fn a_unit_of_another_size_moves_as_far_as_it_goes() {
    let rig = Rig::new();
    let line = rig.program(DmaChannel::Dma2, TO_MEMORY, 0x20, 0, 9);
    assert_eq!(line.request(&mut [1, 2, 3]), GOES);
    assert_eq!(line.request(&mut []), GOES);
    let line = rig.program(DmaChannel::Dma5, FROM_MEMORY, 0x20, 0, 9);
    let mut unit = [8; 3];
    line.request(&mut unit);
    assert_eq!((unit, rig.peek(0x20_0000)), ([1, 0, 8], [1, 0, 0]));
}
