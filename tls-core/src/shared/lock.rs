//! A lock made of nothing but atomics.
//!
//! It is not the standard library's, because the thread that held it may be gone. Then the child of a
//! fork, or the last thread of a process on Windows, must be able to overwrite it. It is held for a short
//! time only (no user code, no allocation), so waiting is spinning that soon yields.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::fork::generation;
use crate::shared::primitive::{AtomicU32, Track, give_way, is_last_thread, pause};

pub(crate) struct Lock<T: ?Sized> {
    /// 1 while a guard exists.
    held: AtomicU32,
    /// The number of threads that wait.
    waiting: AtomicU32,
    track: Track,
    /// # Invariants
    ///
    /// Accessed only through the one guard that exists while `held` is 1, or by
    /// [`overwrite`](Self::overwrite).
    value: UnsafeCell<T>,
}

// SAFETY: by the invariant of `value`, only one thread at a time accesses it, and a `T: Send` may go from
// thread to thread.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

/// Stays on its thread, and so does the value, because nothing here needs more.
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

/// The thread that holds the lock is gone. This is a forked child in which the child handler has not run
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

    /// Locks like [`lock`](Self::lock), but gives up if the function returns `true` while another thread
    /// holds the lock, or if that thread turns out to be gone.
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

    /// Waits while it may and another thread can hold the lock. Returns `true` if this thread holds the
    /// lock now.
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
            // The wait is unusually long.
            if turn > 512 && is_holder_gone() {
                break false;
            }
        };
        // Not below zero, because a forked child may have set it to zero meanwhile.
        let _ = self
            .waiting
            .fetch_update(Relaxed, Relaxed, |waiting| waiting.checked_sub(1));
        is_held
    }

    /// Unlocks, whichever thread holds the lock, and returns a pointer to the value.
    ///
    /// # Safety
    ///
    /// This is the only thread of its process that accesses the lock, and no guard of it is used again.
    /// The caller allows for a value that is in the middle of a change.
    pub(crate) unsafe fn overwrite(&self) -> *mut T {
        self.held.store(0, Relaxed);
        self.waiting.store(0, Relaxed);
        self.value.get()
    }
}

/// Returns `true` if this is the only thread.
///
/// In a forked child, a handler of the user's may call this before this crate's handler has run. On
/// Windows, destructors call this at the end of the process.
#[cold]
fn is_holder_gone() -> bool {
    generation::is_handler_due() || is_last_thread()
}

impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the invariant of `value`, which only this guard accesses now.
        unsafe { &*self.0.value.get() }
    }
}

impl<T: ?Sized> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant of `value`, which only this guard accesses now.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T: ?Sized> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.track.access();
        // Release: pairs with the acquire in `Lock::try_hold`.
        self.0.held.store(0, Release);
        // Otherwise a thread that totals in a loop would win every race against a thread that only wants
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
