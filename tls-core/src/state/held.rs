//! Borrows that a macro keeps in a temporary.
//!
//! An accessor contains its closure twice, and so has two kinds of guards. Here the code that follows is
//! the user's, and one guard ends every borrow. If nothing is beside the word, a borrow ends on the
//! common path, however it began.

#[cfg(debug_assertions)]
use std::panic::Location;

use crate::fork::generation::AtFork as _;
use crate::state::borrow;
use crate::state::contract::ThreadLocalState;
use crate::state::here::{Again, Here};
use crate::state::loan::{end, lent, taken};
use crate::state::loans::{Compact, Joined};
#[cfg(debug_assertions)]
use crate::state::notes::Note;
use crate::state::target::Target;
use crate::state::word::Word;

/// How a borrow is to begin.
#[derive(Clone, Copy)]
pub(crate) struct Joining(Option<Compact>);

impl Joining {
    /// The fields are free. An exclusive borrow always begins like this.
    pub(crate) const FREE: Self = Self(None);

    /// The borrow has begun already.
    pub(crate) fn begun(joined: Joined) -> Self {
        Self(Some(Compact::new(joined)))
    }
}

/// A borrow that a macro keeps.
///
/// # Invariants
///
/// A borrow of the target has begun. If it is a shared borrow of a field, it has begun as `how` says.
pub(crate) struct Held<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> {
    target: T,
    how: Compact,
    again: Again<S>,
    #[cfg(debug_assertions)]
    note: Note,
}

impl<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> Held<S, T, EXCLUSIVE> {
    /// Begins a borrow.
    ///
    /// # Safety
    ///
    /// If `joining` is [`Joining::FREE`], the word has the permissions that an exclusive borrow takes, or
    /// is free for a shared one. Otherwise the borrow has begun as `joining` says.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) unsafe fn begin(here: Here<S>, target: T, joining: Joining) -> Self {
        let loans = &here.header().loans;
        let found = loans.word.get();
        let is_begun = !EXCLUSIVE && joining.0.is_some();
        if EXCLUSIVE {
            let taken = taken(target, true);
            // SAFETY: the caller guarantees that the word has these permissions (`# Safety`).
            unsafe { std::hint::assert_unchecked(found.has(taken)) };
            if T::IS_WHOLE && !S::__AtFork::IS_RESET {
                // SAFETY: as above, and unless a fork marks the value, no other word has all permissions.
                unsafe { std::hint::assert_unchecked(found.is_free()) };
            }
            loans.word.set(found.without(taken));
        } else if !is_begun {
            // SAFETY: the caller guarantees that the word is free (`# Safety`).
            unsafe { std::hint::assert_unchecked(found.is_free()) };
            loans.word.set(if T::IS_WHOLE {
                // SAFETY: the word is free, as above.
                unsafe { loans.assume_no_readers() };
                lent(false)
            } else {
                Word::FREE.without(taken(target, false))
            });
        }
        Self {
            target,
            how: joining.0.unwrap_or(Compact::OWNER),
            again: Again::new(here),
            #[cfg(debug_assertions)]
            note: here
                .header()
                .notes
                .note(target.portion(), Location::caller()),
        }
    }

    /// Ends the borrow. This is its last use.
    #[inline(always)]
    pub(crate) fn end(&mut self) {
        let target = self.target;
        let again = self.again;
        #[cfg(debug_assertions)]
        again.here().header().notes.restore(&self.note);
        let loans = &again.here().header().loans;
        let word = loans.word.get();
        let is_untouched = match (T::IS_WHOLE, EXCLUSIVE) {
            (_, true) => true,
            (true, false) => loans.is_only_reader(),
            (false, false) => !loans.withholds(),
        };
        let is_of_this_process = !S::__AtFork::IS_RESET
            || if T::IS_WHOLE {
                word == lent(EXCLUSIVE)
            } else {
                !word.is_stale()
            };
        if !(is_untouched && is_of_this_process) {
            if T::IS_WHOLE || EXCLUSIVE {
                end::<S, T, EXCLUSIVE>(again, target);
            } else {
                end_shared::<S, T>(again, target, self.how);
            }
        } else if T::IS_WHOLE {
            loans.word.set(Word::FREE);
        } else {
            loans.word.set(word.with(taken(target, EXCLUSIVE)));
        }
    }
}

/// Ends a shared borrow of a field while other borrows are outstanding.
#[cold]
#[inline(never)]
fn end_shared<S: ThreadLocalState, T: Target>(again: Again<S>, target: T, how: Compact) {
    borrow::end(again.here().erase(), how.expand(target.portion().set()));
}
