//! Dropping a state before its thread ends.

use std::mem;

use tls_core::thread_local_state;

use crate::kinds::{Kind, START, for_each_kind, make, no_more_on_init, on_drop, on_init};
use crate::refusals::Refusal;
use crate::support::{note, note_check, noted, panic_of, recorded, try_panic_of};

for_each_kind! {
    a_reset_drops_the_value_and_the_next_access_makes_another
    a_reset_says_whether_there_was_a_value
    a_reset_inside_an_access_is_borrowed_and_does_nothing
    a_reset_inside_an_initializer_is_recursive
    the_old_values_destructor_finds_no_state
    the_old_values_destructor_may_make_the_state_again
    the_old_values_destructor_may_use_and_reset_the_new_one
    a_panic_in_the_old_values_destructor_leaves_no_state
    old_and_new_value_may_be_swapped
}

fn drops<K: Kind>(count: usize) -> Vec<String> {
    vec![format!("drop {}", K::NAME); count]
}

/// What was noted so far, but for what has been made.
fn dropped() -> Vec<String> {
    noted()
        .into_iter()
        .filter(|event| !event.starts_with("make"))
        .collect()
}

fn a_reset_drops_the_value_and_the_next_access_makes_another<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        assert!(K::state().reset());
        assert_eq!(dropped(), drops::<K>(1));
        assert!(!K::state().is_initialized());
        assert_eq!(K::state().peek(Kind::number).ok().flatten(), None);
        make::<K>();
        assert_eq!(K::plain(K::NUMBER.get()), START);
        noted();
    });
    assert_eq!(events, drops::<K>(1));
}

fn a_reset_says_whether_there_was_a_value<K: Kind>() {
    assert!(!K::state().reset());
    assert!(!K::state().try_reset().unwrap());
    make::<K>();
    assert!(K::state().try_reset().unwrap());
    assert!(!K::state().try_reset().unwrap());
    make::<K>();
    assert!(K::state().reset());
    assert!(!K::state().reset());
}

fn a_reset_inside_an_access_is_borrowed_and_does_nothing<K: Kind>() {
    fn refused<K: Kind>() {
        let refused = K::state().try_reset().map_err(|error| Refusal::of(&error));
        assert_eq!(refused, Err(Refusal::Borrowed));
        assert!(
            panic_of(|| K::state().reset())
                .text
                .contains("is already borrowed")
        );
    }
    make::<K>();
    K::plain(K::NUMBER.set(1));
    K::plain(K::with_state(|_| refused::<K>()));
    K::plain(K::with_state_mut(|_| refused::<K>()));
    K::plain(K::ITEMS.with(|_| refused::<K>()));
    K::plain(K::ITEMS.with_mut(|_| refused::<K>()));
    K::state().peek(|_| refused::<K>()).ok().flatten();
    assert_eq!(K::plain(K::NUMBER.get()), 1);
    assert!(K::state().reset());
}

fn a_reset_inside_an_initializer_is_recursive<K: Kind>() {
    if !K::RUNS_CODE {
        return;
    }
    on_init(|| {
        no_more_on_init();
        let refused = K::state().try_reset().map_err(|error| Refusal::of(&error));
        assert_eq!(refused, Err(Refusal::Recursive));
        assert!(
            panic_of(|| K::state().reset())
                .text
                .contains("is being initialized")
        );
        Ok(())
    });
    make::<K>();
    assert_eq!(K::plain(K::NUMBER.get()), START);
}

fn the_old_values_destructor_finds_no_state<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        noted();
        on_drop(|_| {
            note_check("inside", || {
                assert!(!K::state().is_initialized());
                assert_eq!(K::state().peek(Kind::number).ok().flatten(), None);
                assert!(!K::state().reset());
            });
            on_drop(|_| ());
        });
        assert!(K::state().reset());
    });
    assert_eq!(events, [format!("drop {}", K::NAME), "inside: ok".into()]);
}

fn the_old_values_destructor_may_make_the_state_again<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::NUMBER.set(1));
        on_drop(|_| {
            on_drop(|_| ());
            make::<K>();
            K::plain(K::NUMBER.update(|number| number + 1));
        });
        assert!(K::state().reset());
        assert!(K::state().is_initialized());
        assert_eq!(K::plain(K::NUMBER.get()), START + 1);
        assert_eq!(dropped(), drops::<K>(1));
    });
    assert_eq!(events, drops::<K>(1));
}

fn the_old_values_destructor_may_use_and_reset_the_new_one<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        on_drop(|_| {
            on_drop(|_| ());
            for _ in 0..3 {
                make::<K>();
                K::plain(K::with_state_mut(|state| *state.number_mut() = 1));
                assert!(K::state().reset());
            }
        });
        assert!(K::state().reset());
        assert!(!K::state().is_initialized());
        assert_eq!(dropped(), drops::<K>(4));
    });
    assert_eq!(events, drops::<K>(0));
}

fn a_panic_in_the_old_values_destructor_leaves_no_state<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        on_drop(|_| {
            on_drop(|_| ());
            panic!("in the destructor");
        });
        assert_eq!(panic_of(|| K::state().reset()).text, "in the destructor");
        assert!(!K::state().is_initialized());
        make::<K>();
        assert_eq!(K::plain(K::NUMBER.get()), START);
        assert_eq!(dropped(), drops::<K>(1));
    });
    assert_eq!(events, drops::<K>(1));
}

/// Safe code can have two values of one state, if not two of its own: here the parts of the
/// one that is being dropped go into the one that took its place.
fn old_and_new_value_may_be_swapped<K: Kind>() {
    let events = recorded(|| {
        make::<K>();
        K::plain(K::WITNESS.with_mut(|witness| witness.memory = vec![2; 2]));
        on_drop(|old| {
            on_drop(|witness| note(format!("memory {}", witness.memory.len())));
            make::<K>();
            K::plain(K::WITNESS.with_mut(|new| {
                new.memory = vec![3; 3];
                mem::swap(old, new);
            }));
            note(format!("swapped {}", old.memory.len()));
        });
        assert!(K::state().reset());
        assert_eq!(dropped(), [format!("drop {}", K::NAME), "swapped 3".into()]);
    });
    assert_eq!(events, [format!("drop {}", K::NAME), "memory 2".into()]);
}

#[thread_local_state]
struct Swapped {
    #[state(init = vec![1; 10])]
    items: Vec<u8>,
    #[state(init = String::from("name"))]
    name: String,
}

impl Drop for Swapped {
    fn drop(&mut self) {
        note(format!("{} {}", self.name, self.items.len()));
        let _ = Swapped::state().try_with_mut(|other| {
            if self.name == "old" {
                other.name.push_str(" new");
                mem::swap(self, other);
                note(format!("now {}", self.name));
                other.items.push(2);
            }
        });
    }
}

#[test]
fn whole_values_may_be_swapped_in_a_destructor() {
    let events = recorded(|| {
        Swapped::NAME.set("old".into());
        assert!(Swapped::state().reset());
        assert_eq!(noted(), ["old 10", "now name new"]);
        Swapped::with_state(|state| {
            assert_eq!((state.name.as_str(), state.items.len()), ("old", 11));
        });
        Swapped::NAME.set("last".into());
    });
    assert_eq!(events, ["last 11"]);
}

#[thread_local_state]
struct Panicking {
    #[state(init = PanicOnDrop(vec![1; 10]))]
    part: PanicOnDrop,
    #[state(init = vec![1; 10])]
    other: Vec<u8>,
    #[state(init = [1; 2000])]
    large: [u8; 2000],
}

struct PanicOnDrop(Vec<u8>);

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        assert!(self.0.is_empty(), "it was not emptied");
    }
}

#[test]
fn the_memory_of_a_large_value_whose_destructor_panics_is_given_back() {
    recorded(|| {
        for _ in 0..10 {
            assert_eq!(Panicking::LARGE.with(|large| large.len()), 2000);
            assert!(try_panic_of(|| Panicking::state().reset()).is_err());
        }
        Panicking::PART.with_mut(|part| part.0.clear());
        assert!(Panicking::OTHER.with(|other| other.len() == 10));
    });
}
