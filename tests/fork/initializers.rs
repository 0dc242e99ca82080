//! A fork while a value is being made. What is made there is part the parent's, so the child
//! forgets it as soon as nothing uses it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tls_core::{AccessError, thread_local_state};

use crate::kinds::{START, Token as _, Witness};
use crate::support::{alone, both, fork_here, generation, is_child, name_of, note, noted};

type Hook = fn() -> Result<(), Failure>;

#[derive(Debug, PartialEq, Eq)]
struct Failure;

thread_local! {
    static HOOK: Cell<Option<Hook>> = const { Cell::new(None) };
}

/// Runs the hook, once. Returns whose process this is afterwards.
fn hooked() -> Result<u32, Failure> {
    HOOK.take().map_or(Ok(()), |hook| hook())?;
    Ok(generation())
}

fn fork_in_the_initializer() {
    HOOK.set(Some(|| {
        fork_here();
        Ok(())
    }));
}

#[thread_local_state(fork = reset)]
struct Lazy {
    #[state(init = Witness::new("Lazy"))]
    before: Witness,
    #[state(init = hooked().unwrap())]
    generation: u32,
    #[state(init = Witness::new("Lazy"))]
    after: Witness,
}

#[thread_local_state(fork = reset, error = Failure)]
struct Fallible {
    #[state(init = hooked()?)]
    generation: u32,
    #[state(init = Witness::new("Fallible"))]
    after: Witness,
}

#[thread_local_state(fork = reset, explicit)]
struct Explicit {
    before: Witness,
    #[state(init = hooked().unwrap())]
    generation: u32,
}

#[thread_local_state(fork = reset, init = given)]
struct Given {
    before: Witness,
    generation: u32,
}

fn given() -> GivenInit {
    GivenInit {
        before: Witness::new("Given"),
        generation: hooked().unwrap(),
    }
}

#[thread_local_state(fork = reset)]
struct Large {
    #[state(init = Witness::new("Large"))]
    before: Witness,
    #[state(init = hooked().unwrap())]
    generation: u32,
    #[state(init = [5; 5000])]
    bulk: [u8; 5000],
}

#[thread_local_state(fork = reset)]
struct Plain {
    #[state(init = hooked().unwrap())]
    generation: u32,
    #[state(init = START)]
    number: u64,
}

/// Makes another in its own initializer.
#[thread_local_state(fork = reset)]
struct Outer {
    #[state(init = Lazy::GENERATION.get())]
    generation: u32,
    #[state(init = Witness::new("Outer"))]
    witness: Witness,
}

#[thread_local_state(fork = keep)]
struct Kept {
    #[state(init = Witness::new("Kept"))]
    before: Witness,
    #[state(init = hooked().unwrap())]
    generation: u32,
}

fn dropped_by_child() -> Vec<String> {
    noted()
        .into_iter()
        .filter(|line| line.starts_with("child drops"))
        .collect()
}

/// Checks that the values of the two processes are whole, and apart.
macro_rules! assert_reset {
    ($Name:ident) => {
        if is_child() {
            assert!(!$Name::state().is_initialized());
            assert_eq!($Name::state().peek(|_| ()).ok().flatten(), None);
            assert_eq!(dropped_by_child(), [""; 0]);
            $Name::state().init();
        }
        assert_eq!($Name::GENERATION.get(), generation());
        assert!($Name::state().is_initialized());
        assert!($Name::state().reset());
    };
}

/// Fails if the end of the initialization says "uninitialized" and nothing else, so that the
/// child makes two values at once.
#[test]
fn by_way_of_init() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            Lazy::state().init();
            assert_reset!(Lazy);
        });
    });
}

/// Fails if the value that the child completes is not there for the access that wanted it, or
/// is still there afterwards.
#[test]
fn by_way_of_a_shared_access() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            Lazy::with_state(|state| {
                assert_eq!(state.generation, generation());
                assert_eq!(state.before.owner(), "parent");
                assert_eq!(state.after.owner(), name_of(generation()));
                assert_eq!(Lazy::GENERATION.get(), generation());
            });
            assert_reset!(Lazy);
        });
    });
}

/// As above.
#[test]
fn by_way_of_an_exclusive_access() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            Lazy::with_state_mut(|state| {
                assert!(Lazy::state().try_reset().is_err());
                state.generation = 50;
            });
            if !is_child() {
                assert_eq!(Lazy::GENERATION.get(), 50);
                Lazy::GENERATION.set(0);
            }
            assert_reset!(Lazy);
        });
    });
}

/// As above, with an access that has ended before it returns.
#[test]
fn by_way_of_get() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            assert_eq!(Lazy::GENERATION.get(), generation());
            assert_reset!(Lazy);
        });
    });
}

/// Fails if a large value's memory is given back while its initializer still writes there.
#[test]
fn of_a_large_state() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            Large::with_state_mut(|state| {
                assert!(state.bulk.iter().all(|&byte| byte == 5));
                assert_eq!(state.before.owner(), "parent");
                state.bulk[0] = 6;
            });
            assert_reset!(Large);
        });
    });
}

/// Fails if states that nothing has to drop are not looked after while they are made.
#[test]
fn of_a_state_without_destructor() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            Plain::state().init();
            if is_child() {
                assert!(!Plain::state().is_initialized());
            }
            assert_eq!(Plain::GENERATION.get(), generation());
            assert_eq!(Plain::NUMBER.get(), START);
        });
    });
}

/// Fails if `init_with` goes another way than lazy initialization.
#[test]
fn by_way_of_init_with() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            let before = Witness::new("Explicit");
            Explicit::state().init_with(ExplicitInit { before });
            if is_child() {
                assert!(!Explicit::state().is_initialized());
                let refused = Explicit::state().try_with(|_| ()).unwrap_err();
                assert!(matches!(refused, AccessError::NotInitialized(_)));
                assert_eq!(dropped_by_child(), [""; 0]);
                let before = Witness::new("Explicit");
                Explicit::state().init_with(ExplicitInit { before });
            }
            Explicit::with_state(|state| {
                assert_eq!(state.generation, generation());
                assert_eq!(state.before.owner(), name_of(generation()));
            });
            assert!(Explicit::state().reset());
        });
        let mut noted = noted();
        noted.sort();
        assert_eq!(
            noted,
            [
                "child drops Explicit of child",
                "parent drops Explicit of parent"
            ]
        );
    });
}

/// As above, in the function that `init = PATH` names.
#[test]
fn of_a_state_that_a_function_makes() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            Given::with_state(|state| assert_eq!(state.before.owner(), "parent"));
            assert_reset!(Given);
        });
    });
}

/// Fails if the fork makes the child's state forget that it is being made.
#[test]
fn an_initializer_that_reaches_itself_is_refused_in_both() {
    alone(|| {
        both(|| {
            HOOK.set(Some(|| {
                fork_here();
                assert!(matches!(
                    Lazy::state().try_with(|_| ()),
                    Err(AccessError::Recursive(_))
                ));
                assert!(Lazy::state().try_reset().is_err());
                assert!(!Lazy::state().is_initialized());
                Ok(())
            }));
            Lazy::state().init();
            assert_reset!(Lazy);
        });
    });
}

/// Fails if the failure leaves the mark "forget this", which then hits the next value.
#[test]
fn an_initializer_that_fails_after_the_fork_may_try_again() {
    alone(|| {
        both(|| {
            HOOK.set(Some(|| {
                fork_here();
                Err(Failure)
            }));
            assert_eq!(Fallible::state().init(), Err(Failure));
            assert!(!Fallible::state().is_initialized());
            assert_eq!(Fallible::GENERATION.get(), Ok(generation()));
            // It stays.
            assert!(Fallible::state().is_initialized());
            let owner = Fallible::with_state(|state| state.after.owner());
            assert_eq!(owner, Ok(name_of(generation())));
            assert!(Fallible::state().reset());
        });
        let mut noted = noted();
        noted.sort();
        assert_eq!(
            noted,
            [
                "child drops Fallible of child",
                "parent drops Fallible of parent"
            ]
        );
    });
}

/// As above, by a panic.
#[test]
fn an_initializer_that_panics_after_the_fork_may_try_again() {
    alone(|| {
        both(|| {
            HOOK.set(Some(|| {
                fork_here();
                panic!("on purpose");
            }));
            assert!(catch_unwind(AssertUnwindSafe(|| Plain::state().init())).is_err());
            assert!(!Plain::state().is_initialized());
            assert_eq!(Plain::GENERATION.get(), generation());
            assert!(Plain::state().is_initialized());
        });
    });
}

/// Fails if only one state can be in the making at the fork.
#[test]
fn an_initializer_inside_another() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            Outer::with_state(|state| {
                assert_eq!(state.generation, generation());
                if is_child() {
                    // The inner one was made and read by then, and is forgotten already.
                    assert!(!Lazy::state().is_initialized());
                }
            });
            if is_child() {
                assert!(!Outer::state().is_initialized());
                assert_eq!(dropped_by_child(), [""; 0]);
            }
            assert_eq!(Outer::GENERATION.get(), generation());
            assert_eq!(Lazy::GENERATION.get(), generation());
            Outer::with_state(|state| assert_eq!(state.witness.owner(), name_of(generation())));
        });
    });
}

/// Fails if a reset that is due after an initialization is due for states that are kept, too.
#[test]
fn a_kept_state_stays() {
    alone(|| {
        both(|| {
            fork_in_the_initializer();
            assert_eq!(Kept::GENERATION.get(), generation());
            assert!(Kept::state().is_initialized());
            Kept::with_state(|state| assert_eq!(state.before.owner(), "parent"));
            assert!(Kept::state().reset());
        });
        let mut noted = noted();
        noted.sort();
        assert_eq!(
            noted,
            ["child drops Kept of parent", "parent drops Kept of parent"]
        );
    });
}

/// Fails if the initialization of a value that somebody has set aside is lost track of.
#[test]
fn inside_a_fresh_state() {
    alone(|| {
        Lazy::state().init();
        both(|| {
            Lazy::state().with_fresh(|| {
                fork_in_the_initializer();
                Lazy::with_state(|state| assert_eq!(state.generation, generation()));
                if is_child() {
                    assert!(!Lazy::state().is_initialized());
                }
            });
            if is_child() {
                assert_eq!(dropped_by_child(), [""; 0]);
                note("is done");
            }
            assert_eq!(Lazy::GENERATION.get(), generation());
        });
        assert_eq!(
            noted()
                .iter()
                .filter(|line| line.starts_with("child"))
                .collect::<Vec<_>>(),
            ["child is done"]
        );
    });
}

/// Makes a field before it forks, and fails in the child.
#[thread_local_state(fork = reset, error = Failure)]
struct FailsInTheChild {
    #[state(init = Witness::new("FailsInTheChild"))]
    before: Witness,
    #[state(init = hooked()?)]
    generation: u32,
}

/// Fails if what an initializer had made when it forked is dropped where it fails.
#[test]
fn what_was_made_before_is_not_dropped_by_a_child_that_fails() {
    alone(|| {
        both(|| {
            HOOK.set(Some(|| {
                fork_here();
                if is_child() { Err(Failure) } else { Ok(()) }
            }));
            let made = FailsInTheChild::state().init();
            assert_eq!(made.is_err(), is_child());
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_eq!(FailsInTheChild::GENERATION.get(), Ok(generation()));
            let owner = FailsInTheChild::with_state(|state| state.before.owner());
            assert_eq!(owner, Ok(name_of(generation())));
        });
    });
}

/// As above, by a panic.
#[test]
fn what_was_made_before_is_not_dropped_by_a_child_that_panics() {
    alone(|| {
        both(|| {
            HOOK.set(Some(|| {
                fork_here();
                if is_child() { Err(Failure) } else { Ok(()) }
            }));
            // Unwraps what the hook returns.
            let made = catch_unwind(|| Lazy::state().init());
            assert_eq!(made.is_err(), is_child());
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_eq!(Lazy::GENERATION.get(), generation());
        });
    });
}

/// Fails if `set` drops what it replaces, which the parent has made.
#[test]
fn what_a_set_replaces_is_not_dropped_by_the_child() {
    alone(|| {
        both(|| {
            let new = Witness::new("set");
            fork_in_the_initializer();
            Lazy::BEFORE.set(new);
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_eq!(Lazy::state().is_initialized(), !is_child());
        });
    });
}

/// As above, of a scope.
#[test]
fn what_a_scope_replaces_is_not_dropped_by_the_child() {
    alone(|| {
        both(|| {
            let new = Witness::new("scope");
            fork_in_the_initializer();
            Lazy::BEFORE.scope(new, || ());
            let theirs = |line: &String| line == "child drops Lazy of parent";
            assert!(!noted().iter().any(theirs));
            assert_eq!(Lazy::state().is_initialized(), !is_child());
        });
    });
}

/// Fails if `set` drops what is the parent's while an access has begun before the fork.
#[test]
fn what_a_set_replaces_in_the_parents_value_is_not_dropped_by_the_child() {
    alone(|| {
        both(|| {
            Lazy::GENERATION.with(|_| {
                fork_here();
                Lazy::BEFORE.set(Witness::new("set"));
                assert_eq!(dropped_by_child(), [""; 0]);
            });
            assert_eq!(Lazy::state().is_initialized(), !is_child());
        });
    });
}

/// A field of more than what is passed in registers, which is exchanged in another way.
#[thread_local_state(fork = reset)]
struct LargeField {
    #[state(init = (Witness::new("LargeField"), [0; 1 << 10]))]
    before: (Witness, [u8; 1 << 10]),
    #[state(init = hooked().unwrap())]
    generation: u32,
}

/// As above, of a large field.
#[test]
fn what_a_set_replaces_in_a_large_field_is_not_dropped_by_the_child() {
    alone(|| {
        both(|| {
            let new = (Witness::new("set"), [1; 1 << 10]);
            fork_in_the_initializer();
            LargeField::BEFORE.set(new);
            assert_eq!(dropped_by_child(), [""; 0]);
            assert_eq!(LargeField::state().is_initialized(), !is_child());
        });
        both(|| {
            LargeField::GENERATION.with(|_| {
                fork_here();
                LargeField::BEFORE.set((Witness::new("set"), [1; 1 << 10]));
                assert_eq!(dropped_by_child(), [""; 0]);
            });
            assert_eq!(LargeField::state().is_initialized(), !is_child());
        });
    });
}
