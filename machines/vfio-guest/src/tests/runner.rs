//! The runner itself: what is broken on purpose is noticed, and told.

use std::time::Duration;

use crate::failure::Failure;
use crate::guest::Guest;
use crate::runner::{Role, Test};

pub const TESTS: &[Test] = &[Test::new("runner-notices-what-is-broken", notices)];

/// What each of them ends in, and what then is to be told.
const ENDS: &[(Test, &str)] = &[
    (Test::new("broken-failure", |_| Err(Failure::new("it failed"))), "it failed"),
    (Test::new("broken-panic", |_| panic!("it panicked")), "it panicked"),
    (Test::new("broken-crash", |_| std::process::abort()), "killed by signal 6"),
    (Test::new("broken-hang", hang).within(Duration::from_millis(100)), "not done after 100ms"),
];

pub const ROLES: &[Role] = &[WAITER];

/// A process that does not end.
const WAITER: Role = Role::new("broken-waiter", |_, _| {
    loop {
        std::thread::park();
    }
});

pub const BROKEN: &[Test] = &[ENDS[0].0, ENDS[1].0, ENDS[2].0, ENDS[3].0];

fn notices(_: &Guest) -> Result<(), Failure> {
    for (test, told) in ENDS {
        match test.report()?.result {
            Ok(()) => return Err(Failure::new(format!("{} passes", test.name))),
            Err(failure) => {
                ensure!(failure.to_string().contains(told), "{} is told as: {failure}", test.name)
            }
        }
    }
    Ok(())
}

/// Hangs, and so does a process that it started.
fn hang(_: &Guest) -> Result<(), Failure> {
    WAITER.command().spawn()?.wait()?;
    Ok(())
}
