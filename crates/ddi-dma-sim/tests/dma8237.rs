//! The two 8237As as programs see them: through ports alone. What moves here is requested by software.

use std::sync::Arc;

use ddi_dma::PortIo;
use ddi_dma_sim::{IsaPorts, Machine, MachineConfig, NexusKind, PortAccess, SOUND_BASE};
use proptest::prelude::*;

/// Block mode, to memory: what software can request.
const BLOCK_TO_MEMORY: u8 = 0x84;
const BLOCK_FROM_MEMORY: u8 = 0x88;
const BLOCK_VERIFY: u8 = 0x80;
const DECREMENT: u8 = 0x20;
const AUTOINITIALISE: u8 = 0x10;

/// Memory that can be looked at as a whole, time and again; page registers may name pages behind it.
const LITTLE: u64 = 0x20_0000;
const LITTLE_PAGES: u8 = (LITTLE >> 16) as u8;

/// Ports of a channel: address, count, page; and its controller's first port and their distance.
struct Channel {
    address: u16,
    count: u16,
    page: u16,
    base: u16,
    step: u16,
    line: u8,
}

const CHANNELS: [u8; 7] = [0, 1, 2, 3, 5, 6, 7];

fn channel(number: u8) -> Channel {
    let (base, step) = if number < 4 { (0, 1) } else { (0xC0, 2) };
    let line = number % 4;
    let page = [0x87, 0x83, 0x81, 0x82, 0x8F, 0x8B, 0x89, 0x8A][usize::from(number)];
    let address = base + u16::from(line) * 2 * step;
    Channel { address, count: address + step, page, base, step, line }
}

/// The ports of a machine.
struct Ports(Arc<IsaPorts>);

impl Ports {
    fn out(&self, port: u16, value: u8) {
        self.0.write(port, value);
    }

    fn read(&self, port: u16) -> u8 {
        self.0.read(port)
    }

    /// Two bytes at a port, low one first.
    fn word(&self, port: u16) -> u16 {
        u16::from_le_bytes([self.read(port), self.read(port)])
    }

    fn out_word(&self, port: u16, value: u16) {
        value.to_le_bytes().into_iter().for_each(|byte| self.out(port, byte));
    }

    /// A register of a channel's controller.
    fn control(&self, channel: &Channel, register: u16, value: u8) {
        self.out(channel.base + register * channel.step, value);
    }

    fn status(&self, channel: &Channel) -> u8 {
        self.read(channel.base + 8 * channel.step)
    }

    fn program(&self, channel: &Channel, mode: u8, page: u8, address: u16, count: u16) {
        self.control(channel, 0xA, 4 | channel.line);
        self.control(channel, 0xB, mode | channel.line);
        self.control(channel, 0xC, 0);
        self.out_word(channel.address, address);
        self.out(channel.page, page);
        self.control(channel, 0xC, 0);
        self.out_word(channel.count, count);
    }

    fn request(&self, channel: &Channel) {
        self.control(channel, 0x9, 4 | channel.line);
    }
}

/// A machine in which channel 4 is set up for cascade.
fn machine() -> (Machine, Ports) {
    let machine = Machine::new(MachineConfig { seed: 95, ..MachineConfig::default() }).expect("a machine");
    let ports = Ports(machine.ports());
    ports.out(0xD6, 0xC0);
    ports.out(0xD4, 0x00);
    (machine, ports)
}

fn peek(machine: &Machine, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    machine.memory().peek(address, &mut bytes).expect("memory");
    bytes
}

#[test]
fn the_flip_flop_makes_words_of_bytes() {
    let (_, ports) = machine();
    for number in CHANNELS {
        let channel = channel(number);
        ports.control(&channel, 0xC, 0xEE);
        ports.out_word(channel.address, 0x1234);
        ports.out_word(channel.count, 0x5678);
        assert_eq!((ports.word(channel.address), ports.word(channel.count)), (0x1234, 0x5678), "{number}");
    }
}

#[test]
fn a_flip_flop_out_of_step_shows_garbage() {
    let (_, ports) = machine();
    ports.out(0x0C, 0);
    ports.out_word(0x04, 0x1234);
    assert_eq!(ports.read(0x04), 0x34);
    assert_eq!(ports.word(0x04), 0x3412, "the halves change places");
    // All registers of a controller share the flip-flop.
    ports.out_word(0x02, 0xAABB);
    ports.out(0x0C, 0);
    assert_eq!(ports.word(0x02), 0xBBAA, "the low byte went into the high half");
    // The other controller has its own, and so does neither page register nor status move it.
    ports.out(0xD8, 0);
    ports.out(0xC4, 0x11);
    ports.out(0x0C, 0);
    ports.read(0x08);
    ports.out(0x81, 0x55);
    ports.out(0xC4, 0x22);
    ports.out(0xD8, 0);
    assert_eq!(ports.word(0xC4), 0x2211);
}

#[test]
fn page_registers_are_latches() {
    let (_, ports) = machine();
    for port in 0x80..=0x8F {
        assert_eq!(ports.read(port), 0);
        ports.out(port, port as u8 ^ 0x5A);
    }
    assert!((0x80..=0x8F).all(|port| ports.read(port) == port as u8 ^ 0x5A));
}

#[test]
fn reads_that_the_data_sheet_does_not_have_float() {
    let (_, ports) = machine();
    for port in [0x09, 0x0A, 0x0B, 0x0C, 0x0E, 0x0F, 0xD2, 0xD4, 0xD6, 0xD8, 0xDC, 0xDE] {
        assert_eq!(ports.read(port), 0xFF, "{port:#x}");
    }
    assert_eq!((ports.read(0x0D), ports.read(0xDA)), (0, 0), "the temporary register");
    assert_eq!(ports.read(0x70), 0xFF, "and a port where nobody is");
    ports.out(0x70, 1);
}

#[test]
fn the_second_controllers_registers_answer_at_two_ports_each() {
    let (_, ports) = machine();
    ports.out(0xD9, 0);
    ports.out(0xC4, 0x34);
    ports.out(0xC5, 0x12);
    assert_eq!(ports.word(0xC4), 0x1234);
}

#[test]
fn software_requests_a_block() {
    let (machine, ports) = machine();
    for number in CHANNELS {
        let (channel, width) = (channel(number), if number < 4 { 1 } else { 2 });
        ports.program(&channel, BLOCK_TO_MEMORY, 0x20 + number * 2, 0x1234, 99);
        // The channel is still masked, which software's requests do not mind.
        ports.request(&channel);
        let address = ((0x20 + u64::from(number) * 2) << 16) + 0x1234 * width;
        let length = 100 * width as usize;
        assert_eq!(peek(&machine, address, length), vec![0xFF; length], "nobody drove the lines");
        assert_eq!(
            (peek(&machine, address - 1, 1), peek(&machine, address + 100 * width, 1)),
            (vec![0], vec![0])
        );
        assert_eq!(ports.status(&channel), 1 << channel.line, "terminal count; the request is done");
        assert_eq!(ports.status(&channel), 0);
        assert_eq!((ports.word(channel.address), ports.word(channel.count)), (0x1234 + 100, 0xFFFF));
        // From memory: the bytes go where nobody takes them.
        ports.program(&channel, BLOCK_FROM_MEMORY, 0x20, 0, 49);
        let before = machine.counters(NexusKind::Isa).bytes_read;
        ports.request(&channel);
        assert_eq!(machine.counters(NexusKind::Isa).bytes_read - before, 50 * width);
        // And verify only counts.
        ports.program(&channel, BLOCK_VERIFY, 0x20, 0, 49);
        let before = machine.counters(NexusKind::Isa);
        ports.request(&channel);
        assert_eq!((machine.counters(NexusKind::Isa), ports.word(channel.count)), (before, 0xFFFF));
        assert_eq!(ports.status(&channel), 1 << channel.line);
    }
}

#[test]
fn software_is_served_in_block_mode_alone() {
    let (machine, ports) = machine();
    let channel = channel(1);
    for mode in [0x04, 0x44, 0xC4] {
        ports.program(&channel, mode, 0x20, 0, 9);
        ports.request(&channel);
        assert_eq!(ports.status(&channel), 0x20, "mode {mode:#x}: the request waits");
        assert_eq!(peek(&machine, 0x20_0000, 10), [0; 10]);
    }
    ports.control(&channel, 0x9, 0x01);
    assert_eq!(ports.status(&channel), 0, "software takes it back");
    ports.request(&channel);
    ports.control(&channel, 0xB, BLOCK_TO_MEMORY | 1);
    assert_eq!(
        (ports.status(&channel), peek(&machine, 0x20_0000, 11)),
        (0x02, [vec![0xFF; 10], vec![0]].concat())
    );
}

#[test]
fn a_request_waits_for_the_controller_and_for_channel_4() {
    let machine = Machine::new(MachineConfig::default()).expect("a machine");
    let ports = Ports(machine.ports());
    let channel = channel(3);
    ports.program(&channel, BLOCK_TO_MEMORY, 0x20, 0, 0);
    ports.out(0x08, 0x04);
    ports.request(&channel);
    assert_eq!((ports.read(0x08), ports.read(0xD0)), (0x80, 0), "disabled");
    ports.out(0x08, 0x00);
    assert_eq!((ports.read(0x08), ports.read(0xD0)), (0x80, 0x10), "HRQ is up and nobody passes it on");
    ports.out(0xD6, 0xC0);
    assert_eq!(peek(&machine, 0x20_0000, 1), [0]);
    ports.out(0xD4, 0x00);
    assert_eq!((ports.read(0x08), ports.read(0xD0)), (0x08, 0));
    assert_eq!(peek(&machine, 0x20_0000, 2), [0xFF, 0]);
}

#[test]
fn software_with_autoinitialise_makes_one_block_for_each_request() {
    let (machine, ports) = machine();
    let channel = channel(2);
    ports.program(&channel, BLOCK_TO_MEMORY | AUTOINITIALISE, 0x20, 0x40, 4);
    for _ in 0..2 {
        machine.memory().poke(0x20_0040, &[0; 5]).expect("memory");
        ports.request(&channel);
        assert_eq!(peek(&machine, 0x20_0040, 6), [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0]);
        assert_eq!((ports.word(0x04), ports.word(0x05), ports.read(0x08)), (0x40, 4, 0x04));
    }
}

#[test]
fn memory_to_memory_is_refused() {
    let (machine, ports) = machine();
    machine.memory().poke(0x20_0000, &[7; 16]).expect("memory");
    ports.out(0x08, 0x01);
    ports.program(&channel(0), BLOCK_FROM_MEMORY, 0x20, 0, 15);
    ports.program(&channel(1), BLOCK_TO_MEMORY, 0x30, 0, 15);
    ports.request(&channel(0));
    assert_eq!(peek(&machine, 0x30_0000, 16), [0; 16]);
    assert_eq!((ports.read(0x08), ports.read(0x0D)), (0x10, 0), "it waits, and nothing passed the chip");
    assert_eq!((ports.word(0x00), ports.word(0x01)), (0, 15));
    // The other channels are served as ever.
    ports.program(&channel(2), BLOCK_TO_MEMORY, 0x30, 0x100, 0);
    ports.request(&channel(2));
    assert_eq!(peek(&machine, 0x30_0100, 2), [0xFF, 0]);
}

#[test]
fn master_clear_is_a_reset() {
    let (machine, ports) = machine();
    let channel = channel(2);
    ports.program(&channel, BLOCK_TO_MEMORY, 0x20, 0x1234, 0);
    ports.out(0x08, 0x04);
    ports.request(&channel);
    ports.request(&self::channel(1));
    ports.out(0x0E, 0);
    // Out of step, too.
    ports.read(0x04);
    ports.out(0x0D, 0xFF);
    assert_eq!(ports.read(0x08), 0, "requests and terminal counts are gone");
    assert_eq!(ports.word(0x04), 0x1234, "the flip-flop is in step; addresses stay");
    assert_eq!(peek(&machine, 0x20_1234, 1), [0], "nothing was left to run when the command was cleared");
    ports.request(&channel);
    assert_eq!(peek(&machine, 0x20_1234, 1), [0xFF], "the mode has stayed");
    // All masks are set: a device's request waits. The sound card asks by channel 5.
    ports.out(0xDC, 0);
    ports.out(0xDA, 0);
    for byte in [0xB0, 0x10, 0x00, 0x00] {
        ports.out(SOUND_BASE + 0xC, byte);
    }
    assert_eq!(machine.sound().step(1).samples, 0);
    assert_eq!(ports.read(0xD0), 0x20);
}

#[test]
fn a_whole_page_wraps_onto_itself() {
    let (machine, ports) = machine();
    let counted = |number: u8, page: u8, address: u16, mode: u8| {
        ports.program(&channel(number), mode, page, address, 0xFFFF);
        ports.request(&channel(number));
    };
    counted(0, 0x21, 0x8000, BLOCK_TO_MEMORY);
    assert!(peek(&machine, 0x21_0000, 0x1_0000).iter().all(|byte| *byte == 0xFF));
    assert_eq!((peek(&machine, 0x20_FFFF, 1), peek(&machine, 0x22_0000, 1)), (vec![0], vec![0]));
    counted(7, 0x31, 0x8000, BLOCK_TO_MEMORY | DECREMENT);
    assert!(peek(&machine, 0x30_0000, 0x2_0000).iter().all(|byte| *byte == 0xFF));
    assert_eq!((peek(&machine, 0x2F_FFFF, 1), peek(&machine, 0x32_0000, 1)), (vec![0], vec![0]));
}

#[test]
fn a_trace_shows_what_was_written_and_read() {
    let (_, ports) = machine();
    assert_eq!(ports.0.take_trace(), [], "none was started");
    ports.0.start_trace(3);
    ports.out(0x81, 0x12);
    ports.read(0x81);
    ports.read(0x3F0);
    ports.out(0x81, 0x13);
    let first = PortAccess::Write { port: 0x81, value: 0x12 };
    let then = PortAccess::Read { port: 0x81, value: 0x12 };
    assert_eq!(ports.0.take_trace(), [first, then, PortAccess::Read { port: 0x3F0, value: 0xFF }]);
    ports.out(0x81, 0x14);
    assert_eq!(ports.0.take_trace(), []);
}

/// A port that belongs to the DMA hardware, or to the sound card, or to nobody.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        4 => 0x00u16..=0x0F,
        4 => 0xC0u16..=0xDF,
        2 => 0x80u16..=0x8F,
        1 => SOUND_BASE..=SOUND_BASE + 0xF,
        1 => any::<u16>(),
    ]
}

/// A machine with little memory.
fn little() -> Machine {
    let memory = std::iter::once(0..LITTLE).collect();
    Machine::new(MachineConfig { memory, dma_pool: 0, ..MachineConfig::default() }).expect("a machine")
}

/// Something that a program or the machine does.
#[derive(Debug, Clone)]
enum Deed {
    Write(u16, u8),
    Read(u16),
    /// The sound card asks for so many samples.
    Play(usize),
    /// Software requests block transfers of a channel.
    Block(u8, u8),
    /// The sound card is to play endlessly, with this mode and length.
    Endless([u8; 3]),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (port(), any::<u8>()).prop_map(|(port, value)| Deed::Write(port, value)),
        2 => port().prop_map(Deed::Read),
        1 => (0..300usize).prop_map(Deed::Play),
        2 => (0..8u8, any::<u8>()).prop_map(|(channel, mode)| Deed::Block(channel, mode)),
        1 => any::<[u8; 3]>().prop_map(Deed::Endless),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever is written, what changes in memory lies in a page that a page register has named, for a channel of its
    /// width. Pages are named from a few, so that most of memory must stay.
    #[test]
    fn no_write_panics_or_reaches_a_page_that_was_not_named(
        deeds in prop::collection::vec(deed(), 1..120),
        pages in prop::collection::vec(0..LITTLE_PAGES + 2, 1..4),
    ) {
        let machine = little();
        let ports = Ports(machine.ports());
        ports.out(0xD6, 0xC0);
        ports.out(0xD4, 0x00);
        // All page registers hold 0 at first.
        let mut named = [vec![0u8], vec![0u8]];
        let mut write = |port: u16, value: u8| {
            let value = if (0x80..=0x8F).contains(&port) { pages[usize::from(value) % pages.len()] } else { value };
            match port {
                0x81..=0x83 | 0x87 => named[0].push(value),
                0x89..=0x8B | 0x8F => named[1].push(value),
                _ => {}
            }
            ports.out(port, value);
        };
        for deed in deeds {
            match deed {
                Deed::Write(port, value) => write(port, value),
                Deed::Read(port) => drop(ports.read(port)),
                Deed::Play(samples) => prop_assert!(machine.sound().step(samples).samples <= samples),
                Deed::Block(number, mode) => {
                    let channel = channel(number);
                    write(channel.base + 0xB * channel.step, BLOCK_VERIFY | mode & 0x3C | channel.line);
                    write(channel.base + 0x9 * channel.step, 4 | channel.line);
                }
                Deed::Endless([mode, low, high]) => {
                    [0xB6, mode, low, high].into_iter().for_each(|byte| write(SOUND_BASE + 0xC, byte));
                    write(0xD4, 0x01);
                }
            }
        }
        machine.run();
        for page in 0..LITTLE_PAGES {
            let may = named[0].contains(&page) || named[1].iter().any(|word| word & !1 == page & !1);
            if !may {
                let there = peek(&machine, u64::from(page) << 16, 0x1_0000);
                prop_assert!(there.iter().all(|byte| *byte == 0), "page {page:#x} changed");
            }
        }
    }

    /// A block that software requests reaches just the bytes that the registers say.
    #[test]
    fn a_block_changes_what_it_should_and_nothing_else(
        number in prop::sample::select(&CHANNELS[..]),
        page in 0..LITTLE_PAGES + 2,
        address: u16,
        count in prop_oneof![0u16..64, any::<u16>()],
        down: bool,
        again: bool,
    ) {
        let machine = little();
        let ports = Ports(machine.ports());
        ports.out(0xD6, 0xC0);
        ports.out(0xD4, 0x00);
        let channel = channel(number);
        let ways = if down { DECREMENT } else { 0 } | if again { AUTOINITIALISE } else { 0 };
        ports.program(&channel, BLOCK_TO_MEMORY | ways, page, address, count);
        ports.request(&channel);

        let mut expected = vec![0; LITTLE as usize + 0x2_0000];
        for transfer in 0..=u64::from(count) {
            let moved = if down { u64::from(address) + 0x1_0000 - transfer } else { u64::from(address) + transfer };
            let counter = moved % 0x1_0000;
            match number {
                0..4 => expected[(u64::from(page) << 16 | counter) as usize] = 0xFF,
                _ => {
                    let at = (u64::from(page & 0xFE) << 16 | counter << 1) as usize;
                    expected[at..at + 2].fill(0xFF);
                }
            }
        }
        prop_assert!(peek(&machine, 0, LITTLE as usize) == expected[..LITTLE as usize]);
        let left = if again { (address, count) } else {
            let moved = count.wrapping_add(1);
            (if down { address.wrapping_sub(moved) } else { address.wrapping_add(moved) }, 0xFFFF)
        };
        prop_assert_eq!((ports.word(channel.address), ports.word(channel.count)), left);
        prop_assert_eq!(ports.status(&channel), 1 << channel.line);
    }
}
