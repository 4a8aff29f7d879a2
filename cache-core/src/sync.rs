//! Synchronisation types: those of `std`, or those of `loom` in a build with `--cfg loom`.
//!
//! Whoever wants loom to explore its interleavings takes its types from here. `Arc` and `Weak` are always those of `std`: loom has no
//! `Weak` and its `Arc` knows neither slices nor trait objects, while a reference count is not what our models are about.

#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
#[cfg(all(test, not(loom)))]
pub(crate) use std::thread;

#[cfg(loom)]
pub(crate) use loom::{
    sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic},
    thread,
};

use std::sync::TryLockError;
/// A number in a static, which loom's cannot be, as they are not made by `const` functions: nothing may be ordered by it.
pub(crate) use std::sync::atomic::AtomicU64 as StaticU64;
pub(crate) use std::sync::{Arc, PoisonError};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Locks a mutex, whether or not a thread panicked while it held it.
///
/// A cached function's body, its `Drop` and its listeners may panic; one caller's panic must not make the cache fail for all others.
/// What a lock of ours protects is therefore consistent between any two statements that can panic.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same, unless somebody has it.
#[inline]
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Locks for reading, whether or not a thread panicked while it held the lock for writing (see [`lock`]).
#[inline]
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing, whether or not a thread panicked while it held the lock for writing (see [`lock`]).
#[inline]
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes all of them: one that panics must not keep the others asleep. No lock may be held, as one may run its task at once.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// Runs a future to its end in this thread, which sleeps while it is pending.
pub fn block_on<F: Future>(future: F) -> F::Output {
    use std::thread::{Thread, current, park};
    struct Unpark(Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut cx = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(out) => return out,
            std::task::Poll::Pending => park(),
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_under_a_lock_leaves_it_usable() {
        let both = Arc::new((Mutex::new(1), RwLock::new(2)));
        let inside = Arc::clone(&both);
        let panicked = thread::spawn(move || {
            let _mutex = lock(&inside.0);
            let _writing = write(&inside.1);
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert!(both.0.is_poisoned() && both.1.is_poisoned());
        *lock(&both.0) += 10;
        *write(&both.1) += 10;
        assert_eq!((*lock(&both.0), *read(&both.1)), (11, 12));
    }
}
