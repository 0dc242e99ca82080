//! Protocols that are wrong, and are found to be.

use crate::explore::explore;
use crate::known::{Guard, Pending, Scope, Setting, Target, Violation};
use crate::protocol::{Protocol, Runtime, Settles};
use crate::state::loans::{Joined, Loans};
use crate::state::word::{FieldSet, Word};

/// Of a state that is kept by forks.
const BORROWS: Setting = Setting {
    fields: &[0, 1],
    most: 4,
    scope: Scope::Borrows,
    is_reset_by_fork: false,
    needs_drop: false,
    lends: false,
    only: None,
};

/// Of a state with everything that states can have.
const EVERYTHING: Setting = Setting {
    most: 3,
    scope: Scope::Everything,
    is_reset_by_fork: true,
    needs_drop: true,
    ..BORROWS
};

/// Explores a protocol, and fails unless this goes wrong.
#[track_caller]
fn finds(violation: Violation, protocol: &impl Protocol, setting: Setting) {
    let setting = Setting {
        only: Some(violation),
        ..setting
    };
    match explore(protocol, &setting) {
        Ok(explored) => panic!("no {violation:?} in {explored:?}"),
        Err(found) => println!("{found:?}"),
    }
}

#[test]
fn what_is_found_is_not_found_in_the_runtime() {
    for setting in [BORROWS, EVERYTHING] {
        explore(&Runtime, &setting).expect("should find nothing");
    }
}

/// Owners give their `w` to the word although something relies on it.
struct GivesPast {
    readers: bool,
    nested: bool,
}

impl GivesPast {
    fn gives(&self, word: Word) -> bool {
        (self.readers && word.has_readers()) || (self.nested && word.has_nested())
    }
}

impl Protocol for GivesPast {
    fn end_loan(&self, loans: &Loans, target: Target, exclusive: bool, is_reset: bool) -> Settles {
        let word = loans.word.get();
        if target != Target::Whole && !exclusive && self.gives(word) {
            loans.word.set(word.with(target.set().write()));
            return true;
        }
        Runtime.end_loan(loans, target, exclusive, is_reset)
    }

    fn end_guest(&self, loans: &Loans, joined: Joined, is_reset: bool) -> Settles {
        let word = loans.word.get();
        match joined {
            Joined::Taken(taken) if self.gives(word) => {
                loans.word.set(word.with(taken));
                true
            }
            _ => Runtime.end_guest(loans, joined, is_reset),
        }
    }
}

#[test]
fn an_owner_must_not_give_back_past_readers_or_nested_borrows() {
    for readers in [false, true] {
        let protocol = GivesPast {
            readers,
            nested: !readers,
        };
        finds(Violation::Conflict, &protocol, BORROWS);
    }
}

/// Returns `true`, to a reader, if it is the only one.
fn is_last(loans: &Loans) -> bool {
    [0, Loans::JOINED].contains(&loans.snapshot().1.0)
}

/// The last reader gives back every `w`, those of owners and of nested borrows included.
struct GivesAll;

impl Protocol for GivesAll {
    fn end_guest(&self, loans: &Loans, joined: Joined, is_reset: bool) -> Settles {
        if joined != Joined::Reader || !is_last(loans) {
            return Runtime.end_guest(loans, joined, is_reset);
        }
        let word = loans.word.get().with_readers(false);
        loans.word.set(word.with(FieldSet::ALL.write()));
        true
    }
}

/// A reader that joins others is not counted.
struct DoesNotCount;

impl Protocol for DoesNotCount {
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        if !exclusive && loans.word.get().has_readers() {
            return Some(Joined::Reader);
        }
        Runtime.join(loans, target, exclusive)
    }
}

/// The first reader stores a constant at its end, although others have joined.
struct DoesNotAsk;

impl Protocol for DoesNotAsk {
    fn end_loan(&self, loans: &Loans, target: Target, exclusive: bool, is_reset: bool) -> Settles {
        if target == Target::Whole && !exclusive {
            loans.word.set(Word::FREE);
            return false;
        }
        Runtime.end_loan(loans, target, exclusive, is_reset)
    }
}

/// The first reader leaves every `w` in the word.
struct TakesNothing;

impl Protocol for TakesNothing {
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        let word = loans.word.get();
        let is_first = target == Target::Whole && !exclusive && !word.has_readers();
        if is_first && word.has(target.set().read()) {
            loans.word.set(word.with_readers(true));
            return Some(Joined::Reader);
        }
        Runtime.join(loans, target, exclusive)
    }
}

/// The first reader stores two constants, although fields have owners.
struct ReadsOwned;

impl Protocol for ReadsOwned {
    fn is_free(&self, loans: &Loans, target: Target, exclusive: bool) -> bool {
        let word = loans.word.get();
        if target == Target::Whole && !exclusive {
            return word.has(target.set().read()) && !word.withholds();
        }
        Runtime.is_free(loans, target, exclusive)
    }
}

/// The last reader does not know that something was withheld.
struct ForgetsWithheld;

impl Protocol for ForgetsWithheld {
    fn end_held(
        &self,
        loans: &Loans,
        target: Target,
        exclusive: bool,
        joined: Joined,
        is_reset: bool,
    ) -> Settles {
        if target == Target::Whole && !exclusive && is_last(loans) {
            loans.word.set(Word::FREE);
            return false;
        }
        Runtime.end_held(loans, target, exclusive, joined, is_reset)
    }
}

/// A borrow that begins beside nested ones takes what one of them relies on.
struct OpensWithheld;

impl Protocol for OpensWithheld {
    fn prepare(&self, loans: &Loans, target: Target, exclusive: bool) -> bool {
        let word = loans.word.get();
        if exclusive && word.has_nested() && !word.has_readers() {
            loans.word.set(word.with(target.set().taken(true)));
            return true;
        }
        Runtime.prepare(loans, target, exclusive)
    }
}

#[test]
fn borrows_without_a_closure_end_as_they_have_begun_and_begin_where_nothing_is_withheld() {
    let lends = Setting {
        lends: true,
        ..BORROWS
    };
    finds(Violation::Conflict, &ForgetsWithheld, lends);
    finds(Violation::Conflict, &OpensWithheld, lends);
}

#[test]
fn readers_count_themselves_and_give_back_what_is_free() {
    finds(Violation::Conflict, &GivesAll, BORROWS);
    finds(Violation::Conflict, &DoesNotCount, BORROWS);
    finds(Violation::Conflict, &DoesNotAsk, BORROWS);
    finds(Violation::Conflict, &TakesNothing, BORROWS);
    finds(Violation::Conflict, &ReadsOwned, BORROWS);
}

/// Whatever nested borrow ends is taken for the newest. So the fields that nested borrows rely on are restored
/// although they end out of order.
struct NestsInOrder;

impl Protocol for NestsInOrder {
    fn guard(&self, index: usize, pending: &[Pending]) -> usize {
        let is_nested = |pending: &Pending| match pending {
            Pending::Borrow(borrow) => matches!(
                borrow.guard,
                Guard::Guest(Joined::Nested(_)) | Guard::Held(Joined::Nested(_))
            ),
            _ => false,
        };
        let newest = pending.iter().rposition(is_nested);
        newest
            .filter(|_| is_nested(&pending[index]))
            .unwrap_or(index)
    }
}

/// A nested borrow is one more owner.
struct OwnsTwice;

impl Protocol for OwnsTwice {
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        let joined = Runtime.join(loans, target, exclusive)?;
        if let Joined::Nested(_) = joined {
            loans.end(joined);
            return Some(Joined::Taken(target.set().write()));
        }
        Some(joined)
    }
}

/// While there are nested borrows, takes what may be read, whoever else may have it.
struct TakesWithheld;

impl Protocol for TakesWithheld {
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        let word = loans.word.get();
        if exclusive && word.has_nested() && word.has(target.set().read()) {
            let taken = target.set().taken(true);
            loans.word.set(word.without(taken));
            return Some(Joined::Taken(taken));
        }
        Runtime.join(loans, target, exclusive)
    }
}

#[test]
fn nested_borrows_rely_on_what_stays_away() {
    finds(Violation::Conflict, &NestsInOrder, BORROWS);
    finds(Violation::Conflict, &OwnsTwice, BORROWS);
    finds(Violation::Conflict, &TakesWithheld, BORROWS);
}

/// Copies out of what is alive.
struct CopiesBorrowed;

impl Protocol for CopiesBorrowed {
    fn reads(&self, loans: &Loans, _: Target) -> bool {
        loans.word.get().is_alive()
    }
}

/// Makes a value in any slot that has none.
struct MakesTwice;

impl Protocol for MakesTwice {
    fn may_make(&self, word: Word) -> bool {
        !word.is_alive()
    }
}

/// Resets what is alive.
struct EvictsBorrowed;

impl Protocol for EvictsBorrowed {
    fn may_evict(&self, word: Word, _: bool) -> bool {
        word.is_alive()
    }
}

/// Drops at the thread's exit whatever is alive.
struct DropsBorrowed;

impl Protocol for DropsBorrowed {
    fn may_drop(&self, word: Word) -> bool {
        word.is_alive()
    }
}

/// Drops at the thread's exit nothing.
struct DropsNothing;

impl Protocol for DropsNothing {
    fn may_drop(&self, _: Word) -> bool {
        false
    }
}

#[test]
fn each_test_before_a_transition_is_needed() {
    finds(Violation::Conflict, &CopiesBorrowed, BORROWS);
    finds(Violation::Confused, &MakesTwice, EVERYTHING);
    finds(Violation::Dangling, &EvictsBorrowed, EVERYTHING);
    finds(Violation::Dangling, &DropsBorrowed, EVERYTHING);
    finds(Violation::Leaked, &DropsNothing, EVERYTHING);
}

/// Ends borrows with plain stores, although a fork may have left its mark.
struct LosesMark;

impl Protocol for LosesMark {
    fn end_loan(&self, loans: &Loans, target: Target, exclusive: bool, _: bool) -> Settles {
        Runtime.end_loan(loans, target, exclusive, false)
    }
}

/// Has no mark for values that are the parent's.
struct WithoutMark;

impl Protocol for WithoutMark {
    fn marked(&self, word: Word) -> Word {
        word
    }
}

/// Has no mark for values that are made, in part, by the parent.
struct WithoutMarkOfMade;

impl Protocol for WithoutMarkOfMade {
    fn made_by_parent(&self) -> Word {
        Word::FREE
    }
}

/// Does not forget what has been made by the parent when a field has been copied out of it.
struct LeavesCopied;

impl Protocol for LeavesCopied {
    fn settles_copied(&self) -> Settles {
        false
    }
}

/// Puts back, or drops, what was set aside by the parent.
struct KeepsAside;

impl Protocol for KeepsAside {
    fn forgets_aside(&self) -> bool {
        false
    }
}

#[test]
fn a_child_of_a_fork_neither_keeps_nor_drops_what_is_its_parents() {
    finds(Violation::ParentKept, &LosesMark, EVERYTHING);
    finds(Violation::ParentDropped, &LosesMark, EVERYTHING);
    finds(Violation::ParentKept, &WithoutMark, EVERYTHING);
    finds(Violation::ParentDropped, &WithoutMark, EVERYTHING);
    finds(Violation::ParentKept, &WithoutMarkOfMade, EVERYTHING);
    finds(Violation::ParentKept, &LeavesCopied, EVERYTHING);
    finds(Violation::Refused, &LeavesCopied, EVERYTHING);
    finds(Violation::ParentKept, &KeepsAside, EVERYTHING);
    finds(Violation::ParentDropped, &KeepsAside, EVERYTHING);
}

/// Forgets a value that is the parent's although it is borrowed.
struct ForgetsBorrowed;

impl Protocol for ForgetsBorrowed {
    fn is_over(&self, word: Word) -> bool {
        word.is_stale()
    }
}

/// Forgets a value that is the parent's when no field of it is borrowed exclusively.
struct ForgetsShared;

impl Protocol for ForgetsShared {
    fn is_over(&self, word: Word) -> bool {
        word.is_stale() && word.has(FieldSet::ALL.read())
    }
}

#[test]
fn a_child_of_a_fork_forgets_nothing_that_is_borrowed() {
    finds(Violation::Dangling, &ForgetsBorrowed, EVERYTHING);
    finds(Violation::Dangling, &ForgetsShared, EVERYTHING);
}

/// Leaves the value borrowed for good.
struct NeverGivesBack;

impl Protocol for NeverGivesBack {
    fn end_loan(&self, _: &Loans, _: Target, _: bool, _: bool) -> Settles {
        true
    }
}

/// The last reader gives nothing back.
struct ForgetsToGive;

impl Protocol for ForgetsToGive {
    fn end_guest(&self, loans: &Loans, joined: Joined, is_reset: bool) -> Settles {
        if joined != Joined::Reader || !is_last(loans) {
            return Runtime.end_guest(loans, joined, is_reset);
        }
        loans.word.set(loans.word.get().with_readers(false));
        true
    }
}

#[test]
fn a_borrow_that_gives_nothing_back_is_found() {
    finds(Violation::NotFree, &NeverGivesBack, BORROWS);
    finds(Violation::NotFree, &ForgetsToGive, BORROWS);
}

/// Allows no shared borrow beside another.
struct RefusesNested;

impl Protocol for RefusesNested {
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        let is_free = loans.word.get().has(target.set().write());
        is_free
            .then(|| Runtime.join(loans, target, exclusive))
            .flatten()
    }
}

/// Allows no exclusive borrow of a field while one of another field is nested.
struct RefusesBesideNested;

impl Protocol for RefusesBesideNested {
    fn join(&self, loans: &Loans, target: Target, exclusive: bool) -> Option<Joined> {
        if exclusive && !loans.word.get().has(target.set().write()) {
            return None;
        }
        Runtime.join(loans, target, exclusive)
    }
}

#[test]
fn a_refusal_without_a_conflict_is_found() {
    finds(Violation::Refused, &RefusesNested, BORROWS);
    finds(Violation::Refused, &RefusesBesideNested, BORROWS);
}

/// A scope restores a field if its `w` is in the word, where it is not while another field is nested.
struct RestoresWhatIsInTheWord;

impl Protocol for RestoresWhatIsInTheWord {
    fn restores(&self, loans: &Loans, target: Target) -> bool {
        loans.word.get().has(target.set().write())
    }
}

#[test]
fn a_scope_that_looks_for_its_field_in_the_word_restores_too_little() {
    finds(Violation::NotRestored, &RestoresWhatIsInTheWord, BORROWS);
}
