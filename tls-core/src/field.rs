//! The typed handle of one field.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::ptr::NonNull;

use crate::access::{self, Target};
use crate::diagnose::CopyOut;
use crate::error::AccessError;
use crate::slot::{Forks, Request, Slot};
use crate::state::ThreadLocalState;
use crate::word::{Part, Word};

/// The handle of one field, of type `T`, of the thread-local state `S`.
///
/// `#[thread_local_state]` makes one for each field, as an associated constant in upper
/// case: `Worker::SCRATCH` for the field `scratch`, `Pair::FIELD_0` in a tuple struct.
/// It accesses the field of the *current* thread's value, which it makes first if there is
/// none. Different fields may be borrowed at the same time.
///
/// [`S::Output<R>`](ThreadLocalState::Output) is `R`, or `Result<R, E>` for a state that was
/// declared with `error = E`.
///
/// # Panics
///
/// All functions but the `try_` ones and the ones with a spare panic, with the text of an
/// [`AccessError`] and at the caller's line, if the field is borrowed in a way that conflicts,
/// if the state's initializer reaches its own state, if the thread is exiting and has
/// dropped its value, and if the state is `explicit` and has not been initialized.
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
    /// # Invariants
    ///
    /// A `T` lies `offset` bytes into an `S`, as its field number `index`.
    // Two words and no more: these are passed in registers, which costs the hot path nothing.
    offset: usize,
    index: usize,
    // Invariant in `T`, or a handle of a `&'static str` could pass for one of a `&'a str`,
    // and `set` would store a reference that ends. Neither `Send` nor `Sync` depends on `S`.
    #[expect(clippy::type_complexity, reason = "a name would not say more")]
    marker: PhantomData<(fn() -> S, fn(T) -> T)>,
}

impl<S, T> Clone for Field<S, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, T> Copy for Field<S, T> {}

// SAFETY: the invariant of `Field`. The fields of a struct do not overlap, and `index` is
// what numbers them in the word.
unsafe impl<S, T> Target<S> for Field<S, T> {
    type View = T;

    #[inline(always)]
    fn request(self, exclusive: bool, at: &'static Location<'static>) -> Request {
        Request::field(self.index, exclusive, at)
    }

    #[inline(always)]
    fn is_free(self, word: Word) -> bool {
        word.may_write(Part::field(self.index))
    }

    #[inline(always)]
    unsafe fn project(self, place: NonNull<S>) -> NonNull<T> {
        // SAFETY: the invariant of `Field`. Not by way of a reference to the value, to whose
        // other fields exclusive references may exist.
        unsafe { place.byte_add(self.offset) }.cast()
    }
}

impl<S, T> Field<S, T> {
    /// # Safety
    ///
    /// The field that `project` points to lies `offset` bytes into an `S`, is of type `T`, and
    /// is the field number `index`, of which there is no second handle of another number.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn __new(offset: usize, index: usize, project: fn(&mut S) -> *mut T) -> Self {
        // Its type has shown, without room for a coercion, that the field is of type `T`.
        let _ = project;
        Self {
            offset,
            index,
            marker: PhantomData,
        }
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
        access::with(self, f)
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
        access::with_mut(self, f, |result| result)
    }

    /// Calls a function with a shared reference to the field, or says why there is none.
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
        access::try_with(self, f)
    }

    /// Calls a function with an exclusive reference to the field, or says why there is none.
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
        access::try_with_mut(self, f)
    }

    /// Calls `f` with a shared reference to the field or, if the field cannot be had, to what
    /// `spare` returns.
    ///
    /// It cannot be had while it is borrowed exclusively or being initialized, after it was
    /// destroyed, and as long as an `explicit` state is not initialized. The spare is dropped
    /// afterwards. This is for code that has to work everywhere, such as a logger.
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
        access::with_or_else(self, spare, f)
    }

    /// Calls `f` with an exclusive reference to the field or, if the field cannot be had, to
    /// what `spare` returns.
    ///
    /// See [`with_or_else`](Self::with_or_else); this one also uses the spare while the field
    /// is borrowed shared.
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
        access::with_mut_or_else(self, spare, f)
    }

    /// Returns a copy of the field.
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
        let copy = access::with_slot::<S, _, _>(|slot| {
            slot.header
                .word
                .get()
                .may_read(Part::field(self.index))
                // SAFETY: it may be read.
                .then(|| unsafe { self.copy_out(slot) })
        });
        match copy {
            Some(copy) => S::__output(Ok(copy)),
            None => access::with_cold(
                |value: &T| {
                    // SAFETY: the bound says that `T` is `Copy`.
                    unsafe { std::ptr::read(value) }
                },
                self,
            ),
        }
    }

    /// # Safety
    ///
    /// The word allows that the field is read, and `T` is `Copy`.
    #[inline(always)]
    unsafe fn copy_out(self, slot: &Slot<S>) -> T {
        // SAFETY: readable means that there is a value.
        let place = unsafe { slot.place() };
        // SAFETY: as above.
        let field = unsafe { <Self as Target<S>>::project(self, place) };
        // SAFETY: no exclusive reference exists while the field may be read, and no code runs
        // in between.
        unsafe { field.read() }
    }

    /// Sets the field, and drops what was in it.
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
        let inherited = Inherited::<S>::now();
        // The old value's destructor runs when the borrow has ended: it may look at the field.
        access::with_mut(
            self,
            |field| mem::replace(field, value),
            |old| {
                if inherited.is_so() {
                    mem::forget(old);
                }
            },
        )
    }

    /// Sets the field and returns what was in it.
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
        self.with_mut(|field| mem::replace(field, value))
    }

    /// Returns the field's value and leaves the default one.
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
        T: Default,
    {
        self.replace(T::default())
    }

    /// Replaces the field by what a function makes of it. The field counts as borrowed while
    /// the function runs.
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
        T: Copy,
    {
        self.with_mut(|field| *field = f(*field))
    }

    /// Sets the field for the extent of a function and restores it afterwards, also if the
    /// function panics.
    ///
    /// The field is not borrowed meanwhile; the function sees the new value, and so does all
    /// that it calls on this thread. Other threads are not affected.
    ///
    /// What was in the field is dropped, and nothing is restored, if at the end the field is
    /// borrowed or if the state has been reset, set aside or destroyed: then there is another
    /// value, or none, that it does not belong to.
    ///
    /// # Panics
    ///
    /// See [`Field`]. Restoring never panics.
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
        let inherited = Inherited::now();
        access::with_mut(
            self,
            |field| mem::replace(field, value),
            |saved| {
                let _restore = Restore {
                    field: self,
                    saved: Some(saved),
                    birth: S::__KEY.with(|slot| slot.header.node.birth.get()),
                    inherited,
                };
                f()
            },
        )
    }
}

/// Whether what comes out of a field is the parent's, which a forked child must not drop: the value was
/// so already, or there has been a fork since (in its initializer, for instance). Nothing, if the state
/// does not care for forks.
struct Inherited<S: ThreadLocalState> {
    is_stale: bool,
    forks: Forks<S>,
}

impl<S: ThreadLocalState> Inherited<S> {
    #[inline(always)]
    fn now() -> Self {
        Self {
            is_stale: S::__INFO.is_reset_by_fork
                && access::with_slot::<S, _, _>(|slot| slot.header.word.get().is_stale()),
            forks: Forks::now(),
        }
    }

    #[inline(always)]
    fn is_so(&self) -> bool {
        self.is_stale || self.forks.have_happened()
    }
}

/// What a scope restores when it ends.
struct Restore<S: ThreadLocalState, T> {
    field: Field<S, T>,
    saved: Option<T>,
    birth: u64,
    inherited: Inherited<S>,
}

impl<S: ThreadLocalState, T> Drop for Restore<S, T> {
    fn drop(&mut self) {
        if self.inherited.is_so() {
            mem::forget(self.saved.take());
            return;
        }
        let same = S::__KEY.with(|slot| {
            slot.header.is_alive()
                && slot.header.node.birth.get() == self.birth
                && slot
                    .header
                    .word
                    .get()
                    .may_write(Part::field(self.field.index))
        });
        let Some(saved) = self.saved.take().filter(|_| same) else {
            return;
        };
        // Free and alive, so this neither fails nor initializes. What the scope had set is
        // dropped when the borrow has ended.
        drop(self.field.try_with_mut(|field| mem::replace(field, saved)));
    }
}

impl<S: ThreadLocalState, T> Debug for Field<S, T> {
    /// Names the field; does not access it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let info = S::__INFO;
        write!(f, "{}::{}", info.name, info.fields[self.index])
    }
}
