//! Each test in a process of its own.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::failure::Failure;
use crate::guest::Guest;
use crate::tests;

/// How long a test may take, if it does not say.
pub const LIMIT: Duration = Duration::from_secs(15);

/// This program.
const PROGRAM: &str = "/proc/self/exe";

/// A test.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// What it shows, in words joined by dashes.
    pub name: &'static str,
    run: fn(&Guest) -> Result<(), Failure>,
    limit: Duration,
}

/// What a second process does for a test.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Its name, as no test is called.
    pub name: &'static str,
    run: fn(&Guest, &[String]) -> Result<(), Failure>,
}

/// How a test went.
#[derive(Debug)]
pub struct Report {
    /// What it printed.
    pub printed: String,
    /// Whether it passed.
    pub result: Result<(), Failure>,
}

impl Test {
    /// A test that may take [`LIMIT`].
    pub const fn new(name: &'static str, run: fn(&Guest) -> Result<(), Failure>) -> Self {
        Test { name, run, limit: LIMIT }
    }

    /// May take this long.
    pub const fn within(self, limit: Duration) -> Self {
        Test { limit, ..self }
    }

    /// Runs it, and ends what it leaves running.
    pub fn report(&self) -> Result<Report, Failure> {
        let (mut printed, mut complaint) = (scratch()?, scratch()?);
        let mut command = Command::new(PROGRAM);
        command.args(["test", self.name]).process_group(0);
        command.stdin(Stdio::null()).stdout(printed.try_clone()?).stderr(complaint.try_clone()?);
        let mut child = command.spawn()?;
        let group = Pid::from_child(&child);
        let status = wait(&mut child, self.limit)?;
        // Nothing is left where the test ended all that it started.
        let _ = kill_process_group(group, Signal::KILL);
        let status = status.map_or_else(|| child.wait().map(|_| None), |status| Ok(Some(status)))?;
        let result = self.judge(status, text(&mut complaint)?.trim());
        Ok(Report { printed: text(&mut printed)?, result })
    }

    /// What a test's exit status means; `None` is that of one that took too long.
    fn judge(&self, status: Option<ExitStatus>, complaint: &str) -> Result<(), Failure> {
        let why = match status {
            Some(status) if status.success() => return Ok(()),
            Some(status) => match status.signal() {
                Some(signal) => format!("killed by signal {signal}; "),
                None => String::new(),
            },
            None => format!("not done after {:?}; ", self.limit),
        };
        Err(Failure::new(why + &complaint.replace('\n', " | ")))
    }
}

impl Role {
    /// A role.
    pub const fn new(name: &'static str, run: fn(&Guest, &[String]) -> Result<(), Failure>) -> Self {
        Role { name, run }
    }

    /// What starts it; the words that are added reach its function. It is killed when the test ends.
    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["role", self.name]);
        command
    }
}

/// What this program does where it is not the first process: one test, or one role.
pub fn child(words: &[String]) -> ExitCode {
    let done = match words {
        [kind, name] if kind == "test" => run_test(name),
        [kind, name, rest @ ..] if kind == "role" => run_role(name, rest),
        _ => Err(Failure::new("this is the first program of a guest: start it by cargo xtask vfio-guest")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run_test(name: &str) -> Result<(), Failure> {
    let test = tests::named(name).ok_or_else(|| Failure::new("there is no such test"))?;
    (test.run)(&Guest::look()?)
}

fn run_role(name: &str, words: &[String]) -> Result<(), Failure> {
    let role = tests::ROLES.iter().copied().flatten().find(|role| role.name == name);
    let role = role.ok_or_else(|| Failure::new(format!("there is no role {name}")))?;
    (role.run)(&Guest::look()?, words)
}

/// Waits for a process, but not longer than this: then it is killed.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>, Failure> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let limit = Timespec::try_from(limit)?;
    if poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))? == 0 {
        child.kill()?;
        return Ok(None);
    }
    Ok(Some(child.wait()?))
}

/// A file without a name: unlike a pipe, it holds whatever is written before anybody reads.
fn scratch() -> io::Result<File> {
    let file = rustix::fs::memfd_create("output", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(File::from(file))
}

fn text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
