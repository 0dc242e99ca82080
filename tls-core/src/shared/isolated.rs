//! The handle of a job.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::fork::handler;
use crate::pinned::DroppedInPlace;
use crate::shared::job::{self, Job};
use crate::shared::local;

/// A set of counts apart from the process's own, for a test or for one job.
///
/// While a function runs inside [`run`](Self::run), everything that its thread writes to shared fields,
/// of all states, goes to this object. Inside, [`total`], `take_total`, `take_parts`, `fold_parts`,
/// [`per_thread`], [`live_threads`] and [`shared_fields`] read from this object alone. Outside, none of
/// it is visible.
///
/// Clones are the same object. A thread that is started inside counts outside, unless it calls
/// [`run`](Self::run) of a clone. Destructors that run after `run` count outside, too. A global allocator
/// that counts does so inside. The values of states, and [`State::with_fresh`], are not affected.
///
/// When a thread's outermost `run` of an object ends, the thread leaves the object as if the thread had
/// exited: its counts stay, its gauges and its row go, and its parts can be collected. The child of a
/// `fork` is inside no object, and the counts of every object start at zero in the child.
///
/// The [guide](crate::guide::testing) shows how to test with it.
///
/// Each call of `run` costs some allocations, and locks each state that is used inside: the thread
/// registers there and retires. Retiring adds up each histogram, 3,777 words. Writing and totaling cost
/// the same as outside.
///
/// [`total`]: crate::shared::SharedField::total
/// [`per_thread`]: crate::shared::SharedField::per_thread
/// [`live_threads`]: crate::State::live_threads
/// [`shared_fields`]: crate::shared::shared_fields
/// [`State::with_fresh`]: crate::State::with_fresh
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use tls_core::{Counter, Isolated, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     #[state(shared)]
///     done: Counter,
/// }
///
/// fn main() {
///     Worker::DONE.add(100);
///
///     let job = Isolated::new();
///     job.run(|| {
///         Worker::DONE.increment();
///         assert_eq!(Worker::DONE.total(), 1);
///     });
///     let worker = {
///         let job = job.clone();
///         thread::spawn(move || job.run(|| Worker::DONE.increment()))
///     };
///     worker.join().unwrap();
///     assert_eq!(job.run(|| Worker::DONE.total()), 2);
///
///     assert_eq!(Worker::DONE.total(), 100);
/// }
/// ```
#[derive(Clone)]
pub struct Isolated(Arc<Job>);

// Locks are released while unwinding, and no user data can be left in the middle of a change.
impl UnwindSafe for Isolated {}
impl RefUnwindSafe for Isolated {}

impl Isolated {
    /// Creates an object in which nothing has been counted.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Job::new()))
    }

    /// Calls a function, and counts here what this thread writes while the function runs.
    ///
    /// See [`Isolated`] for an example.
    pub fn run<R, F>(&self, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let _inside = Inside::enter(self);
        f()
    }

    /// Counts here what a future writes while it is polled and while it is dropped, on any thread.
    ///
    /// The thread leaves after every poll, as at the end of [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::{Counter, Isolated, thread_local_state};
    ///
    /// #[thread_local_state]
    /// struct Server {
    ///     #[state(shared)]
    ///     queries: Counter,
    /// }
    ///
    /// async fn answer() {
    ///     Server::QUERIES.increment();
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
    ///     let request = Isolated::new();
    ///     block_on(request.run_future(answer()));
    ///     let queries = request.run(|| Server::QUERIES.total());
    ///     assert_eq!(queries, 1);
    /// }
    /// ```
    pub fn run_future<F>(&self, future: F) -> IsolatedFuture<F>
    where
        F: Future,
    {
        IsolatedFuture {
            isolated: self.clone(),
            future: ManuallyDrop::new(future),
        }
    }
}

impl Default for Isolated {
    fn default() -> Self {
        Self::new()
    }
}

impl Debug for Isolated {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Isolated").finish_non_exhaustive()
    }
}

/// Keeps this thread in a job until it is dropped.
struct Inside {
    number: u64,
    /// Not `Send`, because a job is left by the thread that has entered it.
    stays: PhantomData<*mut ()>,
}

impl Inside {
    fn enter(isolated: &Isolated) -> Self {
        handler::install();
        local::guard();
        Self {
            number: job::enter(&isolated.0),
            stays: PhantomData,
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        job::leave(self.number);
    }
}

/// A future that counts in an [`Isolated`]: returned by [`Isolated::run_future`], which has an example.
#[must_use = "a future does nothing unless it is polled"]
pub struct IsolatedFuture<F> {
    isolated: Isolated,
    /// # Invariants
    ///
    /// Pinned if this struct is. Initialized until this struct is dropped, which drops it in any case.
    future: ManuallyDrop<F>,
}

impl<F: Future> Future for IsolatedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is not moved, and no other field is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let _inside = Inside::enter(&this.isolated);
        // SAFETY: by the invariant of `future`, it is pinned because this struct is.
        unsafe { Pin::new_unchecked(&mut *this.future) }.poll(context)
    }
}

impl<F> Drop for IsolatedFuture<F> {
    fn drop(&mut self) {
        // SAFETY: by the invariant of `future` it is initialized, and it is not used again.
        let future = unsafe { DroppedInPlace::new(&mut self.future) };
        let _inside = Inside::enter(&self.isolated);
        drop(future);
    }
}

impl<F> Debug for IsolatedFuture<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsolatedFuture").finish_non_exhaustive()
    }
}
