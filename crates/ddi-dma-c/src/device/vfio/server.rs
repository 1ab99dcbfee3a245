//! The thread that waits for an interrupt and calls the handler.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ddi_dma::{Interrupt, TimedOut};
use ddi_dma_vfio::EventInterrupt;

use crate::device::line::{Answer, Effect, Line, Served};
use crate::worker::Started;

/// How long the thread rests at a time. Whatever it is to do wakes it.
const REST: Duration = Duration::from_secs(3600);

/// The thread, and how it is told what to do.
pub(super) struct Server {
    shared: Arc<Shared>,
    thread: Started,
}

struct Shared {
    interrupt: EventInterrupt,
    line: Arc<Line>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How often somebody added a handler.
    added: u64,
    life: Life,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Life {
    #[default]
    Serving,
    Stopped,
}

impl Server {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn start(interrupt: EventInterrupt, line: Arc<Line>) -> io::Result<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { interrupt, line, state, changed });
        let me = Arc::clone(&shared);
        let thread = Started::new("interrupts", move || me.serve())?;
        Ok(Server { shared, thread })
    }

    /// Has the thread look whether the interrupt is raised, now that there is a handler.
    pub(super) fn look(&self) {
        self.shared.state().added += 1;
        self.shared.changed.notify_all();
    }

    /// Ends the thread. No handler runs afterwards, but one that calls this.
    pub(super) fn stop(self) {
        self.shared.state().life = Life::Stopped;
        self.shared.changed.notify_all();
        self.shared.interrupt.raise();
        self.thread.join();
    }
}

impl Shared {
    fn serve(&self) {
        loop {
            let mut added = self.state().added;
            let raised = self.interrupt.wait(REST);
            if self.state().life == Life::Stopped {
                return;
            }
            if let Err(TimedOut { .. }) = raised {
                continue;
            }
            let effect = |answer| if answer == Answer::Unclaimed { Effect::None } else { Effect::Some };
            // It stays pending, and a line masked, until somebody handles it.
            while self.line.serve(effect) == Served::Pending {
                let idle = |state: &mut State| state.added == added && state.life == Life::Serving;
                let state =
                    self.changed.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
                if state.life == Life::Stopped {
                    return;
                }
                added = state.added;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
