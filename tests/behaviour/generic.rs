//! What handles and states are as types, and code that is generic over them.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::thread;

use serde::Serialize;
use tls_core::{AccessError, Field, ThreadLocalState, thread_local_state};

use crate::kinds::{Explicit, Failure, Fallible, Kind, Lazy, for_each_kind, make, on_init};
use crate::support::on_thread;

for_each_kind! {
    generic_code_works_through_the_trait
    handles_may_be_used_on_any_thread
    a_state_in_a_trait_object_free_table_is_warmed_up
}

fn warm_up<S: ThreadLocalState>() -> bool {
    S::state().try_with(|_| ()).is_ok() && S::state().is_initialized()
}

fn generic_code_works_through_the_trait<K: Kind>() {
    assert_eq!(warm_up::<K>(), K::IS_LAZY);
    make::<K>();
    assert!(warm_up::<K>(), "it exists, so there is nothing to make");
    assert!(K::state().try_with(|_| ()).is_ok());
    assert!(
        K::state()
            .try_with_mut(|state| *state.number_mut() = 1)
            .is_ok()
    );
    assert_eq!(K::state().peek(Kind::number).ok().flatten(), Some(1));
    assert!(matches!(K::state().try_reset(), Ok(true)));
    assert!(!K::state().reset());
}

/// A function that takes any field of any state.
fn bump<S: ThreadLocalState>(field: Field<S, u64>) -> Result<u64, AccessError<S::Error>> {
    field.try_with_mut(|number| {
        *number += 1;
        *number
    })
}

fn handles_may_be_used_on_any_thread<K: Kind>() {
    let handle = K::NUMBER;
    make::<K>();
    let here = bump(handle).unwrap();
    let there = thread::scope(|scope| {
        let other = scope.spawn(move || {
            make::<K>();
            bump(handle).unwrap() + bump(handle).unwrap()
        });
        other.join().unwrap()
    });
    assert_eq!(there, 2 * here + 1);
    assert_eq!(K::plain(handle.get()), here);
}

fn a_state_in_a_trait_object_free_table_is_warmed_up<K: Kind>() {
    let table: [fn() -> bool; 3] = [warm_up::<K>, warm_up::<Lazy>, || {
        K::state().is_initialized()
    }];
    let lazy = K::IS_LAZY;
    assert_eq!(table.map(|entry| entry()), [lazy, true, lazy]);
}

#[test]
fn handles_are_small_copies_that_may_go_anywhere() {
    fn check<T: Copy + Send + Sync + Debug + 'static>(handle: T, name: &str) {
        assert!(size_of::<T>() <= 2 * size_of::<u64>(), "{}", size_of::<T>());
        let copy = handle;
        assert_eq!(format!("{handle:?} {copy:?}"), format!("{name} {name}"));
    }
    on_thread(|| {
        check(Lazy::WITNESS, "Lazy::witness");
        check(Fallible::ITEMS, "Fallible::items");
        check(Pair::FIELD_1, "Pair::1");
        assert!(!Lazy::state().is_initialized() && !Pair::state().is_initialized());
    });
}

#[test]
fn errors_may_go_to_other_threads() {
    fn check<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    on_thread(|| {
        let _ = check(Explicit::state().try_with(|_| ()).unwrap_err());
        on_init(|| Err(Failure("closed")));
        let _ = check(Fallible::state().try_with(|_| ()).unwrap_err());
    });
}

#[thread_local_state]
struct Pair(#[state(init = 3)] u64, #[state(init = vec![1])] Vec<u8>);

#[test]
fn tuple_structs_have_numbered_handles() {
    on_thread(|| {
        Pair::FIELD_0.update(|number| number + 1);
        Pair::FIELD_1.with_mut(|items| items.push(2));
        Pair::with_state_mut(|pair| {
            pair.0 += 1;
            assert_eq!((pair.0, pair.1.as_slice()), (5, &[1, 2][..]));
        });
        let error = Pair::with_state_mut(|_| Pair::FIELD_0.try_with(|_| ()).unwrap_err());
        assert_eq!(error.field_name(), Some("0"));
    });
}

#[thread_local_state]
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
struct Derived {
    #[state(init = 3)]
    number: u64,
    #[state(init = "name".to_owned())]
    name: String,
}

#[test]
fn derives_work_and_do_not_see_the_hidden_field() {
    fn check<T: Debug + Ord + Hash>(value: &T) -> bool {
        let mut set = HashSet::new();
        set.insert(value);
        set.contains(value) && value == value && value <= value
    }
    on_thread(|| {
        Derived::with_state(|state| {
            assert!(check(state));
            assert_eq!(
                format!("{state:?}"),
                r#"Derived { number: 3, name: "name" }"#
            );
            Derived::with_state(|same| assert_eq!(state, same));
        });
    });
}

#[thread_local_state]
struct WithMethods {
    count: u64,
}

impl WithMethods {
    fn bump(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn next() -> u64 {
        Self::with_state_mut(Self::bump)
    }
}

#[test]
fn methods_of_the_struct_are_passed_to_the_accessors() {
    on_thread(|| assert_eq!((WithMethods::next(), WithMethods::next()), (1, 2)));
}
