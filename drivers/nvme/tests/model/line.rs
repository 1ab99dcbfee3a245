//! An interrupt.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use ddi_dma::{Interrupt, Raised, TimedOut};

#[derive(Debug, Default)]
pub struct Line {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Line {
    pub fn raise(&self) {
        *self.raised.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

impl Interrupt for Line {
    fn wait(&self, limit: Duration) -> Result<(), TimedOut> {
        let raised = self.raised.lock().unwrap();
        let (mut raised, waited) = self.changed.wait_timeout_while(raised, limit, |raised| !*raised).unwrap();
        if waited.timed_out() && !*raised {
            return Err(TimedOut { limit });
        }
        *raised = false;
        Ok(())
    }

    fn take(&self) -> Raised {
        if std::mem::take(&mut *self.raised.lock().unwrap()) { Raised::Yes } else { Raised::No }
    }
}
