//! Instructions of one bind + unbind, counted by callgrind: the same on every run, whatever else the machine does.

use anyhow::{Context, Result, bail};

use crate::run::{cargo, program};

/// A case of the example `count_bind` and the most instructions that it may take.
const BOUNDS: [(&str, u64); 4] =
    [("pages-1", 220), ("pages-16", 600), ("pages-256", 5000), ("extent-1m", 220)];

/// Rounds of the two runs whose difference is counted: the first has all storage allocated already.
const ROUNDS: (u64, u64) = (10, 110);

/// Counts each case and fails where one is above its bound.
pub fn check() -> Result<()> {
    cargo("build --release -p ddi-dma --example count_bind").run()?;
    let mut above = Vec::new();
    for (case, bound) in BOUNDS {
        let count = (total(case, ROUNDS.1)? - total(case, ROUNDS.0)?).div_ceil(ROUNDS.1 - ROUNDS.0);
        println!("{case}: {count} instructions a bind + unbind (at most {bound})");
        if count > bound {
            above.push(case);
        }
    }
    if !above.is_empty() {
        bail!("above their bounds: {}", above.join(", "));
    }
    Ok(())
}

/// Instructions of a whole run.
fn total(case: &str, rounds: u64) -> Result<u64> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let arguments = format!(
        "--tool=callgrind --callgrind-out-file=/dev/null {target}/release/examples/count_bind {case} {rounds}"
    );
    let printed = program("valgrind", &arguments)
        .errors()
        .context("callgrind counts the instructions: install Debian's package valgrind")?;
    let collected = printed.lines().find_map(|line| line.split("Collected : ").nth(1));
    let number = collected.and_then(|rest| rest.trim().parse().ok());
    number.with_context(|| format!("callgrind printed no count for {case}:\n{printed}"))
}
