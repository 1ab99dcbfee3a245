//! From `struct ddi_dmae_req` to a request of the engine.

use ddi_dma::dmae::{BufProcess, Command, Cycles, Dest, Path, Request, Step, Trans};

use crate::abi::ddi_dmae_req;

/// The request, or the member whose value means nothing. What an ISA engine does not do the engine itself refuses.
pub(super) fn request(from: &ddi_dmae_req) -> Result<Request, String> {
    let bufprocess = pick("der_bufprocess", from.der_bufprocess, BUF_PROCESSES)?;
    if bufprocess == BufProcess::Chain && from.der_proc.is_some() {
        return Err(
            "proc of a chain: an ISA engine does not interrupt at the end of a cookie, so nobody would call it; leave it NULL and program the next cookie by ddi_dmae_prog without a request".to_owned(),
        );
    }
    Ok(Request {
        command: pick("der_command", from.der_command, COMMANDS)?,
        bufprocess,
        step: pick("der_step", from.der_step, STEPS)?,
        trans: pick("der_trans", from.der_trans, TRANSFERS)?,
        path: pick("der_path", from.der_path, PATHS)?,
        cycles: pick("der_cycles", from.der_cycles, CYCLES)?,
        dest: pick("der_dest", from.der_dest, DESTINATIONS)?,
        arbus: from.der_arbus,
        ioadr: from.der_ioadr,
    })
}

// In the order of the constants' values.
const COMMANDS: &[Command] = &[Command::Verify, Command::ToDevice, Command::FromDevice, Command::Translate];
const BUF_PROCESSES: &[BufProcess] = &[BufProcess::NoAuto, BufProcess::Chain, BufProcess::Auto];
const STEPS: &[Step] = &[Step::Increment, Step::Decrement, Step::Hold];
const TRANSFERS: &[Trans] = &[Trans::Single, Trans::Block, Trans::Demand, Trans::Cascade];
const PATHS: &[Path] =
    &[Path::Default, Path::Bits8, Path::Bits16, Path::Bits32, Path::Bits64, Path::Bits16Bytes];
const CYCLES: &[Cycles] = &[Cycles::Compatible, Cycles::TypeA, Cycles::TypeB, Cycles::Burst];
const DESTINATIONS: &[Dest] = &[Dest::Io, Dest::Memory];

fn pick<T: Copy>(member: &str, value: u8, of: &[T]) -> Result<T, String> {
    let found = of.get(usize::from(value)).copied();
    found.ok_or_else(|| format!("{member} {value} is unknown: it is 0 to {}", of.len() - 1))
}
