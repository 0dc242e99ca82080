//! The functions of a state's handle.

use std::fmt::{self, Debug, Formatter};

use crate::error::{AccessError, InitError, InitWithError, Refusal, Rejected};
use crate::state::access;
use crate::state::contract::{FromValues, LazyState, State, ThreadLocalState};
use crate::state::evict;
use crate::state::fill::Passed;
use crate::state::fresh;
use crate::state::here::{Here, Lens};
use crate::state::init::NotMade;
use crate::state::refusal::{self, Request};
use crate::state::target::Whole;

impl<S: ThreadLocalState> State<S> {
    /// Calls a function with a shared reference to this thread's value, initializing it first if there is
    /// none.
    ///
    /// The struct also has this as an associated function, `Worker::with_state`.
    ///
    /// # Panics
    ///
    /// See [`State`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// assert_eq!(Worker::state().with(|worker| worker.jobs), 0);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn with<R, F>(self, f: F) -> S::Output<R>
    where
        F: FnOnce(&S) -> R,
    {
        access::with::<S, S, Whole, R, F>(Lens::WHOLE, f)
    }

    /// Calls a function with an exclusive reference to this thread's value, initializing it first if there
    /// is none.
    ///
    /// The struct also has this as an associated function, `Worker::with_state_mut`.
    ///
    /// # Panics
    ///
    /// See [`State`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::state().with_mut(|worker| worker.jobs += 1);
    /// assert_eq!(Worker::JOBS.get(), 1);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn with_mut<R, F>(self, f: F) -> S::Output<R>
    where
        F: FnOnce(&mut S) -> R,
    {
        access::with_mut::<S, S, Whole, R, F>(Lens::WHOLE, f)
    }

    /// Calls a function with a shared reference to this thread's value, initializing it first if there is
    /// none, or returns an error if the value cannot be accessed.
    ///
    /// # Errors
    ///
    /// See [`AccessError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::with_state_mut(|_| {
    ///     assert!(Worker::state().try_with(|worker| worker.jobs).is_err());
    /// });
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_with<R, F>(self, f: F) -> Result<R, AccessError<S::Error>>
    where
        F: FnOnce(&S) -> R,
    {
        access::try_with::<S, S, Whole, R, F>(Lens::WHOLE, f)
    }

    /// Calls a function with an exclusive reference to this thread's value, initializing it first if
    /// there is none, or returns an error if the value cannot be accessed.
    ///
    /// # Errors
    ///
    /// See [`AccessError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::with_state(|_| {
    ///     assert!(Worker::state().try_with_mut(|worker| worker.jobs = 0).is_err());
    /// });
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_with_mut<R, F>(self, f: F) -> Result<R, AccessError<S::Error>>
    where
        F: FnOnce(&mut S) -> R,
    {
        access::try_with_mut::<S, S, Whole, R, F>(Lens::WHOLE, f)
    }

    /// Calls a function with a shared reference to this thread's value, if there is one. Never
    /// initializes the value.
    ///
    /// Returns `Ok(None)` if there is no value.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be read now: it or one of its fields is borrowed exclusively,
    /// it is being initialized, or it was destroyed because the thread is exiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// let jobs = || Worker::state().peek(|worker| worker.jobs);
    /// assert!(matches!(jobs(), Ok(None)));
    /// Worker::JOBS.set(3);
    /// assert!(matches!(jobs(), Ok(Some(3))));
    /// Worker::with_state_mut(|_| assert!(jobs().is_err()));
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn peek<R, F>(self, f: F) -> Result<Option<R>, AccessError>
    where
        F: FnOnce(&S) -> R,
    {
        access::peek(f)
    }

    /// Initializes this thread's value if there is none.
    ///
    /// # Panics
    ///
    /// Panics if the state's initializer calls this function, or if the thread is exiting and the state
    /// is [destroyed](crate::guide::destruction).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::state().init(); // now, and not with the first request
    /// assert!(Worker::state().is_initialized());
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn init(self) -> S::Output<()>
    where
        S: LazyState,
    {
        S::__output(access::init::<S>())
    }

    /// Initializes this thread's value if there is none, or returns an error if it cannot be initialized.
    ///
    /// # Errors
    ///
    /// See [`AccessError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::{AccessError, thread_local_state};
    ///
    /// #[thread_local_state(error = std::num::ParseIntError)]
    /// struct Limit {
    ///     #[state(init = "many".parse()?)]
    ///     jobs: u32,
    /// }
    ///
    /// fn main() {
    ///     assert!(matches!(Limit::state().try_init(), Err(AccessError::Init(_))));
    /// }
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_init(self) -> Result<(), AccessError<S::Error>>
    where
        S: LazyState,
    {
        access::try_init::<S>()
    }

    /// Initializes this thread's value from the given values.
    ///
    /// Only states declared with `explicit` or `init = PATH` have this function.
    ///
    /// In an unoptimized build, a large value takes its size on the stack about three times. Two of these
    /// copies are the caller's: the value itself, and the struct that it is put into. A value that an
    /// initializer computes takes its size once.
    ///
    /// # Panics
    ///
    /// Panics if there is a value already, if the value is being initialized, or if the thread is exiting
    /// and the state is [destroyed](crate::guide::destruction).
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::thread_local_state;
    ///
    /// #[thread_local_state(explicit)]
    /// struct Session {
    ///     server: String,
    /// }
    ///
    /// fn main() {
    ///     let server = String::from("db1");
    ///     Session::state().init_with(SessionInit { server });
    ///     assert_eq!(Session::SERVER.with(String::len), 3);
    /// }
    /// ```
    #[track_caller]
    // Type parameters of their own, so that an error reports the missing trait and not a missing method.
    pub fn init_with<V, R>(self, values: V) -> R
    where
        S: FromValues<Values = V, InitOutput = R>,
    {
        let mut values = Passed::There(values);
        let here = Here::<S>::find();
        S::__init_output(match here.initialize_with(&mut values) {
            Ok(()) => Ok(()),
            Err(NotMade::Failed(error)) => Err(error),
            Err(NotMade::Refused(refusal)) => {
                refusal::panic(here.erase(), refusal, Request::REMOVAL)
            }
        })
    }

    /// Initializes this thread's value from the given values, or returns an error if it cannot be
    /// initialized.
    ///
    /// The result has room for the values. So in an unoptimized build they take their size on the stack
    /// once more than with [`init_with`](Self::init_with).
    ///
    /// # Errors
    ///
    /// Returns [`InitWithError::Refused`], with the values, where [`init_with`](Self::init_with) panics.
    /// Returns [`InitWithError::Failed`] if an initializer fails; the values are dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::{InitWithError, thread_local_state};
    ///
    /// #[thread_local_state(explicit)]
    /// struct Session {
    ///     server: String,
    /// }
    ///
    /// fn main() {
    ///     let values = |server: &str| SessionInit { server: server.into() };
    ///     assert!(Session::state().try_init_with(values("db1")).is_ok());
    ///     match Session::state().try_init_with(values("db2")) {
    ///         Err(InitWithError::Refused(rejected)) => assert_eq!(rejected.value.server, "db2"),
    ///         _ => unreachable!(),
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn try_init_with<V, E>(self, values: V) -> Result<(), InitWithError<V, E>>
    where
        S: FromValues<Values = V, InitError = E>,
        E: 'static,
    {
        let mut values = Passed::There(values);
        let here = Here::<S>::find();
        match here.initialize_with(&mut values) {
            Ok(()) => Ok(()),
            Err(NotMade::Refused(refusal)) => {
                let error = refusal::refused(here.erase(), refusal, Request::REMOVAL);
                hand_back(&mut values, error)
            }
            Err(NotMade::Failed(error)) => failed::<S>(error),
        }
    }

    /// Drops this thread's value. Returns `true` if there was one.
    ///
    /// The next access initializes a new value, unless the state is `explicit`. Shared fields keep their
    /// counts, because they are not part of the value.
    ///
    /// # Panics
    ///
    /// Panics if the value is borrowed, is being initialized, or was destroyed because the thread is exiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::JOBS.set(3);
    /// assert!(Worker::state().reset());
    /// assert!(!Worker::state().reset());
    /// assert_eq!(Worker::JOBS.get(), 0);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn reset(self) -> bool {
        match evict::reset::<S>() {
            Ok(existed) => existed,
            Err(refusal) => refusal::panic(Here::<S>::find().erase(), refusal, Request::REMOVAL),
        }
    }

    /// Drops this thread's value, or returns an error if it cannot be dropped now. Returns `Ok(true)` if
    /// there was a value.
    ///
    /// # Errors
    ///
    /// Returns an error where [`reset`](Self::reset) panics.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::with_state(|_| assert!(Worker::state().try_reset().is_err()));
    /// assert!(matches!(Worker::state().try_reset(), Ok(true)));
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_reset(self) -> Result<bool, AccessError> {
        evict::reset::<S>().map_err(not_removed::<S>)
    }

    /// Returns `true` if this thread has a value. Never initializes the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// assert!(!Worker::state().is_initialized());
    /// Worker::JOBS.set(3);
    /// assert!(Worker::state().is_initialized());
    /// # }
    /// ```
    #[inline]
    #[must_use]
    pub fn is_initialized(self) -> bool {
        Here::<S>::find().erase().word().is_alive()
    }

    /// Calls a function while this thread's value is set aside.
    ///
    /// The function finds no value. When it returns or panics, the old value is put back, and the value
    /// that the function left is dropped.
    ///
    /// This concerns the value only. Writes to shared fields inside the function count as usual; to
    /// separate them, use [`Isolated`](crate::Isolated). A future that the function returns is polled
    /// outside: for futures use [`with_fresh_future`](Self::with_fresh_future).
    ///
    /// # Panics
    ///
    /// Panics if the value is borrowed or is being initialized.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Log { lines: Vec<String> }
    /// # fn main() {
    /// Log::LINES.with_mut(|lines| lines.push("before".into()));
    /// Log::state().with_fresh(|| {
    ///     assert!(!Log::state().is_initialized());
    ///     Log::LINES.with_mut(|lines| lines.push("inside".into()));
    /// });
    /// assert_eq!(Log::LINES.with(Vec::len), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn with_fresh<R, F>(self, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        match fresh::with_fresh::<S, R>(f) {
            Ok(result) => result,
            Err(refusal) => refusal::panic(Here::<S>::find().erase(), refusal, Request::REMOVAL),
        }
    }

    /// Calls a function as [`with_fresh`](Self::with_fresh) does, or returns an error if the value cannot
    /// be set aside.
    ///
    /// # Errors
    ///
    /// Returns an error if the value is borrowed or is being initialized. The function is then not
    /// called.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Log { lines: Vec<String> }
    /// # fn main() {
    /// Log::with_state(|_| assert!(Log::state().try_with_fresh(|| ()).is_err()));
    /// assert!(Log::state().try_with_fresh(|| ()).is_ok());
    /// # }
    /// ```
    #[track_caller]
    pub fn try_with_fresh<R, F>(self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce() -> R,
    {
        fresh::with_fresh::<S, R>(f).map_err(not_removed::<S>)
    }
}

/// Describes why a value stays in its slot.
#[cold]
fn not_removed<S: ThreadLocalState>(refusal: Refusal) -> AccessError {
    refusal::refused(Here::<S>::find().erase(), refusal, Request::REMOVAL)
}

/// Returns values that have not been taken.
///
/// A separate function, because without optimization it needs several copies of the values on the stack,
/// and would need them in its caller even where it does not run.
#[cold]
#[inline(never)]
fn hand_back<V, E>(values: &mut Passed<V>, error: AccessError) -> Result<(), InitWithError<V, E>> {
    let Some(values) = values.take() else {
        unreachable!("a refusal takes nothing");
    };
    let value = values.into_inner();
    Err(InitWithError::Refused(Rejected { value, error }))
}

/// Wraps an initializer's error. A separate function for the same reason as [`hand_back`].
#[cold]
#[inline(never)]
fn failed<S: FromValues>(
    error: S::InitError,
) -> Result<(), InitWithError<S::Values, S::InitError>> {
    Err(InitWithError::Failed(InitError::new(
        error,
        S::__INIT_FAILURE,
    )))
}

impl<S: ThreadLocalState> Debug for State<S> {
    /// Formats the name of the state, without accessing the state.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(S::__INFO.name())
    }
}
