//! However a child ends, it drops nothing that it has inherited.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;

use crate::kinds::{Inline, Kind, assert_starts_anew, dropped, for_each_kind, make_own};
use crate::support::{ENDINGS, Ending, alone, fork, is_child, noted, on_thread_until};

for_each_kind! {
    the_inherited_value_is_not_dropped
    only_the_new_value_is_dropped
    a_value_borrowed_at_the_fork_is_not_dropped
    a_value_borrowed_at_the_end_is_not_dropped
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
