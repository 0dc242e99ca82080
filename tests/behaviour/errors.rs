//! Errors: their texts, what they name, what they convert into.

use std::error::Error;
use std::io;

use tls_core::{AccessError, ThreadLocalState, borrow, borrow_mut, thread_local_state};

use crate::kinds::{Failure, Fallible, Lazy, on_init};
use crate::support::{on_thread, panic_of};

/// The outcome of an access to a whole state, and to one field.
type Pair = (Result<(), AccessError>, Result<(), AccessError>);

#[thread_local_state]
struct Scratch {
    buffer: Vec<u8>,
    #[state(init = (Scratch::state().try_with(|_| ()), Scratch::BUFFER.try_with(|_| ())))]
    recursive: Pair,
}

#[thread_local_state(explicit)]
struct Settings {
    verbose: bool,
}

#[thread_local_state]
struct AtExit {
    #[state(init = Destroyed(None))]
    destroyed: Destroyed,
}

/// Sends what its own state's accessors say when it is dropped.
struct Destroyed(Option<std::sync::mpsc::Sender<AccessError>>);

impl Drop for Destroyed {
    fn drop(&mut self) {
        if let Some(send) = &self.0 {
            send.send(AtExit::state().try_with(|_| ()).unwrap_err())
                .unwrap();
            send.send(AtExit::DESTROYED.try_with_mut(|_| ()).unwrap_err())
                .unwrap();
        }
    }
}

fn destroyed() -> [AccessError; 2] {
    let (send, receive) = std::sync::mpsc::channel();
    on_thread(move || AtExit::DESTROYED.with_mut(|destroyed| destroyed.0 = Some(send)));
    [receive.recv().unwrap(), receive.recv().unwrap()]
}

fn recursive() -> [AccessError; 2] {
    on_thread(|| {
        Scratch::with_state_mut(|scratch| {
            let (whole, field) = std::mem::replace(&mut scratch.recursive, (Ok(()), Ok(())));
            [whole.unwrap_err(), field.unwrap_err()]
        })
    })
}

fn borrowed() -> [AccessError; 2] {
    on_thread(|| {
        Scratch::with_state_mut(|_| {
            let whole = Scratch::state().try_with(|_| ()).unwrap_err();
            [whole, Scratch::BUFFER.try_with(|_| ()).unwrap_err()]
        })
    })
}

fn not_initialized() -> [AccessError; 2] {
    on_thread(|| {
        let whole = Settings::state()
            .try_with(|settings| settings.verbose)
            .unwrap_err();
        [whole, Settings::VERBOSE.try_with(|_| ()).unwrap_err()]
    })
}

fn failed() -> [AccessError<Failure>; 2] {
    on_thread(|| {
        on_init(|| Err(Failure("the disk is full")));
        let whole = Fallible::state().try_with(|_| ()).unwrap_err();
        [whole, Fallible::NUMBER.try_with(|_| ()).unwrap_err()]
    })
}

#[test]
fn every_error_names_the_state_and_the_field_where_there_is_one() {
    let names = |[whole, field]: [AccessError; 2], state: &str, name: &str| {
        assert_eq!((whole.state_name(), whole.field_name()), (state, None));
        assert_eq!(
            (field.state_name(), field.field_name()),
            (state, Some(name))
        );
    };
    names(borrowed(), "Scratch", "buffer");
    names(recursive(), "Scratch", "buffer");
    names(destroyed(), "AtExit", "destroyed");
    names(not_initialized(), "Settings", "verbose");
    for error in failed() {
        // It is the state that could not be made, whatever field was asked for.
        assert_eq!((error.state_name(), error.field_name()), ("Fallible", None));
    }
}

#[test]
fn the_texts_say_what_happened_and_what_to_write() {
    let texts = |errors: [AccessError; 2], whole: &[&str], field: &[&str]| {
        for (error, parts) in errors.iter().zip([whole, field]) {
            for part in parts {
                assert!(error.to_string().contains(part), "{error}: {part}");
            }
        }
    };
    texts(
        borrowed(),
        &[
            "`Scratch` is already borrowed",
            "end the first access before the second",
        ],
        &[
            "`Scratch::buffer` is already borrowed",
            "make that access exclusive",
        ],
    );
    let recursive_text = "is being initialized, and its initializer accessed it again";
    texts(
        recursive(),
        &["`Scratch`", recursive_text],
        &["`Scratch::buffer`", recursive_text],
    );
    let destroyed_text = "because its thread is exiting; in destructors, use a `try_` accessor";
    texts(
        destroyed(),
        &["`AtExit`", destroyed_text],
        &["`AtExit::destroyed`", destroyed_text],
    );
    texts(
        not_initialized(),
        &[
            "`Settings` has not been initialized",
            "call `Settings::state().init_with` first",
        ],
        &[
            "`Settings::verbose` has not been initialized",
            "`Settings::state().init_with`",
        ],
    );
    for error in failed() {
        assert_eq!(error.to_string(), "`Fallible` could not be initialized");
    }
}

#[test]
fn errors_print_for_programmers_with_their_variant() {
    for (error, variant) in [
        (&borrowed()[0], "Borrowed("),
        (&recursive()[0], "Recursive("),
        (&destroyed()[0], "Destroyed("),
        (&not_initialized()[0], "NotInitialized("),
    ] {
        assert!(format!("{error:?}").starts_with(variant), "{error:?}");
        assert!(error.source().is_none());
    }
    assert_eq!(
        format!("{:?}", failed()[0]),
        "Init(Failure(\"the disk is full\"))"
    );
}

#[test]
fn a_refusal_prints_what_it_knows() {
    let [_, field] = not_initialized();
    let text = format!("{field:?}");
    for part in [
        "NotInitialized(Site {",
        "state: \"Settings\"",
        "field: Some(\"verbose\")",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_error_of_an_initializer_prints_as_itself_and_leads_to_itself() {
    for error in failed() {
        let AccessError::Init(failed) = error else {
            panic!("{error:?}");
        };
        let itself = Failure(failed.0);
        assert_eq!(failed.to_string(), itself.to_string());
        assert_eq!(format!("{failed:?}"), format!("{itself:?}"));
        assert!(*failed == itself);
        assert!(*failed != Failure("another"));
    }
}

#[test]
fn the_source_is_the_users_error() {
    let [whole, field] = failed();
    for error in [&whole, &field] {
        let source = error.source().unwrap().downcast_ref::<Failure>().unwrap();
        assert_eq!(source, &Failure("the disk is full"));
    }
    let AccessError::Init(failed) = whole else {
        unreachable!()
    };
    assert_eq!(failed.0, "the disk is full", "it dereferences to it");
    assert_eq!(failed.into_inner(), Failure("the disk is full"));
}

type Boxed = Box<dyn Error + Send + Sync>;

#[test]
fn errors_convert_with_a_question_mark() {
    fn boxed() -> Result<u64, Boxed> {
        on_init(|| Err(Failure("closed")));
        Lazy::state().try_with(|state| state.items.len())?;
        Ok(Fallible::NUMBER.try_with(|number| *number)?)
    }
    fn plain_box() -> Result<u64, Box<dyn Error>> {
        Ok(Fallible::NUMBER.try_with(|number| *number)?)
    }
    fn anyhow() -> anyhow::Result<u64> {
        Ok(Fallible::NUMBER.try_with(|number| *number)?)
    }
    fn io() -> io::Result<u64> {
        Fallible::NUMBER
            .try_with(|number| *number)
            .map_err(io::Error::other)
    }
    on_thread(|| {
        Lazy::with_state(|_| ());
        let text = "`Fallible` could not be initialized";
        let error = boxed().unwrap_err();
        assert_eq!(error.to_string(), text);
        let access = error.downcast::<AccessError<Failure>>().unwrap();
        assert!(matches!(*access, AccessError::Init(_)));
        assert_eq!(plain_box().unwrap_err().to_string(), text);
        let error = anyhow().unwrap_err();
        assert_eq!(format!("{error:#}"), format!("{text}: closed"));
        assert!(error.root_cause().is::<Failure>());
        assert!(
            io().unwrap_err()
                .get_ref()
                .unwrap()
                .is::<AccessError<Failure>>()
        );
    });
}

#[thread_local_state(error = anyhow::Error)]
struct Anyhow {
    #[state(init = open()?)]
    number: u32,
}

fn open() -> anyhow::Result<u32> {
    use anyhow::Context as _;
    Err(Failure("no such file")).context("cannot open the cache")
}

#[test]
fn an_error_type_without_std_error_converts_all_the_same() {
    fn boxed() -> Result<u32, Boxed> {
        Ok(Anyhow::NUMBER.try_with(|number| *number)?)
    }
    fn anyhow() -> anyhow::Result<u32> {
        Ok(Anyhow::state().try_with(|state| state.number)?)
    }
    fn plain() -> anyhow::Result<u32> {
        Anyhow::with_state(|state| state.number)
    }
    fn io() -> io::Result<u32> {
        Anyhow::NUMBER
            .try_with(|number| *number)
            .map_err(io::Error::other)
    }
    on_thread(|| {
        let name = "`Anyhow` could not be initialized";
        // The user's error is found whether it is in the text or behind `source`.
        for error in [boxed().unwrap_err(), io().unwrap_err().into()] {
            let mut report = error.to_string();
            let mut source = error.source();
            while let Some(error) = source {
                report.push_str(": ");
                report.push_str(&error.to_string());
                source = error.source();
            }
            assert!(report.contains(name), "{report}");
            assert!(report.contains("cannot open the cache"), "{report}");
            assert!(report.contains("no such file"), "{report}");
        }
        let report = format!("{:#}", anyhow().unwrap_err());
        assert!(report.starts_with(name), "{report}");
        assert_eq!(
            report.matches("cannot open the cache").count(),
            1,
            "{report}"
        );
        assert!(report.ends_with("no such file"), "{report}");
        assert_eq!(plain().unwrap_err().to_string(), "cannot open the cache");
    });
}

/// An error that is no more than a text.
#[thread_local_state(error = String)]
struct Textual {
    #[state(init = Err(String::from("out of paper"))?)]
    number: u32,
}

#[test]
fn an_error_type_that_is_only_a_text_is_part_of_the_text() {
    let error = Textual::state().try_with(|state| state.number).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Textual` could not be initialized: out of paper"
    );
    assert!(matches!(error, AccessError::Init(text) if *text == "out of paper"));
}

/// What a function with an access and errors of its own returns.
#[derive(Debug, PartialEq)]
enum Job {
    State(Failure),
    Own(u64),
}

impl From<Failure> for Job {
    fn from(failure: Failure) -> Self {
        Self::State(failure)
    }
}

fn add_one() -> Result<u64, Job> {
    let state = borrow_mut!(try Fallible::state());
    state.number += 1;
    if state.number % 2 == 0 {
        return Err(Job::Own(state.number));
    }
    Ok(state.number)
}

fn add_parsed(text: &str) -> Result<u64, Boxed> {
    Ok(text.parse::<u64>()? + borrow!(try Fallible::state()).number)
}

#[test]
fn an_initializers_error_leaves_the_function_that_borrows_with_try_as_any_error_does() {
    on_thread(|| {
        on_init(|| Err(Failure("closed")));
        assert_eq!(add_one(), Err(Job::State(Failure("closed"))));
        assert!(add_parsed("1").is_err());
        on_init(|| Ok(()));
        assert_eq!(add_one(), Err(Job::Own(8)));
        assert_eq!(add_one(), Ok(9));
        assert!(add_parsed("x").is_err());
        assert_eq!(add_parsed("1").unwrap(), 10);
    });
}

#[test]
fn a_state_reports_on_itself_after_an_error() {
    on_thread(|| {
        on_init(|| Err(Failure("closed")));
        assert_eq!(Fallible::state().init(), Err(Failure("closed")));
        assert!(<Fallible as ThreadLocalState>::state().init().is_err());
        assert_eq!(Fallible::NUMBER.get(), Err(Failure("closed")));
        assert_eq!(Fallible::NUMBER.set(1), Err(Failure("closed")));
        assert_eq!(Fallible::NUMBER.scope(1, || ()), Err(Failure("closed")));
        assert!(!Fallible::state().is_initialized());
        on_init(|| Ok(()));
        assert_eq!(Fallible::state().init(), Ok(()));
        assert_eq!(Fallible::NUMBER.get(), Ok(7));
    });
}

/// What containers contain is found, and a text is in the error's own.
#[test]
fn the_source_is_what_a_container_of_errors_contains() {
    macro_rules! sources {
        ($($Name:ident: $error:ty),*) => {[$({
            #[thread_local_state(error = $error, in_function)]
            struct $Name {
                #[state(init = Err::<u32, _>(<$error>::from(Failure("no such file").0))?)]
                number: u32,
            }
            let error = $Name::state().try_with(|state| state.number).unwrap_err();
            assert!(matches!(error, AccessError::Init(_)));
            error.source().map(ToString::to_string)
        }),*]};
    }
    on_thread(|| {
        let sources = sources! {
            Plain: Box<dyn Error>,
            SendSync: Box<dyn Error + Send + Sync>,
            Text: String
        };
        let file = Some("no such file".to_owned());
        assert_eq!(sources, [file.clone(), file, None]);
        on_init(|| Err(Failure("typed")));
        let error = Fallible::state().try_with(|_| ()).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "typed");
        let error = Anyhow::state().try_with(|_| ()).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "cannot open the cache");
    });
}

#[test]
fn an_error_has_the_size_of_three_pointers() {
    const SIZE: usize = 3 * size_of::<usize>();
    assert_eq!(size_of::<AccessError>(), SIZE);
    assert_eq!(size_of::<AccessError<[u64; 50]>>(), SIZE);
}

/// Says nothing about itself.
struct Silent(u8);

#[thread_local_state(error = Silent)]
struct Mute {
    #[state(init = Err(Silent(7))?)]
    _never: u8,
}

#[test]
fn an_error_that_says_nothing_is_shown_by_its_type() {
    on_thread(|| {
        let error = Mute::state().try_with(|_| ()).unwrap_err();
        let name = std::any::type_name::<Silent>();
        assert_eq!(
            error.to_string(),
            format!("`Mute` could not be initialized: an error of the type `{name}`")
        );
        assert_eq!(format!("{error:?}"), format!("Init({name})"));
        let error: Box<dyn Error + Send + Sync> = error.into();
        assert!(error.source().is_none());
        let AccessError::Init(failed) = Mute::state().try_init().unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(failed.0, 7);
        assert_eq!(failed.into_inner().0, 7);
    });
}

#[test]
fn code_that_comes_back_to_its_own_access_is_told_so() {
    fn job(depth: u32) {
        Scratch::BUFFER.with_mut(|_| {
            if depth != 0 {
                job(depth - 1);
            }
        });
    }
    fn whole(depth: u32) {
        Scratch::with_state_mut(|_| {
            if depth != 0 {
                whole(depth - 1);
            }
        });
    }
    on_thread(|| {
        let [field, whole] = [panic_of(|| job(1)).text, panic_of(|| whole(1)).text];
        let is_known = cfg!(debug_assertions);
        for text in [&field, &whole] {
            assert_eq!(text.contains("by the same code"), is_known, "{text}");
            assert_eq!(text.contains("a thread pool"), is_known, "{text}");
        }
        assert_eq!(field.contains("`with_mut_or_else`"), is_known, "{field}");
        assert!(!whole.contains("or_else"), "{whole}");
    });
}

#[test]
fn who_resets_is_not_told_to_use_separate_fields() {
    on_thread(|| {
        Scratch::with_state(|_| {
            let scratch = Scratch::state();
            for text in [
                scratch.try_reset().unwrap_err().to_string(),
                scratch.try_with_fresh(|| ()).unwrap_err().to_string(),
                panic_of(|| scratch.reset()).text,
                panic_of(|| scratch.with_fresh(|| ())).text,
            ] {
                assert!(text.ends_with("; end that access first"), "{text}");
            }
        });
    });
}
