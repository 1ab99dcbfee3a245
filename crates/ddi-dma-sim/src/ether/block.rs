//! The register block of a network device: its registers in the addresses of a bus.

use super::registers::EtherRegister;
use crate::register_block::{AccessWidth, Part, Place};

/// Bytes of the block.
pub(super) const SIZE: u64 = 0x20;

/// The registers and where they lie.
const PLACES: [(EtherRegister, Place); 8] = [
    (EtherRegister::Csr, Place::new(0x00, AccessWidth::Bits16)),
    (EtherRegister::Error, Place::new(0x02, AccessWidth::Bits8)),
    (EtherRegister::Burst, Place::new(0x04, AccessWidth::Bits16)),
    (EtherRegister::TxAddress, Place::new(0x08, AccessWidth::Bits32)),
    (EtherRegister::TxSize, Place::new(0x0C, AccessWidth::Bits32)),
    (EtherRegister::RxAddress, Place::new(0x10, AccessWidth::Bits32)),
    (EtherRegister::RxSize, Place::new(0x14, AccessWidth::Bits32)),
    (EtherRegister::RxLength, Place::new(0x18, AccessWidth::Bits32)),
];

/// Finds the register that an access reaches, and the part of it.
pub(super) fn find(offset: u64, width: AccessWidth) -> Option<(EtherRegister, Part)> {
    PLACES.iter().find_map(|(register, place)| Some((*register, place.reached(offset, width)?)))
}

/// What the block shows of what a register holds: sizes are in bytes there, and 0 stands for 2^32.
pub(super) fn shown(register: EtherRegister, held: u64) -> u64 {
    match register {
        EtherRegister::TxSize | EtherRegister::RxSize => held.wrapping_add(1) & 0xFFFF_FFFF,
        _ => held,
    }
}

/// What a register is to hold where the block is written.
pub(super) fn held(register: EtherRegister, shown: u64) -> u64 {
    match register {
        EtherRegister::TxSize | EtherRegister::RxSize => shown.wrapping_sub(1),
        _ => shown,
    }
}
