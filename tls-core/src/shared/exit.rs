//! The end of a thread: when it gives its blocks back.
//!
//! A thread retires when its place among its destructors has come, which is that of its first write, and
//! not before the last of its states has been dropped: the destructors of states may count and total.
//! Code that runs still later writes to the rests.

use std::cell::Cell;

use crate::platform::keys::thread_local;

thread_local! {
    /// The function that gives this thread's blocks back. No drop glue, so it stays accessible.
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

        /// When the turn comes, the standard library calls its destructor.
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
            // If the turn has come already and states are being dropped, the end is still to come.
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

/// Returns `true` if a block that this thread takes would be given back.
pub(crate) fn is_open() -> bool {
    !IS_OVER.with(Cell::get)
}

/// Arranges for a function to be called at this thread's end. Returns `true` if it will be called.
pub(crate) fn guard(retire: fn()) -> bool {
    RETIRE.with(|it| it.set(Some(retire)));
    arm()
}
