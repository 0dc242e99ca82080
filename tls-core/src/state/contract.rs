//! The traits that `#[thread_local_state]` implements.

use std::marker::PhantomData;

use crate::error::Failure;
use crate::fork::generation::AtFork;
use crate::state::fill::{Given, Uninit};
use crate::state::slot::{Info, Slot};
use crate::state::storage::Storage;

/// A struct of which each thread has at most one value.
///
/// Implemented by `#[thread_local_state]`. The functions of a state are those of its handle,
/// [`State<S>`](State). Generic code gets the handle from [`state`](Self::state).
///
/// # Safety
///
/// Only the attribute may implement this trait. The slot belongs to the current thread and to this type
/// alone. It is in thread-local storage and starts as [`Slot::new`] or [`Slot::constant`] returned it. It
/// stays in place until the thread runs no more code. (Under keys: until the thread's table ends, or
/// forever if the value is borrowed or being initialized then.) The pointer has permission to access all
/// of the slot.
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
    /// The error of an access that initializes the value: the `E` of `error = E`.
    ///
    /// It is [`Infallible`](std::convert::Infallible) without that argument, and for an `explicit` state, whose
    /// accessors do not initialize the value.
    type Error: 'static;

    /// What the plain accessors return: `R`, or `Result<R, Self::Error>` if an initializer can fail in an
    /// access.
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

    /// Writes a value to the place if it returns `Ok`. Otherwise, and if it panics, leaves nothing to
    /// drop.
    ///
    /// Not `unsafe`, because its body contains the user's initializers.
    #[doc(hidden)]
    fn __init(place: Uninit<Self>) -> Result<(), Self::Error>;

    #[doc(hidden)]
    fn __output<R>(result: Result<R, Self::Error>) -> Self::Output<R>;

    /// Returns the handle of the whole state.
    ///
    /// The attribute also adds a `const` function of this name to the struct.
    #[must_use]
    fn state() -> State<Self> {
        State::new()
    }
}

/// A state that initializes its value itself, on a thread's first access: every state that is not
/// `explicit`.
///
/// Implemented by `#[thread_local_state]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is `explicit`: it cannot be initialized without values",
    label = "call `init_with` instead",
    note = "write `{Self}::state().init_with({Self}Init {{ … }})`, with the fields that have no \
            initializer of their own"
)]
pub trait LazyState: ThreadLocalState {}

/// A state that can be initialized from given values: declared with `explicit` or `init = PATH`.
///
/// Implemented by `#[thread_local_state]`.
///
/// # Safety
///
/// Only the attribute may implement this trait: `__fill` follows the contract of
/// `ThreadLocalState::__init`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not initialized from values",
    label = "call `init` instead, or just access it",
    note = "every field of `{Self}` is initialized by its initializer or with its `Default`; for values \
            that each thread passes in, declare `#[thread_local_state(explicit)]`"
)]
pub unsafe trait FromValues: ThreadLocalState {
    /// The struct of the fields that have no initializer of their own: `NameInit` for a state `Name`.
    type Values;

    /// The error of an initialization: the `E` of `error = E`, or [`Infallible`](std::convert::Infallible).
    type InitError: 'static;

    /// What `init_with` returns: `()`, or `Result<(), Self::InitError>` with `error = E`.
    type InitOutput;

    #[doc(hidden)]
    const __INIT_FAILURE: &'static Failure<Self::InitError>;

    #[doc(hidden)]
    fn __fill(place: Uninit<Self>, values: Given<'_, Self::Values>) -> Result<(), Self::InitError>;

    #[doc(hidden)]
    fn __init_output(result: Result<(), Self::InitError>) -> Self::InitOutput;
}

/// The handle of the thread-local state `S` as a whole.
///
/// `Worker::state()` returns this handle. It has no size, and accesses the *current* thread's value. A
/// function that initializes the value does not do so if the state is `explicit`: only
/// [`init_with`](Self::init_with) does. To access a single field, use its [`Field`](crate::Field).
///
/// [`S::Output<R>`](ThreadLocalState::Output) is `R`, or `Result<R, E>` for a state that is declared with
/// `error = E` and is not `explicit`.
///
/// An access to the whole counts as an access to all its fields. Inside [`with`](Self::with), use the
/// reference that the function receives, and not the handle of a field.
///
/// # Panics
///
/// [`with`](Self::with) and [`with_mut`](Self::with_mut) panic at the caller's line, with the text of an
/// [`AccessError`](crate::AccessError), if
///
/// - the value is borrowed in a way that conflicts,
/// - the state's initializer accesses its own state,
/// - the thread is exiting and the state is [destroyed](crate::guide::destruction), or
/// - the state is `explicit` and has not been initialized.
///
/// The other functions describe when they panic.
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
    /// Returns the handle of the state, as `Worker::state()` does.
    #[inline]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "there is nothing to choose")]
    pub const fn new() -> Self {
        Self {
            marker: PhantomData,
        }
    }
}
