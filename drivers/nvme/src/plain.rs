//! A request that moves no data: flush, and write zeroes.

use std::sync::Arc;

use crate::command::{Blocks, Command};
use crate::error::{RequestError, RequestErrorKind};
use crate::outcome::{Landing, Report, Token};
use crate::request::{Cut, Job, Next, Portion};
use crate::status::Status;

/// Most blocks that a command can name.
const MOST_BLOCKS: u64 = 1 << 16;

/// A request without data.
pub(crate) struct Plain {
    work: Work,
    block: u32,
    report: Report,
    failure: Option<RequestErrorKind>,
    landing: Arc<Landing<()>>,
}

/// What is left to do.
enum Work {
    Nothing,
    Flush { namespace: u32 },
    WriteZeroes { namespace: u32, lba: u64, blocks: u64 },
}

impl Plain {
    pub(crate) fn flush(namespace: u32) -> (Self, Token<()>) {
        Plain::new(Work::Flush { namespace }, 0, 0)
    }

    /// Zeroes blocks of so many bytes, all of which the namespace has.
    pub(crate) fn write_zeroes(namespace: u32, lba: u64, blocks: u64, block: u32) -> (Self, Token<()>) {
        Plain::new(Work::WriteZeroes { namespace, lba, blocks }, block, blocks * u64::from(block))
    }

    fn new(work: Work, block: u32, length: u64) -> (Self, Token<()>) {
        let (token, landing) = Token::new();
        let report = Report { length, ..Report::default() };
        (Plain { work, block, report, failure: None, landing }, token)
    }
}

impl Job for Plain {
    fn next(&mut self, in_flight: u32) -> Next<'_> {
        let (command, lba, count) = match self.work {
            Work::Flush { namespace } if self.failure.is_none() => {
                self.work = Work::Nothing;
                (Command::flush(namespace), 0, 0)
            }
            Work::WriteZeroes { namespace, lba, blocks } if self.failure.is_none() && blocks > 0 => {
                let count = blocks.min(MOST_BLOCKS);
                self.work = Work::WriteZeroes { namespace, lba: lba + count, blocks: blocks - count };
                let count = count as u32;
                (Command::write_zeroes(Blocks { namespace, first: lba, count }), lba, count)
            }
            _ if in_flight > 0 => return Next::Nothing,
            _ => return Next::Finished,
        };
        self.report.commands += 1;
        let bytes = u64::from(count) * u64::from(self.block);
        Next::Command { command, data: None, portion: Portion { lba, blocks: count, bytes } }
    }

    fn ended(&mut self, portion: Portion, status: Result<(), Status>) {
        let Portion { lba, blocks, bytes } = portion;
        match status {
            Ok(()) => self.report.moved += bytes,
            Err(status) => _ = self.failure.get_or_insert(RequestErrorKind::Status { status, lba, blocks }),
        }
    }

    fn finish(self: Box<Self>, cut: Option<Cut>) {
        self.landing.put(match cut.map(|cut| cut.why).or(self.failure) {
            None => Ok(((), self.report)),
            Some(kind) => Err(RequestError::new(kind, self.report, Some(()))),
        });
    }
}
