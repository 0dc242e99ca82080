//! Threads in which something is touched.

use std::thread;

/// Threads that are all alive at once: each one calls `touch` and then starts the next one. Who runs
/// is never a matter of luck, and so the instructions are the same in every run.
///
/// # Panics
///
/// If a touch does.
pub fn nested(threads: usize, touch: impl Fn() + Copy + Send + 'static) {
    if threads > 0 {
        let next = move || {
            measured_touch(touch);
            nested(threads - 1, touch);
        };
        thread::spawn(next).join().expect("the touch panicked");
    }
}

/// Threads of which each one has ended before the next one starts.
///
/// # Panics
///
/// If a touch does.
pub fn one_after_another(threads: usize, touch: impl Fn() + Copy + Send + 'static) {
    for _ in 0..threads {
        let touch = move || measured_touch(touch);
        thread::spawn(touch).join().expect("the touch panicked");
    }
}

/// The call that callgrind is told to count alone, for a first access without the thread's end.
#[inline(never)]
fn measured_touch(touch: impl Fn()) {
    touch();
}
