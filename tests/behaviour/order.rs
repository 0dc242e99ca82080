//! The order in which a thread's states are dropped.

use std::cell::Cell;
use std::sync::mpsc;

use tls_core::thread_local_state;

use crate::kinds::{
    Constant, Explicit, ExplicitFallible, Fallible, Given, GivenFallible, Kind, Lazy, make, on_drop,
};
use crate::support::{lasting_thread_local, note, noted, recorded};

/// The kinds of states, by name, with what makes one.
const KINDS: [(&str, fn()); 7] = [
    (Lazy::NAME, make::<Lazy>),
    (Fallible::NAME, make::<Fallible>),
    (Constant::NAME, make::<Constant>),
    (Explicit::NAME, make::<Explicit>),
    (ExplicitFallible::NAME, make::<ExplicitFallible>),
    (Given::NAME, make::<Given>),
    (GivenFallible::NAME, make::<GivenFallible>),
];

lasting_thread_local! {
    static ROTATION: Cell<usize> = const { Cell::new(0) };
}

/// Runs a function on a thread in which place `n` is taken by kind `n + rotation`, for each
/// rotation, and checks which places are dropped in which order.
fn assert_order(expected: &[usize], f: fn()) {
    for rotation in 0..KINDS.len() {
        let events = recorded(move || {
            ROTATION.set(rotation);
            f();
            noted();
        });
        let name = |place: &usize| format!("drop {}", KINDS[(place + rotation) % KINDS.len()].0);
        let expected: Vec<String> = expected.iter().map(name).collect();
        let dropped: Vec<_> = events
            .iter()
            .filter(|event| !event.starts_with("make"))
            .collect();
        assert_eq!(
            dropped,
            expected.iter().collect::<Vec<_>>(),
            "rotation {rotation}"
        );
    }
}

fn make_at(place: usize) {
    KINDS[(place + ROTATION.get()) % KINDS.len()].1();
}

fn place_of(name: &str) -> usize {
    let kind = KINDS.iter().position(|kind| kind.0 == name).unwrap();
    (kind + KINDS.len() - ROTATION.get()) % KINDS.len()
}

#[test]
fn states_are_dropped_in_the_reverse_order_of_initialization() {
    assert_order(&[6, 5, 4, 3, 2, 1, 0], || (0..7).for_each(make_at));
    assert_order(&[0, 4, 2, 6], || [6, 2, 4, 0].into_iter().for_each(make_at));
}

#[test]
fn a_state_born_in_a_destructor_is_dropped_before_the_next_older_one() {
    const M2: usize = 0;
    const P1: usize = 1;
    const M0: usize = 2;
    const I2: usize = 3;
    const I0: usize = 4;
    assert_order(&[M0, I0, P1, M2, I2], || {
        on_drop(|witness| match place_of(witness.state) {
            M2 => make_at(I2),
            M0 => make_at(I0),
            _ => (),
        });
        [M2, P1, M0].into_iter().for_each(make_at);
    });
}

#[test]
fn states_born_in_destructors_may_have_children_of_their_own() {
    assert_order(&[0, 1, 2, 3, 4, 5, 6], || {
        on_drop(|witness| {
            let next = place_of(witness.state) + 1;
            if next < KINDS.len() {
                make_at(next);
            }
        });
        make_at(0);
    });
}

fn reset_at(place: usize) {
    match KINDS[(place + ROTATION.get()) % KINDS.len()].0 {
        "Lazy" => Lazy::state().reset(),
        "Fallible" => Fallible::state().reset(),
        "Constant" => Constant::state().reset(),
        "Explicit" => Explicit::state().reset(),
        "ExplicitFallible" => ExplicitFallible::state().reset(),
        "Given" => Given::state().reset(),
        _ => GivenFallible::state().reset(),
    };
}

#[test]
fn the_place_in_the_order_is_that_of_the_last_initialization() {
    assert_order(&[0, 2, 1], || {
        (0..3).for_each(make_at);
        reset_at(0);
        make_at(0);
    });
    assert_order(&[1, 2, 0], || {
        (0..3).for_each(make_at);
        reset_at(1);
        make_at(1);
    });
    assert_order(&[2, 0], || {
        (0..3).for_each(make_at);
        reset_at(1);
    });
}

fn fresh_at(place: usize, f: fn()) {
    match KINDS[(place + ROTATION.get()) % KINDS.len()].0 {
        "Lazy" => Lazy::state().with_fresh(f),
        "Fallible" => Fallible::state().with_fresh(f),
        "Constant" => Constant::state().with_fresh(f),
        "Explicit" => Explicit::state().with_fresh(f),
        "ExplicitFallible" => ExplicitFallible::state().with_fresh(f),
        "Given" => Given::state().with_fresh(f),
        _ => GivenFallible::state().with_fresh(f),
    }
}

#[test]
fn a_value_that_was_set_aside_keeps_its_place_in_the_order() {
    assert_order(&[3, 2, 1, 0], || set_aside_among_three(0));
    assert_order(&[3, 2, 1, 0], || set_aside_among_three(1));
    assert_order(&[3, 2, 1, 0], || set_aside_among_three(2));
}

lasting_thread_local! {
    static FRESH: Cell<usize> = const { Cell::new(0) };
}

fn set_aside_among_three(place: usize) {
    FRESH.set(place);
    (0..3).for_each(make_at);
    fresh_at(place, || {
        make_at(FRESH.get());
        make_at(3);
    });
}

/// Does random things, and checks the order at the end against a list of places.
fn at_random(seed: u64) -> Vec<usize> {
    let mut random = seed;
    let mut below = |limit: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from((random >> 33) % limit).unwrap()
    };
    let mut places: Vec<usize> = Vec::new();
    let make = |places: &mut Vec<usize>, place: usize| {
        make_at(place);
        if !places.contains(&place) {
            places.push(place);
        }
    };
    for _ in 0..40 {
        let place = below(7);
        match below(4) {
            0 => {
                reset_at(place);
                places.retain(|&other| other != place);
            }
            1 => {
                FRESH.set(place);
                let other = (place + 1) % 7;
                fresh_at(place, || {
                    make_at(FRESH.get());
                    make_at((FRESH.get() + 1) % 7);
                });
                make(&mut places, other);
            }
            _ => make(&mut places, place),
        }
    }
    places.reverse();
    places
}

#[test]
fn the_order_survives_any_sequence_of_makes_resets_and_fresh_states() {
    for seed in 0..100 {
        let (send, receive) = mpsc::channel();
        let events = recorded(move || {
            send.send(at_random(seed)).unwrap();
            noted();
        });
        let name = |place: usize| format!("drop {}", KINDS[place].0);
        let expected: Vec<String> = receive.recv().unwrap().into_iter().map(name).collect();
        assert_eq!(events, expected, "seed {seed}");
    }
}

#[thread_local_state]
struct Outer {
    #[state(init = Inner::LABEL.with(|label| Label(label.0)))]
    label: Label,
    #[state(init = Label("outer"))]
    own: Label,
}

#[thread_local_state]
struct Inner {
    #[state(init = Label("inner"))]
    label: Label,
}

struct Label(&'static str);

impl Drop for Label {
    fn drop(&mut self) {
        note(self.0);
    }
}

#[test]
fn what_an_initializer_uses_outlives_the_state_that_it_makes() {
    let events = recorded(|| Outer::with_state(|outer| assert_ne!(outer.label.0, outer.own.0)));
    assert_eq!(events, ["inner", "outer", "inner"]);
}

/// In a chain each link's destructor does what the thread's step says to the next one.
struct Link {
    number: usize,
}

lasting_thread_local! {
    static STEP: Cell<fn(usize)> = const { Cell::new(|_| ()) };
}

impl Drop for Link {
    fn drop(&mut self) {
        note(self.number.to_string());
        STEP.get()(self.number);
    }
}

macro_rules! chain {
    ($($name:ident $number:literal)*) => {
        $(
            #[thread_local_state]
            struct $name {
                #[state(init = Link { number: $number })]
                link: Link,
            }
        )*

        const CHAIN: [fn() -> bool; 20] = [$(|| $name::LINK.try_with(|_| ()).is_ok()),*];
    };
}

chain! {
    L0 0 L1 1 L2 2 L3 3 L4 4 L5 5 L6 6 L7 7 L8 8 L9 9
    L10 10 L11 11 L12 12 L13 13 L14 14 L15 15 L16 16 L17 17 L18 18 L19 19
}

#[test]
fn a_chain_of_twenty_each_made_by_the_one_before_is_dropped_upwards() {
    let events = recorded(|| {
        STEP.set(|number| {
            if let Some(next) = CHAIN.get(number + 1) {
                assert!(next());
            }
        });
        CHAIN[0]();
    });
    assert_eq!(
        events,
        (0..20).map(|number| number.to_string()).collect::<Vec<_>>()
    );
}

#[test]
fn a_chain_of_twenty_each_made_by_the_one_after_is_dropped_downwards() {
    let events = recorded(|| {
        STEP.set(|number| {
            if let Some(next) = number.checked_sub(1) {
                assert!(CHAIN[next]());
            }
        });
        CHAIN[19]();
    });
    assert_eq!(
        events,
        (0..20)
            .rev()
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
}

#[test]
fn destructors_find_the_older_states_alive_and_the_newer_ones_destroyed() {
    let events = recorded(|| {
        STEP.set(|number| {
            for (other, access) in CHAIN.iter().enumerate() {
                if access() != (other < number) {
                    note(format!("{number} and {other}"));
                }
            }
        });
        for access in CHAIN {
            assert!(access());
        }
    });
    assert_eq!(
        events,
        (0..20)
            .rev()
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
}
