//! `doctor`: whether VFIO can be used here, and what mends what is missing.

use std::fmt;
use std::io::{self, Write};

use anyhow::Context;
use ddi_dma_vfio::host::{Examination, Finding, Verdict};
use serde::Serialize;

use super::{MendRow, host, mend_lines, mend_rows};
use crate::Outcome;
use crate::cli::{DoctorArgs, Format};

/// Examines this machine.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<Outcome> {
    let examination = host(args.root.as_deref())?.examine();
    let usable = !examination.usable.is_empty();
    let mut output = io::stdout().lock();
    match args.format() {
        Format::Json => serde_json::to_writer_pretty(&mut output, &Report::new(&examination))
            .map_err(io::Error::from)
            .and_then(|()| writeln!(output)),
        Format::Text => write!(output, "{}", Text(&examination)),
    }
    .context("cannot write the findings")?;
    Ok(if usable { Outcome::Good } else { Outcome::Bad })
}

/// An examination, for programs.
#[derive(Debug, Serialize)]
struct Report {
    usable: bool,
    devices: Vec<String>,
    findings: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    topic: String,
    verdict: &'static str,
    text: String,
    mends: Vec<MendRow>,
}

impl Report {
    fn new(examination: &Examination) -> Self {
        let row = |finding: &Finding| Row {
            topic: finding.topic.to_string(),
            verdict: word(finding.verdict),
            text: finding.text.clone(),
            mends: mend_rows(&finding.mends),
        };
        Report {
            usable: !examination.usable.is_empty(),
            devices: examination.usable.iter().map(ToString::to_string).collect(),
            findings: examination.findings.iter().map(row).collect(),
        }
    }
}

/// An examination, for people.
struct Text<'a>(&'a Examination);

/// Columns before the text of a finding.
const INDENT: usize = 9 + 18;

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Examination { findings, usable } = self.0;
        for Finding { topic, verdict, text, mends } in findings {
            writeln!(f, "{:<9}{topic:<18}{text}", word(*verdict))?;
            write!(f, "{}", mend_lines(mends, INDENT))?;
        }
        let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
        match (&usable[..], bad) {
            ([], 1) => writeln!(f, "\nVFIO cannot be used here now: see the bad line"),
            ([], bad) => {
                writeln!(
                    f,
                    "\nVFIO cannot be used here now: see the {bad} bad lines, and mend them from the top"
                )
            }
            (devices, _) => {
                let devices: Vec<String> = devices.iter().map(ToString::to_string).collect();
                writeln!(f, "\nVFIO can be used, with {}", devices.join(", "))
            }
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "ok",
        Verdict::Limited => "limited",
        Verdict::Bad => "bad",
    }
}
