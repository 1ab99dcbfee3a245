//! What the guest's kernel says.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use crate::failure::Failure;

/// The kernel's messages since the last look, and before that since its start.
#[derive(Debug)]
pub struct KernelLog(std::fs::File);

impl KernelLog {
    /// Listens from the kernel's start on.
    pub fn open() -> Result<Self, Failure> {
        let flags = OFlags::NONBLOCK.bits() as i32;
        Ok(KernelLog(OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg")?))
    }

    /// What was said since the last look, a message a line.
    pub fn news(&mut self) -> Result<Vec<String>, Failure> {
        let mut messages = Vec::new();
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(size) => messages.push(message(&String::from_utf8_lossy(&record[..size]))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(messages),
                // Some messages were overwritten: the rest follows.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The text of a record: behind its numbers, before its properties.
fn message(record: &str) -> String {
    let text = record.split_once(';').map_or(record, |(_, text)| text);
    text.lines().next().unwrap_or_default().to_owned()
}
