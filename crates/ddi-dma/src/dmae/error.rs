//! Why the engine refuses: the member, its value, and what to do.

use super::request::{Cycles, Path};
use crate::error::{Shortage, WindowError};
use crate::flags::Direction;

use super::request::Command;

/// Why a channel could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// There is none of this number.
    #[error("there is no DMA channel {number}: devices can have 0 to 3 (bytes) and 5 to 7 (words)")]
    NoSuchChannel {
        /// The number asked for.
        number: u8,
    },
    /// The channel joins the two controllers.
    #[error("DMA channel 4 joins the two controllers: devices can have 0 to 3 (bytes) and 5 to 7 (words)")]
    Joint,
    /// Somebody else has it.
    #[error(transparent)]
    NoResources(#[from] Shortage),
}

/// Why the engine was not programmed. No port was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DmaeError {
    /// `command` is [`Command::Translate`].
    #[error(
        "command Translate: an ISA machine wires no channels for memory to memory; use FromDevice, ToDevice or Verify"
    )]
    Command,
    /// `bufprocess` is not Chain, and the list has several cookies.
    #[error("bufprocess is not Chain: the list has {cookies} cookies; set Chain, or bind with sgllen 1")]
    Unchained {
        /// Cookies of the list.
        cookies: usize,
    },
    /// `bufprocess` is Chain, and the list has one cookie.
    #[error("bufprocess Chain: the list has one cookie, which nothing follows; set NoAuto")]
    ChainOfOne,
    /// `step` is Hold.
    #[error("step Hold: an ISA engine counts its address up or down; use Increment or Decrement")]
    Step,
    /// `trans` is Cascade and another member asks for what only an engine that drives the bus could do.
    #[error(
        "{member} has no effect with trans Cascade, where the device drives the bus itself: leave the default"
    )]
    Cascade {
        /// The other member.
        member: &'static str,
    },
    /// `trans` is Cascade where the engine is to move an object.
    #[error(
        "trans Cascade: the engine moves nothing then; use Single, Block or Demand, or Channel::first_party"
    )]
    Trans,
    /// `path` is not what the channel is wired for.
    #[error("path {path:?}: channel {channel} is wired for cycles of {bits} bits; use Default")]
    Path {
        /// The path asked for.
        path: Path,
        /// The channel.
        channel: u8,
        /// Bits of its cycles.
        bits: u64,
    },
    /// `cycles` is not Compatible.
    #[error("cycles {cycles:?}: an ISA bus has compatible timing alone; use Compatible")]
    Cycles {
        /// The timing asked for.
        cycles: Cycles,
    },
    /// `dest` is Memory.
    #[error("dest Memory: the other side of an ISA engine is a device; use Io")]
    Dest,
    /// `arbus` is not 0.
    #[error("arbus {arbus}: arbitration levels are those of a MicroChannel; leave 0")]
    Arbus {
        /// The level asked for.
        arbus: u8,
    },
    /// `ioadr` is not 0.
    #[error(
        "ioadr {ioadr:#x}: an ISA engine drives no I/O address, it answers the device's request line; leave 0"
    )]
    Ioadr {
        /// The address asked for.
        ioadr: u16,
    },
    /// `command` goes against the binding.
    #[error("command {command:?}: the object is bound {direction:?}")]
    Direction {
        /// Which way the engine was to move bytes.
        command: Command,
        /// Which way the object is bound.
        direction: Direction,
    },
    /// The cookie has no bytes.
    #[error("size 0 of the cookie at {address:#x}: the engine moves at least one unit")]
    NoBytes {
        /// Where the cookie starts.
        address: u64,
    },
    /// The cookie is larger than the counter.
    #[error(
        "size {size:#x} of the cookie: the counter of channel {channel} reaches {most:#x} bytes; bind with the attributes of the channel"
    )]
    Size {
        /// Bytes of the cookie.
        size: u64,
        /// The channel.
        channel: u8,
        /// What its counter reaches.
        most: u64,
    },
    /// The cookie is no whole number of words.
    #[error(
        "size {size:#x} of the cookie: channel {channel} moves units of {unit} bytes; give the object whole units"
    )]
    Words {
        /// Bytes of the cookie.
        size: u64,
        /// The channel.
        channel: u8,
        /// Bytes of its unit.
        unit: u64,
    },
    /// The cookie starts between two words.
    #[error(
        "address {address:#x} of the cookie: channel {channel} moves units of {unit} bytes at multiples of it; bind with the attributes of the channel"
    )]
    Address {
        /// Where the cookie starts.
        address: u64,
        /// The channel.
        channel: u8,
        /// Bytes of its unit.
        unit: u64,
    },
    /// The cookie is out of reach.
    #[error(
        "address {address:#x} of the cookie with its {size:#x} bytes: the engine reaches {last:#x}; bind with the attributes of the channel"
    )]
    Reach {
        /// Where the cookie starts.
        address: u64,
        /// Its bytes.
        size: u64,
        /// The highest address.
        last: u64,
    },
    /// The cookie crosses a boundary that the address counter does not.
    #[error(
        "address {address:#x} of the cookie with its {size:#x} bytes: it crosses a multiple of {boundary:#x}, where the counter of channel {channel} starts again; bind with the attributes of the channel"
    )]
    Boundary {
        /// Where the cookie starts.
        address: u64,
        /// Its bytes.
        size: u64,
        /// The channel.
        channel: u8,
        /// What it does not cross.
        boundary: u64,
    },
    /// Nothing was programmed that could go on.
    #[error("channel {channel} has nothing to do: program it first")]
    NotProgrammed {
        /// The channel.
        channel: u8,
    },
    /// The transfer has reached terminal count: the counter would start again at 64 Ki units.
    #[error("channel {channel} has reached terminal count: program it anew")]
    Finished {
        /// The channel.
        channel: u8,
    },
    /// The next cookie of a chain comes too early.
    #[error(
        "channel {channel} is {remaining:#x} bytes short of terminal count: the next cookie of a chain comes then"
    )]
    Early {
        /// The channel.
        channel: u8,
        /// Bytes that it has still to move.
        remaining: u64,
    },
    /// The object has no such list.
    #[error("list {list} does not exist: the current window has lists 0..{count}")]
    NoSuchList {
        /// The number asked for.
        list: usize,
        /// How many there are.
        count: usize,
    },
    /// The part is not inside the list.
    #[error("bytes {from:#x}..{to:#x} are not inside list {list}, which has {length:#x}")]
    Part {
        /// First byte.
        from: u64,
        /// Behind the last byte.
        to: u64,
        /// The list.
        list: usize,
        /// Its bytes.
        length: u64,
    },
    /// The window could not be had.
    #[error(transparent)]
    Window(#[from] WindowError),
}
