//! The locks and atomics of the slow paths, in one place so that a model checker can take theirs.

#[cfg(not(shuttle))]
pub(crate) use portable_atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(all(not(shuttle), feature = "std"))]
type Inner<T> = spin::mutex::Mutex<T, spin::relax::Yield>;
#[cfg(all(not(shuttle), not(feature = "std")))]
type Inner<T> = spin::mutex::Mutex<T>;
#[cfg(shuttle)]
type Inner<T> = shuttle::sync::Mutex<T>;

#[cfg(not(shuttle))]
type Guard<'a, T> = spin::mutex::MutexGuard<'a, T>;
#[cfg(shuttle)]
type Guard<'a, T> = shuttle::sync::MutexGuard<'a, T>;

/// A lock that is held for a few instructions and never while somebody else's code runs.
#[derive(Default)]
pub(crate) struct Mutex<T>(Inner<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(Inner::new(value))
    }

    #[cfg(not(shuttle))]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock()
    }

    #[cfg(shuttle)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    #[cfg(not(shuttle))]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    #[cfg(shuttle)]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T> core::fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Mutex")
    }
}
