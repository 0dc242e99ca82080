//! Fields that are set for a limited time: for a function, until a guard is dropped, or while a future is
//! polled.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::diagnose::RestoresElsewhere;
use crate::error::AccessError;
use crate::pinned::DroppedInPlace;
use crate::state::access;
use crate::state::contract::ThreadLocalState;
use crate::state::field::Field;
use crate::state::fill::Passed;
use crate::state::here::Here;
use crate::state::stale::Inherited;
use crate::state::target::Portion;

impl<S: ThreadLocalState, T> Field<S, T> {
    /// Sets the field while a function runs, and restores it afterwards, also if the function panics.
    ///
    /// The function, and all code that it calls on this thread, sees the new value. The field is not
    /// borrowed while the function runs. Other threads are not affected. A future that the function
    /// returns is polled outside: for futures use [`scope_future`](Self::scope_future).
    ///
    /// Nothing is restored if, at the end, the field is borrowed, or the state has been reset, set aside or
    /// destroyed (so that it has another value, or none). The field's old value is dropped then.
    ///
    /// # Panics
    ///
    /// See [`Field`] for when setting the field panics. Restoring never panics.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Context { depth: u32 }
    /// fn visit(levels: u32) -> u32 {
    ///     if levels == 0 {
    ///         return Context::DEPTH.get();
    ///     }
    ///     Context::DEPTH.scope(Context::DEPTH.get() + 1, || visit(levels - 1))
    /// }
    ///
    /// fn main() {
    ///     assert_eq!(visit(5), 5);
    ///     assert_eq!(Context::DEPTH.get(), 0);
    /// }
    /// ```
    #[track_caller]
    pub fn scope<R, F>(self, value: T, f: F) -> S::Output<R>
    where
        F: FnOnce() -> R,
    {
        let inherited = Inherited::now(|| Here::<S>::find().erase());
        let mut value = Passed::There(value);
        S::__output(
            match access::exchange::<S, T, Portion>(self.lens, &mut value) {
                Ok(()) => {
                    let _restore = Restore {
                        bound: Bound::now(self, inherited),
                        saved: &mut value,
                    };
                    Ok(f())
                }
                Err(error) => Err(error),
            },
        )
    }

    /// Sets the field until a guard is dropped, which restores it. For code that enters in one function
    /// and leaves in another.
    ///
    /// Guards may be dropped in any order. Each guard restores the value that it has replaced, if the
    /// field is free and the state still has the same value; otherwise it drops that value. A guard that
    /// is forgotten restores nothing.
    ///
    /// # Panics
    ///
    /// See [`Field`] for when setting the field panics. Dropping the guard never panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::{ScopeGuard, thread_local_state};
    ///
    /// #[thread_local_state]
    /// struct Context {
    ///     request: Option<u64>,
    /// }
    ///
    /// fn enter(request: u64) -> ScopeGuard<Context, Option<u64>> {
    ///     Context::REQUEST.scope_guard(Some(request))
    /// }
    ///
    /// fn main() {
    ///     let guard = enter(7);
    ///     assert_eq!(Context::REQUEST.get(), Some(7));
    ///     drop(guard);
    ///     assert_eq!(Context::REQUEST.get(), None);
    /// }
    /// ```
    #[track_caller]
    pub fn scope_guard(self, value: T) -> S::Output<ScopeGuard<S, T>> {
        let inherited = Inherited::now(|| Here::<S>::find().erase());
        let mut saved = Passed::There(value);
        S::__output(
            match access::exchange::<S, T, Portion>(self.lens, &mut saved) {
                Ok(()) => Ok(ScopeGuard {
                    bound: Bound::now(self, inherited),
                    saved,
                    stays: PhantomData,
                }),
                Err(error) => Err(error),
            },
        )
    }

    /// Sets the field while a future is polled, on any thread, and restores it between polls.
    ///
    /// The first poll sees the given value, and every later poll sees the value that the previous poll
    /// left. The field is also set while the future is dropped, if it can be set then. The future returns
    /// what a plain accessor returns. So if a poll initializes the thread's value and an initializer fails,
    /// it returns the initializer's error.
    ///
    /// The returned future is `Send` if the value and the inner future are.
    ///
    /// # Panics
    ///
    /// A poll panics if the field cannot be set, for example because it is borrowed or the state is
    /// destroyed. A poll also panics if the future's value was lost in an earlier poll. That happens if the
    /// earlier poll reset the state, set it aside, or left it borrowed (also by a `borrow!` across an
    /// `.await`). The earlier poll then drops the field's old value.
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::thread_local_state;
    ///
    /// #[thread_local_state]
    /// struct Context {
    ///     request: u64,
    /// }
    ///
    /// async fn work() -> u64 {
    ///     Context::REQUEST.update(|request| request + 1);
    ///     std::future::ready(()).await;
    ///     Context::REQUEST.get()
    /// }
    ///
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     match std::pin::pin!(future).poll(&mut context) {
    /// #         std::task::Poll::Ready(output) => output,
    /// #         std::task::Poll::Pending => unreachable!(),
    /// #     }
    /// # }
    /// fn main() {
    ///     let request = block_on(Context::REQUEST.scope_future(7, work()));
    ///     assert_eq!(request, 8);
    ///     assert_eq!(Context::REQUEST.get(), 0);
    /// }
    /// ```
    pub fn scope_future<F>(self, value: T, future: F) -> ScopeFuture<S, T, F>
    where
        F: Future,
    {
        ScopeFuture {
            field: self,
            value: Passed::There(value),
            future: ManuallyDrop::new(future),
        }
    }
}

/// A field whose value has been exchanged for another value.
struct Bound<S: ThreadLocalState, T> {
    field: Field<S, T>,
    birth: u64,
    inherited: Inherited<S::__AtFork>,
}

impl<S: ThreadLocalState, T> Bound<S, T> {
    /// Describes the present value of the state. Called immediately after the exchange.
    fn now(field: Field<S, T>, inherited: Inherited<S::__AtFork>) -> Self {
        Self {
            field,
            birth: Here::<S>::find().header().node.birth.get(),
            inherited,
        }
    }

    /// Exchanges the field's value back, if the state still has the same value and nothing borrows the
    /// field. Returns `true` if it did. Forgets `saved` if a forked child has inherited it.
    fn restore(&self, saved: &mut Passed<T>) -> bool {
        if self.inherited.is_so() {
            saved.forget();
            return false;
        }
        let here = Here::<S>::find();
        let word = here.erase().word();
        let same = here.header().node.birth.get() == self.birth && word.is_alive();
        // The state has a value, so this does not initialize it. It fails if the field is borrowed.
        same && access::try_exchange::<S, T, Portion>(self.field.lens, saved).is_ok()
    }
}

/// Restores a field when it is dropped.
struct Restore<'a, S: ThreadLocalState, T> {
    bound: Bound<S, T>,
    /// The field's old value, and after the end the scope's. Dropped later than this, when no borrow is
    /// left.
    saved: &'a mut Passed<T>,
}

impl<S: ThreadLocalState, T> Drop for Restore<'_, S, T> {
    fn drop(&mut self) {
        self.bound.restore(self.saved);
    }
}

/// Keeps a field set until it is dropped: returned by [`Field::scope_guard`], which has an example.
///
/// The guard is not `Send`, because the field belongs to the thread that has set it.
#[must_use = "it restores the field when it is dropped"]
pub struct ScopeGuard<S: ThreadLocalState, T> {
    bound: Bound<S, T>,
    saved: Passed<T>,
    stays: PhantomData<*mut ()>,
}

// SAFETY: nothing implements `RestoresElsewhere`; the impl is here for its message.
unsafe impl<S: ThreadLocalState + RestoresElsewhere, T> Send for ScopeGuard<S, T> {}

impl<S: ThreadLocalState, T> Drop for ScopeGuard<S, T> {
    fn drop(&mut self) {
        self.bound.restore(&mut self.saved);
    }
}

impl<S: ThreadLocalState, T> Debug for ScopeGuard<S, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopeGuard")
            .field(&self.bound.field)
            .finish()
    }
}

/// A future that sets a field while it is polled: returned by [`Field::scope_future`], which has an
/// example.
#[must_use = "a future does nothing unless it is polled"]
pub struct ScopeFuture<S: ThreadLocalState, T, F> {
    field: Field<S, T>,
    /// What the field is set to. Taken if an earlier poll has lost it.
    value: Passed<T>,
    /// # Invariants
    ///
    /// Pinned if this struct is. Initialized until this struct is dropped, which drops it in any case.
    future: ManuallyDrop<F>,
}

// `future` is the only pinned field; `value` is moved in and out.
impl<S: ThreadLocalState, T, F: Unpin> Unpin for ScopeFuture<S, T, F> {}

/// A field that is set during one poll.
struct Polled<'a, S: ThreadLocalState, T> {
    bound: Bound<S, T>,
    value: &'a mut Passed<T>,
}

impl<S: ThreadLocalState, T> Drop for Polled<'_, S, T> {
    fn drop(&mut self) {
        if !self.bound.restore(self.value) {
            // `value` is the field's old value, which cannot be restored. The future's own value is lost.
            drop(self.value.take());
        }
    }
}

impl<'a, S: ThreadLocalState, T> Polled<'a, S, T> {
    /// Sets the field.
    fn begin(field: Field<S, T>, value: &'a mut Passed<T>) -> Result<Self, AccessError<S::Error>> {
        let inherited = Inherited::now(|| Here::<S>::find().erase());
        access::try_exchange::<S, T, Portion>(field.lens, value)?;
        Ok(Self {
            bound: Bound::now(field, inherited),
            value,
        })
    }
}

impl<S: ThreadLocalState, T, F: Future> Future for ScopeFuture<S, T, F> {
    type Output = S::Output<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is not moved, and no other field is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let field = this.field;
        assert!(
            this.value.is_there(),
            "the value that a future had set `{field:?}` to is gone: in an earlier poll the state was reset, set \
             aside or left borrowed"
        );
        let _polled = match Polled::begin(field, &mut this.value) {
            Ok(polled) => polled,
            Err(AccessError::Init(error)) => {
                return Poll::Ready(S::__output(Err(error.into_inner())));
            }
            Err(error) => panic!("{error}"),
        };
        // SAFETY: by the invariant of `future`, it is pinned because this struct is.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        future.poll(context).map(|output| S::__output(Ok(output)))
    }
}

impl<S: ThreadLocalState, T, F> Drop for ScopeFuture<S, T, F> {
    fn drop(&mut self) {
        // First, so that the future is dropped also if an initializer panics.
        // SAFETY: by the invariant of `future` it is initialized, and it is not used again.
        let future = unsafe { DroppedInPlace::new(&mut self.future) };
        let is_there = self.value.is_there();
        let _polled = is_there.then(|| Polled::begin(self.field, &mut self.value));
        drop(future);
    }
}

impl<S: ThreadLocalState, T, F> Debug for ScopeFuture<S, T, F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopeFuture").field(&self.field).finish()
    }
}
