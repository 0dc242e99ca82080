//! What may go to another thread, and what must not: of every public type, and of the hidden ones that
//! safe code can name.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use tls_core::__private_0_1_0 as private;
use tls_core::shared::{HistogramSnapshot, Part, SharedField, SharedFieldInfo, ThreadValue, Total};
use tls_core::{
    AccessError, Counter, Field, FreshFuture, InitError, Isolated, IsolatedFuture, ScopeFuture,
    ScopeGuard, Site, ThreadLocalState, borrow, thread_local_state,
};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    parts: Part<Cell<u8>>,
    jobs: u64,
}

#[thread_local_state(const)]
struct Constant {
    #[state(init = 1)]
    number: u64,
}

struct Probe<T: ?Sized>(PhantomData<T>);

/// What is found if `Probe` has no constant of its own of that name.
trait No {
    const IS_SEND: bool = false;
    const IS_SYNC: bool = false;
}

impl<T: ?Sized> No for Probe<T> {}

impl<T: ?Sized + Send> Probe<T> {
    const IS_SEND: bool = true;
}

impl<T: ?Sized + Sync> Probe<T> {
    const IS_SYNC: bool = true;
}

macro_rules! check {
    ($expected:literal: $($ty:ty),* $(,)?) => {$(
        assert_eq!(
            (<Probe<$ty>>::IS_SEND, <Probe<$ty>>::IS_SYNC),
            ($expected, $expected),
            "{}",
            stringify!($ty),
        );
    )*};
}

#[test]
fn what_belongs_to_a_thread_stays_there() {
    check!(false: Worker, Constant, <Worker as ThreadLocalState>::__Storage);
    check!(false: private::Slot<Worker>, private::Uninit<Worker>, private::Written<private::Keep, u64>);
    check!(false: private::Local<3>, private::ConstantValue<Constant>);
    check!(false: private::MadeOncePerThreadSoUseWithState<Worker>);
}

#[test]
fn what_names_a_field_or_a_number_goes_anywhere() {
    check!(true: Field<Worker, Rc<u8>>, SharedField<Worker, Part<Cell<u8>>>);
    check!(true: HistogramSnapshot, Total, SharedFieldInfo, Site, ThreadValue<u64>, AccessError);
}

#[test]
fn a_guard_stays_on_its_thread_and_a_future_goes_where_its_parts_go() {
    check!(false: ScopeGuard<Worker, u64>, ScopeFuture<Worker, Rc<u8>, ()>);
    check!(true: ScopeFuture<Worker, u64, ()>, Isolated, IsolatedFuture<()>);
    check!(false: FreshFuture<Worker, ()>, IsolatedFuture<Rc<u8>>);
}

#[test]
fn a_future_that_holds_a_borrow_across_an_await_stays_on_its_thread() {
    async fn holds() -> u64 {
        let jobs = borrow!(Worker::JOBS);
        std::future::ready(()).await;
        *jobs
    }

    async fn ends_before() -> u64 {
        let jobs = *borrow!(Worker::JOBS);
        std::future::ready(()).await;
        jobs
    }

    assert!(!(&Of::what_is(&holds())).is_send());
    assert!(Of::what_is(&ends_before()).is_send());
}

/// Asks of a type without a name, by method lookup.
struct Of<T>(PhantomData<T>);

impl<T> Of<T> {
    fn what_is(_: &T) -> Self {
        Self(PhantomData)
    }
}

trait Asks {
    fn is_send(&self) -> bool {
        false
    }
}

impl<T> Asks for &Of<T> {}

impl<T: Send> Of<T> {
    #[expect(clippy::unused_self, reason = "found by method lookup")]
    fn is_send(&self) -> bool {
        true
    }
}

#[test]
fn an_error_goes_where_the_initializers_goes() {
    check!(true: AccessError<String>, InitError<String>);
    check!(false: AccessError<Rc<u8>>, InitError<Rc<u8>>);
}

#[test]
fn the_states_are_states() {
    Worker::with_state(|worker| assert_eq!((worker.jobs, Worker::DONE.get()), (0, 0)));
    Worker::PARTS.with_mut(|part| part.set(1));
    assert_eq!(Constant::NUMBER.get(), 1);
}
