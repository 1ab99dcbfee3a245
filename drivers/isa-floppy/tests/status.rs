//! What the status registers say, bit by bit.

use isa_floppy::{Cause, Chs, St0, St1, St2, Status};

fn cause(st0: u8, st1: u8, st2: u8) -> Option<Cause> {
    let at = Chs { cylinder: 0, head: 0, sector: 1 };
    let (st0, st1, st2) =
        (St0::from_bits_retain(st0), St1::from_bits_retain(st1), St2::from_bits_retain(st2));
    Status { st0, st1, st2, at }.cause()
}

#[test]
fn each_bit_has_its_cause() {
    for (st0, st1, st2, expected) in [
        (0x00, 0x00, 0x00, None),
        // A seek ended on the way, with head 1 of drive 3.
        (0x27, 0x00, 0x00, None),
        (0x00, 0x00, 0x40, Some(Cause::Deleted)),
        (0x80, 0x00, 0x00, Some(Cause::InvalidCommand)),
        (0xC0, 0x00, 0x00, Some(Cause::NotReady)),
        (0x48, 0x00, 0x00, Some(Cause::NotReady)),
        (0x50, 0x00, 0x00, Some(Cause::EquipmentCheck)),
        (0x40, 0x02, 0x00, Some(Cause::WriteProtected)),
        (0x40, 0x10, 0x00, Some(Cause::Overrun)),
        (0x40, 0x20, 0x20, Some(Cause::DataCrc)),
        (0x40, 0x20, 0x00, Some(Cause::AddressCrc)),
        (0x40, 0x04, 0x10, Some(Cause::WrongCylinder)),
        (0x40, 0x04, 0x02, Some(Cause::WrongCylinder)),
        (0x40, 0x01, 0x01, Some(Cause::MissingDataMark)),
        (0x40, 0x01, 0x00, Some(Cause::MissingAddressMark)),
        (0x40, 0x04, 0x00, Some(Cause::SectorNotFound)),
        (0x40, 0x80, 0x00, Some(Cause::EndOfTrack)),
        (0x40, 0x00, 0x00, Some(Cause::Unexplained)),
        // Some models set whatever could be meant.
        (0x40, 0x27, 0x31, Some(Cause::WriteProtected)),
    ] {
        assert_eq!(cause(st0, st1, st2), expected, "{st0:#04x} {st1:#04x} {st2:#04x}");
    }
}

#[test]
fn a_status_prints_its_registers() {
    let at = Chs { cylinder: 79, head: 1, sector: 18 };
    let status = Status { st0: St0::ABNORMAL | St0::HEAD, st1: St1::OVERRUN, st2: St2::empty(), at };
    assert_eq!(status.to_string(), "ST0 0x44, ST1 0x10, ST2 0x00 at 79/1/18");
}
