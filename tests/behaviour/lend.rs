//! `borrow!` and `borrow_mut!`: what they lend, until when, and what they refuse.

use std::cell::Cell;
use std::future::{self, Future};
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;

use tls_core::{AccessError, borrow, borrow_mut, thread_local_state};

use crate::kinds::{
    Explicit, ExplicitFallible, Failure, Fallible, Kind, Lazy, START, for_each_kind, make, on_init,
};
use crate::support::{note, noted, on_thread, panic_of, recorded};

for_each_kind! {
    a_borrow_lasts_until_the_end_of_its_block
    a_borrow_in_an_expression_lasts_until_the_end_of_the_statement
    what_conflicts_is_refused_by_closures_and_by_macros_alike
    fields_and_shared_borrows_go_together
    shared_borrows_may_end_in_any_order
    a_panic_ends_the_borrow
    a_refusal_names_both_places
}

fn is_free<K: Kind>() -> bool {
    K::state().try_with_mut(|_| ()).is_ok()
}

fn a_borrow_lasts_until_the_end_of_its_block<K: Kind>() {
    make::<K>();
    {
        let number = borrow_mut!(K::NUMBER);
        *number += 1;
        assert!(!is_free::<K>());
        *number += 1;
    }
    assert!(is_free::<K>());
    {
        let state = borrow_mut!(K::state());
        *state.number_mut() += 1;
        let witness = state.witness();
        assert!(!is_free::<K>());
        assert_eq!(witness.state, K::NAME);
    }
    assert!(is_free::<K>());
    // Used or not.
    {
        let _state = borrow!(K::state());
        assert!(!is_free::<K>());
    }
    assert!(is_free::<K>());
    assert_eq!(*borrow!(K::NUMBER), START + 3);
}

fn a_borrow_in_an_expression_lasts_until_the_end_of_the_statement<K: Kind>() {
    make::<K>();
    let sum = *borrow!(K::NUMBER) + *borrow!(K::NUMBER);
    assert_eq!(sum, 2 * START);
    *borrow_mut!(K::NUMBER) = 3;
    assert!(is_free::<K>());
    match *borrow!(K::NUMBER) {
        3 => assert!(!is_free::<K>(), "a scrutinee"),
        _ => unreachable!(),
    }
    assert!(is_free::<K>());
    if let 3 = *borrow!(K::NUMBER) {
        assert!(!is_free::<K>());
    }
    let mut turns = 0;
    while *borrow!(K::NUMBER) < 6 {
        *borrow_mut!(K::NUMBER) += 1;
        turns += 1;
    }
    assert_eq!(turns, 3);
    let found = loop {
        let number = borrow!(K::NUMBER);
        if *number == 6 {
            break *number;
        }
    };
    assert_eq!(found, 6);
    let length = || borrow!(K::ITEMS).len();
    assert_eq!(length(), 0);
    assert!(is_free::<K>());
}

fn what_conflicts_is_refused_by_closures_and_by_macros_alike<K: Kind>() {
    fn all_refused<K: Kind>() {
        let refused = |panics: &dyn Fn()| {
            let text = panic_of(panics).text;
            assert!(text.contains("is already borrowed"), "{text}");
        };
        refused(&|| *borrow_mut!(K::NUMBER) = 1);
        refused(&|| assert!(*borrow!(K::NUMBER) > 0));
        refused(&|| *borrow_mut!(K::state()).number_mut() = 1);
        refused(&|| assert!(borrow!(K::state()).number() > 0));
        assert!(matches!(
            K::NUMBER.try_with(|_| ()),
            Err(AccessError::Borrowed(_))
        ));
    }

    make::<K>();
    K::plain(K::with_state_mut(|_| all_refused::<K>()));
    K::plain(K::NUMBER.with_mut(|_| all_refused::<K>()));
    {
        let _state = borrow_mut!(K::state());
        all_refused::<K>();
    }
    {
        let _number = borrow_mut!(K::NUMBER);
        all_refused::<K>();
    }
    assert!(is_free::<K>());
}

fn fields_and_shared_borrows_go_together<K: Kind>() {
    make::<K>();
    let number = borrow_mut!(K::NUMBER);
    let items = borrow_mut!(K::ITEMS);
    let witness = borrow!(K::WITNESS);
    let again = borrow!(K::WITNESS);
    K::plain(K::WITNESS.with(|third| {
        items.push(1);
        *number += 1;
        assert_eq!([witness.state, again.state, third.state], [K::NAME; 3]);
    }));
    assert!(!is_free::<K>());
}

/// A future that lends in its first poll, and ends that in the second.
fn lending<F: Future<Output = ()>>(lends: F) -> Pin<Box<F>> {
    let mut future = Box::pin(lends);
    assert!(poll(future.as_mut()).is_pending());
    future
}

pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending once.
pub(crate) async fn pause() {
    let mut is_over = false;
    future::poll_fn(|_| {
        if mem::replace(&mut is_over, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

async fn lend_field<K: Kind>() {
    let witness = borrow!(K::WITNESS);
    pause().await;
    assert_eq!(witness.state, K::NAME);
}

async fn lend_state<K: Kind>() {
    let state = borrow!(K::state());
    pause().await;
    assert_eq!(state.witness().state, K::NAME);
}

fn shared_borrows_may_end_in_any_order<K: Kind>() {
    make::<K>();
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
    let kinds = 0..16_u32;
    for order in orders {
        for kind in kinds.clone() {
            let mut futures: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>> = (0..4)
                .map(|number| {
                    let future: Pin<Box<dyn Future<Output = ()>>> = if kind >> number & 1 == 0 {
                        lending(lend_field::<K>())
                    } else {
                        lending(lend_state::<K>())
                    };
                    Some(future)
                })
                .collect();
            for (count, number) in order.into_iter().enumerate() {
                assert!(!is_free::<K>(), "{order:?} {kind:b} {count}");
                K::plain(K::with_state(|state| assert_eq!(state.number(), START)));
                let mut future = futures[number].take().unwrap();
                if number % 2 == 0 {
                    assert!(poll(future.as_mut()).is_ready());
                }
            }
            assert!(is_free::<K>(), "{order:?} {kind:b}");
        }
    }
}

fn a_panic_ends_the_borrow<K: Kind>() {
    make::<K>();
    let panic = panic_of(|| {
        let state = borrow_mut!(K::state());
        *state.number_mut() += 1;
        panic!("within");
    });
    assert_eq!(panic.text, "within");
    let panic = panic_of(|| {
        let _witness = borrow!(K::WITNESS);
        let _again = borrow!(K::WITNESS);
        let _number = borrow_mut!(K::NUMBER);
        panic!("within");
    });
    assert_eq!(panic.text, "within");
    assert!(is_free::<K>());
    assert_eq!(*borrow!(K::NUMBER), START + 1);
}

#[rustfmt::skip]
fn a_refusal_names_both_places<K: Kind>() {
    make::<K>();
    let line = line!() + 1;
    let _number = borrow_mut!(K::NUMBER);
    let at = |line: u32| format!("{}:{line}:", file!());
    let panics = [
        (line!(), panic_of(|| *borrow_mut!(K::NUMBER) = 1)),
        (line!(), panic_of(|| assert!(borrow!(K::state()).number() > 0))),
        (line!(), panic_of(|| { K::plain(K::NUMBER.with(|_| ())); })),
    ];
    for (here, panic) in panics {
        assert_eq!((panic.line, panic.file.as_str()), (here, file!()), "{}", panic.text);
        if cfg!(debug_assertions) {
            assert!(panic.text.contains(&at(line)), "{}", panic.text);
            assert!(panic.text.contains(&at(here)), "{}", panic.text);
        }
    }
}

#[test]
fn the_first_borrow_makes_the_value() {
    let events = recorded(|| {
        {
            let number = borrow_mut!(Lazy::NUMBER);
            *number += 1;
        }
        note(borrow!(Lazy::state()).number().to_string());
    });
    assert_eq!(events, ["make Lazy", "8", "drop Lazy"]);
}

fn double() -> Result<u64, Failure> {
    let state = borrow!(try Fallible::state());
    let number = *borrow!(try Fallible::NUMBER);
    Ok(state.number() + number)
}

fn count() -> Result<u64, Failure> {
    let number = borrow_mut!(try Fallible::NUMBER);
    *number += 1;
    if *number > START + 1 {
        return Ok(0);
    }
    Ok(*number)
}

#[test]
fn with_try_an_initializers_error_leaves_the_function() {
    on_thread(|| {
        on_init(|| Err(Failure("no")));
        assert_eq!(double(), Err(Failure("no")));
        assert_eq!(count(), Err(Failure("no")));
        on_init(|| Ok(()));
        assert_eq!(double(), Ok(2 * START));
        assert_eq!(count(), Ok(START + 1));
        assert_eq!(count(), Ok(0), "`return` works as everywhere");
        assert!(is_free::<Fallible>());
    });
}

#[test]
fn with_try_any_other_error_is_converted_as_with_a_question_mark() {
    fn work() -> Result<u64, Box<dyn std::error::Error>> {
        let number: u64 = "1".parse()?;
        Ok(number + *borrow!(try Fallible::NUMBER))
    }

    on_thread(|| {
        on_init(|| Err(Failure("no")));
        assert_eq!(work().unwrap_err().to_string(), "no");
        on_init(|| Ok(()));
        assert_eq!(work().unwrap(), START + 1);
    });
}

#[test]
fn with_try_a_refusal_is_a_panic_nevertheless() {
    on_thread(|| {
        make::<Fallible>();
        let _number = borrow_mut!(Fallible::NUMBER);
        let panic = panic_of(double);
        assert!(panic.text.contains("is already borrowed"), "{}", panic.text);
    });
}

#[rustfmt::skip]
#[test]
fn without_try_an_initializers_error_is_a_panic_that_says_it() {
    on_thread(|| {
        on_init(|| Err(Failure("the file is missing")));
        let panic = panic_of(|| *borrow_mut!(Fallible::NUMBER) = 1);
        assert_eq!(panic.text, "`Fallible` could not be initialized: the file is missing");
        assert_eq!((panic.line, panic.file.as_str()), (line!() - 2, file!()));
        on_init(|| Ok(()));
        *borrow_mut!(Fallible::NUMBER) = 1;
    });
}

#[test]
fn an_explicit_state_is_not_made_by_a_borrow() {
    on_thread(|| {
        for panic in [
            panic_of(|| *borrow_mut!(Explicit::NUMBER) = 1),
            panic_of(|| assert!(borrow!(ExplicitFallible::state()).number() > 0)),
        ] {
            assert!(
                panic.text.contains("has not been initialized"),
                "{}",
                panic.text
            );
        }
        make::<Explicit>();
        assert_eq!(*borrow!(Explicit::NUMBER), START);
    });
}

#[test]
fn an_initializer_that_borrows_its_own_state_is_refused() {
    on_thread(|| {
        on_init(|| {
            let panic = panic_of(|| *borrow_mut!(Lazy::NUMBER) = 1);
            assert!(
                panic.text.contains("is being initialized"),
                "{}",
                panic.text
            );
            Ok(())
        });
        assert_eq!(*borrow!(Lazy::NUMBER), START);
    });
}

#[test]
fn a_borrow_in_a_forgotten_future_never_ends_and_the_value_is_leaked_at_the_threads_end() {
    let events = recorded(|| {
        make::<Lazy>();
        mem::forget(lending(lend_field::<Lazy>()));
        mem::forget(lending(async {
            let number = borrow_mut!(Lazy::NUMBER);
            pause().await;
            *number += 1;
        }));
        assert!(!is_free::<Lazy>());
        assert!(Lazy::NUMBER.try_with(|_| ()).is_err());
        assert!(Lazy::WITNESS.try_with(|_| ()).is_ok());
        assert!(Lazy::state().try_reset().is_err());
    });
    assert_eq!(events, ["make Lazy"], "and not dropped");
}

#[test]
fn a_future_that_another_thread_local_drops_ends_its_borrow_of_a_value_that_was_leaked() {
    thread_local! {
        /// Its destructor runs after that of what registers later.
        static LATE: Cell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { Cell::new(None) };
    }

    let events = recorded(|| {
        LATE.set(None);
        make::<Lazy>();
        LATE.set(Some(lending(async {
            let witness = borrow_mut!(Lazy::WITNESS);
            pause().await;
            witness.memory.push(1);
        })));
    });
    // Under keys the order among foreign thread-locals is another.
    if cfg!(tls_core_keys) {
        let is_dropped = events == ["make Lazy", "drop Lazy"];
        assert!(is_dropped || events == ["make Lazy"], "{events:?}");
    } else {
        assert_eq!(events, ["make Lazy"]);
    }
}

#[test]
fn a_destructor_may_borrow_what_is_still_there() {
    #[thread_local_state(in_function)]
    struct Late {
        #[state(init = Logs("there"))]
        logs: Logs,
    }

    struct Logs(&'static str);

    impl Drop for Logs {
        fn drop(&mut self) {
            borrow_mut!(Lazy::ITEMS).push(1);
            note(format!("{:?}", borrow!(Lazy::ITEMS)));
            let panic = panic_of(|| assert_eq!(borrow!(Late::state()).logs.0, "there"));
            assert!(
                panic.text.contains("cannot be accessed any more"),
                "{}",
                panic.text
            );
        }
    }

    let events = recorded(|| {
        make::<Lazy>();
        assert_eq!(borrow!(Late::LOGS).0, "there");
    });
    assert_eq!(events, ["make Lazy", "[1]", "drop Lazy"]);
}

#[test]
fn a_scoped_thread_may_use_what_is_lent_and_has_its_own() {
    on_thread(|| {
        let items = borrow_mut!(Lazy::ITEMS);
        thread::scope(|scope| {
            scope.spawn(|| {
                items.push(1);
                assert_eq!(borrow!(Lazy::ITEMS).len(), 0, "its own");
            });
        });
        assert_eq!(*items, [1]);
    });
}

#[test]
fn a_reset_and_a_fresh_value_are_refused_while_it_is_lent() {
    on_thread(|| {
        {
            let _items = borrow!(Lazy::ITEMS);
            assert!(Lazy::state().try_reset().is_err());
            assert!(Lazy::state().try_with_fresh(|| ()).is_err());
        }
        assert!(matches!(Lazy::state().try_reset(), Ok(true)));
    });
}

#[test]
fn a_pinned_future_on_the_stack_may_hold_it() {
    on_thread(|| {
        let mut future = pin!(async {
            let items = borrow_mut!(Lazy::ITEMS);
            pause().await;
            items.push(1);
        });
        assert!(poll(future.as_mut()).is_pending());
        assert!(Lazy::ITEMS.try_with(|_| ()).is_err());
        assert!(poll(future.as_mut()).is_ready());
        assert_eq!(*borrow!(Lazy::ITEMS), [1]);
        assert_eq!(noted(), [""; 0]);
    });
}
