//! Borrows on the hot path.

use std::mem;

use crate::fork::generation::AtFork as _;
use crate::state::borrow::{end_reader, give_back};
use crate::state::contract::ThreadLocalState;
use crate::state::here::{Again, Here};
use crate::state::target::Target;
use crate::state::word::{Permissions, Word};

/// A borrow that has found its fields free in the word.
///
/// It is ended with [`end`](Self::end); dropped, by a panic, it ends, too. So what is dropped is as small as
/// a call, and the compiler keeps it in registers.
///
/// # Invariants
///
/// It has taken its fields' permissions out of the word.
#[must_use]
pub(crate) struct Loan<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> {
    target: T,
    /// The word that it has found. Looked at by exclusive borrows of fields that forks reset.
    found: Word,
    again: Again<S>,
}

/// What a borrow takes that finds its fields free in the word.
#[inline(always)]
pub(super) fn taken<T: Target>(target: T, exclusive: bool) -> Permissions {
    target.portion().set().taken(exclusive)
}

/// The word of a value that is lent as a whole.
#[inline(always)]
pub(super) const fn lent(exclusive: bool) -> Word {
    if exclusive { Word::TAKEN } else { Word::READ }
}

impl<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> Loan<S, T, EXCLUSIVE> {
    /// Returns `true` if the target can be lent without a look at what else is borrowed: the accessors' one
    /// test.
    #[inline(always)]
    pub(crate) fn can_begin(here: Here<S>, target: T) -> bool {
        let loans = &here.header().loans;
        if T::IS_WHOLE || !EXCLUSIVE {
            loans.word.get().is_free()
        } else {
            loans.has_write(target.portion().set())
        }
    }

    /// Borrows the target.
    ///
    /// # Safety
    ///
    /// [`can_begin`](Self::can_begin) returns `true`.
    #[inline(always)]
    pub(crate) unsafe fn begin(here: Here<S>, target: T) -> Self {
        let loans = &here.header().loans;
        let found = loans.word.get();
        if T::IS_WHOLE || !EXCLUSIVE {
            // SAFETY: the caller has seen it.
            unsafe { std::hint::assert_unchecked(found.is_free()) };
        }
        if T::IS_WHOLE {
            // SAFETY: the word is free.
            unsafe { loans.assume_no_readers() };
            loans.word.set(lent(EXCLUSIVE));
        } else if EXCLUSIVE {
            let taken = taken(target, true);
            // SAFETY: by the invariants of `Loans` a `w` has its `r` beside it. So the compiler sees that the
            // borrow puts back what it has found.
            unsafe { std::hint::assert_unchecked(found.has(taken)) };
            loans.word.set(found.without(taken));
        } else {
            loans.word.set(Word::FREE.without(taken(target, false)));
        }
        Self {
            target,
            found,
            again: Again::new(here),
        }
    }

    /// Ends the borrow.
    #[inline(always)]
    pub(crate) fn end(self) {
        let target = self.target;
        let found = self.found;
        let again = self.again;
        mem::forget(self);
        let loans = &again.here().header().loans;
        // If nobody has joined, and no fork has left its mark, nobody has touched what this would not give
        // back itself.
        let word = loans.word.get();
        let is_untouched = match (T::IS_WHOLE, EXCLUSIVE) {
            (_, true) => true,
            (true, false) => loans.is_only_reader(),
            (false, false) => !loans.withholds(),
        };
        // Where the compiler sees the whole body, it sees that this is so.
        let is_of_this_process = !S::__AtFork::IS_RESET
            || if T::IS_WHOLE {
                word == lent(EXCLUSIVE)
            } else if EXCLUSIVE {
                word == found.without(taken(target, EXCLUSIVE))
            } else {
                !word.is_stale()
            };
        if !(is_untouched && is_of_this_process) {
            end::<S, T, EXCLUSIVE>(again, target);
        } else if T::IS_WHOLE {
            loans.word.set(Word::FREE);
        } else {
            loans.word.set(word.with(taken(target, EXCLUSIVE)));
        }
    }
}

impl<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> Drop for Loan<S, T, EXCLUSIVE> {
    #[inline(always)]
    fn drop(&mut self) {
        end::<S, T, EXCLUSIVE>(self.again, self.target);
    }
}

/// Ends a borrow by a panic, or after something else has touched the word.
#[inline(always)]
pub(super) fn end<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool>(
    again: Again<S>,
    target: T,
) {
    #[cold]
    #[inline(never)]
    fn end_first_reader<S: ThreadLocalState>(again: Again<S>) {
        end_reader(again.here().erase());
    }

    #[cold]
    #[inline(never)]
    fn end_taken<S: ThreadLocalState>(again: Again<S>, taken: Permissions) {
        give_back(again.here().erase(), taken);
    }

    if T::IS_WHOLE && !EXCLUSIVE {
        end_first_reader::<S>(again);
    } else {
        end_taken::<S>(again, taken(target, EXCLUSIVE));
    }
}
