//! What holds in every sequence of operations.

use crate::explore::{Explored, explore, more};
use crate::known::{Scope, Setting};
use crate::protocol::{Runtime, WithoutHotPath};

/// Whether it is reset by forks, and whether it needs drop.
type Kind = (bool, bool);

const KEPT: &[Kind] = &[(false, false)];
const RESET: &[Kind] = &[(true, false)];
const EVERY_KIND: &[Kind] = &[(false, false), (false, true), (true, false), (true, true)];

/// Explores states of these fields and of these kinds. Fails unless that are at least so many states.
fn holds(
    name: &str,
    fields: &'static [usize],
    scope: Scope,
    kinds: &[Kind],
    most: usize,
    least: usize,
) {
    let most = most + more();
    let mut all = Explored::default();
    for &(is_reset_by_fork, needs_drop) in kinds {
        let setting = Setting {
            fields,
            most,
            scope,
            is_reset_by_fork,
            needs_drop,
            lends: false,
            only: None,
        };
        let explored = explore(&Runtime, &setting).unwrap_or_else(|found| {
            panic!(
                "{name}, reset by forks: {is_reset_by_fork}, needs drop: {needs_drop}: {found:?}"
            )
        });
        assert!(explored.transitions >= explored.states - 1 && explored.refusals > 0);
        let lending = Setting {
            most: most - 1,
            lends: true,
            ..setting
        };
        match explore(&Runtime, &lending) {
            Ok(explored) => println!("{} states with `borrow!`: {name}", explored.states),
            Err(found) => panic!("{name}, with `borrow!`: {found:?}"),
        }
        let fewer = Setting {
            most: most - 1,
            ..setting
        };
        if let Err(found) = explore(&WithoutHotPath, &fewer) {
            panic!("{name}, without a hot path: {found:?}");
        }
        all.states += explored.states;
        all.transitions += explored.transitions;
        all.steps = all.steps.max(explored.steps);
    }
    println!(
        "{} states, {} transitions, up to {} steps: {name}, {most} at a time",
        all.states, all.transitions, all.steps
    );
    assert!(all.states >= least, "only {} states of {name}", all.states);
}

#[test]
fn no_borrows_break_a_state_of_one_field() {
    holds("one field", &[0], Scope::Borrows, KEPT, 8, 1_500);
    holds("one field, forks", &[0], Scope::Borrows, RESET, 8, 3_000);
}

#[test]
fn no_borrows_break_a_state_of_two_fields() {
    holds("two fields", &[0, 1], Scope::Borrows, KEPT, 6, 6_000);
    holds(
        "two fields, forks",
        &[0, 1],
        Scope::Borrows,
        RESET,
        5,
        5_000,
    );
}

#[test]
fn no_borrows_break_a_state_of_three_fields() {
    let fields = &[0, 1, 2];
    holds("three fields", fields, Scope::Borrows, KEPT, 6, 50_000);
    holds(
        "three fields, forks",
        fields,
        Scope::Borrows,
        RESET,
        4,
        10_000,
    );
}

/// Number 28 has bits of its own, 29 and 30 share the last pair.
#[test]
fn no_borrows_break_a_state_whose_last_fields_share_their_bits() {
    let fields = &[28, 29, 30];
    holds("shared bits", fields, Scope::Borrows, KEPT, 5, 10_000);
    holds(
        "shared bits, forks",
        fields,
        Scope::Borrows,
        RESET,
        4,
        6_000,
    );
}

#[test]
fn no_sequence_breaks_a_state_of_one_field() {
    let scope = Scope::Everything;
    holds("one field, everything", &[0], scope, EVERY_KIND, 4, 20_000);
}

#[test]
fn no_sequence_breaks_a_state_of_two_fields() {
    let scope = Scope::Everything;
    holds(
        "two fields, everything",
        &[0, 1],
        scope,
        EVERY_KIND,
        3,
        17_000,
    );
}

#[test]
fn no_sequence_breaks_a_state_of_three_fields() {
    let scope = Scope::Everything;
    let fields = &[0, 1, 2];
    holds(
        "three fields, everything",
        fields,
        scope,
        EVERY_KIND,
        3,
        45_000,
    );
}

#[test]
fn no_sequence_breaks_a_state_whose_last_fields_share_their_bits() {
    let scope = Scope::Everything;
    let fields = &[28, 29, 30];
    holds(
        "shared bits, everything",
        fields,
        scope,
        EVERY_KIND,
        2,
        4_000,
    );
}
