//! What a driver asks of the engine (`ddi_dmae_req(9S)`), and what an ISA engine makes of it.

use crate::object::Cookie;

use super::error::DmaeError;
use super::wiring::{ChannelPorts, LAST, Width};

/// How the engine is set up for a transfer: all but address and count, which the cookie has (`struct ddi_dmae_req`).
///
/// The structure is that of all machines with an engine, so it can say what an ISA engine cannot do;
/// [`Channel::program`](super::Channel::program) refuses that by the member's name.
///
/// # Examples
///
/// A ring that a sound card plays for ever:
///
/// ```
/// use ddi_dma::dmae::{BufProcess, Command, Request, Trans};
///
/// let ring = Request { bufprocess: BufProcess::Auto, trans: Trans::Demand, ..Request::new(Command::ToDevice) };
/// assert_eq!(ring.dest, ddi_dma::dmae::Dest::Io);
/// ```
#[doc(alias = "ddi_dmae_req")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Which way the bytes go (`der_command`).
    pub command: Command,
    /// What follows at terminal count (`der_bufprocess`).
    pub bufprocess: BufProcess,
    /// Whether addresses go up or down (`der_step`).
    pub step: Step,
    /// How long the engine keeps the bus (`der_trans`).
    pub trans: Trans,
    /// How wide a cycle is (`der_path`).
    pub path: Path,
    /// The timing of a cycle (`der_cycles`).
    pub cycles: Cycles,
    /// What the other side is (`der_dest`).
    pub dest: Dest,
    /// A MicroChannel arbitration level (`der_arbus`). An ISA engine takes 0 alone.
    pub arbus: u8,
    /// A MicroChannel I/O address (`der_ioadr`). An ISA engine takes 0 alone.
    pub ioadr: u16,
}

/// Which way the bytes go (`der_command`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Nowhere: the engine counts and answers the device, and memory is left alone (`DMAE_CMD_VRFY`).
    #[doc(alias = "DMAE_CMD_VRFY")]
    Verify,
    /// Memory to device (`DMAE_CMD_WRITE`).
    #[doc(alias = "DMAE_CMD_WRITE")]
    ToDevice,
    /// Device to memory (`DMAE_CMD_READ`).
    #[doc(alias = "DMAE_CMD_READ")]
    FromDevice,
    /// Memory to memory (`DMAE_CMD_TRAN`): not on an ISA machine.
    #[doc(alias = "DMAE_CMD_TRAN")]
    Translate,
}

/// What follows at terminal count (`der_bufprocess`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BufProcess {
    /// Nothing: the channel is done (`DMAE_BUF_NOAUTO`).
    #[default]
    #[doc(alias = "DMAE_BUF_NOAUTO")]
    NoAuto,
    /// The next cookie of the list, once the driver programs it (`DMAE_BUF_CHAIN`).
    #[doc(alias = "DMAE_BUF_CHAIN")]
    Chain,
    /// The same cookie again: a ring (`DMAE_BUF_AUTO`).
    #[doc(alias = "DMAE_BUF_AUTO")]
    Auto,
}

/// Whether addresses go up or down (`der_step`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Step {
    /// From the cookie's first byte up (`DMAE_STEP_INC`).
    #[default]
    #[doc(alias = "DMAE_STEP_INC")]
    Increment,
    /// From the cookie's last byte down (`DMAE_STEP_DEC`).
    #[doc(alias = "DMAE_STEP_DEC")]
    Decrement,
    /// They stay (`DMAE_STEP_HOLD`): not on an ISA machine.
    #[doc(alias = "DMAE_STEP_HOLD")]
    Hold,
}

/// How long the engine keeps the bus (`der_trans`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Trans {
    /// For one cycle each time the device asks (`DMAE_TRANS_SNGL`).
    #[default]
    #[doc(alias = "DMAE_TRANS_SNGL")]
    Single,
    /// Until terminal count, once the device has asked (`DMAE_TRANS_BLCK`).
    #[doc(alias = "DMAE_TRANS_BLCK")]
    Block,
    /// For as long as the device asks (`DMAE_TRANS_DMND`).
    #[doc(alias = "DMAE_TRANS_DMND")]
    Demand,
    /// Not at all: the device drives the bus itself (`DMAE_TRANS_CSCD`). Address and count are not used.
    #[doc(alias = "DMAE_TRANS_CSCD")]
    Cascade,
}

/// How wide a cycle is (`der_path`). On an ISA machine the channel's wiring decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Path {
    /// As the channel is wired (`DMAE_PATH_DEF`).
    #[default]
    #[doc(alias = "DMAE_PATH_DEF")]
    Default,
    /// Bytes (`DMAE_PATH_8`): channels 0 to 3.
    #[doc(alias = "DMAE_PATH_8")]
    Bits8,
    /// Words of two bytes (`DMAE_PATH_16`): channels 5 to 7.
    #[doc(alias = "DMAE_PATH_16")]
    Bits16,
    /// Four bytes (`DMAE_PATH_32`): not on an ISA machine.
    #[doc(alias = "DMAE_PATH_32")]
    Bits32,
    /// Eight bytes (`DMAE_PATH_64`): not on an ISA machine.
    #[doc(alias = "DMAE_PATH_64")]
    Bits64,
    /// 16 bits, counted in bytes (`DMAE_PATH_16B`): not on an ISA machine.
    #[doc(alias = "DMAE_PATH_16B")]
    Bits16Bytes,
}

/// The timing of a cycle (`der_cycles`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cycles {
    /// That of the ISA bus (`DMAE_CYCLES_1`).
    #[default]
    #[doc(alias = "DMAE_CYCLES_1")]
    Compatible,
    /// Type A of the EISA bus (`DMAE_CYCLES_2`): not on an ISA machine.
    #[doc(alias = "DMAE_CYCLES_2")]
    TypeA,
    /// Type B of the EISA bus (`DMAE_CYCLES_3`): not on an ISA machine.
    #[doc(alias = "DMAE_CYCLES_3")]
    TypeB,
    /// Bursts of the EISA bus (`DMAE_CYCLES_4`): not on an ISA machine.
    #[doc(alias = "DMAE_CYCLES_4")]
    Burst,
}

/// What the other side is (`der_dest`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dest {
    /// A device (`DMAE_DEST_IO`).
    #[default]
    #[doc(alias = "DMAE_DEST_IO")]
    Io,
    /// Memory (`DMAE_DEST_MEM`): not on an ISA machine.
    #[doc(alias = "DMAE_DEST_MEM")]
    Memory,
}

impl Request {
    /// A transfer this way, as most devices want it: single cycles, upwards, once.
    ///
    /// # Examples
    ///
    /// ```
    /// use ddi_dma::dmae::{Command, Request, Step, Trans};
    ///
    /// let read = Request::new(Command::FromDevice);
    /// assert_eq!((read.trans, read.step), (Trans::Single, Step::Increment));
    /// ```
    pub const fn new(command: Command) -> Self {
        Request {
            command,
            bufprocess: BufProcess::NoAuto,
            step: Step::Increment,
            trans: Trans::Single,
            path: Path::Default,
            cycles: Cycles::Compatible,
            dest: Dest::Io,
            arbus: 0,
            ioadr: 0,
        }
    }

    /// The mode register for this request, without the channel's number; or the member that an ISA engine refuses.
    pub(super) fn mode(&self, channel: &ChannelPorts) -> Result<u8, DmaeError> {
        self.check_cycle(channel)?;
        let way = match self.command {
            Command::Verify => 0x00,
            Command::FromDevice => 0x04,
            Command::ToDevice => 0x08,
            Command::Translate => return Err(DmaeError::Command),
        };
        let step = match self.step {
            Step::Increment => 0x00,
            Step::Decrement => 0x20,
            Step::Hold => return Err(DmaeError::Step),
        };
        let auto = match self.bufprocess {
            BufProcess::NoAuto | BufProcess::Chain => 0x00,
            BufProcess::Auto => 0x10,
        };
        match self.trans {
            Trans::Demand => Ok(way | step | auto),
            Trans::Single => Ok(0x40 | way | step | auto),
            Trans::Block => Ok(0x80 | way | step | auto),
            Trans::Cascade => self.check_cascade().map(|()| CASCADE),
        }
    }

    /// Refuses what an ISA bus has no cycles for.
    fn check_cycle(&self, channel: &ChannelPorts) -> Result<(), DmaeError> {
        let Request { path, cycles, arbus, ioadr, .. } = *self;
        let wired = match channel.width {
            Width::Bytes => Path::Bits8,
            Width::Words => Path::Bits16,
        };
        if path != Path::Default && path != wired {
            let bits = channel.width.unit() * 8;
            return Err(DmaeError::Path { path, channel: channel.number, bits });
        }
        if cycles != Cycles::Compatible {
            return Err(DmaeError::Cycles { cycles });
        }
        if self.dest != Dest::Io {
            return Err(DmaeError::Dest);
        }
        if arbus != 0 {
            return Err(DmaeError::Arbus { arbus });
        }
        if ioadr != 0 {
            return Err(DmaeError::Ioadr { ioadr });
        }
        Ok(())
    }

    /// Refuses what has no effect where the device drives the bus itself.
    fn check_cascade(&self) -> Result<(), DmaeError> {
        let idle = [
            ("command", self.command == Command::Verify),
            ("bufprocess", self.bufprocess != BufProcess::NoAuto),
            ("step", self.step != Step::Increment),
        ];
        match idle.into_iter().find(|(_, asked)| *asked) {
            Some((member, _)) => Err(DmaeError::Cascade { member }),
            None => Ok(()),
        }
    }
}

/// The mode register of a channel whose device drives the bus itself.
pub(super) const CASCADE: u8 = 0xC0;

/// Where the engine starts and how far it counts, as its registers hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) page: u8,
    pub(super) address: u16,
    /// Units minus one.
    pub(super) count: u16,
}

impl Span {
    /// What a channel's registers hold for a cookie; or the limit that the cookie breaks.
    pub(super) fn new(cookie: &Cookie, step: Step, channel: &ChannelPorts) -> Result<Self, DmaeError> {
        let Cookie { address, size } = *cookie;
        let (width, number) = (channel.width, channel.number);
        let (unit, reach) = (width.unit(), width.reach());
        if size == 0 {
            return Err(DmaeError::NoBytes { address });
        }
        if size > reach {
            return Err(DmaeError::Size { size, channel: number, most: reach });
        }
        if !address.is_multiple_of(unit) {
            return Err(DmaeError::Address { address, channel: number, unit });
        }
        if !size.is_multiple_of(unit) {
            return Err(DmaeError::Words { size, channel: number, unit });
        }
        let last = address.checked_add(size - 1).filter(|last| *last <= LAST);
        let last = last.ok_or(DmaeError::Reach { address, size, last: LAST })?;
        if address / reach != last / reach {
            return Err(DmaeError::Boundary { address, size, channel: number, boundary: reach });
        }
        let first = match step {
            Step::Increment | Step::Hold => address,
            Step::Decrement => last + 1 - unit,
        };
        // The address fits 24 bits, and what is left of it within the reach 16 bits of units.
        Ok(Span {
            page: (first / reach * unit) as u8,
            address: (first % reach / unit) as u16,
            count: (size / unit - 1) as u16,
        })
    }
}
