//! `fork = reset`: the child starts without a value, and an access that was under way at the
//! fork is finished first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::kinds::{
    Inline, Kind, START, assert_own, assert_starts_anew, dropped, for_each_kind, make_own,
};
use crate::support::{alone, both, fork_here, in_child, is_child, noted, on_thread};

for_each_kind! {
    the_child_finds_none_and_makes_a_new_one
    a_child_forked_by_another_thread_finds_none
    nothing_is_there_to_be_reset_in_the_child
    without_a_value_the_child_finds_none_either
    inside_an_exclusive_borrow_of_a_field
    inside_a_shared_borrow_of_a_field
    inside_an_exclusive_borrow_of_the_state
    inside_nested_shared_borrows
    inside_borrows_of_two_fields
    inside_an_update
    inside_a_peek
    inside_an_access_with_a_spare
    a_panic_ends_the_access_as_well
    two_forks_inside_one_access
}

/// The parent's value is as it was, and nobody has dropped it so far, nor will the child.
#[track_caller]
fn assert_left_alone<K: Kind>(number: u64) {
    assert_own::<K>(number);
    assert!(!noted().iter().any(|line| line.ends_with("of parent")));
    assert!(K::state().reset());
    let of_parent: Vec<_> = noted()
        .into_iter()
        .filter(|line| line.ends_with("of parent"))
        .collect();
    assert_eq!(of_parent, dropped::<K>("parent", "parent"));
}

/// Fails if the handler walks the list of what has to be dropped at thread exit only, which
/// lacks the states without a destructor; or if it drops what it finds.
fn the_child_finds_none_and_makes_a_new_one<K: Kind>() {
    make_own::<K>(1);
    in_child(|| {
        assert_starts_anew::<K>();
        assert!(K::state().reset());
        assert_eq!(noted(), dropped::<K>("child", "child"));
    });
    assert_left_alone::<K>(1);
}

/// Fails if it is the main thread's states that the handler finds.
fn a_child_forked_by_another_thread_finds_none<K: Kind>() {
    make_own::<K>(1);
    on_thread(|| {
        make_own::<K>(2);
        in_child(|| assert_starts_anew::<K>());
        assert_left_alone::<K>(2);
    });
    // The main thread has vanished in that child, and its value with it.
    assert_own::<K>(1);
}

/// Fails if the value is dropped when somebody asks for that.
fn nothing_is_there_to_be_reset_in_the_child<K: Kind>() {
    make_own::<K>(1);
    in_child(|| {
        assert!(!K::state().reset());
        assert_starts_anew::<K>();
    });
    assert_left_alone::<K>(1);
}

/// Fails if the handler takes what has been reset for a value.
fn without_a_value_the_child_finds_none_either<K: Kind>() {
    make_own::<K>(1);
    assert!(K::state().reset());
    in_child(|| assert_starts_anew::<K>());
    make_own::<K>(2);
}

/// Fails if the reference dies at the fork, or if the end of the borrow makes the parent's value free, or
/// leaves it borrowed for ever.
fn inside_an_exclusive_borrow_of_a_field<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.with_mut(|number| {
            fork_here();
            *number += 1;
            // As ever inside of an access.
            assert!(K::NUMBER.try_with(|_| ()).is_err());
            assert!(K::state().try_with(|_| ()).is_err());
            assert!(K::state().try_reset().is_err());
            assert!(K::state().is_initialized());
            K::plain(K::OTHER.with_mut(|other| *other += 1));
            assert_eq!(K::plain(K::OTHER.get()), 1);
            assert_eq!(*number, 2);
        }));
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(2);
}

/// As above, with a handle that only reads.
fn inside_a_shared_borrow_of_a_field<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.with(|number| {
            fork_here();
            assert_eq!(K::plain(K::NUMBER.get()), *number);
            assert!(K::NUMBER.try_with_mut(|_| ()).is_err());
            K::state()
                .try_with(|state| assert_eq!(state.number(), 1))
                .unwrap();
        }));
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(1);
}

/// Fails if the word that stands for "all borrowed" is not recognized as a borrow.
fn inside_an_exclusive_borrow_of_the_state<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::state()
            .try_with_mut(|state| {
                fork_here();
                *state.number_mut() += 1;
                assert!(K::OTHER.try_with(|_| ()).is_err());
                assert!(K::state().try_reset().is_err());
                assert_eq!(state.number(), 2);
            })
            .unwrap();
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(2);
}

/// Fails if the value is forgotten before its last borrow has ended, or kept after that.
fn inside_nested_shared_borrows<K: Kind>() {
    fn visit<K: Kind>(levels: u32) {
        if levels == 0 {
            fork_here();
            return;
        }
        K::state()
            .try_with(|state| {
                visit::<K>(levels - 1);
                // Others come and go on the way out.
                K::state()
                    .try_with(|again| assert_eq!(again.number(), state.number()))
                    .unwrap();
                assert_eq!(K::plain(K::NUMBER.get()), 1);
                assert!(K::state().try_with_mut(|_| ()).is_err());
            })
            .unwrap();
    }
    make_own::<K>(1);
    both(|| {
        visit::<K>(200);
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(1);
}

/// Fails if the value is forgotten when the inner field is free again.
fn inside_borrows_of_two_fields<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.with_mut(|number| {
            K::plain(K::OTHER.with_mut(|other| {
                fork_here();
                *other += 1;
            }));
            assert_eq!(K::plain(K::OTHER.get()), 1);
            K::plain(K::OTHER.set(2));
            assert!(K::state().is_initialized());
            *number += 1;
        }));
        if is_child() {
            assert_starts_anew::<K>();
            assert_eq!(K::plain(K::OTHER.get()), 0);
        }
    });
    assert_eq!(K::plain(K::OTHER.get()), 2);
    assert_left_alone::<K>(2);
}

/// Fails if the result is written to a value that is not there any more, or into a new one.
fn inside_an_update<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.update(|number| {
            fork_here();
            number + 1
        }));
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(2);
}

/// Fails if only the accessors that initialize are looked after.
fn inside_a_peek<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        let found = K::state()
            .peek(|state| {
                fork_here();
                state.number()
            })
            .ok()
            .flatten();
        assert_eq!(found, Some(1));
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(1);
}

/// Fails if what runs on a spare is taken for an access to the value.
fn inside_an_access_with_a_spare<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.with_mut(|number| {
            K::plain(K::NUMBER.with_mut_or_else(
                || START,
                |spare| {
                    fork_here();
                    *spare += 1;
                    assert_eq!(*spare, START + 1);
                },
            ));
            *number += 1;
        }));
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(2);
}

/// Fails if only an orderly end is looked after.
fn a_panic_ends_the_access_as_well<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            K::plain(K::OTHER.with(|_| {
                K::plain(K::NUMBER.with_mut(|number| {
                    fork_here();
                    *number += 1;
                    panic!("on purpose");
                }))
            }))
        }));
        assert!(result.is_err());
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_left_alone::<K>(2);
}

/// Fails if the first fork leaves a mark in the parent.
fn two_forks_inside_one_access<K: Kind>() {
    make_own::<K>(1);
    let mut is_child = false;
    for _ in 0..2 {
        K::plain(K::NUMBER.with_mut(|number| {
            for _ in 0..2 {
                both(|| is_child = fork_here());
                *number += 1;
            }
        }));
        assert!(!is_child);
    }
    assert_left_alone::<K>(5);
}

/// Fails if what the handler needs is found by the name of a thread, or on its first use only.
#[test]
fn fork_after_fork_finds_none() {
    alone(|| {
        for number in 0..20 {
            make_own::<Inline>(number);
            in_child(|| assert_starts_anew::<Inline>());
            assert_own::<Inline>(number);
        }
        assert_left_alone::<Inline>(19);
    });
}

/// Fails if the values of threads that the child does not have are cleaned up.
#[test]
fn values_of_vanished_threads_are_left_alone() {
    alone(|| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let other = thread::spawn(move || {
            make_own::<Inline>(1);
            ready.send(()).unwrap();
            let _ = stopped.recv();
            assert_own::<Inline>(1);
        });
        is_ready.recv().unwrap();
        in_child(|| {
            assert_starts_anew::<Inline>();
            Inline::state().reset();
        });
        assert_eq!(noted(), dropped::<Inline>("child", "child"));
        drop(stop);
        other.join().unwrap();
        assert_eq!(noted().last().unwrap(), "parent drops Inline of parent");
    });
}
