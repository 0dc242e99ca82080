//! The macros that borrow without a closure. `state::lend` has the functions that they expand to.

/// Borrows this thread's value, or a field of it, until the end of the block.
///
/// `borrow!(HANDLE)` returns a shared reference. The handle is that of a state, `Worker::state()`, or of
/// a field, `Worker::JOBS`. The value is initialized first if there is none. The checks, panics and costs
/// are those of [`State::with`](crate::State::with) and [`Field::with`](crate::Field::with). Because
/// there is no closure, `?`, `return` and `break` work. For an exclusive reference use
/// [`borrow_mut!`](crate::borrow_mut).
///
/// `borrow!(try HANDLE)` is for states with `error = TYPE`: it returns an initializer's error from the
/// enclosing function, as `?` does. Without `try`, an initializer's error is a panic. Every other refusal
/// is a panic in both forms.
///
/// # How long
///
/// In a `let`, the borrow lasts until the end of the block, whether the reference is used or not.
/// Elsewhere it lasts until the end of the statement. In the scrutinee of a `match` or an `if let`, that
/// is the end of the whole `match` or `if let`. To end a borrow sooner, put the `let` into a block of its
/// own. (If the macro is the block's value, the borrow lasts as long as what the block is assigned to.)
/// The macro creates no guard that can be named, so the reference cannot leave the block, and
/// `let _ = borrow!(…)` does not end the borrow.
///
/// A future that holds a borrow across an `.await` is not `Send`. Where such a future compiles, the other
/// code that runs on the thread meanwhile finds the state borrowed. If the future is forgotten, the
/// borrow never ends.
///
/// # Panics
///
/// See [`State`](crate::State) and [`Field`](crate::Field).
///
/// # Examples
///
/// ```
/// use std::num::ParseIntError;
///
/// use tls_core::{borrow, thread_local_state};
///
/// #[thread_local_state(error = ParseIntError)]
/// struct Limits {
///     #[state(init = "16".parse()?)]
///     depth: u32,
///     #[state(init = "80".parse()?)]
///     width: u32,
/// }
///
/// fn area() -> Result<u32, ParseIntError> {
///     let limits = borrow!(try Limits::state());
///     let scale: u32 = "2".parse()?; // the same function's `?`
///     Ok(limits.depth * limits.width * scale)
/// }
///
/// fn main() {
///     assert_eq!(area(), Ok(2560));
///     // To the end of the statement:
///     assert_eq!(*borrow!(Limits::DEPTH), 16);
/// }
/// ```
#[macro_export]
macro_rules! borrow {
    (try $handle:expr $(,)?) => {
        // SAFETY: the `Lent` is a temporary of this expression, as `Permit`'s invariant requires.
        &*$crate::__private_0_1_0::try_lend($handle, unsafe {
            $crate::__private_0_1_0::Permit::new()
        })?
    };
    ($handle:expr $(,)?) => {
        // SAFETY: the `Lent` is a temporary of this expression, as `Permit`'s invariant requires.
        &*$crate::__private_0_1_0::lend($handle, unsafe { $crate::__private_0_1_0::Permit::new() })
    };
}

/// Borrows this thread's value, or a field of it, exclusively until the end of the block.
///
/// Like [`borrow!`](crate::borrow), with an exclusive reference. The checks, panics and costs are those
/// of [`State::with_mut`](crate::State::with_mut) and [`Field::with_mut`](crate::Field::with_mut).
///
/// # Panics
///
/// See [`State`](crate::State) and [`Field`](crate::Field).
///
/// # Examples
///
/// ```
/// use tls_core::{borrow_mut, thread_local_state};
///
/// #[thread_local_state]
/// struct Worker {
///     scratch: Vec<u8>,
///     jobs: u64,
/// }
///
/// fn work(job: &[u8]) -> Option<u8> {
///     let worker = borrow_mut!(Worker::state());
///     worker.jobs += 1;
///     worker.scratch.clear();
///     worker.scratch.extend(job);
///     let last = worker.scratch.last()?;
///     Some(*last)
/// }
///
/// fn main() {
///     assert_eq!(work(b"abc"), Some(b'c'));
///     assert_eq!(work(b""), None);
///     *borrow_mut!(Worker::JOBS) += 1;
///     assert_eq!(Worker::JOBS.get(), 3);
/// }
/// ```
#[macro_export]
macro_rules! borrow_mut {
    (try $handle:expr $(,)?) => {
        // SAFETY: the `Lent` is a temporary of this expression, as `Permit`'s invariant requires.
        &mut *$crate::__private_0_1_0::try_lend_mut($handle, unsafe {
            $crate::__private_0_1_0::Permit::new()
        })?
    };
    ($handle:expr $(,)?) => {
        // SAFETY: the `Lent` is a temporary of this expression, as `Permit`'s invariant requires.
        &mut *$crate::__private_0_1_0::lend_mut($handle, unsafe {
            $crate::__private_0_1_0::Permit::new()
        })
    };
}
