//! A thread's value set aside for the extent of a function.

use std::thread;

use crate::kinds::{Kind, START, for_each_kind, make, no_more_on_init, on_drop, on_init};
use crate::support::{note, noted, panic_of, recorded};

for_each_kind! {
    the_function_finds_no_state_and_the_old_one_comes_back
    what_the_function_made_is_dropped_after_the_old_value_is_back
    fresh_states_nest
    the_old_value_comes_back_when_the_function_panics
    other_threads_are_not_affected
    without_a_value_there_is_none_afterwards
    a_reset_inside_concerns_what_the_function_made
    a_fresh_state_inside_an_access_panics_and_does_nothing
    a_fresh_state_inside_an_initializer_panics
    a_value_that_makes_the_state_again_in_its_destructor_finds_the_old_one
    a_value_that_is_made_again_while_it_is_dropped_does_not_loop
    a_panic_in_the_destructor_of_what_the_function_made_loses_nothing
    a_failed_initialization_inside_loses_nothing
}

/// What was dropped so far.
fn dropped() -> Vec<String> {
    noted()
        .into_iter()
        .filter(|event| !event.starts_with("make"))
        .collect()
}

fn number<K: Kind>() -> u64 {
    K::plain(K::NUMBER.get())
}

/// Has witnesses note the number that the state holds while they are dropped.
fn note_number_on_drop<K: Kind>() {
    on_drop(|_| {
        note(format!(
            "finds {:?}",
            K::NUMBER.try_with(|number| *number).ok()
        ));
    });
}

fn the_function_finds_no_state_and_the_old_one_comes_back<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.set(1));
    let result = K::state().with_fresh(|| {
        assert!(!K::state().is_initialized());
        assert_eq!(K::state().peek(Kind::number).ok().flatten(), None);
        make::<K>();
        assert_eq!(number::<K>(), START);
        K::plain(K::NUMBER.set(2));
        "result"
    });
    assert_eq!(result, "result");
    assert_eq!(number::<K>(), 1);
    K::state().try_with_mut(|_| ()).unwrap();
}

fn what_the_function_made_is_dropped_after_the_old_value_is_back<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        note_number_on_drop::<K>();
        K::state().with_fresh(|| {
            make::<K>();
            assert_eq!(dropped(), [""; 0]);
        });
        assert_eq!(
            dropped(),
            [format!("drop {}", K::NAME), "finds Some(1)".into()]
        );
    });
    assert_eq!(events, [format!("drop {}", K::NAME), "finds None".into()]);
}

fn fresh_states_nest<K: Kind>() {
    fn visit<K: Kind>(level: u64) {
        if level == 20 {
            return;
        }
        make::<K>();
        K::plain(K::NUMBER.set(level));
        K::state().with_fresh(|| visit::<K>(level + 1));
        assert_eq!(number::<K>(), level);
    }
    let events = recorded(|| {
        visit::<K>(0);
        assert_eq!(number::<K>(), 0);
        assert_eq!(dropped().len(), 19);
    });
    assert_eq!(events.len(), 1);
}

fn the_old_value_comes_back_when_the_function_panics<K: Kind>() {
    recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        let panic = panic_of(|| {
            K::state().with_fresh(|| {
                make::<K>();
                K::plain(K::NUMBER.set(2));
                K::state().with_fresh(|| {
                    make::<K>();
                    K::plain(K::with_state_mut(|state| panic!("at {}", state.number())));
                });
            });
        });
        assert_eq!(panic.text, format!("at {START}"));
        assert_eq!(number::<K>(), 1);
        assert_eq!(dropped().len(), 2);
    });
}

fn other_threads_are_not_affected<K: Kind>() {
    make::<K>();
    thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let (answer, answered) = std::sync::mpsc::channel::<u64>();
        scope.spawn(move || {
            make::<K>();
            K::plain(K::NUMBER.set(1));
            for () in receive {
                answer.send(number::<K>()).unwrap();
            }
        });
        K::state().with_fresh(|| {
            send.send(()).unwrap();
            assert_eq!(answered.recv().unwrap(), 1);
            scope.spawn(|| assert!(!K::state().is_initialized()));
        });
        drop(send);
    });
    assert_eq!(number::<K>(), START);
}

fn without_a_value_there_is_none_afterwards<K: Kind>() {
    let events = recorded(|| {
        K::state().with_fresh(|| assert!(!K::state().is_initialized()));
        assert!(!K::state().is_initialized());
        K::state().with_fresh(make::<K>);
        assert!(!K::state().is_initialized());
        assert_eq!(dropped(), [format!("drop {}", K::NAME)]);
    });
    assert_eq!(events, [""; 0]);
}

fn a_reset_inside_concerns_what_the_function_made<K: Kind>() {
    recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        K::state().with_fresh(|| {
            assert!(!K::state().reset(), "there is none yet");
            make::<K>();
            assert!(K::state().reset());
            assert_eq!(dropped().len(), 1);
            assert!(!K::state().is_initialized());
        });
        assert_eq!(number::<K>(), 1);
        assert_eq!(dropped(), [""; 0]);
    });
}

fn a_fresh_state_inside_an_access_panics_and_does_nothing<K: Kind>() {
    fn refused<K: Kind>() {
        let panic = panic_of(|| K::state().with_fresh(|| unreachable!("it is borrowed")));
        assert!(panic.text.contains("is already borrowed"), "{}", panic.text);
    }
    make::<K>();
    K::plain(K::NUMBER.set(1));
    K::plain(K::with_state(|_| refused::<K>()));
    K::plain(K::with_state_mut(|_| refused::<K>()));
    K::plain(K::ITEMS.with(|_| refused::<K>()));
    K::plain(K::NUMBER.update(|number| {
        refused::<K>();
        number
    }));
    assert_eq!(number::<K>(), 1);
}

fn a_fresh_state_inside_an_initializer_panics<K: Kind>() {
    if !K::RUNS_CODE {
        return;
    }
    on_init(|| {
        no_more_on_init();
        let panic = panic_of(|| K::state().with_fresh(|| unreachable!("it is being made")));
        assert!(
            panic.text.contains("is being initialized"),
            "{}",
            panic.text
        );
        Ok(())
    });
    make::<K>();
    assert_eq!(number::<K>(), START);
}

fn a_value_that_makes_the_state_again_in_its_destructor_finds_the_old_one<K: Kind>() {
    recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        on_drop(|_| {
            make::<K>();
            K::plain(K::NUMBER.update(|number| number + 1));
        });
        K::state().with_fresh(make::<K>);
        assert_eq!(number::<K>(), 2);
        assert_eq!(dropped().len(), 1);
        on_drop(|_| ());
    });
}

fn a_value_that_is_made_again_while_it_is_dropped_does_not_loop<K: Kind>() {
    recorded(|| {
        on_drop(|_| make::<K>());
        // There is no old value: what the destructor makes is the thread's from here on.
        K::state().with_fresh(make::<K>);
        assert!(K::state().is_initialized());
        assert_eq!(dropped().len(), 1);
        on_drop(|_| ());
    });
}

fn a_panic_in_the_destructor_of_what_the_function_made_loses_nothing<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        on_drop(|_| {
            on_drop(|_| ());
            panic!("in the destructor");
        });
        let panic = panic_of(|| K::state().with_fresh(make::<K>));
        assert_eq!(panic.text, "in the destructor");
        assert_eq!(number::<K>(), 1);
        noted();
    });
    assert_eq!(events, [format!("drop {}", K::NAME)]);
}

fn a_failed_initialization_inside_loses_nothing<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.set(1));
    K::state().with_fresh(|| {
        if K::RUNS_CODE {
            on_init(|| panic!("on purpose"));
            assert_eq!(panic_of(K::make).text, "on purpose");
            no_more_on_init();
        }
        assert!(!K::state().is_initialized());
    });
    assert_eq!(number::<K>(), 1);
}
