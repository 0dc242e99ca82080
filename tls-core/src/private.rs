//! What the expansion of `#[thread_local_state]` uses. No part of the public interface.

pub use std;

pub use crate::diagnose::{
    CrossesThreads, DefaultField, DefaultFieldUnlessShared, HasError,
    MadeOncePerThreadSoUseWithState, MadeWithoutValues, SecondOne,
};
pub use tls_macros::{SharedFieldsExpand, ThreadLocalStateExpand, seal, shared_of};

pub use crate::fork::{Keep, Reset};
pub use crate::shared::field::{HasSharedFields, live_threads};
pub use crate::shared::layout::{SharedMeta, Sharing, cells_of, laid_out, words_of};
pub use crate::shared::local::Local;
pub use crate::shared::registry::{Registry, Rest};
use crate::state::access;
use crate::state::contract::ThreadLocalState;
pub use crate::state::fill::{Filling, Place};
use crate::state::lifetime;
use crate::state::slot::Target;
pub use crate::state::slot::{
    Constant, ConstantStorage, ConstantValue, Info, Select, Selected, Slot, Storage, on_heap,
};

/// See [`ThreadLocalState::try_with_state`]; as a plain accessor.
#[inline]
#[track_caller]
pub fn with_state<S: ThreadLocalState, R, F: FnOnce(&S) -> R>(f: F) -> S::Output<R> {
    access::with::<S, S, R, F>(Target::WHOLE, f)
}

/// See [`ThreadLocalState::try_with_state_mut`]; as a plain accessor.
#[inline]
#[track_caller]
pub fn with_state_mut<S: ThreadLocalState, R, F: FnOnce(&mut S) -> R>(f: F) -> S::Output<R> {
    access::with_mut::<S, S, R, F>(Target::WHOLE, f)
}

/// Makes the state, as a plain accessor.
#[inline]
#[track_caller]
pub fn init_state<S: ThreadLocalState>() -> S::Output<()> {
    S::__output(access::init::<S>())
}

/// Makes the state from given values.
///
/// # Safety
///
/// `init` keeps to the contract of [`ThreadLocalState::__init`].
pub unsafe fn init_state_with<S: ThreadLocalState, V>(
    values: V,
    init: fn(Place<S>, V) -> Result<(), S::Error>,
) -> S::Output<Result<(), V>> {
    // SAFETY: passed on.
    unsafe { lifetime::init_with::<S, V>(values, init) }
}

/// Runs a function with this thread's value set aside.
#[track_caller]
pub fn with_fresh_state<S: ThreadLocalState, R, F: FnOnce() -> R>(f: F) -> R {
    lifetime::with_fresh::<S, R, F>(f)
}

/// One error type for an initializer and a function that may fail.
///
/// # Errors
///
/// Either's error.
#[inline]
pub fn flatten<R, E, F: From<E>>(result: Result<Result<R, F>, E>) -> Result<R, F> {
    result?
}

/// What the function of `init = PATH` returns.
#[diagnostic::on_unimplemented(
    message = "the function of `init = PATH` returns `{Self}`; it should return `{V}`",
    label = "returns `{Self}`",
    note = "the fields without an initializer of their own are in `{V}`: \
            `fn make() -> {V} {{ {V} {{ … }} }}`",
    note = "for a function that can fail, write `error = TYPE` beside `init = PATH` and return \
            `Result<{V}, TYPE>`"
)]
pub trait Made<V> {
    /// The values.
    fn made(self) -> V;
}

#[diagnostic::do_not_recommend]
impl<V> Made<V> for V {
    fn made(self) -> V {
        self
    }
}

/// What the function of `init = PATH` returns where there is `error = E`.
#[diagnostic::on_unimplemented(
    message = "the function of `init = PATH` returns `{Self}`; it should return \
               `Result<{V}, {E}>` or `{V}`",
    label = "returns `{Self}`",
    note = "the fields without an initializer of their own are in `{V}`, and `{E}` is the type \
            given as `error = {E}`"
)]
pub trait MadeOrFailed<V, E> {
    /// The values, or why there are none.
    ///
    /// # Errors
    ///
    /// The function's.
    fn into_result(self) -> Result<V, E>;
}

#[diagnostic::do_not_recommend]
impl<V, E> MadeOrFailed<V, E> for V {
    fn into_result(self) -> Result<V, E> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<V, E> MadeOrFailed<V, E> for Result<V, E> {
    fn into_result(self) -> Self {
        self
    }
}

/// Fails, with this message, if a declaration stands in a function: the expansion finds level 0.
///
/// # Panics
///
/// Then.
#[track_caller]
pub const fn assert_at_module_level(level: usize, message: &str) {
    assert!(level != 0, "{}", message);
}

/// Stands in generated code that never runs.
///
/// # Panics
///
/// If it does.
#[cold]
#[must_use]
pub const fn stub<T>() -> T {
    panic!("code that stands for a compile error has run")
}

/// Finds out how an error type leads to a [`std::error::Error`], if it does: the expansion knows
/// the type, and method lookup picks the first trait of these that fits. The method's name is
/// one that no trait of the user's has.
pub mod source {
    use std::error::Error;

    type Source<'a> = Option<&'a (dyn Error + 'static)>;

    /// The error.
    pub struct Of<'a, E>(pub &'a E);

    /// An error.
    pub trait Typed<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: Error + 'static> Typed<'a> for &&&Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0)
        }
    }

    /// A container such as `anyhow::Error` or `Box<dyn Error + Send + Sync>`.
    pub trait SendSync<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: AsRef<dyn Error + Send + Sync + 'static>> SendSync<'a> for &&Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0.as_ref())
        }
    }

    /// A container such as `Box<dyn Error>`.
    pub trait Plain<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E: AsRef<dyn Error + 'static>> Plain<'a> for &Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            Some(self.0.as_ref())
        }
    }

    /// Anything else, a string for instance.
    pub trait Opaque<'a> {
        /// The source.
        fn __tls_source(&self) -> Source<'a>;
    }

    impl<'a, E> Opaque<'a> for Of<'a, E> {
        fn __tls_source(&self) -> Source<'a> {
            None
        }
    }
}
