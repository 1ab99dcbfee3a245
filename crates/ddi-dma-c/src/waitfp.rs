//! `waitfp`: what to do where a resource is short, and the callbacks that wait.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use ddi_dma::{Attempt, Callback, Wait};

use crate::misuse::misuse;
use crate::node::{Argument, Context, Node, context};
use crate::sunos41;

/// A resource callback of a driver: `int (*waitfp)(caddr_t)`.
pub(crate) type WaitFunction = unsafe extern "C" fn(*mut c_char) -> c_int;

/// The values of `waitfp` that are no functions: `DDI_DMA_DONTWAIT` and `DDI_DMA_SLEEP`.
const DONTWAIT: usize = 0;
const SLEEP: usize = 1;

/// By which rules a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rules {
    /// Section 9F's.
    Ddi,
    /// SunOS 4.1's: at the level at which no DMA is started elsewhere.
    MainBus,
}

impl Rules {
    /// `DDI_DMA_CALLBACK_RUNOUT`, `DVMA_RUNOUT`: there was still too little. Everything else says that the callback is
    /// done.
    fn runout(self) -> c_int {
        match self {
            Rules::Ddi => 0,
            Rules::MainBus => -1,
        }
    }
}

/// The callbacks of a device: one for each function and argument, however often it waits.
#[derive(Default)]
pub(crate) struct Callbacks {
    known: Mutex<HashMap<(usize, Argument, Rules), Callback>>,
}

/// How many callbacks are known before those that wait nowhere are forgotten.
const MANY: usize = 256;

/// The callback that a handle waited with last, found again without a lock.
#[derive(Default)]
pub(crate) struct LastCallback(Option<(usize, usize, Callback)>);

/// What `waitfp` and `arg` ask for; a mistake ends the process in the name of `function`. `rests` is called where the
/// caller is going to rest.
#[inline(always)]
pub(crate) fn waiting<'a>(
    node: &Node,
    waitfp: *const c_void,
    arg: *mut c_char,
    last: &'a mut LastCallback,
    rests: impl FnOnce(),
    function: &str,
) -> Wait<'a> {
    match waitfp.addr() {
        DONTWAIT => Wait::DontWait,
        SLEEP if context() == Context::User => {
            rests();
            Wait::Sleep
        }
        SLEEP => misuse!(
            function,
            "DDI_DMA_SLEEP in interrupt context: a handler or callback cannot sleep; give a function"
        ),
        _ => Wait::Callback(last.find(node, waitfp, arg)),
    }
}

impl LastCallback {
    /// The callback of a function and an argument.
    #[inline(never)]
    fn find(&mut self, node: &Node, waitfp: *const c_void, arg: *mut c_char) -> &Callback {
        let last = self.0.take();
        let known =
            last.filter(|(function, argument, _)| (*function, *argument) == (waitfp.addr(), arg.addr()));
        let found = known
            .unwrap_or_else(|| (waitfp.addr(), arg.addr(), node.callbacks.find(waitfp, arg, Rules::Ddi)));
        &self.0.insert(found).2
    }
}

impl Callbacks {
    /// The callback of a function and an argument.
    #[cold]
    pub(crate) fn find(&self, waitfp: *const c_void, arg: *mut c_char, rules: Rules) -> Callback {
        let argument = Argument::new(arg.cast());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, callback| callback.is_waiting());
        }
        let callback = known.entry((waitfp.addr(), argument, rules)).or_insert_with(|| {
            // SAFETY: `waitfp` is neither of the two values that are no functions, so it is one of this type (the
            // contract of 9F, which the prototypes in C check).
            let call: WaitFunction = unsafe { std::mem::transmute::<*const c_void, WaitFunction>(waitfp) };
            Callback::new(move |_| {
                // SAFETY: the driver gave the function to be called with this argument.
                let call = || unsafe { call(argument.pointer().cast()) };
                let answer = match rules {
                    Rules::Ddi => call(),
                    Rules::MainBus => sunos41::at_splvm(call),
                };
                if answer == rules.runout() { Attempt::Runout } else { Attempt::Done }
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
