//! A field bound until a guard is dropped, and while a future is polled.

use std::future::{self, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;

use tls_core::{ScopeFuture, ScopeGuard, thread_local_state};

use crate::support::{note, noted, on_thread, panic_of, recorded};

struct Named(&'static str);

impl Drop for Named {
    fn drop(&mut self) {
        note(self.0);
    }
}

#[thread_local_state]
struct Request {
    number: u64,
    #[state(init = Named("own"))]
    name: Named,
}

fn name() -> &'static str {
    Request::NAME.with(|name| name.0)
}

/// What has been noted since.
fn said() -> String {
    noted().join(", ")
}

#[test]
fn a_guard_binds_until_it_is_dropped_in_another_function() {
    fn enter() -> ScopeGuard<Request, u64> {
        Request::NUMBER.scope_guard(7)
    }

    fn leave(guard: ScopeGuard<Request, u64>) {
        drop(guard);
    }

    on_thread(|| {
        Request::NUMBER.set(1);
        let guard = enter();
        assert_eq!(Request::NUMBER.get(), 7);
        Request::NUMBER.set(8);
        leave(guard);
        assert_eq!(Request::NUMBER.get(), 1);
    });
}

#[test]
fn guards_restore_what_they_took_in_whatever_order_they_are_dropped() {
    let events = recorded(|| {
        let first = Request::NAME.scope_guard(Named("first"));
        let second = Request::NAME.scope_guard(Named("second"));
        assert_eq!(name(), "second");
        drop(first);
        assert_eq!((name(), &*said()), ("own", "second"));
        drop(second);
        assert_eq!((name(), &*said()), ("first", "own"));
    });
    assert_eq!(events, ["first"]);
}

#[test]
fn a_guard_whose_field_is_borrowed_or_whose_value_is_gone_drops_what_it_took() {
    let events = recorded(|| {
        let guard = Request::NAME.scope_guard(Named("guarded"));
        Request::NAME.with(|_| drop(guard));
        assert_eq!((name(), &*said()), ("guarded", "own"));

        let guard = Request::NAME.scope_guard(Named("second"));
        assert!(Request::state().reset());
        assert_eq!(noted(), ["second"]);
        drop(guard);
        assert_eq!((name(), &*said()), ("own", "guarded"));

        let guard = Request::NAME.scope_guard(Named("leaked"));
        std::mem::forget(guard);
        assert_eq!(name(), "leaked");
    });
    assert_eq!(events, ["leaked"], "what is leaked is what was there");
}

#[test]
fn a_guard_of_a_borrowed_field_is_refused_and_its_value_dropped() {
    let events = recorded(|| {
        Request::NAME.with(|_| {
            let panic = panic_of(|| drop(Request::NAME.scope_guard(Named("refused"))));
            assert_eq!(panic.file, file!());
            assert_eq!(noted(), ["refused"]);
        });
    });
    assert_eq!(events, ["own"]);
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Gives way once.
async fn give_way() {
    let mut is_first = true;
    poll_fn(|_| {
        if std::mem::replace(&mut is_first, false) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

#[test]
fn a_future_sees_its_own_value_in_every_poll_and_leaves_the_threads_as_it_was() {
    on_thread(|| {
        Request::NUMBER.set(1);
        let mut future = pin!(Request::NUMBER.scope_future(10, async {
            assert_eq!(Request::NUMBER.replace(11), 10);
            give_way().await;
            Request::NUMBER.replace(12)
        }));
        assert_eq!(poll_once(future.as_mut()), Poll::Pending);
        assert_eq!(Request::NUMBER.replace(2), 1);
        assert_eq!(poll_once(future.as_mut()), Poll::Ready(11));
        assert_eq!(Request::NUMBER.get(), 2);
    });
}

#[test]
fn a_future_takes_its_value_to_the_threads_that_poll_it() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }

    let mut future = Box::pin(assert_send(Request::NUMBER.scope_future(10, async {
        for _ in 0..3 {
            Request::NUMBER.update(|number| number + 1);
            give_way().await;
        }
        Request::NUMBER.get()
    })));
    for polls in 1..=4 {
        let (returned, polled) = thread::spawn(move || {
            let mut future = future;
            Request::NUMBER.set(99);
            let polled = poll_once(future.as_mut());
            assert_eq!(Request::NUMBER.get(), 99);
            (future, polled)
        })
        .join()
        .unwrap();
        future = returned;
        let expected = if polls == 4 {
            Poll::Ready(13)
        } else {
            Poll::Pending
        };
        assert_eq!(polled, expected);
    }
}

#[test]
fn futures_that_are_bound_within_one_another_each_have_their_own() {
    on_thread(|| {
        let inner = Request::NUMBER.scope_future(20, async {
            give_way().await;
            Request::NUMBER.get()
        });
        let mut outer = pin!(Request::NUMBER.scope_future(10, async {
            let inner = inner.await;
            (Request::NUMBER.get(), inner)
        }));
        assert!(poll_once(outer.as_mut()).is_pending());
        assert_eq!(Request::NUMBER.get(), 0);
        assert_eq!(poll_once(outer.as_mut()), Poll::Ready((10, 20)));
    });
}

#[test]
fn a_future_that_panics_restores_what_was_there() {
    on_thread(|| {
        let mut future = pin!(Request::NUMBER.scope_future(10, async {
            give_way().await;
            panic!("in the future");
        }));
        assert!(poll_once(future.as_mut()).is_pending());
        let result = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
        assert!(result.is_err());
        assert_eq!(Request::NUMBER.get(), 0);
    });
}

#[test]
fn a_future_that_is_cancelled_is_dropped_while_its_value_is_bound() {
    struct Looks;

    impl Drop for Looks {
        fn drop(&mut self) {
            note(name());
        }
    }

    let events = recorded(|| {
        let looks = Looks;
        let mut future = Box::pin(Request::NAME.scope_future(Named("bound"), async move {
            let _looks = looks;
            give_way().await;
        }));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
        assert_eq!((&*said(), name()), ("bound, bound", "own"));
        let unpolled = Request::NAME.scope_future(Named("unpolled"), future::ready(Looks));
        drop(unpolled);
        assert_eq!((&*said(), name()), ("unpolled, unpolled", "own"));
        let leaked = Request::NAME.scope_future(Named("leaked"), future::ready(()));
        std::mem::forget(leaked);
        assert_eq!(name(), "own");
    });
    assert_eq!(events, ["own"]);
}

#[test]
fn a_future_whose_value_was_lost_says_so() {
    on_thread(|| {
        let mut future = pin!(Request::NUMBER.scope_future(10, async {
            Request::state().reset();
            give_way().await;
        }));
        assert!(poll_once(future.as_mut()).is_pending());
        assert_eq!(Request::NUMBER.get(), 0);
        let panic = panic_of(|| poll_once(future.as_mut()));
        assert!(
            panic.text.contains("`Request::number` to is gone"),
            "{}",
            panic.text
        );
    });
}

#[thread_local_state(error = std::num::ParseIntError)]
struct Parsed {
    #[state(init = "many".parse()?)]
    number: u64,
}

#[test]
fn an_initializer_that_fails_in_a_poll_ends_the_future_with_its_error() {
    on_thread(|| {
        let mut future = pin!(Parsed::NUMBER.scope_future(1, future::ready(())));
        let Poll::Ready(Err(error)) = poll_once(future.as_mut()) else {
            panic!("it has not failed");
        };
        assert_eq!(error.to_string(), "invalid digit found in string");
    });
}

#[test]
fn bindings_name_their_field() {
    on_thread(|| {
        let guard = Request::NUMBER.scope_guard(1);
        assert_eq!(format!("{guard:?}"), "ScopeGuard(Request::number)");
        let future: ScopeFuture<_, _, _> = Request::NUMBER.scope_future(1, future::ready(()));
        assert_eq!(format!("{future:?}"), "ScopeFuture(Request::number)");
    });
}

#[test]
fn a_future_is_dropped_where_it_was_pinned_also_if_an_initializer_panics_then() {
    #[thread_local_state(in_function)]
    struct Angry {
        #[state(init = panic_if_asked())]
        number: u64,
    }

    thread_local! {
        static PANICS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }

    fn panic_if_asked() -> u64 {
        assert!(!PANICS.get(), "asked");
        0
    }

    struct Inner;

    impl Drop for Inner {
        fn drop(&mut self) {
            note("inner");
        }
    }

    let events = recorded(|| {
        let inner = Inner;
        let mut future = Box::pin(Angry::NUMBER.scope_future(5, async move {
            let _inner = inner;
            future::pending::<()>().await;
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        Angry::state().reset();
        PANICS.set(true);
        assert_eq!(panic_of(|| drop(future)).text, "asked");
        note("end");
    });
    assert_eq!(events, ["inner", "end"]);
}
