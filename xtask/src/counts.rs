//! Instructions of one bind + unbind, counted by callgrind: the same on every run, whatever else the machine does.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run::{cargo, program};

/// A case of the example `count_bind` and the most instructions that it may take.
const BOUNDS: [(&str, u64); 4] =
    [("pages-1", 220), ("pages-16", 600), ("pages-256", 5000), ("extent-1m", 220)];

/// Most instructions by which one bind + unbind of a page may cost more in C than in Rust.
const C_ABOVE_RUST: u64 = 60;

/// Rounds of the two runs whose difference is counted: the first has all storage allocated already.
const ROUNDS: (u64, u64) = (10, 110);

/// Counts each case and fails where one is above its bound.
pub fn check() -> Result<()> {
    cargo("build --release -p ddi-dma --example count_bind").run()?;
    let example = built().join("examples/count_bind");
    let mut above = Vec::new();
    for (case, bound) in BOUNDS {
        let count = a_round(&example, case)?;
        println!("{case}: {count} instructions a bind + unbind (at most {bound})");
        if count > bound {
            above.push(case);
        }
    }
    if !above.is_empty() {
        bail!("above their bounds: {}", above.join(", "));
    }
    check_c()
}

/// Counts the same bind in Rust and in C, on the same simulated machine, and fails where C costs too much more.
fn check_c() -> Result<()> {
    cargo("build --release -p ddi-dma-sim --example count_bind_sim").run()?;
    cargo("build --release -p ddi-dma-c --lib").run()?;
    let made = built().join("count_bind_c");
    program(
        "cc",
        "-std=gnu11 -O2 -pthread -I crates/ddi-dma-c/include crates/ddi-dma-c/tests/c/count_bind.c",
    )
    .path("-o", &made)
    .argument(&built().join("libddi_dma.a"))
    .arguments("-lgcc_s -lutil -lrt -lpthread -lm -ldl")
    .run()
    .context("a C compiler makes the program: install Debian's package gcc")?;
    let rust = a_round(&built().join("examples/count_bind_sim"), "")?;
    let c = a_round(&made, "")?;
    println!("a page in C: {c} instructions a bind + unbind, in Rust {rust} (at most {C_ABOVE_RUST} more)");
    if c > rust + C_ABOVE_RUST {
        bail!("a bind + unbind costs {} instructions more in C than in Rust", c - rust);
    }
    Ok(())
}

/// Where cargo puts what it builds for release.
fn built() -> PathBuf {
    Path::new(&std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into())).join("release")
}

/// Instructions of one round of a program, which takes `case` and a number of rounds.
fn a_round(example: &Path, case: &str) -> Result<u64> {
    let rounds = ROUNDS.1 - ROUNDS.0;
    Ok((total(example, case, ROUNDS.1)? - total(example, case, ROUNDS.0)?).div_ceil(rounds))
}

/// Instructions of a whole run.
fn total(example: &Path, case: &str, rounds: u64) -> Result<u64> {
    let printed = program("valgrind", "--tool=callgrind --callgrind-out-file=/dev/null")
        .argument(example)
        .arguments(&format!("{case} {rounds}"))
        .errors()
        .context("callgrind counts the instructions: install Debian's package valgrind")?;
    let collected = printed.lines().find_map(|line| line.split("Collected : ").nth(1));
    let number = collected.and_then(|rest| rest.trim().parse().ok());
    number.with_context(|| format!("callgrind printed no count for {}:\n{printed}", example.display()))
}
