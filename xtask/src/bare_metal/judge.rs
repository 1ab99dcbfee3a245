//! Whether a run ended as it should.

use anyhow::{Result, anyhow};

use super::Model;
use crate::watch::Ending;

/// The code of a kernel all of whose tests passed.
const SUCCESS: u8 = 16;

/// What Bochs calls a panic although the kernel asked for it.
const SHUTDOWN: &str = "Shutdown port: shutdown requested";

/// Lines of a log that are shown.
const TAIL: usize = 20;

/// How a run should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// With all tests passed, and some test run.
    Success,
    /// With this code of the kernel.
    Code(u8),
    /// With a panic of the model that says this.
    Panic(&'static str),
}

impl Expect {
    /// Compares; the error shows all that was said.
    pub(super) fn judge(self, model: Model, ending: &Ending) -> Result<()> {
        self.difference(model, ending).map_or(Ok(()), |why| Err(anyhow!("{why}\n{}", told(ending))))
    }

    /// What is wrong, if something is.
    fn difference(self, model: Model, ending: &Ending) -> Option<String> {
        let Some(status) = ending.status else {
            return Some(format!("killed: not done after {:?}", ending.limit));
        };
        let wanted = match (self, panic(&ending.log)) {
            (Expect::Panic(what), Some(panic)) if panic.contains(what) => return None,
            (Expect::Panic(what), None) => return Some(format!("the model did not panic: {what}")),
            (_, Some(panic)) => return Some(format!("the model panicked: {panic}")),
            (Expect::Success, None) => SUCCESS,
            (Expect::Code(code), None) => code,
        };
        match exit_code(&ending.serial) {
            None => return Some(format!("the kernel did not say how it ended ({status})")),
            Some(code) if code != wanted => return Some(format!("exit code {code} instead of {wanted}")),
            Some(_) => {}
        }
        // QEMU's status is made of the code; that of Bochs is the same however it ends.
        if model == Model::Qemu && status.code() != Some(i32::from(wanted) << 1 | 1) {
            return Some(format!("the kernel said {wanted}, but: {status}"));
        }
        let passed = ending.serial.lines().filter(|line| line.starts_with("ok ")).count();
        let failed = ending.serial.lines().filter(|line| line.starts_with("FAILED ")).count();
        (self == Expect::Success && (passed == 0 || failed > 0)).then(|| {
            format!("{passed} tests passed and {failed} failed in a run that says that it went well")
        })
    }
}

/// What Bochs panicked at.
fn panic(log: &str) -> Option<&str> {
    log.lines().find(|line| line.contains(">>PANIC<<") && !line.contains(SHUTDOWN))
}

/// The code in the kernel's last line, `exit: N (name)`.
fn exit_code(serial: &str) -> Option<u8> {
    let (code, _) = serial.lines().last()?.strip_prefix("exit: ")?.split_once(' ')?;
    code.parse().ok()
}

/// What kernel and model said.
fn told(ending: &Ending) -> String {
    let log: Vec<&str> = ending.log.lines().collect();
    let tail = log[log.len().saturating_sub(TAIL)..].join("\n");
    format!("--- serial port\n{}--- end of the model's log\n{tail}", ending.serial)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    use super::*;

    const WELL: &str = "ok this\nok that\nexit: 16 (success)\n";
    const STOPPED: &str = "00000000042p[UNMAP ] >>PANIC<< Shutdown port: shutdown requested\n";
    const PANICKED: &str = "00000000042p[DMA   ] >>PANIC<< request outside 64k boundary\n";

    fn ending(status: i32, serial: &str, log: &str) -> Ending {
        let status = Some(ExitStatus::from_raw(status << 8));
        Ending { status, limit: Duration::from_secs(1), serial: serial.into(), log: log.into() }
    }

    #[test]
    fn what_went_well_is_accepted() {
        assert_eq!(Expect::Success.difference(Model::Qemu, &ending(33, WELL, "")), None);
        assert_eq!(Expect::Success.difference(Model::Bochs, &ending(1, WELL, STOPPED)), None);
    }

    #[test]
    fn a_status_that_contradicts_the_kernel_is_not() {
        // A triple fault under -no-reboot exits with 0.
        assert!(Expect::Success.difference(Model::Qemu, &ending(0, WELL, "")).is_some());
        assert!(Expect::Success.difference(Model::Qemu, &ending(35, WELL, "")).is_some());
    }

    #[test]
    fn a_panic_of_the_model_is_told_from_its_shutdown() {
        let panicked = ending(1, WELL, PANICKED);
        assert!(Expect::Success.difference(Model::Bochs, &panicked).is_some());
        assert_eq!(Expect::Panic("64k boundary").difference(Model::Bochs, &panicked), None);
        assert!(Expect::Panic("128k boundary").difference(Model::Bochs, &panicked).is_some());
        assert!(Expect::Panic("64k boundary").difference(Model::Bochs, &ending(1, WELL, STOPPED)).is_some());
    }

    #[test]
    fn success_without_tests_or_with_a_failed_one_is_none() {
        for serial in
            ["exit: 16 (success)\n", "ok this\nFAILED that: why\nexit: 16 (success)\n", "ok this\n", ""]
        {
            assert!(Expect::Success.difference(Model::Qemu, &ending(33, serial, "")).is_some(), "{serial}");
        }
    }

    #[test]
    fn each_way_to_fail_has_its_code() {
        let failed = ending(1, "FAILED this: why\nexit: 32 (test this)\n", STOPPED);
        assert_eq!(Expect::Code(32).difference(Model::Bochs, &failed), None);
        assert!(Expect::Code(33).difference(Model::Bochs, &failed).is_some());
        assert!(Expect::Success.difference(Model::Bochs, &failed).is_some());
    }

    #[test]
    fn a_run_that_was_killed_never_ended_well() {
        let killed = Ending { status: None, ..ending(33, WELL, "") };
        assert!(Expect::Success.difference(Model::Qemu, &killed).is_some());
        assert!(Expect::Panic("").difference(Model::Qemu, &killed).is_some());
    }
}
