//! Attribute structures as TOML files.
//!
//! Members have the names of [`DmaAttr`] or of `ddi_dma_attr(9S)`; a member that is not given sets no limit.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use ddi_dma::{AttrFlags, BurstSizes, DmaAttr};
use toml::Value;

use crate::number;

/// The members in the order of the structure.
pub(crate) const MEMBERS: [&str; 12] = [
    "version",
    "addr_lo",
    "addr_hi",
    "count_max",
    "align",
    "burstsizes",
    "minxfer",
    "maxxfer",
    "seg",
    "sgllen",
    "granular",
    "flags",
];

/// What the C structure writes before each member's name.
const C_PREFIX: &str = "dma_attr_";

/// The flags that have names.
const FLAGS: [(&str, AttrFlags); 3] = [
    ("FORCE_PHYSICAL", AttrFlags::FORCE_PHYSICAL),
    ("FLAGERR", AttrFlags::FLAGERR),
    ("RELAXED_ORDERING", AttrFlags::RELAXED_ORDERING),
];

/// A file that was read: every member that it names is known, not every value need be possible.
#[derive(Debug, Clone)]
pub(crate) struct AttrFile {
    /// The attributes; without limit where the file gives none, or none that the member can hold.
    pub(crate) attr: DmaAttr,
    /// Members that the file gives.
    pub(crate) given: Vec<&'static str>,
    /// Members whose value cannot be stored: the member, the value as written, and what is wrong with it.
    pub(crate) unfit: Vec<Unfit>,
}

/// A value that its member cannot hold.
#[derive(Debug, Clone)]
pub(crate) struct Unfit {
    pub(crate) member: &'static str,
    /// The value as the file has it.
    pub(crate) value: String,
    /// What is wrong, and what to write.
    pub(crate) message: String,
}

impl AttrFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read attributes from {name}"))?;
        Self::parse(&text).with_context(|| format!("{name} is no attribute file"))
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let table: toml::Table =
            toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))?;
        let mut file = AttrFile { attr: DmaAttr::UNRESTRICTED, given: Vec::new(), unfit: Vec::new() };
        for (key, value) in &table {
            let plain = key.strip_prefix(C_PREFIX).unwrap_or(key);
            let Some(member) = MEMBERS.into_iter().find(|member| *member == plain) else {
                bail!(
                    "`{key}` is no member of the structure: members are {} (or each with {C_PREFIX})",
                    MEMBERS.join(", ")
                );
            };
            if file.given.contains(&member) {
                bail!("`{member}` is given twice: as {member} and as {C_PREFIX}{member}");
            }
            file.given.push(member);
            if let Err(message) = set(&mut file.attr, member, value) {
                file.unfit.push(Unfit { member, value: value.to_string(), message });
            }
        }
        Ok(file)
    }

    /// The attributes of a file that are about to be used.
    pub(crate) fn usable(self) -> anyhow::Result<DmaAttr> {
        match self.unfit.first() {
            Some(unfit) => bail!("{}", unfit.message),
            None => Ok(self.attr),
        }
    }
}

/// Stores one member.
fn set(attr: &mut DmaAttr, member: &'static str, value: &Value) -> Result<(), String> {
    match member {
        "addr_lo" => attr.addr_lo = long(member, value)?,
        "addr_hi" => attr.addr_hi = long(member, value)?,
        "count_max" => attr.count_max = long(member, value)?,
        "align" => attr.align = long(member, value)?,
        "maxxfer" => attr.maxxfer = long(member, value)?,
        "seg" => attr.seg = long(member, value)?,
        "version" => attr.version = word(member, value)?,
        "burstsizes" => attr.burstsizes = BurstSizes::from_bits_retain(word(member, value)?),
        "minxfer" => attr.minxfer = word(member, value)?,
        "granular" => attr.granular = word(member, value)?,
        "sgllen" => {
            let negative = value.as_integer().is_some_and(|value| value < 0);
            attr.sgllen = if negative { DmaAttr::UNLIMITED } else { word(member, value)? };
        }
        _ => attr.flags = flags(value)?,
    }
    Ok(())
}

/// A number of 64 bits. TOML's integers have a sign, so that the upper half is written as a string.
fn long(member: &str, value: &Value) -> Result<u64, String> {
    match value {
        Value::Integer(number) => u64::try_from(*number).map_err(|_| {
            format!(
                "{member} {number} is negative: write 0 or more; numbers above 2^63 - 1 are strings, such as \"{number:#x}\""
            )
        }),
        Value::String(text) => number::parse(text).map_err(|error| format!("{member}: {error}")),
        other => {
            Err(format!("{member} {other} is {}: write a number, or one as a string", with_article(other)))
        }
    }
}

fn word(member: &str, value: &Value) -> Result<u32, String> {
    let number = long(member, value)?;
    u32::try_from(number).map_err(|_| {
        format!("{member} {number:#x} is too large: the member has 32 bits, so at most 0xffffffff")
    })
}

fn flags(value: &Value) -> Result<AttrFlags, String> {
    let all = || FLAGS.map(|(name, _)| name).join(", ");
    let Value::Array(names) = value else {
        let number = word("flags", value).map_err(|error| format!("{error}, or an array of {}", all()))?;
        return Ok(AttrFlags::from_bits_retain(number));
    };
    names.iter().try_fold(AttrFlags::empty(), |sum, name| {
        let known = FLAGS.iter().find(|(known, _)| name.as_str() == Some(known));
        let flag = known.ok_or_else(|| format!("flags: {name} is unknown: flags are {}", all()));
        flag.map(|(_, flag)| sum | *flag)
    })
}

fn with_article(value: &Value) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_hex_and_strings() {
        let text = "dma_attr_addr_hi = \"0xffffffffffffffff\"\ncount_max = 0xFFFF\nsgllen = -1\nflags = [\"FLAGERR\"]";
        let file = AttrFile::parse(text).unwrap();
        assert_eq!((file.attr.addr_hi, file.attr.count_max), (u64::MAX, 0xFFFF));
        assert_eq!((file.attr.sgllen, file.attr.flags), (DmaAttr::UNLIMITED, AttrFlags::FLAGERR));
        assert!(file.unfit.is_empty());
    }

    #[test]
    fn what_a_member_cannot_hold_is_kept_for_the_check() {
        let file =
            AttrFile::parse("minxfer = 0x1_0000_0000\nseg = -1\nalign = 1.5\nflags = [\"FAST\"]").unwrap();
        let members: Vec<&str> = file.unfit.iter().map(|unfit| unfit.member).collect();
        assert_eq!(members, ["align", "flags", "minxfer", "seg"]);
        let seg = &file.unfit[3];
        assert_eq!(
            seg.message,
            "seg -1 is negative: write 0 or more; numbers above 2^63 - 1 are strings, such as \"0xffffffffffffffff\""
        );
        assert_eq!(file.attr, DmaAttr::UNRESTRICTED);
    }

    #[test]
    fn an_unknown_member_is_named_with_those_there_are() {
        let error = AttrFile::parse("addr_high = 1").unwrap_err().to_string();
        assert!(
            error.starts_with("`addr_high` is no member of the structure: members are version, addr_lo,")
        );
        let error = AttrFile::parse("seg = 1\ndma_attr_seg = 1").unwrap_err().to_string();
        assert!(error.contains("given twice"), "{error}");
    }
}
