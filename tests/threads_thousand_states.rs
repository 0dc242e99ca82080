//! A thousand states in one thread.

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use support::{note, noted, recorded};

/// What can be done with one of the thousand.
#[derive(Clone, Copy)]
struct Numbered {
    set: fn(usize),
    /// The number that was set, if the state can be had.
    get: fn() -> Option<usize>,
    reset: fn() -> bool,
}

/// Notes its number when it is dropped, if it was given one.
#[derive(Default)]
struct Bell(usize);

impl Drop for Bell {
    fn drop(&mut self) {
        if self.0 != 0 {
            note(self.0.to_string());
        }
    }
}

/// States in modules, because a macro cannot make names up.
macro_rules! modules {
    ($inner:ident: $($module:ident)*) => {
        $(mod $module {
            $inner!();
        })*

        pub(crate) fn visit(f: &mut dyn FnMut(crate::Numbered)) {
            $($module::visit(f);)*
        }
    };
}

macro_rules! one {
    () => {
        #[::tls_core::thread_local_state]
        struct State {
            bell: crate::Bell,
        }

        pub(crate) fn visit(f: &mut dyn FnMut(crate::Numbered)) {
            f(crate::Numbered {
                set: |number| State::BELL.with_mut(|bell| bell.0 = number),
                get: || State::BELL.try_with(|bell| bell.0).ok(),
                reset: || State::state().reset(),
            });
        }
    };
}

#[cfg(not(clippy))]
macro_rules! ten {
    () => {
        modules!(one: a b c d e f g h i j);
    };
}

#[cfg(not(clippy))]
macro_rules! hundred {
    () => {
        modules!(ten: a b c d e f g h i j);
    };
}

mod thousand {
    #[cfg(not(clippy))]
    modules!(hundred: a b c d e f g h i j);
    // They are all the same, and a thousand take clippy a minute.
    #[cfg(clippy)]
    modules!(one: a b);
}

fn states() -> Vec<Numbered> {
    let mut states = Vec::with_capacity(1000);
    thousand::visit(&mut |state| states.push(state));
    assert_eq!(states.len(), 1000);
    states
}

fn descending(from: usize, to: usize) -> Vec<String> {
    (to..=from).rev().map(|number| number.to_string()).collect()
}

#[test]
fn a_thread_may_have_a_thousand_states() {
    let events = recorded(|| {
        let states = states();
        for (state, number) in states.iter().zip(1..) {
            (state.set)(number);
        }
        for (state, number) in states.iter().zip(1..) {
            assert_eq!((state.get)(), Some(number));
        }
        assert!(noted().is_empty());
    });
    assert_eq!(events, descending(1000, 1));
}

#[test]
fn resets_among_a_thousand_states_keep_the_others_in_order() {
    let events = recorded(|| {
        let states = states();
        for (state, number) in states.iter().zip(1..) {
            (state.set)(number);
        }
        for state in states.iter().step_by(2) {
            assert!((state.reset)());
        }
        assert_eq!(noted().len(), 500);
        // Every fourth is made again, and so goes before the others.
        for (state, number) in states.iter().zip(1..).step_by(4) {
            (state.set)(number);
        }
    });
    let again = (1..1001).step_by(4).rev();
    let kept = (2..1001).step_by(2).rev();
    let expected: Vec<_> = again
        .chain(kept)
        .map(|number: usize| number.to_string())
        .collect();
    assert_eq!(events, expected);
}

/// Makes states in its destructor.
#[derive(Default)]
struct Maker(bool);

impl Drop for Maker {
    fn drop(&mut self) {
        if self.0 {
            note("maker");
            for (state, number) in states().iter().zip(1..).take(300) {
                (state.set)(number);
            }
            let all = states()
                .iter()
                .zip(1..)
                .take(300)
                .all(|(state, number)| (state.get)() == Some(number));
            note(format!("all are there: {all}"));
        }
    }
}

#[tls_core::thread_local_state]
struct Parent {
    maker: Maker,
}

#[test]
fn three_hundred_states_made_in_one_destructor_are_dropped_as_well() {
    let events = recorded(|| {
        // Older than the maker, and so dropped after what that makes.
        (states()[999].set)(1000);
        Parent::MAKER.with_mut(|maker| maker.0 = true);
    });
    let mut expected = vec!["maker".to_owned(), "all are there: true".to_owned()];
    expected.extend(descending(300, 1));
    expected.push("1000".to_owned());
    assert_eq!(events, expected);
}

#[test]
fn two_threads_with_a_thousand_states_each_do_not_meet() {
    let run = |offset: usize| {
        move || {
            let states = states();
            for (state, number) in states.iter().zip(1..) {
                (state.set)(number + offset);
            }
            std::thread::yield_now();
            for (state, number) in states.iter().zip(1..) {
                assert_eq!((state.get)(), Some(number + offset));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(run(0));
        scope.spawn(run(1000));
    });
}
