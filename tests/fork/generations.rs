//! Children of children, and threads of children.

use std::thread;

use crate::kinds::{
    Counting, Inline, KeptCounting, Kind, Large, Plain, START, assert_own, assert_starts_anew,
    make_own,
};
use crate::support::{alone, fork, in_child, note, noted, on_thread};

/// Fails if what the parent's handler did (a flag, a list) makes the child's do nothing.
#[test]
fn a_grandchild_finds_neither_its_grandparents_nor_its_parents_value() {
    fn check<K: Kind>() {
        make_own::<K>(1);
        in_child(|| {
            assert_starts_anew::<K>();
            make_own::<K>(2);
            in_child(|| {
                assert_starts_anew::<K>();
                make_own::<K>(3);
                assert!(K::state().reset());
            });
            assert_own::<K>(2);
        });
        assert_own::<K>(1);
    }
    alone(|| {
        check::<Inline>();
        check::<Plain>();
        check::<Large>();
        check::<Counting>();
        assert_eq!(
            noted(),
            ["Inline", "Large", "Counting"]
                .map(|name| format!("grandchild drops {name} of grandchild"))
        );
    });
}

/// Fails if a child that has not touched the state passes its grandparent's on.
#[test]
fn a_grandchild_of_a_child_that_made_none_finds_none() {
    alone(|| {
        make_own::<Inline>(1);
        in_child(|| in_child(|| assert_starts_anew::<Inline>()));
        assert_own::<Inline>(1);
    });
}

/// Fails if "forget it later" is asked for once and not again.
#[test]
fn forks_at_two_depths_of_one_access() {
    alone(|| {
        make_own::<Inline>(1);
        Inline::NUMBER.with_mut(|number| {
            in_child(|| {
                *number += 1;
                Inline::OTHER.with_mut(|_| {
                    // The grandchild leaves the accesses of three processes' time.
                    let child = fork();
                    if child.is_none() {
                        note("is here");
                    }
                    if let Some(child) = child {
                        child.succeed();
                    }
                });
                assert!(Inline::state().is_initialized());
                assert_eq!(*number, 2);
            });
            assert_eq!(*number, 1);
        });
        assert_own::<Inline>(1);
        assert_eq!(noted(), ["grandchild is here"]);
    });
}

/// The same, to the end of the outer access in each process.
#[test]
fn each_generation_leaves_an_access_that_its_grandparent_began() {
    alone(|| {
        make_own::<Inline>(1);
        let mut child = None;
        let mut grandchild = None;
        Inline::with_state(|_| {
            child = fork();
            if child.is_none() {
                Inline::with_state(|_| grandchild = fork());
                assert!(Inline::state().is_initialized());
            }
        });
        let check = || {
            if let Some(child) = child {
                child.succeed();
                return assert_own::<Inline>(1);
            }
            assert_starts_anew::<Inline>();
            if let Some(grandchild) = grandchild {
                grandchild.succeed();
            }
            assert_own::<Inline>(START + 101);
            crate::support::end_at_once(0);
        };
        if crate::support::is_child() {
            crate::support::checked(check);
        } else {
            check();
        }
        assert_eq!(noted(), [""; 0]);
    });
}

/// Fails if the values of the parent's threads show up in threads that get their storage.
#[test]
fn a_thread_started_in_the_child_finds_nothing() {
    fn check<K: Kind>() {
        assert!(!K::state().is_initialized());
        make_own::<K>(3);
        assert!(K::state().reset());
    }
    fn check_all() {
        check::<Inline>();
        check::<Plain>();
        check::<Large>();
        check::<Counting>();
        check::<KeptCounting>();
    }
    alone(|| {
        make_own::<Inline>(1);
        make_own::<KeptCounting>(1);
        // Storage that has been used before.
        on_thread(check_all);
        in_child(|| {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(check_all);
                }
            });
            on_thread(check_all);
            assert_starts_anew::<Inline>();
            thread::spawn(|| {
                make_own::<Inline>(4);
                make_own::<KeptCounting>(4);
            })
            .join()
            .unwrap();
        });
        assert_own::<Inline>(1);
        let noted = noted();
        assert!(noted.contains(&"child drops KeptCounting of child".into()));
        assert!(noted.contains(&"child drops Inline of child".into()));
        assert!(
            !noted
                .iter()
                .any(|line| line == "child drops Inline of parent")
        );
    });
}

/// Fails if a fork by a thread of the child is not one like any other.
#[test]
fn a_thread_of_the_child_forks() {
    alone(|| {
        make_own::<Inline>(1);
        in_child(|| {
            make_own::<Inline>(2);
            on_thread(|| {
                make_own::<Inline>(3);
                in_child(|| {
                    assert_starts_anew::<Inline>();
                    on_thread(|| assert_starts_anew::<Inline>());
                });
                assert_own::<Inline>(3);
            });
            assert_own::<Inline>(2);
        });
        assert_own::<Inline>(1);
    });
}
