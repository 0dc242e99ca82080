//! What happens to a thread's states when it exits.
//!
//! Each state has a `Trigger` beside its slot, which the standard library registers when the first
//! initialization in a thread completes, like any thread-local. So the state has its place among all
//! thread-locals of its thread. When its turn comes, the values that are newer are dropped, and then its
//! own.
//!
//! Under [keys](crate::platform) the turn of all states comes together, before the thread's table goes.

use std::any::Any;
use std::io::Write as _;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::state::list;
use crate::state::slot::{Info, List, SlotRef};
use crate::state::word::Word;

by_form! {
    native {
        use std::cell::Cell;

        use crate::platform::keys::{at_end, not_at_end};
        use crate::platform::of::Of;
        use crate::state::slot::Trigger;

        impl Drop for Trigger {
            #[inline]
            fn drop(&mut self) {
                IS_ENDING.with(|is_ending| is_ending.set(true));
                if let Some(slot) = self.slot.get() {
                    turn(slot);
                }
            }
        }

        thread_local! {
            /// Whose turn it is. No drop glue: it stays accessible.
            static TURN: Cell<Option<SlotRef>> = const { Cell::new(None) };
            /// A state's turn has come in this thread.
            static IS_ENDING: Cell<bool> = const { Cell::new(false) };
            /// What is called when this thread has no more values to drop.
            static AFTERWARDS: Cell<Option<fn()>> = const { Cell::new(None) };
        }

        /// Calls a function when this thread has no value to drop any more, which may be now. For what states use
        /// in their destructors, and what knows that the thread is exiting.
        pub(crate) fn after_all_values(f: fn()) {
            if list::is_empty() {
                f();
            } else {
                AFTERWARDS.with(|it| it.set(Some(f)));
            }
        }

        /// Returns `true` if a thread's exit takes the values out of this list.
        #[inline(always)]
        pub(crate) fn is_ended(list: List) -> bool {
            list == List::Dropped
        }

        /// Sees to it that a value is dropped when the thread exits. Returns `false` if its state's turn is over.
        pub(crate) fn arm(slot: SlotRef) -> bool {
            let armed = slot
                .info()
                .turn
                .try_with(|trigger| trigger.slot.set(Some(slot)));
            if IS_ENDING.with(Cell::get) {
                // Not always: it would cost every thread half as much as a state does.
                at_end(Of::States, drop_late);
            }
            // What is made while it is the state's turn is dropped, too.
            armed.is_ok() || TURN.with(Cell::get) == Some(slot)
        }

        /// Drops what has been made too late for a turn.
        fn drop_late() {
            while let Some(newest) = list::pop() {
                tear_down(newest);
            }
        }

        /// Drops the values that are newer than this one, and this one.
        fn turn(slot: SlotRef) {
            // Mostly it is the newest.
            if list::pop_if_newest(slot) {
                tear_down(slot);
            } else if list::holds(slot) {
                tear_down_to(slot);
            }
            // There was none, and nothing would drop one that is made from now on.
            if slot.word() == Word::UNINITIALIZED {
                slot.set_word(Word::DESTROYED);
            }
            if list::is_empty() {
                not_at_end(Of::States);
                if let Some(f) = AFTERWARDS.with(Cell::take) {
                    f();
                }
            }
        }

        #[cold]
        fn tear_down_to(slot: SlotRef) {
            let outer = TURN.with(|turn| turn.replace(Some(slot)));
            // A state that is made by a destructor heads the list, so it goes next.
            while list::holds(slot) {
                let Some(newest) = list::pop() else { break };
                tear_down(newest);
            }
            TURN.with(|turn| turn.set(outer));
        }
    }
    keys {
        use crate::platform::keys::at_end;
        use crate::platform::of::Of;
        use crate::state::slot::Turn;

        /// Returns `true` if a thread's exit takes the values out of this list.
        #[inline(always)]
        pub(crate) fn is_ended(_: List) -> bool {
            true
        }

        /// Sees to it that a value is dropped when the thread exits. Returns `false` if it has no table any
        /// more.
        pub(crate) fn arm(slot: SlotRef) -> bool {
            let Turn = slot.info().turn;
            at_end(Of::States, end)
        }

        /// Drops all values, the newest first.
        fn end() -> bool {
            let mut is_busy = false;
            // A state that is made by a destructor heads the list, so it goes next.
            while let Some(newest) = list::pop() {
                tear_down(newest);
                is_busy = true;
            }
            // The slots of these go with the table, too. What is still borrowed must not lead to its neighbours.
            while let Some(newest) = list::pop_forgotten() {
                tear_down(newest);
            }
            is_busy
        }
    }
}

/// Drops a value that has just been taken out of its list. A panic of its destructor goes no further.
fn tear_down(slot: SlotRef) {
    // A value that is still borrowed (`process::exit` within an access, a suspended coroutine) is leaked, and so
    // is one that `with_fresh` or `scope` has set aside in a frame that never ends:
    // whoever borrows it may be running, and its borrow gives back what it took.
    if slot.word().is_free() {
        slot.set_word(Word::DESTROYED);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the word was alive, so by `Header` 1 the storage is occupied. It was free, so by 2
            // nothing refers to the value, and the new word sees to it that it is not used again.
            unsafe { (slot.info().clear)(slot.storage()) };
        })) {
            report(slot.info(), payload);
        }
    } else if slot.info().is_reset_by_fork {
        // It is in no list any more, in which a forked child would find it.
        slot.set_word(slot.word().stale());
    }
}

/// Says that a destructor panicked.
#[cold]
fn report(info: &Info, payload: Box<dyn Any + Send>) {
    // The payload's own destructor could panic again, and nobody is left to catch that.
    mem::forget(payload);
    let state = info.name();
    // No `eprintln!`, which panics if standard error is closed.
    let _ = writeln!(
        std::io::stderr(),
        "the destructor of the thread-local state `{state}` panicked while its thread \
         was exiting; the thread's other states are still dropped"
    );
}
