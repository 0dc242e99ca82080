//! A fork inside of `scope`: both what was bound and what it replaced are the parent's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::kinds::{
    Inline, Kind, Token as _, assert_own, assert_starts_anew, dropped, for_each_kind, make_own,
};
use crate::support::{alone, both, fork_here, is_child, noted};

for_each_kind! {
    the_child_finds_none_inside_and_after
    the_childs_own_value_is_not_touched_when_the_scope_ends
    scopes_nest
    a_panic_in_the_child_forgets_as_well
    a_borrow_inside_the_scope
    a_scope_inside_a_borrow
    a_scope_of_the_childs_own
}

fn dropped_by_child() -> Vec<String> {
    noted()
        .into_iter()
        .filter(|line| line.starts_with("child"))
        .collect()
}

/// Binds another token for the extent of a function.
fn bind<K: Kind>(f: impl FnOnce()) {
    K::plain(K::TOKEN.scope(K::Token::new(K::NAME), f));
}

/// Fails if the guard that holds the saved field drops it in the child, or makes a value to
/// put it back into.
fn the_child_finds_none_inside_and_after<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        bind::<K>(|| {
            if fork_here() {
                assert!(!K::state().is_initialized());
            }
        });
        if is_child() {
            assert!(!K::state().is_initialized());
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_starts_anew::<K>();
        } else {
            assert_own::<K>(1);
        }
    });
    assert_own::<K>(1);
    assert_eq!(noted(), dropped::<K>("parent", "parent"));
}

/// Fails if the scope's end takes the child's value for the one it was begun with.
fn the_childs_own_value_is_not_touched_when_the_scope_ends<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        bind::<K>(|| {
            K::plain(K::NUMBER.scope(2, || {
                if fork_here() {
                    assert_starts_anew::<K>();
                    make_own::<K>(3);
                }
            }));
        });
        assert_own::<K>(if is_child() { 3 } else { 1 });
    });
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if only the innermost scope learns of the fork.
fn scopes_nest<K: Kind>() {
    fn visit<K: Kind>(levels: u32) {
        if levels == 0 {
            fork_here();
        } else {
            bind::<K>(|| K::plain(K::NUMBER.scope(9, || visit::<K>(levels - 1))));
        }
    }
    make_own::<K>(1);
    both(|| {
        visit::<K>(20);
        if is_child() {
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_starts_anew::<K>();
        } else {
            assert_own::<K>(1);
        }
    });
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if unwinding drops what is set aside.
fn a_panic_in_the_child_forgets_as_well<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            bind::<K>(|| {
                bind::<K>(|| {
                    assert!(!fork_here(), "on purpose");
                });
            });
        }));
        assert_eq!(result.is_err(), is_child());
        if is_child() {
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_starts_anew::<K>();
        } else {
            assert_own::<K>(1);
        }
    });
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if the reset that the borrow has delayed is not noticed by the scope around it.
fn a_borrow_inside_the_scope<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        bind::<K>(|| {
            K::plain(K::NUMBER.with_mut(|number| {
                fork_here();
                *number += 1;
            }));
        });
        if is_child() {
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_starts_anew::<K>();
        } else {
            assert_own::<K>(2);
        }
    });
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if the scope's end swaps as usual because the value is still there, and drops what
/// it was bound to, which is the parent's.
fn a_scope_inside_a_borrow<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.with_mut(|number| {
            bind::<K>(|| {
                fork_here();
            });
            *number += 1;
            // The field may have either value, but it has one.
            K::plain(K::TOKEN.with(|token| assert_eq!(token.owner(), "parent")));
        }));
        if is_child() {
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_starts_anew::<K>();
        } else {
            assert_own::<K>(2);
        }
    });
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if the mark that the fork left in a slot hits what comes later.
fn a_scope_of_the_childs_own<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        bind::<K>(|| {
            if fork_here() {
                make_own::<K>(5);
                K::plain(K::NUMBER.scope(6, || {
                    bind::<K>(|| assert_own::<K>(6));
                }));
                assert_own::<K>(5);
            }
        });
        if is_child() {
            assert_own::<K>(5);
        }
    });
    assert_eq!(dropped_by_child(), dropped::<K>("child", "child"));
}

/// Fails if a scope that a child is in counts as begun before the next fork.
#[test]
fn a_scope_begun_in_a_child_and_ended_in_a_grandchild() {
    alone(|| {
        make_own::<Inline>(1);
        both(|| {
            bind::<Inline>(|| {
                if !fork_here() {
                    return;
                }
                make_own::<Inline>(2);
                both(|| {
                    bind::<Inline>(|| {
                        fork_here();
                    });
                    if crate::support::generation() == 2 {
                        assert!(!Inline::state().is_initialized());
                        make_own::<Inline>(3);
                    } else {
                        assert_own::<Inline>(2);
                    }
                });
            });
            assert_own::<Inline>(if is_child() { 2 } else { 1 });
        });
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
