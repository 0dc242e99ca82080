//! `with_fresh_future`: a value of the future's own, in every poll.

use std::future::{self, Future};
use std::pin::Pin;
use std::task::Poll;

use tls_core::borrow_mut;

use crate::kinds::{Kind, Lazy, START, for_each_kind, make};
use crate::lend::{pause, poll};
use crate::support::{note, noted, on_thread, panic_of, recorded};

for_each_kind! {
    each_poll_finds_what_the_one_before_has_left
    between_polls_the_threads_own_value_is_there
    a_future_that_is_dropped_restores_the_threads_value
    a_poll_that_panics_restores_the_threads_value
    futures_nest_and_interleave
}

fn number<K: Kind>() -> Option<u64> {
    K::state().peek(Kind::number).unwrap()
}

/// Makes a value and counts in it, in three polls.
async fn count<K: Kind>() -> u64 {
    assert_eq!(number::<K>(), None, "it begins without a value");
    make::<K>();
    for _ in 0..2 {
        K::plain(K::NUMBER.update(|number| number + 1));
        pause().await;
    }
    number::<K>().unwrap()
}

fn each_poll_finds_what_the_one_before_has_left<K: Kind>() {
    let mut future = Box::pin(K::state().with_fresh_future(count::<K>()));
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(number::<K>(), None);
    assert!(poll(future.as_mut()).is_pending());
    match poll(future.as_mut()) {
        Poll::Ready(output) => assert_eq!(K::plain(output), START + 2),
        Poll::Pending => panic!("not ready"),
    }
    assert_eq!(number::<K>(), None);
}

fn between_polls_the_threads_own_value_is_there<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.set(100));
    let mut future = Box::pin(K::state().with_fresh_future(count::<K>()));
    while poll(future.as_mut()).is_pending() {
        assert_eq!(number::<K>(), Some(100));
        K::plain(K::NUMBER.set(100));
    }
    assert_eq!(number::<K>(), Some(100));
}

fn a_future_that_is_dropped_restores_the_threads_value<K: Kind>() {
    struct Looks<K: Kind>(std::marker::PhantomData<K>);

    impl<K: Kind> Drop for Looks<K> {
        fn drop(&mut self) {
            assert_eq!(
                number::<K>(),
                Some(START),
                "it is dropped with its own value"
            );
            K::plain(K::NUMBER.set(1));
        }
    }

    make::<K>();
    K::plain(K::NUMBER.set(100));
    let mut future = Box::pin(K::state().with_fresh_future(async {
        let _looks = Looks::<K>(std::marker::PhantomData);
        make::<K>();
        future::pending::<()>().await;
    }));
    assert!(poll(future.as_mut()).is_pending());
    drop(future);
    assert_eq!(number::<K>(), Some(100));
    // One that was never polled has nothing to restore.
    drop(K::state().with_fresh_future(count::<K>()));
    assert_eq!(number::<K>(), Some(100));
}

fn a_poll_that_panics_restores_the_threads_value<K: Kind>() {
    make::<K>();
    K::plain(K::NUMBER.set(100));
    let mut future = Box::pin(K::state().with_fresh_future(async {
        make::<K>();
        pause().await;
        panic!("within");
    }));
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(panic_of(|| poll(future.as_mut())).text, "within");
    assert_eq!(number::<K>(), Some(100));
    drop(future);
    assert_eq!(number::<K>(), Some(100));
}

fn futures_nest_and_interleave<K: Kind>() {
    async fn nested<K: Kind>() -> u64 {
        make::<K>();
        K::plain(K::NUMBER.set(50));
        let inner = K::state().with_fresh_future(count::<K>()).await;
        K::plain(inner) * 1_000 + number::<K>().unwrap()
    }

    make::<K>();
    let mut first = Box::pin(K::state().with_fresh_future(nested::<K>()));
    let mut second = Box::pin(K::state().with_fresh_future(nested::<K>()));
    for _ in 0..2 {
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        assert_eq!(number::<K>(), Some(START));
    }
    for future in [first, second] {
        let mut future = future;
        match poll(future.as_mut()) {
            Poll::Ready(output) => assert_eq!(K::plain(output), (START + 2) * 1_000 + 50),
            Poll::Pending => panic!("not ready"),
        }
    }
    assert_eq!(number::<K>(), Some(START));
}

#[test]
fn a_future_that_holds_a_borrow_across_an_await_takes_nothing_from_the_thread() {
    let events = recorded(|| {
        make::<Lazy>();
        Lazy::NUMBER.set(100);
        let mut future = Box::pin(Lazy::state().with_fresh_future(async {
            make::<Lazy>();
            {
                let number = borrow_mut!(Lazy::NUMBER);
                pause().await;
                *number += 1;
            }
            pause().await;
            number::<Lazy>()
        }));
        assert!(poll(future.as_mut()).is_pending());
        // Its value cannot be taken out.
        assert!(Lazy::NUMBER.try_with(|_| ()).is_err());
        assert!(poll(future.as_mut()).is_pending());
        assert_eq!(number::<Lazy>(), Some(100));
        assert_eq!(poll(future.as_mut()), Poll::Ready(Some(START + 1)));
        assert_eq!(number::<Lazy>(), Some(100));

        let mut dropped = Box::pin(Lazy::state().with_fresh_future(async {
            let _number = borrow_mut!(Lazy::NUMBER);
            future::pending::<()>().await;
        }));
        assert!(poll(dropped.as_mut()).is_pending());
        drop(dropped);
        assert_eq!(number::<Lazy>(), Some(100));
        note("end");
    });
    let expected = [
        "make Lazy",
        "make Lazy",
        "make Lazy",
        "drop Lazy",
        "end",
        "drop Lazy",
        "drop Lazy",
    ];
    assert_eq!(events, expected);
}

#[test]
fn what_a_future_has_left_is_dropped_with_it_and_after_the_threads_value_is_back() {
    let events = recorded(|| {
        make::<Lazy>();
        let mut future = Box::pin(Lazy::state().with_fresh_future(async {
            make::<Lazy>();
            note("made");
            future::pending::<()>().await;
        }));
        assert!(poll(future.as_mut()).is_pending());
        note("drop the future");
        drop(future);
        note("end");
    });
    let expected = [
        "make Lazy",
        "make Lazy",
        "made",
        "drop the future",
        "drop Lazy",
        "end",
        "drop Lazy",
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_poll_is_refused_while_the_threads_value_is_borrowed() {
    on_thread(|| {
        make::<Lazy>();
        let mut future = Box::pin(Lazy::state().with_fresh_future(count::<Lazy>()));
        let panic = Lazy::NUMBER.with(|_| panic_of(|| poll(future.as_mut())));
        assert!(panic.text.contains("is already borrowed"), "{}", panic.text);
        // It has not begun, and can.
        assert!(poll(future.as_mut()).is_pending());
        assert_eq!(number::<Lazy>(), Some(START));
        assert_eq!(noted(), [""; 0]);
    });
}

#[test]
fn a_future_that_outlives_the_states_turn_drops_its_own_value_and_finds_none() {
    thread_local! {
        /// Its destructor runs after that of what registers later.
        static LATE: std::cell::Cell<Option<Late>> = const { std::cell::Cell::new(None) };
    }

    struct Late(Option<Pin<Box<dyn Future<Output = ()>>>>);

    impl Drop for Late {
        fn drop(&mut self) {
            note("late");
            let mut future = self.0.take().unwrap();
            assert!(poll(future.as_mut()).is_ready());
            drop(future);
            note("end");
        }
    }

    let events = recorded(|| {
        LATE.set(None);
        let mut future: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(Lazy::state().with_fresh_future(async {
                make::<Lazy>();
                pause().await;
                note(format!("{}", Lazy::NUMBER.try_with(|_| ()).is_err()));
            }));
        make::<Lazy>();
        assert!(poll(future.as_mut()).is_pending());
        LATE.set(Some(Late(Some(future))));
    });
    let by_table = [
        "make Lazy",
        "make Lazy",
        "late",
        "false",
        "drop Lazy",
        "end",
        "drop Lazy",
    ];
    let by_turn = [
        "make Lazy",
        "make Lazy",
        "drop Lazy",
        "late",
        "true",
        "drop Lazy",
        "end",
    ];
    // Under keys the order among foreign thread-locals is another.
    if cfg!(tls_core_keys) {
        assert!(events == by_turn || events == by_table, "{events:?}");
    } else {
        assert_eq!(events, by_turn);
    }
}
