//! How many handles a bus gives out.

use crate::error::{Resource, Shortage};
use crate::wait::{Refusal, Supply};

/// Handles of one bus.
pub(crate) struct HandleLimit {
    limit: u64,
    taken: u64,
}

impl HandleLimit {
    pub(crate) fn new(limit: u64) -> Self {
        HandleLimit { limit, taken: 0 }
    }

    pub(crate) fn take(&mut self) -> Result<(), Refusal> {
        match (self.promises(1), self.taken) {
            (true, _) => {
                self.taken += 1;
                Ok(())
            }
            (false, 0) => Err(Refusal::Never(self.shortage(1))),
            (false, _) => Err(Refusal::Later(self.shortage(1))),
        }
    }

    pub(crate) fn put_back(&mut self) {
        self.taken -= 1;
    }
}

impl Supply for HandleLimit {
    fn promises(&self, asked: u64) -> bool {
        self.limit - self.taken >= asked
    }

    fn shortage(&self, asked: u64) -> Shortage {
        let free = self.limit - self.taken;
        Shortage { resource: Resource::Handles, asked, free, largest: free }
    }
}
