//! A state among foreign thread-locals on threads that Rust did not make, and in the destructors of
//! the C library's own thread-specific data.
//!
//! The C library calls the latter when thread-locals have gone. What is then used for the first time goes
//! where the standard library's thread-locals go: on some platforms it is dropped in a later round; glibc takes
//! the registration and never looks at it, so the value is leaked with the thread. Nobody can know which round is
//! the last.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, OnceLock};

use crate::foreign::{F, G, Std, Subject, at_drop, end_of, for_each_subject, look, of, record_in};
use crate::rounds;
use crate::support::{lock, scale};

for_each_subject! {
    a_thread_that_rust_did_not_make_drops_in_the_same_order
    a_first_use_in_a_destructor_of_a_thread_that_rust_did_not_make_goes_next
    a_key_destructor_may_be_the_first_to_use_it
    a_key_destructor_may_be_the_first_to_use_it_on_a_thread_that_rust_did_not_make
    a_key_destructor_finds_what_the_standard_librarys_would_be
    every_round_of_key_destructors_finds_what_the_standard_librarys_would_be
}

/// Runs a function on a thread made by the C library, and returns what was noted on it.
fn on_raw_thread<S: Subject>(body: fn()) -> Vec<String> {
    type Start = (fn(), fn(), &'static Mutex<Vec<String>>);

    extern "C" fn start(argument: *mut c_void) -> *mut c_void {
        // SAFETY: the creator passes a pointer to this, and waits for the thread's end.
        let (arm, body, record) = unsafe { *argument.cast::<Start>() };
        record_in(record);
        arm();
        body();
        ptr::null_mut()
    }

    static RECORDS: Mutex<Vec<&'static Mutex<Vec<String>>>> = Mutex::new(Vec::new());

    let record: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    // A leak detector finds the record here.
    lock(&RECORDS).push(record);
    let argument: Start = (S::arm, body, record);
    let argument = ptr::from_ref(&argument).cast_mut().cast();
    let mut thread = std::mem::MaybeUninit::uninit();
    // SAFETY: the argument outlives the thread, which is joined below.
    let created =
        unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), start, argument) };
    assert_eq!(created, 0);
    // SAFETY: `pthread_create` has succeeded.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: joined once.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
    std::mem::take(&mut *lock(record))
}

extern "C" fn destroy(value: *mut c_void) {
    // SAFETY: `at_key_destructor` has put it there.
    let f = unsafe { std::mem::transmute::<*mut c_void, fn()>(value) };
    f();
}

/// Has a function called when the thread's specific data is destroyed. It may ask for the next round.
fn at_key_destructor(f: fn()) {
    static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();
    let key = rounds::key(&KEY, destroy);
    // SAFETY: the key is valid.
    let set = unsafe { libc::pthread_setspecific(key, f as *const c_void) };
    assert_eq!(set, 0);
}

fn a_thread_that_rust_did_not_make_drops_in_the_same_order<S: Subject>() {
    let events = on_raw_thread::<S>(|| {
        F.touch();
        S::make();
        G.touch();
        at_drop(|| {
            F.look("S");
            G.look("S");
        });
        F.at_drop(|| look::<S>("F"));
        G.at_drop(|| look::<S>("G"));
    });
    let expected = [
        "make F",
        "make S",
        "make G",
        "drop G",
        "G finds S",
        "drop S",
        "S finds F",
        "S misses G",
        "drop F",
        "F misses S",
    ];
    assert_eq!(events, of::<S>(&expected));
}

fn a_first_use_in_a_destructor_of_a_thread_that_rust_did_not_make_goes_next<S: Subject>() {
    let events = on_raw_thread::<S>(|| {
        F.touch();
        G.touch();
        G.at_drop(|| look::<S>("G"));
        F.at_drop(|| look::<S>("F"));
    });
    let expected = [
        "make F",
        "make G",
        "drop G",
        "make S",
        "G finds S",
        "drop S",
        "drop F",
        "F misses S",
    ];
    assert_eq!(events, of::<S>(&expected));
}

/// Checks what is noted of a first use after thread-locals have gone. Whether the value is then dropped or
/// leaked is the platform's affair, and for the standard library's thread-local the same.
#[track_caller]
fn assert_first_use<S: Subject>(expected: &[&'static str], events: &[String], control: &[String]) {
    let expected = of::<S>(expected);
    let (beginning, end) = events.split_at(expected.len().min(events.len()));
    assert_eq!(beginning, expected);
    assert!(end.is_empty() || end == ["drop S"], "{end:?}");
    assert_eq!(events.last(), control.last());
}

/// What is leaked is the value, and the C library's record of a destructor that it does not call.
fn leaks_are_counted() -> bool {
    scale() > 1
}

fn use_twice_at_key_destructor<S: Subject>() {
    at_key_destructor(|| {
        look::<S>("key");
        look::<S>("again");
    });
}

fn a_key_destructor_may_be_the_first_to_use_it<S: Subject>() {
    if leaks_are_counted() {
        return;
    }
    assert_first_use::<S>(
        &["make S", "key finds S", "again finds S"],
        &end_of::<S>(use_twice_at_key_destructor::<S>),
        &end_of::<Std>(use_twice_at_key_destructor::<Std>),
    );
}

fn a_key_destructor_may_be_the_first_to_use_it_on_a_thread_that_rust_did_not_make<S: Subject>() {
    if leaks_are_counted() {
        return;
    }
    assert_first_use::<S>(
        &["make S", "key finds S", "again finds S"],
        &on_raw_thread::<S>(use_twice_at_key_destructor::<S>),
        &on_raw_thread::<Std>(use_twice_at_key_destructor::<Std>),
    );
}

fn a_key_destructor_finds_what_the_standard_librarys_would_be<S: Subject>() {
    fn body<S: Subject>() {
        F.touch();
        S::make();
        at_key_destructor(|| {
            look::<S>("key");
            F.look("key");
        });
    }
    // Both have gone where, as in glibc, thread-locals go first.
    assert_eq!(end_of::<S>(body::<S>), end_of::<Std>(body::<Std>));
}

fn every_round_of_key_destructors_finds_what_the_standard_librarys_would_be<S: Subject>() {
    fn first<S: Subject>() {
        look::<S>("first round");
        at_key_destructor(|| {
            look::<S>("second round");
            at_key_destructor(|| look::<S>("third round"));
        });
    }
    if leaks_are_counted() {
        return;
    }
    let control = end_of::<Std>(|| at_key_destructor(first::<Std>));
    assert_eq!(&control[..2], ["make S", "first round finds S"]);
    let control: Vec<_> = of::<S>(&control.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(end_of::<S>(|| at_key_destructor(first::<S>)), control);
}
