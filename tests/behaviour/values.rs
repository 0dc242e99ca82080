//! States made from given values.

use tls_core::{AccessError, InitWithError, Rejected, thread_local_state};

use crate::kinds::Failure;
use crate::refusals::Refusal;
use crate::support::{note, on_thread, recorded};

#[thread_local_state(explicit)]
#[derive(Debug)]
struct Settings {
    path: String,
    #[state(init = path.len())]
    length: usize,
}

fn values(path: &str) -> SettingsInit {
    SettingsInit {
        path: path.to_owned(),
    }
}

/// The values that have not been taken.
fn handed_back<V, E>(error: InitWithError<V, E>) -> V {
    match error {
        InitWithError::Refused(rejected) => rejected.value,
        _ => panic!("an initializer has failed"),
    }
}

#[test]
fn an_explicit_state_is_not_made_by_an_access() {
    on_thread(|| {
        let error = Settings::state().try_with(|_| ()).unwrap_err();
        assert_eq!(Refusal::of(&error), Refusal::NotInitialized);
        assert!(!Settings::state().is_initialized());
        assert!(!Settings::state().reset());
        assert_eq!(Settings::state().with_fresh(|| 5), 5);
        assert!(Settings::state().try_init_with(values("first")).is_ok());
        assert_eq!(Settings::with_state(|settings| settings.length), 5);
    });
}

#[test]
fn values_for_a_state_that_exists_are_handed_back() {
    on_thread(|| {
        Settings::state().try_init_with(values("first")).unwrap();
        let back = Settings::state()
            .try_init_with(values("second"))
            .unwrap_err();
        assert_eq!(handed_back(back).path, "second");
        Settings::with_state_mut(|_| {
            let back = Settings::state()
                .try_init_with(values("third"))
                .unwrap_err();
            assert_eq!(handed_back(back).path, "third", "borrowed");
        });
        assert_eq!(Settings::PATH.with(String::clone), "first");
    });
}

#[test]
fn after_a_reset_an_explicit_state_takes_new_values() {
    on_thread(|| {
        Settings::state().try_init_with(values("first")).unwrap();
        assert!(Settings::state().reset());
        assert!(Settings::state().try_with(|_| ()).is_err());
        Settings::state().try_init_with(values("second")).unwrap();
        assert_eq!(Settings::PATH.with(String::clone), "second");
        Settings::state().with_fresh(|| {
            assert!(Settings::state().try_with(|_| ()).is_err());
            Settings::state().try_init_with(values("fresh")).unwrap();
            assert_eq!(Settings::LENGTH.get(), 5);
        });
        assert_eq!(Settings::PATH.with(String::clone), "second");
    });
}

#[test]
fn values_print_as_their_name_only() {
    assert_eq!(format!("{:?}", values("secret")), "SettingsInit { .. }");
}

#[thread_local_state(explicit)]
struct Nested {
    given: String,
    #[state(init = Nested::state().try_init_with(NestedInit { given: "inner".into() })
        .map_err(|error| handed_back(error).given))]
    inner: Result<(), String>,
}

#[test]
fn values_for_a_state_that_is_being_made_are_handed_back() {
    on_thread(|| {
        Nested::state()
            .try_init_with(NestedInit {
                given: "outer".into(),
            })
            .unwrap();
        assert_eq!(Nested::GIVEN.with(String::clone), "outer");
        assert_eq!(Nested::INNER.with(Clone::clone), Err("inner".into()));
        Nested::state().try_with_mut(|_| ()).unwrap();
    });
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        let back = Settings::state().try_init_with(values("late")).unwrap_err();
        note(format!("back: {}", handed_back(back).path));
    }
}

#[test]
fn values_for_a_state_that_was_destroyed_are_handed_back() {
    std::thread_local!(static LATE: Late = const { Late });
    let events = recorded(|| {
        LATE.with(|_| ());
        Settings::state().try_init_with(values("first")).unwrap();
    });
    assert_eq!(events, ["back: late"]);
}

#[thread_local_state(init = configured)]
struct Configured {
    path: String,
    #[state(init = path.len())]
    length: usize,
}

fn configured() -> ConfiguredInit {
    note("configured");
    ConfiguredInit {
        path: "default".into(),
    }
}

#[test]
fn a_state_made_by_a_function_takes_given_values_too() {
    let events = recorded(|| {
        let given = ConfiguredInit {
            path: "given".into(),
        };
        Configured::state().try_init_with(given).unwrap();
        assert_eq!(Configured::with_state(|state| state.path.clone()), "given");
        Configured::state().reset();
        assert_eq!(
            Configured::with_state(|state| (state.path.clone(), state.length)),
            ("default".into(), 7)
        );
        let late = ConfiguredInit {
            path: "late".into(),
        };
        assert_eq!(
            handed_back(Configured::state().try_init_with(late).unwrap_err()).path,
            "late"
        );
    });
    assert_eq!(events, ["configured"]);
}

#[thread_local_state(init = open, error = Failure)]
struct Opened {
    attempts: u32,
    #[state(init = if *attempts > 2 { Err(Failure("too many"))? } else { *attempts })]
    checked: u32,
}

fn open() -> Result<OpenedInit, Failure> {
    Err(Failure("closed"))
}

#[test]
fn a_function_may_fail_and_given_values_may_be_wrong() {
    on_thread(|| {
        assert_eq!(Opened::state().init(), Err(Failure("closed")));
        assert!(matches!(
            Opened::state().try_with(|_| ()),
            Err(AccessError::Init(_))
        ));
        let wrong = Opened::state().try_init_with(OpenedInit { attempts: 3 });
        assert!(
            matches!(wrong, Err(InitWithError::Failed(error)) if *error == Failure("too many"))
        );
        assert!(!Opened::state().is_initialized());
        let right = Opened::state().try_init_with(OpenedInit { attempts: 2 });
        assert!(right.is_ok());
        assert_eq!(Opened::CHECKED.get(), Ok(2));
        let late = Opened::state().try_init_with(OpenedInit { attempts: 1 });
        assert!(matches!(
            late,
            Err(InitWithError::Refused(Rejected {
                value: OpenedInit { attempts: 1 },
                ..
            }))
        ));
    });
}
