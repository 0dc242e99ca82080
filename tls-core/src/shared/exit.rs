//! The end of a thread: when its blocks are given back.
//!
//! That is when its place among the thread's destructors has come, which is that of its first write, and not
//! before the last of its states has been dropped, whose destructors may count and look at totals. What runs
//! still later writes to what exited threads have left.

use std::cell::Cell;

use crate::platform::keys::thread_local;

thread_local! {
    /// What gives this thread's blocks back. No drop glue: it stays accessible.
    static RETIRE: Cell<Option<fn()>> = const { Cell::new(None) };
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
}

by_form! {
    native {
        use crate::platform::keys::{at_end, not_at_end};
        use crate::platform::of::Of;
        use crate::state::exit;

        thread_local! {
            static GUARD: Guard = const { Guard };
        }

        /// Its destructor is what the standard library calls when the turn comes.
        struct Guard;

        impl Drop for Guard {
            fn drop(&mut self) {
                not_at_end(Of::SharedFields);
                exit::after_all_values(end);
            }
        }

        /// Returns `true` if the end is still to come.
        fn arm() -> bool {
            at_end(Of::SharedFields, end);
            // If the turn has come already, and states are being dropped, it is still to come.
            GUARD.try_with(|_| ()).is_ok()
        }
    }
    keys {
        use crate::platform::keys::at_end;
        use crate::platform::of::Of;

        /// Returns `true` if the end is still to come.
        fn arm() -> bool {
            at_end(Of::SharedFields, || {
                let is_first = is_open();
                end();
                is_first
            })
        }
    }
}

fn end() {
    IS_OVER.with(|is_over| is_over.set(true));
    if let Some(retire) = RETIRE.with(Cell::get) {
        retire();
    }
}

/// Returns `true` if this thread's blocks would be given back.
pub(crate) fn is_open() -> bool {
    !IS_OVER.with(Cell::get)
}

/// Has a function called at this thread's end. Returns `true` if it will be.
pub(crate) fn guard(retire: fn()) -> bool {
    RETIRE.with(|it| it.set(Some(retire)));
    arm()
}
