//! The end of a thread whose suspended coroutines still borrow a state, or have set its value aside.
//!
//! A value that is borrowed when its turn comes is leaked, and a value that is set aside then is where nothing
//! drops it. If the coroutine goes on in a later destructor, it finds what it has left.

use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};
use std::ptr;

use corosensei::{Coroutine, Yielder};
use tls_core::{AccessError, ThreadLocalState};

use crate::foreign::{
    F, G, Subject, assert_end, at_drop, at_make, for_each_state, look, make_newer, note,
    why_refused,
};
use crate::support::scale;

for_each_state! {
    a_value_set_aside_when_its_turn_comes_is_leaked_and_its_state_destroyed
    a_value_set_aside_that_comes_back_before_its_turn_is_dropped_in_it
    a_value_set_aside_whose_function_ends_after_its_turn_is_dropped_by_that
    a_value_set_aside_while_another_is_made_that_fails_after_its_turn_is_dropped_by_that
    a_fresh_value_is_dropped_in_the_turn_of_the_one_that_it_stands_in_for
    a_foreign_destructor_may_use_a_state_whose_value_is_set_aside
    a_value_borrowed_when_its_turn_comes_is_leaked_and_its_state_destroyed
    a_borrow_that_ends_before_the_turn_leaves_the_value_to_be_dropped
    a_value_leaked_in_its_turn_stays_when_the_borrow_ends
    other_values_are_dropped_although_one_is_borrowed
    an_initializer_that_goes_on_in_a_foreign_destructor_takes_its_place_then
    a_value_whose_initializer_goes_on_after_its_turn_is_dropped_at_once
}

type Suspended = Coroutine<(), (), ()>;

thread_local! {
    /// Of the coroutine that runs.
    static YIELDER: Cell<*const Yielder<(), ()>> = const { Cell::new(ptr::null()) };
    /// The thread's coroutine, in a box that it owns until it ends.
    static SUSPENDED: Cell<*mut Suspended> = const { Cell::new(ptr::null_mut()) };
}

/// Runs a function in a coroutine until it suspends itself.
fn suspend_in(f: fn()) {
    let coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        YIELDER.set(ptr::from_ref(yielder));
        f();
    });
    SUSPENDED.set(Box::into_raw(Box::new(coroutine)));
    resume();
}

fn suspend() {
    // SAFETY: it is the yielder of the coroutine that runs, on whose stack this is called.
    unsafe { &*YIELDER.get() }.suspend(());
}

/// Lets the thread's coroutine go on. It is left alone, and leaked, if it suspends itself again.
fn resume() {
    // SAFETY: it is in its box until it ends, and nothing else refers to it.
    let coroutine = unsafe { &mut *SUSPENDED.get() };
    coroutine.resume(());
    if coroutine.done() {
        let coroutine = SUSPENDED.replace(ptr::null_mut());
        // SAFETY: made by `Box::into_raw`, and not used any more.
        drop(unsafe { Box::from_raw(coroutine) });
    }
}

/// Coroutines that never end are leaked, with what lies on their stacks.
fn leaks_are_counted() -> bool {
    scale() > 1
}

fn set_aside<S: ThreadLocalState>() {
    suspend_in(|| S::state().with_fresh(suspend));
}

fn borrow<S: ThreadLocalState>() {
    suspend_in(|| assert!(S::state().try_with_mut(|_| suspend()).is_ok()));
}

fn look_why<S: ThreadLocalState>(who: &str) {
    note(format!("{who}: {}", why_refused::<S>()));
}

fn a_value_set_aside_when_its_turn_comes_is_leaked_and_its_state_destroyed<
    S: Subject + ThreadLocalState,
>() {
    if leaks_are_counted() {
        return;
    }
    let expected = ["drop G", "drop F", "F misses S", "F: destroyed"];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        set_aside::<S>();
        F.at_drop(|| {
            look::<S>("F");
            look_why::<S>("F");
        });
    });
}

fn a_value_set_aside_that_comes_back_before_its_turn_is_dropped_in_it<
    S: Subject + ThreadLocalState,
>() {
    let expected = ["drop G", "G finds S", "drop S", "S finds F", "drop F"];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        set_aside::<S>();
        G.at_drop(|| {
            resume();
            look::<S>("G");
        });
        at_drop(|| F.look("S"));
    });
}

fn a_value_set_aside_whose_function_ends_after_its_turn_is_dropped_by_that<
    S: Subject + ThreadLocalState,
>() {
    let expected = ["drop G", "drop F", "drop S", "S: destroyed", "F misses S"];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        set_aside::<S>();
        F.at_drop(|| {
            resume();
            look::<S>("F");
        });
        at_drop(|| look_why::<S>("S"));
    });
}

fn a_value_set_aside_while_another_is_made_that_fails_after_its_turn_is_dropped_by_that<
    S: Subject + ThreadLocalState,
>() {
    if !S::RUNS_CODE {
        return;
    }
    let expected = ["drop G", "drop F", "drop S", "S: destroyed", "F misses S"];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        suspend_in(|| {
            let result = catch_unwind(|| {
                S::state().with_fresh(|| {
                    at_make(|| {
                        suspend();
                        resume_unwind(Box::new("on purpose"));
                    });
                    S::make();
                });
            });
            assert!(result.is_err());
        });
        F.at_drop(|| {
            resume();
            look::<S>("F");
        });
        at_drop(|| look_why::<S>("S"));
    });
}

fn a_fresh_value_is_dropped_in_the_turn_of_the_one_that_it_stands_in_for<
    S: Subject + ThreadLocalState,
>() {
    let expected = [
        "drop G",
        "G finds S",
        "drop S",
        "drop F",
        "drop S",
        "F misses S",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        suspend_in(|| {
            S::state().with_fresh(|| {
                S::make();
                suspend();
            });
        });
        G.at_drop(|| look::<S>("G"));
        F.at_drop(|| {
            resume();
            look::<S>("F");
        });
    });
}

fn a_foreign_destructor_may_use_a_state_whose_value_is_set_aside<S: Subject + ThreadLocalState>() {
    let expected = [
        "drop G",
        "make S",
        "G finds S",
        "drop S",
        "drop F",
        "drop S",
        "F misses S",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        set_aside::<S>();
        G.at_drop(|| look::<S>("G"));
        F.at_drop(|| {
            resume();
            look::<S>("F");
        });
    });
    // The old value comes back before its turn: the new one goes, as with any `with_fresh`.
    let expected = [
        "drop G",
        "make S",
        "G finds S",
        "drop S",
        "resumed",
        "drop S",
        "drop F",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        set_aside::<S>();
        G.at_drop(|| {
            look::<S>("G");
            resume();
            note("resumed");
        });
    });
}

fn a_value_borrowed_when_its_turn_comes_is_leaked_and_its_state_destroyed<
    S: Subject + ThreadLocalState,
>() {
    if leaks_are_counted() {
        return;
    }
    assert_end::<S>(&["drop G", "G: borrowed", "drop F", "F: destroyed"], || {
        F.touch();
        S::make();
        G.touch();
        borrow::<S>();
        G.at_drop(|| look_why::<S>("G"));
        F.at_drop(|| look_why::<S>("F"));
    });
}

fn a_borrow_that_ends_before_the_turn_leaves_the_value_to_be_dropped<
    S: Subject + ThreadLocalState,
>() {
    assert_end::<S>(&["drop G", "drop S", "drop F", "F: destroyed"], || {
        F.touch();
        S::make();
        G.touch();
        borrow::<S>();
        G.at_drop(resume);
        F.at_drop(|| look_why::<S>("F"));
    });
}

fn a_value_leaked_in_its_turn_stays_when_the_borrow_ends<S: Subject + ThreadLocalState>() {
    if leaks_are_counted() {
        return;
    }
    assert_end::<S>(&["drop G", "drop F", "resumed", "reset: true"], || {
        F.touch();
        S::make();
        G.touch();
        borrow::<S>();
        F.at_drop(|| {
            resume();
            note("resumed");
            let refused = matches!(S::state().try_reset(), Err(AccessError::Destroyed(_)));
            note(format!("reset: {refused}"));
        });
    });
}

fn other_values_are_dropped_although_one_is_borrowed<S: Subject + ThreadLocalState>() {
    if leaks_are_counted() {
        return;
    }
    assert_end::<S>(&["drop G", "drop N", "drop F", "F: destroyed"], || {
        F.touch();
        S::make();
        borrow::<S>();
        make_newer();
        G.touch();
        F.at_drop(|| look_why::<S>("F"));
    });
    assert_end::<S>(&["drop G", "drop N", "drop F", "F: destroyed"], || {
        F.touch();
        make_newer();
        S::make();
        borrow::<S>();
        G.touch();
        F.at_drop(|| look_why::<S>("F"));
    });
}

fn make_in_coroutine<S: Subject>() {
    at_make(suspend);
    suspend_in(|| _ = S::make());
}

fn an_initializer_that_goes_on_in_a_foreign_destructor_takes_its_place_then<
    S: Subject + ThreadLocalState,
>() {
    if !S::RUNS_CODE {
        return;
    }
    let expected = ["drop G", "G finds S", "drop S", "S finds F", "drop F"];
    assert_end::<S>(&expected, || {
        make_in_coroutine::<S>();
        F.touch();
        G.touch();
        G.at_drop(|| {
            resume();
            look::<S>("G");
        });
        at_drop(|| F.look("S"));
    });
}

fn a_value_whose_initializer_goes_on_after_its_turn_is_dropped_at_once<
    S: Subject + ThreadLocalState,
>() {
    if !S::RUNS_CODE {
        return;
    }
    let expected = [
        "drop G",
        "G: recursive",
        "drop F",
        "drop S",
        "S: destroyed",
        "F: destroyed",
    ];
    assert_end::<S>(&expected, || {
        F.touch();
        S::make();
        G.touch();
        S::state().reset();
        make_in_coroutine::<S>();
        G.at_drop(|| look_why::<S>("G"));
        F.at_drop(|| {
            resume();
            look_why::<S>("F");
        });
        at_drop(|| look_why::<S>("S"));
    });
}
