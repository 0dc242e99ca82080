//! A lock made of atomics, and of nothing else.
//!
//! Not the standard library's, because the child of a fork must be able to overwrite it, and so must the last
//! thread of a process on Windows: the thread that held it may be gone. What it protects is short (no user code, no
//! allocation), so waiting is spinning that soon yields.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::fork::generation;
use crate::shared::primitive::{AtomicU32, Track, give_way, is_last_thread, pause};

pub(crate) struct Lock<T: ?Sized> {
    /// 1 while a guard exists.
    held: AtomicU32,
    /// How many threads wait.
    waiting: AtomicU32,
    track: Track,
    /// # Invariants
    ///
    /// Accessed through the one guard that exists while `held` is 1, or by
    /// [`overwrite`](Self::overwrite).
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands its value from thread to thread, one at a time.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

/// Stays with its thread, and so does the value: nothing here needs more.
#[must_use]
pub(crate) struct Guard<'a, T: ?Sized>(&'a Lock<T>, PhantomData<*mut T>);

impl<T> Lock<T> {
    #[cfg(not(tls_core_loom))]
    pub(crate) const fn new(value: T) -> Self {
        Self {
            held: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            track: Track::new(),
            value: UnsafeCell::new(value),
        }
    }

    #[cfg(tls_core_loom)]
    pub(crate) fn new(value: T) -> Self {
        Self {
            held: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            track: Track::new(),
            value: UnsafeCell::new(value),
        }
    }
}

/// Who holds the lock is a thread that is gone: this is a forked child, and the child handler has not run
/// yet, or the process is ending. So this thread is the only one.
#[derive(Debug)]
pub(crate) struct HolderIsGone;

impl<T: ?Sized> Lock<T> {
    #[inline]
    pub(crate) fn lock(&self) -> Result<Guard<'_, T>, HolderIsGone> {
        if !self.try_hold() {
            self.wait()?;
        }
        self.track.access();
        Ok(Guard(self, PhantomData))
    }

    /// As [`lock`](Self::lock), but gives up if the function says so while another thread holds
    /// it, or if that thread turns out to be gone.
    #[inline]
    pub(crate) fn lock_unless(&self, give_up: impl Fn() -> bool) -> Option<Guard<'_, T>> {
        if !self.try_hold() {
            let generation = generation::generation();
            let may_wait = self.wait_while(|| !give_up() && generation::generation() == generation);
            if !may_wait {
                return None;
            }
        }
        self.track.access();
        Some(Guard(self, PhantomData))
    }

    #[inline]
    fn try_hold(&self) -> bool {
        // Acquire: pairs with the release in `Guard::drop`.
        self.held.compare_exchange(0, 1, Acquire, Relaxed).is_ok()
    }

    #[cold]
    fn wait(&self) -> Result<(), HolderIsGone> {
        if self.wait_while(|| true) {
            Ok(())
        } else {
            Err(HolderIsGone)
        }
    }

    /// Waits as long as it may, and as there is somebody to wait for. Returns `true` if it holds the lock
    /// now.
    #[cold]
    fn wait_while(&self, may_wait: impl Fn() -> bool) -> bool {
        self.waiting.fetch_add(1, Relaxed);
        let mut turn = 0_u32;
        let is_held = loop {
            if self.held.load(Relaxed) == 0 && self.try_hold() {
                break true;
            }
            if !may_wait() {
                break false;
            }
            pause(turn);
            turn = turn.saturating_add(1);
            // Unusually long.
            if turn > 512 && is_holder_gone() {
                break false;
            }
        };
        // Not below zero: a forked child has set it to zero meanwhile.
        let _ = self
            .waiting
            .fetch_update(Relaxed, Relaxed, |waiting| waiting.checked_sub(1));
        is_held
    }

    /// Unlocks, whoever holds it, and hands out the value.
    ///
    /// # Safety
    ///
    /// This is the only thread of its process that accesses the lock, and no guard of it is
    /// used again. The value may be in the middle of a change: it is written, not read.
    pub(crate) unsafe fn overwrite(&self) -> *mut T {
        self.held.store(0, Relaxed);
        self.waiting.store(0, Relaxed);
        self.value.get()
    }
}

/// Returns `true` if this is the only thread.
///
/// In a forked child a handler of the user's may come here before ours has run. On Windows destructors come here at
/// the end of the process.
#[cold]
fn is_holder_gone() -> bool {
    generation::is_handler_due() || is_last_thread()
}

impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the invariant of `value`: this is the one guard.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T: ?Sized> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.track.access();
        // Release: pairs with the acquire in `Lock::try_hold`.
        self.0.held.store(0, Release);
        // Who totals in a loop would otherwise win every race against a thread that only wants
        // to start.
        if self.0.waiting.load(Relaxed) != 0 {
            give_way();
        }
    }
}

#[cfg(all(test, not(tls_core_loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time() {
        let lock = Lock::new(0_u64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        *lock.lock().unwrap() += 1;
                    }
                });
            }
        });
        assert_eq!(*lock.lock().unwrap(), 40_000);
    }

    #[test]
    fn who_may_not_wait_gives_up() {
        let lock = Lock::new(());
        let guard = lock.lock().unwrap();
        assert!(lock.lock_unless(|| true).is_none());
        drop(guard);
        assert!(lock.lock_unless(|| true).is_some());
    }

    #[test]
    fn overwriting_unlocks() {
        let lock = Lock::new(5);
        std::mem::forget(lock.lock().unwrap());
        // SAFETY: the guard is forgotten, and there is no other thread.
        let value = unsafe { lock.overwrite() };
        // SAFETY: as above.
        unsafe { value.write(6) };
        assert_eq!(*lock.lock().unwrap(), 6);
    }
}
