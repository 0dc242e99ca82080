//! The end of a thread, for shared fields.

use std::cell::Cell;

use crate::shared::local;

thread_local! {
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
    static GUARD: Guard = const { Guard };
}

/// Its destructor is what the standard library calls when the thread exits.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        local::retire();
        IS_OVER.with(|is_over| is_over.set(true));
    }
}

/// Returns `true` if a thread's cells would be retired.
pub(crate) fn is_open() -> bool {
    !IS_OVER.with(Cell::get)
}

/// Sees to it that the guard's destructor runs. Returns `true` if it will.
pub(crate) fn guard() -> bool {
    GUARD.try_with(|_| ()).is_ok()
}
