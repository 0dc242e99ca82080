//! A fork inside of `with_fresh`: the value set aside and the fresh one are the parent's.

use std::future::{Future as _, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};

use crate::kinds::{
    Inline, Kind, START, Token as _, assert_own, assert_starts_anew, dropped, for_each_kind,
    make_own,
};
use crate::support::{ENDINGS, alone, both, fork, fork_here, is_child, noted, on_thread_until};

for_each_kind! {
    the_child_has_neither_the_fresh_nor_the_old_value
    without_a_fresh_value
    what_the_child_makes_inside_is_its_own
    they_nest
    a_panic_in_the_child_forgets_as_well
    a_borrow_inside
    with_scopes_around_and_inside
    a_child_that_ends_inside_drops_neither
    a_future_that_the_child_drops_within_an_access_drops_nothing
}

/// Fails if what a future carries is dropped where it cannot be put into its place first.
fn a_future_that_the_child_drops_within_an_access_drops_nothing<K: Kind>() {
    let mut future = Box::pin(K::state().with_fresh_future(async {
        make_own::<K>(2);
        pending::<()>().await;
    }));
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    let mut future = Some(future);
    both(|| {
        let is_child = fork_here();
        let future = future.take();
        if is_child {
            K::make();
            K::plain(K::NUMBER.with(|_| drop(future)));
        }
    });
    assert_eq!(dropped_by_child(), [""; 0]);
    assert_eq!(noted(), dropped::<K>("parent", "parent"));
}

fn dropped_by_child() -> Vec<String> {
    noted()
        .into_iter()
        .filter(|line| line.starts_with("child drops"))
        .collect()
}

/// Fails if the guard puts the old value back in the child, or drops one of the two.
fn the_child_has_neither_the_fresh_nor_the_old_value<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::state().with_fresh(|| {
            make_own::<K>(2);
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
    assert_eq!(dropped_by_child(), [""; 0]);
    assert_eq!(noted(), dropped::<K>("parent", "parent"));
}

/// Fails if the handler, which finds no value in the slot, leaves no trace of the fork there.
fn without_a_fresh_value<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::state().with_fresh(|| {
            fork_here();
        });
        if is_child() {
            assert!(!K::state().is_initialized());
            assert_starts_anew::<K>();
        }
    });
    assert_own::<K>(1);
    assert_eq!(noted(), [""; 0]);
}

/// Fails if the child's value is leaked or dropped twice, or if the old one comes back.
fn what_the_child_makes_inside_is_its_own<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::state().with_fresh(|| {
            make_own::<K>(2);
            if fork_here() {
                assert_starts_anew::<K>();
                make_own::<K>(3);
            }
        });
        if is_child() {
            // The value of the fresh state ends with it.
            assert_eq!(dropped_by_child(), dropped::<K>("child", "child"));
            assert_starts_anew::<K>();
        }
    });
    assert_own::<K>(1);
    assert_eq!(dropped_by_child(), dropped::<K>("child", "child"));
}

/// Fails if only the innermost learns of the fork.
fn they_nest<K: Kind>() {
    fn visit<K: Kind>(levels: u64) {
        if levels == 0 {
            fork_here();
            return;
        }
        make_own::<K>(levels);
        K::state().with_fresh(|| visit::<K>(levels - 1));
        if is_child() {
            assert!(!K::state().is_initialized());
        } else {
            assert_own::<K>(levels);
        }
    }
    both(|| {
        visit::<K>(20);
        if is_child() {
            assert_starts_anew::<K>();
        }
    });
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if unwinding drops what is set aside.
fn a_panic_in_the_child_forgets_as_well<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            K::state().with_fresh(|| {
                make_own::<K>(2);
                K::state().with_fresh(|| {
                    make_own::<K>(3);
                    assert!(!fork_here(), "on purpose");
                });
            });
        }));
        assert_eq!(result.is_err(), is_child());
        if is_child() {
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_starts_anew::<K>();
        }
    });
    assert_own::<K>(1);
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if the reset that the borrow has delayed is not noticed when the old value is due.
fn a_borrow_inside<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::state().with_fresh(|| {
            make_own::<K>(2);
            K::plain(K::NUMBER.with_mut(|number| {
                fork_here();
                *number += 1;
            }));
        });
        if is_child() {
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_starts_anew::<K>();
        }
    });
    assert_own::<K>(1);
    assert_eq!(dropped_by_child(), [""; 0]);
}

/// Fails if a field that was saved in one value is put back into another.
fn with_scopes_around_and_inside<K: Kind>() {
    make_own::<K>(1);
    both(|| {
        K::plain(K::NUMBER.scope(2, || {
            K::state().with_fresh(|| {
                make_own::<K>(3);
                K::plain(K::NUMBER.scope(4, || {
                    K::plain(K::TOKEN.scope(K::Token::new(K::NAME), || {
                        fork_here();
                    }));
                }));
                if is_child() {
                    assert_starts_anew::<K>();
                    make_own::<K>(5);
                } else {
                    assert_own::<K>(3);
                }
            });
            if is_child() {
                assert_starts_anew::<K>();
                make_own::<K>(6);
            } else {
                assert_own::<K>(2);
            }
        }));
        assert_own::<K>(if is_child() { 6 } else { 1 });
    });
    assert!(!noted().contains(&format!("child drops {} of parent", K::NAME)));
}

/// Fails if what is set aside is dropped by way of the thread's end.
fn a_child_that_ends_inside_drops_neither<K: Kind>() {
    for ending in ENDINGS {
        on_thread_until(ending, || {
            make_own::<K>(1);
            K::state().with_fresh(|| {
                make_own::<K>(2);
                fork()
            })
        });
        assert_eq!(dropped_by_child(), [""; 0], "{ending:?}");
    }
}

/// Fails if a fresh state begun in a child counts as begun before the next fork.
#[test]
fn a_fresh_state_of_a_child_and_a_grandchild() {
    alone(|| {
        make_own::<Inline>(1);
        in_a_fresh_one(|| {
            both(|| {
                if !fork_here() {
                    return;
                }
                make_own::<Inline>(2);
                both(|| {
                    in_a_fresh_one(|| {
                        fork_here();
                    });
                    if crate::support::generation() == 2 {
                        assert!(!Inline::state().is_initialized());
                        assert_eq!(Inline::NUMBER.get(), START);
                    } else {
                        assert_own::<Inline>(2);
                    }
                });
            });
        });
        assert_own::<Inline>(1);
        assert!(!noted().iter().any(|line| line.starts_with("grandchild")));
    });
}

fn in_a_fresh_one(f: impl FnOnce()) {
    Inline::state().with_fresh(|| {
        make_own::<Inline>(77);
        f();
    });
}
