//! The types of shared fields. They have no values: a type says what a field counts, and the field's
//! handle counts it.

use std::convert::Infallible;
use std::marker::PhantomData;

use crate::shared::chunk::Live;
use crate::shared::layout::{Kind, Shape};
use crate::shared::raw::LocalRef;
use crate::shared::registry::Inner;
use crate::shared::snapshot::HistogramSnapshot;

/// A count of what threads do: jobs, bytes, requests.
///
/// The total is the sum over all threads that ever wrote. It never decreases, except that it wraps
/// around.
///
/// This is the type of a `#[state(shared)]` field; see [`SharedField`](crate::shared::SharedField).
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
///     Server::BY_STATUS.at(2).increment();
///     assert_eq!(Server::BYTES.total(), 100);
///     assert_eq!(Server::BY_STATUS.total(), [0, 0, 2]);
/// }
/// ```
pub enum Counter {}

/// A count that goes up and down: requests in flight, bytes in use.
///
/// The total is the sum over all threads that ever wrote. One thread may count up what another counts
/// down. The total wraps around.
///
/// This is the type of a `#[state(shared)]` field; see [`SharedField`](crate::shared::SharedField).
///
/// # Examples
///
/// ```
/// use tls_core::{shared::UpDown, thread_local_state};
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
///     assert_eq!(Queue::WAITING.get(), 3); // this thread's share
/// }
/// ```
pub enum UpDown {}

/// What a thread has at the moment: the depth of its queue, the size of its cache.
///
/// The total is the sum over live threads. An exited thread no longer counts. A thread has exited when
/// its destructors have run: `join` waits for that, the end of a [`thread::scope`](std::thread::scope)
/// does not.
///
/// This is the type of a `#[state(shared)]` field; see [`SharedField`](crate::shared::SharedField).
///
/// # Examples
///
/// ```
/// use tls_core::{shared::Gauge, thread_local_state};
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
pub enum Gauge {}

/// The greatest value that a thread has recorded.
///
/// The total is the maximum over all threads that ever wrote, or zero if none did.
///
/// This is the type of a `#[state(shared)]` field; see [`SharedField`](crate::shared::SharedField).
///
/// # Examples
///
/// ```
/// use tls_core::{shared::Peak, thread_local_state};
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
pub enum Peak {}

/// The distribution of what threads measure: latencies, sizes.
///
/// The total is a [`HistogramSnapshot`], which has an example.
///
/// A thread allocates 29.5 KiB when it records its first value. Recording changes two words. This is the
/// type of a `#[state(shared)]` field; see [`SharedField`](crate::shared::SharedField).
pub enum Histogram {}

/// A value of any type in every thread, to be collected.
///
/// [`take_parts`](crate::shared::SharedField::take_parts) moves the parts of all threads out. The parts
/// of exited threads are kept until then. [`fold_parts`](crate::shared::SharedField::fold_parts) reads
/// the parts. Neither waits for a thread. A thread creates its part with `T::default()` on the first use,
/// and again on the first use after the part was taken.
///
/// This is the type of a `#[state(shared)]` field; see [`SharedField`](crate::shared::SharedField).
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use tls_core::{shared::Part, thread_local_state};
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
// The bounds on `T` stand on `Shareable`'s implementation only, so that a mistake is one error.
pub struct Part<T>(Infallible, PhantomData<fn(T) -> T>);

/// A type that a `#[state(shared)]` field may have: [`Counter`], [`UpDown`], [`Gauge`], [`Peak`],
/// [`Histogram`], [`Part`], and arrays of these.
///
/// # Safety
///
/// Only this crate may implement this trait. A field of the type has `__CELLS` cells of the kind
/// `__KIND`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a shared field",
    label = "not a type of shared fields",
    note = "for numbers, use `Counter`, `UpDown`, `Gauge`, `Peak` or `Histogram` of `tls_core::shared`, \
            or an array of one of them, such as `[Counter; 4]`",
    note = "for other data that is collected now and then, use `Part<{Self}>`, if `{Self}` is `Send` \
            and `Default`",
    note = "if only its own thread needs it, remove `shared`"
)]
pub unsafe trait Shareable: Sized + 'static {
    /// The type of the total, and of a single thread's share of it. A [`Part`] has no total.
    type Value;

    #[doc(hidden)]
    const __KIND: Kind;

    #[doc(hidden)]
    const __CELLS: usize = 1;

    #[doc(hidden)]
    const __IS_ARRAY: bool = false;

    /// The shape that the expansion of the attribute reads.
    #[doc(hidden)]
    const __SHAPE: Shape<Self> = Shape::new(Self::__KIND, Self::__CELLS, Self::__IS_ARRAY);
}

/// A type of shared field that has a total.
///
/// The total is the sum over all threads that ever wrote. For a [`Gauge`] it is the sum over live
/// threads, for a [`Peak`] the maximum, and for an array it is an array of the totals of its elements.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be totaled or copied out",
    label = "a `{Self}` is not a number",
    note = "use `take_parts` to collect the values of all threads, and `with_mut` for this thread's"
)]
pub trait Totaled: Shareable {
    /// Returns the total of no threads, with room for what is added.
    #[doc(hidden)]
    fn __empty() -> Self::Value;

    /// Adds the total to `value`, which is empty.
    #[doc(hidden)]
    fn __total(inner: &Inner, cell: usize, rest: usize, value: &mut Self::Value);

    /// Adds what exited threads have left to `value`, which is empty.
    #[doc(hidden)]
    fn __exited(inner: &Inner, rest: usize, value: &mut Self::Value);

    #[doc(hidden)]
    fn __part(thread: Live<'_>, cell: usize, value: &mut Self::Value);

    /// Returns this thread's share.
    ///
    /// # Safety
    ///
    /// The local has cells of this type from number `cell` on.
    #[doc(hidden)]
    unsafe fn __own(local: LocalRef, cell: usize) -> Self::Value;
}

/// A type of shared field whose total can be taken: what was added since the total was last taken.
#[diagnostic::on_unimplemented(
    message = "the total of a `{Self}` cannot be taken",
    label = "only the totals of `Counter` and `Histogram` can be taken",
    note = "for a `Part`, use `take_parts`; for the other types, use `total`, which leaves the total as it is"
)]
pub trait Takeable: Totaled {
    /// Adds what has not been taken yet to `value`, and marks it as taken.
    #[doc(hidden)]
    fn __take(inner: &mut Inner, cell: usize, rest: usize, value: &mut Self::Value);
}

// SAFETY: an array has the cells of its elements.
#[diagnostic::do_not_recommend]
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {
    type Value = [T::Value; N];

    const __KIND: Kind = T::__KIND;
    const __CELLS: usize = T::__CELLS * N;
    const __IS_ARRAY: bool = true;
}

/// Returns where the cells and the rests of each element of an array begin.
fn elements<T: Shareable>(cell: usize, rest: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..).map(move |index| {
        let cells = index * T::__CELLS;
        (cell + cells, rest + cells * T::__KIND.rests())
    })
}

#[diagnostic::do_not_recommend]
impl<T: Totaled, const N: usize> Totaled for [T; N] {
    fn __empty() -> Self::Value {
        std::array::from_fn(|_| T::__empty())
    }

    fn __total(inner: &Inner, cell: usize, rest: usize, value: &mut Self::Value) {
        for (value, (cell, rest)) in value.iter_mut().zip(elements::<T>(cell, rest)) {
            T::__total(inner, cell, rest, value);
        }
    }

    fn __exited(inner: &Inner, rest: usize, value: &mut Self::Value) {
        for (value, (_, rest)) in value.iter_mut().zip(elements::<T>(0, rest)) {
            T::__exited(inner, rest, value);
        }
    }

    fn __part(thread: Live<'_>, cell: usize, value: &mut Self::Value) {
        for (value, (cell, _)) in value.iter_mut().zip(elements::<T>(cell, 0)) {
            T::__part(thread, cell, value);
        }
    }

    unsafe fn __own(local: LocalRef, cell: usize) -> Self::Value {
        std::array::from_fn(|index| {
            // SAFETY: the caller guarantees that the array's cells are there (`# Safety`), and this
            // element's are among them.
            unsafe { T::__own(local, cell + index * T::__CELLS) }
        })
    }
}

#[diagnostic::do_not_recommend]
impl<T: Takeable, const N: usize> Takeable for [T; N] {
    fn __take(inner: &mut Inner, cell: usize, rest: usize, value: &mut Self::Value) {
        for (value, (cell, rest)) in value.iter_mut().zip(elements::<T>(cell, rest)) {
            T::__take(inner, cell, rest, value);
        }
    }
}

/// The implementation that all types except arrays and parts have in common.
macro_rules! shareable {
    ($($name:ident: $value:ty),*) => {$(
        // SAFETY: a field of the type has one cell, of this kind.
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

// SAFETY: a field of the type has one cell, of this kind.
unsafe impl<T: Send + Default + 'static> Shareable for Part<T> {
    type Value = Infallible;

    const __KIND: Kind = Kind::Part;
}

/// Returns the number that the bits of a cell represent.
#[expect(clippy::cast_possible_wrap, reason = "the same bits")]
const fn signed(bits: u64) -> i64 {
    bits as i64
}

/// Returns the bits that represent a number in a cell.
#[expect(clippy::cast_sign_loss, reason = "the same bits")]
pub(crate) const fn unsigned(number: i64) -> u64 {
    number as u64
}

/// Types whose cell holds their value.
macro_rules! scalar {
    ($name:ident, $value:ident, $total:path, $exited:path) => {
        #[diagnostic::do_not_recommend]
        impl Totaled for $name {
            fn __empty() -> $value {
                0
            }

            fn __total(inner: &Inner, cell: usize, rest: usize, value: &mut $value) {
                *value = scalar!(@from $value, $total(inner, cell, rest));
            }

            fn __exited(inner: &Inner, rest: usize, value: &mut $value) {
                *value = scalar!(@from $value, $exited(inner, rest));
            }

            fn __part(thread: Live<'_>, cell: usize, value: &mut $value) {
                *value = scalar!(@from $value, thread.load(cell));
            }

            unsafe fn __own(local: LocalRef, cell: usize) -> $value {
                // SAFETY: the caller guarantees that the local has a cell of this number (`# Safety`).
                let raw = unsafe { local.raw(cell) };
                // SAFETY: the caller guarantees that the cell is of this type (`# Safety`).
                let value = unsafe { raw.load() };
                scalar!(@from $value, value)
            }
        }

    };
    (@from u64, $bits:expr) => { $bits };
    (@from i64, $bits:expr) => { signed($bits) };
}

scalar!(Counter, u64, Inner::sum, Inner::exited);
scalar!(UpDown, i64, Inner::sum, Inner::exited);
scalar!(Gauge, i64, Inner::sum_live, Inner::nothing);
scalar!(Peak, u64, Inner::greatest, Inner::exited);

#[diagnostic::do_not_recommend]
impl Takeable for Counter {
    fn __take(inner: &mut Inner, cell: usize, rest: usize, value: &mut u64) {
        let total = inner.sum(cell, rest);
        *value = inner.take(rest, total);
    }
}

#[diagnostic::do_not_recommend]
impl Totaled for Histogram {
    fn __empty() -> HistogramSnapshot {
        HistogramSnapshot::default()
    }

    fn __total(inner: &Inner, cell: usize, rest: usize, value: &mut HistogramSnapshot) {
        inner.add_histogram(cell, rest, value);
    }

    fn __exited(inner: &Inner, rest: usize, value: &mut HistogramSnapshot) {
        inner.add_exited_histogram(rest, value);
    }

    fn __part(thread: Live<'_>, cell: usize, value: &mut HistogramSnapshot) {
        thread.add_histogram(cell, value);
    }

    unsafe fn __own(local: LocalRef, cell: usize) -> HistogramSnapshot {
        // SAFETY: the caller guarantees that the local has a cell of this number (`# Safety`).
        let raw = unsafe { local.raw(cell) };
        // SAFETY: the caller guarantees that the cell is a histogram's (`# Safety`).
        unsafe { raw.snapshot() }
    }
}

#[diagnostic::do_not_recommend]
impl Takeable for Histogram {
    fn __take(inner: &mut Inner, cell: usize, rest: usize, value: &mut HistogramSnapshot) {
        inner.add_histogram(cell, rest, value);
        value.for_each_word(|index, total| inner.take(rest + index, total));
    }
}
