//! The register block of a disk: its registers in the addresses of a bus.

use super::catalog::{EngineSpec, EntryKind};
use super::registers::{Register, low_bits};
use crate::register_block::{AccessWidth, Part, Place};

/// Where the list of entries starts, behind all other registers.
const LIST: u64 = 0x20;

/// Finds the register that an access reaches, and the part of it.
pub(super) fn find(engine: &EngineSpec, offset: u64, width: AccessWidth) -> Option<(Register, Part)> {
    let register = match offset {
        0x00 => Register::Csr,
        0x01 => Register::Error,
        0x02 => Register::Burst,
        0x04 => Register::Entries,
        0x08..0x10 => Register::Block,
        0x10..0x18 => Register::Residue,
        LIST.. => {
            let member = entry_width(engine).bytes();
            let number = (offset - LIST) / member;
            let index = u32::try_from(number / 2).ok()?;
            if number.is_multiple_of(2) { Register::Address(index) } else { Register::Size(index) }
        }
        _ => return None,
    };
    let part = place(engine, register)?.reached(offset, width)?;
    Some((register, part))
}

/// Where a register lies; `None` for one that the engine does not have.
fn place(engine: &EngineSpec, register: Register) -> Option<Place> {
    let width = entry_width(engine);
    let entry = |index: u32| LIST + u64::from(index) * 2 * width.bytes();
    let there = |index: u32| (index < engine.entries.count()).then(|| entry(index));
    Some(match register {
        Register::Csr => Place::new(0x00, AccessWidth::Bits8),
        Register::Error => Place::new(0x01, AccessWidth::Bits8),
        Register::Burst if engine.bursts.is_empty() => return None,
        Register::Burst => Place::new(0x02, AccessWidth::Bits16),
        Register::Entries if engine.entries == EntryKind::Single => return None,
        Register::Entries => Place::new(0x04, AccessWidth::Bits16),
        Register::Block => Place::new(0x08, AccessWidth::Bits64),
        Register::Residue => Place::new(0x10, AccessWidth::Bits64),
        Register::Address(index) => Place::new(there(index)?, width),
        Register::Size(index) => Place::new(there(index)? + width.bytes(), width),
    })
}

/// Bytes of the block.
pub(super) fn size(engine: &EngineSpec) -> u64 {
    LIST + u64::from(engine.entries.count()) * 2 * entry_width(engine).bytes()
}

/// What the block shows of what a register holds: sizes are in bytes there, and 0 stands for one more than the register
/// counts to.
pub(super) fn shown(engine: &EngineSpec, register: Register, held: u64) -> u64 {
    match register {
        Register::Size(_) => held.wrapping_add(1) & low_bits(engine.size_bits),
        _ => held,
    }
}

/// What a register is to hold where the block is written.
pub(super) fn held(register: Register, shown: u64) -> u64 {
    match register {
        Register::Size(_) => shown.wrapping_sub(1),
        _ => shown,
    }
}

/// The width of both members of an entry.
fn entry_width(engine: &EngineSpec) -> AccessWidth {
    if engine.address_bits.max(engine.size_bits) > 32 { AccessWidth::Bits64 } else { AccessWidth::Bits32 }
}
