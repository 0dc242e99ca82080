//! What cannot be taken is handed back, with the reason.

use std::error::Error;
use std::num::ParseIntError;

use tls_core::{AccessError, InitWithError, Rejected, thread_local_state};

use crate::support::{note, noted, on_thread, recorded};

struct Named<const N: usize>(&'static str, [u8; N]);

impl<const N: usize> Default for Named<N> {
    fn default() -> Self {
        named("default")
    }
}

impl<const N: usize> Drop for Named<N> {
    fn drop(&mut self) {
        note(self.0);
    }
}

const fn named<const N: usize>(name: &'static str) -> Named<N> {
    Named(name, [0; N])
}

#[thread_local_state]
struct Holder {
    small: Named<1>,
    /// It is passed in memory.
    large: Named<3000>,
}

#[test]
fn a_value_that_is_taken_replaces_the_old_one_which_is_dropped_when_the_borrow_has_ended() {
    struct Looks;

    impl Drop for Looks {
        fn drop(&mut self) {
            note(Looking::FIELD.with(|looks| {
                if looks.is_some() {
                    "there is one"
                } else {
                    "none"
                }
            }));
        }
    }

    #[thread_local_state(in_function)]
    struct Looking {
        field: Option<Looks>,
    }

    let events = recorded(|| {
        assert!(Holder::SMALL.try_set(named("first")).is_ok());
        assert!(Holder::LARGE.try_set(named("first")).is_ok());
        assert_eq!(noted(), ["default", "default"]);
        let old = Holder::SMALL.try_replace(named("second")).unwrap();
        assert_eq!(old.0, "first");
        let old = Holder::LARGE.try_replace(named("second")).unwrap();
        assert_eq!(old.0, "first");
        assert!(noted().is_empty(), "not dropped yet");
        drop(old);
        assert_eq!(noted(), ["first"]);

        assert!(Looking::FIELD.try_set(Some(Looks)).is_ok());
        assert!(Looking::FIELD.try_set(None).is_ok());
        assert_eq!(noted(), ["none"]);
    });
    assert_eq!(events, ["first", "second", "second"]);
}

#[test]
fn a_value_that_a_borrow_keeps_out_is_handed_back() {
    let events = recorded(|| {
        Holder::with_state(|_| {
            let Rejected { value, error } = Holder::SMALL.try_set(named("small")).unwrap_err();
            assert_eq!(value.0, "small");
            assert!(matches!(error, AccessError::Borrowed(_)));
            assert_eq!(error.field_name(), Some("small"));
            let rejected = Holder::LARGE.try_replace(named("large")).err().unwrap();
            assert_eq!(rejected.value.0, "large");
            assert!(noted().is_empty());
        });
        assert_eq!(noted(), ["large", "small"], "by who has them now");
    });
    assert_eq!(events, ["default", "default"]);
}

#[thread_local_state(explicit)]
struct Missing {
    field: Named<1>,
}

#[test]
fn a_value_of_a_state_that_is_not_there_or_not_any_more_is_handed_back() {
    struct Late;

    impl Drop for Late {
        fn drop(&mut self) {
            let rejected = Ending::NUMBER.try_replace(5).unwrap_err();
            assert_eq!(rejected.value, 5);
            assert!(matches!(rejected.error, AccessError::Destroyed(_)));
            note("refused");
        }
    }

    #[thread_local_state(in_function)]
    struct Ending {
        number: u8,
        #[state(init = Late)]
        _late: Late,
    }

    on_thread(|| {
        let rejected = Missing::FIELD.try_set(named("early")).unwrap_err();
        assert_eq!(rejected.value.0, "early");
        assert!(matches!(rejected.error, AccessError::NotInitialized(_)));
    });
    assert_eq!(recorded(|| Ending::NUMBER.set(1)), ["refused"]);
}

#[thread_local_state(error = ParseIntError)]
struct Failing {
    #[state(init = "many".parse()?)]
    count: u64,
}

#[test]
fn a_value_is_handed_back_if_the_initializer_fails() {
    on_thread(|| {
        let rejected = Failing::COUNT.try_set(7).unwrap_err();
        assert_eq!(rejected.value, 7);
        assert!(matches!(rejected.error, AccessError::Init(_)));
        assert!(rejected.source().unwrap().is::<ParseIntError>());
    });
}

#[test]
fn what_is_rejected_says_why_whatever_it_is() {
    fn is_error(error: impl Error + 'static) -> String {
        error.to_string()
    }

    on_thread(|| {
        Holder::with_state(|_| {
            let rejected = Holder::SMALL.try_set(named("small")).unwrap_err();
            let expected = rejected.error.to_string();
            assert!(format!("{rejected:?}").starts_with("Rejected { error: Borrowed("));
            assert_eq!(is_error(rejected), expected);
        });
    });
}

#[thread_local_state(explicit, error = ParseIntError)]
struct Parsed {
    text: String,
    #[state(init = text.parse()?)]
    number: u64,
}

#[test]
fn only_what_makes_an_explicit_state_can_fail() {
    on_thread(|| {
        let values = |text: &str| ParsedInit { text: text.into() };
        let failed: Result<(), ParseIntError> = Parsed::state().init_with(values("many"));
        assert!(failed.is_err());
        let refused: AccessError = Parsed::state().try_with(|_| ()).unwrap_err();
        assert!(matches!(refused, AccessError::NotInitialized(_)));
        assert!(matches!(
            Parsed::state().try_init_with(values("more")),
            Err(InitWithError::Failed(_))
        ));
        Parsed::state().init_with(values("12")).unwrap();
        let number: u64 = Parsed::NUMBER.get();
        assert_eq!(number, 12);
        Parsed::NUMBER.set(13);
        assert_eq!(Parsed::with_state(|parsed| parsed.number), 13);
    });
}

#[thread_local_state(explicit)]
struct Buffered {
    name: &'static str,
    #[state(default)]
    buffer: Vec<u8>,
    #[state(default)]
    is_open: bool,
}

#[test]
fn a_field_that_is_marked_default_need_not_be_given() {
    on_thread(|| {
        Buffered::state().init_with(BufferedInit { name: "disk" });
        Buffered::with_state(|buffered| {
            assert_eq!(buffered.name, "disk");
            assert!(buffered.buffer.is_empty() && !buffered.is_open);
        });
    });
}

#[thread_local_state(init = half)]
struct Half {
    given: u8,
    #[state(default)]
    made: Option<u8>,
}

fn half() -> HalfInit {
    HalfInit { given: 1 }
}

#[test]
fn a_function_gives_what_is_not_marked_default() {
    on_thread(|| assert_eq!((Half::GIVEN.get(), Half::MADE.get()), (1, None)));
}
