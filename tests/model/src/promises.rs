//! What holds in every sequence of operations.

use crate::explore::{depth, explore};
use crate::machine::{Machine, Setting, Target, Violation};
use crate::protocol::{Protocol, Reserve, Runtime};
use crate::word::Word;

/// Explores what the fields are accessed by, for states of all kinds and for ends in order and in any
/// order, up to `more` steps than usual. Fails unless that are at least so many states, in all
/// and with the usual depth.
fn holds(
    protocol: &impl Protocol,
    name: &'static str,
    fields: &'static [usize],
    pinned: &'static [(Target, bool, u64)],
    more: usize,
    least: usize,
) {
    let start = Machine::new(protocol, pinned);
    let mut states = 0;
    let mut transitions = 0;
    for (is_nested, is_reset_by_fork, needs_drop) in [
        (true, false, false),
        (true, false, true),
        (true, true, false),
        (true, true, true),
        (false, false, false),
        (false, false, true),
        (false, true, false),
        (false, true, true),
    ] {
        let setting = Setting {
            fields,
            is_reset_by_fork,
            needs_drop,
            is_nested,
            pinned,
            watched: Violation::ALL,
        };
        let explored =
            explore(&start, protocol, &setting, depth() + more).unwrap_or_else(|found| {
                panic!(
                    "{name}, nested: {is_nested}, reset by forks: {is_reset_by_fork}, \
                 needs drop: {needs_drop}: {found:?}"
                )
            });
        assert!(explored.transitions >= explored.states - 1 && explored.refusals > 0);
        states += explored.states;
        transitions += explored.transitions;
    }
    println!(
        "{name}, {} steps: {states} states, {transitions} transitions",
        depth() + more
    );
    assert!(states >= least, "only {states} states of {name}");
}

#[test]
fn no_sequence_breaks_a_state_of_one_field() {
    holds(&Runtime, "one field", &[0], &[], 4, 27_000);
}

#[test]
fn no_sequence_breaks_a_state_of_two_fields() {
    holds(&Runtime, "two fields", &[0, 1], &[], 2, 15_000);
}

#[test]
fn no_sequence_breaks_a_state_of_three_fields() {
    holds(&Runtime, "three fields", &[0, 1, 2], &[], 1, 13_000);
}

#[test]
fn no_sequence_breaks_a_state_whose_last_fields_share_their_bits() {
    holds(
        &Runtime,
        "sixty fields",
        &[0, 20, 21, 22, 59],
        &[],
        0,
        6_000,
    );
}

/// The number of nested borrows after which so many more are allowed.
const fn all_but(more: u64) -> u64 {
    Word::FREE.levels() - (Word::RESERVE - 1) - more
}

#[test]
fn no_sequence_breaks_a_state_with_few_levels_left() {
    const WHOLE: &[(Target, bool, u64)] = &[(Target::Whole, false, all_but(2))];
    const FIELD: &[(Target, bool, u64)] = &[
        (Target::Field(0), true, 1),
        (Target::Field(1), false, all_but(3)),
    ];
    holds(&Runtime, "few levels, the whole", &[0, 1], WHOLE, 4, 2_000);
    holds(&Runtime, "few levels, a field", &[0, 1, 2], FIELD, 4, 1_700);
}

/// The runtime's reserve is for 22 groups, and more. With three fields one of three does, and the levels
/// run down to none.
#[test]
fn no_sequence_uses_more_levels_than_the_reserve() {
    const PINNED: &[(Target, bool, u64)] =
        &[(Target::Field(1), false, Word::FREE.levels() - 3 - 2)];
    holds(
        &Reserve(3),
        "the least reserve",
        &[0, 1, 2],
        PINNED,
        3,
        9_000,
    );
}
