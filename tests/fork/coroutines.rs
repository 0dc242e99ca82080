//! A fork while a stackful coroutine is suspended inside an access. The child may find the state
//! refused until the coroutine has gone on; it never finds two references that exclude each other, nor
//! drops what is the parent's.

use corosensei::{Coroutine, CoroutineResult, Yielder};
use tls_core::{AccessError, thread_local_state};

use crate::kinds::{
    Inline, Kind, Large, START, Token as _, Witness, assert_own, assert_starts_anew, make_own,
};
use crate::shared::Meter;
use crate::support::{alone, both, fork_here, generation, is_child, name_of, noted};

/// A coroutine that suspends itself inside of an access, and then changes what it has borrowed.
fn inside_an_access<K: Kind>() -> Coroutine<(), (), ()> {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        K::plain(K::NUMBER.with_mut(|number| {
            let before = *number;
            yielder.suspend(());
            assert_eq!(*number, before);
            *number += 1;
        }));
    });
    assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
    coroutine
}

fn finish(coroutine: &mut Coroutine<(), (), ()>) {
    assert!(matches!(coroutine.resume(()), CoroutineResult::Return(())));
}

/// Checks that the child has its own value or none that it can be given.
fn assert_own_or_refused<K: Kind>() {
    match K::state().try_with(|state| (state.number(), state.owner())) {
        Ok(found) => assert_eq!(found, (START, name_of(generation()))),
        Err(refused) => assert!(matches!(refused, AccessError::Borrowed(_))),
    }
}

/// Fails if the child's slot is emptied while the coroutine has a reference into it.
#[test]
fn the_coroutine_goes_on_in_the_child() {
    fn check<K: Kind>() {
        make_own::<K>(1);
        let mut coroutine = inside_an_access::<K>();
        both(|| {
            fork_here();
            assert!(K::NUMBER.try_with(|_| ()).is_err());
            finish(&mut coroutine);
            if is_child() {
                // It was the last access, and the only one.
                assert_starts_anew::<K>();
            } else {
                assert_own::<K>(2);
            }
        });
    }
    alone(|| {
        check::<Inline>();
        check::<Large>();
        assert_eq!(noted(), [""; 0]);
    });
}

/// Fails if the child waits for it, or believes what is borrowed to be free.
#[test]
fn the_coroutine_never_goes_on_in_the_child() {
    alone(|| {
        make_own::<Inline>(1);
        let mut coroutine = inside_an_access::<Inline>();
        both(|| {
            if fork_here() {
                assert_own_or_refused::<Inline>();
                let _ = Inline::state().try_reset();
                assert_own_or_refused::<Inline>();
                assert!(!noted().contains(&"child drops Inline of parent".into()));
            }
        });
        finish(&mut coroutine);
        assert_own::<Inline>(2);
    });
}

/// Fails if a borrow that the child has begun, and that ends last, does not forget the value.
#[test]
fn accesses_of_the_child_overlap_with_the_coroutine() {
    alone(|| {
        make_own::<Inline>(1);
        let mut coroutine = inside_an_access::<Inline>();
        both(|| {
            fork_here();
            let overlapped = Inline::OTHER.try_with_mut(|other| {
                finish(&mut coroutine);
                *other += 1;
            });
            overlapped.unwrap();
            // The coroutine's borrow ended out of order, and gave back what it had taken.
            if is_child() {
                assert_starts_anew::<Inline>();
            } else {
                assert_eq!(Inline::OTHER.get(), 1);
                assert_own::<Inline>(2);
            }
        });
        assert_eq!(noted(), [""; 0]);
    });
}

/// Fails if the coroutine's borrow, which is older than the fork, ends in a value that the
/// child has made since.
#[test]
fn two_coroutines_end_in_any_order_in_the_child() {
    alone(|| {
        for is_in_order in [false, true] {
            make_own::<Inline>(1);
            let mut first = inside_an_access::<Inline>();
            let mut second = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
                Inline::OTHER.with_mut(|other| {
                    yielder.suspend(());
                    *other += 1;
                });
            });
            assert!(matches!(second.resume(()), CoroutineResult::Yield(())));
            both(|| {
                if !fork_here() {
                    return;
                }
                if is_in_order {
                    finish(&mut second);
                    assert!(Inline::state().is_initialized());
                    finish(&mut first);
                    assert_starts_anew::<Inline>();
                } else {
                    finish(&mut first);
                    assert!(Inline::state().is_initialized());
                    finish(&mut second);
                    assert_starts_anew::<Inline>();
                }
                let _ = Inline::state().try_reset();
                assert!(!noted().contains(&"child drops Inline of parent".into()));
            });
            finish(&mut second);
            finish(&mut first);
            assert_own::<Inline>(2);
            assert_eq!(Inline::OTHER.get(), 1);
            assert!(Inline::state().reset());
        }
    });
}

/// Fails if what a suspended coroutine has set aside comes back in the child.
#[test]
fn the_coroutine_is_inside_of_a_scope_and_a_fresh_state() {
    alone(|| {
        make_own::<Inline>(1);
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            Inline::NUMBER.scope(2, || {
                Inline::state().with_fresh(|| {
                    make_own::<Inline>(3);
                    yielder.suspend(());
                });
            });
        });
        assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
        both(|| {
            if fork_here() {
                assert_starts_anew::<Inline>();
                make_own::<Inline>(9);
            }
            finish(&mut coroutine);
            if !is_child() {
                assert_own::<Inline>(1);
            }
        });
        assert!(!noted().contains(&"child drops Inline of parent".into()));
    });
}

/// Fails if the cells that a suspended coroutine refers to are the parent's.
#[test]
fn the_coroutine_counts_before_and_after() {
    alone(|| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            Meter::with_state(|_| {
                Meter::DONE.add(5);
                yielder.suspend(());
                Meter::DONE.add(2);
            });
        });
        assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
        both(|| {
            fork_here();
            finish(&mut coroutine);
            assert_eq!(Meter::DONE.total(), if is_child() { 2 } else { 7 });
        });
    });
}

#[thread_local_state(fork = reset)]
struct Scoped {
    #[state(init = Witness::new("Scoped"))]
    witness: Witness,
    number: u64,
}

/// Fails if a scope that the child begins, while the parent's value is still in use, drops what
/// it has taken out of that.
#[test]
fn a_scope_that_the_child_begins_on_the_parents_value_drops_nothing_of_it() {
    alone(|| {
        Scoped::state().init();
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            Scoped::NUMBER.with_mut(|_| yielder.suspend(()));
        });
        assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
        both(|| {
            fork_here();
            let new = Witness::new("scope");
            // The access ends within the scope.
            Scoped::WITNESS.scope(new, || finish(&mut coroutine));
            assert_eq!(Scoped::state().is_initialized(), !is_child());
            assert!(
                !noted()
                    .iter()
                    .any(|line| line == "child drops Scoped of parent")
            );
        });
    });
}
