//! Shared fields are no part of the value: they take no borrow of it, no room, and no say in its
//! construction.

use tls_core::shared::{Gauge, Part};
use tls_core::{AccessError, Counter, Histogram, thread_local_state};

use crate::support::{on_thread, panic_of};

#[thread_local_state]
struct Mixed {
    #[state(shared)]
    count: Counter,
    number: u64,
    #[state(shared)]
    values: Histogram,
    other: Vec<u8>,
    #[state(shared)]
    part: Part<Vec<u8>>,
}

#[thread_local_state]
struct Plain {
    number: u64,
    other: Vec<u8>,
}

#[test]
fn a_handle_writes_while_the_same_state_is_borrowed_in_any_way() {
    on_thread(|| {
        Mixed::with_state_mut(|state| {
            Mixed::COUNT.increment();
            Mixed::VALUES.record(1);
            Mixed::PART.with_mut(|part| part.push(1));
            state.number += 1;
            let plain = &mut state.number;
            Mixed::COUNT.increment();
            *plain += 1;
        });
        Mixed::NUMBER.with_mut(|plain| {
            Mixed::OTHER.with_mut(|other| {
                Mixed::COUNT.increment();
                other.push(1);
            });
            *plain += 1;
        });
        assert_eq!((Mixed::NUMBER.get(), Mixed::COUNT.get()), (3, 3));
    });
}

#[test]
fn inside_with_mut_of_a_part_the_state_is_free() {
    on_thread(|| {
        Mixed::PART.with_mut(|part| {
            Mixed::with_state_mut(|state| state.number = 5);
            Mixed::NUMBER.set(6);
            assert!(Mixed::state().reset());
            part.push(1);
        });
        assert!(!Mixed::state().is_initialized());
    });
}

#[test]
fn a_plain_fields_error_is_that_of_a_state_without_shared_fields() {
    fn assert_same(mixed: AccessError, plain: AccessError) {
        assert_eq!(mixed.field_name(), plain.field_name());
        assert_eq!(mixed.state_name(), "Mixed");
        let text = |error: AccessError| {
            // Without the places, which differ.
            let text = error.to_string();
            let words = text
                .split_whitespace()
                .filter(|word| !word.contains(file!()));
            words
                .collect::<Vec<_>>()
                .join(" ")
                .replace("Mixed", "Plain")
        };
        assert_eq!(text(mixed), text(plain));
    }
    on_thread(|| {
        assert_same(
            Mixed::NUMBER.with_mut(|_| Mixed::NUMBER.try_with(|_| ()).unwrap_err()),
            Plain::NUMBER.with_mut(|_| Plain::NUMBER.try_with(|_| ()).unwrap_err()),
        );
        assert_same(
            Mixed::OTHER.with(|_| Mixed::OTHER.try_with_mut(|_| ()).unwrap_err()),
            Plain::OTHER.with(|_| Plain::OTHER.try_with_mut(|_| ()).unwrap_err()),
        );
        assert_same(
            Mixed::OTHER.with_mut(|_| Mixed::state().try_with(|_| ()).unwrap_err()),
            Plain::OTHER.with_mut(|_| Plain::state().try_with(|_| ()).unwrap_err()),
        );
        let panic = panic_of(|| Mixed::with_state(|_| Mixed::NUMBER.set(1)));
        assert!(
            panic
                .text
                .starts_with("`Mixed::number` is already borrowed"),
            "{}",
            panic.text
        );
        assert_eq!(panic.file, file!());
    });
}

#[test]
fn shared_fields_take_no_room_in_the_value() {
    assert_eq!(size_of::<Mixed>(), size_of::<Plain>());
    assert_eq!(align_of::<Mixed>(), align_of::<Plain>());
}

macro_rules! twenty_two_plain_fields {
    ($Name:ident $($field:ident)*) => {
        /// As many plain fields as have borrow flags of their own, and shared ones between them.
        #[thread_local_state]
        struct $Name {
            #[state(shared)]
            first: Counter,
            $($field: u64,)*
            #[state(shared)]
            last: [Gauge; 70],
        }
    };
}

twenty_two_plain_fields! {
    Full f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21
}

/// Otherwise the last two would count as one.
#[test]
fn shared_fields_take_no_borrow_flags() {
    on_thread(|| {
        Full::F0.with_mut(|first| {
            Full::F20.with_mut(|last_but_one| {
                Full::F21.with_mut(|last| {
                    Full::FIRST.increment();
                    Full::LAST.at(69).set(3);
                    *first += 1;
                    *last_but_one += 1;
                    *last += 1;
                });
            });
        });
        assert_eq!(
            [Full::F0.get(), Full::F20.get(), Full::F21.get()],
            [1, 1, 1]
        );
        assert_eq!(Full::LAST.total()[69], 3);
    });
}

#[thread_local_state(explicit)]
struct Explicit {
    #[state(shared)]
    count: Counter,
    given: u64,
    #[state(shared)]
    level: Gauge,
}

#[test]
fn shared_fields_are_not_among_the_values_that_a_state_is_made_of() {
    on_thread(|| {
        let values = ExplicitInit { given: 5 };
        let ExplicitInit { given } = values;
        assert_eq!(given, 5);
        Explicit::COUNT.increment();
        let error = Explicit::state().try_with(|_| ()).unwrap_err();
        assert!(matches!(error, AccessError::NotInitialized(_)));
        Explicit::state().init_with(values);
        Explicit::state()
            .try_init_with(ExplicitInit { given: 6 })
            .unwrap_err();
        Explicit::with_state(|state| {
            Explicit::COUNT.add(state.given);
            Explicit::LEVEL.set(2);
        });
        assert_eq!((Explicit::COUNT.total(), Explicit::LEVEL.total()), (6, 2));
    });
}
