//! Which accesses are possible at the same time, and what they leave behind.

use std::thread;

use tls_core::{AccessError, thread_local_state};

use crate::kinds::{Kind, START, for_each_kind, make, on_drop};
use crate::refusals::{Refusal, assert_refused, assert_reset_refused};
use crate::support::{noted, panic_of, recorded};

for_each_kind! {
    the_first_access_makes_the_value_and_later_ones_find_it
    each_thread_has_a_value_of_its_own
    shared_within_shared_is_allowed
    exclusive_within_shared_is_borrowed
    shared_within_exclusive_is_borrowed
    exclusive_within_exclusive_is_borrowed
    whole_within_field_is_as_field_within_whole
    different_fields_are_had_at_the_same_time
    every_accessor_is_refused_while_the_state_is_borrowed
    peeking_never_initializes_and_never_disturbs
    the_accessors_of_a_field_do_what_their_names_say
    the_value_stays_where_it_is_from_first_access_to_destructor
    an_update_that_resets_the_state_is_refused_the_reset
    the_old_value_of_set_may_look_at_the_field
}

fn refusal<R, K: Kind>(result: Result<R, AccessError<K::Error>>) -> Option<Refusal> {
    result.err().map(|error| Refusal::of(&error))
}

fn the_first_access_makes_the_value_and_later_ones_find_it<K: Kind>() {
    assert!(!K::state().is_initialized());
    if K::IS_LAZY {
        assert_eq!(K::plain(K::with_state(Kind::number)), START);
    } else {
        assert_refused::<K>(Refusal::NotInitialized);
        make::<K>();
    }
    assert!(K::state().is_initialized());
    K::plain(K::with_state_mut(|state| *state.number_mut() += 1));
    assert_eq!(K::plain(K::with_state(Kind::number)), START + 1);
    assert_eq!(K::plain(K::NUMBER.get()), START + 1);
    K::try_init().unwrap();
    assert_eq!(
        K::plain(K::NUMBER.get()),
        START + 1,
        "there is a value, so none is made"
    );
}

fn each_thread_has_a_value_of_its_own<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.set(1));
    thread::scope(|scope| {
        for number in 2..10 {
            scope.spawn(move || {
                assert!(!K::state().is_initialized());
                make::<K>();
                assert_eq!(K::plain(K::NUMBER.replace(number)), START);
                thread::yield_now();
                assert_eq!(K::plain(K::NUMBER.get()), number);
            });
        }
    });
    assert_eq!(K::plain(K::NUMBER.get()), 1);
}

fn shared_within_shared_is_allowed<K: Kind>() {
    make::<K>();
    let sum = K::plain(K::with_state(|a| {
        K::plain(K::with_state(|b| {
            let field = K::plain(K::NUMBER.with(|c| K::plain(K::NUMBER.with(|d| c + d))));
            a.number() + b.number() + field + K::plain(K::NUMBER.get())
        }))
    }));
    assert_eq!(sum, 5 * START);
    K::NUMBER.try_with_mut(|number| *number += 1).unwrap();
    K::state()
        .try_with_mut(|state| *state.number_mut() += 1)
        .unwrap();
    assert_eq!(K::plain(K::NUMBER.get()), START + 2);
}

fn exclusive_within_shared_is_borrowed<K: Kind>() {
    make::<K>();
    let borrowed = Some(Refusal::Borrowed);
    K::plain(K::with_state(|_| {
        assert_eq!(refusal::<_, K>(K::state().try_with_mut(|_| ())), borrowed);
        assert_eq!(refusal::<_, K>(K::NUMBER.try_with_mut(|_| ())), borrowed);
    }));
    K::plain(K::NUMBER.with(|_| {
        assert_eq!(refusal::<_, K>(K::state().try_with_mut(|_| ())), borrowed);
        assert_eq!(refusal::<_, K>(K::NUMBER.try_with_mut(|_| ())), borrowed);
    }));
    K::state().try_with_mut(|_| ()).unwrap();
}

fn shared_within_exclusive_is_borrowed<K: Kind>() {
    make::<K>();
    let borrowed = Some(Refusal::Borrowed);
    K::plain(K::with_state_mut(|_| {
        assert_eq!(refusal::<_, K>(K::state().try_with(|_| ())), borrowed);
        assert_eq!(refusal::<_, K>(K::NUMBER.try_with(|_| ())), borrowed);
    }));
    K::plain(K::NUMBER.with_mut(|_| {
        assert_eq!(refusal::<_, K>(K::state().try_with(|_| ())), borrowed);
        assert_eq!(refusal::<_, K>(K::NUMBER.try_with(|_| ())), borrowed);
    }));
    K::state().try_with_mut(|_| ()).unwrap();
}

fn exclusive_within_exclusive_is_borrowed<K: Kind>() {
    make::<K>();
    let borrowed = Some(Refusal::Borrowed);
    K::plain(K::with_state_mut(|_| {
        assert_eq!(refusal::<_, K>(K::state().try_with_mut(|_| ())), borrowed);
        assert_eq!(refusal::<_, K>(K::NUMBER.try_with_mut(|_| ())), borrowed);
    }));
    K::plain(K::NUMBER.with_mut(|_| {
        assert_eq!(refusal::<_, K>(K::state().try_with_mut(|_| ())), borrowed);
        assert_eq!(refusal::<_, K>(K::NUMBER.try_with_mut(|_| ())), borrowed);
    }));
    K::state().try_with_mut(|_| ()).unwrap();
}

fn whole_within_field_is_as_field_within_whole<K: Kind>() {
    make::<K>();
    K::plain(K::ITEMS.with(|_| {
        assert_eq!(K::state().try_with(Kind::number).unwrap(), START);
        assert_eq!(
            K::plain(K::NUMBER.replace(3)),
            START,
            "another field is free"
        );
    }));
    K::plain(K::with_state(|state| {
        assert!(K::plain(K::ITEMS.with(Vec::is_empty)));
        assert_eq!(K::plain(K::NUMBER.get()), state.number());
        let set = panic_of(|| K::plain(K::NUMBER.set(4)));
        assert!(
            set.text.contains("the reference of the outer access"),
            "{}",
            set.text
        );
    }));
    K::state().try_with_mut(|_| ()).unwrap();
}

fn different_fields_are_had_at_the_same_time<K: Kind>() {
    make::<K>();
    K::plain(K::ITEMS.with_mut(|items| {
        K::plain(K::NUMBER.with_mut(|number| {
            K::plain(K::WITNESS.with_mut(|witness| {
                *number += 1;
                items.push(5);
                witness.memory.push(6);
                assert!(K::ITEMS.try_with(|_| ()).is_err());
            }));
            assert!(K::WITNESS.try_with(|_| ()).is_ok());
        }));
        K::plain(K::NUMBER.update(|number| number + 1));
        assert_eq!(K::plain(K::NUMBER.get()), START + 2);
        assert_eq!(items, &[5]);
    }));
    K::state()
        .try_with_mut(|state| assert_eq!(state.number(), START + 2))
        .unwrap();
}

fn every_accessor_is_refused_while_the_state_is_borrowed<K: Kind>() {
    make::<K>();
    K::plain(K::with_state_mut(|_| {
        assert_refused::<K>(Refusal::Borrowed);
        assert_reset_refused::<K>(Refusal::Borrowed);
    }));
    let fresh = panic_of(|| K::with_state(|_| K::state().with_fresh(|| ())));
    assert!(fresh.text.contains("is already borrowed"), "{}", fresh.text);
    K::state()
        .try_with_mut(|state| assert_eq!(state.number(), START))
        .unwrap();
}

fn peeking_never_initializes_and_never_disturbs<K: Kind>() {
    assert_eq!(K::state().peek(Kind::number).ok().flatten(), None);
    assert!(!K::state().is_initialized());
    make::<K>();
    assert_eq!(K::state().peek(Kind::number).ok().flatten(), Some(START));
    K::state()
        .peek(|_| {
            assert_eq!(K::state().peek(Kind::number).ok().flatten(), Some(START));
            assert!(K::state().try_with_mut(|_| ()).is_err());
        })
        .ok()
        .flatten();
    K::plain(K::with_state(|_| {
        assert_eq!(K::state().peek(Kind::number).ok().flatten(), Some(START));
    }));
    K::plain(K::with_state_mut(|_| {
        assert_eq!(K::state().peek(Kind::number).ok().flatten(), None);
    }));
    K::plain(K::ITEMS.with_mut(|_| assert_eq!(K::state().peek(Kind::number).ok().flatten(), None)));
    K::state().try_with_mut(|_| ()).unwrap();
}

fn the_accessors_of_a_field_do_what_their_names_say<K: Kind>() {
    make::<K>();
    assert_eq!(K::plain(K::NUMBER.get()), START);
    K::plain(K::NUMBER.set(1));
    assert_eq!(K::plain(K::NUMBER.replace(2)), 1);
    K::plain(K::NUMBER.update(|number| number + 1));
    assert_eq!(K::plain(K::NUMBER.take()), 3);
    assert_eq!(K::plain(K::NUMBER.with(|number| *number)), 0);
    K::plain(K::ITEMS.with_mut(|items| items.extend([1, 2])));
    assert_eq!(K::ITEMS.try_with_mut(std::vec::Vec::pop).unwrap(), Some(2));
    assert_eq!(K::ITEMS.try_with(Vec::len).unwrap(), 1);
    assert_eq!(K::plain(K::ITEMS.replace(vec![3])), [1]);
    assert_eq!(K::plain(K::ITEMS.take()), [3]);
    assert_eq!(K::plain(K::ITEMS.take()), []);
}

fn the_value_stays_where_it_is_from_first_access_to_destructor<K: Kind>() {
    let address = |state: &K| (&raw const *state.witness()).addr();
    let mut events = recorded(move || {
        make::<K>();
        on_drop(|witness| crate::support::note(format!("at {}", (&raw const *witness).addr())));
        let first = K::plain(K::with_state(address));
        K::plain(K::NUMBER.set(9));
        K::plain(K::with_state_mut(|state| {
            state.witness_mut().memory.clear();
        }));
        K::state().with_fresh(|| ());
        assert_eq!(K::plain(K::with_state(address)), first);
        noted();
        crate::support::note(format!("at {first}"));
    });
    let last = events.pop().unwrap();
    assert_eq!(events, [last, format!("drop {}", K::NAME)]);
}

fn an_update_that_resets_the_state_is_refused_the_reset<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.update(|number| {
        assert_eq!(
            K::state().try_reset().map_err(|error| Refusal::of(&error)),
            Err(Refusal::Borrowed)
        );
        assert!(
            panic_of(|| K::state().reset())
                .text
                .contains("is already borrowed")
        );
        number + 1
    }));
    assert_eq!(K::plain(K::NUMBER.get()), START + 1);
    assert!(K::state().reset());
}

fn the_old_value_of_set_may_look_at_the_field<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::WITNESS.with_mut(|witness| witness.state = "old"));
        noted();
        on_drop(|witness| {
            let found = K::WITNESS.try_with(|present| present.state);
            crate::support::note(format!("{} finds {:?}", witness.state, found.ok()));
        });
        K::plain(K::WITNESS.set(crate::kinds::Witness::silent("new")));
        assert_eq!(noted(), ["drop old", "old finds Some(\"new\")"]);
    });
    assert_eq!(
        events,
        ["drop new", "new finds None"],
        "the thread has ended"
    );
}

#[thread_local_state]
struct Scoped {
    items: Vec<u32>,
    #[state(init = [1, 2, 3])]
    numbers: [u32; 3],
}

#[test]
fn references_to_fields_may_go_to_scoped_threads() {
    Scoped::ITEMS.with_mut(|items| {
        Scoped::NUMBERS.with(|numbers| {
            thread::scope(|scope| {
                scope.spawn(|| items.extend(numbers));
                scope.spawn(|| assert_eq!(numbers.iter().sum::<u32>(), 6));
            });
        });
    });
    assert_eq!(Scoped::ITEMS.with(Vec::clone), [1, 2, 3]);
}
