//! Runs a program, and tells what it did.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::library;

/// How long a program may take that has come to a standstill: no test waits for it but one that fails.
const STANDSTILL: Duration = Duration::from_secs(600);

/// The exit status that valgrind gives for an error or a leak.
const VALGRIND_ERROR: i32 = 97;

const SIGABRT: i32 = 6;

/// What a program did.
#[derive(Debug)]
pub struct Output {
    /// The exit status; `None` where a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// What valgrind reported; empty where it did not run.
    pub valgrind: String,
}

impl Output {
    /// Fails the test unless the program ended with status 0, and valgrind, where it ran, found nothing.
    #[track_caller]
    pub fn expect_success(&self) -> &Self {
        assert_eq!((self.status, self.signal), (Some(0), None), "{self}");
        self
    }

    /// Fails the test unless the program ended itself, and standard error is this line.
    #[track_caller]
    pub fn expect_abort(&self, line: &str) -> &Self {
        assert_eq!((self.status, self.signal), (None, Some(SIGABRT)), "{self}");
        assert_eq!(self.stderr.trim_end_matches('\n'), line, "{self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Output { status, signal, stdout, stderr, valgrind } = self;
        if *status == Some(VALGRIND_ERROR) {
            writeln!(f, "valgrind found errors or leaks")?;
        }
        writeln!(f, "exit status {status:?}, signal {signal:?}")?;
        for (name, text) in [("standard output", stdout), ("standard error", stderr), ("valgrind", valgrind)]
        {
            if !text.is_empty() {
                writeln!(f, "--- {name}\n{text}")?;
            }
        }
        Ok(())
    }
}

/// Runs a program under valgrind.
pub(super) fn valgrind(program: &Path, arguments: &[&str]) -> Output {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let log = library::directory().join(format!("valgrind-{}.log", RUNS.fetch_add(1, Ordering::Relaxed)));
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        panic!("valgrind does not run ({error}): install it (Debian: apt-get install valgrind)");
    }
    let mut command = Command::new("valgrind");
    command
        .arg(format!("--error-exitcode={VALGRIND_ERROR}"))
        .args(["--leak-check=full", "--show-leak-kinds=definite,possible"])
        .args(["--errors-for-leak-kinds=definite,possible", "--num-callers=30"])
        .args(["--child-silent-after-fork=yes", "--trace-children=no", "--fair-sched=yes"])
        .arg(format!("--log-file={}", log.display()))
        .arg(program)
        .args(arguments);
    let mut output = run(&mut command);
    output.valgrind = match fs::read_to_string(&log) {
        Ok(text) => text,
        Err(error) => panic!("valgrind wrote no {} ({error})\n{output}", log.display()),
    };
    let _ = fs::remove_file(&log);
    output
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> Output {
    // Cargo's directories are for the test, not for the program.
    command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => panic!("{command:?} does not run: {error}"),
    };
    let pid = rustix::process::Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    let waiter = thread::spawn(move || sender.send(child.wait_with_output()));
    let (output, stood) = match receiver.recv_timeout(STANDSTILL) {
        Ok(output) => (Some(output), false),
        Err(RecvTimeoutError::Timeout) => {
            // It has not been waited for, so that the id is still its.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            (receiver.recv().ok(), true)
        }
        Err(RecvTimeoutError::Disconnected) => (None, false),
    };
    let _ = waiter.join();
    let output = match output {
        Some(Ok(output)) => output,
        other => panic!("{command:?} could not be waited for: {other:?}"),
    };
    let output = Output {
        status: output.status.code(),
        signal: output.status.signal(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        valgrind: String::new(),
    };
    assert!(!stood, "{command:?} stood still for {STANDSTILL:?}:\n{output}");
    output
}
