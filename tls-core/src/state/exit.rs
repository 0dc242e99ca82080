//! What happens to a thread's states when it exits.
//!
//! Each state has a `Trigger` beside its slot. The standard library registers it like any thread-local,
//! on first use, which is when the first initialization in a thread completes. So the state has its place
//! among all thread-locals of its thread. When its turn comes, the newer values are dropped, and then the
//! state's own.
//!
//! Under [keys](crate::platform) the turn of all states comes together, before the thread's table ends.

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
            /// The slot whose turn it is. No drop glue, so it stays accessible.
            static TURN: Cell<Option<SlotRef>> = const { Cell::new(None) };
            /// Whether a state's turn has come in this thread.
            static IS_ENDING: Cell<bool> = const { Cell::new(false) };
            /// What is called when this thread has no more values to drop.
            static AFTERWARDS: Cell<Option<fn()>> = const { Cell::new(None) };
        }

        /// Calls a function as soon as this thread has no value left to drop, which may be now. The
        /// caller knows that the thread is exiting. The function may give up what the destructors of
        /// states use.
        pub(crate) fn after_all_values(f: fn()) {
            if list::is_empty() {
                f();
            } else {
                AFTERWARDS.with(|it| it.set(Some(f)));
            }
        }

        /// Returns `true` if a thread's exit empties this list.
        #[inline(always)]
        pub(crate) fn is_ended(list: List) -> bool {
            list == List::Dropped
        }

        /// Arranges for a value to be dropped when the thread exits. Returns `false` if its state's turn
        /// is over.
        pub(crate) fn arm(slot: SlotRef) -> bool {
            let armed = slot
                .info()
                .turn
                .try_with(|trigger| trigger.slot.set(Some(slot)));
            if IS_ENDING.with(Cell::get) {
                // Not always, because that would cost every thread half as much as a state does.
                at_end(Of::States, drop_late);
            }
            // A value that is initialized during the state's turn is dropped, too.
            armed.is_ok() || TURN.with(Cell::get) == Some(slot)
        }

        /// Returns `true` if the turn of a state that has been armed is over.
        pub(crate) fn is_over(slot: SlotRef) -> bool {
            IS_ENDING.with(Cell::get)
                && slot.info().list.is_some_and(is_ended)
                && TURN.with(Cell::get) != Some(slot)
                && slot.info().turn.try_with(|_| ()).is_err()
        }

        /// Drops the values that were initialized too late for a turn.
        fn drop_late() {
            while let Some(newest) = list::pop() {
                tear_down(newest);
            }
        }

        /// Drops the values that are newer than this one, and this one.
        fn turn(slot: SlotRef) {
            // Usually the slot is the newest.
            if list::pop_if_newest(slot) {
                tear_down(slot);
            } else if list::holds(slot) {
                tear_down_to(slot);
            }
            // There was no value, and nothing would drop a value that is initialized from now on.
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
            // A state that a destructor initializes heads the list, so it goes next.
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

        /// Returns `true` if a thread's exit empties this list.
        #[inline(always)]
        pub(crate) fn is_ended(_: List) -> bool {
            true
        }

        /// Arranges for a value to be dropped when the thread exits. Returns `false` if the thread has no
        /// table any more.
        pub(crate) fn arm(slot: SlotRef) -> bool {
            let Turn = slot.info().turn;
            at_end(Of::States, end)
        }

        /// Returns `false`: the turn of all states is that of the table, after which there is no slot.
        pub(crate) fn is_over(_: SlotRef) -> bool {
            false
        }

        /// Drops all values, the newest first.
        fn end() -> bool {
            let mut is_busy = false;
            // A state that a destructor initializes heads the list, so it goes next.
            while let Some(newest) = list::pop() {
                tear_down(newest);
                is_busy = true;
            }
            // The slots of these values go with the table, too. A slot that stays, because it is
            // borrowed, must not lead to its neighbors.
            while let Some(newest) = list::pop_forgotten() {
                tear_down(newest);
            }
            is_busy
        }
    }
}

/// Drops the value of a slot that has just been taken out of its list. Catches a panic of the value's
/// destructor.
fn tear_down(slot: SlotRef) {
    // A value that is still borrowed (`process::exit` within an access, a suspended coroutine) is leaked:
    // the code that borrows it may be running, and its borrow gives back what it took. A value that
    // `with_fresh` or `scope` has set aside in a frame that never ends is leaked, too.
    if slot.word().is_free() {
        slot.set_word(Word::DESTROYED);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the word was alive, so by `Header` 1 the storage is occupied. The word was free, so
            // by `Header` 2 nothing refers to the value. The new word prevents further use of the value.
            unsafe { (slot.info().clear)(slot.storage()) };
        })) {
            report(slot.info(), payload);
        }
    } else if slot.info().is_reset_by_fork {
        // The slot is in no list any more, in which a forked child would find it.
        slot.set_word(slot.word().stale());
    }
}

/// Reports that a destructor panicked.
#[cold]
fn report(info: &Info, payload: Box<dyn Any + Send>) {
    // The payload's own destructor could panic, too, and nothing would catch that.
    mem::forget(payload);
    let state = info.name();
    // Not `eprintln!`, which panics if standard error is closed.
    let _ = writeln!(
        std::io::stderr(),
        "the destructor of the thread-local state `{state}` panicked while its thread \
         was exiting; the thread's other states are still dropped"
    );
}
