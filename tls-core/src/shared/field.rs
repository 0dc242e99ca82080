//! The handle of a shared field.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::thread::Thread;

use crate::shared::job::Home;
use crate::shared::kinds::{
    Counter, Gauge, Histogram, Part, Peak, Shareable, Takeable, Totaled, UpDown, unsigned,
};
use crate::shared::layout::{Shape, SharedMeta};
use crate::shared::local::LocalCell;
use crate::shared::part;
use crate::shared::raw::{Cells, LocalRef, Raw};
use crate::shared::registry::Registry;
use crate::shared::rows::{PerThread, ThreadValue};
use crate::state::contract::{State, ThreadLocalState};

/// A state that has shared fields: for code that is generic over states.
///
/// # Examples
///
/// ```
/// use tls_core::shared::{HasSharedFields, SharedField};
/// use tls_core::{Counter, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     #[state(shared)]
///     done: Counter,
/// }
///
/// fn report<S: HasSharedFields>(what: &str, field: SharedField<S, Counter>) -> String {
///     format!("{what}: {}", field.total())
/// }
///
/// fn main() {
///     Worker::DONE.add(3);
///     assert_eq!(report("done", Worker::DONE), "done: 3");
/// }
/// ```
///
/// # Safety
///
/// Only the attribute may implement this trait. The registry and the thread-local belong to this state alone,
/// and agree on the number of cells. `__local` returns a pointer to the current thread's local, which exists
/// as long as a reference to it may be used.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no shared fields",
    label = "`{Self}` has no `#[state(shared)]` field",
    note = "a thread is counted once it has written to a shared field: add one, for instance \
            `#[state(shared)] alive: Gauge`, and write to it"
)]
pub unsafe trait HasSharedFields: Sized {
    #[doc(hidden)]
    type __Local: Cells;

    #[doc(hidden)]
    const __FIELDS: &'static [SharedMeta];

    #[doc(hidden)]
    fn __local() -> *const Self::__Local;

    // Not a constant: in Rust 1.85 a constant cannot refer to memory that changes.
    #[doc(hidden)]
    fn __registry() -> &'static Registry;
}

/// Calls a function with this thread's local.
#[inline(always)]
fn with_local<S: HasSharedFields, R>(f: impl FnOnce(LocalRef) -> R) -> R {
    // SAFETY: the safety condition of `HasSharedFields`: the current thread's local exists.
    f(unsafe { &*S::__local() }.local())
}

/// The handle of a shared field, of type `T`, of the thread-local state `S`.
///
/// `#[thread_local_state]` generates a handle for each `#[state(shared)]` field, as an associated constant in
/// upper case: `Worker::DONE` for the field `done`. The field itself is not part of the struct, because its
/// count outlives the value.
///
/// Each thread writes to a cell of its own, and all threads together have a total. A write costs what an
/// ordinary increment of a thread-local costs, and takes no lock. A total reads the cells of all live
/// threads, under a lock that writes do not take. What a thread has written stays in the total when the
/// thread exits. The total is never too low, never counts anything twice, and of counters never decreases.
///
/// No function here initializes the state's value, and none fails or panics, except [`at`](SharedField::at)
/// with an index out of range. All of them work in destructors, in initializers and within accesses to the
/// same state. (A thread's first write after the standard library has released the thread is
/// [special](crate::guide::platforms).) Resetting the state does not change its shared fields. In the child
/// of a `fork` they start at zero.
///
/// # Examples
///
/// ```
/// use tls_core::{Counter, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     /// Jobs done.
///     #[state(shared)]
///     done: Counter,
///     scratch: Vec<u8>,
/// }
///
/// fn main() {
///     std::thread::scope(|scope| {
///         for _ in 0..4 {
///             scope.spawn(|| Worker::DONE.add(25));
///         }
///     });
///     // Also within an access, and wherever else.
///     Worker::with_state(|_| Worker::DONE.increment());
///     assert_eq!(Worker::DONE.get(), 1);
///     assert_eq!(Worker::DONE.total(), 101);
/// }
/// ```
pub struct SharedField<S, T> {
    /// # Invariants
    ///
    /// From number `cell` on, the state's blocks have as many cells of type `T` as a `T` has. From number
    /// `rest` on are the rests of these cells.
    cell: usize,
    rest: usize,
    #[expect(clippy::type_complexity, reason = "a name would not say more")]
    marker: PhantomData<(fn() -> S, fn(T) -> T)>,
}

impl<S, T> Clone for SharedField<S, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, T> Copy for SharedField<S, T> {}

impl<S, T> SharedField<S, T> {
    /// Returns the handle of the field of this number.
    ///
    /// The type is given a second time, by its shape: a macro in the place of the type may expand to one type
    /// in the description and to another type here.
    ///
    /// # Panics
    ///
    /// Panics if the description is not that of a `T`.
    ///
    /// # Safety
    ///
    /// The fields are those of the state's registry. The field of this number has no handle of another type.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const unsafe fn __new(shape: &Shape<T>, fields: &[SharedMeta], number: usize) -> Self {
        let field = &fields[number];
        assert!(
            shape.is_that_of(field),
            "the type of a shared field is not the same type everywhere"
        );
        Self {
            cell: field.cell,
            rest: field.rest,
            marker: PhantomData,
        }
    }
}

impl<S: HasSharedFields, T: Shareable> SharedField<S, T> {
    /// Writes to this thread's cell with `hot` or, if that returns `false`, with `cold`. Not for arrays,
    /// which may have no cells.
    #[inline(always)]
    fn write(self, hot: impl FnOnce(&Raw) -> bool, cold: impl FnOnce(LocalCell)) {
        let is_done = with_local::<S, _>(|local| {
            // SAFETY: by `SharedField`'s invariant the local has a cell of this number.
            hot(unsafe { local.raw(self.cell) })
        });
        if !is_done {
            find::<S>(cold, self.cell);
        }
    }
}

/// Calls a function with the place of a cell. The function is the first argument, because what it captures is
/// often an argument of the caller and then stays in its register.
#[cold]
#[inline(never)]
fn find<S: HasSharedFields>(f: impl FnOnce(LocalCell), cell: usize) {
    f(place::<S>(cell));
}

fn place<S: HasSharedFields>(cell: usize) -> LocalCell {
    with_local::<S, _>(|local| LocalCell {
        local,
        registry: S::__registry(),
        cell,
    })
}

/// Returns the registry that counts for this thread now.
fn home<S: HasSharedFields>() -> Home {
    Home::of(S::__registry())
}

// The bounds stand on the methods, so that an error names the method.
impl<S: HasSharedFields, T: Shareable> SharedField<S, T> {
    /// Returns this thread's share: what this thread has written.
    ///
    /// See [`SharedField`] for an example.
    #[inline]
    #[must_use]
    pub fn get(self) -> T::Value
    where
        T: Totaled,
    {
        // SAFETY: by `SharedField`'s invariant the local has the cells of a `T` from this number on.
        with_local::<S, _>(|local| unsafe { T::__own(local, self.cell) })
    }

    /// Returns the total over all threads.
    ///
    /// Includes every write that happens-before this call, for example by a thread that has been joined, that
    /// sent a message, or whose scope has ended. Concurrent writes may or may not be included.
    ///
    /// See [`SharedField`] for an example.
    #[must_use]
    pub fn total(self) -> T::Value
    where
        T: Totaled,
    {
        let mut total = T::__empty();
        T::__total(&home::<S>().lock(), self.cell, self.rest, &mut total);
        total
    }

    /// Returns what each live thread has written, and what exited threads have left, all at the same moment.
    ///
    /// A thread has a row if it has written to a shared field of this state (to this field or another) and
    /// has not exited. A thread has exited when its destructors have run: `join` waits for that, the end of a
    /// [`thread::scope`](std::thread::scope) does not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{Counter, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Worker { #[state(shared)] done: Counter }
    /// # fn main() {
    /// Worker::DONE.add(3);
    /// std::thread::spawn(|| Worker::DONE.add(4)).join().unwrap();
    ///
    /// let done = Worker::DONE.per_thread();
    /// let [only] = done.rows() else { unreachable!() };
    /// assert_eq!(only.thread, std::thread::current().id());
    /// assert_eq!(only.name.as_deref(), Some("main"));
    /// assert_eq!((only.value, *done.exited()), (3, 4));
    /// # }
    /// ```
    #[must_use]
    pub fn per_thread(self) -> PerThread<T::Value>
    where
        T: Totaled,
    {
        let registry = home::<S>();
        // Filled under the lock, where nothing may be allocated.
        let mut parts: Vec<(Option<Thread>, T::Value)> = Vec::new();
        let mut exited = T::__empty();
        loop {
            let needed = {
                let inner = registry.lock();
                if parts.len() >= inner.live() {
                    for (thread, part) in inner.threads().zip(&mut parts) {
                        part.0 = Some(thread.thread().clone());
                        T::__part(thread, self.cell, &mut part.1);
                    }
                    T::__exited(&inner, self.rest, &mut exited);
                    break;
                }
                inner.live()
            };
            // Allocated without the lock, with room for threads that start meanwhile.
            parts.resize_with(needed.next_power_of_two(), || (None, T::__empty()));
        }
        let row = |(thread, value): (Option<Thread>, T::Value)| {
            let thread = thread?;
            Some(ThreadValue {
                thread: thread.id(),
                name: thread.name().map(str::to_owned),
                value,
            })
        };
        PerThread {
            rows: parts.into_iter().filter_map(row).collect(),
            exited,
        }
    }

    /// Returns what has been added to the total since any thread last called this function.
    ///
    /// For reports by interval: everything is returned exactly once. [`total`](Self::total) is not affected.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{Counter, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Worker { #[state(shared)] done: Counter }
    /// # fn main() {
    /// Worker::DONE.add(3);
    /// assert_eq!(Worker::DONE.take_total(), 3);
    /// Worker::DONE.add(1);
    /// assert_eq!(Worker::DONE.take_total(), 1);
    /// assert_eq!(Worker::DONE.total(), 4);
    /// # }
    /// ```
    #[must_use = "what is taken is not returned a second time"]
    pub fn take_total(self) -> T::Value
    where
        T: Takeable,
    {
        let mut total = T::__empty();
        T::__take(&mut home::<S>().lock(), self.cell, self.rest, &mut total);
        total
    }
}

impl<S: HasSharedFields, T: Shareable, const N: usize> SharedField<S, [T; N]> {
    /// Returns the handle of one element.
    ///
    /// # Panics
    ///
    /// Panics if the array has no element of this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::{Counter, thread_local_state};
    ///
    /// #[derive(Clone, Copy)]
    /// enum Outcome {
    ///     Done,
    ///     Failed,
    /// }
    ///
    /// #[thread_local_state]
    /// struct Worker {
    ///     #[state(shared)]
    ///     jobs: [Counter; 2],
    /// }
    ///
    /// fn main() {
    ///     Worker::JOBS.at(Outcome::Failed as usize).increment();
    ///     assert_eq!(Worker::JOBS.at(Outcome::Done as usize).total(), 0);
    ///     assert_eq!(Worker::JOBS.total(), [0, 1]);
    /// }
    /// ```
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn at(self, index: usize) -> SharedField<S, T> {
        if index >= N {
            out_of_range(self, index);
        }
        let cells = index * T::__CELLS;
        SharedField {
            cell: self.cell + cells,
            rest: self.rest + cells * T::__KIND.rests(),
            marker: PhantomData,
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn out_of_range<S: HasSharedFields, T: Shareable, const N: usize>(
    field: SharedField<S, [T; N]>,
    index: usize,
) -> ! {
    panic!("there is no element {index} in `{field:?}`, which has {N}")
}

impl<S: HasSharedFields> SharedField<S, Counter> {
    /// Adds to the count.
    ///
    /// See [`Counter`] for an example.
    #[inline]
    pub fn add(self, count: u64) {
        // SAFETY: by `SharedField`'s invariant the cell is a counter's.
        self.write(
            move |raw| unsafe { raw.add(count) },
            move |place| place.add(count),
        );
    }

    /// Adds one to the count.
    ///
    /// See [`Counter`] for an example.
    #[inline]
    pub fn increment(self) {
        self.add(1);
    }
}

impl<S: HasSharedFields> SharedField<S, UpDown> {
    /// Adds to the count, or subtracts if the difference is negative.
    ///
    /// See [`UpDown`] for an example.
    #[inline]
    pub fn add(self, difference: i64) {
        let difference = unsigned(difference);
        self.write(
            // SAFETY: by `SharedField`'s invariant the cell is an up-down counter's.
            move |raw| unsafe { raw.add(difference) },
            move |place| place.add(difference),
        );
    }

    /// Adds one to the count.
    ///
    /// See [`UpDown`] for an example.
    #[inline]
    pub fn increment(self) {
        self.add(1);
    }

    /// Subtracts one from the count.
    ///
    /// See [`UpDown`] for an example.
    #[inline]
    pub fn decrement(self) {
        self.add(-1);
    }
}

impl<S: HasSharedFields> SharedField<S, Gauge> {
    /// Sets this thread's share.
    ///
    /// See [`Gauge`] for an example.
    #[inline]
    pub fn set(self, value: i64) {
        let value = unsigned(value);
        // SAFETY: by `SharedField`'s invariant the cell is a gauge's.
        self.write(
            move |raw| unsafe { raw.set(value) },
            move |place| place.set(value),
        );
    }

    /// Adds to this thread's share, which wraps around.
    ///
    /// See [`Gauge`] for an example.
    #[inline]
    pub fn add(self, difference: i64) {
        let difference = unsigned(difference);
        self.write(
            // SAFETY: by `SharedField`'s invariant the cell is a gauge's.
            move |raw| unsafe { raw.add(difference) },
            move |place| place.add(difference),
        );
    }
}

impl<S: HasSharedFields> SharedField<S, Peak> {
    /// Records a value, which is kept if it is greater than all values before.
    ///
    /// See [`Peak`] for an example.
    #[inline]
    pub fn record(self, value: u64) {
        self.write(
            // SAFETY: by `SharedField`'s invariant the cell is a peak's.
            move |raw| unsafe { raw.raise(value) },
            move |place| place.raise(value),
        );
    }
}

impl<S: HasSharedFields> SharedField<S, Histogram> {
    /// Records a value. Its unit is up to the caller.
    ///
    /// See [`HistogramSnapshot`](crate::shared::HistogramSnapshot) for an example.
    #[inline]
    pub fn record(self, value: u64) {
        self.write(
            // SAFETY: by `SharedField`'s invariant the cell is a histogram's.
            move |raw| unsafe { raw.record(value) },
            move |place| place.record(value),
        );
    }
}

impl<S: HasSharedFields, T: Send + Default + 'static> SharedField<S, Part<T>> {
    /// Calls a function with this thread's part, creating the part first if there is none.
    ///
    /// A part is in use while another call for the same field runs on this thread, or while another thread
    /// collects or reads the part. The function then gets a new part, which [`take_parts`](Self::take_parts)
    /// returns separately. So does a function that is called when the thread has nearly exited.
    ///
    /// See [`Part`] for an example.
    pub fn with_mut<R, F>(self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        // SAFETY: by `SharedField`'s invariant the cell is that of a part of this type.
        unsafe { part::with(place::<S>(self.cell), f) }
    }

    /// Moves the parts of all threads out, live and exited, in no particular order.
    ///
    /// Each part is returned once, with everything that was done to it in calls of
    /// [`with_mut`](Self::with_mut) that have ended. Never waits: a part that is in use at the moment, by its
    /// thread or by [`fold_parts`](Self::fold_parts), is left for the next call.
    ///
    /// See [`Part`] for an example.
    #[must_use = "the parts are dropped"]
    pub fn take_parts(self) -> Vec<T> {
        part::take_all(&home::<S>(), self.cell)
    }

    /// Folds over the parts of all threads, live and exited, in no particular order.
    ///
    /// The function receives what it returned for the previous part (first `init`), and a part. The parts
    /// stay where they are. Never waits, and leaves out parts that are in use at the moment. A thread that
    /// calls [`with_mut`](Self::with_mut) while its part is read gets a new part, which
    /// [`take_parts`](Self::take_parts) returns separately.
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::shared::Part;
    /// use tls_core::thread_local_state;
    ///
    /// #[thread_local_state]
    /// struct Worker {
    ///     #[state(shared)]
    ///     hosts: Part<Vec<&'static str>>,
    /// }
    ///
    /// fn main() {
    ///     Worker::HOSTS.with_mut(|hosts| hosts.push("a"));
    ///     std::thread::spawn(|| Worker::HOSTS.with_mut(|hosts| hosts.push("b"))).join().unwrap();
    ///     let count = || Worker::HOSTS.fold_parts(0, |count, hosts| count + hosts.len());
    ///     assert_eq!(count(), 2);
    ///     assert_eq!(count(), 2, "nothing was taken");
    /// }
    /// ```
    pub fn fold_parts<A, F>(self, init: A, f: F) -> A
    where
        F: FnMut(A, &T) -> A,
    {
        part::fold_all(&home::<S>(), self.cell, init, f)
    }
}

impl<S: HasSharedFields, T: Shareable> Debug for SharedField<S, T> {
    /// Formats the name of the field, without accessing the field.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sharing = S::__registry().sharing;
        let mut fields = sharing.fields.iter();
        let field = if T::__CELLS == 0 {
            // An array without cells begins where the next field begins. Of several such arrays the first is
            // named.
            fields.find(|field| field.cell == self.cell)
        } else {
            // The last field that does not begin after the cell. The fields before it have ended.
            fields.rfind(|field| field.cell <= self.cell)
        };
        write!(
            f,
            "{}::{}",
            sharing.state,
            field.map_or("?", |field| field.name)
        )
    }
}

impl<S: ThreadLocalState> State<S> {
    /// Returns the number of threads that have written to a shared field of this state and have not exited.
    ///
    /// `join` waits for a thread's exit; the end of a [`thread::scope`](std::thread::scope) does not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tls_core::{Counter, thread_local_state};
    /// # #[thread_local_state]
    /// # struct Worker { #[state(shared)] done: Counter }
    /// # fn main() {
    /// assert_eq!(Worker::state().live_threads(), 0);
    /// Worker::DONE.increment();
    /// assert_eq!(Worker::state().live_threads(), 1);
    /// # }
    /// ```
    #[must_use]
    pub fn live_threads(self) -> usize
    where
        S: HasSharedFields,
    {
        home::<S>().lock().live()
    }
}
