//! Values that are passed are dropped once, whatever becomes of them: those of a few words, and those that are
//! passed in memory.

use std::panic::{self, AssertUnwindSafe};

use tls_core::{InitWithError, thread_local_state};

use crate::support::{note, noted, panic_of, recorded};

/// Notes its end. The second one is passed in memory.
struct Named<const N: usize>(&'static str, [u8; N]);

impl<const N: usize> Named<N> {
    const fn new(name: &'static str) -> Self {
        Self(name, [0; N])
    }
}

impl<const N: usize> Drop for Named<N> {
    fn drop(&mut self) {
        note(self.0);
    }
}

type Small = Named<1>;
type Large = Named<3000>;

#[derive(Debug, PartialEq)]
struct Odd;

/// What an initializer in the midst of given fields does.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Succeed,
    Fail,
    Panic,
}

impl Does {
    fn run<const N: usize>(self) -> Result<Named<N>, Odd> {
        match self {
            Self::Succeed => Ok(Named::new("made")),
            Self::Fail => Err(Odd),
            Self::Panic => panic!("as told"),
        }
    }
}

macro_rules! kinds {
    ($($module:ident $Named:ident)*) => {
        $(mod $module {
            use super::*;

            #[thread_local_state(explicit, error = Odd)]
            struct Given {
                does: Does,
                first: $Named,
                #[state(init = does.run()?)]
                made: $Named,
                last: $Named,
            }

            fn given(does: Does) -> GivenInit {
                GivenInit {
                    does,
                    first: $Named::new("first"),
                    last: $Named::new("last"),
                }
            }

            #[thread_local_state(init = given_or_not, error = Odd)]
            struct ByFunction {
                first: $Named,
                #[state(init = Does::Fail.run()?)]
                made: $Named,
            }

            fn given_or_not() -> Result<ByFunctionInit, Odd> {
                let first = $Named::new("first");
                Ok(ByFunctionInit { first })
            }

            #[thread_local_state]
            struct Plain {
                #[state(init = $Named::new("initial"))]
                field: $Named,
            }

            #[test]
            fn values_that_become_a_state_are_dropped_with_it() {
                let events = recorded(|| {
                    assert_eq!(Given::state().init_with(given(Does::Succeed)), Ok(()));
                    assert_eq!(noted(), [""; 0]);
                });
                assert_eq!(events, ["first", "made", "last"]);
            }

            #[test]
            fn values_are_dropped_if_an_initializer_fails() {
                recorded(|| {
                    assert_eq!(Given::state().init_with(given(Does::Fail)), Err(Odd));
                    assert_eq!(noted(), ["first", "last"]);
                    let failed = Given::state().try_init_with(given(Does::Fail));
                    assert!(matches!(failed, Err(InitWithError::Failed(_))));
                    assert_eq!(noted(), ["first", "last"]);
                    assert_eq!(ByFunction::state().init(), Err(Odd));
                    assert_eq!(noted(), ["first"]);
                });
            }

            #[test]
            fn values_are_dropped_if_an_initializer_panics() {
                recorded(|| {
                    panic_of(|| Given::state().init_with(given(Does::Panic)));
                    assert_eq!(noted(), ["first", "last"]);
                    assert!(!Given::state().is_initialized());
                });
            }

            #[test]
            fn values_that_are_refused_are_dropped_or_handed_back() {
                recorded(|| {
                    assert_eq!(Given::state().init_with(given(Does::Succeed)), Ok(()));
                    panic_of(|| Given::state().init_with(given(Does::Succeed)));
                    let mut dropped = noted();
                    dropped.sort();
                    assert_eq!(dropped, ["first", "last"]);
                    let refused = Given::state().try_init_with(given(Does::Succeed));
                    assert_eq!(noted(), [""; 0]);
                    let Err(InitWithError::Refused(rejected)) = refused else {
                        panic!("not refused");
                    };
                    assert_eq!((rejected.value.first.0, rejected.value.last.0), ("first", "last"));
                    drop(rejected);
                    assert_eq!(noted(), ["first", "last"]);
                });
            }

            #[test]
            fn what_is_set_takes_the_place_of_what_was_there() {
                let events = recorded(|| {
                    Plain::FIELD.set($Named::new("set"));
                    assert_eq!(noted(), ["initial"]);
                    let old = Plain::FIELD.replace($Named::new("replaced"));
                    assert_eq!((old.0, noted().len()), ("set", 0));
                    drop(old);
                    assert_eq!(noted(), ["set"]);
                });
                assert_eq!(events, ["replaced"]);
            }

            #[test]
            fn what_is_refused_is_dropped() {
                recorded(|| {
                    Plain::FIELD.with(|_| {
                        panic_of(|| Plain::FIELD.set($Named::new("set")));
                        assert_eq!(noted(), ["set"]);
                        panic_of(|| Plain::FIELD.replace($Named::new("replaced")));
                        assert_eq!(noted(), ["replaced"]);
                        panic_of(|| Plain::FIELD.scope($Named::new("scope"), || ()));
                        assert_eq!(noted(), ["scope"]);
                    });
                });
            }

            #[test]
            fn a_scope_drops_its_own_value_and_keeps_the_other() {
                let events = recorded(|| {
                    Plain::FIELD.scope($Named::new("scope"), || {
                        assert_eq!(Plain::FIELD.with(|field| field.0), "scope");
                    });
                    assert_eq!(noted(), ["scope"]);
                    let body = || panic::panic_any(0_u8);
                    let scope = || Plain::FIELD.scope($Named::new("panic"), body);
                    assert!(panic::catch_unwind(AssertUnwindSafe(scope)).is_err());
                    noted();
                    Plain::FIELD.scope($Named::new("reset"), || {
                        assert!(Plain::state().reset());
                        assert_eq!(noted(), ["reset"]);
                    });
                    assert_eq!(noted(), ["initial"]);
                    Plain::FIELD.with(|field| assert_eq!(field.0, "initial"));
                });
                assert_eq!(events, ["initial"]);
            }
        })*
    };
}

kinds!(small Small large Large);
