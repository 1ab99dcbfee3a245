//! How findings are shown: lines for people, an object for programs.

use std::fmt;

use ddi_dma::DmaAttr;
use serde::Serialize;
use serde_json::Value;

use super::{Finding, Verdict, value_of};
use crate::attr_file::AttrFile;

/// All findings of one structure.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    verdict: &'static str,
    wrong: usize,
    dubious: usize,
    members: Vec<Member>,
}

#[derive(Debug, Serialize)]
struct Member {
    member: &'static str,
    /// A number; as it was written where the member cannot hold it; null where no value was given.
    value: Value,
    verdict: &'static str,
    notes: Vec<String>,
    #[serde(skip)]
    shown: String,
}

impl Report {
    pub(super) fn new(file: &AttrFile, findings: Vec<Finding>) -> Self {
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (wrong, dubious) = (count(Verdict::Wrong), count(Verdict::Dubious));
        let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
        let members = findings.into_iter().map(|finding| Member::new(file, finding)).collect();
        Report { verdict: word(worst), wrong, dubious, members }
    }

    pub(super) fn verdict(&self) -> Verdict {
        match (self.wrong, self.dubious) {
            (0, 0) => Verdict::Ok,
            (0, _) => Verdict::Dubious,
            _ => Verdict::Wrong,
        }
    }
}

impl Member {
    fn new(file: &AttrFile, finding: Finding) -> Self {
        let member = finding.member;
        let number = value_of(&file.attr, member);
        let (value, shown) = match file.unfit.iter().find(|unfit| unfit.member == member) {
            Some(unfit) => (unfit.value.clone().into(), unfit.value.clone()),
            None if !file.given.contains(&member) => (Value::Null, "not given".into()),
            None if member == "sgllen" && file.attr.sgllen == DmaAttr::UNLIMITED => {
                ((-1).into(), "-1".into())
            }
            None if matches!(member, "version" | "minxfer" | "sgllen" | "granular") => {
                (number.into(), number.to_string())
            }
            None => (number.into(), format!("{number:#x}")),
        };
        Member { member, value, verdict: word(finding.verdict), notes: finding.notes, shown }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Dubious => "dubious",
        Verdict::Wrong => "wrong",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.members.iter().map(|member| member.shown.len()).max().unwrap_or(0);
        for Member { member, shown, verdict, notes, .. } in &self.members {
            let head = format!("{member:<10}  {shown:<width$}  {verdict:<7}  ");
            let indent = head.len();
            let text = notes.join(&format!("\n{:indent$}", ""));
            writeln!(f, "{}", format_args!("{head}{text}").to_string().trim_end())?;
        }
        match (self.wrong, self.dubious) {
            (0, 0) => writeln!(f, "nothing to object to"),
            (wrong, dubious) => writeln!(f, "{wrong} wrong, {dubious} dubious"),
        }
    }
}
