//! What no rule forbids and an engine's maker would hardly mean.

use ddi_dma::{AttrFlags, BurstSizes, DmaAttr};

use super::Verdict;
use crate::number::grouped;

/// Something to say of a member.
type Note = (&'static str, Verdict, String);

/// The page size of most machines: what is awkward for pages is told for this one.
const PAGE: u64 = 4096;

fn dubious(member: &'static str, text: String) -> Note {
    (member, Verdict::Dubious, text)
}

fn remark(member: &'static str, text: String) -> Note {
    (member, Verdict::Ok, text)
}

/// Doubts that a member raises alone.
pub(super) fn of_members(attr: &DmaAttr) -> Vec<Note> {
    let mut notes = Vec::new();
    addresses(attr, &mut notes);
    sizes(attr, &mut notes);
    if attr.burstsizes == BurstSizes::empty() {
        notes.push(dubious("burstsizes", "0 says that the engine has no burst at all, not even of one byte: set 1 where it does not matter".into()));
    }
    let unknown = attr.flags.bits() & !AttrFlags::all().bits();
    if unknown != 0 {
        notes.push(dubious(
            "flags",
            format!("bits {unknown:#x} mean nothing: known are FORCE_PHYSICAL 0x100, FLAGERR 0x200, RELAXED_ORDERING 0x400"),
        ));
    }
    if attr.flags.contains(AttrFlags::FORCE_PHYSICAL) {
        notes.push(remark(
            "flags",
            "FORCE_PHYSICAL is refused by a nexus that has only virtual addresses: be ready to try without"
                .into(),
        ));
    }
    notes
}

fn addresses(attr: &DmaAttr, notes: &mut Vec<Note>) {
    let hi = attr.addr_hi;
    if hi >= PAGE && hi.is_power_of_two() {
        notes.push(dubious(
            "addr_hi",
            format!(
                "{hi:#x} is a power of two and addr_hi is inclusive: the last byte below it is {:#x}",
                hi - 1
            ),
        ));
    } else if hi > 0 && hi.is_multiple_of(PAGE) {
        notes.push(dubious(
            "addr_hi",
            format!("{hi:#x} is inclusive, so that of the last page one byte is in reach: {:#x} is the last byte below it", hi - 1),
        ));
    }
    let lo = attr.addr_lo;
    if lo >= PAGE - 1 && lo != u64::MAX && (lo + 1).is_power_of_two() {
        notes.push(dubious(
            "addr_lo",
            format!(
                "{lo:#x} is the last byte of a range rather than the first of one: did you mean {:#x}?",
                lo + 1
            ),
        ));
    }
    if attr.addr_lo <= hi && hi - attr.addr_lo < PAGE - 1 {
        notes.push(dubious(
            "addr_hi",
            format!("the engine reaches {} bytes, less than a page: nearly everything is copied, in small windows", grouped(hi - attr.addr_lo + 1)),
        ));
    }
}

fn sizes(attr: &DmaAttr, notes: &mut Vec<Note>) {
    let small = |value: u64| value < 511;
    if small(attr.count_max) {
        let most = attr.count_max + 1;
        notes.push(dubious(
            "count_max",
            format!("no cookie has more than {most} bytes: is count_max the largest count minus one?"),
        ));
    }
    if small(attr.seg) {
        let most = attr.seg + 1;
        notes.push(dubious("seg", format!("a boundary every {most} bytes: is seg the distance minus one?")));
    }
    if attr.align > PAGE {
        notes.push(dubious(
            "align",
            format!("{:#x} is more than a page of {PAGE}: few pages start at such an address, the others are copied", attr.align),
        ));
    }
    if u64::from(attr.minxfer) > PAGE {
        notes.push(dubious(
            "minxfer",
            format!(
                "{} is more than a page of {PAGE}: scattered pages are all joined by copying",
                attr.minxfer
            ),
        ));
    }
    let looks_like_a_mask = attr.maxxfer >= 511 && attr.maxxfer & attr.maxxfer.wrapping_add(1) == 0;
    let no_limit = [u64::MAX, u64::from(u32::MAX)].contains(&attr.maxxfer);
    if looks_like_a_mask && !no_limit {
        notes.push(dubious(
            "maxxfer",
            format!("{:#x} is one less than a power of two, and maxxfer is a number of bytes, not minus one: did you mean {:#x}?", attr.maxxfer, attr.maxxfer + 1),
        ));
    } else if attr.maxxfer < PAGE {
        notes.push(dubious(
            "maxxfer",
            format!("{} bytes are less than a page: each page takes several requests", attr.maxxfer),
        ));
    }
}

/// Doubts that members raise together; every one of them is sound alone.
pub(super) fn between_members(attr: &DmaAttr) -> Vec<Note> {
    let mut notes = Vec::new();
    let cookie_max = attr.count_max.min(attr.seg).saturating_add(1);
    if attr.seg < attr.count_max {
        let text = format!(
            "smaller than count_max: no cookie has more than {} bytes, and count_max {:#x} has no effect",
            grouped(cookie_max),
            attr.count_max
        );
        notes.push(dubious("seg", text));
    }
    if attr.align > cookie_max {
        notes.push(dubious(
            "align",
            format!(
                "more than the largest cookie of {} bytes: what lies behind each cookie's end is copied",
                grouped(cookie_max)
            ),
        ));
    }
    requests(attr, cookie_max, &mut notes);
    granules(attr, cookie_max, &mut notes);
    notes
}

/// What one request holds.
fn requests(attr: &DmaAttr, cookie_max: u64, notes: &mut Vec<Note>) {
    let (granular, minxfer) = (u64::from(attr.granular), u64::from(attr.minxfer));
    let rest = attr.maxxfer % granular;
    if rest != 0 && attr.maxxfer < u64::from(u32::MAX) {
        notes.push(dubious(
            "maxxfer",
            format!("no multiple of granular {granular}: rounded down to {:#x}", attr.maxxfer - rest),
        ));
    }
    let unlimited = attr.sgllen == DmaAttr::UNLIMITED;
    let list_most = u128::from(cookie_max) * u128::from(attr.sgllen);
    if !unlimited && u128::from(attr.maxxfer) > list_most {
        notes.push(remark(
            "maxxfer",
            format!("without significance: sgllen {} cookies hold {list_most:#x} bytes at most", attr.sgllen),
        ));
    }
    if minxfer > granular && granular > 1 {
        notes.push(dubious(
            "minxfer",
            format!("more than granular {granular}: one granule alone cannot be moved"),
        ));
    }
    if minxfer > 1 && minxfer == cookie_max {
        notes.push(dubious(
            "minxfer",
            format!("as much as the largest cookie: every cookie has exactly {minxfer} bytes, and an object of any other length has no mapping"),
        ));
    }
}

/// What a granule asks of the other members.
fn granules(attr: &DmaAttr, cookie_max: u64, notes: &mut Vec<Note>) {
    let granular = u64::from(attr.granular);
    let unlimited = attr.sgllen == DmaAttr::UNLIMITED;
    let list_most = u128::from(cookie_max) * u128::from(attr.sgllen);
    let pages_most = u128::from(cookie_max.min(PAGE)) * u128::from(attr.sgllen);
    if !unlimited && list_most < u128::from(granular) {
        notes.push(dubious(
            "sgllen",
            format!("{} cookies hold {list_most:#x} bytes, less than granular {granular:#x}: no list but an object's last is possible", attr.sgllen),
        ));
    } else if !unlimited && pages_most < u128::from(granular) {
        notes.push(dubious(
            "sgllen",
            format!("{} scattered pages hold {pages_most:#x} bytes, less than granular {granular:#x}: scattered granules are copied", attr.sgllen),
        ));
    }
    if !granular.is_multiple_of(attr.align) && !attr.align.is_multiple_of(granular) {
        notes.push(dubious(
            "granular",
            format!("{granular} and align {:#x} are no multiples of each other: most lists that end on a granule leave the next one misaligned", attr.align),
        ));
    }
}
