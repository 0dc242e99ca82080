//! States made from given values.

use tls_core::{AccessError, ThreadLocalState, thread_local_state};

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

#[test]
fn an_explicit_state_is_not_made_by_an_access() {
    on_thread(|| {
        let error = Settings::try_with_state(|_| ()).unwrap_err();
        assert_eq!(Refusal::of(&error), Refusal::NotInitialized);
        assert!(<Settings as ThreadLocalState>::init_state().is_err());
        assert!(!Settings::is_state_initialized());
        assert!(!Settings::reset_state());
        assert_eq!(Settings::with_fresh_state(|| 5), 5);
        assert!(Settings::init_state_with(values("first")).is_ok());
        assert_eq!(Settings::with_state(|settings| settings.length), 5);
    });
}

#[test]
fn values_for_a_state_that_exists_are_handed_back() {
    on_thread(|| {
        Settings::init_state_with(values("first")).unwrap();
        let back = Settings::init_state_with(values("second")).unwrap_err();
        assert_eq!(back.path, "second");
        Settings::with_state_mut(|_| {
            let back = Settings::init_state_with(values("third")).unwrap_err();
            assert_eq!(back.path, "third", "borrowed");
        });
        assert_eq!(Settings::PATH.with(String::clone), "first");
    });
}

#[test]
fn after_a_reset_an_explicit_state_takes_new_values() {
    on_thread(|| {
        Settings::init_state_with(values("first")).unwrap();
        assert!(Settings::reset_state());
        assert!(Settings::try_with_state(|_| ()).is_err());
        Settings::init_state_with(values("second")).unwrap();
        assert_eq!(Settings::PATH.with(String::clone), "second");
        Settings::with_fresh_state(|| {
            assert!(Settings::try_with_state(|_| ()).is_err());
            Settings::init_state_with(values("fresh")).unwrap();
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
    #[state(init = Nested::init_state_with(NestedInit { given: "inner".into() })
        .map_err(|back| back.given))]
    inner: Result<(), String>,
}

#[test]
fn values_for_a_state_that_is_being_made_are_handed_back() {
    on_thread(|| {
        Nested::init_state_with(NestedInit {
            given: "outer".into(),
        })
        .unwrap();
        assert_eq!(Nested::GIVEN.with(String::clone), "outer");
        assert_eq!(Nested::INNER.with(Clone::clone), Err("inner".into()));
        Nested::try_with_state_mut(|_| ()).unwrap();
    });
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        let back = Settings::init_state_with(values("late")).unwrap_err();
        note(format!("back: {}", back.path));
    }
}

#[test]
fn values_for_a_state_that_was_destroyed_are_handed_back() {
    std::thread_local!(static LATE: Late = const { Late });
    let events = recorded(|| {
        LATE.with(|_| ());
        Settings::init_state_with(values("first")).unwrap();
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
        Configured::init_state_with(given).unwrap();
        assert_eq!(Configured::with_state(|state| state.path.clone()), "given");
        Configured::reset_state();
        assert_eq!(
            Configured::with_state(|state| (state.path.clone(), state.length)),
            ("default".into(), 7)
        );
        let late = ConfiguredInit {
            path: "late".into(),
        };
        assert_eq!(Configured::init_state_with(late).unwrap_err().path, "late");
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
        assert_eq!(Opened::init_state(), Err(Failure("closed")));
        assert!(matches!(
            Opened::try_with_state(|_| ()),
            Err(AccessError::Init(_))
        ));
        let wrong = Opened::init_state_with(OpenedInit { attempts: 3 });
        assert!(matches!(wrong, Err(Failure("too many"))));
        assert!(!Opened::is_state_initialized());
        let right = Opened::init_state_with(OpenedInit { attempts: 2 });
        assert!(matches!(right, Ok(Ok(()))));
        assert_eq!(Opened::CHECKED.get(), Ok(2));
        let late = Opened::init_state_with(OpenedInit { attempts: 1 });
        assert!(matches!(late, Ok(Err(OpenedInit { attempts: 1 }))));
    });
}
