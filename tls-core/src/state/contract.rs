//! The traits that `#[thread_local_state]` implements.

use std::marker::PhantomData;

use crate::error::Failure;
use crate::fork::generation::AtFork;
use crate::state::fill::{Given, Place};
use crate::state::slot::{Info, Slot};
use crate::state::storage::Storage;

/// A struct of which every thread that asks for it has one value.
///
/// `#[thread_local_state]` implements it. What can be done with a state is on its handle,
/// [`State<S>`](State), which generic code gets from [`state`](Self::state).
///
/// # Safety
///
/// Only the attribute may implement it. The slot belongs to the current thread and to this type alone: it
/// is in thread-local storage, starts as [`Slot::new`] or [`Slot::constant`] has made it, and stays where it is
/// until the thread runs no more code (under keys, until its table ends, and for good if the value is borrowed then or
/// being made). The pointer has permission for all of it.
///
/// # Examples
///
/// ```
/// use tls_core::{ThreadLocalState, thread_local_state};
///
/// #[thread_local_state]
/// struct Cache {
///     #[state(init = vec![0; 1024])]
///     table: Vec<u32>,
/// }
///
/// /// Drops what this thread has, unless it is in use.
/// fn forget<S: ThreadLocalState>() -> bool {
///     S::state().try_reset().is_ok()
/// }
///
/// fn main() {
///     Cache::TABLE.with_mut(|table| table.clear());
///     assert!(forget::<Cache>());
///     assert_eq!(Cache::TABLE.with(Vec::len), 1024);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a thread-local state",
    label = "this type has no `#[thread_local_state]`",
    note = "put `#[thread_local_state]` on the struct"
)]
pub unsafe trait ThreadLocalState: Sized + 'static {
    /// The type given as `error = E`; [`Infallible`](std::convert::Infallible) without, and for a state that is
    /// `explicit`, whose accessors make no value.
    type Error: 'static;

    /// What the plain accessors return: `R` itself, or `Result<R, Self::Error>` if an initializer can fail in one.
    type Output<R>;

    #[doc(hidden)]
    type __Storage: Storage<Self>;

    #[doc(hidden)]
    type __AtFork: AtFork;

    #[doc(hidden)]
    const __INFO: &'static Info;

    #[doc(hidden)]
    const __FAILURE: &'static Failure<Self::Error>;

    #[doc(hidden)]
    fn __slot() -> *const Slot<Self::__Storage>;

    /// Has written a value to the place if it returns `Ok`, and left nothing to drop if not, or if it
    /// panics.
    ///
    /// Not `unsafe`, because the user's initializers are in its body.
    #[doc(hidden)]
    fn __init(place: Place<Self>) -> Result<(), Self::Error>;

    #[doc(hidden)]
    fn __output<R>(result: Result<R, Self::Error>) -> Self::Output<R>;

    /// Returns the handle of the whole state.
    ///
    /// The attribute puts a `const` function of this name on the struct, too.
    #[must_use]
    fn state() -> State<Self> {
        State::new()
    }
}

/// A state that initializes its value itself, on a thread's first access: any that is not `explicit`.
///
/// `#[thread_local_state]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is `explicit`: it is not made without values",
    label = "call `init_with` instead",
    note = "write `{Self}::state().init_with({Self}Init {{ … }})`, with the fields that have no \
            initializer of their own"
)]
pub trait LazyState: ThreadLocalState {}

/// A state that can be made from given values: one that is `explicit`, or has `init = PATH`.
///
/// `#[thread_local_state]` implements it.
///
/// # Safety
///
/// Only the attribute may implement it: `__fill` keeps to the contract of `ThreadLocalState::__init`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made from values",
    label = "call `init` instead, or just access it",
    note = "every field of `{Self}` is made by its initializer or as its `Default`; for values that each \
            thread brings, declare `#[thread_local_state(explicit)]`"
)]
pub unsafe trait FromValues: ThreadLocalState {
    /// The struct of the fields that have no initializer of their own: `NameInit`.
    type Values;

    /// The type given as `error = E`; [`Infallible`](std::convert::Infallible) without.
    type InitError: 'static;

    /// What [`State::init_with`] returns: `()`, or `Result<(), Self::InitError>` with `error = E`.
    type InitOutput;

    #[doc(hidden)]
    const __INIT_FAILURE: &'static Failure<Self::InitError>;

    #[doc(hidden)]
    fn __fill(place: Place<Self>, values: Given<'_, Self::Values>) -> Result<(), Self::InitError>;

    #[doc(hidden)]
    fn __init_output(result: Result<(), Self::InitError>) -> Self::InitOutput;
}

/// The handle of the thread-local state `S` as a whole.
///
/// `Worker::state()` returns it. It accesses the *current* thread's value, and has no size. A single
/// field is accessed through its [`Field`](crate::Field). What is said to initialize the value does not if the state is
/// `explicit`: then [`init_with`](Self::init_with) does.
///
/// [`S::Output<R>`](ThreadLocalState::Output) is `R`, or `Result<R, E>` for a state that was
/// declared with `error = E` and is not `explicit`.
///
/// An access to the whole counts as one to all its fields. Inside [`with`](Self::with), use the reference
/// that the function receives, and not a handle's `set`.
///
/// # Panics
///
/// All functions but the `try_` ones and [`peek`](Self::peek) panic, with the text of an
/// [`AccessError`](crate::AccessError) and at the caller's line, if the value is borrowed in a way that
/// conflicts, if the state's initializer reaches its own state, if the thread is exiting and the state is
/// [destroyed](crate::guide::destruction), and if the state is `explicit` and has not been initialized.
///
/// # Examples
///
/// ```
/// use tls_core::{State, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     scratch: Vec<u8>,
///     jobs: u64,
/// }
///
/// const WORKER: State<Worker> = Worker::state();
///
/// fn main() {
///     WORKER.with_mut(|worker| {
///         worker.scratch.push(1);
///         worker.jobs += 1;
///     });
///     assert!(WORKER.is_initialized());
///     assert!(WORKER.reset());
///     assert_eq!(WORKER.with(|worker| worker.jobs), 0);
/// }
/// ```
pub struct State<S> {
    marker: PhantomData<fn() -> S>,
}

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for State<S> {}

impl<S: ThreadLocalState> State<S> {
    /// Returns the handle. `Worker::state()` is shorter.
    #[inline]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "there is nothing to choose")]
    pub const fn new() -> Self {
        Self {
            marker: PhantomData,
        }
    }
}
