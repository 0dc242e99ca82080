//! Threads, and the end of one.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

struct AtExit(RefCell<Vec<Box<dyn FnOnce()>>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        for f in self.0.take() {
            f();
        }
    }
}

thread_local! {
    static AT_EXIT: AtExit = const { AtExit(RefCell::new(Vec::new())) };
}

/// Calls a function when the present thread ends: after its states are gone, if this is
/// called before the thread uses any, because destructors run in the reverse order of first
/// use. The function must not panic.
pub(crate) fn at_exit(f: impl FnOnce() + 'static) {
    AT_EXIT.with(|at_exit| at_exit.0.borrow_mut().push(Box::new(f)));
}

/// Runs a function on a thread of its own, until that has ended, its destructors included.
pub(crate) fn on_thread<R, F>(f: F) -> R
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    join(thread::spawn(f))
}

/// Runs a function on several threads at the same time, each with its number, until they have
/// ended.
pub(crate) fn on_threads<R, F>(count: usize, f: F) -> Vec<R>
where
    R: Send + 'static,
    F: Fn(usize) -> R + Clone + Send + 'static,
{
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let f = f.clone();
            thread::spawn(move || f(number))
        })
        .collect();
    threads.into_iter().map(join).collect()
}

fn join<R>(thread: JoinHandle<R>) -> R {
    thread
        .join()
        .unwrap_or_else(|payload| resume_unwind(payload))
}

/// Locks, also after a test has failed while it held the lock.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
