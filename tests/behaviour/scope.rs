//! A field bound for the extent of a function.

use std::rc::Rc;
use std::thread;

use tls_core::thread_local_state;

use crate::kinds::{Kind, START, Witness, for_each_kind, make, on_drop};
use crate::refusals::Refusal;
use crate::support::{note, noted, on_thread, panic_of, recorded};

for_each_kind! {
    a_scope_binds_for_the_extent_of_its_function
    scopes_nest
    a_scope_restores_when_its_function_panics
    other_threads_do_not_inherit_a_scope
    the_field_is_not_borrowed_inside_its_scope
    a_scope_restores_over_what_was_set_inside
    a_scope_restores_beside_nested_borrows_of_other_fields
    after_a_reset_inside_a_scope_the_saved_value_is_dropped
    after_a_reset_and_a_new_value_inside_a_scope_the_new_value_stays
    a_state_set_aside_inside_a_scope_comes_back_into_it
    a_scope_inside_a_fresh_state_ends_with_it
    a_scope_of_a_borrowed_field_is_refused
    what_a_scope_replaces_is_dropped_when_the_field_is_free
    a_scope_that_is_left_in_a_destructor_restores_nothing
    a_reset_by_a_panicking_scope_initializes_nothing
}

fn a_scope_binds_for_the_extent_of_its_function<K: Kind>() {
    make::<K>();
    let inside = K::plain(K::NUMBER.scope(1, || K::plain(K::NUMBER.get())));
    assert_eq!(inside, 1);
    assert_eq!(K::plain(K::NUMBER.get()), START);
    K::plain(K::ITEMS.scope(vec![1, 2], || {
        assert_eq!(K::plain(K::ITEMS.with(Vec::len)), 2);
    }));
    assert!(K::plain(K::ITEMS.with(Vec::is_empty)));
}

fn scopes_nest<K: Kind>() {
    fn visit<K: Kind>(levels: u64) -> u64 {
        if levels == 0 {
            return K::plain(K::NUMBER.get());
        }
        let outer = K::plain(K::NUMBER.get());
        let found = K::plain(K::NUMBER.scope(outer + 1, || visit::<K>(levels - 1)));
        assert_eq!(K::plain(K::NUMBER.get()), outer);
        found
    }
    make::<K>();
    assert_eq!(visit::<K>(50), START + 50);
    assert_eq!(K::plain(K::NUMBER.get()), START);
    K::state().try_with_mut(|_| ()).unwrap();
}

fn a_scope_restores_beside_nested_borrows_of_other_fields<K: Kind>() {
    make::<K>();
    K::plain(K::ITEMS.with(|_| {
        K::plain(K::ITEMS.with(|_| {
            K::plain(K::NUMBER.scope(1, || assert_eq!(K::plain(K::NUMBER.get()), 1)));
            assert_eq!(K::plain(K::NUMBER.get()), START);
        }));
    }));
    assert_eq!(K::plain(K::NUMBER.get()), START);
}

fn a_scope_restores_when_its_function_panics<K: Kind>() {
    make::<K>();
    let panic = panic_of(|| {
        K::plain(K::NUMBER.scope(1, || {
            K::plain(K::NUMBER.scope(2, || panic!("at {}", K::plain(K::NUMBER.get()))))
        }))
    });
    assert_eq!(panic.text, "at 2");
    assert_eq!(K::plain(K::NUMBER.get()), START);
    K::state().try_with_mut(|_| ()).unwrap();
}

fn other_threads_do_not_inherit_a_scope<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.scope(1, || {
        thread::scope(|scope| {
            scope.spawn(|| {
                make::<K>();
                assert_eq!(K::plain(K::NUMBER.get()), START);
            });
        });
    }));
}

fn the_field_is_not_borrowed_inside_its_scope<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.scope(1, || {
        K::plain(K::with_state_mut(|state| *state.number_mut() += 1));
        K::plain(K::NUMBER.with_mut(|number| assert_eq!(*number, 2)));
    }));
    assert_eq!(K::plain(K::NUMBER.get()), START);
}

fn a_scope_restores_over_what_was_set_inside<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.set(3));
    K::plain(K::NUMBER.scope(1, || K::plain(K::NUMBER.set(2))));
    assert_eq!(K::plain(K::NUMBER.get()), 3);
}

/// What was dropped so far, by the length of its memory.
fn dropped_memory() -> Vec<String> {
    noted()
        .into_iter()
        .filter(|event| event.starts_with("memory"))
        .collect()
}

fn note_memory(witness: &mut Witness) {
    note(format!("memory {}", witness.memory.len()));
}

fn sized(size: usize) -> Witness {
    let mut witness = Witness::silent("sized");
    witness.memory = vec![0; size];
    witness
}

fn after_a_reset_inside_a_scope_the_saved_value_is_dropped<K: Kind>() {
    recorded(|| {
        make::<K>();
        on_drop(note_memory);
        K::plain(K::WITNESS.with_mut(|witness| witness.memory = vec![0; 1]));
        K::plain(K::WITNESS.scope(sized(2), || {
            assert!(K::state().reset());
            assert_eq!(dropped_memory(), ["memory 2"]);
        }));
        assert_eq!(dropped_memory(), ["memory 1"]);
        assert!(
            !K::state().is_initialized(),
            "restoring does not initialize"
        );
    });
}

fn after_a_reset_and_a_new_value_inside_a_scope_the_new_value_stays<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.scope(1, || {
        assert!(K::state().reset());
        make::<K>();
        assert_eq!(K::plain(K::NUMBER.replace(2)), START);
    }));
    assert_eq!(K::plain(K::NUMBER.get()), 2);
}

fn a_state_set_aside_inside_a_scope_comes_back_into_it<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.scope(1, || {
        K::state().with_fresh(|| {
            make::<K>();
            assert_eq!(K::plain(K::NUMBER.replace(2)), START);
        });
        assert_eq!(K::plain(K::NUMBER.get()), 1);
    }));
    assert_eq!(K::plain(K::NUMBER.get()), START);
}

fn a_scope_inside_a_fresh_state_ends_with_it<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.set(1));
    K::state().with_fresh(|| {
        make::<K>();
        K::plain(K::NUMBER.scope(2, || {
            K::state().with_fresh(|| assert!(!K::state().is_initialized()));
            assert_eq!(K::plain(K::NUMBER.get()), 2);
        }));
        assert_eq!(K::plain(K::NUMBER.get()), START);
    });
    assert_eq!(K::plain(K::NUMBER.get()), 1);
}

fn a_scope_of_a_borrowed_field_is_refused<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.with(|_| {
        let panic = panic_of(|| K::plain(K::NUMBER.scope(1, || unreachable!("it is borrowed"))));
        assert!(panic.text.contains("is already borrowed"), "{}", panic.text);
    }));
    assert_eq!(K::plain(K::NUMBER.get()), START);
}

fn what_a_scope_replaces_is_dropped_when_the_field_is_free<K: Kind>() {
    recorded(|| {
        make::<K>();
        on_drop(|witness| {
            let found = K::WITNESS.try_with_mut(|present| present.memory.len());
            let found = found.map_err(|error| Refusal::of(&error));
            note(format!("memory {} finds {found:?}", witness.memory.len()));
        });
        K::plain(K::WITNESS.with_mut(|witness| witness.memory = vec![0; 1]));
        K::plain(K::WITNESS.scope(sized(2), || ()));
        assert_eq!(dropped_memory(), ["memory 2 finds Ok(1)"]);
        on_drop(|_| ());
    });
}

/// Enters a scope of another field in the value's destructor, where there is none.
fn a_scope_that_is_left_in_a_destructor_restores_nothing<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        on_drop(|_| {
            on_drop(|_| ());
            let panic = panic_of(|| K::plain(K::NUMBER.scope(1, || ())));
            note(panic.text.contains("its thread is exiting").to_string());
        });
        noted();
    });
    assert_eq!(events, [format!("drop {}", K::NAME), "true".into()]);
}

fn a_reset_by_a_panicking_scope_initializes_nothing<K: Kind>() {
    make::<K>();
    let panic = panic_of(|| {
        K::plain(K::NUMBER.scope(1, || {
            K::state().reset();
            panic!("after a reset");
        }))
    });
    assert_eq!(panic.text, "after a reset");
    assert!(!K::state().is_initialized());
}

#[thread_local_state(fork = reset)]
struct Resetting {
    item: Option<Rc<()>>,
}

/// What a child must not drop, a process without forks must.
#[test]
fn set_and_scope_of_a_state_that_a_fork_resets_drop_what_was_in_the_field() {
    on_thread(|| {
        let (first, second) = (Rc::new(()), Rc::new(()));
        let counts = || [&first, &second].map(|item| Rc::strong_count(item) - 1);
        Resetting::ITEM.set(Some(Rc::clone(&first)));
        assert_eq!(counts(), [1, 0]);
        Resetting::ITEM.scope(Some(Rc::clone(&second)), || assert_eq!(counts(), [1, 1]));
        assert_eq!(counts(), [1, 0], "restored, and the other one dropped");
        Resetting::ITEM.scope(None, || {
            Resetting::ITEM.set(Some(Rc::clone(&second)));
            Resetting::state().reset();
            assert_eq!(counts(), [1, 0], "the saved one waits");
        });
        assert_eq!(counts(), [0, 0], "there was nothing to restore it to");
        Resetting::ITEM.set(Some(Rc::clone(&first)));
        Resetting::ITEM.set(Some(Rc::clone(&second)));
        assert_eq!(counts(), [0, 1]);
        Resetting::ITEM.set(None);
        assert_eq!(counts(), [0, 0]);
    });
}
