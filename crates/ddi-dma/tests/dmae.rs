//! The system's DMA engine: what it writes to the controllers' registers, against an independent model of these; who has a
//! channel; third-party transfers.

mod dmac;
mod toy;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use ddi_dma::dmae::{
    Advance, BufProcess, ChannelError, Command, Dmae, DmaeError, Request, Step, ThirdParty, Trans,
};
use ddi_dma::{
    Attempt, BindFlags, Callback, Channel, Cookie, Direction, DmaAttr, InFlight, MOST_PASSES, Resource,
    Shortage, SyncFor, Wait,
};
use dmac::{Dmac, Served};
use proptest::prelude::*;
use toy::{Memory, PAGE, Toy};

const CHANNELS: [u8; 7] = [0, 1, 2, 3, 5, 6, 7];

fn engine() -> (Arc<Dmac>, Dmae) {
    let dmac = Arc::new(Dmac::new());
    let dmae = Dmae::new(dmac.clone());
    assert_eq!(dmac.take_violations(), Vec::<String>::new());
    (dmac, dmae)
}

fn channel(dmae: &Dmae, number: u8) -> Channel {
    dmae.alloc(number, Wait::DontWait).unwrap_or_else(|error| panic!("{error}"))
}

fn program(channel: &mut Channel, request: &Request, cookie: &Cookie) -> Result<(), DmaeError> {
    // SAFETY: the model's engine reaches no memory.
    unsafe { channel.program(request, cookie) }
}

fn program_next(channel: &mut Channel, cookie: &Cookie) -> Result<(), DmaeError> {
    // SAFETY: as above.
    unsafe { channel.program_next(cookie) }
}

/// The device asks for so many units.
fn ask(dmac: &Dmac, number: u8, units: std::ops::Range<u64>) {
    units.for_each(|_| assert_ne!(dmac.request(number), Served::No));
}

fn unit(number: u8) -> u64 {
    if number < 4 { 1 } else { 2 }
}

/// A cookie that a channel takes: a page, an offset in units, a count of units.
fn cookie(number: u8, page: u8, offset: u16, units: u32) -> Cookie {
    let (unit, reach) = (unit(number), 0x1_0000 * unit(number));
    let address = u64::from(page) % (0x100_0000 / reach) * reach + u64::from(offset) * unit;
    let room = (reach - address % reach) / unit;
    Cookie { address, size: u64::from(units).clamp(1, room) * unit }
}

fn requests() -> impl Strategy<Value = Request> {
    let command = prop_oneof![Just(Command::Verify), Just(Command::ToDevice), Just(Command::FromDevice)];
    let step = prop_oneof![Just(Step::Increment), Just(Step::Decrement)];
    let trans = prop_oneof![Just(Trans::Single), Just(Trans::Block), Just(Trans::Demand)];
    let bufprocess = prop_oneof![Just(BufProcess::NoAuto), Just(BufProcess::Auto)];
    (command, step, trans, bufprocess).prop_map(|(command, step, trans, bufprocess)| Request {
        step,
        trans,
        bufprocess,
        ..Request::new(command)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is programmed, the engine touches the cookie's bytes and no other, in the order asked for, the way asked
    /// for, and stops or starts again at the end.
    #[test]
    fn a_programmed_channel_touches_its_cookie_alone(
        number in prop::sample::select(&CHANNELS[..]),
        request in requests(),
        page: u8, offset: u16, units in prop_oneof![1u32..2000, Just(0x1_0000)],
    ) {
        let (dmac, dmae) = engine();
        let mut channel = channel(&dmae, number);
        let others: Vec<_> = (0..8).filter(|other| *other != number).map(|other| dmac.line(other)).collect();
        let cookie = cookie(number, page, offset, units);
        program(&mut channel, &request, &cookie).unwrap();
        prop_assert_eq!(dmac.take_violations(), Vec::<String>::new());
        prop_assert_eq!(channel.remaining(), Ok(cookie.size), "untouched");

        let unit = unit(number);
        let mut expected: Vec<u64> = (0..cookie.size / unit).map(|n| cookie.address + n * unit).collect();
        if request.step == Step::Decrement {
            expected.reverse();
        }
        let to_memory = match request.command {
            Command::FromDevice => Some(true),
            Command::ToDevice => Some(false),
            _ => None,
        };
        let rounds = if request.bufprocess == BufProcess::Auto { 2 } else { 1 };
        for _ in 0..rounds {
            for (n, address) in (1..).zip(&expected) {
                let terminal = n == expected.len();
                prop_assert_eq!(dmac.request(number), Served::At { address: *address, to_memory, terminal });
                if n % 257 == 0 && !terminal {
                    prop_assert_eq!(channel.remaining(), Ok(cookie.size - n as u64 * unit));
                }
            }
        }
        match request.bufprocess {
            BufProcess::Auto => prop_assert_eq!(channel.remaining(), Ok(cookie.size)),
            _ => {
                prop_assert_eq!(dmac.request(number), Served::No);
                prop_assert_eq!(channel.remaining(), Ok(0));
            }
        }
        let after: Vec<_> = (0..8).filter(|other| *other != number).map(|other| dmac.line(other)).collect();
        prop_assert_eq!(format!("{others:?}"), format!("{after:?}"), "other channels");
    }

    /// A device that stops early: the engine tells how much is missing, before and after it is stopped.
    #[test]
    fn what_remains_is_told(
        number in prop::sample::select(&CHANNELS[..]), page: u8, offset: u16, units in 2u32..3000, part in 0u64..3000,
    ) {
        let (dmac, dmae) = engine();
        let mut channel = channel(&dmae, number);
        let cookie = cookie(number, page, offset, units);
        program(&mut channel, &Request::new(Command::FromDevice), &cookie).unwrap();
        let moved = part % (cookie.size / unit(number));
        ask(&dmac, number, 0..moved);
        let remaining = cookie.size - moved * unit(number);
        prop_assert_eq!(channel.remaining(), Ok(remaining));
        channel.stop();
        prop_assert_eq!(dmac.request(number), Served::No);
        prop_assert_eq!(channel.remaining(), Ok(remaining));
        prop_assert_eq!(channel.enable(), Err(DmaeError::NotProgrammed { channel: number }));
        prop_assert_eq!(dmac.request(number), Served::No);
        prop_assert_eq!(dmac.take_violations(), Vec::<String>::new());
    }
}

/// The whole trace, port by port, as somebody would write it with the data sheet in hand.
#[test]
fn the_trace_of_a_read_on_channel_2() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 2);
    dmac.take_log();
    let cookie = Cookie { address: 0x12_3456, size: 0x200 };
    program(&mut channel, &Request::new(Command::FromDevice), &cookie).unwrap();
    let expected = [
        (0x0A, 0x06), // mask channel 2
        (0x0B, 0x46), // single, increment, no autoinitialise, write to memory, channel 2
        (0x0C, 0x00), // low byte next
        (0x04, 0x56),
        (0x04, 0x34),
        (0x81, 0x12),
        (0x0C, 0x00),
        (0x05, 0xFF), // 0x200 bytes less one
        (0x05, 0x01),
        (0x0A, 0x02), // unmask channel 2
    ];
    assert_eq!(dmac.take_writes(), expected);
}

#[test]
fn the_trace_of_a_ring_on_channel_5() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 5);
    dmac.take_log();
    let cookie = Cookie { address: 0x24_8002, size: 0x8000 };
    let request =
        Request { bufprocess: BufProcess::Auto, trans: Trans::Demand, ..Request::new(Command::ToDevice) };
    program(&mut channel, &request, &cookie).unwrap();
    let expected = [
        (0xD4, 0x05),
        (0xD6, 0x19), // demand, increment, autoinitialise, read from memory, line 1
        (0xD8, 0x00),
        (0xC4, 0x01), // (0x24_8002 mod 0x2_0000) / 2 = 0x4001
        (0xC4, 0x40),
        (0x8B, 0x24),
        (0xD8, 0x00),
        (0xC6, 0xFF), // 0x4000 words less one
        (0xC6, 0x3F),
        (0xD4, 0x01),
    ];
    assert_eq!(dmac.take_writes(), expected);
}

/// Each mode's register value, from the data sheet's table of its bits.
#[test]
fn every_mode_has_its_bits() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 1);
    let cookie = Cookie { address: 0x1000, size: 16 };
    let commands = [(Command::Verify, 0x00), (Command::FromDevice, 0x04), (Command::ToDevice, 0x08)];
    let steps = [(Step::Increment, 0x00), (Step::Decrement, 0x20)];
    let transfers = [(Trans::Demand, 0x00), (Trans::Single, 0x40), (Trans::Block, 0x80)];
    let processes = [(BufProcess::NoAuto, 0x00), (BufProcess::Auto, 0x10), (BufProcess::Chain, 0x00)];
    for (command, way) in commands {
        for (step, down) in steps {
            for (trans, keep) in transfers {
                for (bufprocess, auto) in processes {
                    let request = Request { step, trans, bufprocess, ..Request::new(command) };
                    dmac.take_log();
                    program(&mut channel, &request, &cookie).unwrap();
                    let modes: Vec<_> =
                        dmac.take_writes().into_iter().filter(|(port, _)| *port == 0x0B).collect();
                    assert_eq!(modes, [(0x0B, way | down | keep | auto | 1)], "{request:?}");
                }
            }
        }
    }
    dmac.take_log();
    program(&mut channel, &Request { trans: Trans::Cascade, ..Request::new(Command::ToDevice) }, &cookie)
        .unwrap();
    assert_eq!(dmac.take_writes(), [(0x0A, 0x05), (0x0B, 0xC1), (0x0A, 0x01)]);
    assert_eq!(dmac.take_violations(), Vec::<String>::new());
}

#[test]
fn the_engine_is_switched_on_and_joined_and_channels_are_found_masked() {
    let (dmac, dmae) = engine();
    let expected = [(0x08, 0x00), (0xD0, 0x00), (0xD6, 0xC0), (0xD4, 0x00)];
    assert_eq!(dmac.take_writes(), expected, "channel 4 in cascade mode, and nothing else");
    assert!(!dmac.line(2).masked, "as the firmware left it");
    let channel = channel(&dmae, 2);
    assert_eq!(dmac.take_writes(), [(0x0A, 0x06), (0x09, 0x02)]);
    assert_eq!(dmac.request(2), Served::No);
    drop(channel);
}

#[test]
fn first_party_lets_the_device_drive_the_bus() {
    for number in CHANNELS {
        let (dmac, dmae) = engine();
        let mut channel = channel(&dmae, number);
        assert_eq!(dmac.request(number), Served::No, "channel {number}");
        channel.first_party();
        assert_eq!(dmac.request(number), Served::Granted);
        channel.disable();
        assert_eq!(dmac.request(number), Served::No);
        assert_eq!(channel.enable(), Ok(()));
        assert_eq!(dmac.request(number), Served::Granted);
        assert_eq!(channel.remaining(), Err(DmaeError::NotProgrammed { channel: number }), "nothing counts");
        channel.stop();
        assert_eq!(dmac.request(number), Served::No);
        assert_eq!(channel.enable(), Err(DmaeError::NotProgrammed { channel: number }));
        assert_eq!(dmac.take_violations(), Vec::<String>::new());
    }
}

#[test]
fn a_masked_channel_waits_and_goes_on_where_it_was() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 3);
    program(&mut channel, &Request::new(Command::ToDevice), &Cookie { address: 0x7000, size: 3 }).unwrap();
    let at = |address, terminal| Served::At { address, to_memory: Some(false), terminal };
    assert_eq!(dmac.request(3), at(0x7000, false));
    channel.disable();
    assert_eq!(dmac.request(3), Served::No);
    assert_eq!(channel.remaining(), Ok(2));
    assert_eq!(channel.enable(), Ok(()));
    assert_eq!(dmac.request(3), at(0x7001, false));
    assert_eq!(dmac.request(3), at(0x7002, true));
    // Unmasked now, the controller would go on for 64 KiB behind the cookie.
    assert_eq!(channel.enable(), Err(DmaeError::Finished { channel: 3 }));
    assert_eq!(dmac.request(3), Served::No);
}

/// The count is two bytes, and the engine runs on between them.
#[test]
fn what_remains_is_told_while_the_engine_runs() {
    for moved in 0..0x2F0u64 {
        let (dmac, dmae) = engine();
        let mut channel = channel(&dmae, 1);
        program(&mut channel, &Request::new(Command::ToDevice), &Cookie { address: 0x7000, size: 0x300 })
            .unwrap();
        ask(&dmac, 1, 0..moved);
        dmac.disturb();
        dmac.make_eager(1);
        let remaining = channel.remaining().unwrap();
        let (before, meanwhile) = (0x300 - moved, dmac.calm().len() as u64);
        let after = before - meanwhile.min(before);
        assert!((after..=before).contains(&remaining), "{after}..={before}: {remaining}");
    }
}

/// Terminal count may come while the channel is being enabled.
#[test]
fn an_enabled_channel_never_runs_behind_its_cookie() {
    for left in 1..12u64 {
        let (dmac, dmae) = engine();
        let mut channel = channel(&dmae, 1);
        program(&mut channel, &Request::new(Command::ToDevice), &Cookie { address: 0x7000, size: 0x20 })
            .unwrap();
        ask(&dmac, 1, 0..0x20 - left);
        dmac.make_eager(1);
        let enabled = channel.enable();
        let meanwhile = dmac.calm().len() as u64;
        assert!(meanwhile <= left, "{meanwhile} of {left} units moved");
        let rest = (0..0x20).take_while(|_| dmac.request(1) != Served::No).count() as u64;
        let rest_expected = if enabled.is_ok() { left - meanwhile } else { 0 };
        assert_eq!(rest, rest_expected, "{enabled:?}");
    }
}

/// A stop withdraws the channel's request, and the model forgets its end then.
#[test]
fn what_remained_is_told_behind_a_stop() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 2);
    let whole = Cookie { address: 0x5_0000, size: 0x1_0000 };
    for moved in [0, 1, 0x1_0000] {
        program(&mut channel, &Request::new(Command::FromDevice), &whole).unwrap();
        ask(&dmac, 2, 0..moved);
        channel.stop();
        assert_eq!(channel.remaining(), Ok(0x1_0000 - moved));
    }
}

/// One channel's question does not make the engine forget another's end: reading the status clears it for all.
#[test]
fn the_ends_of_two_channels_are_kept_apart() {
    let (dmac, dmae) = engine();
    let (mut one, mut two) = (channel(&dmae, 1), channel(&dmae, 2));
    let whole = Cookie { address: 0x5_0000, size: 0x1_0000 };
    program(&mut one, &Request::new(Command::ToDevice), &whole).unwrap();
    program(&mut two, &Request::new(Command::ToDevice), &whole).unwrap();
    ask(&dmac, 2, 0..0x1_0000);
    assert_eq!(one.remaining(), Ok(0x1_0000), "not begun, with the counter at 0xffff");
    assert_eq!(two.remaining(), Ok(0), "done, with the counter at 0xffff");
    program(&mut two, &Request::new(Command::ToDevice), &whole).unwrap();
    assert_eq!(two.remaining(), Ok(0x1_0000), "programmed anew");
    ask(&dmac, 1, 0..0x1_0000);
    two.stop();
    assert_eq!((one.remaining(), two.remaining()), (Ok(0), Ok(0x1_0000)));
}

#[test]
fn a_further_cookie_needs_no_request() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 6);
    let (first, second) = (Cookie { address: 0x2_0000, size: 4 }, Cookie { address: 0x8_0000, size: 2 });
    assert_eq!(program_next(&mut channel, &first), Err(DmaeError::NotProgrammed { channel: 6 }));
    program(&mut channel, &Request::new(Command::FromDevice), &first).unwrap();
    program_next(&mut channel, &second).unwrap();
    let at = |address, terminal| Served::At { address, to_memory: Some(true), terminal };
    assert_eq!(dmac.request(6), at(0x8_0000, true));
    assert_eq!(dmac.request(6), Served::No);
    assert_eq!(dmac.take_violations(), Vec::<String>::new());
}

#[test]
fn the_next_cookie_of_a_chain_comes_at_terminal_count() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 0);
    let (first, second) = (Cookie { address: 0x2_0000, size: 2 }, Cookie { address: 0x8_0000, size: 1 });
    let chain = Request { bufprocess: BufProcess::Chain, ..Request::new(Command::FromDevice) };
    program(&mut channel, &chain, &first).unwrap();
    dmac.request(0);
    assert_eq!(program_next(&mut channel, &second), Err(DmaeError::Early { channel: 0, remaining: 1 }));
    assert_eq!(dmac.request(0), Served::At { address: 0x2_0001, to_memory: Some(true), terminal: true });
    program_next(&mut channel, &second).unwrap();
    assert_eq!(dmac.request(0), Served::At { address: 0x8_0000, to_memory: Some(true), terminal: true });
    assert_eq!(channel.remaining(), Ok(0));
}

#[test]
fn the_attributes_of_each_channel_are_its_own() {
    let (_, dmae) = engine();
    for number in CHANNELS {
        let attr = dmae.attributes(number).unwrap();
        assert_eq!(attr.validate(), Ok(()));
        assert_eq!((attr.addr_lo, attr.addr_hi, attr.sgllen), (0, 0xFF_FFFF, 1));
        let expected: (u64, u64, u64, u32, u32) =
            if number < 4 { (0xFFFF, 0xFFFF, 1, 1, 1) } else { (0x1_FFFF, 0x1_FFFF, 2, 2, 2) };
        assert_eq!((attr.count_max, attr.seg, attr.align, attr.minxfer, attr.granular), expected);
        assert_eq!(channel(&dmae, number).attributes(), attr);
    }
    assert_eq!(dmae.attributes(4), Err(ChannelError::Joint));
    assert_eq!(dmae.attributes(8), Err(ChannelError::NoSuchChannel { number: 8 }));
}

// Who has a channel.

#[test]
fn a_channel_belongs_to_one_and_ends_with_it() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 2);
    program(&mut channel, &Request::new(Command::FromDevice), &Cookie { address: 0, size: 8 }).unwrap();
    let shortage = Shortage { resource: Resource::DmaChannel(2), asked: 1, free: 0, largest: 0 };
    let refused = dmae.alloc(2, Wait::DontWait).map(|_| ()).unwrap_err();
    assert_eq!(refused, ChannelError::NoResources(shortage));
    assert_eq!(refused.to_string(), "DMA channel 2: 1 asked, 0 free, the largest piece 0");
    assert!(dmae.alloc(3, Wait::DontWait).is_ok());
    dmac.take_log();
    drop(channel);
    assert_eq!(dmac.take_writes(), [(0x0A, 0x06), (0x09, 0x02)], "masked, and no request by software");
    assert_eq!(dmac.request(2), Served::No);
    assert!(dmae.alloc(2, Wait::DontWait).is_ok());
}

#[test]
fn whoever_waits_for_a_channel_gets_it() {
    let (_, dmae) = engine();
    let held = channel(&dmae, 5);
    let got = Arc::new(AtomicU32::new(0));
    let callback = {
        let (dmae, got) = (dmae.clone(), got.clone());
        Callback::new(move |me| match dmae.alloc(5, Wait::Callback(me)) {
            Ok(_channel) => {
                got.fetch_add(1, Ordering::SeqCst);
                Attempt::Done
            }
            Err(_) => Attempt::Runout,
        })
    };
    assert!(dmae.alloc(5, Wait::Callback(&callback)).is_err());
    assert_eq!(got.load(Ordering::SeqCst), 0);
    drop(held);
    assert_eq!(got.load(Ordering::SeqCst), 1);
    let stats = dmae.stats();
    assert_eq!((stats.waits, stats.callbacks), (1, 1));
}

#[test]
fn a_task_waits_for_a_channel_and_a_dropped_one_does_not() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let (_, dmae) = engine();
    let held = channel(&dmae, 1);
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut dropped = pin!(dmae.alloc_async(1));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
    }
    let mut waiting = pin!(dmae.alloc_async(1));
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    drop(held);
    let Poll::Ready(Ok(channel)) = waiting.as_mut().poll(&mut context) else { panic!("it is there") };
    assert_eq!(channel.number(), 1);
}

#[test]
fn many_threads_take_turns_on_one_channel() {
    let (dmac, dmae) = engine();
    const ROUNDS: u64 = 200;
    thread::scope(|scope| {
        for thread in 0..8u64 {
            let (dmac, dmae) = (&dmac, &dmae);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut channel = dmae.alloc(2, Wait::Sleep).unwrap();
                    let cookie = Cookie { address: thread << 16 | round << 4, size: 4 };
                    program(&mut channel, &Request::new(Command::FromDevice), &cookie).unwrap();
                    for n in 0..4 {
                        let address = cookie.address + n;
                        let served = Served::At { address, to_memory: Some(true), terminal: n == 3 };
                        assert_eq!(dmac.request(2), served, "nobody else programs it");
                    }
                }
            });
        }
    });
    assert_eq!(dmac.take_violations(), Vec::<String>::new());
    let stats = dmae.stats();
    assert!(stats.passes <= stats.waits * u64::from(MOST_PASSES));
}

// Third-party transfers.

/// An object in flight on a toy machine, for a channel.
fn flight(
    toy: &Arc<Toy>,
    attr: &DmaAttr,
    pages: &[u64],
    length: u64,
    direction: Direction,
) -> InFlight<Memory> {
    let handle = toy.bus(8 * PAGE).device("toy").alloc_handle(attr, Wait::DontWait).unwrap();
    let object = toy.object(pages, 0, length);
    handle.bind(object, direction, BindFlags::PARTIAL, Wait::DontWait).unwrap().start()
}

/// The device asks until it is not answered, and takes what it gets.
fn take_all(dmac: &Dmac, toy: &Toy, number: u8) -> Vec<u8> {
    let mut taken = Vec::new();
    while let Served::At { address, to_memory, terminal } = dmac.request(number) {
        assert_eq!(to_memory, Some(false));
        taken.extend(toy.ram.read(address, unit(number) as usize));
        if terminal {
            break;
        }
    }
    taken
}

fn pattern(length: u64) -> Vec<u8> {
    (0..length).map(|n| (n * 7 + n / 251) as u8).collect()
}

fn put_pattern(toy: &Toy, pages: &[u64], length: u64) {
    for (page, bytes) in pages.iter().zip(pattern(length).chunks(PAGE as usize)) {
        toy.ram.write(page * PAGE, bytes);
    }
}

#[test]
fn a_list_goes_cookie_by_cookie_as_one_transfer() {
    let (dmac, dmae) = engine();
    let toy = Toy::plain();
    let pages = [40, 22, 33, 51];
    let length = 3 * PAGE + 100;
    put_pattern(&toy, &pages, length);
    let channel = channel(&dmae, 1);
    let attr = DmaAttr { sgllen: 17, ..channel.attributes() };
    let mut transfer = channel.carry(flight(&toy, &attr, &pages, length, Direction::ToDevice));
    assert_eq!(transfer.next_window().unwrap().map(|window| window.list_count()), Some(1));
    let chain = Request { bufprocess: BufProcess::Chain, ..Request::new(Command::ToDevice) };
    dmac.take_log();
    let one = Request::new(Command::ToDevice);
    assert_eq!(transfer.program(&one, 0), Err(DmaeError::Unchained { cookies: 4 }));
    assert_eq!(dmac.take_writes(), []);
    transfer.program(&chain, 0).unwrap();
    let mut moved = Vec::new();
    let mut left = length;
    loop {
        assert_eq!(transfer.remaining(), Ok(left));
        assert_eq!(transfer.advance(), Ok(Advance::Running { remaining: left.min(PAGE) }));
        let taken = take_all(&dmac, &toy, 1);
        left -= taken.len() as u64;
        moved.extend(taken);
        match transfer.advance().unwrap() {
            Advance::Next => {}
            Advance::Done => break,
            running @ Advance::Running { .. } => panic!("{running:?}"),
        }
    }
    assert_eq!(transfer.remaining(), Ok(0));
    assert_eq!(moved, pattern(length));
    assert_eq!(dmac.take_violations(), Vec::<String>::new());
    let (channel, binding) = transfer.complete();
    drop((channel, binding));
}

#[test]
fn a_part_of_a_list_is_moved_alone() {
    let (dmac, dmae) = engine();
    let toy = Toy::plain();
    put_pattern(&toy, &[40], PAGE);
    let channel = channel(&dmae, 2);
    let attr = channel.attributes();
    let mut transfer = channel.carry(flight(&toy, &attr, &[40], PAGE, Direction::ToDevice));
    transfer.next_window().unwrap();
    for (from, to) in [(512, 1536), (0, 512), (4095, 4096)] {
        transfer.program_part(&Request::new(Command::ToDevice), 0, from..to).unwrap();
        assert_eq!(transfer.remaining(), Ok(to - from));
        assert_eq!(take_all(&dmac, &toy, 2), pattern(PAGE)[from as usize..to as usize]);
        assert_eq!((transfer.remaining(), transfer.advance()), (Ok(0), Ok(Advance::Done)));
    }
}

/// The engine is stopped ahead of everything that takes the memory away.
#[test]
fn whatever_ends_a_transfer_stops_the_engine_first() {
    type End = fn(ThirdParty<Memory>) -> Option<Channel>;
    let ends: [(&str, End); 3] = [
        ("complete", |transfer| Some(transfer.complete().0)),
        ("drop", |transfer| {
            drop(transfer);
            None
        }),
        ("another window", |mut transfer| {
            assert!(transfer.window(0).is_ok());
            std::mem::forget(transfer);
            None
        }),
    ];
    for (name, end) in ends {
        let (dmac, dmae) = engine();
        let toy = Toy::plain();
        let channel = channel(&dmae, 2);
        let attr = channel.attributes();
        let mut transfer = channel.carry(flight(&toy, &attr, &[20], 64, Direction::FromDevice));
        transfer.next_window().unwrap();
        transfer.program(&Request::new(Command::FromDevice), 0).unwrap();
        assert!(matches!(dmac.request(2), Served::At { .. }));
        let kept = end(transfer);
        assert_eq!(dmac.request(2), Served::No, "after {name}");
        drop(kept);
    }
}

/// A dropped third-party transfer quarantines nothing: the engine is known to be still.
#[test]
fn a_dropped_transfer_gives_its_memory_back() {
    let (_, dmae) = engine();
    let toy = Toy::plain();
    let bus = toy.bus(8 * PAGE);
    let device = bus.device("toy");
    let channel = channel(&dmae, 2);
    let handle = device.alloc_handle(&channel.attributes(), Wait::DontWait).unwrap();
    let object = toy.object(&[20], 0, 64);
    let dropped = object.dropped.clone();
    let flight =
        handle.bind(object, Direction::FromDevice, BindFlags::PARTIAL, Wait::DontWait).unwrap().start();
    let mut transfer = channel.carry(flight);
    transfer.next_window().unwrap();
    transfer.program(&Request::new(Command::FromDevice), 0).unwrap();
    drop(transfer);
    assert_eq!(*dropped.lock().unwrap(), 1);
    assert_eq!((device.quarantined_bytes(), bus.stats().quarantined_bytes), (0, 0));
    assert!(dmae.alloc(2, Wait::DontWait).is_ok());
}

#[test]
fn windows_go_one_by_one_and_views_are_synchronised() {
    let (dmac, dmae) = engine();
    let toy = Toy::plain();
    let pages: Vec<u64> = (40..56).collect();
    let length = 16 * PAGE;
    put_pattern(&toy, &pages, length);
    let channel = channel(&dmae, 3);
    // Out of reach from page 32 on: everything goes through a copy buffer of eight pages.
    let attr = DmaAttr { addr_hi: 32 * PAGE - 1, ..channel.attributes() };
    let mut transfer = channel.carry(flight(&toy, &attr, &pages, length, Direction::ToDevice));
    assert_eq!(transfer.remaining(), Err(DmaeError::NotProgrammed { channel: 3 }));
    let mut moved = Vec::new();
    while let Some(lists) = transfer.next_window().unwrap().map(|window| window.list_count()) {
        for list in 0..lists {
            transfer.program(&Request::new(Command::ToDevice), list).unwrap();
            moved.extend(take_all(&dmac, &toy, 3));
        }
    }
    assert_eq!((transfer.window_count(), moved), (2, pattern(length)));
    let refused = transfer.sync(.., SyncFor::Cpu).unwrap_err();
    assert!(refused.to_string().contains("ToDevice"), "{refused}");
    assert_eq!(transfer.sync(.., SyncFor::Device), Ok(()));
}
