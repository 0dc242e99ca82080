//! Protocols that are wrong, and are found to be.

use crate::explore::{Found, explore};
use crate::machine::{Machine, Setting, Target, Violation};
use crate::protocol::{Protocol, Reserve};
use crate::word::{Part, Word};

/// What unsound protocols lead to.
const UNSOUND: &[Violation] = &[Violation::Conflict, Violation::Dangling];

const ANY_ORDER: Setting = Setting {
    fields: &[0, 1],
    is_reset_by_fork: true,
    needs_drop: true,
    is_nested: false,
    pinned: &[],
    watched: UNSOUND,
};

const NESTED: Setting = Setting {
    is_nested: true,
    ..ANY_ORDER
};

/// Explores a protocol until something that the setting watches goes wrong.
fn found(protocol: &impl Protocol, setting: &Setting) -> Violation {
    let start = Machine::new(protocol, setting.pinned);
    let result = explore(&start, protocol, setting, 9);
    let found: Found = result.expect_err("should find a conflict");
    println!("{found:?}");
    found.violation
}

/// Compares two words without their levels.
fn is_same_but_for_levels(word: Word, other: Word) -> bool {
    let same = |part| {
        word.may_read(part) == other.may_read(part) && word.may_write(part) == other.may_write(part)
    };
    (0..3).map(Part::field).all(same)
        && word.is_alive() == other.is_alive()
        && word.is_stale() == other.is_stale()
}

struct WithoutLevels;

impl Protocol for WithoutLevels {
    fn ended(&self, word: Word, found: Word, left: Word, _: bool) -> Option<Word> {
        is_same_but_for_levels(word, left).then_some(found)
    }
}

#[test]
fn without_levels_a_word_repeats() {
    assert_eq!(found(&WithoutLevels, &ANY_ORDER), Violation::Conflict);
}

struct WithoutCompare;

impl Protocol for WithoutCompare {
    fn ended(&self, _: Word, found: Word, _: Word, _: bool) -> Option<Word> {
        Some(found)
    }
}

#[test]
fn a_release_that_does_not_compare_gives_back_what_others_have() {
    assert_eq!(found(&WithoutCompare, &ANY_ORDER), Violation::Conflict);
}

/// What is put back in a value's place may be another value.
#[test]
fn a_release_that_does_not_compare_brings_a_gone_value_back() {
    let setting = Setting {
        watched: &[Violation::Confused],
        ..NESTED
    };
    assert_eq!(found(&WithoutCompare, &setting), Violation::Confused);
}

/// Gives back what it took, as flags that are set and cleared.
struct Flags;

impl Protocol for Flags {
    fn ended(&self, word: Word, found: Word, left: Word, is_reset_by_fork: bool) -> Option<Word> {
        let ended = if word == left {
            Some(found)
        } else if is_reset_by_fork {
            word.missed(found, left)
        } else {
            None
        };
        // All fields that it took and nobody has taken beside it: those that the word lacks.
        let first = Part::field(0);
        ended.or_else(|| (!word.may_write(first) && found.may_write(first)).then_some(found))
    }
}

#[test]
fn a_release_that_sets_its_flags_sets_those_of_others() {
    assert_eq!(found(&Flags, &ANY_ORDER), Violation::Conflict);
}

/// All but a few of the levels twice, because the bit above them is used up like one more; and beside
/// them an exclusive borrow, whose permissions the next levels are taken from.
const WRAPPING: &[(Target, bool, u64)] = &[
    (Target::Field(0), true, 1),
    (Target::Field(1), false, 2 * (Word::FREE.levels() + 1) - 3),
];

#[test]
fn without_a_reserve_the_levels_run_over_into_the_permissions() {
    let setting = Setting {
        pinned: WRAPPING,
        ..NESTED
    };
    assert_eq!(found(&Reserve(0), &setting), Violation::Conflict);
}

/// One less than in `promises`, for as many fields.
#[test]
fn with_one_level_too_few_in_reserve_they_run_out() {
    const PINNED: &[(Target, bool, u64)] =
        &[(Target::Field(1), false, Word::FREE.levels() - 3 - 2)];
    let setting = Setting {
        fields: &[0, 1, 2],
        pinned: PINNED,
        watched: &[Violation::Confused],
        ..NESTED
    };
    assert_eq!(found(&Reserve(2), &setting), Violation::Confused);
}

/// Has no bit that says that a value is to be forgotten.
struct WithoutMark;

impl Protocol for WithoutMark {
    fn forked(&self, word: Word) -> Word {
        if word.is_free() {
            Word::UNINITIALIZED
        } else {
            word
        }
    }

    fn made_by_parent(&self, word: Word) -> Word {
        word
    }
}

#[test]
fn without_a_mark_a_child_drops_what_was_borrowed_by_its_parent() {
    for setting in [ANY_ORDER, NESTED] {
        let setting = Setting {
            watched: &[Violation::ParentDropped],
            ..setting
        };
        assert_eq!(found(&WithoutMark, &setting), Violation::ParentDropped);
    }
    let setting = Setting {
        watched: &[Violation::ParentKept],
        ..NESTED
    };
    assert_eq!(found(&WithoutMark, &setting), Violation::ParentKept);
}

/// Forgets a value in a forked child although it is borrowed.
struct ForgetsAtOnce;

impl Protocol for ForgetsAtOnce {
    fn forked(&self, _: Word) -> Word {
        Word::UNINITIALIZED
    }
}

#[test]
fn a_value_that_is_forgotten_at_once_is_borrowed() {
    for setting in [ANY_ORDER, NESTED] {
        assert_eq!(found(&ForgetsAtOnce, &setting), Violation::Dangling);
    }
}

/// Forgets a value in a forked child when the next borrow ends.
struct ForgetsTooEarly;

impl Protocol for ForgetsTooEarly {
    fn ended(&self, word: Word, found: Word, left: Word, _: bool) -> Option<Word> {
        if word == left {
            Some(found)
        } else {
            (word.is_stale() && word == left.stale()).then_some(Word::UNINITIALIZED)
        }
    }
}

#[test]
fn a_value_that_is_forgotten_when_an_inner_borrow_ends_is_borrowed() {
    for setting in [ANY_ORDER, NESTED] {
        assert_eq!(found(&ForgetsTooEarly, &setting), Violation::Dangling);
    }
}

/// Forgets a value in a forked child when the outermost borrow ends, though others be outstanding.
struct ForgetsWithoutCompare;

impl Protocol for ForgetsWithoutCompare {
    fn ended(&self, word: Word, found: Word, left: Word, _: bool) -> Option<Word> {
        if word == left {
            Some(found)
        } else {
            (word.is_stale() && found.is_free()).then_some(Word::UNINITIALIZED)
        }
    }
}

#[test]
fn a_value_that_is_forgotten_when_the_outermost_borrow_ends_first_is_borrowed() {
    assert_eq!(
        found(&ForgetsWithoutCompare, &ANY_ORDER),
        Violation::Dangling
    );
}

/// Restores what it found with the mark that it found, which is none.
struct LosesMark;

impl Protocol for LosesMark {
    fn ended(&self, word: Word, found: Word, left: Word, _: bool) -> Option<Word> {
        (word == left || word.stale() == left.stale()).then_some(found)
    }
}

#[test]
fn a_release_that_loses_the_mark_lets_a_child_drop_what_is_its_parents() {
    let setting = Setting {
        watched: &[Violation::ParentDropped],
        ..NESTED
    };
    assert_eq!(found(&LosesMark, &setting), Violation::ParentDropped);
}

/// Resets what is alive.
struct EvictsBorrowed;

impl Protocol for EvictsBorrowed {
    fn may_evict(&self, word: Word) -> bool {
        word.is_alive()
    }
}

/// Drops at thread exit whatever is alive.
struct DropsBorrowed;

impl Protocol for DropsBorrowed {
    fn may_drop(&self, word: Word) -> bool {
        word.is_alive()
    }
}

/// Makes a value in any slot that has none.
struct MakesTwice;

impl Protocol for MakesTwice {
    fn may_make(&self, word: Word) -> bool {
        !word.is_alive()
    }
}

/// Lends the whole if no field is borrowed exclusively.
struct LendsReadable;

impl Protocol for LendsReadable {
    fn lends(&self, word: Word, part: Part) -> bool {
        word.may_read(part)
    }
}

/// Copies out of what is alive.
struct ReadsBorrowed;

impl Protocol for ReadsBorrowed {
    fn reads(&self, word: Word, _: Part) -> bool {
        word.is_alive()
    }
}

#[test]
fn each_test_before_a_transition_is_needed() {
    assert_eq!(found(&EvictsBorrowed, &NESTED), Violation::Dangling);
    assert_eq!(found(&DropsBorrowed, &NESTED), Violation::Dangling);
    assert_eq!(found(&LendsReadable, &NESTED), Violation::Conflict);
    assert_eq!(found(&ReadsBorrowed, &NESTED), Violation::Conflict);
    let setting = Setting {
        watched: &[Violation::Confused],
        ..NESTED
    };
    assert_eq!(found(&MakesTwice, &setting), Violation::Confused);
}

/// Leaves the value borrowed for good.
struct NeverRestores;

impl Protocol for NeverRestores {
    fn ended(&self, _: Word, _: Word, _: Word, _: bool) -> Option<Word> {
        None
    }
}

/// Allows no shared borrow beside another.
struct RefusesNested;

impl Protocol for RefusesNested {
    fn allows(&self, word: Word, part: Part, _: bool) -> bool {
        word.may_write(part)
    }
}

#[test]
fn a_protocol_that_refuses_too_much_is_found_too() {
    let setting = Setting {
        watched: Violation::ALL,
        ..NESTED
    };
    assert_eq!(found(&NeverRestores, &setting), Violation::NotRestored);
    assert_eq!(found(&RefusesNested, &setting), Violation::Refused);
}
