//! A machine model that runs: what its guest says is shown as it comes, and time is limited.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often is looked at what the guest said.
const LOOK: Duration = Duration::from_millis(20);

/// A run to be watched.
#[derive(Debug)]
pub struct Watch {
    /// What starts the model.
    pub command: Command,
    /// How it reads in front of a line.
    pub name: &'static str,
    /// The file that holds what the guest says on the serial port.
    pub serial: PathBuf,
    /// The file that holds what the model says; its output goes there too where it keeps no such file.
    pub log: PathBuf,
    /// The longest that it may run.
    pub limit: Duration,
    /// Whether the results of tests are shown as they come.
    pub results: Results,
}

/// Whether the results of tests are shown as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// They are.
    Shown,
    /// They are not: a failure is what the run is about.
    Hidden,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ending {
    /// The model's exit status; `None` where it had to be killed.
    pub status: Option<ExitStatus>,
    /// The longest that it was allowed to run.
    pub limit: Duration,
    /// What the guest said on the serial port.
    pub serial: String,
    /// What the model said.
    pub log: String,
}

impl Watch {
    /// Runs the model to its end, or to the end of its time.
    pub fn until_its_end(mut self) -> Result<Ending> {
        let output = self.log.with_extension("out");
        let sink = File::create(&output)?;
        self.command.stdin(Stdio::null()).stdout(sink.try_clone()?).stderr(sink);
        let mut child = self.command.spawn().with_context(|| format!("cannot start {}", self.name))?;
        let status = self.follow(&mut child)?;
        let log = text(&output) + &text(&self.log);
        Ok(Ending { status, limit: self.limit, serial: text(&self.serial), log })
    }

    /// Shows the results of tests until the model ends; kills it where its time is over.
    fn follow(&self, child: &mut Child) -> Result<Option<ExitStatus>> {
        let started = Instant::now();
        let mut shown = 0;
        loop {
            // Asked first: what the guest said before the end is then all there.
            let status = child.try_wait()?;
            let said = text(&self.serial);
            let whole = said.rfind('\n').map_or(0, |end| end + 1);
            let results = said[shown..whole].lines().filter(|line| is_result(line));
            for line in results.filter(|_| self.results == Results::Shown) {
                println!("{}: {}", self.name, line.trim_end());
            }
            shown = whole;
            if status.is_some() {
                return Ok(status);
            }
            if started.elapsed() > self.limit {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            sleep(LOOK);
        }
    }
}

/// Whether a line is the result of a test, or what a test printed.
fn is_result(line: &str) -> bool {
    ["ok ", "FAILED ", "  "].iter().any(|start| line.starts_with(start))
}

/// What a file holds, as text; nothing where there is no such file yet.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    // What cannot be read was not said, and the judge misses it.
    let _ = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
