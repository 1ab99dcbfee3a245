//! A 16-bit sound card, programmed through its ports and the 8237's alone.

mod common;

use std::sync::Arc;

use common::pattern;
use ddi_dma::PortIo;
use ddi_dma_sim::{
    Channels, Coding, IsaPorts, Machine, MachineConfig, SOUND_BASE, SOUND_KEPT, SoundFormat, SoundStop,
};

const MIXER_INDEX: u16 = SOUND_BASE + 4;
const MIXER_DATA: u16 = SOUND_BASE + 5;
const RESET: u16 = SOUND_BASE + 6;
const READ: u16 = SOUND_BASE + 0xA;
const WRITE: u16 = SOUND_BASE + 0xC;
const READ_STATUS: u16 = SOUND_BASE + 0xE;
const ACKNOWLEDGE: u16 = SOUND_BASE + 0xF;

/// Where samples lie: in the middle of a page of 128 KiB.
const AT: u64 = 0x25_0000;

const MONO_SIGNED: u8 = 0x10;

struct Rig {
    machine: Machine,
    ports: Arc<IsaPorts>,
}

impl Rig {
    fn new() -> Self {
        let machine =
            Machine::new(MachineConfig { seed: 97, ..MachineConfig::default() }).expect("a machine");
        let ports = machine.ports();
        Rig { machine, ports }
    }

    /// One whose memory holds these samples, all of which a channel is programmed for in a mode.
    fn loaded(samples: &[i16], mode: u8) -> Self {
        let rig = Self::new();
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        rig.machine.memory().poke(AT, &bytes).expect("memory");
        rig.program(mode, samples.len());
        rig
    }

    /// Programs channel 5: `mode` without the channel's number.
    fn program(&self, mode: u8, samples: usize) {
        let [address_low, address_high] = ((AT >> 1) as u16).to_le_bytes();
        let [count_low, count_high] = (samples as u16 - 1).to_le_bytes();
        for (port, value) in [
            (0xD4, 0x05),
            (0xD6, mode | 1),
            (0xD8, 0),
            (0xC4, address_low),
            (0xC4, address_high),
            (0x8B, (AT >> 16) as u8),
            (0xD8, 0),
            (0xC6, count_low),
            (0xC6, count_high),
            (0xD4, 0x01),
        ] {
            self.ports.write(port, value);
        }
    }

    fn command(&self, bytes: &[u8]) {
        for byte in bytes {
            assert_eq!(self.ports.read(WRITE) & 0x80, 0, "the processor takes a byte");
            self.ports.write(WRITE, *byte);
        }
    }

    /// A command of the 0xb0 family for so many samples.
    fn play(&self, command: u8, mode: u8, samples: usize) {
        let [low, high] = (samples as u16 - 1).to_le_bytes();
        self.command(&[command, mode, low, high]);
    }

    fn mixer(&self, index: u8) -> u8 {
        self.ports.write(MIXER_INDEX, index);
        self.ports.read(MIXER_DATA)
    }

    fn step(&self, most: usize) -> (usize, SoundStop) {
        let step = self.machine.sound().step(most);
        (step.samples, step.stop)
    }

    fn played(&self) -> Vec<i16> {
        self.machine.sound().played()
    }

    fn interrupting(&self) -> bool {
        self.machine.sound().interrupting()
    }
}

fn samples(count: usize, seed: u64) -> Vec<i16> {
    let bytes = pattern(count as u64 * 2, seed);
    bytes.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// 8237 modes for channel 5, without its number: single transfers from memory.
const ONCE: u8 = 0x48;
const ENDLESS: u8 = 0x58;

#[test]
fn the_processor_shakes_hands_and_tells_its_version() {
    let rig = Rig::new();
    assert_eq!(rig.ports.read(READ_STATUS) & 0x80, 0);
    rig.ports.write(RESET, 1);
    rig.command(&[0xE1]);
    assert_eq!(rig.ports.read(READ_STATUS) & 0x80, 0, "held in reset, it hears nothing");
    rig.ports.write(RESET, 0);
    assert_eq!((rig.ports.read(READ_STATUS) & 0x80, rig.ports.read(READ)), (0x80, 0xAA));
    assert_eq!(rig.ports.read(READ_STATUS) & 0x80, 0);
    rig.command(&[0xE1]);
    assert_eq!([rig.ports.read(READ), rig.ports.read(READ)], [4, 5]);
    assert_eq!(rig.ports.read(READ), 5, "and the last answer once more");
}

#[test]
fn the_mixer_shows_and_chooses_the_lines() {
    let rig = Rig::new();
    assert_eq!((rig.mixer(0x80), rig.mixer(0x81), rig.mixer(0x82)), (0x02, 0x22, 0));
    assert_eq!(rig.machine.sound().interrupt_line(), Some(5));
    assert_eq!(rig.ports.read(MIXER_INDEX), 0x82);
    for (chosen, line) in [(1, Some(2)), (4, Some(7)), (8, Some(10)), (0, None)] {
        rig.ports.write(MIXER_INDEX, 0x80);
        rig.ports.write(MIXER_DATA, chosen);
        assert_eq!(rig.machine.sound().interrupt_line(), line);
    }
    rig.ports.write(MIXER_INDEX, 0x30);
    rig.ports.write(MIXER_DATA, 0xF8);
    assert_eq!(rig.mixer(0x30), 0xF8);
    rig.ports.write(MIXER_INDEX, 0);
    rig.ports.write(MIXER_DATA, 0);
    assert_eq!((rig.mixer(0x30), rig.mixer(0x81)), (0, 0x22));
}

#[test]
fn a_single_block_is_played_to_its_end() {
    let music = samples(1000, 1);
    let rig = Rig::loaded(&music, ONCE);
    rig.command(&[0x41, 0xAC, 0x44]);
    assert_eq!(rig.machine.sound().format(), None);
    rig.play(0xB0, 0x30, 1000);
    let format = SoundFormat { rate: 44100, channels: Channels::Stereo, coding: Coding::Signed };
    assert_eq!(rig.machine.sound().format(), Some(format));
    assert_eq!(rig.machine.run(), 0, "its time is its own");
    assert_eq!(rig.step(300), (300, SoundStop::Enough));
    assert!(!rig.interrupting());
    assert_eq!(rig.step(5000), (700, SoundStop::BlockEnd));
    assert_eq!((rig.interrupting(), rig.mixer(0x82)), (true, 0x02));
    assert_eq!((rig.step(10), rig.machine.sound().format()), ((0, SoundStop::Silent), None));
    assert_eq!(rig.played(), music);
    rig.ports.read(READ_STATUS);
    assert!(rig.interrupting(), "that acknowledges another interrupt");
    rig.ports.read(ACKNOWLEDGE);
    assert_eq!((rig.interrupting(), rig.mixer(0x82)), (false, 0));
    assert_eq!(rig.ports.read(0xD0), 0x02, "the 8237 was at its terminal count");
}

#[test]
fn unsigned_samples_are_turned_over() {
    let rig = Rig::loaded(&[0, i16::MIN, -1, 1], ONCE);
    rig.play(0xB0, 0x00, 4);
    assert_eq!(rig.step(4), (4, SoundStop::BlockEnd));
    assert_eq!(rig.played(), [i16::MIN, 0, i16::MAX, i16::MIN + 1]);
}

#[test]
fn an_endless_ring_plays_round_and_round() {
    let music = samples(512, 2);
    let rig = Rig::loaded(&music, ENDLESS);
    // Two blocks to a ring, so that one can be filled while the other plays.
    rig.play(0xB6, MONO_SIGNED, 256);
    for block in 0..7 {
        assert_eq!(rig.step(usize::MAX), (256, SoundStop::BlockEnd), "block {block}");
        assert!(rig.interrupting());
        rig.ports.read(ACKNOWLEDGE);
    }
    let played = rig.played();
    assert!(played.chunks(512).all(|round| *round == music[..round.len()]));
    assert_eq!(played.len(), 7 * 256);
    // The half that has played is filled anew, and heard.
    let fresh = samples(256, 3);
    let bytes: Vec<u8> = fresh.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    rig.machine.memory().poke(AT, &bytes).expect("memory");
    rig.step(256);
    rig.step(256);
    assert_eq!(rig.played()[8 * 256..], fresh);
}

#[test]
fn exit_lets_the_block_end() {
    let rig = Rig::loaded(&samples(100, 4), ENDLESS);
    rig.play(0xB6, MONO_SIGNED, 100);
    rig.step(140);
    assert_eq!(rig.step(40), (40, SoundStop::Enough));
    rig.command(&[0xD9]);
    assert_eq!(rig.step(1000), (60, SoundStop::BlockEnd));
    assert_eq!(rig.step(1000), (0, SoundStop::Silent));
}

#[test]
fn a_single_block_ends_an_endless_one() {
    let rig = Rig::loaded(&samples(100, 5), ENDLESS);
    rig.play(0xB6, MONO_SIGNED, 100);
    rig.step(30);
    rig.play(0xB0, MONO_SIGNED, 10);
    rig.command(&[0xD9]);
    assert_eq!(rig.step(1000), (70, SoundStop::BlockEnd));
    assert_eq!(rig.step(1000), (10, SoundStop::BlockEnd));
    assert_eq!(rig.step(1000), (0, SoundStop::Silent));
}

#[test]
fn pause_and_continue() {
    let music = samples(64, 6);
    let rig = Rig::loaded(&music, ONCE);
    rig.play(0xB0, MONO_SIGNED, 64);
    rig.step(20);
    rig.command(&[0xD5]);
    assert_eq!(rig.step(20), (0, SoundStop::Silent));
    rig.command(&[0xD6]);
    assert_eq!(rig.step(100), (44, SoundStop::BlockEnd));
    assert_eq!(rig.played(), music);
}

#[test]
fn a_reset_silences() {
    let rig = Rig::loaded(&samples(64, 7), ENDLESS);
    rig.play(0xB6, MONO_SIGNED, 10);
    rig.step(10);
    assert!(rig.interrupting());
    rig.ports.write(RESET, 1);
    rig.ports.write(RESET, 0);
    assert_eq!((rig.interrupting(), rig.step(10)), (false, (0, SoundStop::Silent)));
}

#[test]
fn without_its_channel_the_card_starves_and_goes_on_where_it_was() {
    let music = samples(64, 8);
    let rig = Rig::loaded(&music, ONCE);
    rig.play(0xB0, MONO_SIGNED, 64);
    rig.step(10);
    rig.ports.write(0xD4, 0x05);
    assert_eq!(rig.step(10), (0, SoundStop::Starved));
    assert_eq!(rig.ports.read(0xD0), 0x20, "its DREQ is up");
    rig.ports.write(0xD4, 0x01);
    rig.step(100);
    assert_eq!(rig.played(), music);
    // A pause takes the request back.
    rig.play(0xB0, MONO_SIGNED, 64);
    assert_eq!(rig.step(10), (0, SoundStop::Starved), "the channel masked itself at its terminal count");
    assert_eq!(rig.ports.read(0xD0), 0x22);
    rig.command(&[0xD5]);
    assert_eq!(rig.ports.read(0xD0), 0);
}

#[test]
fn only_the_chosen_channel_carries() {
    let music = samples(8, 9);
    let rig = Rig::loaded(&music, ONCE);
    rig.ports.write(MIXER_INDEX, 0x81);
    for chosen in [0x02, 0x42, 0x82] {
        rig.ports.write(MIXER_DATA, chosen);
        rig.play(0xB0, MONO_SIGNED, 8);
        assert_eq!(rig.step(8), (0, SoundStop::Starved), "{chosen:#x}");
    }
    assert_eq!(rig.ports.read(0xD0), 0x80, "channel 7 is asked now, and 6 no more");
    rig.ports.write(MIXER_DATA, 0x22);
    rig.step(8);
    assert_eq!((rig.played(), rig.ports.read(0xD0)), (music, 0x02));
}

#[test]
fn a_channel_that_goes_the_wrong_way_writes_memory() {
    let rig = Rig::loaded(&[1, 2, 3], ONCE);
    rig.play(0xB0, MONO_SIGNED, 3);
    rig.step(1);
    rig.program(0x44, 3);
    assert_eq!(rig.step(2), (2, SoundStop::BlockEnd), "the card only sees DACK");
    assert_eq!(rig.played(), [1, 1, 1], "and plays what its latch still holds");
    let mut there = [0; 6];
    rig.machine.memory().peek(AT, &mut there).expect("memory");
    assert_eq!(there, [0xFF, 0xFF, 0xFF, 0xFF, 3, 0]);
    // In cascade mode nobody moves anything.
    rig.program(0xC0, 3);
    rig.play(0xB0, MONO_SIGNED, 3);
    assert_eq!(rig.step(3), (0, SoundStop::Starved));
}

#[test]
fn an_endless_card_on_a_channel_without_autoinitialise_starves() {
    let rig = Rig::loaded(&samples(100, 10), ONCE);
    rig.play(0xB6, MONO_SIGNED, 50);
    assert_eq!((rig.step(50), rig.step(50)), ((50, SoundStop::BlockEnd), (50, SoundStop::BlockEnd)));
    assert_eq!(rig.step(50), (0, SoundStop::Starved));
}

#[test]
fn other_commands_take_their_parameters_and_do_nothing() {
    let rig = Rig::loaded(&samples(8, 11), ONCE);
    // Recording, 8-bit output, a time constant, the speaker; each parameter would be a version command.
    rig.command(&[0xBE, 0xE1, 0xE1, 0xE1, 0xC6, 0xE1, 0xE1, 0xE1, 0x40, 0xE1, 0xD1]);
    assert_eq!(rig.step(8), (0, SoundStop::Silent));
    assert_eq!(rig.ports.read(READ_STATUS) & 0x80, 0);
    rig.command(&[0xE1]);
    assert_eq!([rig.ports.read(READ), rig.ports.read(READ)], [4, 5]);
}

#[test]
fn what_was_played_is_kept_up_to_a_limit() {
    let music = samples(0x8000, 12);
    let rig = Rig::loaded(&music, ENDLESS);
    rig.play(0xB6, MONO_SIGNED, 0x8000);
    let rounds = SOUND_KEPT / 0x8000 + 1;
    for _ in 0..rounds {
        rig.step(0x8000);
    }
    rig.step(5);
    let played = rig.played();
    assert_eq!(played.len(), SOUND_KEPT);
    assert_eq!((&played[SOUND_KEPT - 5..], &played[..3]), (&music[..5], &music[5..8]));
}
