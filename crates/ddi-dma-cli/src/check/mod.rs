//! `check`: what is wrong or dubious in an attribute structure, member by member.

mod doubts;
mod report;

use std::io::{self, Write};

use anyhow::Context;
use ddi_dma::{AttrError, DmaAttr};

use crate::Outcome;
use crate::attr_file::{AttrFile, MEMBERS};
use crate::cli::{CheckArgs, Format};
use report::Report;

/// What is to be said of a member, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Nothing, or only what it comes to.
    Ok,
    /// An engine may be like this; more likely somebody erred.
    Dubious,
    /// No engine is like this.
    Wrong,
}

/// One member with all that is to be said of it.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) member: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) notes: Vec<String>,
}

/// Checks a file.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let file = args.source.file()?;
    let report = Report::new(&file, findings(&file));
    let mut output = io::stdout().lock();
    match args.format() {
        Format::Text => write!(output, "{report}"),
        Format::Json => serde_json::to_writer_pretty(&mut output, &report)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(output)),
    }
    .context("cannot write the findings")?;
    Ok(if report.verdict() == Verdict::Wrong { Outcome::Bad } else { Outcome::Good })
}

/// Looks at every member.
fn findings(file: &AttrFile) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        MEMBERS.iter().map(|member| Finding { member, verdict: Verdict::Ok, notes: Vec::new() }).collect();
    for unfit in &file.unfit {
        add(&mut findings, unfit.member, Verdict::Wrong, unfit.message.clone());
    }
    for error in file.attr.violations() {
        add(&mut findings, member_of(&error), Verdict::Wrong, explain(&error));
    }
    let sound: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Ok)
        .map(|finding| finding.member)
        .collect();
    let all_sound = sound.len() == MEMBERS.len();
    let mut notes = doubts::of_members(&file.attr);
    if all_sound {
        notes.extend(doubts::between_members(&file.attr));
    }
    for (member, verdict, text) in notes {
        if sound.contains(&member) {
            add(&mut findings, member, verdict, text);
        }
    }
    findings
}

fn add(findings: &mut [Finding], member: &str, verdict: Verdict, text: String) {
    if let Some(finding) = findings.iter_mut().find(|finding| finding.member == member) {
        finding.verdict = finding.verdict.max(verdict);
        finding.notes.push(text);
    }
}

/// The member that an error is told at.
fn member_of(error: &AttrError) -> &'static str {
    match error {
        AttrError::Version { .. } => "version",
        AttrError::Range { .. } => "addr_lo",
        AttrError::NotAMask { member, .. }
        | AttrError::NotAPowerOfTwo { member, .. }
        | AttrError::Zero { member } => member,
        AttrError::MaxxferBelowGranular { .. } => "maxxfer",
        AttrError::MinxferAbove { .. } => "minxfer",
        AttrError::NoRoom { .. } => "align",
        AttrError::Granules { .. } => "granular",
        _ => "flags",
    }
}

/// An error, with what was probably meant.
pub(crate) fn explain(error: &AttrError) -> String {
    match error {
        AttrError::NotAMask { member: member @ ("count_max" | "seg"), value } if value.is_power_of_two() => {
            format!(
                "{error}; it looks like a number of bytes, and {member} is that minus one: {:#x}",
                value - 1
            )
        }
        AttrError::NotAPowerOfTwo { member, value } if value & value.wrapping_add(1) == 0 && *value > 0 => {
            format!(
                "{error}; it looks like a mask, and {member} is a number of bytes: {:#x}",
                u128::from(*value) + 1
            )
        }
        AttrError::NotAPowerOfTwo { member: member @ ("align" | "minxfer"), value: 0 } => {
            format!("{error}; an engine that does not care has {member} 1")
        }
        AttrError::NotAMask { value, .. } => {
            let bits = u64::BITS - value.leading_zeros();
            format!(
                "{error}; the masks next to it are {:#x} and {:#x}",
                mask(bits.saturating_sub(1)),
                mask(bits)
            )
        }
        AttrError::NotAPowerOfTwo { value, .. } => {
            format!("{error}; the one below it is {:#x}", 1u64 << value.checked_ilog2().unwrap_or(0))
        }
        AttrError::MaxxferBelowGranular { .. } => format!("{error}; raise maxxfer or lower granular"),
        AttrError::MinxferAbove { member, .. } => format!("{error}; lower minxfer or raise {member}"),
        AttrError::NoRoom { .. } => format!("{error}; lower align or widen addr_lo..=addr_hi"),
        other => other.to_string(),
    }
}

/// So many low bits.
fn mask(bits: u32) -> u64 {
    1u64.checked_shl(bits).map_or(u64::MAX, |boundary| boundary - 1)
}

/// A member's value, whatever its type.
fn value_of(attr: &DmaAttr, member: &str) -> u64 {
    match member {
        "version" => attr.version.into(),
        "addr_lo" => attr.addr_lo,
        "addr_hi" => attr.addr_hi,
        "count_max" => attr.count_max,
        "align" => attr.align,
        "burstsizes" => attr.burstsizes.bits().into(),
        "minxfer" => attr.minxfer.into(),
        "maxxfer" => attr.maxxfer,
        "seg" => attr.seg,
        "sgllen" => attr.sgllen.into(),
        "granular" => attr.granular.into(),
        _ => attr.flags.bits().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(text: &str) -> Vec<(&'static str, Verdict)> {
        findings(&AttrFile::parse(text).unwrap())
            .into_iter()
            .filter(|finding| finding.verdict != Verdict::Ok)
            .map(|finding| (finding.member, finding.verdict))
            .collect()
    }

    #[test]
    fn an_unlimited_engine_is_beyond_doubt() {
        assert_eq!(verdicts(""), []);
    }

    #[test]
    fn each_doubt_is_told_at_its_member() {
        use Verdict::{Dubious, Wrong};
        let cases: [(&str, &[(&str, Verdict)]); 14] = [
            ("addr_hi = 0x100_0000", &[("addr_hi", Dubious)]),
            ("addr_hi = 0xFFFF_F000", &[("addr_hi", Dubious)]),
            ("addr_lo = 5\naddr_hi = 4", &[("addr_lo", Wrong)]),
            ("count_max = 0x1_0000", &[("count_max", Wrong)]),
            ("seg = 0xFFFF\ncount_max = 0xFF_FFFF", &[("seg", Dubious)]),
            ("align = 512\ngranular = 520", &[("granular", Dubious)]),
            ("align = 512\ngranular = 512", &[]),
            ("maxxfer = 1000\ngranular = 512", &[("maxxfer", Dubious)]),
            ("maxxfer = 0xFFFF", &[("maxxfer", Dubious)]),
            ("minxfer = 64\ngranular = 32", &[("minxfer", Dubious)]),
            ("sgllen = 1\ngranular = 0x2_0000\ncount_max = 0xFFFF", &[("sgllen", Dubious)]),
            ("burstsizes = 0", &[("burstsizes", Dubious)]),
            ("flags = 1", &[("flags", Dubious)]),
            ("minxfer = 0\nversion = 2", &[("version", Wrong), ("minxfer", Wrong)]),
        ];
        for (text, expected) in cases {
            assert_eq!(verdicts(text), expected, "{text}");
        }
    }
}
