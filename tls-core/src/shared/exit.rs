//! The end of a thread: its place among the thread's destructors, at which its blocks are given back.

use std::cell::Cell;

thread_local! {
    /// What gives this thread's blocks back. No drop glue: it stays accessible.
    static RETIRE: Cell<Option<fn()>> = const { Cell::new(None) };
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
    static GUARD: Guard = const { Guard };
}

/// Its destructor is what the standard library calls when the turn comes. What runs later writes to what
/// exited threads have left.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        IS_OVER.with(|is_over| is_over.set(true));
        if let Some(retire) = RETIRE.with(Cell::get) {
            retire();
        }
    }
}

/// Returns `true` if this thread's blocks would be given back.
pub(crate) fn is_open() -> bool {
    !IS_OVER.with(Cell::get)
}

/// Has a function called when the turn comes. Returns `true` if it will be.
pub(crate) fn guard(retire: fn()) -> bool {
    RETIRE.with(|it| it.set(Some(retire)));
    GUARD.try_with(|_| ()).is_ok()
}
