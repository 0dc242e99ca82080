//! The typed handle of one field.

use std::fmt::{self, Debug, Formatter};
use std::mem;

use crate::error::{AccessError, Rejected};
use crate::state::access;
use crate::state::contract::ThreadLocalState;
use crate::state::fill::Passed;
use crate::state::here::{Here, Lens};
use crate::state::stale::Inherited;
use crate::state::target::Portion;

/// The handle of one field, of type `T`, of the thread-local state `S`.
///
/// `#[thread_local_state]` generates a handle for each field that is not shared, as an associated constant in
/// upper case: `Worker::SCRATCH` for the field `scratch`, `Pair::FIELD_0` in a tuple struct. A handle
/// accesses the field of the *current* thread's value. It initializes the value first if there is none and
/// the state is not `explicit`. Different fields may be borrowed at the same time.
///
/// [`S::Output<R>`](ThreadLocalState::Output) is `R`, or `Result<R, E>` for a state that is declared with
/// `error = E` and is not `explicit`.
///
/// # Panics
///
/// A function that accesses the field panics, at the caller's line and with the text of an [`AccessError`],
/// if
///
/// - the field is borrowed in a way that conflicts,
/// - the state's initializer accesses its own state,
/// - the thread is exiting and the state is [destroyed](crate::guide::destruction), or
/// - the state is `explicit` and has not been initialized.
///
/// The `try_` functions return an error instead, and the functions with a spare use the spare.
///
/// # Examples
///
/// ```
/// use tls_core::thread_local_state;
///
/// #[thread_local_state]
/// struct Worker {
///     scratch: Vec<u8>,
///     jobs: u64,
/// }
///
/// fn main() {
///     Worker::JOBS.update(|jobs| jobs + 1);
///     Worker::SCRATCH.with_mut(|scratch| {
///         scratch.push(1);
///         Worker::JOBS.update(|jobs| jobs + 1); // another field
///     });
///     assert_eq!(Worker::JOBS.get(), 2);
/// }
/// ```
pub struct Field<S, T> {
    pub(crate) lens: Lens<S, T, Portion>,
}

impl<S, T> Clone for Field<S, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, T> Copy for Field<S, T> {}

impl<S, T> Field<S, T> {
    /// # Safety
    ///
    /// A field of type `T` lies `offset` bytes into an `S`, and is field number `index`. No other handle of
    /// this field has another number.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn __new(offset: usize, index: usize) -> Self {
        Self {
            // SAFETY: the caller guarantees that a `T` is at this offset, as the field of this number only
            // (`# Safety`).
            lens: unsafe { Lens::field(offset, index) },
        }
    }

    /// Returns the handle unchanged. The call compiles only if the type of the field is that of the handle.
    #[doc(hidden)]
    #[must_use]
    pub const fn __of(self, _: fn(&mut S) -> *mut T) -> Self {
        self
    }
}

impl<S: ThreadLocalState, T> Field<S, T> {
    /// Calls a function with a shared reference to the field.
    ///
    /// # Panics
    ///
    /// See [`Field`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { scratch: Vec<u8> }
    /// # fn main() {
    /// assert!(Worker::SCRATCH.with(|scratch| scratch.is_empty()));
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn with<R, F>(self, f: F) -> S::Output<R>
    where
        F: FnOnce(&T) -> R,
    {
        access::with::<S, T, Portion, R, F>(self.lens, f)
    }

    /// Calls a function with an exclusive reference to the field.
    ///
    /// # Panics
    ///
    /// See [`Field`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { scratch: Vec<u8> }
    /// # fn main() {
    /// let length = Worker::SCRATCH.with_mut(|scratch| {
    ///     scratch.push(7);
    ///     scratch.len()
    /// });
    /// assert_eq!(length, 1);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn with_mut<R, F>(self, f: F) -> S::Output<R>
    where
        F: FnOnce(&mut T) -> R,
    {
        access::with_mut::<S, T, Portion, R, F>(self.lens, f)
    }

    /// Calls a function with a shared reference to the field, or returns an error if the field cannot be
    /// accessed.
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
    /// # struct Worker { scratch: Vec<u8> }
    /// # fn main() {
    /// Worker::SCRATCH.with_mut(|_| {
    ///     assert!(Worker::SCRATCH.try_with(Vec::len).is_err());
    /// });
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_with<R, F>(self, f: F) -> Result<R, AccessError<S::Error>>
    where
        F: FnOnce(&T) -> R,
    {
        access::try_with::<S, T, Portion, R, F>(self.lens, f)
    }

    /// Calls a function with an exclusive reference to the field, or returns an error if the field cannot be
    /// accessed.
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
    /// # struct Worker { scratch: Vec<u8> }
    /// # fn main() {
    /// Worker::SCRATCH.with(|_| {
    ///     assert!(Worker::SCRATCH.try_with_mut(Vec::clear).is_err());
    /// });
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_with_mut<R, F>(self, f: F) -> Result<R, AccessError<S::Error>>
    where
        F: FnOnce(&mut T) -> R,
    {
        access::try_with_mut::<S, T, Portion, R, F>(self.lens, f)
    }

    /// Calls `f` with a shared reference to the field or, if the field cannot be accessed, to the value that
    /// `spare` returns.
    ///
    /// The field cannot be accessed while it is borrowed exclusively or the state is being initialized, after
    /// the state was destroyed, and before an `explicit` state has been initialized. The spare is dropped
    /// when `f` has returned. If an initializer fails, its error is returned and the spare is not used.
    ///
    /// Use this in code that must work everywhere, such as a logger.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { #[state(init = String::from("worker"))] name: String }
    /// # fn main() {
    /// let unnamed = || String::from("?");
    /// Worker::NAME.with_mut(|_| {
    ///     assert_eq!(Worker::NAME.with_or_else(unnamed, String::clone), "?");
    /// });
    /// assert_eq!(Worker::NAME.with_or_else(unnamed, String::clone), "worker");
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn with_or_else<R, P, F>(self, spare: P, f: F) -> S::Output<R>
    where
        P: FnOnce() -> T,
        F: FnOnce(&T) -> R,
    {
        access::with_or_else::<S, T, Portion, R, F, P>(self.lens, f, spare)
    }

    /// Calls `f` with an exclusive reference to the field or, if the field cannot be accessed, to the value
    /// that `spare` returns.
    ///
    /// See [`with_or_else`](Self::with_or_else) for when the field cannot be accessed. This function also
    /// uses the spare while the field is borrowed shared.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fmt::{self, Write as _};
    /// use tls_core::thread_local_state;
    ///
    /// #[thread_local_state]
    /// struct Log {
    ///     buffer: String,
    /// }
    ///
    /// /// Formats without allocating, unless a `Display` that it formats logs in turn.
    /// fn log(message: fmt::Arguments<'_>) -> usize {
    ///     Log::BUFFER.with_mut_or_else(String::new, |buffer| {
    ///         buffer.clear();
    ///         let _ = buffer.write_fmt(message);
    ///         buffer.len()
    ///     })
    /// }
    ///
    /// fn main() {
    ///     assert_eq!(log(format_args!("{} jobs", 12)), 7);
    /// }
    /// ```
    #[inline]
    #[track_caller]
    pub fn with_mut_or_else<R, P, F>(self, spare: P, f: F) -> S::Output<R>
    where
        P: FnOnce() -> T,
        F: FnOnce(&mut T) -> R,
    {
        access::with_mut_or_else::<S, T, Portion, R, F, P>(self.lens, f, spare)
    }

    /// Returns a copy of the field. Requires `T: Copy`.
    ///
    /// # Panics
    ///
    /// See [`Field`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// assert_eq!(Worker::JOBS.get(), 0);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn get(self) -> S::Output<T>
    where
        Self: CopyOut<T>,
    {
        // SAFETY: `CopyOut<T>` is implemented only where `T` is `Copy` (its `# Safety`).
        unsafe { access::get::<S, T>(self.lens) }
    }

    /// Sets the field and drops its old value.
    ///
    /// If this thread has no value yet, the value is initialized first, including this field. What the
    /// field's own initializer computed is then dropped.
    ///
    /// # Panics
    ///
    /// See [`Field`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::JOBS.set(3);
    /// assert_eq!(Worker::JOBS.get(), 3);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn set(self, value: T) -> S::Output<()> {
        if const { is_large::<T>() } {
            return self.set_large(value);
        }
        let inherited = inherited::<S>();
        S::__output(match access::replace::<S, T, Portion>(self.lens, value) {
            // The borrow has ended, so the old value's destructor may access the field.
            Ok(old) => {
                if inherited.is_so() {
                    mem::forget(old);
                }
                Ok(())
            }
            Err(error) => Err(error),
        })
    }

    /// Sets the field and returns its old value.
    ///
    /// # Panics
    ///
    /// See [`Field`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// assert_eq!(Worker::JOBS.replace(3), 0);
    /// assert_eq!(Worker::JOBS.replace(4), 3);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn replace(self, value: T) -> S::Output<T> {
        if const { is_large::<T>() } {
            return self.replace_large(value);
        }
        S::__output(access::replace::<S, T, Portion>(self.lens, value))
    }

    /// Sets the field, or returns the given value if the field cannot be set.
    ///
    /// # Errors
    ///
    /// Returns the given value, with the reason, where [`set`](Self::set) panics, and if an initializer
    /// fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { batch: Vec<u8> }
    /// # fn main() {
    /// assert!(Worker::BATCH.try_set(vec![1]).is_ok());
    /// Worker::BATCH.with(|batch| {
    ///     let rejected = Worker::BATCH.try_set(vec![2]).unwrap_err();
    ///     assert_eq!(rejected.value, [2]);
    ///     assert_eq!(*batch, [1]);
    /// });
    /// # }
    /// ```
    #[track_caller]
    pub fn try_set(self, value: T) -> Result<(), Rejected<T, S::Error>> {
        let mut value = Passed::There(value);
        let inherited = inherited::<S>();
        match access::try_exchange::<S, T, Portion>(self.lens, &mut value) {
            // The borrow has ended, so the old value's destructor may access the field.
            Ok(()) => {
                if inherited.is_so() {
                    value.forget();
                }
                Ok(())
            }
            Err(error) => Err(rejected(&mut value, error)),
        }
    }

    /// Sets the field and returns its old value, or returns the given value if the field cannot be set.
    ///
    /// # Errors
    ///
    /// Returns the given value, with the reason, where [`replace`](Self::replace) panics, and if an
    /// initializer fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { batch: Vec<u8> }
    /// # fn main() {
    /// assert_eq!(Worker::BATCH.try_replace(vec![1]).unwrap(), []);
    /// Worker::BATCH.with(|_| {
    ///     let rejected = Worker::BATCH.try_replace(vec![2]).unwrap_err();
    ///     assert_eq!(rejected.value, [2]);
    /// });
    /// # }
    /// ```
    #[track_caller]
    pub fn try_replace(self, value: T) -> Result<T, Rejected<T, S::Error>> {
        let mut value = Passed::There(value);
        match access::try_exchange::<S, T, Portion>(self.lens, &mut value) {
            Ok(()) => Ok(exchanged(&mut value)),
            Err(error) => Err(rejected(&mut value, error)),
        }
    }

    /// [`set`](Self::set), for a value that is passed in memory: the value is moved as rarely as possible.
    #[track_caller]
    fn set_large(self, value: T) -> S::Output<()> {
        let mut value = Passed::There(value);
        let inherited = inherited::<S>();
        let exchanged = access::exchange::<S, T, Portion>(self.lens, &mut value);
        if exchanged.is_ok() && inherited.is_so() {
            value.forget();
        }
        S::__output(exchanged)
    }

    #[track_caller]
    fn replace_large(self, value: T) -> S::Output<T> {
        let mut value = Passed::There(value);
        let done = access::exchange::<S, T, Portion>(self.lens, &mut value);
        S::__output(done.map(|()| exchanged(&mut value)))
    }

    /// Returns the field's value and leaves `T::default()` in its place. Requires `T: Default`.
    ///
    /// # Panics
    ///
    /// See [`Field`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { #[state(init = vec![1, 2])] batch: Vec<u8> }
    /// # fn main() {
    /// assert_eq!(Worker::BATCH.take(), [1, 2]);
    /// assert_eq!(Worker::BATCH.take(), []);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn take(self) -> S::Output<T>
    where
        Self: LeavesDefault<T>,
    {
        self.replace(Self::__default())
    }

    /// Replaces the field's value by what a function returns for a copy of it. Requires `T: Copy`.
    ///
    /// The field is borrowed exclusively while the function runs.
    ///
    /// # Panics
    ///
    /// See [`Field`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::thread_local_state;
    /// # #[thread_local_state]
    /// # struct Worker { jobs: u64 }
    /// # fn main() {
    /// Worker::JOBS.update(|jobs| jobs + 1);
    /// assert_eq!(Worker::JOBS.get(), 1);
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn update<F>(self, f: F) -> S::Output<()>
    where
        F: FnOnce(T) -> T,
        Self: CopyInAndOut<T>,
    {
        access::with_mut::<S, T, Portion, _, _>(self.lens, |field| *field = f(Self::__copy(field)))
    }
}

/// A field whose type is `Copy`.
///
/// # Safety
///
/// `T` is `Copy`.
#[diagnostic::on_unimplemented(
    message = "`get` copies the field out, and `{T}` is not `Copy`",
    label = "the field's type `{T}` is not `Copy`",
    note = "use `with` to look at the field, `replace` or `take` to move it out, \
            or `with(Clone::clone)` to clone it"
)]
pub unsafe trait CopyOut<T> {}

// SAFETY: the bound requires `T: Copy`.
#[diagnostic::do_not_recommend]
unsafe impl<S, T: Copy> CopyOut<T> for Field<S, T> {}

/// A field whose type is `Copy`, for `update`.
#[diagnostic::on_unimplemented(
    message = "`update` copies the field out and back in, and `{T}` is not `Copy`",
    label = "the field's type `{T}` is not `Copy`",
    note = "use `with_mut(|value| …)` to change the field in place, or `replace`"
)]
pub trait CopyInAndOut<T> {
    #[doc(hidden)]
    fn __copy(field: &T) -> T;
}

#[diagnostic::do_not_recommend]
impl<S, T: Copy> CopyInAndOut<T> for Field<S, T> {
    #[inline(always)]
    fn __copy(field: &T) -> T {
        *field
    }
}

/// A field whose type has a default value.
#[diagnostic::on_unimplemented(
    message = "`take` leaves the default in the field, and `{T}` does not implement `Default`",
    label = "the field's type `{T}` does not implement `Default`",
    note = "use `replace(value)`, or make the field an `Option<{T}>`, in which `take` leaves `None`"
)]
pub trait LeavesDefault<T> {
    #[doc(hidden)]
    fn __default() -> T;
}

#[diagnostic::do_not_recommend]
impl<S, T: Default> LeavesDefault<T> for Field<S, T> {
    #[inline(always)]
    fn __default() -> T {
        T::default()
    }
}

/// Returns the old value, which a successful exchange has left in `value`.
fn exchanged<T>(value: &mut Passed<T>) -> T {
    match value.take() {
        Some(value) => value.into_inner(),
        None => unreachable!("it has been exchanged and not taken"),
    }
}

/// Returns a value that has not been taken, with the reason.
#[cold]
#[inline(never)]
fn rejected<T, E>(value: &mut Passed<T>, error: AccessError<E>) -> Rejected<T, E> {
    let value = exchanged(value);
    Rejected { value, error }
}

/// Returns `true` if values of this type are passed in memory, so that passing a pointer costs no more.
const fn is_large<T>() -> bool {
    size_of::<T>() > 128
}

/// Notes whether the field's old value will be one that must not be dropped.
fn inherited<S: ThreadLocalState>() -> Inherited<S::__AtFork> {
    Inherited::now(|| Here::<S>::find().erase())
}

impl<S: ThreadLocalState, T> Debug for Field<S, T> {
    /// Formats the name of the field, without accessing the field.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = S::__INFO.subject(self.lens.portion()).field();
        write!(f, "{}::{}", S::__INFO.name(), name.unwrap_or("?"))
    }
}
