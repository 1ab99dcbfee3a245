//! `waitfp`: what to do where a resource is short, and the callbacks that wait.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use ddi_dma::{Attempt, Callback, Wait};

use crate::misuse::misuse;
use crate::node::{Argument, Context, Node, context};

/// A resource callback of a driver: `int (*waitfp)(caddr_t)`.
pub(crate) type WaitFunction = unsafe extern "C" fn(*mut c_char) -> c_int;

/// The values of `waitfp` that are no functions: `DDI_DMA_DONTWAIT` and `DDI_DMA_SLEEP`.
const DONTWAIT: usize = 0;
pub(crate) const SLEEP: usize = 1;

/// `DDI_DMA_CALLBACK_RUNOUT`: there was still too little. Everything else says that the callback is done.
const RUNOUT: c_int = 0;

/// How a caller waits.
#[derive(Debug, Clone)]
pub(crate) enum Waiting {
    DontWait,
    Sleep,
    Callback(Callback),
}

impl Waiting {
    pub(crate) fn wait(&self) -> Wait<'_> {
        match self {
            Waiting::DontWait => Wait::DontWait,
            Waiting::Sleep => Wait::Sleep,
            Waiting::Callback(callback) => Wait::Callback(callback),
        }
    }
}

/// The callbacks of a device: one for each function and argument, however often it waits.
#[derive(Default)]
pub(crate) struct Callbacks {
    known: Mutex<HashMap<(usize, Argument), Callback>>,
}

/// How many callbacks are known before those that wait nowhere are forgotten.
const MANY: usize = 256;

/// The callback that a handle waited with last, found again without a lock.
#[derive(Default)]
pub(crate) struct LastCallback(Option<(usize, usize, Callback)>);

/// What `waitfp` and `arg` ask for; a mistake ends the process in the name of `function`.
#[inline(always)]
pub(crate) fn waiting(
    node: &Node,
    waitfp: *const c_void,
    arg: *mut c_char,
    last: &mut LastCallback,
    function: &str,
) -> Waiting {
    match waitfp.addr() {
        DONTWAIT => Waiting::DontWait,
        SLEEP if context() == Context::User => Waiting::Sleep,
        SLEEP => misuse!(
            function,
            "DDI_DMA_SLEEP in interrupt context: a handler or callback cannot sleep; give a function"
        ),
        _ => Waiting::Callback(callback(node, waitfp, arg, last)),
    }
}

/// The callback of a function and an argument.
#[inline(never)]
fn callback(node: &Node, waitfp: *const c_void, arg: *mut c_char, last: &mut LastCallback) -> Callback {
    if let Some((function, argument, callback)) = &last.0
        && (*function, *argument) == (waitfp.addr(), arg.addr())
    {
        return callback.clone();
    }
    let callback = node.callbacks.find(waitfp, arg);
    last.0 = Some((waitfp.addr(), arg.addr(), callback.clone()));
    callback
}

impl Callbacks {
    /// The callback of a function and an argument.
    #[cold]
    fn find(&self, waitfp: *const c_void, arg: *mut c_char) -> Callback {
        let argument = Argument::new(arg.cast());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, callback| callback.is_waiting());
        }
        let callback = known.entry((waitfp.addr(), argument)).or_insert_with(|| {
            // SAFETY: `waitfp` is neither of the two values that are no functions, so it is one of this type (the
            // contract of 9F, which the prototypes in C check).
            let call: WaitFunction = unsafe { std::mem::transmute::<*const c_void, WaitFunction>(waitfp) };
            Callback::new(move |_| {
                // SAFETY: the driver gave the function to be called with this argument.
                let answer = unsafe { call(argument.pointer().cast()) };
                if answer == RUNOUT { Attempt::Runout } else { Attempt::Done }
            })
        });
        callback.clone()
    }

    /// Takes all callbacks out of all queues.
    pub(crate) fn cancel(&self) {
        let known = std::mem::take(&mut *self.known.lock().unwrap_or_else(PoisonError::into_inner));
        known.values().for_each(Callback::cancel);
    }
}
