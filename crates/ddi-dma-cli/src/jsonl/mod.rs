//! `plan --jsonl`: one case a line in, one plan a line out.
//!
//! The nexus of these cases adds no limits of its own, and the copy buffer stands wherever the engine reaches and
//! the object has no page.

mod answer;
mod case;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use ddi_dma::plan::Plan;
use serde::Serialize;
use serde_json::Value;

use crate::Outcome;
use answer::Answer;
use case::Case;

/// What is printed for a line that is no case.
#[derive(Debug, Serialize)]
struct Malformed {
    #[serde(skip_serializing_if = "Value::is_null")]
    id: Value,
    error: String,
    line: u64,
}

/// Answers every line of a file; `-` is the standard input.
pub(crate) fn run(source: &Path) -> anyhow::Result<Outcome> {
    let (name, input): (String, Box<dyn BufRead>) = if source == Path::new("-") {
        ("standard input".to_owned(), Box::new(io::stdin().lock()))
    } else {
        let name = source.display().to_string();
        let file = File::open(source).with_context(|| format!("cannot open {name}"))?;
        ensure!(!source.is_dir(), "{name} is a directory: give a file with a case a line");
        (name, Box::new(BufReader::with_capacity(1 << 16, file)))
    };
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let count = answer_all(input, &mut output, &name)?;
    output.flush().context("cannot write the plans")?;
    if count.malformed == 0 {
        return Ok(Outcome::Good);
    }
    let (malformed, lines) = (count.malformed, count.lines);
    let _ =
        writeln!(io::stderr(), "ddi-dma: {name}: {malformed} of {lines} lines are no cases: see \"error\"");
    Ok(Outcome::Bad)
}

/// How many lines there were.
#[derive(Debug, Default)]
struct Count {
    lines: u64,
    malformed: u64,
}

fn answer_all(mut input: impl BufRead, output: &mut impl Write, name: &str) -> anyhow::Result<Count> {
    let mut plan = Plan::new();
    let mut text = Vec::new();
    let mut count = Count::default();
    let mut line = 0;
    loop {
        text.clear();
        line += 1;
        if input.read_until(b'\n', &mut text).with_context(|| format!("cannot read {name}, line {line}"))?
            == 0
        {
            return Ok(count);
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        count.lines += 1;
        match Case::parse(&text) {
            Ok(case) => serde_json::to_writer(&mut *output, &Answer::of(&case, &mut plan)),
            Err(case::Error { id, message }) => {
                count.malformed += 1;
                serde_json::to_writer(&mut *output, &Malformed { id, error: message, line })
            }
        }
        .map_err(io::Error::from)
        .and_then(|()| output.write_all(b"\n"))
        .context("cannot write the plans")?;
    }
}
