//! The trait that `#[thread_local_state]` implements.

use std::error::Error;
use std::thread::LocalKey;

use crate::error::AccessError;
use crate::fork::generation::AtFork;
use crate::state::access;
use crate::state::fill::Place;
use crate::state::lifetime;
use crate::state::slot::{Info, Slot, Storage, Target};

/// A struct of which every thread that asks for it has one value.
///
/// `#[thread_local_state]` implements it, beside inherent functions of the same names that
/// need no import. This trait is for code that is generic over states.
///
/// # Safety
///
/// Only the attribute may implement it: the hidden items must describe one thread-local
/// slot that belongs to this type alone, and an initializer that fills it.
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
/// /// Pays for the first access now, not in the first request.
/// fn warm_up<S: ThreadLocalState>() -> bool {
///     S::init_state().is_ok()
/// }
///
/// fn main() {
///     assert!(warm_up::<Cache>());
///     assert!(Cache::is_state_initialized());
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a thread-local state",
    label = "this type has no `#[thread_local_state]`",
    note = "put `#[thread_local_state]` on the struct"
)]
pub unsafe trait ThreadLocalState: Sized + 'static {
    /// The type given as `error = E`; [`Infallible`](std::convert::Infallible) without.
    type Error: 'static;

    /// What the plain accessors return: `R` itself, or `Result<R, Self::Error>` with `error = E`.
    type Output<R>;

    #[doc(hidden)]
    type __Storage: Storage<Self>;

    #[doc(hidden)]
    type __AtFork: AtFork;

    #[doc(hidden)]
    const __INFO: &'static Info;

    #[doc(hidden)]
    const __KEY: &'static LocalKey<Slot<Self>>;

    /// Has written a value to the place if it returns `Ok`, and left nothing to drop if not, or if it
    /// panics.
    ///
    /// Not `unsafe`, because the user's initializers stand in its body.
    #[doc(hidden)]
    fn __init(place: Place<Self>) -> Result<(), Self::Error>;

    #[doc(hidden)]
    fn __output<R>(result: Result<R, Self::Error>) -> Self::Output<R>;

    #[doc(hidden)]
    fn __source(_: &Self::Error) -> Option<&(dyn Error + 'static)> {
        None
    }

    /// Calls a function with a shared reference to this thread's value, making it first if
    /// there is none.
    ///
    /// # Errors
    ///
    /// See [`AccessError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{AccessError, ThreadLocalState, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Cache { table: Vec<u32> }
    /// fn is_usable<S: ThreadLocalState>() -> bool {
    ///     S::try_with_state(|_| ()).is_ok()
    /// }
    /// # fn main() {
    /// assert!(is_usable::<Cache>());
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    fn try_with_state<R, F>(f: F) -> Result<R, AccessError<Self::Error>>
    where
        F: FnOnce(&Self) -> R,
    {
        access::try_with::<Self, Self, R, F>(Target::WHOLE, f)
    }

    /// Calls a function with an exclusive reference to this thread's value, making it first
    /// if there is none.
    ///
    /// # Errors
    ///
    /// See [`AccessError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{ThreadLocalState, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Cache { table: Vec<u32> }
    /// fn change<S: ThreadLocalState>(change: impl FnOnce(&mut S)) -> bool {
    ///     S::try_with_state_mut(change).is_ok()
    /// }
    /// # fn main() {
    /// assert!(change(|cache: &mut Cache| cache.table.push(1)));
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    fn try_with_state_mut<R, F>(f: F) -> Result<R, AccessError<Self::Error>>
    where
        F: FnOnce(&mut Self) -> R,
    {
        access::try_with_mut::<Self, Self, R, F>(Target::WHOLE, f)
    }

    /// Calls a function with a shared reference to this thread's value, if there is one that
    /// can be read. Never makes one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{ThreadLocalState, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Cache { table: Vec<u32> }
    /// fn exists<S: ThreadLocalState>() -> bool {
    ///     S::peek_state(|_| ()).is_some()
    /// }
    /// # fn main() {
    /// assert!(!exists::<Cache>());
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    fn peek_state<R, F>(f: F) -> Option<R>
    where
        F: FnOnce(&Self) -> R,
    {
        access::peek(f)
    }

    /// Says whether this thread has a value. Never makes one.
    ///
    /// The trait has an example.
    #[inline]
    #[must_use]
    fn is_state_initialized() -> bool {
        access::with_slot::<Self, _, _>(|slot| slot.header.is_alive())
    }

    /// Makes this thread's value, if there is none.
    ///
    /// Unlike the inherent function of this name it never panics.
    ///
    /// # Errors
    ///
    /// See [`AccessError`]. An `explicit` state cannot be made like this.
    ///
    /// # Examples
    ///
    /// The trait has one.
    #[inline]
    #[track_caller]
    fn init_state() -> Result<(), AccessError<Self::Error>> {
        access::try_init::<Self>()
    }

    /// Drops this thread's value. Says whether there was one; the next access makes another.
    ///
    /// # Panics
    ///
    /// If the value is borrowed, being made, or was destroyed because the thread is exiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{ThreadLocalState, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Cache { table: Vec<u32> }
    /// fn forget_everything<S: ThreadLocalState>() {
    ///     S::reset_state();
    /// }
    /// # fn main() {
    /// Cache::init_state();
    /// forget_everything::<Cache>();
    /// assert!(!Cache::is_state_initialized());
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    fn reset_state() -> bool {
        lifetime::reset::<Self>()
    }

    /// Drops this thread's value. Says whether there was one; the next access makes another.
    ///
    /// # Errors
    ///
    /// If the value is borrowed, being made, or was destroyed because the thread is exiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{ThreadLocalState, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Cache { table: Vec<u32> }
    /// fn reset_if_idle<S: ThreadLocalState>() -> bool {
    ///     S::try_reset_state().is_ok()
    /// }
    /// # fn main() {
    /// Cache::with_state(|_| assert!(!reset_if_idle::<Cache>()));
    /// assert!(reset_if_idle::<Cache>());
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    fn try_reset_state() -> Result<bool, AccessError> {
        lifetime::try_reset::<Self>()
    }
}
