//! However a child ends, it drops nothing that it has inherited.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;

use tls_core::{borrow, borrow_mut};

use crate::kinds::{Inline, Kind, assert_starts_anew, dropped, for_each_kind, make_own};
use crate::support::{ENDINGS, Ending, alone, end_at_once, fork, is_child, noted, on_thread_until};

for_each_kind! {
    the_inherited_value_is_not_dropped
    only_the_new_value_is_dropped
    a_value_borrowed_at_the_fork_is_not_dropped
    a_value_borrowed_at_the_end_is_not_dropped
    a_value_lent_at_the_fork_is_forgotten_when_that_ends
}

/// What the child and the parent have dropped since.
fn dropped_since(before: usize) -> (Vec<String>, Vec<String>) {
    noted()
        .into_iter()
        .skip(before)
        .filter(|line| line.contains("drops"))
        .partition(|line| line.starts_with("child"))
}

/// Fails if the slot stays in the list that is dropped in the state's turn.
fn the_inherited_value_is_not_dropped<K: Kind>() {
    for ending in ENDINGS {
        let before = noted().len();
        on_thread_until(ending, || {
            make_own::<K>(1);
            fork()
        });
        let (by_child, by_parent) = dropped_since(before);
        assert_eq!(by_child, [""; 0], "{ending:?}");
        assert_eq!(by_parent, dropped::<K>("parent", "parent"));
    }
}

/// Fails if the slot is in the list twice, or if the state has no turn in the child.
fn only_the_new_value_is_dropped<K: Kind>() {
    for ending in ENDINGS {
        let before = noted().len();
        on_thread_until(ending, || {
            make_own::<K>(1);
            let child = fork();
            if is_child() {
                assert_starts_anew::<K>();
            }
            child
        });
        let (by_child, by_parent) = dropped_since(before);
        match ending {
            Ending::AtOnce => assert_eq!(by_child, [""; 0]),
            // Whether destructors run then is the platform's choice.
            Ending::Exit if by_child.is_empty() => (),
            Ending::Exit | Ending::Return => {
                assert_eq!(by_child, dropped::<K>("child", "child"));
            }
        }
        assert_eq!(by_parent, dropped::<K>("parent", "parent"));
    }
}

/// Fails if what is still borrowed at the fork is not reset at all.
fn a_value_borrowed_at_the_fork_is_not_dropped<K: Kind>() {
    for ending in ENDINGS {
        let before = noted().len();
        on_thread_until(ending, || {
            make_own::<K>(1);
            K::plain(K::NUMBER.with_mut(|_| fork()))
        });
        let (by_child, by_parent) = dropped_since(before);
        assert_eq!(by_child, [""; 0], "{ending:?}");
        assert_eq!(by_parent, dropped::<K>("parent", "parent"));
    }
}

/// The same without closures: in each way in which a borrow can end.
fn a_value_lent_at_the_fork_is_forgotten_when_that_ends<K: Kind>() {
    for ending in ENDINGS {
        let before = noted().len();
        on_thread_until(ending, || {
            make_own::<K>(1);
            let child = {
                let _number = borrow_mut!(K::NUMBER);
                let _other = borrow!(K::OTHER);
                let _again = borrow!(K::OTHER);
                fork()
            };
            if is_child() {
                assert_starts_anew::<K>();
                let grandchild = {
                    let _state = borrow!(K::state());
                    let _again = borrow!(K::state());
                    fork()
                };
                if let Some(grandchild) = grandchild {
                    grandchild.succeed();
                } else {
                    assert_starts_anew::<K>();
                    end_at_once(0);
                }
                let grandchild = {
                    let _state = borrow_mut!(K::state());
                    fork()
                };
                if let Some(grandchild) = grandchild {
                    grandchild.succeed();
                } else {
                    assert_starts_anew::<K>();
                    end_at_once(0);
                }
            }
            child
        });
        let (_, by_parent) = dropped_since(before);
        assert_eq!(by_parent, dropped::<K>("parent", "parent"));
    }
}

/// Fails if teardown takes a value whose reset is due for one that is free.
fn a_value_borrowed_at_the_end_is_not_dropped<K: Kind>() {
    for ending in [Ending::AtOnce, Ending::Exit] {
        let before = noted().len();
        on_thread_until(ending, move || {
            make_own::<K>(1);
            K::state()
                .try_with_mut(|_| {
                    let child = fork();
                    if is_child() {
                        crate::support::note("is done");
                        match ending {
                            Ending::Exit => exit(0),
                            _ => crate::support::end_at_once(0),
                        }
                    }
                    child
                })
                .unwrap()
        });
        let (by_child, by_parent) = dropped_since(before);
        assert_eq!(by_child, [""; 0], "{ending:?}");
        assert_eq!(by_parent, dropped::<K>("parent", "parent"));
    }
}

/// The same on the main thread, whose destructors `exit` runs on most platforms.
#[test]
fn exit_on_the_main_thread_drops_nothing_inherited() {
    alone(|| {
        make_own::<Inline>(1);
        let Some(child) = fork() else { exit(0) };
        child.succeed();
        let child = Inline::NUMBER.with_mut(|_| fork());
        let Some(child) = child else { exit(0) };
        child.succeed();
        assert_eq!(noted(), [""; 0]);
    });
}

/// Fails if the child's new value is taken for the inherited one.
#[test]
fn a_panic_that_ends_the_childs_thread_drops_the_new_value_only() {
    alone(|| {
        let child = catch_unwind(AssertUnwindSafe(|| {
            crate::support::on_thread(|| {
                make_own::<Inline>(1);
                let child = fork();
                if is_child() {
                    make_own::<Inline>(2);
                    panic!("on purpose");
                }
                child
            })
        }));
        child.unwrap().unwrap().succeed();
        let mut noted = noted();
        noted.sort();
        assert_eq!(
            noted,
            [
                "child drops Inline of child",
                "parent drops Inline of parent"
            ]
        );
    });
}
