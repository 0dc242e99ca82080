//! What holds where each state has a turn of its own among its thread's thread-locals, and where a state that needs no
//! drop is there until the thread has ended.

use tls_core::thread_local_state;

use crate::exit::{assert_destroyed, dropped, foreign_destructor};
use crate::kinds::{Kind, START, Witness, for_each_kind, make, on_drop};
use crate::support::{note_check, noted, recorded};

for_each_kind! {
    a_foreign_destructor_that_runs_later_is_refused_by_every_accessor
    a_state_whose_turn_has_passed_without_a_value_is_not_made_any_more
    a_state_is_first_used_after_every_other_state_of_the_thread_has_gone
}

fn a_foreign_destructor_that_runs_later_is_refused_by_every_accessor<K: Kind>() {
    let events = recorded(|| {
        foreign_destructor(|| {
            note_check("later", assert_destroyed::<K>);
            note_check("spare", || {
                assert_eq!(K::plain(K::NUMBER.with_or_else(|| 1, |number| *number)), 1);
            });
            note_check("fresh", || assert_eq!(K::state().with_fresh(|| 3), 3));
        });
        make::<K>();
        noted();
    });
    assert_eq!(
        events,
        [&dropped::<K>(), "later: ok", "spare: ok", "fresh: ok"]
    );
}

fn a_state_whose_turn_has_passed_without_a_value_is_not_made_any_more<K: Kind>() {
    let events = recorded(|| {
        foreign_destructor(|| {
            note_check("refused", assert_destroyed::<K>);
            note_check("fresh", || assert_eq!(K::state().with_fresh(|| 3), 3));
        });
        make::<K>();
        assert!(K::state().reset());
        noted();
    });
    // No "make": the initializer does not even run, because nothing would drop what it makes.
    assert_eq!(events, ["refused: ok", "fresh: ok"]);
}

#[thread_local_state]
struct Other {
    #[state(init = Witness::silent("Other"))]
    witness: Witness,
}

fn a_state_is_first_used_after_every_other_state_of_the_thread_has_gone<K: Kind>() {
    let events = recorded(|| {
        foreign_destructor(|| {
            note_check("other", || {
                assert!(Other::WITNESS.try_with(|_| ()).is_err());
            });
            note_check("made", || {
                // There is nothing yet, so there is nothing to refuse.
                assert!(!K::state().reset());
                make::<K>();
                assert_eq!(K::plain(K::NUMBER.replace(1)), START);
                assert_eq!(K::plain(K::NUMBER.get()), 1);
            });
        });
        Other::WITNESS.with(|_| ());
    });
    let mut expected = vec![
        "drop Other".into(),
        "other: ok".into(),
        "made: ok".into(),
        dropped::<K>(),
    ];
    if K::RUNS_CODE {
        expected.insert(2, format!("make {}", K::NAME));
    }
    assert_eq!(events, expected);
}

/// States that need no drop, one of each kind.
#[thread_local_state]
struct PlainLazy {
    #[state(init = START)]
    number: u64,
}

#[thread_local_state(error = std::num::ParseIntError)]
struct PlainFallible {
    #[state(init = "7".parse()?)]
    number: u64,
}

#[thread_local_state(const)]
struct PlainConstant {
    #[state(init = START)]
    number: u64,
}

#[thread_local_state(explicit)]
struct PlainExplicit {
    number: u64,
}

#[thread_local_state(init = plain_given)]
struct PlainGiven {
    number: u64,
}

fn plain_given() -> PlainGivenInit {
    PlainGivenInit { number: START }
}

fn make_plain_states() {
    assert_eq!(PlainLazy::NUMBER.get(), START);
    assert_eq!(PlainFallible::NUMBER.get(), Ok(START));
    assert_eq!(PlainConstant::NUMBER.get(), START);
    PlainExplicit::state()
        .try_init_with(PlainExplicitInit { number: START })
        .unwrap();
    assert_eq!(PlainGiven::NUMBER.get(), START);
}

/// Every kind of access, and back to the number that was there.
fn check_plain_states() {
    assert_eq!(PlainLazy::with_state(|state| state.number), START);
    assert_eq!(
        PlainFallible::with_state_mut(|state| state.number),
        Ok(START)
    );
    assert_eq!(
        PlainConstant::state()
            .peek(|state| state.number)
            .ok()
            .flatten(),
        Some(START)
    );
    assert_eq!(PlainExplicit::NUMBER.replace(1), START);
    PlainExplicit::NUMBER.set(START);
    PlainGiven::NUMBER.scope(3, || assert_eq!(PlainGiven::NUMBER.get(), 3));
    assert_eq!(PlainGiven::NUMBER.get(), START);
}

fn reset_plain_states() {
    assert!(PlainLazy::state().reset());
    assert!(PlainFallible::state().reset());
    assert!(PlainConstant::state().reset());
    assert!(PlainExplicit::state().reset());
    assert!(PlainGiven::state().reset());
}

#[test]
fn a_state_without_a_destructor_is_had_in_any_destructor() {
    let events = recorded(|| {
        foreign_destructor(|| {
            note_check("later", check_plain_states);
            note_check("anew", || {
                reset_plain_states();
                make_plain_states();
                check_plain_states();
            });
        });
        make_plain_states();
        on_drop(|_| note_check("earlier", check_plain_states));
        Other::WITNESS.with(|_| ());
    });
    assert_eq!(
        events,
        ["drop Other", "earlier: ok", "later: ok", "anew: ok"]
    );
}

#[test]
fn a_state_without_a_destructor_may_be_first_used_in_any_destructor() {
    let events = recorded(|| {
        foreign_destructor(|| {
            note_check("later", || {
                make_plain_states();
                check_plain_states();
            });
        });
        Other::WITNESS.with(|_| ());
    });
    assert_eq!(events, ["drop Other", "later: ok"]);
}
