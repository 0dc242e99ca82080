//! What a slot does with its word and with what is beside it.
//!
//! The provided methods are the runtime's. Those that are more than a call of its `loans.rs` mirror the
//! function that the comment names, line by line. Protocols that are wrong replace one of them.

use crate::known::{Pending, Target};
use crate::state::loans::{Compact, Joined, Loans};
use crate::state::word::{FieldSet, Word};

/// Whether `stale::settle` is called.
pub(crate) type Settles = bool;

/// The word of a value that is lent as a whole: `borrow::lent`.
pub(crate) const fn lent(exclusive: bool) -> Word {
    if exclusive { Word::TAKEN } else { Word::READ }
}

/// Each method is a transition, or the test before one.
pub(crate) trait Protocol {
    /// The accessors' one test, in `Loan::begin`.
    fn is_free(&self, loans: &Loans, target: Target, exclusive: bool) -> bool {
        if target == Target::Whole || !exclusive {
            loans.word.get().is_free()
        } else {
            loans.has_write(target.set())
        }
    }

    /// The test of `access::get`, which borrows nothing.
    fn reads(&self, loans: &Loans, target: Target) -> bool {
        loans.word.get().has(target.set().read())
    }

    /// Whether a scope tries to restore the field of a value that is still the same: `Restore::drop`. The
    /// access that follows finds out whether the field is free.
    fn restores(&self, loans: &Loans, _: Target) -> bool {
        loans.word.get().is_alive()
    }

    /// `Loan::begin`, after the test.
    fn lend(&self, loans: &Loans, target: Target, exclusive: bool) {
        loans.word.set(match (target, exclusive) {
            (Target::Whole, _) => lent(exclusive),
            (Target::Field(_), true) => loans.word.get().without(target.set().taken(true)),
            (Target::Field(_), false) => Word::FREE.without(target.set().taken(false)),
        });
    }

    /// `Loan::end`.
    fn end_loan(&self, loans: &Loans, target: Target, exclusive: bool, is_reset: bool) -> Settles {
        let is_untouched = match (target, exclusive) {
            (Target::Whole, false) => loans.is_only_reader(),
            (Target::Field(_), false) => !loans.withholds(),
            (_, true) => true,
        };
        if !is_untouched || (is_reset && loans.word.get().is_stale()) {
            return self.drop_loan(loans, target, exclusive);
        }
        loans.word.set(if target == Target::Whole {
            Word::FREE
        } else {
            loans.word.get().with(target.set().taken(exclusive))
        });
        false
    }

    /// `Loan::drop`, and `borrow::end`.
    fn drop_loan(&self, loans: &Loans, target: Target, exclusive: bool) -> Settles {
        if target == Target::Whole && !exclusive {
            loans.end_reader();
        } else {
            loans.give_back(target.set().taken(exclusive));
        }
        true
    }

    /// `access::join`, up to the initialization.
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        if target == Target::Whole && !exclusive && loans.join_readers() {
            return Some(Joined::Reader);
        }
        let joined = loans.join(target.set(), exclusive)?;
        Some(match (target, exclusive) {
            (Target::Whole, true) => Joined::Taken(FieldSet::ALL.taken(true)),
            (Target::Whole, false) => Joined::Reader,
            (Target::Field(_), _) => joined,
        })
    }

    /// `Guest::end`.
    fn end_guest(&self, loans: &Loans, joined: Joined, is_reset: bool) -> Settles {
        match joined {
            Joined::Reader => {
                loans.end_reader();
                return is_reset;
            }
            Joined::Taken(taken) => loans.give_back(taken),
            joined @ Joined::Nested(_) => loans.end(joined),
        }
        true
    }

    /// The test of `access::prepare`, if the one before was in vain.
    fn prepare(&self, loans: &Loans, target: Target, exclusive: bool) -> bool {
        if exclusive {
            loans.lay_open(target.set().taken(true))
        } else {
            loans.word.get().is_free()
        }
    }

    /// `Held::begin`.
    fn hold(&self, loans: &Loans, target: Target, exclusive: bool) {
        loans.word.set(match (target, exclusive) {
            (_, true) => loans.word.get().without(target.set().taken(true)),
            (Target::Whole, false) => lent(false),
            (Target::Field(_), false) => Word::FREE.without(target.set().taken(false)),
        });
    }

    /// `Held::end`.
    fn end_held(
        &self,
        loans: &Loans,
        target: Target,
        exclusive: bool,
        joined: Joined,
        is_reset: bool,
    ) -> Settles {
        let word = loans.word.get();
        let is_untouched = match (target, exclusive) {
            (Target::Whole, false) => loans.is_only_reader(),
            (Target::Field(_), false) => !loans.withholds(),
            (_, true) => true,
        };
        let is_of_this_process = !is_reset
            || if target == Target::Whole {
                word == lent(exclusive)
            } else {
                !word.is_stale()
            };
        if !(is_untouched && is_of_this_process) {
            if target == Target::Whole || exclusive {
                return self.drop_loan(loans, target, exclusive);
            }
            loans.end(Compact::new(joined).expand(target.set()));
            return true;
        }
        loans.word.set(if target == Target::Whole {
            Word::FREE
        } else {
            word.with(target.set().taken(exclusive))
        });
        false
    }

    /// Which guard a borrow ends with: its own.
    fn guard(&self, index: usize, _: &[Pending]) -> usize {
        index
    }

    /// The test of `Making::begin`.
    fn may_make(&self, word: Word) -> bool {
        word == Word::UNINITIALIZED
    }

    /// The word of a value that is made, in part, by the parent: `Making::complete`.
    fn made_by_parent(&self) -> Word {
        Word::FREE.stale()
    }

    /// Whether `access::get` calls `stale::settle` when it has made the value.
    fn settles_copied(&self) -> Settles {
        true
    }

    /// The word of a value that is the parent's: `stale::mark`.
    fn marked(&self, word: Word) -> Word {
        word.stale()
    }

    /// The test of `stale::settle`.
    fn is_over(&self, word: Word) -> bool {
        word.is_over()
    }

    /// The test of `evict::evict`, for a reset and for what is set aside.
    fn may_evict(&self, word: Word, is_leaked: bool) -> bool {
        word == Word::FREE && !is_leaked
    }

    /// Whether a value that is set aside is forgotten after a fork: `Aside::drop`.
    fn forgets_aside(&self) -> bool {
        true
    }

    /// The test of `exit::tear_down`: whether the value is dropped and not leaked.
    fn may_drop(&self, word: Word) -> bool {
        word.is_free()
    }
}

/// The protocol of the runtime.
pub(crate) struct Runtime;

impl Protocol for Runtime {}

/// The runtime with debug assertions, which has no hot path: see `access::HAS_HOT_PATH`.
pub(crate) struct WithoutHotPath;

impl Protocol for WithoutHotPath {
    fn is_free(&self, _: &Loans, _: Target, _: bool) -> bool {
        false
    }

    /// `access::join_portion`, up to the initialization.
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        if !loans.word.get().is_free() {
            return loans.join(target.set(), exclusive);
        }
        let (lent, joined) = Joined::free(target.set(), exclusive);
        loans.word.set(lent);
        Some(joined)
    }

    /// `Guest::drop`.
    fn end_guest(&self, loans: &Loans, joined: Joined, _: bool) -> Settles {
        loans.end(joined);
        true
    }
}
