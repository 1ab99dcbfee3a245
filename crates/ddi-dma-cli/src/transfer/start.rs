//! How a stream starts its requests, in each way of waiting.
//!
//! With a callback it is as with the DDI manual's `xxstart`: one routine takes the request that is pending, and binds
//! with itself as the callback. It is called by the stream first, and by whoever releases something afterwards.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, anyhow};
use ddi_dma::{Attempt, Callback, Resource, Wait};

use super::engine::{Cause, Done, Engine, Refused, Request};
use super::turns::{Turns, Woken};
use crate::cli::WaitWay;

/// Moves the objects of one stream through its engine.
pub(super) struct Starter {
    way: WaitWay,
    stream: usize,
    turns: Arc<Turns>,
    /// There but while a request is under way.
    engine: Option<Engine>,
}

/// What the start routine works on, wherever it runs.
struct Desk {
    place: Mutex<Place>,
}

/// Where the request is.
enum Place {
    /// It waits to be started.
    Pending(Box<(Engine, Request)>),
    /// Somebody is starting it.
    Starting,
    /// The same, and somebody else was to start it meanwhile.
    StartAgain,
    /// It was started, or cannot be.
    Ended(Box<(Engine, Result<(), Refused>)>),
    /// The stream has taken it.
    Taken,
}

impl Starter {
    pub(super) fn new(engine: Engine, way: WaitWay, stream: usize, turns: Arc<Turns>) -> Self {
        Starter { way, stream, turns, engine: Some(engine) }
    }

    /// Moves one object.
    pub(super) fn carry(&mut self, request: Request) -> anyhow::Result<Done> {
        let mut engine = self.engine.take().context("the driver is gone")?;
        let (mut engine, started) = match self.way {
            WaitWay::Dontwait => {
                let started = engine.start(request, Wait::DontWait);
                (engine, started)
            }
            WaitWay::Sleep => {
                let started = engine.start(request, Wait::Sleep);
                (engine, started)
            }
            WaitWay::Callback => self.start_called(engine, request),
        };
        let done = match started {
            Ok(()) => engine.finish(),
            Err(refused) => Err(advise(refused)),
        };
        self.engine = Some(engine);
        done
    }

    /// Starts a request with the start routine as its own callback.
    fn start_called(&self, engine: Engine, request: Request) -> (Engine, Result<(), Refused>) {
        let desk = Arc::new(Desk { place: Mutex::new(Place::Pending(Box::new((engine, request)))) });
        let xxstart = {
            let (desk, turns, stream) = (desk.clone(), self.turns.clone(), self.stream);
            Callback::new(move |me| {
                let attempt = desk.start(Wait::Callback(me));
                if attempt == Attempt::Done {
                    turns.call(stream);
                }
                attempt
            })
        };
        desk.start(Wait::Callback(&xxstart));
        loop {
            if let Some(ended) = desk.take_ended() {
                xxstart.cancel();
                return ended;
            }
            if self.turns.rest(self.stream) == Woken::Alone {
                // Nothing is out that could come back. Whatever was kept for others goes to whoever can use it.
                xxstart.cancel();
                desk.give_up();
            }
        }
    }
}

/// An error, with what may help.
fn advise(refused: Refused) -> anyhow::Error {
    let Refused { cause, error, .. } = refused;
    match cause {
        Cause::Shortage(Resource::MapSpace) => anyhow!(
            "{error}: give more with --dvma, let windows slide with --flags partial, or wait with --wait sleep"
        ),
        Cause::Shortage(Resource::DmaChannel(_)) => {
            anyhow!("{error}: wait for it with --wait sleep, or take fewer streams with --parallel")
        }
        Cause::Shortage(_) => {
            anyhow!("{error}: give more with --copy-buffer or --memory, or wait with --wait sleep")
        }
        Cause::TooBig => anyhow!("{error}: give more with --copy-buffer"),
        Cause::Other => error,
    }
}

impl Desk {
    /// Starts what is pending.
    fn start(&self, wait: Wait<'_>) -> Attempt {
        loop {
            let (mut engine, request) = {
                let mut place = self.place();
                match std::mem::replace(&mut *place, Place::Starting) {
                    Place::Pending(work) => *work,
                    Place::Starting | Place::StartAgain => {
                        *place = Place::StartAgain;
                        return Attempt::Runout;
                    }
                    over @ (Place::Ended(_) | Place::Taken) => {
                        *place = over;
                        return Attempt::Done;
                    }
                }
            };
            // Without the lock: binding may call other streams' callbacks.
            let started = engine.start(request, wait);
            let mut place = self.place();
            let again = matches!(*place, Place::StartAgain);
            match started {
                Err(Refused { request, cause: Cause::Shortage(_), .. }) => {
                    *place = Place::Pending(Box::new((engine, request)));
                    if !again {
                        return Attempt::Runout;
                    }
                }
                ended => {
                    *place = Place::Ended(Box::new((engine, ended)));
                    return Attempt::Done;
                }
            }
        }
    }

    /// Starts what is pending, or ends it with its error. Nobody is called from here on.
    fn give_up(&self) {
        let mut place = self.place();
        *place = match std::mem::replace(&mut *place, Place::Starting) {
            Place::Pending(work) => {
                let (mut engine, request) = *work;
                let ended = engine.start(request, Wait::DontWait);
                Place::Ended(Box::new((engine, ended)))
            }
            other => other,
        };
    }

    fn take_ended(&self) -> Option<(Engine, Result<(), Refused>)> {
        let mut place = self.place();
        match std::mem::replace(&mut *place, Place::Taken) {
            Place::Ended(ended) => Some(*ended),
            other => {
                *place = other;
                None
            }
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
