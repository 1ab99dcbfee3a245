//! Bad input to the system's DMA engine, kind by kind: the error's value, the member that it names, and that no port was
//! written.

mod dmac;
mod toy;

use std::sync::Arc;

use ddi_dma::dmae::{
    BufProcess, ChannelError, Command, Cycles, Dest, Dmae, DmaeError, Path, Request, Step, Trans,
};
use ddi_dma::{BindFlags, Channel, Cookie, Direction, DmaAttr, Wait};
use dmac::Dmac;
use toy::{PAGE, Toy};

/// A request with a cookie, on a channel: why it is refused, and what the text names.
type Case = (u8, Request, Cookie, DmaeError, &'static str);

const READ: Request = Request::new(Command::FromDevice);
const CASCADE: Request = Request { trans: Trans::Cascade, ..READ };
const GOOD: Cookie = Cookie { address: 0x2_0000, size: 512 };

fn engine() -> (Arc<Dmac>, Dmae) {
    let dmac = Arc::new(Dmac::new());
    let dmae = Dmae::new(dmac.clone());
    (dmac, dmae)
}

fn channel(dmae: &Dmae, number: u8) -> Channel {
    dmae.alloc(number, Wait::DontWait).unwrap_or_else(|error| panic!("{error}"))
}

/// Members of the request that an ISA engine does not honour.
fn requests() -> Vec<Case> {
    let path = |path, channel, bits| {
        (channel, Request { path, ..READ }, GOOD, DmaeError::Path { path, channel, bits }, "path ")
    };
    let cycles = |cycles| (2, Request { cycles, ..READ }, GOOD, DmaeError::Cycles { cycles }, "cycles ");
    let cascade = |member: &'static str, request| (5, request, GOOD, DmaeError::Cascade { member }, member);
    vec![
        (2, Request::new(Command::Translate), GOOD, DmaeError::Command, "command Translate"),
        (6, Request::new(Command::Translate), GOOD, DmaeError::Command, "command Translate"),
        (2, Request { step: Step::Hold, ..READ }, GOOD, DmaeError::Step, "step Hold"),
        path(Path::Bits16, 2, 8),
        path(Path::Bits32, 1, 8),
        path(Path::Bits64, 0, 8),
        path(Path::Bits16Bytes, 3, 8),
        path(Path::Bits8, 5, 16),
        path(Path::Bits32, 6, 16),
        path(Path::Bits64, 7, 16),
        path(Path::Bits16Bytes, 5, 16),
        cycles(Cycles::TypeA),
        cycles(Cycles::TypeB),
        cycles(Cycles::Burst),
        (2, Request { dest: Dest::Memory, ..READ }, GOOD, DmaeError::Dest, "dest Memory"),
        (2, Request { arbus: 3, ..READ }, GOOD, DmaeError::Arbus { arbus: 3 }, "arbus 3"),
        (2, Request { ioadr: 0x3F5, ..READ }, GOOD, DmaeError::Ioadr { ioadr: 0x3F5 }, "ioadr 0x3f5"),
        cascade("command", Request { command: Command::Verify, ..CASCADE }),
        cascade("bufprocess", Request { bufprocess: BufProcess::Auto, ..CASCADE }),
        cascade("bufprocess", Request { bufprocess: BufProcess::Chain, ..CASCADE }),
        cascade("step", Request { step: Step::Decrement, ..CASCADE }),
        (
            5,
            Request { command: Command::Translate, ..CASCADE },
            GOOD,
            DmaeError::Command,
            "command Translate",
        ),
        (5, Request { step: Step::Hold, ..CASCADE }, GOOD, DmaeError::Step, "step Hold"),
    ]
}

/// Cookies that break a channel's limits.
fn cookies() -> Vec<Case> {
    let reach = |channel, address, size| {
        let error = DmaeError::Reach { address, size, last: 0xFF_FFFF };
        (channel, READ, Cookie { address, size }, error, "address ")
    };
    let boundary = |channel: u8, address, size, boundary| {
        let error = DmaeError::Boundary { address, size, channel, boundary };
        (channel, READ, Cookie { address, size }, error, "address ")
    };
    let large = |channel: u8, size, most| {
        let error = DmaeError::Size { size, channel, most };
        (channel, READ, Cookie { address: 0x4_0000, size }, error, "size ")
    };
    let empty = |channel, address| {
        (channel, READ, Cookie { address, size: 0 }, DmaeError::NoBytes { address }, "size 0")
    };
    let (odd, half) = (Cookie { address: 0x3001, size: 4 }, Cookie { address: 0x3000, size: 5 });
    vec![
        empty(2, 0x5000),
        empty(7, 0x5000),
        large(2, 0x1_0001, 0x1_0000),
        large(5, 0x2_0002, 0x2_0000),
        large(1, u64::MAX, 0x1_0000),
        boundary(0, 0xFFFF, 2, 0x1_0000),
        boundary(2, 0x1_FE01, 0x200, 0x1_0000),
        boundary(3, 1, 0x1_0000, 0x1_0000),
        boundary(5, 0x1_FFFE, 4, 0x2_0000),
        boundary(6, 2, 0x2_0000, 0x2_0000),
        reach(2, 0x100_0000, 1),
        reach(2, 0xFF_FFFF, 2),
        reach(5, 0x100_0000, 2),
        reach(7, 0xFF_FFFE, 4),
        reach(1, 0x1_0000_5000, 512),
        reach(1, u64::MAX, 1),
        reach(1, u64::MAX - 1, 0x1000),
        (5, READ, odd, DmaeError::Address { address: 0x3001, channel: 5, unit: 2 }, "address 0x3001"),
        (6, READ, half, DmaeError::Words { size: 5, channel: 6, unit: 2 }, "size 0x5"),
    ]
}

/// No port is written for a request that is refused, and what was programmed before goes on.
#[test]
fn requests_are_refused_by_the_member() {
    let (dmac, dmae) = engine();
    let cases: Vec<Case> = requests().into_iter().chain(cookies()).collect();
    assert!(cases.len() >= 30, "{} kinds", cases.len());
    for (number, request, cookie, error, named) in cases {
        let mut channel = channel(&dmae, number);
        // SAFETY: the model's engine reaches no memory.
        unsafe { channel.program(&READ, &GOOD).unwrap() };
        dmac.take_log();
        // SAFETY: as above.
        let refused = unsafe { channel.program(&request, &cookie) }.unwrap_err();
        assert_eq!(refused, error, "{request:?} {cookie:?}");
        assert!(refused.to_string().starts_with(named), "{refused}");
        assert_eq!(dmac.take_log(), [], "{refused}");
        assert_eq!(channel.remaining(), Ok(512), "what was programmed before");
        assert_eq!(channel.enable(), Ok(()));
    }
}

#[test]
fn further_cookies_are_refused_by_their_limits() {
    let (dmac, dmae) = engine();
    for (number, _, cookie, error, _) in cookies() {
        let mut channel = channel(&dmae, number);
        // SAFETY: the model's engine reaches no memory.
        unsafe { channel.program(&READ, &GOOD).unwrap() };
        dmac.take_log();
        // SAFETY: as above.
        assert_eq!(unsafe { channel.program_next(&cookie) }, Err(error));
        assert_eq!(dmac.take_log(), []);
    }
}

#[test]
fn channels_that_nobody_can_have() {
    let (dmac, dmae) = engine();
    dmac.take_log();
    let cases: [(u8, ChannelError, &str); 4] = [
        (4, ChannelError::Joint, "DMA channel 4 joins"),
        (8, ChannelError::NoSuchChannel { number: 8 }, "there is no DMA channel 8"),
        (99, ChannelError::NoSuchChannel { number: 99 }, "there is no DMA channel 99"),
        (255, ChannelError::NoSuchChannel { number: 255 }, "there is no DMA channel 255"),
    ];
    for (number, error, text) in cases {
        let refused = dmae.alloc(number, Wait::DontWait).map(|_| ()).unwrap_err();
        assert_eq!(refused, error);
        assert!(refused.to_string().starts_with(text), "{refused}");
        assert!(refused.to_string().contains("0 to 3 (bytes) and 5 to 7 (words)"), "says which there are");
        assert_eq!(dmae.attributes(number), Err(error));
    }
    assert_eq!(dmac.take_log(), []);
}

#[test]
fn nothing_goes_on_that_was_not_programmed() {
    let (dmac, dmae) = engine();
    let mut channel = channel(&dmae, 7);
    dmac.take_log();
    let nothing = DmaeError::NotProgrammed { channel: 7 };
    assert_eq!(channel.enable(), Err(nothing));
    assert_eq!(channel.remaining(), Err(nothing));
    // SAFETY: the model's engine reaches no memory.
    assert_eq!(unsafe { channel.program_next(&GOOD) }, Err(nothing));
    assert_eq!(dmac.take_log(), []);
    assert!(nothing.to_string().contains("channel 7"), "{nothing}");
}

/// What a transfer refuses on top of what its channel does.
#[test]
fn transfers_are_refused_by_the_member() {
    let (dmac, dmae) = engine();
    let toy = Toy::plain();
    let bus = toy.bus(8 * PAGE);
    let channel = channel(&dmae, 2);
    let attr = DmaAttr { sgllen: 2, ..channel.attributes() };
    let handle = bus.device("toy").alloc_handle(&attr, Wait::DontWait).unwrap();
    let object = toy.object(&[20, 40, 22], 0, 3 * PAGE);
    let flight =
        handle.bind(object, Direction::ToDevice, BindFlags::PARTIAL, Wait::DontWait).unwrap().start();
    let mut transfer = channel.carry(flight);
    assert_eq!(transfer.next_window().unwrap().map(|window| window.list_count()), Some(2));
    let write = Request::new(Command::ToDevice);
    let chain = Request { bufprocess: BufProcess::Chain, ..write };
    let (command, direction) = (Command::FromDevice, Direction::ToDevice);
    dmac.take_log();
    let cases: [(Request, usize, DmaeError, &str); 7] = [
        (write, 0, DmaeError::Unchained { cookies: 2 }, "bufprocess is not Chain"),
        (
            Request { bufprocess: BufProcess::Auto, ..write },
            0,
            DmaeError::Unchained { cookies: 2 },
            "bufprocess",
        ),
        (chain, 1, DmaeError::ChainOfOne, "bufprocess Chain"),
        (READ, 1, DmaeError::Direction { command, direction }, "command FromDevice"),
        (write, 2, DmaeError::NoSuchList { list: 2, count: 2 }, "list 2"),
        (Request { trans: Trans::Cascade, ..write }, 1, DmaeError::Trans, "trans Cascade"),
        (Request { arbus: 1, ..write }, 1, DmaeError::Arbus { arbus: 1 }, "arbus 1"),
    ];
    for (request, list, error, text) in cases {
        let refused = transfer.program(&request, list).unwrap_err();
        assert_eq!(refused, error);
        assert!(refused.to_string().starts_with(text), "{refused}");
    }
    let backwards = std::ops::Range { start: PAGE, end: PAGE - 1 };
    let part = |from, to| DmaeError::Part { from, to, list: 1, length: PAGE };
    assert_eq!(transfer.program_part(&write, 1, 512..PAGE + 1), Err(part(512, PAGE + 1)));
    assert_eq!(transfer.program_part(&write, 1, backwards), Err(part(PAGE, PAGE - 1)));
    assert_eq!(transfer.program_part(&write, 1, u64::MAX..u64::MAX), Err(part(u64::MAX, u64::MAX)));
    assert!(matches!(transfer.program_part(&write, 1, 5..5), Err(DmaeError::NoBytes { .. })));
    assert_eq!(transfer.program_part(&write, 0, 0..512), Err(DmaeError::Unchained { cookies: 2 }));
    let nothing = Err(DmaeError::NotProgrammed { channel: 2 });
    assert_eq!((transfer.remaining(), transfer.advance().map(|_| 0)), (nothing, nothing));
    assert_eq!(dmac.take_log(), []);
    assert_eq!(transfer.program(&chain, 0), Ok(()));
}
