//! The types of shared fields.

use std::convert::Infallible;
use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::histogram::{self, HistogramSnapshot};
use crate::shared::local::{LocalLink, Place, Raw};
use crate::shared::part::{self, PartCell};
use crate::shared::primitive::AtomicU64;
use crate::shared::registry::{Inner, Kind, Live};

/// A type that a `#[state(shared)]` field may have: [`Counter`], [`UpDown`], [`Gauge`], [`Peak`],
/// [`Histogram`], [`Part`], and arrays of these.
///
/// # Safety
///
/// Only this crate implements it: the type is as many raw cells of its kind as it says, in a row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a shared field",
    label = "not a type of shared fields",
    note = "for numbers use `Counter`, `UpDown`, `Gauge`, `Peak` or `Histogram` of `tls_core`, or \
            an array of one of them, as `[Counter; 4]`",
    note = "for other data that is collected now and then use `Part<{Self}>`, if that is `Send` \
            and `Default`",
    note = "if only its own thread needs it, remove `shared`"
)]
pub unsafe trait Shareable: Sized + 'static {
    /// The total, and a single thread's part of it. Of a [`Part`] there is none.
    type Value;

    #[doc(hidden)]
    const __KIND: Kind;

    #[doc(hidden)]
    const __CELLS: usize = 1;

    #[doc(hidden)]
    const __IS_ARRAY: bool = false;

    /// What the attribute asks for.
    #[doc(hidden)]
    const __SHAPE: Shape<Self> = Shape {
        kind: Self::__KIND,
        cells: Self::__CELLS,
        is_array: Self::__IS_ARRAY,
        marker: PhantomData,
    };
}

/// What a shared field of type `T` is made of.
pub struct Shape<T> {
    pub(crate) kind: Kind,
    pub(crate) cells: usize,
    pub(crate) is_array: bool,
    marker: PhantomData<fn(T) -> T>,
}

/// A type of shared field that has a total.
///
/// It is the sum over all threads that ever wrote, of a [`Gauge`] over those that are alive, of a
/// [`Peak`] the maximum; of an array, one for each index.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be totaled or copied out",
    label = "a `{Self}` is no number",
    note = "use `take_parts` to collect the values of all threads, and `with_mut` for this thread's"
)]
pub trait Totaled: Shareable {
    /// Nothing, with room for what is added.
    #[doc(hidden)]
    fn __empty() -> Self::Value;

    /// Adds the total.
    #[doc(hidden)]
    fn __total(inner: &Inner, cell: usize, word: usize, value: &mut Self::Value);

    /// Adds a thread's part.
    #[doc(hidden)]
    fn __part(thread: Live<'_>, cell: usize, value: &mut Self::Value);

    /// Returns this thread's part.
    ///
    /// # Safety
    ///
    /// There are cells of this type in the local.
    #[doc(hidden)]
    unsafe fn __own(local: LocalLink, cell: usize) -> Self::Value;
}

/// A type of shared field of which a total can be taken: what came since the last time.
#[diagnostic::on_unimplemented(
    message = "the total of a `{Self}` cannot be taken",
    label = "only those of `Counter` and `Histogram` can",
    note = "use `total`, which takes nothing away; and of a `Part` use `take_parts`"
)]
pub trait Takeable: Totaled {
    /// Adds what has not been taken yet, and marks it as taken.
    #[doc(hidden)]
    fn __take(inner: &mut Inner, cell: usize, word: usize, value: &mut Self::Value);
}

// SAFETY: a row of what is as many raw cells as it says.
#[diagnostic::do_not_recommend]
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {
    type Value = [T::Value; N];

    const __KIND: Kind = T::__KIND;
    const __CELLS: usize = T::__CELLS * N;
    const __IS_ARRAY: bool = true;
}

/// Where the elements of an array begin.
fn elements<T: Shareable>(cell: usize, word: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..).map(move |index| {
        let cells = index * T::__CELLS;
        (cell + cells, word + cells * T::__KIND.words())
    })
}

#[diagnostic::do_not_recommend]
impl<T: Totaled, const N: usize> Totaled for [T; N] {
    fn __empty() -> Self::Value {
        std::array::from_fn(|_| T::__empty())
    }

    fn __total(inner: &Inner, cell: usize, word: usize, value: &mut Self::Value) {
        for (value, (cell, word)) in value.iter_mut().zip(elements::<T>(cell, word)) {
            T::__total(inner, cell, word, value);
        }
    }

    fn __part(thread: Live<'_>, cell: usize, value: &mut Self::Value) {
        for (value, (cell, _)) in value.iter_mut().zip(elements::<T>(cell, 0)) {
            T::__part(thread, cell, value);
        }
    }

    unsafe fn __own(local: LocalLink, cell: usize) -> Self::Value {
        std::array::from_fn(|index| {
            // SAFETY: an element's cells are among those of the array.
            unsafe { T::__own(local, cell + index * T::__CELLS) }
        })
    }
}

#[diagnostic::do_not_recommend]
impl<T: Takeable, const N: usize> Takeable for [T; N] {
    fn __take(inner: &mut Inner, cell: usize, word: usize, value: &mut Self::Value) {
        for (value, (cell, word)) in value.iter_mut().zip(elements::<T>(cell, word)) {
            T::__take(inner, cell, word, value);
        }
    }
}

/// Implemented by nothing: a shared value is written by its own thread.
///
/// # Safety
///
/// None can be given.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is written by its own thread and cannot be shared with or sent to another",
    label = "this would take a reference to one thread's `{Self}` to another",
    note = "every thread has its own: write through the handle over there, `Name::FIELD`; \
            and read all of them from anywhere with `Name::FIELD.total()`"
)]
#[allow(dead_code, reason = "Rust 1.85 does not count bounds as uses")]
pub(crate) unsafe trait WrittenElsewhere {}

/// A raw cell of type `M`.
#[repr(transparent)]
pub(crate) struct Own<M> {
    raw: Raw,
    marker: PhantomData<fn() -> M>,
}

// SAFETY: nothing implements `WrittenElsewhere`; the impl is here for its message.
unsafe impl<M: WrittenElsewhere> Send for Own<M> {}

// SAFETY: as above.
unsafe impl<M: WrittenElsewhere> Sync for Own<M> {}

/// What threads count: jobs, bytes, requests. A total of it is the sum over all threads that ever
/// wrote, and never goes backwards. It wraps around.
///
/// For a field that is `#[state(shared)]`; see [`SharedField`](crate::SharedField).
///
/// # Examples
///
/// ```
/// use tls_core::{Counter, thread_local_state};
///
/// #[thread_local_state]
/// struct Server {
///     #[state(shared)]
///     bytes: Counter,
///     #[state(shared)]
///     by_status: [Counter; 3],
/// }
///
/// fn main() {
///     Server::BYTES.add(100);
///     Server::BY_STATUS.at(2).increment();
///     Server::with_state(|server| server.by_status.at(2).increment());
///     assert_eq!(Server::BYTES.total(), 100);
///     assert_eq!(Server::BY_STATUS.total(), [0, 0, 2]);
/// }
/// ```
#[repr(transparent)]
pub struct Counter(Own<Self>);

/// What goes up and down: requests in flight, bytes in use. A total of it is the sum over all threads
/// that ever wrote; one may count up what another counts down. It wraps around.
///
/// For a field that is `#[state(shared)]`; see [`SharedField`](crate::SharedField).
///
/// # Examples
///
/// ```
/// use tls_core::{UpDown, thread_local_state};
///
/// #[thread_local_state]
/// struct Queue {
///     #[state(shared)]
///     waiting: UpDown,
/// }
///
/// fn main() {
///     Queue::WAITING.add(3);
///     std::thread::spawn(|| Queue::WAITING.decrement()).join().unwrap();
///     assert_eq!(Queue::WAITING.total(), 2);
///     assert_eq!(Queue::WAITING.get(), 3); // this thread's part
/// }
/// ```
#[repr(transparent)]
pub struct UpDown(Own<Self>);

/// What a thread has at the moment: the depth of its queue, the size of its cache. A total of it is
/// the sum over live threads; what an exited one had is gone with it. A thread has exited when its
/// destructors have run: `join` waits for that, the end of a [`thread::scope`](std::thread::scope) does
/// not.
///
/// For a field that is `#[state(shared)]`; see [`SharedField`](crate::SharedField).
///
/// # Examples
///
/// ```
/// use tls_core::{Gauge, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     #[state(shared)]
///     cached: Gauge,
/// }
///
/// fn main() {
///     Worker::CACHED.set(5);
///     std::thread::spawn(|| {
///         Worker::CACHED.set(7);
///         assert_eq!(Worker::CACHED.total(), 12);
///     })
///     .join()
///     .unwrap();
///     assert_eq!(Worker::CACHED.total(), 5);
/// }
/// ```
#[repr(transparent)]
pub struct Gauge(Own<Self>);

/// The greatest value that a thread has seen. A total of it is the maximum over all threads that ever
/// wrote; zero if none did.
///
/// For a field that is `#[state(shared)]`; see [`SharedField`](crate::SharedField).
///
/// # Examples
///
/// ```
/// use tls_core::{Peak, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     #[state(shared)]
///     largest: Peak,
/// }
///
/// fn main() {
///     Worker::LARGEST.record(70);
///     Worker::LARGEST.record(20);
///     assert_eq!(Worker::LARGEST.total(), 70);
/// }
/// ```
#[repr(transparent)]
pub struct Peak(Own<Self>);

/// The distribution of what threads measure: latencies, sizes. A total of it is a
/// [`HistogramSnapshot`], which has an example.
///
/// A thread that records needs 29.5 KiB for it, allocated by its first value; recording changes two
/// words. For a field that is `#[state(shared)]`; see [`SharedField`](crate::SharedField).
#[repr(transparent)]
pub struct Histogram(Own<Self>);

/// A value of any type in every thread, to be collected.
///
/// [`take_parts`](crate::SharedField::take_parts) moves all of them out, of live threads and of
/// exited ones. A thread makes its part, as `T::default()`, on the first use, and again on the first
/// use after it was taken. For a field that is `#[state(shared)]`; see
/// [`SharedField`](crate::SharedField).
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use tls_core::{Part, thread_local_state};
///
/// #[thread_local_state]
/// struct Words {
///     #[state(shared)]
///     counts: Part<HashMap<&'static str, u64>>,
/// }
///
/// fn main() {
///     std::thread::scope(|scope| {
///         for text in ["a b a", "b b"] {
///             scope.spawn(move || {
///                 Words::COUNTS.with_mut(|counts| {
///                     for word in text.split(' ') {
///                         *counts.entry(word).or_default() += 1;
///                     }
///                 });
///             });
///         }
///     });
///     let mut total = HashMap::new();
///     for (word, count) in Words::COUNTS.take_parts().into_iter().flatten() {
///         *total.entry(word).or_insert(0) += count;
///     }
///     assert_eq!(total, HashMap::from([("a", 2), ("b", 3)]));
/// }
/// ```
#[repr(transparent)]
// What `T` has to be is asked once, by `Shareable`.
pub struct Part<T>(Own<Self>, PhantomData<fn(T) -> T>);

/// What is the same for all types.
macro_rules! shareable {
    ($($name:ident: $value:ty),*) => {$(
        // SAFETY: `repr(transparent)`, so it is one raw cell, and only made as one of this kind.
        #[diagnostic::do_not_recommend]
        unsafe impl Shareable for $name {
            type Value = $value;

            const __KIND: Kind = Kind::$name;
        }
    )*};
}

shareable!(
    Counter: u64,
    UpDown: i64,
    Gauge: i64,
    Peak: u64,
    Histogram: HistogramSnapshot
);

// SAFETY: as above.
unsafe impl<T: Send + Default + 'static> Shareable for Part<T> {
    type Value = Infallible;

    const __KIND: Kind = Kind::Part;
}

/// The number that a cell of these bits means.
#[expect(clippy::cast_possible_wrap, reason = "the same bits")]
const fn signed(bits: u64) -> i64 {
    bits as i64
}

/// The bits that mean this number.
#[expect(clippy::cast_sign_loss, reason = "the same bits")]
pub(crate) const fn unsigned(number: i64) -> u64 {
    number as u64
}

/// Types whose cell holds their value.
macro_rules! scalar {
    ($name:ident, $value:ident, $total:path) => {
        #[diagnostic::do_not_recommend]
        impl Totaled for $name {
            fn __empty() -> $value {
                0
            }

            fn __total(inner: &Inner, cell: usize, word: usize, value: &mut $value) {
                *value = scalar!(@from $value, $total(inner, cell, word));
            }

            fn __part(thread: Live<'_>, cell: usize, value: &mut $value) {
                *value = scalar!(@from $value, thread.load(cell));
            }

            unsafe fn __own(local: LocalLink, cell: usize) -> $value {
                // SAFETY: the caller promises that there is such a cell.
                let raw = unsafe { local.raw(cell) };
                // SAFETY: its kind lives in it.
                let value = unsafe { raw.load() };
                scalar!(@from $value, value)
            }
        }

        impl $name {
            /// Returns this thread's part.
            #[doc = concat!("See [`", stringify!($name), "`] for an example.")]
            #[inline]
            #[must_use]
            pub fn get(&self) -> $value {
                // SAFETY: its kind lives in its cell.
                let value = unsafe { self.0.raw.load() };
                scalar!(@from $value, value)
            }
        }

        impl Debug for $name {
            /// Shows this thread's part.
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.get()).finish()
            }
        }
    };
    (@from u64, $bits:expr) => { $bits };
    (@from i64, $bits:expr) => { signed($bits) };
}

scalar!(Counter, u64, Inner::sum);
scalar!(UpDown, i64, Inner::sum);
scalar!(Gauge, i64, Inner::sum_live);
scalar!(Peak, u64, Inner::greatest);

#[diagnostic::do_not_recommend]
impl Takeable for Counter {
    fn __take(inner: &mut Inner, cell: usize, word: usize, value: &mut u64) {
        let total = inner.sum(cell, word);
        *value = inner.take(word, total);
    }
}

#[diagnostic::do_not_recommend]
impl Totaled for Histogram {
    fn __empty() -> HistogramSnapshot {
        HistogramSnapshot::default()
    }

    fn __total(inner: &Inner, cell: usize, word: usize, value: &mut HistogramSnapshot) {
        inner.add_histogram(cell, word, value);
    }

    fn __part(thread: Live<'_>, cell: usize, value: &mut HistogramSnapshot) {
        thread.add_histogram(cell, value);
    }

    unsafe fn __own(local: LocalLink, cell: usize) -> HistogramSnapshot {
        // SAFETY: the caller promises that there is such a cell.
        let raw = unsafe { local.raw(cell) };
        // SAFETY: and that it is a histogram's.
        unsafe { own_histogram(raw) }
    }
}

#[diagnostic::do_not_recommend]
impl Takeable for Histogram {
    fn __take(inner: &mut Inner, cell: usize, word: usize, value: &mut HistogramSnapshot) {
        inner.add_histogram(cell, word, value);
        value.for_each_word(|index, total| inner.take(word + index, total));
    }
}

/// The words of a histogram, if its thread has recorded.
///
/// # Safety
///
/// It is a histogram's.
#[inline(always)]
unsafe fn words(raw: &Raw) -> Option<&[AtomicU64]> {
    raw.get().map(|words| {
        let words = NonNull::slice_from_raw_parts(words.cast::<AtomicU64>(), histogram::WORDS);
        // SAFETY: the invariant of `Raw`: a histogram's raw points to its words.
        unsafe { words.as_ref() }
    })
}

/// What a thread has recorded.
///
/// # Safety
///
/// It is a histogram's.
unsafe fn own_histogram(raw: &Raw) -> HistogramSnapshot {
    let mut snapshot = HistogramSnapshot::default();
    // SAFETY: the caller's promise.
    if let Some(words) = unsafe { words(raw) } {
        snapshot.add(words.iter().map(|word| word.load(Relaxed)));
    }
    snapshot
}

impl Histogram {
    /// Returns what this thread has recorded.
    ///
    /// See [`HistogramSnapshot`] for an example.
    #[must_use]
    pub fn get(&self) -> HistogramSnapshot {
        // SAFETY: it is in this histogram.
        unsafe { own_histogram(&self.0.raw) }
    }
}

impl Debug for Histogram {
    /// Shows what this thread has recorded.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Histogram").field(&self.get()).finish()
    }
}

impl<T> Debug for Part<T> {
    /// Does not show the value, which may be in use.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Part(..)")
    }
}

/// Records a value in a histogram. Says whether there was one to record in.
///
/// # Safety
///
/// It is a histogram's.
#[inline(always)]
pub(crate) unsafe fn record(raw: &Raw, value: u64) -> bool {
    // SAFETY: the caller's promise.
    let Some(words) = (unsafe { words(raw) }) else {
        return false;
    };
    let add = |word: &AtomicU64, more: u64| {
        word.store(word.load(Relaxed).wrapping_add(more), Relaxed);
    };
    add(&words[histogram::bucket(value)], 1);
    add(&words[histogram::SUM], value);
    true
}

/// Calls a function with a thread's part.
///
/// # Safety
///
/// It is the place of a part of type `T`.
pub(crate) unsafe fn with_part<T, R, F>(place: Place, f: F) -> R
where
    T: Send + Default + 'static,
    F: FnOnce(&mut T) -> R,
{
    let raw = place.raw();
    if raw.get().is_none() {
        place.make_part(|| part::make::<T>(place.cell));
    }
    let f = match raw.get() {
        Some(own) => {
            // SAFETY: the invariant of `Raw`, and the caller's promise. While it is in use it is
            // not freed: see `registry::fold`, and a forked child frees nothing.
            let own = unsafe { own.cast::<PartCell<T>>().as_ref() };
            match part::with_own(place.registry, place.cell, own, f) {
                Ok(result) => return result,
                Err(f) => f,
            }
        }
        None => f,
    };
    part::with_spare(place.registry, place.cell, f)
}

/// Calls a function with the place of a cell that is only known by its address.
#[cold]
#[inline(never)]
fn find(raw: &Raw, f: impl FnOnce(Place)) {
    if let Some(place) = Place::of(raw) {
        f(place);
    }
}

impl Counter {
    /// Counts this many.
    ///
    /// See [`Counter`] for an example.
    #[inline]
    pub fn add(&self, count: u64) {
        let raw = &self.0.raw;
        // SAFETY: a counter lives in its cell.
        if !unsafe { raw.add(count) } {
            find(raw, |place| place.add(count));
        }
    }

    /// Counts one.
    ///
    /// See [`Counter`] for an example.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }
}

impl UpDown {
    /// Goes up by this much, or down if it is negative.
    ///
    /// See [`UpDown`] for an example.
    #[inline]
    pub fn add(&self, difference: i64) {
        let raw = &self.0.raw;
        let difference = unsigned(difference);
        // SAFETY: an up-down counter lives in its cell.
        if !unsafe { raw.add(difference) } {
            find(raw, |place| place.add(difference));
        }
    }

    /// Goes up by one.
    ///
    /// See [`UpDown`] for an example.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Goes down by one.
    ///
    /// See [`UpDown`] for an example.
    #[inline]
    pub fn decrement(&self) {
        self.add(-1);
    }
}

impl Gauge {
    /// Sets what this thread has.
    ///
    /// See [`Gauge`] for an example.
    #[inline]
    pub fn set(&self, value: i64) {
        let raw = &self.0.raw;
        let value = unsigned(value);
        // SAFETY: a gauge lives in its cell.
        if !unsafe { raw.set(value) } {
            find(raw, |place| place.set(value));
        }
    }

    /// Adds to what this thread has. It wraps around.
    ///
    /// See [`Gauge`] for an example.
    #[inline]
    pub fn add(&self, difference: i64) {
        let raw = &self.0.raw;
        let difference = unsigned(difference);
        // SAFETY: a gauge lives in its cell.
        if !unsafe { raw.add(difference) } {
            find(raw, |place| place.add(difference));
        }
    }
}

impl Peak {
    /// Keeps the value if it is greater than all before.
    ///
    /// See [`Peak`] for an example.
    #[inline]
    pub fn record(&self, value: u64) {
        let raw = &self.0.raw;
        // SAFETY: a peak lives in its cell.
        if !unsafe { raw.raise(value) } {
            find(raw, |place| place.raise(value));
        }
    }
}

impl Histogram {
    /// Records a value, in whatever unit the histogram is kept.
    ///
    /// See [`HistogramSnapshot`] for an example.
    #[inline]
    pub fn record(&self, value: u64) {
        let raw = &self.0.raw;
        // SAFETY: it is a histogram's.
        if !unsafe { record(raw, value) } {
            find(raw, |place| place.record(value));
        }
    }
}

impl<T: Send + Default + 'static> Part<T> {
    /// Calls a function with this thread's part. See
    /// [`SharedField::with_mut`](crate::SharedField::with_mut).
    pub fn with_mut<R, F>(&self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        let Some(place) = Place::of(&self.0.raw) else {
            unreachable!("a part is in a local that its thread knows");
        };
        // SAFETY: it is that of a part of this type.
        unsafe { with_part(place, f) }
    }
}
