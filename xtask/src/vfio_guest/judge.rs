//! Whether a run of the guest ended well.

use anyhow::{Result, anyhow};
use vfio_guest_contents::Outcome;

use crate::watch::Ending;

/// Lines of the serial port's end that are shown with a failure.
const TAIL: usize = 60;

/// Fails unless the guest says that all went well, ended as it says, and reported tests; the error shows what it said last.
pub(super) fn judge(ending: &Ending) -> Result<()> {
    difference(ending).map_or(Ok(()), |why| Err(anyhow!("{why}\n{}", told(ending))))
}

/// What is wrong, if something is.
fn difference(ending: &Ending) -> Option<String> {
    let Some(status) = ending.status else {
        return Some(format!("killed: not done after {:?}", ending.limit));
    };
    let starts = |with: &str| ending.serial.lines().filter(|line| line.starts_with(with)).count();
    let (passed, failed) = (starts("ok "), starts("FAILED "));
    if failed > 0 {
        return Some(format!("{failed} of {} tests failed", passed + failed));
    }
    let well = format!("exit: {} ({})", Outcome::Success.code(), Outcome::Success.name());
    let last = ending.serial.lines().last().unwrap_or_default();
    if last != well {
        return Some(format!("the guest broke off after {passed} tests ({status}); it said last: {last:?}"));
    }
    if status.code() != Some(Outcome::Success.status()) {
        return Some(format!("the guest says that all went well, but: {status}"));
    }
    (passed == 0).then(|| "the guest says that all went well, but ran no test".into())
}

/// What guest and QEMU said last.
fn told(ending: &Ending) -> String {
    let lines: Vec<&str> = ending.serial.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    format!("--- end of the serial port\n{tail}\n--- what QEMU said\n{}", ending.log)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    use super::*;

    const WELL: &str = "\x1b[2J\r\nok this (0.01 s)\r\nok that (0.10 s)\r\nexit: 16 (success)\r\n";

    fn ending(status: i32, serial: &str) -> Ending {
        let status = Some(ExitStatus::from_raw(status << 8));
        Ending { status, limit: Duration::from_secs(1), serial: serial.into(), log: String::new() }
    }

    #[test]
    fn what_went_well_is_accepted() {
        assert_eq!(difference(&ending(33, WELL)), None);
    }

    #[test]
    fn a_status_that_contradicts_the_guest_is_not() {
        // The guest's kernel died, or QEMU was ended.
        assert!(difference(&ending(0, WELL)).is_some());
        assert!(difference(&ending(45, WELL)).is_some());
    }

    #[test]
    fn a_guest_that_broke_off_did_not_end_well() {
        let (begun, _) = WELL.split_once("exit").unwrap();
        for serial in [begun, "", "exit: 16 (success)\r\n", "ok this\r\nexit: 20 (bad machine)\r\n"] {
            assert!(difference(&ending(33, serial)).is_some(), "{serial}");
        }
        assert!(difference(&Ending { status: None, ..ending(33, WELL) }).is_some());
    }

    #[test]
    fn failed_tests_are_counted() {
        let failed = "ok this\r\nFAILED that: why\r\nexit: 22 (failure)\r\n";
        assert_eq!(difference(&ending(45, failed)).as_deref(), Some("1 of 2 tests failed"));
    }
}
